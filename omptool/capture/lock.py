"""One writer per capture: an advisory lock that the kernel releases when its holder dies, so no stale lock remains.

The file names pid and host for people; only the lock counts. Readers may ask, they never hold it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

from omptool.capture.format import LOCK_FILE
from omptool.errors import Busy, OutputFailed

_PATIENCE_S = 0.3
"""A reader that asks whether the lock is held has it for a moment; a writer waits that out."""

_TAKEN = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK})
"""What a system says of a lock that somebody else has."""

_CAREFUL = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Whatever lies there in place of the lock: follow no link, wait for nobody at the other end of a pipe."""


class Lock:
    """The held lock of a capture folder.

    Raises:
        Busy: another process writes or recovers this capture.
        OutputFailed: the lock file cannot be opened, or locked.
    """

    def __init__(self, folder: Path) -> None:
        self._fd = _held(folder / LOCK_FILE, lambda holder: _busy(folder, holder))

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class FileLock(Lock):
    """The held lock on a file that a user named, so that a command runs once at a time.

    What the file holds is left alone unless an omptool wrote it. It stays when it is released: whoever deletes a lock
    file lets two in.

    Raises:
        Busy: another process holds it.
        OutputFailed: it cannot be opened, or locked.
    """

    def __init__(self, path: Path) -> None:
        busy = "wait until it ends, and run it again"
        hint = "name a file in a folder that is there, and that you may write to"
        self._fd = _held(path, lambda holder: Busy(f"{path} is locked{holder}", busy), hint)


def _held(path: Path, busy: Callable[[str], Busy], hint: str = "choose a folder that you may write to") -> int:
    """The descriptor that holds the lock on `path`; `hint` where there can be no such file."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | _CAREFUL, 0o644)
    except OSError as error:
        raise OutputFailed(f"cannot lock {path}: {(error.strerror or str(error)).lower()}", hint) from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OutputFailed(f"{path} is no regular file", "remove it, or write to another folder")
        deadline = time.monotonic() + _PATIENCE_S
        while not _try_lock(fd, shared=False):
            if time.monotonic() > deadline:
                raise busy(_text(fd))
            time.sleep(0.02)
    except BaseException as error:
        os.close(fd)
        if isinstance(error, OSError):
            raise OutputFailed(f"{path} cannot be locked: {error.strerror}", "choose a place on a local disk") from None
        raise
    _note(fd, f"pid {os.getpid()} on {socket.gethostname()}\n".encode())
    return fd


def _note(fd: int, text: bytes) -> None:
    """Say for people who holds it, in a file that is empty or said so before."""
    with contextlib.suppress(OSError):  # a full disk must not keep anybody from locking
        if os.read(fd, 4) in (b"", b"pid "):
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
            os.write(fd, text)


def is_held(folder: Path) -> bool:
    """Whether a writer is at work right now; writes nothing."""
    try:
        fd = os.open(folder / LOCK_FILE, os.O_RDONLY | _CAREFUL)
    except OSError:
        return False
    try:
        return not _try_lock(fd, shared=True)
    except OSError:
        return False  # no locks here: nobody can have one
    finally:
        os.close(fd)


def refuse_if_held(folder: Path) -> None:
    """Say early what taking the lock would say late; writes nothing.

    Raises:
        Busy: another process writes or recovers this capture.
    """
    if is_held(folder):
        fd = os.open(folder / LOCK_FILE, os.O_RDONLY | _CAREFUL)
        try:
            raise _busy(folder, _text(fd))
        finally:
            os.close(fd)


def _busy(folder: Path, holder: str) -> Busy:
    return Busy(f"{folder} is being written{holder}", "wait until it ends, or write to another folder")


def _text(fd: int) -> str:
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        holder = os.read(fd, 200).decode(errors="replace").strip()
    except OSError:
        return ""
    return f" by {holder}" if holder.startswith("pid ") else ""


if sys.platform == "win32":

    def _try_lock(fd: int, *, shared: bool) -> bool:
        import msvcrt

        try:
            os.lseek(fd, 1 << 30, os.SEEK_SET)  # beyond the text, which stays readable
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
            if shared:
                msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            return False
        return True

else:

    def _try_lock(fd: int, *, shared: bool) -> bool:
        import fcntl

        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            return False
        return True
