"""The last known value of every node, so that each segment can be replayed and converted alone."""

from __future__ import annotations

from collections.abc import Iterable, Set

import numpy as np
import pyarrow as pa

from omptool.capture.format import SEGMENT, Flag

_KEEP = 32
_KEEP_ROWS = 1 << 14
"""Batches, and rows beyond one for each node, that are held before their last values are copied together: bounds memory
when many nodes rarely change, and when there are many."""


class LastValues:
    """Remembers where the newest row of each node lies; copies rows only when asked."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._held = 0
        self._batch = np.full(0, -1, np.int64)
        self._row = np.zeros(0, np.int64)

    def note(self, batch: pa.RecordBatch) -> None:
        """Take in newly appended rows; later rows win, but for those of history, which are older
        than they come, and heartbeats, which are the last value already."""
        from_history = (batch.column("flags").to_numpy() & int(Flag.HISTORY | Flag.HEARTBEAT)) != 0
        if from_history.any():
            batch = batch.filter(pa.array(~from_history))
        if not batch.num_rows:
            return
        nodes = batch.column("node").to_numpy()
        self._grow(int(nodes.max()) + 1)
        # of equal indices the last one is kept: numpy promises that for plain assignment
        self._batch[nodes] = len(self._batches)
        self._row[nodes] = np.arange(len(nodes))
        self._batches.append(batch)
        self._held += len(nodes)
        if len(self._batches) >= _KEEP or self._held > 2 * len(self._batch) + _KEEP_ROWS:
            self._compact()

    def forget(self, handles: Iterable[int]) -> None:
        """Nodes that have another handle now, or are not recorded any more."""
        for handle in handles:
            if handle < len(self._batch):
                self._batch[handle] = -1

    def _grow(self, size: int) -> None:
        more = size - len(self._batch)
        if more > 0:
            self._batch = np.concatenate([self._batch, np.full(more, -1, np.int64)])
            self._row = np.concatenate([self._row, np.zeros(more, np.int64)])

    def _compact(self) -> None:
        rows = self._gather()
        nodes = rows.column("node").to_numpy()
        self._batches, self._held = [rows], rows.num_rows
        self._batch[nodes] = 0
        self._row[nodes] = np.arange(len(nodes))

    def _gather(self) -> pa.RecordBatch:
        """One row per known node, in handle order."""
        if not self._batches:
            return pa.RecordBatch.from_pylist([], schema=SEGMENT)
        known = np.flatnonzero(self._batch >= 0)
        if not len(known):
            return self._batches[0].slice(0, 0)
        starts = np.cumsum([0] + [batch.num_rows for batch in self._batches])
        rows = pa.Table.from_batches(self._batches).take(pa.array(starts[self._batch[known]] + self._row[known]))
        return rows.combine_chunks().to_batches()[0]

    def of(self, handles: Set[int]) -> pa.RecordBatch:
        """The last known values of these nodes."""
        rows = self._gather()
        wanted = np.fromiter(handles, np.uint32, len(handles))
        return rows.filter(pa.array(np.isin(rows.column("node").to_numpy(), wanted)))

    def rows(self) -> pa.RecordBatch:
        """The last known values, flagged carried (and nothing else of how they came)."""
        rows = self._gather()
        flags = pa.array(np.full(rows.num_rows, int(Flag.CARRIED), np.uint8))
        return rows.set_column(rows.schema.get_field_index("flags"), SEGMENT.field("flags"), flags)
