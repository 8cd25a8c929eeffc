"""The last known value of every node, so that each segment can be replayed and converted alone."""

from __future__ import annotations

from collections.abc import Iterable, Set

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.capture.format import SEGMENT, Flag
from omptool.capture.order import overtaken
from omptool.protocol.ledger import LAST

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
        """Take in newly appended rows; later rows win, but for those of history and those sent again behind others,
        which are older than they come, and heartbeats, which are the last value already."""
        flags = batch.column("flags").to_numpy()
        from_history = (flags & int(Flag.HISTORY | Flag.HEARTBEAT)) != 0
        if from_history.any():
            batch = batch.filter(pa.array(~from_history))
        if not batch.num_rows:
            return
        self._grow(int(batch.column("node").to_numpy().max()) + 1)
        if (flags & int(Flag.REPUBLISHED)).any():
            batch = self._without_overtaken(batch)
        nodes = batch.column("node").to_numpy()
        # of equal indices the last one is kept: numpy promises that for plain assignment
        self._batch[nodes] = len(self._batches)
        self._row[nodes] = np.arange(len(nodes))
        self._batches.append(batch)
        self._held += len(nodes)
        if len(self._batches) >= _KEEP or self._held > 2 * len(self._batch) + _KEEP_ROWS:
            self._compact()

    def _without_overtaken(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows in the order of their messages, without those behind the message of what is known already."""
        # two steps, for a message may be overtaken within the batch, and the batch by what is known
        numbers = batch.column("sequence").to_numpy().astype(np.int64)
        _, firsts, sub = np.unique(batch.column("sub").to_numpy(), return_index=True, return_inverse=True)
        steps = (numbers - numbers[firsts][sub] + LAST // 2) % LAST
        batch = batch.take(pa.array(np.argsort(steps, kind="stable")))
        nodes = batch.column("node").to_numpy()
        known = self._batch[nodes] >= 0
        subs, sequences = np.full((2, len(nodes)), -1, np.int64)
        if known.any():
            rows = self._at(nodes[known])
            subs[known], sequences[known] = (rows.column(name).to_numpy() for name in ("sub", "sequence"))
        return batch.filter(pa.array(~overtaken(batch, subs, sequences)))

    def _at(self, nodes: npt.NDArray[np.integer]) -> pa.Table:
        """The row that is known of each of these nodes."""
        starts = np.cumsum([0] + [batch.num_rows for batch in self._batches])
        return pa.Table.from_batches(self._batches).take(pa.array(starts[self._batch[nodes]] + self._row[nodes]))

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
        return self._at(known).combine_chunks().to_batches()[0]

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
