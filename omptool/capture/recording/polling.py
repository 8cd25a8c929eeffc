"""Reads nodes in cycles instead of subscribing to them: for servers and nodes whose subscriptions are of no use.

Runs beside the subscription of the same session, which tells whether the server lives. A cycle that is not over when
the next one is due makes that one a missed cycle: counted, and a window of its nodes; so are cycles that passed while
the connection was gone, where the subscription came through without a window. Values are rows like any others, with
the origin `polled`; nobody can say what lay between two of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.capture.encode import encode_items
from omptool.capture.format import Flag
from omptool.errors import OmptoolError
from omptool.model.vocabulary import GapReason, GapState
from omptool.opcua.subscribing.inheritance import NOT_RUNNING
from omptool.opcua.values import read_values
from omptool.protocol.columns import ItemColumns

if TYPE_CHECKING:
    from omptool.capture.recording.recorder import Recording
    from omptool.capture.recording.store import RecordingStore
    from omptool.capture.resume import Left
    from omptool.opcua.session import Session

Handles = npt.NDArray[np.uint32]
Groups = Mapping[float, Mapping[int, str]]
"""By interval (milliseconds) the nodes to read: handle in the capture → NodeId."""


class Polling:
    """The cycles of one server.

    Attributes:
        rows: stored; `missed` cycles; `nodes` that are read.
    """

    def __init__(self, recording: Recording) -> None:
        self.rows = self.missed = self.nodes = 0
        self._recording = recording
        self._tasks: list[asyncio.Task[None]] = []
        self._streaks = 0
        self._session: Session | None = None
        self._sub: int | None = None
        self._known_ns: dict[int, int] = {}

    async def start(self, session: Session, store: RecordingStore, groups: Groups) -> None:
        """Begin; does not wait. What ran before ends."""
        await self.stop()
        self.nodes = sum(map(len, groups.values()))
        cause = "the nodes that are read became others" if session is self._session else "the connection was gone"
        if store.sub != self._sub:
            self._known_ns.clear()  # the window of the subscription that ended is theirs too
        self._session, self._sub = session, store.sub
        self._tasks = [
            asyncio.create_task(self._run(session, store, interval_ms / 1000, nodes, cause))
            for interval_ms, nodes in groups.items()
        ]

    async def stop(self) -> None:
        """No cycle begins any more."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(
        self, session: Session, store: RecordingStore, interval_s: float, nodes: Mapping[int, str], before: str
    ) -> None:
        """`before`: why cycles may be missing up to now."""
        handles, node_ids = np.array(list(nodes), np.uint32), list(nodes.values())
        await self._recording.in_thread(partial(self._tell_unread, store, handles, interval_s, before))
        due, since_ns, streak = time.monotonic(), 0, 0
        while not session.closed.is_set():
            begun_ns, cause = time.time_ns(), ""
            try:
                columns = await read_values(session, node_ids)
            except OmptoolError as error:
                cause = error.message
            else:
                await self._recording.in_thread(partial(self._store, store, handles, columns))
            if session.closed.is_set():
                return
            due += interval_s
            late_s = time.monotonic() - due
            missed = int(late_s // interval_s) + 1 if late_s > 0 else 0
            if missed or cause:
                if not since_ns:
                    since_ns, streak = begun_ns, self._next_streak()
                cause = cause or f"reading {len(node_ids):,} nodes took {interval_s + late_s:.1f} s"
                self.missed += max(missed, 1)
                await self._recording.in_thread(
                    partial(self._tell, store, dict.fromkeys(nodes, since_ns), interval_s, streak, cause)
                )
            else:
                since_ns = 0
            due += missed * interval_s
            await asyncio.sleep(max(due - time.monotonic(), 0))

    def _next_streak(self) -> int:
        self._streaks += 1
        return self._streaks

    # in the worker thread

    def _store(self, store: RecordingStore, handles: Handles, columns: ItemColumns) -> None:
        rows = encode_items(
            columns,
            nodes=handles[columns.client_handle],
            receive_time=time.time_ns(),
            receive_mono=time.monotonic_ns(),
            sequence=0,
            sub=store.sub or 0,
            flags=int(Flag.POLLED),
        )
        quota = store.books.quota
        rows = rows.slice(0, quota.left)
        if rows.num_rows:
            store.books.writer.append(rows)
            quota.take(rows.num_rows)
            self.rows += rows.num_rows
        self._known_ns.update(dict.fromkeys(handles.tolist(), time.time_ns()))

    def _tell_unread(self, store: RecordingStore, handles: Handles, interval_s: float, cause: str) -> None:
        """A window for each node that was read before, and not when it should have been: the last session went."""
        now_ns, known = time.time_ns(), self._known_ns
        late_ns = {node: now_ns - known.get(node, now_ns) for node in handles.tolist()}
        late_ns = {node: late for node, late in late_ns.items() if late > 1.5e9 * interval_s}
        if late_ns:
            self.missed += max(int(max(late_ns.values()) / 1e9 / interval_s) - 1, 1)
            since_ns = {node: now_ns - late for node, late in late_ns.items()}
            self._tell(store, since_ns, interval_s, self._next_streak(), cause)

    def _tell(
        self,
        store: RecordingStore,
        since_ns: Mapping[int, int],
        interval_s: float,
        streak: int,
        cause: str,
    ) -> None:
        """A window per node, from `since_ns` on; written again for as long as cycle after cycle is missed."""
        now_ns = time.time_ns()
        store.note("cycle_missed", {"cycles": self.missed, "interval_ms": interval_s * 1000, "cause": cause})
        for handle, since in since_ns.items():
            key = f"missed {store.name} {since} {handle}"
            _window(store, GapReason.STALE, handle, (since, now_ns), cause, key)
            self._known_ns[handle] = now_ns
        store.gaps[str(GapReason.STALE)] = max(store.gaps[str(GapReason.STALE)], streak)


def _window(store: RecordingStore, reason: GapReason, node: int, span: tuple[int, int], cause: str, key: str) -> None:
    store.books.writer.gap(
        reason, server=store.name, start_ns=span[0], end_ns=span[1], state=GapState.EXPLAINED, node=node,
        sub=store.sub, detail={"cause": cause}, key=key,
    )  # fmt: skip


def tell_unread(store: RecordingStore, groups: Groups, left: Left, now_ns: int) -> None:
    """A window for each node of which a cycle passed while the capture was not running; it is read again now."""
    rows = left.last_values
    read = (rows.column(name).cast(pa.int64()).to_pylist() for name in ("node", "receive_time"))
    read_ns = dict(zip(*read, strict=True))
    for interval_ms, nodes in groups.items():
        for handle in nodes:
            since_ns = read_ns.get(handle, left.recorded_ns)
            if now_ns - since_ns > interval_ms * 1e6:
                reason, key = GapReason.CLIENT_STOPPED, f"unread {store.name} {since_ns} {handle}"
                _window(store, reason, handle, (since_ns, now_ns), NOT_RUNNING, key)
                store.gaps[str(reason)] += 1
