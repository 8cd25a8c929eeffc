"""Files that no version of a lake needs any more → gone.

Needed are the files of the newest version, and those that a version younger than `keep` had: a reader that opened the
lake within that time, or asks for a version of that time, finds everything. What else looks like a data file goes once
it is older than `keep`; links are not followed, and nothing else is touched.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from omptool.errors import UsageError
from omptool.lake import layout, log
from omptool.lake.staging import clean, exclusive
from omptool.lake.table import Table

KEEP = timedelta(days=7)
LONGEST = timedelta(days=30)
"""Logs forget what was removed before that."""


@dataclass(frozen=True, slots=True)
class VacuumReport:
    """Files that went, or would go, and their bytes."""

    files: int
    size: int


def vacuum(lake: Path, *, keep: timedelta, now: datetime, dry_run: bool = False) -> VacuumReport:
    """Remove what no version within `keep` needs.

    Raises:
        UsageError: `keep` is longer than logs remember.
        Busy: another omptool writes to this lake.
        LakeError: a log cannot be read; then nothing of that table was removed.
    """
    if keep > LONGEST:
        raise UsageError(f"--keep is at most {LONGEST.days}d", "logs forget what was removed before that")
    if dry_run:
        return _sum(path for view in _tables(lake) for path in _unneeded(lake, view, keep, now))
    with exclusive(lake):
        clean(lake)
        found = [path for view in _tables(lake) for path in _unneeded(lake, view, keep, now)]
        report = _sum(found)
        for path in found:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # others are in it
                path.parent.rmdir()
    return report


def _tables(lake: Path) -> list[str]:
    return [*layout.tables(lake), *layout.derived(lake)]


def _sum(paths: Iterator[Path] | list[Path]) -> VacuumReport:
    sizes = [path.stat().st_size for path in paths]
    return VacuumReport(len(sizes), sum(sizes))


def _unneeded(lake: Path, view: str, keep: timedelta, now: datetime) -> list[Path]:
    table = Table(lake, view)
    if not table.exists:
        return []
    root = layout.table_path(lake, view)
    since = now - keep
    needed = {os.path.relpath(path, root.absolute()) for path in table.files()} | log.removed_since(root, since)
    return [
        path
        for path in _data_files(root)
        if os.path.relpath(path, root) not in needed and path.lstat().st_mtime <= since.timestamp()
    ]


def _data_files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(("_", "."))]
        for name in files:
            path = Path(folder, name)
            if name.endswith(".parquet") and not path.is_symlink():
                yield path
