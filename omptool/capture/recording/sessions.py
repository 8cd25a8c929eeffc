"""Keeps what a later process needs to take up a session at a server again: small files outside of any capture.

Who reads the key of a session reads its machine as this user, so: mode 600 in a folder of mode 700, never in a capture,
never printed, gone when a capture ends in good order. A capture that cannot have its file is recorded all the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omptool.capture.lock import is_held
from omptool.model import bounded_json

VERSION = 1
_MOST_BYTES = 1 << 18
_OLD_S = 86_400.0
"""What nobody came for in a day nobody comes for: servers forget sessions within minutes."""

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Unfit(Exception):
    """A file that must not be used, and why."""


class Sessions:
    """The files of one capture, one per server.

    Args:
        home: folder of the files of all captures.
        capture: folder of the capture; a copy of it elsewhere is another one.
    """

    def __init__(self, home: Path, capture: Path, capture_id: str) -> None:
        self._about = {"version": VERSION, "capture": capture_id, "folder": str(capture.resolve())}
        self._home = home
        self._folder = home / _hash(json.dumps(self._about))

    def keep(self, server: str, facts: Mapping[str, Any]) -> str:
        """Write what is known of a server, in place of what was; empty, or why it cannot be had."""
        path = self._path(server)
        temporary = path.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "wb") as out:
                out.write(json.dumps({**self._about, "server": server, **facts}).encode())
            temporary.replace(path)
        except OSError as error:
            return (error.strerror or str(error)).lower()
        return ""

    def read(self, server: str) -> dict[str, Any]:
        """What was kept of a server.

        Raises:
            Unfit: nothing, or nothing to be trusted.
        """
        try:
            file = os.open(self._path(server), os.O_RDONLY | _NO_LINK)
        except FileNotFoundError:
            raise Unfit("nothing is known of its session") from None
        except OSError as error:
            raise Unfit(f"the file of its session cannot be read: {(error.strerror or str(error)).lower()}") from None
        with os.fdopen(file, "rb") as source:
            _check_private(os.fstat(source.fileno()))
            data = source.read(_MOST_BYTES + 1)
        try:
            facts = bounded_json.loads(data) if len(data) <= _MOST_BYTES else None
        except ValueError:
            facts = None
        if not isinstance(facts, dict):
            raise Unfit("the file of its session is damaged")
        if any(facts.get(name) != value for name, value in {**self._about, "server": server}.items()):
            raise Unfit("the file of its session is of another capture")
        return facts

    def forget(self) -> None:
        """The capture ended in good order: nobody goes on with its sessions."""
        _remove(self._folder)

    def tidy(self) -> None:
        """Remove what captures left long ago that nobody goes on with."""
        with contextlib.suppress(OSError):
            for folder in self._home.iterdir():
                if folder != self._folder and _is_old(folder):
                    _remove(folder)

    def _path(self, server: str) -> Path:
        return self._folder / f"{_hash(server)}.json"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _check_private(file: os.stat_result) -> None:
    """Refuse what somebody else could have written, or read; where the system knows no such thing, its folder does."""
    if not stat.S_ISREG(file.st_mode):
        raise Unfit("the file of its session is no file")
    if hasattr(os, "geteuid") and (file.st_uid != os.geteuid() or file.st_mode & 0o077):
        raise Unfit("the file of its session is open to others")


def _is_old(folder: Path) -> bool:
    """Whether nothing in it was touched in a day, and nobody records the capture that it belongs to."""
    captures = set()
    for file in folder.glob("*.json"):
        if time.time() - file.lstat().st_mtime < _OLD_S:
            return False
        with contextlib.suppress(OSError, ValueError):
            facts = bounded_json.loads(file.read_bytes()[:_MOST_BYTES])
            captures.add(str(facts.get("folder")) if isinstance(facts, dict) else "")
    return not any(is_held(Path(capture)) for capture in captures if capture)


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
