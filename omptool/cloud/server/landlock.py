"""Linux's Landlock: a process gives up its right to files and network for good, without being root.

The kernel's numbers and structures are those of `linux/landlock.h`. The one package for it on PyPI is a pre-release of
years ago that knows the first version only, so these few calls are made here. Whoever calls `restrict` must not have
started threads: the rules bind the calling thread and what it starts later.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION_FLAG = 1
_BENEATH = 1
_NO_NEW_PRIVILEGES = 38
_MACHINES = frozenset({"x86_64", "aarch64", "riscv64", "ppc64le", "s390x"})
"""Where the system calls have these numbers."""

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_FILE = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_FIRST = (1 << 13) - 1
"""Rights of the first version: execute, write, read, list, remove and make of every kind."""

_LATER = {2: _REFER, 3: _TRUNCATE, 5: 1 << 15}
"""Version → right that it added."""

_READ = _READ_FILE | _READ_DIR
_WRITE = _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_FILE | _REFER | _TRUNCATE
_OF_FILES = _WRITE_FILE | _READ_FILE | _TRUNCATE
_TCP = 0b11
_SIGNALS_AND_SOCKETS = 0b11
NETWORK_VERSION, SCOPE_VERSION = 4, 6


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scope", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """The kernel's version of Landlock; 0 where there is none, or it is switched off."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        return 0
    found: int = _libc().syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION_FLAG)
    return max(found, 0)


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Leave this process the given files and folders with all below them; nothing is executed, no TCP is spoken.

    Paths that do not exist are left out. Needs `version() > 0`.

    Raises:
        OSError: the kernel refuses.
    """
    abi = version()
    files = _FIRST | sum(right for since, right in _LATER.items() if abi >= since)
    rules = _Ruleset(files, _TCP if abi >= NETWORK_VERSION else 0, _SIGNALS_AND_SOCKETS if abi >= SCOPE_VERSION else 0)
    size = 24 if abi >= SCOPE_VERSION else 16 if abi >= NETWORK_VERSION else 8
    ruleset = _call(_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    try:
        for paths, access in ((readable, _READ), (writable, _WRITE)):
            for path in paths:
                _allow(ruleset, path, access & files)
        if _libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        _call(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, access: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        parent = os.open(path, getattr(os, "O_PATH", 0) | getattr(os, "O_CLOEXEC", 0))
        try:
            rule = _Beneath(access if path.is_dir() else access & _OF_FILES, parent)
            _call(_ADD, ruleset, _BENEATH, ctypes.byref(rule), 0)
        finally:
            os.close(parent)


def _call(number: int, *arguments: object) -> int:
    found: int = _libc().syscall(number, *arguments)
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
