"""The rows of the last minute of one server, for windows that open while its subscription stands.

What lies on either side of such a window, and what was received in it, is not known before it is written: so it is kept
a while. Of what is older only the last row of each node stays. Pure: the clock is the rows'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from omptool.capture.encode import times_of

if TYPE_CHECKING:
    from omptool.capture.recording.backfill import Window

KEPT_NS = 30_000_000_000
_MOST_ROWS = 50_000


class Around(NamedTuple):
    """Rows beside windows and in them; a node that has none before its window may have had rows that are forgotten."""

    before: pa.RecordBatch
    after: pa.RecordBatch
    inside: pa.RecordBatch


class Recent:
    """Of one server.

    Args:
        last: the last row of each node, as far as there is one.
    """

    def __init__(self, last: pa.RecordBatch) -> None:
        self._last = last
        self._batches: list[tuple[int, pa.RecordBatch]] = []
        self._rows = 0

    def add(self, rows: pa.RecordBatch, received_ns: int) -> None:
        """Rows were stored; `received_ns` of the clock of all calls."""
        self._batches.append((received_ns, rows))
        self._rows += rows.num_rows
        if self._rows > _MOST_ROWS or received_ns - self._batches[0][0] > 2 * KEPT_NS:
            self._forget(received_ns - KEPT_NS)

    def around(self, windows: Mapping[int, Window]) -> Around:
        """What there is of nodes, by handle, around the window of each."""
        handles = np.array(sorted(windows), np.int64)
        rows = _joined([self._last, *(batch for _, batch in self._batches)])
        rows = rows.filter(pa.array(np.isin(rows.column("node").to_numpy(), handles)))
        rows = rows.take(pa.array(np.lexsort((times_of(rows), rows.column("node").to_numpy()))))
        nodes, times = rows.column("node").to_numpy(), times_of(rows)
        at = np.searchsorted(handles, nodes)
        starts = np.array([windows[handle].start_ns for handle in handles.tolist()], np.int64)[at]
        ends = np.array([windows[handle].end_ns for handle in handles.tolist()], np.int64)[at]
        before = rows.filter(pa.array(times <= starts))
        after = rows.filter(pa.array((times >= ends) & (times > starts)))
        inside = rows.filter(pa.array((times > starts) & (times < ends)))
        firsts = np.unique(after.column("node").to_numpy(), return_index=True)[1]
        return Around(_last_of_each(before), after.take(pa.array(firsts)), inside)

    def _forget(self, before_ns: int) -> None:
        """All but the last row of each node, of what is older, and of half of what is too much."""
        count = sum(at_ns < before_ns for at_ns, _ in self._batches)
        if self._rows > _MOST_ROWS:
            count = max(count, (len(self._batches) + 1) // 2)
        older, self._batches = self._batches[:count], self._batches[count:]
        self._rows = sum(batch.num_rows for _, batch in self._batches)
        self._last = _last_of_each(_joined([self._last, *(batch for _, batch in older)]))


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    schema = batches[0].schema
    table = pa.Table.from_batches([batch.cast(schema) for batch in batches], schema).combine_chunks()
    return table.to_batches()[0] if table.num_rows else batches[0].slice(0, 0)


def _last_of_each(rows: pa.RecordBatch) -> pa.RecordBatch:
    nodes: Any = rows.column("node").to_numpy()
    behind = np.unique(nodes[::-1], return_index=True)[1]
    return rows.take(pa.array(len(nodes) - 1 - behind))
