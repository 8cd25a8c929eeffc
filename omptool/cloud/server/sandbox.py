"""What a worker gives up before it reads its first statement: files, network, programs, its parent's lifetime.

The outer wall, made by the operating system: it holds when a statement finds a hole in the gate and in the engine. What
a platform cannot give is named, never passed over.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import omptool
from omptool.cloud.server import landlock

HEADROOM = 1024**3
"""Bytes beside DuckDB's own memory: Python, libraries, the result on its way, stacks of threads."""

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")
_SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/usr/share/zoneinfo",
    "/etc/localtime", "/dev/null", "/dev/urandom", "/proc/self/cgroup", "/proc/meminfo", "/sys/fs/cgroup",
    "/proc/sys/vm/overcommit_memory", "/sys/kernel/mm/transparent_hugepage",
)  # fmt: skip
"""What libraries read: themselves, time zones, processors and memory of this container.

DuckDB 2.0 aborts when it may not read the control groups, and its allocator gets round the limit on memory when it may
not read how the kernel grants it.
"""

_DEATH_SIGNAL = 1


def size(text: str) -> int | None:
    """Bytes of a size such as `2GiB` or `512MB`; None for what is none, such as a share."""
    match = _SIZE.fullmatch(text)
    unit = _UNITS.get(match[2].upper()) if match else None
    return None if match is None or unit is None else int(float(match[1]) * unit)


def enter(lake: Path, folder: Path, *, memory: str, temporary: str) -> tuple[str, ...]:
    """Give up everything but reading the lake and writing into `folder`; cannot be undone.

    To be called before any thread is started.

    Args:
        folder: the worker's own, for rows that do not fit into memory.
        memory, temporary: sizes; the limits of the process are set from them.

    Returns:
        What this platform does not give, as sentences for the operator.
    """
    lacks = [*_limit(memory, temporary), *_follow_parent()]
    abi = landlock.version()
    if not abi:
        lacks.append(
            "no Landlock here: against statements that write or read other files there are the gate and the engine's "
            "settings, not the operating system; give the server a read-only mount of the lake"
        )
        return tuple(lacks)
    landlock.restrict((lake, *_readable()), (folder,))
    if abi < landlock.NETWORK_VERSION:
        lacks.append("Landlock of this kernel does not know the network; only the engine's settings keep it closed")
    return tuple(lacks)


def _limit(memory: str, temporary: str) -> Iterable[str]:
    """Limits of the process; the engine's own limits are below them and come first."""
    try:
        import resource
    except ImportError:  # Windows
        return ("no limits on processes here: only the engine's own limits hold",)
    with contextlib.suppress(OSError):
        os.nice(5)  # the server has to answer while statements work
    _set(resource.RLIMIT_CORE, 0)  # a core file would hold other people's rows
    if (spill := size(temporary)) is not None:
        _set(resource.RLIMIT_FSIZE, spill)
    if sys.platform != "linux":
        return ("no limit on the memory of a process here: only the engine's own limit holds",)
    if (own := size(memory)) is not None:
        _set(resource.RLIMIT_DATA, own + HEADROOM)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")  # short of memory, a statement dies, no server
    return ()


def _set(kind: int, amount: int) -> None:
    import resource

    _, hard = resource.getrlimit(kind)
    amount = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    resource.setrlimit(kind, (amount, amount))


def _follow_parent() -> Iterable[str]:
    """End with the server; besides, a worker ends when its pipe does."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
    return ()


def _readable() -> Iterable[Path]:
    """Python, this package, the libraries below both."""
    yield Path(omptool.__file__).parent
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}:
        yield Path(prefix)
    for entry in sys.path:
        if Path(entry).name in ("site-packages", "dist-packages"):
            yield Path(entry)
    yield from map(Path, _SYSTEM)
