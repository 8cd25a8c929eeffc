"""Find and read the settings files. Creates nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from omptool.config.loading import FILE_NAME, Config, File, load
from omptool.errors import ConfigError

MAX_TEXT = 4 << 20
"""Bytes of a settings file, a plant model, a statement: nobody writes more by hand."""


def read_text(path: Path, limit: int = MAX_TEXT) -> str:
    """A text that somebody wrote by hand, with the line ends of Unix.

    Raises:
        ConfigError: more than `limit` bytes.
        OSError, UnicodeDecodeError: as the file says.
    """
    with path.open("rb") as file:
        data = file.read(limit + 1)  # it may be a pipe, whose size nobody knows
    if len(data) > limit:
        raise ConfigError(f"{path} has more than {limit >> 20} MiB", "is this the file you mean?")
    return data.decode().replace("\r\n", "\n").replace("\r", "\n")


def user_file(environ: Mapping[str, str]) -> Path:
    """Where the user's own settings would be; may not exist."""
    if sys.platform == "win32" and "APPDATA" in environ:
        return Path(environ["APPDATA"]) / "omptool" / FILE_NAME
    base = environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111  must not raise without a home
    return Path(base) / "omptool" / FILE_NAME


def sessions_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where captures note what `--resume` needs to take up sessions again; may not exist."""
    environ = os.environ if environ is None else environ
    if sys.platform == "win32" and "LOCALAPPDATA" in environ:
        return Path(environ["LOCALAPPDATA"]) / "omptool" / "sessions"
    base = environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111  as above
    return Path(base) / "omptool" / "sessions"


def pki_folder(environ: Mapping[str, str]) -> Path:
    """Where certificates lie unless a setting says otherwise; may not exist."""
    return user_file(environ).parent / "pki"


def read(
    path: Path | None = None, flags: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
) -> Config:
    """Find and read the files, and resolve.

    Args:
        path: the project file; None is `$OMPTOOL_CONFIG`, else omptool.toml in the current folder, if there is one.

    Raises:
        ConfigError: also when `path` is given but cannot be read.
    """
    environ = os.environ if environ is None else environ
    named = path or (Path(environ["OMPTOOL_CONFIG"]) if environ.get("OMPTOOL_CONFIG") else None)
    candidates = [(named or Path(FILE_NAME), named is not None), (user_file(environ), False)]
    files = []
    for candidate, required in candidates:
        try:
            files.append(File(candidate, read_text(candidate)))
        except (FileNotFoundError, NotADirectoryError) as error:
            if required:
                raise ConfigError(
                    f"no settings file {candidate}",
                    "check the name; without --config, ./omptool.toml is read",
                ) from error
        except (OSError, UnicodeDecodeError) as error:
            reason = (getattr(error, "strerror", None) or "it is not UTF-8").lower().replace("utf-8", "UTF-8")
            raise ConfigError(f"cannot read {candidate}: {reason}", "settings are a text file in TOML") from error
    return replace(load(flags or {}, environ, files), folder=(named or Path(FILE_NAME)).parent)
