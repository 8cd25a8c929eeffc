"""Proves that a lake is what was written: every file, its bytes, its rows, and the rows of every capture. Reads only.

A data file carries the checksum of its bytes in its name; the log says how many rows it has, how many of each capture
were ever added, and how many of them compaction removed. What is wrong is a `Finding`; nothing is raised for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from omptool.errors import LakeError
from omptool.lake import account, layout
from omptool.lake.account import Compared
from omptool.lake.compact import read
from omptool.lake.convert import Recording
from omptool.lake.table import Entry, Table
from omptool.store import location
from omptool.store.location import Location


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes:
        file: a data file, relative to the lake; empty when it is about a capture.
        rows: how many rows it concerns, None when that is unknown.
    """

    file: str
    problem: str
    rows: int | None = None


@dataclass(slots=True)
class Checked:
    """One table: its files, and those of them without a checksum, of which only the pages were read."""

    view: str
    version: int
    files: int = 0
    rows: int = 0
    size: int = 0
    unstated: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Account:
    """The telemetry rows of one capture.

    Attributes:
        rows: that are in the lake; `removed` as duplicates; `added` ever, None in a lake of an early omptool.
        compared: the capture itself, where it was given.
    """

    capture: str
    rows: int
    removed: int
    added: int | None
    compared: Compared | None = None

    @property
    def problem(self) -> str:
        """What is wrong; empty when nothing is."""
        told = self.compared
        if self.added is not None and self.rows + self.removed != self.added:
            return f"{self.added - self.removed:,} rows were written and not removed, {self.rows:,} are there"
        if told is not None and not told.is_counted:
            return f"{told.label} has {told.expected:,} rows up to where it was taken in"
        if told is not None and not told.is_equal:
            return f"rows differ from those of {told.label}"
        return ""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of a lake."""

    tables: tuple[Checked, ...]
    captures: tuple[Account, ...]

    @property
    def is_whole(self) -> bool:
        return not any(table.findings for table in self.tables) and not any(mine.problem for mine in self.captures)


def verify(
    lake: Location,
    against: Sequence[Recording] = (),
    *,
    on_progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Verified:
    """Check every byte and count every row of the newest version.

    Args:
        against: captures to hold the rows against.
        on_progress: told what is being read, the bytes done and the bytes in all.

    Raises:
        LakeError: a log cannot be read.
    """
    tables = {view: Table(lake, view) for view in (*layout.tables(lake), *layout.derived(lake))}
    total = sum(entry.size for table in tables.values() for entry in table.entries())
    done, checked = 0, []
    for view, table in tables.items():
        found = Checked(view, table.version)
        for entry in table.entries():
            _check(entry, view, lake, found)
            done += entry.size
            on_progress(view, done, total)
        checked.append(found)
    damaged = {finding.file for found in checked for finding in found.findings}
    if any(name.startswith("journal/") for name in damaged):
        return Verified(tuple(checked), ())
    return Verified(tuple(checked), tuple(_accounts(lake, tables["telemetry"], tables["journal"], damaged, against)))


def _check(entry: Entry, view: str, lake: Location, found: Checked) -> None:
    """One data file: there, of its size, of its checksum, of its rows."""
    found.files += 1
    found.rows += entry.rows or 0
    found.size += entry.size

    def wrong(problem: str, rows: int | None = entry.rows) -> None:
        found.findings.append(Finding(_relative(entry, lake), problem, rows))

    try:
        size = entry.path.stat().st_size
        if size != entry.size:
            wrong(f"has {size:,} bytes, the log says {entry.size:,}")
            return
        stated = layout.checksum_in(entry.path.name)
        if stated is None:
            found.unstated += 1
            rows = sum(part.num_rows for part in read(entry.path, view))
        elif location.checksum(entry.path) != stated:
            wrong("its bytes are not those that were written (checksum)")
            return
        else:
            rows = pq.read_metadata(location.readable(entry.path)).num_rows
        if entry.rows is not None and rows != entry.rows:
            wrong(f"has {rows:,} rows, the log says {entry.rows:,}", entry.rows - rows)
    except FileNotFoundError:
        wrong("is missing")
    except (LakeError, OSError, pa.ArrowException) as error:
        wrong(str(error).partition("\n")[0])


def _relative(entry: Entry, lake: Location) -> str:
    return location.relative(entry.path, lake)


def _accounts(
    lake: Location, table: Table, journal: Table, damaged: set[str], against: Sequence[Recording]
) -> Iterable[Account]:
    """Of every capture, what is in the lake; where a file is damaged, its rows are missing here."""
    whole = [entry for entry in table.entries() if _relative(entry, lake) not in damaged]
    rows = account.counts(table, whole)
    known = account.counts(journal, journal.entries())
    given = {recording.id: recording for recording in against}
    for capture in sorted({*rows, *known, *given}):
        added = table.done(layout.ROWS_OF + capture)
        compared = None
        if capture in given and not any(name.startswith("telemetry/") for name in damaged):
            compared = account.compare(lake, given[capture])
        removed = table.done(layout.DUPLICATES_OF + capture)
        yield Account(capture, rows.get(capture, 0), removed, added or None, compared)
