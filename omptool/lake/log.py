"""The commits of a Delta table as files: when each was made, and what each removed. Reads only.

For what `deltalake` does not tell: the time inside a commit (that of its file changes when a lake is copied),
and which files a version still needs that newer ones do not.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from omptool.errors import LakeError
from omptool.model import bounded_json
from omptool.store.location import Location


def commits(table: Location) -> dict[int, Location]:
    """Version → its commit, of those that still lie in the log of the table in this folder."""
    folder: Location = table / "_delta_log"
    found: Iterable[Location] = folder.iterdir() if folder.is_dir() else ()
    return {int(path.stem): path for path in found if re.fullmatch("[0-9]{1,20}[.]json", path.name)}


def committed_at(commit: Location) -> datetime:
    """When a commit was made, as it says itself; else when its file was written."""
    for action in _actions(commit):
        info = action.get("commitInfo")
        stamp = info.get("timestamp") if isinstance(info, dict) else None
        if isinstance(stamp, int):
            with contextlib.suppress(OverflowError, ValueError, OSError):
                return datetime.fromtimestamp(stamp / 1000, UTC)
    return datetime.fromtimestamp(commit.stat().st_mtime, UTC)


def removed_since(table: Location, moment: datetime) -> set[str]:
    """Names, relative to the table's folder, of files that a version at or after `moment` had and newer ones lack.

    Raises:
        LakeError: a commit cannot be read: what it removed nobody can tell.
    """
    found = set()
    for commit in commits(table).values():
        actions = _whole(commit)
        if committed_at(commit) > moment:
            for action in actions:
                removed = action.get("remove")
                if isinstance(removed, dict) and isinstance(removed.get("path"), str):
                    found.add(unquote(removed["path"]))
    return found


def _whole(commit: Location) -> list[dict[str, Any]]:
    """The lines of a commit, every one of which must be what it should be."""
    try:
        actions = [bounded_json.loads(line) for line in commit.read_bytes().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise LakeError(f"{commit} cannot be read: {error}", f"restore it from a copy of {commit.parent}") from error
    if not all(isinstance(action, dict) for action in actions):
        raise LakeError(f"{commit} is no commit of a Delta table", f"restore it from a copy of {commit.parent}")
    return actions


def _actions(commit: Location) -> Iterator[dict[str, Any]]:
    """The lines of a commit that are what they should be."""
    with contextlib.suppress(OSError), commit.open("rb") as lines:
        for line in lines:
            with contextlib.suppress(ValueError):
                action = bounded_json.loads(line)
                if isinstance(action, dict):
                    yield action
