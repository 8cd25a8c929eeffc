"""`--lock FILE`: a command in cron that takes longer than planned must not meet itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(file: Path | None) -> Iterator[None]:
    """Hold the lock until the block ends; the system releases it when the process dies, however that comes about.

    Raises:
        Busy: another process holds it.
    """
    if file is None:
        yield
        return
    from omptool.capture.lock import FileLock

    lock = FileLock(file)
    try:
        yield
    finally:
        lock.release()
