"""The token of a cloud API, from its file. It is shown nowhere: not in errors, not by `config show`."""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path

from omptool.config import CloudConfig
from omptool.errors import ConfigError, NotFound, OmptoolError

_SPELLING = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What RFC 6750 lets stand behind `Bearer`."""
_MOST = 4096


def read_token(cloud: CloudConfig) -> str:
    """The token for the url of `cloud`.

    Raises:
        NotFound: there is no such file.
        ConfigError: others may read the file, or it holds no token.
    """
    path = _at_home(cloud.token_file)
    whose = f"the token file of cloud {cloud.name}"
    try:
        # without blocking: a pipe would wait for a writer for ever
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        raise NotFound(
            f"{whose} is not there: {path}", "copy it from the server: `omptool cloud serve` says where it lies"
        ) from None
    except OSError as error:
        raise OmptoolError(f"cannot read {whose}, {path}: {(error.strerror or str(error)).lower()}") from None
    try:
        facts = os.fstat(handle)  # of the handle, so that what is checked is what is read
        if not stat.S_ISREG(facts.st_mode):
            raise ConfigError(f"{whose} is no file: {path}", f"token_file of [cloud.{cloud.name}] names it")
        if os.name == "posix" and facts.st_mode & 0o077:
            raise ConfigError(f"{whose} may be read by others: {path}", f"chmod 600 {shlex.quote(str(path))}")
        token = os.read(handle, _MOST + 1).decode("ascii", "replace").strip()
    finally:
        os.close(handle)
    if len(token) > _MOST or not _SPELLING.fullmatch(token):
        raise ConfigError(
            f"{whose} holds no token: {path}", "it is one line, as `omptool cloud serve` wrote it: copy the file again"
        )
    return token


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # nobody is at home here
        return path
