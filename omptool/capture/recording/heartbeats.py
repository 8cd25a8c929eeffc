"""Repeats the last value of nodes that say nothing for long, so that a row shows that they still hold it.

A heartbeat is our word, not the server's: its row has the origin `heartbeat`, no SourceTimestamp, and as its time the
newest moment up to which everything the server sent is in the capture. So it never claims more than the messages prove:
where the connection is gone, there is none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from omptool.capture.encode import trusted_times
from omptool.capture.format import NS, SEGMENT, Flag

if TYPE_CHECKING:
    from omptool.capture.recording.recorder import Recording
    from omptool.capture.recording.store import RecordingStore

_SOONEST_S = 0.25


class Heartbeats:
    """Of one server.

    Attributes:
        rows: stored.
    """

    def __init__(self, recording: Recording, is_connected: Callable[[], bool]) -> None:
        self.rows = 0
        self._recording = recording
        self._is_connected = is_connected
        self._task: asyncio.Task[None] | None = None
        self._beaten: dict[int, int] = {}
        self._published_ns: int | None = None

    async def start(self, store: RecordingStore, intervals: Mapping[int, float]) -> None:
        """Begin, where nodes have one; does not wait.

        Args:
            intervals: milliseconds, by the handle of the node in the capture.
        """
        await self.stop()
        self._published_ns = None
        if intervals:
            self._task = asyncio.create_task(self._run(store, intervals))

    async def stop(self) -> None:
        """No row is repeated any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, store: RecordingStore, intervals: Mapping[int, float]) -> None:
        pause_s = max(min(intervals.values()) / 2000, _SOONEST_S)
        while True:
            await asyncio.sleep(pause_s)
            if self._is_connected():
                await self._recording.in_thread(lambda: self._beat(store, intervals))

    # in the worker thread

    def heard(self, published_ns: int | None) -> None:
        """Everything the server sent up to this PublishTime is being written."""
        self._published_ns = published_ns or self._published_ns

    def _beat(self, store: RecordingStore, intervals: Mapping[int, float]) -> None:
        if self._published_ns is None or store.sub is None:
            return
        now_ns, stamp_ns = time.time_ns(), store.since(self._published_ns)
        last = store.books.writer.last_values(range(min(intervals), max(intervals) + 1))
        times, received = trusted_times(last), last.column("receive_time").cast(pa.int64()).to_numpy()
        due = [
            at
            for at, node in enumerate(last.column("node").to_pylist())
            if node in intervals
            and times[at] < stamp_ns
            and self._beaten.get(node, 0) < stamp_ns
            and now_ns - max(received[at], self._beaten.get(-node, 0)) >= intervals[node] * 1e6
        ][: store.books.quota.left]
        if not due:
            return
        rows = _repeated(last.take(pa.array(due)), store.sub, stamp_ns, now_ns)
        store.books.writer.append(rows)
        store.books.quota.take(len(due))
        self.rows += len(due)
        for node in rows.column("node").to_pylist():
            self._beaten[node], self._beaten[-node] = stamp_ns, now_ns


def _repeated(rows: pa.RecordBatch, sub: int, stamp_ns: int, now_ns: int) -> pa.RecordBatch:
    """The same values, as heartbeats of this moment."""
    count = rows.num_rows
    own = {
        "source_time": pa.nulls(count, NS),
        "server_time": pa.array(np.full(count, stamp_ns), pa.int64()).cast(NS),
        "receive_time": pa.array(np.full(count, now_ns), pa.int64()).cast(NS),
        "receive_mono": pa.array(np.full(count, time.monotonic_ns()), pa.int64()),
        "sequence": pa.array(np.zeros(count), pa.uint32()),
        "sub": pa.array(np.full(count, sub), pa.uint32()),
        "raw_time": pa.nulls(count, pa.binary()),
        "flags": pa.array(np.full(count, int(Flag.HEARTBEAT)), pa.uint8()),
    }
    return pa.RecordBatch.from_arrays([own.get(name, rows.column(name)) for name in SEGMENT.names], schema=SEGMENT)
