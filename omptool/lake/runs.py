"""Rows of any number and any arrival order → sorted files, in bounded memory.

Rows collect per partition. When too many wait, the largest partitions are sorted and spilled as *runs* to the staging
folder; at the end the runs of a partition are merged into one file, a window of each in memory at a time. So there is
one file per partition and conversion however many segments were read, and memory follows from the constants below and
from how many runs there are, not from the rows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc

from omptool.lake import order
from omptool.lake.ahead import ahead
from omptool.lake.order import Ints
from omptool.lake.packing import NODE, Packing, integers32

WAITING_ROWS = 524_288
"""Rows kept in memory before the largest partitions are spilled; 60 bytes each and their texts, twice while sorted."""

MERGE_ROWS = 131_072
"""Rows in the windows of a merge; more only when there are very many runs."""

RUN_BATCH = 2_048
"""Rows that are read from a run at least."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that are next in order; `keys` hold a number per row that is the same for rows of one node."""

    table: pa.Table
    keys: Ints


@dataclass(slots=True)
class Partition:
    """Rows of one partition that wait for their file, and the spill files of earlier ones."""

    waiting: list[pa.Table] = field(default_factory=list)
    rows: int = 0
    runs: list[Path] = field(default_factory=list)


class Sorter:
    """Collects tables per partition key and gives each partition back in order, once."""

    def __init__(self, staging: Path) -> None:
        self._staging = staging
        self._partitions: dict[Any, Partition] = {}
        self._waiting = 0
        self._count = 0
        self.packing = Packing()

    def add(self, key: Any, table: pa.RecordBatch | pa.Table) -> None:
        """Take rows of the partition `key`; may spill."""
        self.add_packed(key, self.packing.pack(table))

    def add_packed(self, key: Any, table: pa.Table) -> None:
        """Likewise rows that `packing` has packed."""
        partition = self._partitions.setdefault(key, Partition())
        partition.waiting.append(table)
        partition.rows += table.num_rows
        self._waiting += table.num_rows
        while self._waiting > WAITING_ROWS:
            self._spill(max(self._partitions.values(), key=lambda candidate: candidate.rows))

    def partitions(self) -> Iterator[tuple[Any, Iterator[Piece]]]:
        """Each partition key with its rows in order; the inner iterator must be used up before the next step."""
        for key in list(self._partitions):
            partition = self._partitions.pop(key)
            self._waiting -= partition.rows
            yield key, self._sorted(partition)

    def _sorted(self, partition: Partition) -> Iterator[Piece]:
        if not partition.runs:
            for table in [self._arranged(partition)]:  # no name holds what is being given out
                for start in range(0, table.num_rows, MERGE_ROWS):
                    yield self._piece(table.slice(start, MERGE_ROWS))
            return
        if partition.waiting:
            self._write_run(partition)
        pa.default_memory_pool().release_unused()
        for table in ahead(_merged(partition.runs, self.packing.ranks())):
            yield self._piece(table)
        for run in partition.runs:
            with contextlib.suppress(OSError):  # Windows keeps open files; the staging folder goes at the end
                run.unlink()

    def _piece(self, packed: pa.Table) -> Piece:
        return Piece(self.packing.unpack(packed), self.packing.ranks()[integers32(packed[NODE])])

    def _arranged(self, partition: Partition) -> pa.Table:
        """The rows that wait, in order."""
        table = pa.concat_tables(partition.waiting, promote_options="default").combine_chunks()
        partition.waiting, partition.rows = [], 0
        keys = self.packing.ranks()[integers32(table[NODE])]
        return order.taken(table, order.positions(keys, order.ticks(table), order.integers(table["seq"])))

    def _spill(self, partition: Partition) -> None:
        self._waiting -= partition.rows
        self._write_run(partition)

    def _write_run(self, partition: Partition) -> None:
        table = self._arranged(partition)
        self._count += 1
        path = self._staging / f"run-{self._count:06d}.arrow"
        with ipc.new_file(path, table.schema, options=ipc.IpcWriteOptions(compression="lz4")) as writer:
            writer.write_table(table, max_chunksize=RUN_BATCH)
        partition.runs.append(path)


class _Window:
    """The rows of a run that are next: sorted by the rank of their node, then by time."""

    def __init__(self, path: Path, ranks: Ints) -> None:
        self._source = pa.OSFile(str(path))  # a mapped file would count as memory
        self._file = ipc.open_file(self._source)
        self._next = 0
        self._rank_of = ranks
        self._clear()

    def _clear(self) -> None:
        self._table: pa.Table | None = None
        self.ranks: Ints = np.empty(0, np.int64)
        self.ticks: Ints = np.empty(0, np.int64)

    @property
    def is_at_end(self) -> bool:
        """Whether nothing stands behind the window in the run."""
        return self._next >= int(self._file.num_record_batches)

    @property
    def last(self) -> tuple[int, int]:
        return int(self.ranks[-1]), int(self.ticks[-1])

    def fill(self, rows: int) -> None:
        """Read until there are `rows`, or the run ends."""
        tables = [] if self._table is None else [self._table]
        have = sum(table.num_rows for table in tables)
        while have < rows and not self.is_at_end:
            batch = self._file.get_batch(self._next)
            self._next += 1
            have += batch.num_rows
            tables.append(pa.Table.from_batches([batch]))
        if len(tables) > (self._table is not None):
            self._table = pa.concat_tables(tables).combine_chunks()
            self.ranks = self._rank_of[integers32(self._table[NODE])]
            self.ticks = order.ticks(self._table)

    def take(self, cut: tuple[int, int] | None) -> tuple[pa.Table, Ints, Ints] | None:
        """The rows before `cut`, or all; None when there are none."""
        count = len(self.ranks)
        if cut is not None:
            low, high = np.searchsorted(self.ranks, [cut[0], cut[0] + 1])
            count = int(low + np.searchsorted(self.ticks[low:high], cut[1]))
        if not count or self._table is None:
            return None
        taken = self._table.slice(0, count), self.ranks[:count], self.ticks[:count]
        if count == len(self.ranks):
            self._clear()
        else:
            self._table, self.ranks, self.ticks = self._table.slice(count), self.ranks[count:], self.ticks[count:]
        return taken


def _merged(runs: Sequence[Path], ranks: Ints) -> Iterator[pa.Table]:
    """The rows of all runs in order, in pieces that cut no node and time apart, and no node unless it is too large."""
    windows = [_Window(run, ranks) for run in runs]
    size = max(RUN_BATCH, MERGE_ROWS // len(windows))
    wanted = size
    while windows:
        for window in windows:
            window.fill(wanted)
        open_ends = [window.last for window in windows if not window.is_at_end]
        parts = _taken(windows, min(open_ends) if open_ends else None)
        if not parts:  # one moment of one node fills a window
            wanted *= 2
            continue
        wanted = size
        yield _ordered(parts)
        windows = [window for window in windows if len(window.ranks) or not window.is_at_end]


def _taken(windows: Sequence[_Window], cut: tuple[int, int] | None) -> list[tuple[pa.Table, Ints, Ints]]:
    if cut is not None:
        by_node = [part for window in windows if (part := window.take((cut[0], _FIRST))) is not None]
        if by_node:
            return by_node
    return [part for window in windows if (part := window.take(cut)) is not None]


_FIRST = int(np.iinfo(np.int64).min)


def _ordered(parts: Sequence[tuple[pa.Table, Ints, Ints]]) -> pa.Table:
    table = pa.concat_tables([table for table, _, _ in parts], promote_options="default").combine_chunks()
    if len(parts) == 1:
        return table
    keys = np.concatenate([ranks for _, ranks, _ in parts])
    moments = np.concatenate([ticks for _, _, ticks in parts])
    return order.taken(table, order.positions(keys, moments, order.integers(table["seq"])))
