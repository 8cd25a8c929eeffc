"""Files on this machine, written so that a crash leaves either the old state or the new one.

A file gets its name only after its bytes are on the disk; the folder is synced after the name. Nothing here knows what
the bytes mean, and nothing here deletes what it did not write.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from omptool.errors import Busy, DiskFull, OutputExists, OutputFailed

_ELSEWHERE = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:|[\0\\]")
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SAFE_SO_FAR = "what was written before is intact; free some space and run the same command again"


@contextlib.contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn what the operating system refuses while `target` is written into an error a person can act on.

    Raises:
        DiskFull: no space, or a quota or file-size limit was reached.
        OutputFailed: permission, read-only or missing folder, name too long.
    """
    try:
        yield
    except OSError as error:
        if is_no_space(error):
            raise DiskFull(f"no space left while writing {target}", _SAFE_SO_FAR) from error
        raise OutputFailed(
            f"cannot write {target}: {_reason(error)}", "choose a place that exists and that you may write to"
        ) from error


def is_no_space(error: BaseException) -> bool:
    """Whether a write failed for want of space; libraries in C++ and Rust say so in the text only."""
    if getattr(error, "errno", None) is not None:
        return getattr(error, "errno", None) in _NO_SPACE
    text = str(error)
    return any(f"errno {code}]" in text or os.strerror(code) in text for code in _NO_SPACE)


def _reason(error: OSError) -> str:
    return error.strerror.lower() if error.strerror else str(error).splitlines()[0]


def sync_file(path: Path) -> None:
    """Force the bytes of a closed file to the disk."""
    handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def checksum(path: Path) -> int:
    """The CRC-32 of a file's bytes."""
    found = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            found = zlib.crc32(piece, found)
    return found


def sync_folder(path: Path) -> None:
    """Force the names in a folder to the disk, where the platform can (Windows cannot open folders)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish(temporary: Path, target: Path) -> None:
    """Give a finished file its name, replacing what is there; durable when this returns."""
    sync_file(temporary)
    make_folder(target.parent)
    temporary.replace(target)
    sync_folder(target.parent)


def make_folder(path: Path) -> None:
    """Create a folder and its parents, durably."""
    if path.is_dir():
        return
    make_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir()
    sync_folder(path.parent)


def write_atomic(target: Path, data: bytes) -> None:
    """Replace the content of `target` by `data`: a reader sees the old or the new bytes, never a part."""
    temporary = temporary_beside(target)
    try:
        make_folder(target.parent)
        temporary.write_bytes(data)
        publish(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def create(target: Path, data: bytes) -> None:
    """Write `target` only if the name is free; of two writers at the same time exactly one succeeds.

    Raises:
        OutputExists: the name is taken.
    """
    temporary = temporary_beside(target)
    try:
        make_folder(target.parent)
        temporary.write_bytes(data)
        sync_file(temporary)
        os.link(temporary, target)
        sync_folder(target.parent)
    except FileExistsError:
        raise OutputExists(f"{target} exists") from None
    finally:
        temporary.unlink(missing_ok=True)


def inside(root: Path, name: str) -> Path | None:
    """The file `name` below `root`, for names that somebody else wrote; None when it would lie elsewhere.

    Absolute names, URLs, `..` and links lead elsewhere; `root` itself may be reached by a link.
    """
    if not is_below(name):
        return None
    found = str(root)
    for part in PurePosixPath(name).parts:
        found = os.path.join(found, part)  # noqa: PTH118  a lake may have very many files
        if os.path.islink(found):  # noqa: PTH114
            return None
    return Path(found)


def is_below(name: str) -> bool:
    """Whether a name that somebody else wrote means a file below where it is looked for."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not _ELSEWHERE.search(name)


def temporary_beside(target: Path) -> Path:
    """A free hidden name in the folder of `target`, so that the later rename stays within one file system."""
    return target.with_name(f".{target.name[:80]}.{secrets.token_hex(4)}.tmp")


@contextlib.contextmanager
def lock(path: Path, what: str) -> Iterator[None]:
    """Hold the exclusive lock `path` while the block runs.

    The operating system frees it when the process ends, however it ends, so a killed process leaves no stale lock.

    Raises:
        Busy: another process holds it.
    """
    careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | careful, 0o644)
    try:
        if not _try_lock(handle):
            raise Busy(
                f"{what} is in use by another omptool", "wait until it has finished, then run the same command again"
            )
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:
        return _try_lock_windows(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return False
        if error.errno in {errno.ENOLCK, errno.EOPNOTSUPP}:
            return True  # a network share without locks; the commit itself still refuses a second writer
        raise
    return True


def _try_lock_windows(handle: int) -> bool:
    import importlib

    msvcrt = importlib.import_module("msvcrt")
    try:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
