"""Compares every row of a capture with what the load server said it showed: none missing, none twice, none different.

Vectorised: a hundred million rows are compared in minutes. Uses of the capture only its rows and its node table; what
is true comes from the server's story and `truth`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from omptool.capture.format import Flag
from omptool.capture.reader import Capture
from tests.load.encode import OVERFLOW
from tests.load.truth import SERVER_STAMP_NS, Kind, Plan, application_uri, node_id, values

_COLUMNS = {
    Kind.DOUBLE: "v_f64",
    Kind.FLOAT: "v_f64",
    Kind.INT32: "v_i64",
    Kind.INT64: "v_i64",
    Kind.UINT16: "v_i64",
    Kind.DATETIME: "v_i64",
    Kind.BOOLEAN: "v_bool",
    Kind.STRING: "v_str",
}
Integers = npt.NDArray[np.int64]


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        rows: compared.
        wrong: how many rows or values, by what is wrong with them; empty = all is well.
        discarded: values that the server's queues lost.
        untold: values that were sent, are absent, and lie in a window; none where there is no window.
    """

    rows: int = 0
    discarded: int = 0
    untold: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    def note(self, what: str, count: int) -> None:
        if count:
            self.wrong[what] += count

    def __str__(self) -> str:
        found = ", ".join(f"{count:,} {what}" for what, count in self.wrong.items())
        return f"{self.rows:,} rows compared: {found or 'every row right, none missing, none twice'}"


def check(folder: Path, story: Mapping[str, Any]) -> Outcome:
    """Compare a capture of machines of one plan with the story of their server."""
    checker = _Checker(Capture.open(folder), Plan(**story["plan"]), story["groups"])
    checker.read()
    checker.compare_counts()
    return checker.outcome


class _Checker:
    """How often each (machine, item, tick) was found, in one long array.

    Several subscriptions of a machine count together: their ticks may overlap by initial values only.
    """

    def __init__(self, capture: Capture, plan: Plan, groups: Sequence[Mapping[str, Any]]) -> None:
        self._capture, self._plan, self._groups = capture, plan, groups
        self.outcome = Outcome()
        self._first = min((group["first"] for group in groups), default=0)
        last = max((group["last"] for group in groups), default=0)
        self._ticks = last - self._first + 1
        self._found = np.zeros(plan.machines * plan.items * self._ticks, np.uint8)
        self._initial = np.zeros_like(self._found)
        self._machine, self._item = self._handles()

    def _handles(self) -> tuple[Integers, Integers]:
        """Machine and item by handle, and one handle more; -1 for a handle of nobody."""
        machines = {application_uri(number): number for number in range(self._plan.machines)}
        items = {node_id(number): number for number in range(self._plan.items)}
        tables = [entry for _, table in self._capture.tables.tables for entry in table.nodes if entry.handle]
        size = max((entry.handle for entry in tables), default=0) + 2
        machine, item = np.full(size, -1), np.full(size, -1)
        for entry in tables:
            machine[entry.handle] = machines.get(entry.server, -1)
            item[entry.handle] = items.get(entry.node.node_id, -1)
        return machine, item

    def read(self) -> None:
        """Compare each row by itself, and count."""
        for _, batch in self._capture.batches():
            self.outcome.rows += batch.num_rows
            handles = batch.column("node").to_numpy()
            known = np.minimum(handles, len(self._machine) - 1)  # the last entry is nobody's
            machine, item = self._machine[known], self._item[known]
            is_known = (machine >= 0) & (item >= 0)
            self.outcome.note("rows of unknown nodes", int((~is_known).sum()))
            if not is_known.all():
                batch = batch.filter(pa.array(is_known))
                machine, item = machine[is_known], item[is_known]
            self._compare(batch, machine, item)

    def _compare(self, batch: pa.RecordBatch, machine: Integers, item: Integers) -> None:
        plan, note = self._plan, self.outcome.note
        source = batch.column("source_time").cast(pa.int64()).to_numpy(zero_copy_only=False)
        tick, rest = np.divmod(source - plan.phase_ns(machine), plan.period_ns)
        note("rows between two ticks", int((rest != 0).sum()))
        server = batch.column("server_time").cast(pa.int64()).to_numpy(zero_copy_only=False)
        note("wrong server times", int((server != source + SERVER_STAMP_NS).sum()))
        status = batch.column("status").to_numpy()
        note("wrong statuses", int(((status != 0) & (status != OVERFLOW)).sum()))
        for number, kind in enumerate(plan.kinds):
            rows = np.flatnonzero(item % len(plan.kinds) == number)
            if len(rows):
                part = batch if len(rows) == batch.num_rows else batch.take(pa.array(rows))
                note("wrong values", _wrong(part, kind, values(kind, machine[rows], item[rows], tick[rows])))
        self._count(batch, machine, item, tick - self._first)

    def _count(self, batch: pa.RecordBatch, machine: Integers, item: Integers, tick: Integers) -> None:
        inside = (tick >= 0) & (tick < self._ticks)
        self.outcome.note("rows of times that nobody showed", int((~inside).sum()))
        place = ((machine * self._plan.items + item) * self._ticks + tick)[inside]
        is_initial = (batch.column("flags").to_numpy()[inside] & int(Flag.INITIAL)) != 0
        np.add.at(self._found, place, 1)
        np.add.at(self._initial, place[is_initial], 1)

    def compare_counts(self) -> None:
        """What was sent is there once, nothing else is."""
        plan = self._plan
        found = self._found.reshape(plan.machines, plan.items, self._ticks)
        initial = self._initial.reshape(found.shape)
        sent = np.zeros(found.shape, np.bool_)
        lost = np.zeros(found.shape, np.bool_)
        for group in self._groups:
            items = slice(None) if group["items"] is None else group["items"]
            sent[group["machine"], items, group["first"] - self._first : group["last"] - self._first + 1] = True
            for first, last in group["discarded"]:
                lost[group["machine"], items, first - self._first : last - self._first + 1] = True
        sent &= ~lost
        note = self.outcome.note
        note("values that were never sent", int((~sent & (found > 0)).sum()))
        note("values twice", int((found > np.maximum(initial, 1)).sum()))
        self._compare_windows(lost, sent & (found == 0))

    def _compare_windows(self, lost: npt.NDArray[np.bool_], absent: npt.NDArray[np.bool_]) -> None:
        """What is not there lies in a window of its node; a node that lost nothing has none."""
        spans = self._spans()
        self.outcome.discarded, self.outcome.untold = int(lost.sum()), int(absent.sum())
        for where, what in ((lost, "discarded values outside every window"), (absent, "values missing")):
            for machine, item, tick in np.argwhere(where).tolist():
                due = int(self._plan.due_ns(machine, tick + self._first))
                is_told = any(start <= due < end for start, end in spans.get((machine, item), ()))
                self.outcome.note(what, not is_told)
        unfounded = [place for place in spans if not (lost[place].any() or absent[place].any())]
        self.outcome.note("nodes with windows that lost nothing", len(unfounded))

    def _spans(self) -> dict[tuple[int, int], list[tuple[int, int]]]:
        """The windows of the capture by machine and item, Unix nanoseconds."""
        spans: dict[tuple[int, int], list[tuple[int, int]]] = {}
        machines = {application_uri(number): number for number in range(self._plan.machines)}
        items = {node_id(number): number for number in range(self._plan.items)}
        for gap in self._capture.gaps().to_pylist():
            end = gap["end_time"]
            span = _ns(gap["start_time"]), 1 << 62 if end is None else _ns(end)
            of_node = range(self._plan.items) if gap["node_id"] is None else [items[gap["node_id"]]]
            for item in of_node:
                spans.setdefault((machines[gap["server"]], item), []).append(span)
        return spans


def _ns(moment: Any) -> int:
    return round(moment.timestamp() * 1_000_000) * 1000


def _wrong(batch: pa.RecordBatch, kind: Kind, expected: npt.NDArray[Any]) -> int:
    """How many rows have another type or value."""
    column = batch.column(_COLUMNS[kind])
    wrong_type = batch.column("vtype").to_numpy() != kind.builtin
    if kind is Kind.STRING:
        expected_texts = pa.array(expected.astype("U8"), pa.string())
        same = pc.fill_null(pc.equal(column, expected_texts), False).to_numpy(zero_copy_only=False)
    elif kind is Kind.BOOLEAN:
        same = pc.fill_null(pc.equal(column, pa.array(expected.astype(np.bool_))), False).to_numpy(zero_copy_only=False)
    else:
        same = (column.to_numpy(zero_copy_only=False) == expected) & column.is_valid().to_numpy(zero_copy_only=False)
    return int((wrong_type | ~same).sum())
