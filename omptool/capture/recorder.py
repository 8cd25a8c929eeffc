"""Records one server: connect, find the nodes, subscribe, and put what arrives into a capture until told to stop.

The only module of this folder that knows `opcua`. The event loop receives; one worker thread decodes, encodes and syncs
(`store`). It prints nothing and decides no exit code. One pass of `_Recording._epoch` is one session with the server; a
lost connection ends the recording cleanly, with everything received in the capture and a gap that says since when.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from omptool.capture.nodetable import ServerIdentity
from omptool.capture.recording import FailedItem, Intervals, Limits, PlannedItem, Progress, RecordingResult, Selection
from omptool.capture.rows import Block
from omptool.capture.selection import select
from omptool.capture.store import Hole, RecordingStore
from omptool.capture.waiting import pass_on, unless
from omptool.capture.writer import CaptureWriter
from omptool.config import ServerConfig
from omptool.errors import DiskFull, OutputExists, ServerRefused, Unreachable
from omptool.model import status
from omptool.model.nodes import MonitoredNode, Node
from omptool.model.times import ticks_to_unix_ns
from omptool.model.vocabulary import GapReason, Origin
from omptool.opcua.crawl import crawl
from omptool.opcua.items import MonitoredItem, RequestedItem, queue_size
from omptool.opcua.metadata import enrich
from omptool.opcua.session import Session, connect
from omptool.opcua.subscription import Subscriber, Subscription
from omptool.opcua.subscription_batch import Batch, Ending, EndKind, Event, Received, SequenceGap
from omptool.protocol.publish import DataChange

T = TypeVar("T")

_NAMED = 20
"""Nodes named in one journal entry."""


async def plan(server: ServerConfig, selection: Selection, intervals: Intervals) -> list[PlannedItem]:
    """What `record` would monitor; creates nothing, on disk or at the server.

    Raises:
        NotFound, UsageError, Unreachable, ServerRefused: as `record`.
    """
    async with connect(server) as session:
        chosen = (await _choose(session, selection, Progress())).chosen
    depth = queue_size(intervals.publishing_ms, intervals.sampling_ms)
    return [PlannedItem(node, intervals.sampling_ms, depth) for node in chosen]


class _Found(NamedTuple):
    """Every node below Objects, the Variables to monitor, and nodes (with StatusCode) that cannot be browsed."""

    nodes: list[Node]
    chosen: list[Node]
    unbrowsable: dict[str, int]


async def record(
    server: ServerConfig,
    output: Path,
    *,
    selection: Selection,
    intervals: Intervals,
    limits: Limits,
    stop: asyncio.Event,
    force: bool = False,
    progress: Progress | None = None,
) -> RecordingResult | None:
    """Record until a limit is reached, `stop` is set or the connection is lost.

    Args:
        output: folder of the capture; created when the items exist, so a failed start leaves nothing behind.
        force: replace a capture that is there.
        progress: kept up to date, for whoever shows it.

    Returns:
        None when it was stopped before anything could be captured; nothing is on disk then.

    Raises:
        OutputExists, NotFound, UsageError, Unreachable, ServerRefused: nothing was captured.
        DiskFull: everything acknowledged is in the capture.
    """
    if not force:
        _refuse_existing(output)
    recording = _Recording(server, output, intervals, limits, progress or Progress(), force)
    return await recording.run(selection, stop)


@dataclass
class _Recording:
    """State of one `record`."""

    _server: ServerConfig
    _output: Path
    _intervals: Intervals
    _limits: Limits
    _progress: Progress
    _force: bool

    def __post_init__(self) -> None:
        self._store: RecordingStore | None = None
        self._events: deque[tuple[int, Event]] = deque()
        self._done = asyncio.Event()
        self._reason = "stopped"
        self._items: tuple[MonitoredItem, ...] = ()
        self._last_ns: int | None = None
        self._thread = ThreadPoolExecutor(1, "capture-writer")

    async def run(self, selection: Selection, stop: asyncio.Event) -> RecordingResult | None:
        with self._thread:
            async with contextlib.AsyncExitStack() as stack:
                session = await unless(stop, stack.enter_async_context(connect(self._server)))
                if session is None:
                    return None
                found = await unless(stop, _choose(session, selection, self._progress))
                if found is None:
                    return None
                ending = await self._epoch(session, found, stop)
                await self._in_thread(lambda: None)  # a stop may have come while the capture was being created
                if self._store is not None:
                    return await self._finish(session, ending, found.chosen)
                if ending.kind is EndKind.LOST:
                    raise Unreachable(f"{self._server.url}: {ending.cause}", "run the command again")
                return None

    async def _epoch(self, session: Session, found: _Found, stop: asyncio.Event) -> Ending:
        """One session, from the subscription to its end."""
        self._progress.phase = "subscribing"
        handles = {node.node_id: handle for handle, node in enumerate(found.chosen, 1)}

        async def on_created(subscription: Subscription) -> None:
            _refuse_nothing(subscription.items, self._server.url)
            self._items = subscription.items
            self._progress.keep_alive_s = subscription.keep_alive_s
            await self._in_thread(lambda: self._open(session, found, handles, subscription))
            self._arm()

        subscriber = Subscriber(
            session,
            [RequestedItem(node_id, handle, self._intervals.sampling_ms) for node_id, handle in handles.items()],
            publishing_ms=self._intervals.publishing_ms,
            commit=self._commit,
            on_created=on_created,
            on_event=lambda event: self._events.append((time.time_ns(), event)),
        )
        self._progress.silence = lambda: subscriber.silent_s
        stopper = asyncio.create_task(pass_on(stop, self._done))
        try:
            return await subscriber.run(self._done)
        except DiskFull as error:
            await self._give_up(GapReason.DISK_FULL, "disk_full", error.message)
            raise
        except BaseException as error:
            await self._give_up(GapReason.CLIENT_STOPPED, "error", str(error) or type(error).__name__)
            raise
        finally:
            stopper.cancel()

    # in the worker thread

    def _open(self, session: Session, found: _Found, handles: dict[str, int], subscription: Subscription) -> None:
        identity = ServerIdentity.of(self._server, session)
        writer = CaptureWriter.create(self._output, force=self._force, session={"url": self._server.url})
        self._store = store = RecordingStore(writer, identity, count=self._limits.count)
        store.note("connect", {"url": self._server.url, "application_uri": session.application_uri})
        if found.unbrowsable:
            store.note("browse_failed", _unbrowsable(found.unbrowsable))
        since = time.time_ns()
        table = _node_table(found.nodes, handles, identity.server, subscription, since)
        publishing_ms, facts = subscription.publishing_ms, self._facts(subscription)
        store.open(table, epoch=1, subscription_id=subscription.sub, publishing_ms=publishing_ms, facts=facts)
        store.revised([_revision(item, subscription) for item in subscription.items if _was_revised(item)])
        for item in subscription.items:
            if not item.is_monitored:
                store.item_failed(item.requested.handle, item.requested.node_id, item.status, since)
        store.commit()
        self._last_ns = since

    def _facts(self, subscription: Subscription) -> dict[str, Any]:
        return {
            "asked_publishing_ms": self._intervals.publishing_ms,
            "asked_sampling_ms": self._intervals.sampling_ms,
            "keep_alive_count": subscription.keep_alive_count,
            "lifetime_count": subscription.lifetime_count,
            "items": len(subscription.items),
            "failed": sum(not item.is_monitored for item in subscription.items),
        }

    def _write(self, batch: Batch) -> None:
        store = self._opened
        if store.is_full:  # what arrives on the way out was not asked for
            return
        self._write_events()
        store.append(list(_blocks(batch.notifications)), [_hole(gap) for gap in batch.gaps])
        store.commit()
        if batch.notifications:
            self._last_ns = _unix_ns(batch.notifications[-1].publish_ticks)

    def _write_events(self) -> None:
        while self._events:
            at, event = self._events.popleft()
            self._opened.note(event.kind, event.detail, at)

    @property
    def _opened(self) -> RecordingStore:
        assert self._store is not None
        return self._store

    # in the event loop

    async def _commit(self, batch: Batch) -> None:
        await self._in_thread(lambda: self._write(batch))
        progress, store = self._progress, self._opened
        progress.rows, progress.gaps, progress.bytes = store.rows, store.gaps.total(), store.bytes
        if batch.notifications:
            progress.lag_s = (time.monotonic_ns() - batch.notifications[0].receive_mono) / 1e9
        if store.is_full:
            self._end("count")

    async def _finish(self, session: Session, ending: Ending, chosen: Sequence[Node]) -> RecordingResult:
        store = self._opened
        is_lost = ending.kind is EndKind.LOST

        def close() -> None:
            self._write_events()
            if is_lost:
                store.connection_lost(_unix_ns(ending.last_ticks), ending.cause)
            store.close("connection_lost" if is_lost else self._reason)

        await self._in_thread(close)
        paths = {node.node_id: node.path for node in chosen}
        failed = [item for item in self._items if not item.is_monitored]
        rates = [item.sampling_ms or 0.0 for item in self._items if item.is_sampled]
        return RecordingResult(
            server=ServerIdentity.of(self._server, session).server,
            rows=store.rows,
            nodes=len(self._items) - len(failed),
            gaps=dict(store.gaps),
            seconds=time.monotonic() - self._progress.started,
            bytes=store.bytes,
            reason="connection_lost" if is_lost else self._reason,
            cause=ending.cause,
            failed=tuple(FailedItem(paths[item.requested.node_id], status.name(item.status)) for item in failed),
            sampled=len(rates),
            sampled_ms=(min(rates, default=0.0), max(rates, default=0.0)),
            overflows=store.overflows,
        )

    async def _give_up(self, reason: GapReason, word: str, cause: str) -> None:
        """End the capture on the way out of an error: say why in it, if the disk still takes a few bytes."""
        store = self._store
        if store is None:
            return

        def close() -> None:
            store.stopped_early(reason, self._last_ns, cause)
            store.close_anyway(word, {"cause": cause})

        await self._in_thread(close)

    def _arm(self) -> None:
        """Start the clocks: values count from here."""
        loop, limits, progress = asyncio.get_running_loop(), self._limits, self._progress
        progress.phase, progress.started = "capturing", time.monotonic()
        progress.nodes = sum(item.is_monitored for item in self._items)
        progress.gaps = self._opened.gaps.total()
        if limits.seconds is not None:
            loop.call_later(limits.seconds, self._end, "for")
        if limits.until_ns is not None:
            loop.call_later(max(limits.until_ns - time.time_ns(), 0) / 1e9, self._end, "until")

    def _end(self, reason: str) -> None:
        if not self._done.is_set():
            self._reason = reason
            self._done.set()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


async def _choose(session: Session, selection: Selection, progress: Progress) -> _Found:
    progress.phase = "browsing"

    def count(found: int) -> None:
        progress.nodes = found

    refused: dict[str, int] = {}
    nodes = await enrich(session, await crawl(session, on_progress=count, on_problem=refused.__setitem__))
    chosen = select(nodes, globs=selection.globs, listed=selection.listed, namespaces=session.namespaces)
    return _Found(nodes, chosen, refused)


def _unbrowsable(refused: dict[str, int]) -> dict[str, Any]:
    """What the capture says about nodes below which nobody could look for Variables."""
    first = list(refused.items())[:_NAMED]
    names = [status.name(code) for _, code in first]
    return {"nodes": len(refused), "node_ids": [node for node, _ in first], "status_names": names}


def _node_table(
    nodes: Sequence[Node], handles: dict[str, int], server: str, subscription: Subscription, since_ns: int
) -> list[MonitoredNode]:
    """All nodes, monitored or not: places and trees are found from the objects above a Variable."""
    granted = {item.requested.handle: item for item in subscription.items if item.is_monitored}
    table = []
    for node in nodes:
        entry = MonitoredNode(node, handles.get(node.node_id, 0), server, since_ns)
        item = granted.get(entry.handle)
        if item is not None:
            entry = replace(
                entry,
                sampling_ms=item.sampling_ms,
                publishing_ms=subscription.publishing_ms,
                queue_size=item.queue_size,
            )
        table.append(entry)
    return table


def _was_revised(item: MonitoredItem) -> bool:
    return item.is_monitored and (
        item.sampling_ms != item.requested.sampling_ms or item.queue_size != item.asked_queue_size
    )


def _revision(item: MonitoredItem, subscription: Subscription) -> dict[str, Any]:
    return {
        "handle": item.requested.handle,
        "node_id": item.requested.node_id,
        "asked_sampling_ms": item.requested.sampling_ms,
        "sampling_ms": item.sampling_ms,
        "asked_queue_size": item.asked_queue_size,
        "queue_size": item.queue_size,
        "sampled": item.is_sampled,
    }


def _blocks(notifications: Sequence[Received]) -> Iterator[Block]:
    for received in notifications:
        if isinstance(received.notification, DataChange):
            yield Block(
                received.notification.count,
                received.notification.items,
                received.receive_ns,
                received.receive_mono,
                received.sequence,
                _unix_ns(received.publish_ticks),
                received.origin is Origin.REPUBLISHED,
            )


def _hole(gap: SequenceGap) -> Hole:
    detail = {"first": gap.first, "last": gap.last, "answer": gap.answer}
    return Hole(_unix_ns(gap.before_ticks), _unix_ns(gap.after_ticks), gap.missing, detail)


def _unix_ns(ticks: int) -> int | None:
    return ticks_to_unix_ns(ticks) if ticks > 0 else None


def _refuse_existing(output: Path) -> None:
    """Before the long browse, not after it; `CaptureWriter` checks again, and everything."""
    if output.is_dir() and not any(output.iterdir()):
        return
    if output.exists() or output.is_symlink():
        raise OutputExists(f"{output} exists", "choose another name, or add --force to replace it")


def _refuse_nothing(items: Sequence[MonitoredItem], url: str) -> None:
    """An empty capture that looks like success helps nobody."""
    if items and not any(item.is_monitored for item in items):
        names = sorted({status.name(item.status) for item in items})
        raise ServerRefused(f"{url} monitors none of the {len(items):,} selected nodes ({', '.join(names)})")
