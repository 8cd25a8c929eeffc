"""One writer per capture: an advisory lock that the kernel releases when its holder dies, so no stale lock remains.

The file names pid and host for people; only the lock counts. Readers may ask, they never hold it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
import time
from pathlib import Path

from omptool.capture.format import LOCK_FILE
from omptool.errors import Busy, OutputFailed

_PATIENCE_S = 0.3
"""A reader that asks whether the lock is held has it for a moment; a writer waits that out."""


_CAREFUL = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Whatever lies there in place of the lock: follow no link, wait for nobody at the other end of a pipe."""


class Lock:
    """The held lock of a capture folder.

    Raises:
        Busy: another process writes or recovers this capture.
        OutputFailed: the lock file cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_FILE
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | _CAREFUL, 0o644)
        except OSError as error:
            raise OutputFailed(f"{path}: {error.strerror}") from None
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            os.close(self._fd)
            raise OutputFailed(f"{path} is no regular file", "remove it, or write to another folder")
        deadline = time.monotonic() + _PATIENCE_S
        while not _try_lock(self._fd, shared=False):
            if time.monotonic() > deadline:
                holder = _text(self._fd)
                os.close(self._fd)
                raise Busy(f"{folder} is being written{holder}", "wait until it ends, or write to another folder")
            time.sleep(0.02)
        self._note(f"pid {os.getpid()} on {socket.gethostname()}\n".encode())

    def _note(self, text: bytes) -> None:
        with contextlib.suppress(OSError):  # a full disk must not keep anybody from locking
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, text, 0) if hasattr(os, "pwrite") else os.write(self._fd, text)

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def is_held(folder: Path) -> bool:
    """Whether a writer is at work right now; writes nothing."""
    try:
        fd = os.open(folder / LOCK_FILE, os.O_RDONLY | _CAREFUL)
    except OSError:
        return False
    try:
        return not _try_lock(fd, shared=True)
    finally:
        os.close(fd)


def _text(fd: int) -> str:
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        holder = os.read(fd, 200).decode(errors="replace").strip()
    except OSError:
        return ""
    return f" by {holder}" if holder else ""


if sys.platform == "win32":

    def _try_lock(fd: int, *, shared: bool) -> bool:
        import msvcrt

        try:
            os.lseek(fd, 1 << 30, os.SEEK_SET)  # beyond the text, which stays readable
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
            if shared:
                msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)
        except OSError:
            return False
        return True

else:

    def _try_lock(fd: int, *, shared: bool) -> bool:
        import fcntl

        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
