"""Rows of any number and any arrival order → sorted files, in bounded memory.

Rows collect per partition. When too many wait, the largest partitions are sorted and spilled as *runs* to the staging
folder; at the end the runs of a partition are merged stretch by stretch of nodes into one file. So a partition gets one
file per conversion however many segments were read, and memory follows from the two constants below, not from the data.
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

WAITING_ROWS = 393_216
"""Rows kept in memory before the largest partitions are spilled; about 130 bytes each."""

MERGE_ROWS = 262_144
"""Rows that are merged at a time."""

_RUN_BATCH = 16_384

Node = tuple[str, str]
"""(machine, node_id): what files are sorted by first."""


@dataclass(slots=True)
class Run:
    """A sorted spill file and where each node stands in it: node → (first row, rows)."""

    path: Path
    nodes: dict[Node, tuple[int, int]]


@dataclass(slots=True)
class Partition:
    """Rows of one partition that wait for their file."""

    waiting: list[pa.Table] = field(default_factory=list)
    rows: int = 0
    runs: list[Run] = field(default_factory=list)


class Sorter:
    """Collects tables per partition key and gives each partition back in order, once."""

    def __init__(self, staging: Path) -> None:
        self._staging = staging
        self._partitions: dict[Any, Partition] = {}
        self._waiting = 0
        self._count = 0

    def add(self, key: Any, table: pa.Table) -> None:
        """Take rows of the partition `key`; may spill."""
        partition = self._partitions.setdefault(key, Partition())
        partition.waiting.append(table)
        partition.rows += table.num_rows
        self._waiting += table.num_rows
        while self._waiting > WAITING_ROWS:
            self._spill(max(self._partitions.values(), key=lambda candidate: candidate.rows))

    def partitions(self) -> Iterator[tuple[Any, Iterator[pa.Table]]]:
        """Each partition key with its rows in order; the inner iterator must be used up before the next step."""
        for key in list(self._partitions):
            partition = self._partitions.pop(key)
            self._waiting -= partition.rows
            yield key, self._sorted(partition)

    def _sorted(self, partition: Partition) -> Iterator[pa.Table]:
        if not partition.runs:
            yield order.sort(order.merge(partition.waiting))
            return
        if partition.waiting:
            self._write_run(partition)
        yield from _merged(partition.runs)
        for run in partition.runs:
            with contextlib.suppress(OSError):  # Windows keeps mapped files; the staging folder goes at the end
                run.path.unlink()

    def _spill(self, partition: Partition) -> None:
        self._waiting -= partition.rows
        self._write_run(partition)

    def _write_run(self, partition: Partition) -> None:
        table = order.sort(order.merge(partition.waiting))
        partition.waiting, partition.rows = [], 0
        self._count += 1
        path = self._staging / f"run-{self._count:06d}.arrow"
        options = ipc.IpcWriteOptions(compression="lz4")
        with ipc.new_file(path, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=_RUN_BATCH)
        partition.runs.append(Run(path, _stretches(table)))


def _stretches(table: pa.Table) -> dict[Node, tuple[int, int]]:
    """Where each node stands in a sorted table."""
    keys = order.node_keys(table)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(keys)) + 1))
    counts = np.diff(np.concatenate((starts, [len(keys)])))
    firsts = table.select(["machine", "node_id"]).take(pa.array(starts))
    names = zip(firsts["machine"].to_pylist(), firsts["node_id"].to_pylist(), strict=True)
    return {name: (int(start), int(count)) for name, start, count in zip(names, starts, counts, strict=True)}


def _merged(runs: Sequence[Run]) -> Iterator[pa.Table]:
    with_readers = [(run, _RunReader(run.path)) for run in runs]
    nodes = sorted({node for run in runs for node in run.nodes}, key=lambda node: (node[0].encode(), node[1].encode()))
    for group in _groups(nodes, runs):
        slices = [
            reader.rows(start, count) for run, reader in with_readers for start, count in _ranges(run, group) if count
        ]
        for part in _time_parts(slices):
            yield order.sort(order.merge(part))


def _groups(nodes: Sequence[Node], runs: Sequence[Run]) -> Iterator[list[Node]]:
    """Consecutive nodes whose rows, over all runs, fit into one merge; a larger node stands alone."""
    group: list[Node] = []
    rows = 0
    for node in nodes:
        count = sum(run.nodes[node][1] for run in runs if node in run.nodes)
        if group and rows + count > MERGE_ROWS:
            yield group
            group, rows = [], 0
        group.append(node)
        rows += count
    if group:
        yield group


def _ranges(run: Run, group: Sequence[Node]) -> list[tuple[int, int]]:
    """The rows of a group in a run: contiguous, because the group is and the run is sorted."""
    found = [run.nodes[node] for node in group if node in run.nodes]
    return [(found[0][0], sum(count for _, count in found))] if found else []


def _time_parts(slices: list[pa.Table]) -> Iterator[list[pa.Table]]:
    """Slices of one node that is too large for one merge, cut at the same times; other slices as they are."""
    rows = sum(table.num_rows for table in slices)
    parts = -(-rows // MERGE_ROWS)
    if parts < 2:
        yield slices
        return
    times = [order.integers(table["time"]) for table in slices]
    cuts = np.quantile(
        np.concatenate([stamps[:: max(1, len(stamps) // 1000)] for stamps in times]), np.arange(1, parts) / parts
    )
    edges = [np.concatenate(([0], np.searchsorted(stamps, cuts), [len(stamps)])) for stamps in times]
    for part in range(parts):
        cut = [
            table.slice(int(edge[part]), int(edge[part + 1] - edge[part]))
            for table, edge in zip(slices, edges, strict=True)
            if edge[part + 1] > edge[part]
        ]
        if cut:
            yield cut


class _RunReader:
    """Rows of a spill file by position; the last batch stays decoded because stretches follow each other."""

    def __init__(self, path: Path) -> None:
        self._file = ipc.open_file(pa.memory_map(str(path)))
        self._last: tuple[int, pa.RecordBatch] | None = None

    def rows(self, start: int, count: int) -> pa.Table:
        first, last = start // _RUN_BATCH, (start + count - 1) // _RUN_BATCH
        table = pa.Table.from_batches([self._batch(index) for index in range(first, last + 1)])
        return table.slice(start - first * _RUN_BATCH, count)

    def _batch(self, index: int) -> pa.RecordBatch:
        if self._last is None or self._last[0] != index:
            self._last = (index, self._file.get_batch(index))
        return self._last[1]
