"""Files that hold a secret: read only where nobody else can, and never waited for."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from omptool.errors import ConfigError, NotFound, OmptoolError

MOST = 64 << 10
"""Bytes of a secret; a private key has two thousand."""


def read(path: Path, whose: str, hint: str = "", named_by: str = "name a file that only its owner can read") -> bytes:
    """The content of the file `path`, at most `MOST` bytes and one.

    Args:
        whose: what it is, for messages: "the token file of cloud plant".
        hint: what to do when it is not there.
        named_by: what to do when it is no file.

    Raises:
        NotFound: there is no such file.
        ConfigError: others may read it, or it is no file.
        OmptoolError: the operating system does not let us.
    """
    path = at_home(path)
    try:
        # without blocking: a pipe would wait for a writer for ever
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        raise NotFound(f"{whose} is not there: {path}", hint) from None
    except OSError as error:
        raise OmptoolError(f"cannot read {whose}, {path}: {(error.strerror or str(error)).lower()}") from None
    try:
        facts = os.fstat(handle)  # of the handle, so that what is checked is what is read
        if not stat.S_ISREG(facts.st_mode):
            raise ConfigError(f"{whose} is no file: {path}", named_by)
        if os.name == "posix" and facts.st_mode & 0o077:
            raise ConfigError(f"{whose} may be read by others: {path}", f"chmod 600 {shlex.quote(str(path))}")
        return os.read(handle, MOST + 1)
    finally:
        os.close(handle)


def at_home(path: Path) -> Path:
    """`path` with `~` spelled out, where somebody is at home."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path
