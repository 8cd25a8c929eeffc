"""The cells of a grid `wide_…`: of one site and day, machine by machine, the value that held at every step. Pure."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omptool.lake import order
from omptool.lake.partitions import DAY_US
from omptool.lake.unseen import Unseen
from omptool.lake.words import whole
from omptool.model import bounded_json
from omptool.model.contracts import TIME
from omptool.model.vocabulary import Origin, Quality

COLUMNS = (
    "time", "time_ns", "machine", "tag", "server", "node_id", "value", "value_text", "quality", "receive_time",
    "origin", "capture", "seq",
)  # fmt: skip
"""What is read of telemetry."""

_PAST = pa.array([Origin.HISTORY.value, Origin.IMPORTED.value])
"""Origins of rows whose receipt says nothing about how long their value held."""

_NEVER = int(np.iinfo(np.int64).min)
_OWN = frozenset({"time", "site", "machine", "date"})


@dataclass(frozen=True, slots=True)
class Held:
    """The last value of a tag: of when, up to when it was witnessed, and of which node; None for a Bad one."""

    value: float | str | None
    at: int
    proof: int
    node: tuple[str, str, str]


Holding = dict[tuple[str, str], Held]
"""By machine and tag, what holds at the end of a day."""


def packed(holding: Holding) -> str:
    """As the file of the day keeps it, so that the next day can be made without the days before."""
    rows = [[*key, held.value, held.at, held.proof, *held.node] for key, held in holding.items()]
    return base64.b64encode(zlib.compress(json.dumps(rows).encode())).decode()


def unpacked(text: bytes) -> Holding:
    """The opposite.

    Raises:
        ValueError: it is none.
    """
    try:
        rows = bounded_json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
        return {
            (machine, tag): Held(value, int(at), int(proof), (capture, server, node_id))
            for machine, tag, value, at, proof, capture, server, node_id in rows
        }
    except (zlib.error, TypeError) as error:
        raise ValueError(str(error)) from error


def column(tag: str) -> str:
    """A tag as a column; the names of the grid's own columns are taken."""
    return f"{tag} (tag)" if tag.casefold() in _OWN else tag


def tag_of(name: str) -> str:
    """The opposite."""
    tag = name.removesuffix(" (tag)")
    return tag if tag.casefold() in _OWN else name


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


class Grid:
    """The grid of one site and day.

    Args:
        kinds: by tag, DOUBLE or text.
        held: what held at its beginning; brought to its end.
        goes_on: whether there is a later day, so that values hold up to midnight.
    """

    def __init__(
        self, day: str, step: int, kinds: Mapping[str, pa.DataType], held: Holding, unseen: Unseen, *, goes_on: bool
    ) -> None:
        begin = (date.fromisoformat(day) - date(1970, 1, 1)).days * DAY_US
        self._kinds, self._held, self._unseen, self._goes_on = kinds, held, unseen, goes_on
        self._begin, self._end = begin, begin + DAY_US
        self._steps = np.arange(-(-begin // step) * step, self._end, step, dtype=np.int64)

    def tables(self, parts: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """One table per machine, of rows by machine, node and time."""
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
        proofs = _proofs(rows, times)
        is_good = whole(rows["quality"].cast(pa.string())).to_numpy(zero_copy_only=False) != Quality.BAD.value
        good = is_good[source] & self._known(rows, self._steps[at], proofs, source)
        if cells.numbers is not None:
            cells.numbers[at] = rows["value"].fill_null(np.nan).to_numpy()[source]
            cells.is_good[at] = good & rows["value"].is_valid().to_numpy()[source]
        else:
            cells.texts[at] = rows["value_text"].to_numpy()[source]
            cells.is_good[at] = good
        before = self._held.get((machine.name, tag))
        if before is None or before.at <= times[-1]:
            last = rows.slice(rows.num_rows - 1).to_pylist()[0]
            name = "value" if cells.numbers is not None else "value_text"
            node = last["capture"], last["server"], last["node_id"]
            value = last[name] if is_good[-1] else None
            self._held[machine.name, tag] = Held(value, int(times[-1]), int(proofs[-1]), node)

    def _known(self, rows: pa.Table, steps: order.Ints, proofs: order.Ints, source: order.Ints) -> Any:
        """Whether the row at `source` holds at each step, by the windows of its own capture and server."""
        columns = [whole(rows[name]) for name in ("capture", "server")]
        codes = [column.indices.to_numpy(zero_copy_only=False) for column in columns]
        both = codes[0].astype(np.int64) * (len(columns[1].dictionary) + 1) + codes[1]
        node_id = rows["node_id"][0].as_py()
        found = np.ones(len(steps), bool)
        for key in np.unique(both):
            capture, server = (rows[name][int(np.argmax(both == key))].as_py() for name in ("capture", "server"))
            mine = both[source] == key
            found[mine] = self._unseen.known((capture, server, node_id), steps[mine], proofs[source[mine]])
        return found

    def _begun(self, machine: _Machine, tag: str) -> _Cells:
        """Cells with what held at the beginning of the day."""
        count = len(self._steps)
        is_number = pa.types.is_floating(self._kinds[tag])
        held = self._held.get((machine.name, tag))
        if held is None or held.at >= self._begin:
            held = Held(None, _NEVER, _NEVER, ("", "", ""))
        value = held.value
        good = np.full(count, value is not None)
        if value is not None:
            good &= self._unseen.known(held.node, self._steps, np.full(count, held.proof))
            machine.first = self._begin
        cells = _Cells(
            np.full(count, held.at),
            np.full(count, np.nan if value is None else value) if is_number else None,
            None if is_number else np.full(count, value, object),
            good,
        )
        machine.cells[tag] = cells
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
            columns[column(tag)] = pa.array(values[chosen], self._kinds[tag], mask=~cells.is_good[chosen])
        return pa.table(columns)


def _proofs(rows: pa.Table, times: order.Ints) -> order.Ints:
    """Up to when each value was witnessed: a server sends what holds when it sends it."""
    received = rows["receive_time"].cast(pa.int64())
    is_past = pc.is_in(rows["origin"].cast(pa.string()), value_set=_PAST)
    proofs = pc.if_else(is_past, None, received).fill_null(_NEVER)
    found: order.Ints = np.maximum(whole(proofs).to_numpy(zero_copy_only=False), times)
    return found


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
