"""Files that no version of a lake needs any more → gone.

Needed are the files of the newest version, and those that a version younger than `keep` had: a reader that opened the
lake within that time, or asks for a version of that time, finds everything. What else looks like a data file goes once
it is older than `keep`; links are not followed, and nothing else is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from omptool.errors import UsageError
from omptool.lake import layout, log
from omptool.lake.staging import clean, exclusive
from omptool.lake.table import Table
from omptool.store import location
from omptool.store.location import Found, Location

KEEP = timedelta(days=7)
LONGEST = timedelta(days=30)
"""Logs forget what was removed before that."""


@dataclass(frozen=True, slots=True)
class VacuumReport:
    """Files that went, or would go, and their bytes."""

    files: int
    size: int


def vacuum(lake: Location, *, keep: timedelta, now: datetime, dry_run: bool = False) -> VacuumReport:
    """Remove what no version within `keep` needs.

    Raises:
        UsageError: `keep` is longer than logs remember.
        Busy: another omptool writes to this lake.
        LakeError: a log cannot be read; then nothing of that table was removed.
    """
    if keep > LONGEST:
        raise UsageError(f"--keep is at most {LONGEST.days}d", "logs forget what was removed before that")
    if dry_run:
        return _sum(_unneeded(lake, keep, now))
    with exclusive(lake):
        clean(lake)
        found = _unneeded(lake, keep, now)
        location.remove(file.where for file in found)
    return _sum(found)


def _tables(lake: Location) -> list[str]:
    return [*layout.tables(lake), *layout.derived(lake)]


def _sum(files: list[Found]) -> VacuumReport:
    return VacuumReport(len(files), sum(file.size for file in files))


def _unneeded(lake: Location, keep: timedelta, now: datetime) -> list[Found]:
    return [file for view in _tables(lake) for file in _unneeded_of(lake, view, keep, now)]


def _unneeded_of(lake: Location, view: str, keep: timedelta, now: datetime) -> list[Found]:
    table = Table(lake, view)
    if not table.exists:
        return []
    root = layout.table_path(lake, view)
    since = now - keep
    needed = {location.relative(path, root) for path in table.files()} | log.removed_since(root, since)
    return [
        file
        for file in location.walk(root)
        if file.name.endswith(".parquet") and file.name not in needed and file.modified <= since.timestamp()
    ]
