"""A disk that takes its time: syncs of one capture do not return, those of others do."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

_STALLED: set[Path] = set()


@contextlib.contextmanager
def stalled(folder: Path) -> Iterator[None]:
    """Nothing that is written to this folder is safe before the block ends."""
    _STALLED.add(folder)
    try:
        yield
    finally:
        _STALLED.discard(folder)


@contextlib.contextmanager
def slow_syncs() -> Iterator[None]:
    """Let `stalled` have its effect in this process."""
    sync = os.fdatasync

    def slow(fd: int) -> None:
        while _is_stalled(os.fstat(fd)):
            time.sleep(0.02)
        sync(fd)

    os.fdatasync = slow  # what the writer syncs segments with
    try:
        yield
    finally:
        os.fdatasync = sync


def _is_stalled(file: os.stat_result) -> bool:
    return any(os.path.samestat(file, each.stat()) for folder in list(_STALLED) for each in folder.glob("*.arrows"))
