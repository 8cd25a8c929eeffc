"""The grid `--wide EVERY`: one row per machine and step of time, a column per tag, the value that held then.

A derived table (`wide_1s`), never the place where values are kept: made from `telemetry` as of one version, which it
notes. Made again, only the days change that have other rows or windows than then, and those behind them, as values hold
over midnight; the file of a day keeps what held at its end. A value holds until the next one, but not into a window of
`gaps`; a Bad one makes the cell null. Arrays are left out. Memory follows from the grid of one machine and day.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from omptool.errors import LakeError, UsageError
from omptool.lake import grid, layout, order
from omptool.lake.compact import metadata, read
from omptool.lake.grid import Grid, Holding
from omptool.lake.partitions import DAY_US
from omptool.lake.runs import Sorter
from omptool.lake.staging import Staging, exclusive
from omptool.lake.table import Entry, Table
from omptool.lake.unseen import Unseen, Window, ended, read_windows
from omptool.model.contracts import TIME
from omptool.store.location import Location

MOST_TAGS = 2_000
MOST_STEPS = 864_000
"""Rows of one machine and day: ten a second."""

_HELD_KEY = "omptool.held"
"""In the metadata of a file: what held at the end of its day."""

_MADE_OF = {view: f"omptool.made_of:{view}" for view in ("telemetry", "gaps", "journal")}
"""Application ids whose transaction version is the version that the grid was made of."""

Part = tuple[str, str]
"""Site and date."""


@dataclass(slots=True)
class WideReport:
    """What was made.

    Attributes:
        rows, files: that were written now.
        kept: files of days that nothing has changed about.
        tags: how many became columns; `left_out` those of the days written that did not (arrays).
    """

    table: str
    rows: int = 0
    tags: int = 0
    left_out: int = 0
    files: int = 0
    kept: int = 0
    seconds: float = 0.0


def make(lake: Location, every: timedelta, *, on_progress: Callable[[int, int], None] = lambda *_: None) -> WideReport:
    """Make the table, or bring it to what telemetry is now.

    Args:
        on_progress: told the files done and how many there are.

    Raises:
        UsageError: too fine a grid, or too many tags for columns.
        Busy, DiskFull, LakeError: as other writers say.
    """
    started = time.monotonic()
    step = round(every / timedelta(microseconds=1))
    if step < 1 or DAY_US // step > MOST_STEPS:
        raise UsageError("--wide is too fine", "at least 100ms; finer values are in telemetry")
    report = WideReport(layout.wide_name(step))
    with exclusive(lake), Staging(lake) as staging:
        _Making(lake, step, staging, report).make(on_progress)
    report.seconds = time.monotonic() - started
    return report


class _Making:
    """One run, under the lake's lock."""

    def __init__(self, lake: Location, step: int, staging: Staging, report: WideReport) -> None:
        self._lake, self._step, self._staging, self._report = lake, step, staging, report
        self._table = Table(lake, report.table)
        self._sources = {view: Table(lake, view) for view in _MADE_OF}
        self._parts = _by_part(self._sources["telemetry"].entries())
        self._old = _by_part(self._table.entries())
        self._windows = read_windows(self._sources["gaps"], self._sources["journal"])
        self._held: dict[str, Holding] = {}
        self._last: dict[str, int] = {}

    def make(self, on_progress: Callable[[int, int], None]) -> None:
        first = self._first_days()
        known = {} if first is None else self._known()
        kinds = self._kinds(first, known)
        if first is not None and any(kinds[tag] != kind for tag, kind in known.items()):
            first, kinds = None, self._kinds(None, {})  # a column has become another one: everything is made anew
        self._report.tags = len(kinds)
        if len(kinds) > MOST_TAGS:
            raise UsageError(f"{len(kinds):,} tags are too many for columns", f"at most {MOST_TAGS:,}; query telemetry")
        wanted = [part for part in sorted(self._parts) if first is None or _is_due(part, first)]
        self._write(wanted, kinds, {} if first is None else self._held, on_progress)
        self._commit(wanted, kinds, is_new=first is None)

    def _first_days(self) -> dict[str, str] | None:
        """By site, the first day that has to be made again; None: all of them, and the columns."""
        versions = {view: self._table.done(name) for view, name in _MADE_OF.items()}
        if not self._old or not versions["telemetry"]:
            return None
        try:
            then = {view: Table(self._lake, view, version=version) for view, version in versions.items()}
            before = _by_part(then["telemetry"].entries())
            windows = read_windows(then["gaps"], then["journal"])
        except LakeError:  # that version has been forgotten
            return None
        changed = {part for part in {*before, *self._parts} if _names(before, part) != _names(self._parts, part)}
        changed |= {part for part in self._parts if part not in self._old}
        seen = _first_difference(windows, self._windows)
        found: dict[str, str] = {}
        for site, day in sorted(changed | {part for part in self._parts if seen is not None and part[1] >= seen}):
            found.setdefault(site, day)
        for site, day in found.items():
            days = [one for other, one in self._old if other == site]
            found[site] = min(day, max(days, default=day))  # the last day ended with its last row; it goes on now
        try:
            self._held = {site: self._held_before(site, day) for site, day in found.items()}
        except ValueError:
            return None
        return found

    def _held_before(self, site: str, day: str) -> Holding:
        """What held when the day began, as the file of the day before has it."""
        before = [part for part in self._parts if part[0] == site and part[1] < day]
        if not before:
            return {}
        return grid.unpacked(metadata(self._old[max(before)][0].path).get(_HELD_KEY.encode(), b""))

    def _known(self) -> dict[str, pa.DataType]:
        own = {"time", "machine", "site", "date"}
        return {grid.tag_of(name): kind for name, kind in self._table.columns().items() if name not in own}

    def _kinds(self, first: Mapping[str, str] | None, known: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
        """By tag, DOUBLE where one value is a number, else text; tags that have neither are left out."""
        numbers = {tag for tag, kind in known.items() if pa.types.is_floating(kind)}
        texts: set[str] = set(known)
        seen: set[str] = set()
        entries = (e for part, found in self._parts.items() if first is None or _is_due(part, first) for e in found)
        for entry in entries:
            for part in read(entry.path, "telemetry", ["time", "tag", "value", "value_text", "capture"]):
                self._note_last(entry.values["date"], part)
                tags = part["tag"]
                seen.update(_distinct(tags))
                numbers.update(_distinct(tags.filter(part["value"].is_valid())))
                texts.update(_distinct(tags.filter(part["value_text"].is_valid())))
        names = [*known, *sorted((numbers | texts) - set(known))]
        kinds = {tag: pa.float64() if tag in numbers else pa.string() for tag in names}
        self._report.left_out = len(seen - set(kinds))
        return kinds

    def _note_last(self, day: str, rows: pa.Table) -> None:
        """The last time of each capture, but of rows that are filed by their receipt."""
        micros = order.integers(rows["time"])
        rows = rows.filter(pa.array(micros // DAY_US == (date.fromisoformat(day) - date(1970, 1, 1)).days))
        last = pa.table({"capture": rows["capture"].cast(pa.string()), "time": rows["time"].cast(pa.int64())})
        for row in last.group_by("capture").aggregate([("time", "max")]).to_pylist():
            self._last[row["capture"]] = max(self._last.get(row["capture"], 0), row["time_max"])

    def _write(
        self,
        wanted: Sequence[Part],
        kinds: Mapping[str, pa.DataType],
        held: Mapping[str, Holding],
        on_progress: Callable[[int, int], None],
    ) -> None:
        schema, unseen = _schema(kinds), Unseen(ended(self._windows, self._last))
        holding = {site: dict(held.get(site, {})) for site, _ in wanted}
        for number, (site, day) in enumerate(wanted, 1):
            later = any(other == site and one > day for other, one in self._parts)
            cells = Grid(day, self._step, kinds, holding[site], unseen, goes_on=later)
            tables = cells.tables(_rows(self._parts[site, day], self._staging))
            values = {"site": site, "date": day}
            file = self._staging.write(self._report.table, values, tables, _facts(holding[site]), schema=schema)
            self._report.rows += file.rows
            self._report.files += 1
            on_progress(number, len(wanted))

    def _commit(self, wanted: Sequence[Part], kinds: Mapping[str, pa.DataType], *, is_new: bool) -> None:
        schema = pa.schema([*_schema(kinds), pa.field("site", pa.string()), pa.field("date", pa.date32())])
        name = self._report.table
        done = {application: max(0, self._sources[view].version) for view, application in _MADE_OF.items()}
        if is_new:
            table = Table(self._lake, name, schema=schema)
            table.create()
            self._staging.announce({name: table})
            table.rewrite(self._staging.move(name), done)
            return
        gone = [e for part, old in self._old.items() if part in wanted or part not in self._parts for e in old]
        self._report.kept = sum(len(old) for old in self._old.values()) - len(gone)
        if not gone and not wanted and all(self._table.done(each) == version for each, version in done.items()):
            return
        self._table.evolve(schema)
        self._staging.announce({name: self._table})
        self._table.swap(gone, self._staging.move(name), done)


def _facts(holding: Holding) -> Callable[[], Mapping[str, str]]:
    """Asked when the day is written."""
    return lambda: {_HELD_KEY: grid.packed(holding)}


def _by_part(entries: Iterable[Entry]) -> dict[Part, list[Entry]]:
    found: dict[Part, list[Entry]] = {}
    for entry in entries:
        found.setdefault((entry.values["site"], entry.values["date"]), []).append(entry)
    return found


def _names(parts: Mapping[Part, Sequence[Entry]], part: Part) -> set[str]:
    return {entry.name for entry in parts.get(part, ())}


def _is_due(part: Part, first: Mapping[str, str]) -> bool:
    return part[0] in first and part[1] >= first[part[0]]


def _first_difference(before: set[Window], now: set[Window]) -> str | None:
    """The day from which on the windows are others."""
    starts = [window.start for window in before ^ now]
    return (date(1970, 1, 1) + timedelta(days=min(starts) // DAY_US)).isoformat() if starts else None


def _distinct(column: pa.ChunkedArray) -> list[str]:
    found: list[str] = pc.unique(column.cast(pa.string())).to_pylist()
    return found


def _schema(kinds: Mapping[str, pa.DataType]) -> pa.Schema:
    fixed = [pa.field("time", TIME, nullable=False), pa.field("machine", pa.string(), nullable=False)]
    return pa.schema([*fixed, *(pa.field(grid.column(tag), kind) for tag, kind in kinds.items())])


def _rows(entries: Sequence[Entry], staging: Staging) -> Iterator[pa.Table]:
    """The rows of a partition by machine, node and time."""
    if len(entries) == 1:
        yield from read(entries[0].path, "telemetry", grid.COLUMNS)
        return
    sorter = Sorter(staging.folder)
    for entry in entries:
        for part in read(entry.path, "telemetry", grid.COLUMNS):
            sorter.add(None, part)
    for _, pieces in sorter.partitions():
        yield from (piece.table for piece in pieces)
