"""The secret between a server and its clients: made once, in a file that nobody else may read.

It is never printed, logged or taken from the command line, where other users of the computer could see it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import stat
from pathlib import Path

from omptool.errors import OmptoolError, UsageError
from omptool.store import local

_BYTES = 32
_SPELLING = re.compile(r"[A-Za-z0-9._~+/-]{16,1000}=*")
"""What RFC 6750 lets stand in an Authorization header, and not so short that it can be guessed."""
_MOST = 4096


def read_or_create(path: Path) -> tuple[str, bool]:
    """The token of a file, and whether the file is new.

    Raises:
        UsageError: others may read the file, or it holds no token.
        OutputFailed: the file cannot be made.
    """
    created = False
    if not os.path.lexists(path):
        with local.writing(path), contextlib.suppress(FileExistsError):  # somebody was faster: then theirs counts
            _create(path)
            created = True
    return _read(path), created


def _create(path: Path) -> None:
    """Exclusively, and with its bytes inside before it has its name: nobody ever reads an empty token."""
    for folder in reversed(path.parents):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
    temporary = local.temporary_beside(path)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(handle, "wb") as stream:  # noqa: PTH123  the handle has the mode
            stream.write(f"{secrets.token_urlsafe(_BYTES)}\n".encode())
        local.sync_file(temporary)
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise OmptoolError(f"cannot read the token file {path}: {(error.strerror or str(error)).lower()}") from None
    try:
        facts = os.fstat(handle)  # of the handle, so that what is checked is what is read
        if not stat.S_ISREG(facts.st_mode):
            raise UsageError(f"{path} is no file", "name a file for --token-file; it is made when it is not there")
        if os.name == "posix" and facts.st_mode & 0o077:
            raise UsageError(f"others may read or write the token file {path}", f"chmod 600 {shlex.quote(str(path))}")
        text = os.read(handle, _MOST).decode("ascii", "replace").strip()
    finally:
        os.close(handle)
    if _SPELLING.fullmatch(text):
        return text
    what = "is empty" if not text else "holds no token: at least 16 letters, digits or -._~+/ on one line"
    raise UsageError(
        f"the token file {path} {what}", f"remove it, and the next start makes a new one: rm {shlex.quote(str(path))}"
    )
