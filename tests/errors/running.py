"""Runs a case: in this process where that is enough, else in one of its own that lacks what the case says."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import resource
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from omptool.capture.lock import Lock
from omptool.lake import layout
from omptool.store import local
from tests.conftest import Result, clean_environment
from tests.errors.case import Case

FULL = 4000
"""Bytes that a file can have where the disk counts as full."""

FEW = 256
"""Files that a process may have open where they are few."""

_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 24, 1, 2


def run(case: Case, typed: str, here: Path, invoke: Callable[..., Result]) -> Result:
    """What comes of the command line `typed` in the folder `here`."""
    words = shlex.split(typed)
    kind, _, what = case.needs.partition(" ")
    if kind in ("", "lock", "without"):
        held = _held(here / what) if kind == "lock" else contextlib.nullcontext()
        with held, pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO(case.stdin))
            if kind == "without":
                patch.setitem(sys.modules, what, None)
            return invoke(*words, cwd=here, env=case.env)
    limits = {"unprivileged": _without_powers, "full": None if what else _full, "few": _few_files}[kind]
    with contextlib.ExitStack() as stack:
        device = stack.enter_context(Path("/dev/full").open("wb")) if what == "stdout" else subprocess.PIPE
        done = subprocess.run(
            [sys.executable, "-m", "omptool", *words],
            stdin=subprocess.DEVNULL,
            stdout=device,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=clean_environment(here.parent, case.env),
            cwd=here,
            preexec_fn=limits,
            timeout=100,
            check=False,
        )
    return Result(done.returncode, done.stdout or "", done.stderr)


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """Somebody writes there."""
    if path.suffix == ".omcap":
        lock = Lock(path)
        try:
            yield
        finally:
            lock.release()
    else:
        with local.lock(path / layout.LOCK, path.name):
            yield


def _full() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, FULL))


def _few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW))


def _without_powers() -> None:
    """root may read and write everything; without two of its capabilities it is like anybody else."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
