"""Many small files of a lake → one per (site, date), sorted, duplicates removed; the rows are the same otherwise.

A table's old files leave and its new ones come in one commit, so readers see the ones or the others. The old files stay
on the disk for readers of older versions until they are vacuumed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from omptool.errors import LakeError
from omptool.lake import layout, order
from omptool.lake.irregular import Irregular, Watched
from omptool.lake.merging import merged
from omptool.lake.parquet import conform, stored_schema
from omptool.lake.runs import Sorter
from omptool.lake.staging import Staging, exclusive
from omptool.lake.table import DataFile, Entry, Table
from omptool.store.location import Location, readable
from omptool.store.remote import Remote

COMMIT_ROWS = 20_000_000
"""Rows that are rewritten before they are committed: what a killed run has to do again, and the disk it needs."""

TIMED = ("telemetry", "events")
"""Tables whose rows are sorted by node and time."""

_READ_ROWS = 65_536

Part = tuple[str, ...]
"""Values of the partition columns."""


@dataclass(slots=True)
class CompactReport:
    """What a compaction did.

    Attributes:
        rows: rows that were rewritten; `duplicates` those of them that are gone.
        files, size: files that were replaced and their bytes; `files_now`, `size_now` what stands for them.
    """

    rows: int = 0
    duplicates: int = 0
    files: int = 0
    size: int = 0
    files_now: int = 0
    size_now: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: `rows` of `total` rows of `view`."""

    view: str
    rows: int
    total: int


def plan(lake: Location) -> dict[str, int]:
    """How many files of each table would be rewritten; reads the log and the ends of files only."""
    found = {}
    for view in _views(lake):
        found[view] = sum(len(entries) for entries in _crowded(Table(lake, view)).values())
    return {view: count for view, count in found.items() if count}


def compact(lake: Location, *, on_progress: Callable[[Progress], None] = lambda _: None) -> CompactReport:
    """Rewrite what consists of several files, or repeats rows.

    Raises:
        Busy: another omptool writes to this lake.
        DiskFull: no space; the lake is whole, and what was committed is compact.
        LakeError: a file or the log cannot be read.
    """
    started = time.monotonic()
    report = CompactReport()
    with exclusive(lake):
        for view in _views(lake):
            crowded = _crowded(Table(lake, view))
            total = sum(entry.rows or 0 for entries in crowded.values() for entry in entries)
            rows = 0
            for group in _groups(crowded):
                with Staging(lake) as staging:
                    rewriting = _Rewriting(Table(lake, view), staging, report)
                    for entries in group.values():
                        rewriting.write(entries)
                        rows += sum(entry.rows or 0 for entry in entries)
                        on_progress(Progress(view, rows, total))
                    rewriting.commit()
    report.seconds = time.monotonic() - started
    return report


def _views(lake: Location) -> list[str]:
    """The tables that are compacted; a grid has one file per site and date anyway."""
    return [*layout.PARTITIONS, *(name for name in layout.derived(lake) if layout.is_struct(name))]


def _crowded(table: Table) -> dict[Part, list[Entry]]:
    """The partitions that are worth rewriting."""
    found: dict[Part, list[Entry]] = {}
    for entry in table.entries():
        found.setdefault(tuple(entry.values.values()), []).append(entry)
    return {
        part: entries
        for part, entries in found.items()
        if len(entries) > 1 or (table.view == "telemetry" and _may_repeat(entries[0]))
    }


def _may_repeat(entry: Entry) -> bool:
    """Whether a file does not say of itself that no row in it repeats another."""
    return (metadata(entry.path).get(layout.DUPLICATES_KEY.encode())) != b"0"


def metadata(path: Location) -> Mapping[bytes, bytes]:
    """What a data file says of itself.

    Raises:
        LakeError: it is no Parquet file.
    """
    try:
        return pq.read_metadata(readable(path)).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from error


def _groups(crowded: Mapping[Part, list[Entry]]) -> Iterator[dict[Part, list[Entry]]]:
    """Partitions that are committed together."""
    group: dict[Part, list[Entry]] = {}
    rows = 0
    for part, entries in crowded.items():
        group[part] = entries
        rows += sum(entry.rows or 0 for entry in entries)
        if rows >= COMMIT_ROWS:
            yield group
            group, rows = {}, 0
    if group:
        yield group


class _Rewriting:
    """Partitions of one table on their way, under the lake's lock."""

    def __init__(self, table: Table, staging: Staging, report: CompactReport) -> None:
        self._table = table
        self._staging = staging
        self._report = report
        self._dropped: Counter[str] = Counter()
        self._old: list[Entry] = []

    def write(self, entries: Sequence[Entry]) -> None:
        """Write the rows of one partition aside, as one file."""
        view, values = self._table.view, dict(entries[0].values)
        if layout.is_struct(view):
            columns = [pa.field(name, kind) for name, kind in self._table.columns().items() if name not in values]
            schema = pa.schema(columns)
            tables = merged([entry.path for entry in entries], schema, self._staging.folder)
            self._account(entries, self._staging.write(view, values, tables, schema=schema))
            return
        parts = (part for entry in entries for part in read(entry.path, view))
        if view not in TIMED:
            file = self._staging.write(view, values, parts)
        else:
            sorter = Sorter(self._staging.folder)
            for part in parts:
                sorter.add(None, part)
            pieces = (piece for _, found in sorter.partitions() for piece in found)
            if view == "telemetry":
                irregular = Irregular()
                watched = Watched(pieces, irregular, drops=True)
                file = self._staging.write(view, values, watched, watched.facts)
                self._dropped += watched.dropped
            else:
                file = self._staging.write(view, values, (piece.table for piece in pieces))
        self._account(entries, file)

    def _account(self, entries: Sequence[Entry], file: DataFile) -> None:
        self._old += entries
        self._report.files_now += 1
        self._report.size_now += file.size
        self._report.rows += file.rows

    def commit(self) -> None:
        """Put the new files in the place of the old ones."""
        table, view = self._table, self._table.view
        self._staging.announce({view: table})
        removed = sum(self._dropped.values())
        done = {
            layout.DUPLICATES_OF + capture: table.done(layout.DUPLICATES_OF + capture) + count
            for capture, count in self._dropped.items()
        }
        table.swap(self._old, self._staging.move(view), done)
        self._report.duplicates += removed
        self._report.rows += removed
        self._report.files += len(self._old)
        self._report.size += sum(entry.size for entry in self._old)


def read(path: Location, view: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a data file in pieces, repeated texts as dictionaries; only `columns` where they are named.

    Raises:
        LakeError: it is no Parquet file of these columns.
    """
    stored = stored_schema(layout.file_schema(view))
    if columns is not None:
        stored = pa.schema([stored.field(name) for name in columns])
    repeated = [field.name for field in stored if pa.types.is_dictionary(field.type)]
    try:
        file = pq.ParquetFile(readable(path), read_dictionary=repeated, pre_buffer=isinstance(path, Remote))
        for batch in file.iter_batches(_READ_ROWS, columns=columns):
            yield order.compact(conform(pa.Table.from_batches([batch]), stored))
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Location, error: Exception) -> LakeError:
    """A data file that cannot be read."""
    why = str(error).partition("\n")[0]
    return LakeError(f"cannot read {path}: {why}", "which files are damaged:  omptool verify LAKE")
