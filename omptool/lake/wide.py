"""The grid `--wide EVERY`: one row per machine and step of time, a column per tag, the value that held then.

A derived table (`wide_1s`): made anew from `telemetry`, committed at once, never the place where values are kept. A
value holds until the next one, over midnight and over gaps too (`gaps` says where); a Bad one makes the cell null.
Arrays are left out. Work goes node by node in the order of the files, so memory follows from the grid of one machine
and day.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omptool.errors import UsageError
from omptool.lake import layout, order
from omptool.lake.compact import read
from omptool.lake.partitions import DAY_US
from omptool.lake.runs import Sorter
from omptool.lake.staging import Staging, exclusive
from omptool.lake.table import Entry, Table
from omptool.lake.words import whole
from omptool.model.contracts import TIME
from omptool.model.vocabulary import Quality
from omptool.store.location import Location

MOST_TAGS = 2_000
MOST_STEPS = 864_000
"""Rows of one machine and day: ten a second."""

_COLUMNS = ("time", "time_ns", "machine", "tag", "node_id", "value", "value_text", "quality", "seq")


@dataclass(slots=True)
class WideReport:
    """What was made: `table`, its rows, how many tags became columns and how many (arrays) were left out."""

    table: str
    rows: int = 0
    tags: int = 0
    left_out: int = 0
    files: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Cells:
    """One tag of one machine on the grid of a day: which value held at each step, and of when it was."""

    at: order.Ints
    numbers: Any
    texts: Any
    is_good: Any


@dataclass(slots=True)
class _Machine:
    """The grid of one machine and day."""

    name: str
    first: int
    last: int
    cells: dict[str, _Cells] = field(default_factory=dict)


def make(lake: Location, every: timedelta, *, on_progress: Callable[[int, int], None] = lambda *_: None) -> WideReport:
    """Make the table anew.

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
        telemetry = Table(lake, "telemetry")
        parts: dict[tuple[str, str], list[Entry]] = {}
        for entry in telemetry.entries():
            parts.setdefault((entry.values["site"], entry.values["date"]), []).append(entry)
        kinds, report.left_out = _kinds(telemetry)
        report.tags = len(kinds)
        if len(kinds) > MOST_TAGS:
            raise UsageError(f"{len(kinds):,} tags are too many for columns", f"at most {MOST_TAGS:,}; query telemetry")
        schema = _schema(kinds)
        held: dict[tuple[str, str, str], tuple[Any, Any]] = {}
        for number, (site, day) in enumerate(sorted(parts), 1):
            later = any(other_site == site and other > day for other_site, other in parts)
            grid = _Grid(site, day, step, kinds, held, goes_on=later)
            tables = grid.tables(_rows(parts[site, day], staging))
            file = staging.write(report.table, {"site": site, "date": day}, tables, schema=schema)
            report.rows += file.rows
            report.files += 1
            on_progress(number, len(parts))
        table = Table(lake, report.table, schema=_with_partitions(schema))
        table.create()
        staging.announce({report.table: table})
        table.rewrite(staging.move(report.table))
    report.seconds = time.monotonic() - started
    return report


def _kinds(telemetry: Table) -> tuple[dict[str, pa.DataType], int]:
    """By tag, DOUBLE where one value is a number, else text; and how many tags have neither."""
    numbers: set[str] = set()
    texts: set[str] = set()
    seen: set[str] = set()
    for entry in telemetry.entries():
        for part in read(entry.path, "telemetry", ["tag", "value", "value_text"]):
            tags = part["tag"]
            seen.update(_distinct(tags))
            numbers.update(_distinct(tags.filter(part["value"].is_valid())))
            texts.update(_distinct(tags.filter(part["value_text"].is_valid())))
    kinds = {tag: pa.float64() if tag in numbers else pa.string() for tag in sorted(numbers | texts)}
    return kinds, len(seen) - len(kinds)


def _distinct(column: pa.ChunkedArray) -> list[str]:
    found: list[str] = pc.unique(column.cast(pa.string())).to_pylist()
    return found


def _schema(kinds: Mapping[str, pa.DataType]) -> pa.Schema:
    fixed = [pa.field("time", TIME, nullable=False), pa.field("machine", pa.string(), nullable=False)]
    return pa.schema([*fixed, *(pa.field(_column(tag), kind) for tag, kind in kinds.items())])


def _column(tag: str) -> str:
    """A tag as a column; the names of the grid's own columns are taken."""
    return f"{tag} (tag)" if tag.casefold() in {"time", "site", "machine", "date"} else tag


def _with_partitions(schema: pa.Schema) -> pa.Schema:
    return pa.schema([*schema, pa.field("site", pa.string()), pa.field("date", pa.date32())])


def _rows(entries: list[Entry], staging: Staging) -> Iterator[pa.Table]:
    """The rows of a partition by machine, node and time."""
    if len(entries) == 1:
        yield from read(entries[0].path, "telemetry", _COLUMNS)
        return
    sorter = Sorter(staging.folder)
    for entry in entries:
        for part in read(entry.path, "telemetry", _COLUMNS):
            sorter.add(None, part)
    for _, tables in sorter.partitions():
        yield from tables


class _Grid:
    """The grid of one site and day. `held`: what held at its beginning by site, machine and tag; kept for the next."""

    def __init__(
        self,
        site: str,
        day: str,
        step: int,
        kinds: Mapping[str, pa.DataType],
        held: dict[tuple[str, str, str], tuple[Any, Any]],
        *,
        goes_on: bool,
    ) -> None:
        begin = (date.fromisoformat(day) - date(1970, 1, 1)).days * DAY_US
        self._site, self._kinds, self._held, self._goes_on = site, kinds, held, goes_on
        self._begin, self._end = begin, begin + DAY_US
        first = -(-begin // step) * step
        self._steps = np.arange(first, self._end, step, dtype=np.int64)

    def tables(self, parts: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """One table per machine."""
        machine: _Machine | None = None
        for part in parts:
            for name, tag, rows in _stretches(part):
                if machine is None or machine.name != name:
                    if machine is not None:
                        yield self._table(machine)
                    machine = _Machine(name, self._end, self._begin)
                if tag in self._kinds:
                    self._take(machine, tag, rows)
        if machine is not None:
            yield self._table(machine)

    def _take(self, machine: _Machine, tag: str, rows: pa.Table) -> None:
        """Rows of one node, in order of time."""
        times = order.integers(rows["time"])
        inside = (times >= self._begin) & (times < self._end)  # clock-suspect rows are filed by another date
        if not bool(inside.any()):
            return
        if not bool(inside.all()):
            rows, times = rows.filter(pa.array(inside)), times[inside]
        machine.first, machine.last = min(machine.first, int(times[0])), max(machine.last, int(times[-1]))
        cells = machine.cells.get(tag) or self._begun(machine, tag)
        start = int(np.searchsorted(self._steps, times[0]))
        found = np.searchsorted(times, self._steps[start:], "right") - 1
        newer = times[found] >= cells.at[start:]
        at, source = start + np.flatnonzero(newer), found[newer]
        cells.at[at] = times[source]
        is_good = (whole(rows["quality"].cast(pa.string())).to_numpy(zero_copy_only=False) != Quality.BAD.value)[source]
        if cells.numbers is not None:
            cells.numbers[at] = rows["value"].fill_null(np.nan).to_numpy()[source]
            cells.is_good[at] = is_good & rows["value"].is_valid().to_numpy()[source]
        else:
            cells.texts[at] = rows["value_text"].to_numpy()[source]
            cells.is_good[at] = is_good
        last = len(times) - 1
        good = bool(rows["quality"][last].as_py() != Quality.BAD.value)
        value = rows["value" if cells.numbers is not None else "value_text"][last].as_py() if good else None
        before = self._held.get((self._site, machine.name, tag))
        if before is None or before[1] <= int(times[-1]):
            self._held[self._site, machine.name, tag] = value, int(times[-1])

    def _begun(self, machine: _Machine, tag: str) -> _Cells:
        """Cells with what held at the beginning of the day."""
        count = len(self._steps)
        is_number = pa.types.is_floating(self._kinds[tag])
        value, at = self._held.get((self._site, machine.name, tag), (None, _NEVER))
        cells = _Cells(
            np.full(count, at if at < self._begin else _NEVER),
            np.full(count, np.nan if value is None else value) if is_number else None,
            None if is_number else np.full(count, value, object),
            np.full(count, value is not None and at < self._begin),
        )
        machine.cells[tag] = cells
        if value is not None and at < self._begin:
            machine.first = self._begin
        return cells

    def _table(self, machine: _Machine) -> pa.Table:
        last = self._end if self._goes_on else machine.last + 1
        start, stop = (int(at) for at in np.searchsorted(self._steps, [machine.first, last]))
        chosen = slice(start, max(start, stop))
        columns = {
            "time": pa.array(self._steps[chosen]).cast(pa.timestamp("us")).cast(TIME),
            "machine": pa.array([machine.name] * (chosen.stop - start), pa.string()),
        }
        for tag, cells in machine.cells.items():
            values = cells.texts if cells.numbers is None else cells.numbers
            columns[_column(tag)] = pa.array(values[chosen], self._kinds[tag], mask=~cells.is_good[chosen])
        return pa.table(columns)


_NEVER = int(np.iinfo(np.int64).min)


def _stretches(table: pa.Table) -> Iterator[tuple[str, str, pa.Table]]:
    """(machine, tag, rows) of the nodes in a piece that is in order."""
    keys = np.zeros(table.num_rows, np.int64)
    for name in ("machine", "tag", "node_id"):
        codes = whole(table[name]).indices.to_numpy(zero_copy_only=False)
        keys[1:] += codes[1:] != codes[:-1]
    edges = [0, *(np.flatnonzero(keys)).tolist(), table.num_rows]
    for start, stop in pairwise(edges):
        if start < stop:
            rows = table.slice(start, stop - start)
            yield rows["machine"][0].as_py(), rows["tag"][0].as_py(), rows
