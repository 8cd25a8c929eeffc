"""One life of a subscription: create it, keep PublishRequests in flight, lose nothing, say how it ended.

asyncua's own subscription layer keeps one request in flight, acknowledges before anything is stored and drops what a
slow reader leaves; so all of it is ours. A notification is acknowledged only after its batch is `stored`, that is,
after its values are on disk. A skipped sequence number is asked for again (Republish); only what the server no longer
has becomes a `SequenceGap`. When the disk is slow no further PublishRequest is sent: the server's queues hold the
values, and the pause is reported.

While all is well nothing of this is a task: answers come straight from the socket (`lanes`), batches are taken with
everybody's (`flusher`), silence is noticed by a timer (`watch`). Tasks are started for what is rare.

This module knows no file and decodes no value. It never reconnects: `run` covers one session, and its caller decides
what follows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from asyncua import ua

from omptool.errors import OmptoolError
from omptool.opcua.requests_opening import create_subscription
from omptool.opcua.session import Session
from omptool.opcua.subscribing.flusher import Flusher
from omptool.opcua.subscribing.granted import Subscription
from omptool.opcua.subscribing.item_retry import retry_items
from omptool.opcua.subscribing.items import MonitoredItem, RequestedItem, create_items
from omptool.opcua.subscribing.lanes import Lanes
from omptool.opcua.subscribing.moment import moment
from omptool.opcua.subscribing.repair import repair
from omptool.opcua.subscribing.subscription_batch import STATEMENT_S, Batch, Ending, EndKind, Event, StoreFailed
from omptool.opcua.subscribing.subscription_intake import Intake
from omptool.opcua.subscribing.watch import Watch
from omptool.protocol.granting import parse_subscription
from omptool.protocol.ledger import Ledger
from omptool.protocol.publish import PublishAnswer
from omptool.protocol.statement import Statement

IN_FLIGHT = 3
"""PublishRequests waiting at the server: one to answer, two for the time an answer is under way."""

KEEP_ALIVE_S = 2.0
"""Longest silence asked for; what the server revises it to is what counts."""

GRACE_S = 2.5
"""How late, beyond one and a half keep-alive intervals, a message may be: what a busy server or network takes."""

LIFETIME_S = 120.0
"""How long the server is asked to keep the subscription, and its queues, while we are gone."""

DELETE_TIMEOUT_S = 1.5
"""A person who pressed Ctrl-C waits no longer than this for the server."""

MOST_NOTIFICATIONS = 10_000
"""Values per message asked for, so that one answer stays below the message limits of common servers."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A subscription that goes on where another life of it ended, and its books."""

    granted: Subscription
    intake: Intake


class Subscriber:
    """Monitors items of one session and has what arrives stored, batch by batch, in order.

    Args:
        session: an open session; it stays open afterwards.
        items: what to monitor; handles are unique.
        publishing_ms: requested publishing interval.
        flusher: takes and stores batches; notifications are acknowledged after that.
        owner: whom the batches belong to.
        on_created: called once with the subscription and the result per item, before the first batch is taken.
        on_event: called for every journal entry; must not block.
        on_items: called when items exist that had been refused, with the subscription as it is now, and with these.
        kept: a subscription of this session to go on with instead of creating one; `on_created` is not called then.
        in_flight: PublishRequests to keep at the server, 1 or more.
    """

    __slots__ = ("_before", "_end", "_flusher", "_granted", "_has_hole", "_held", "_in_flight", "_intake",
                 "_is_being_told", "_is_closing", "_is_open", "_is_stored", "_items", "_lanes", "_on_created",
                 "_on_event", "_on_items", "_opening", "_paused", "_publishing_ms", "_repairing", "_retrying",
                 "_session", "_stated", "_stated_s", "_watch", "_works", "has_heard", "owner")  # fmt: skip

    def __init__(
        self,
        session: Session,
        items: Sequence[RequestedItem],
        *,
        publishing_ms: float,
        flusher: Flusher,
        owner: object,
        on_created: Callable[[Subscription], Awaitable[None]],
        on_event: Callable[[Event], None],
        on_items: Callable[[Subscription, Sequence[MonitoredItem]], Awaitable[None]] | None = None,
        kept: Kept | None = None,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self.owner, self.has_heard = owner, False
        self._session = session
        self._items = items
        self._publishing_ms = publishing_ms
        self._flusher = flusher
        self._on_created = on_created
        self._on_event = on_event
        self._on_items = on_items
        self._before = kept
        self._in_flight = in_flight
        self._watch: Watch | None = None
        self._paused: float | None = None
        self._is_open = self._is_closing = self._has_hole = self._is_being_told = False
        self._opening: asyncio.Task[None] | None = None
        self._stated: Statement | None = None
        self._stated_s, self._held = 0.0, 0
        self._works: set[asyncio.Task[None]] = set()
        self._repairing: asyncio.Task[None] | None = None
        self._retrying: asyncio.Task[None] | None = None

    @property
    def ledger(self) -> Ledger:
        """What arrived so far; valid once `on_created` was called."""
        return self._intake.ledger

    @property
    def silent_s(self) -> float:
        """Seconds since the server was last heard, if only by a keep-alive."""
        return self._watch.silent_s if self._watch is not None else 0.0

    async def run(self, stop: asyncio.Event) -> Ending:
        """Create the subscription and receive until `stop` is set or the subscription is lost.

        All that was received is stored before it returns; on `stop` the subscription is deleted at the server and its
        books are closed. Otherwise they stay open, for another `Subscriber` that is given `kept`.

        Raises:
            OmptoolError: the subscription could not be created.
            StoreFailed: a batch could not be stored.
            Exception: whatever `on_created` raised.
        """
        loop = asyncio.get_running_loop()
        self._end: asyncio.Future[Ending] = loop.create_future()
        self._is_stored: asyncio.Future[None] = loop.create_future()
        await self._begin()
        try:
            self._start(self._obey(stop))
            self._start_lanes()
            if self._before is None:
                self._opening = self._start(self._open())
            else:
                self._opened()
            ending = await self._end
            if ending.kind is EndKind.STOPPED:
                await self._delete()
            await self._told()
            await self._end_works()
            if self._is_open:
                if ending.kind is EndKind.STOPPED:
                    self._intake.close()
                await self._store_the_rest()
            return ending
        finally:
            await self._end_works()
            self._flusher.forget(self)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Something that takes a while; its first failure ends the run."""
        task = asyncio.create_task(self._guard(work))
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        return task

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            if self._end.done():
                raise
            self._end.set_exception(error)

    async def _end_works(self) -> None:
        if self._watch is not None:
            self._watch.end()
            self._lanes.end()
        works = list(self._works)
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    def _finish(self, kind: EndKind, cause: str = "") -> None:
        if not self._end.done():
            self._end.set_result(Ending(kind, cause, self._intake.last_ticks, self._granted.sub))

    async def _obey(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._finish(EndKind.STOPPED)

    # creating and deleting

    @property
    def kept(self) -> Kept | None:
        """What a later `Subscriber` may go on with; None before all items were created, or when the server ended it."""
        return Kept(self._granted, self._intake) if self._is_open and not self._intake.ended else None

    async def _begin(self) -> None:
        if self._before is None:
            self._granted = await self._create()
            self._intake = Intake(self._granted.sub, self._on_event)
        else:
            self._granted, self._intake = self._before.granted, self._before.intake

    async def _create(self) -> Subscription:
        keep_alive = max(round(KEEP_ALIVE_S * 1000 / self._publishing_ms), 1)
        lifetime = max(3 * keep_alive, round(LIFETIME_S * 1000 / self._publishing_ms))
        request = create_subscription(self._publishing_ms, lifetime, keep_alive, MOST_NOTIFICATIONS)
        granted = parse_subscription(await self._session.checked(request))
        publishing_ms = granted.publishing_ms or self._publishing_ms
        return Subscription(granted.sub, publishing_ms, max(granted.keep_alive_count, 1), granted.lifetime_count)

    async def _open(self) -> None:
        """Create the items while publishing already runs, so that no queue overflows before the last one is created."""
        granted = self._granted
        items = await create_items(self._session, granted.sub, self._items, granted.publishing_ms)
        self._granted = replace(granted, items=tuple(items))
        self._is_being_told = True
        await self._on_created(self._granted)
        self._opened()

    async def _told(self) -> None:
        """Where whoever stores is just being told of the items, wait for it: what came meanwhile is theirs."""
        if self._opening is not None and self._is_being_told and not self._is_open:
            await asyncio.wait({self._opening})

    def _opened(self) -> None:
        """The items exist, and whoever stores knows it: what comes, and came, may be taken."""
        self._is_open, self._stated_s = True, time.monotonic()
        self._have_taken(urgent=self._before is not None)
        if self._intake.ledger.missing:
            self._note_hole()
        self._retry()

    def _retry(self) -> None:
        all_exist = all(item.is_monitored for item in self._granted.items)
        if not all_exist and (self._retrying is None or self._retrying.done()):
            self._retrying = self._start(retry_items(self._session, lambda: self._granted, self._items_came))

    async def add(self, items: Sequence[RequestedItem]) -> None:
        """Monitor more, with handles that are free; what is refused now is asked for again, as at the beginning."""
        came = await create_items(self._session, self._granted.sub, items, self._granted.publishing_ms)
        await self._items_came(replace(self._granted, items=(*self._granted.items, *came)), came)
        self._retry()

    async def _items_came(self, granted: Subscription, came: Sequence[MonitoredItem]) -> None:
        self._granted = granted
        if self._on_items is not None:
            await self._on_items(granted, came)

    async def _delete(self) -> None:
        """Tell the server; if it does not take it, the end of the session does the same."""
        request = ua.DeleteSubscriptionsRequest(Parameters=ua.DeleteSubscriptionsParameters([self._granted.sub]))
        try:
            await self._session.call(request, timeout_s=min(DELETE_TIMEOUT_S, self._session.timeout_s))
        except OmptoolError as error:
            self._on_event(Event("unclean_stop", self._granted.sub, {"cause": error.message}))

    # receiving

    def _start_lanes(self) -> None:
        granted = self._granted
        self._watch = Watch(
            1.5 * granted.keep_alive_s + min(GRACE_S, self._session.timeout_s),
            is_asked=lambda: self._paused is None,
            on_silence=self._silent,
        )
        self._lanes = Lanes(
            self._session, self._intake, self, self._on_event,
            count=self._in_flight, publishing_s=granted.publishing_ms / 1000,
        )  # fmt: skip
        if self._session.lacks:
            self._on_event(Event("long_way", granted.sub, {"asyncua_lacks": list(self._session.lacks)}))
        self._watch.begin()
        self._lanes.begin()

    def answered(self, answer: PublishAnswer) -> bool:
        """A message of this subscription (see `lanes.Listener`)."""
        assert self._watch is not None
        intake, (wall_ns, mono_ns) = self._intake, moment()
        self._watch.heard, self.has_heard = mono_ns / 1e9, True
        if answer.results:
            intake.ledger.acknowledged(answer.results)
        intake.published(answer, wall_ns, mono_ns)
        if intake.ledger.missing:
            self._note_hole()
        if intake.ended:
            self._finish(EndKind.LOST, intake.ended)
        if intake.buffer:
            self._have_taken(urgent=intake.buffer.is_flush)
            if intake.buffer.is_full or self._flusher.is_full:
                self._paused = self._paused or self._watch.heard
        else:
            self._look()
        return self._paused is None

    def lost(self, cause: str) -> None:
        """No answer can come any more (see `lanes.Listener`)."""
        self._finish(EndKind.LOST, cause)

    def failed(self, error: Exception) -> None:
        """An answer was too much for us (see `lanes.Listener`)."""
        if not self._end.done():
            self._end.set_exception(error)

    def _silent(self, seconds: float) -> None:
        self._finish(EndKind.STALE, f"no message for {seconds:.1f} s, not even a keep-alive")

    def _look(self) -> None:
        """Where nothing but keep-alives comes an account is written all the same, now and then."""
        if self._is_open and time.monotonic() - self._stated_s >= STATEMENT_S:
            self._stated_s = time.monotonic()
            if self._intake.statement() != self._stated:
                self._flusher.has_data(self)

    # repairing

    def _note_hole(self) -> None:
        self._has_hole = True
        if self._is_open and (self._repairing is None or self._repairing.done()):
            self._repairing = self._start(self._repair_all())

    async def _repair_all(self) -> None:
        while self._has_hole:
            self._has_hole = False
            await self._repair()

    async def _repair(self) -> None:
        cause = await repair(self._session, self._intake)
        if cause:
            self._finish(EndKind.LOST, cause)
        self._have_taken(urgent=False)

    # having it stored (see `flusher.Source`)

    def _have_taken(self, *, urgent: bool) -> None:
        """Let the buffer be taken with the next beat."""
        buffer = self._intake.buffer
        if self._is_open and (buffer or urgent):
            more, self._held = buffer.bytes - self._held, buffer.bytes
            self._flusher.has_data(self, size=more, urgent=urgent)

    def take(self) -> Batch:
        """All that came since the last time, and the account of all that came at all."""
        self._held = 0
        batch = self._intake.take(self._session.application_uri)
        self._stated, self._stated_s = batch.statement, time.monotonic()
        return batch

    def stored(self, batch: Batch, error: BaseException | None) -> None:
        """A batch is safe: its messages may be acknowledged, and more be asked for."""
        if error is not None:
            failure = StoreFailed(error)
            for waiting in (self._end, self._is_stored):
                if not waiting.done():
                    waiting.set_exception(failure)
                    waiting.exception()  # whoever waits for the other one is told by it
            return
        intake = self._intake
        intake.ledger.committed(received.sequence for received in batch.notifications)
        if self._paused is not None and not self._flusher.is_full:
            self._go_on(self._paused)
        if intake.buffer:
            self._have_taken(urgent=intake.buffer.is_flush or self._is_closing)
        elif self._is_closing and not self._is_stored.done():
            self._is_stored.set_result(None)

    def _go_on(self, paused: float) -> None:
        assert self._watch is not None
        now = time.monotonic()
        self._on_event(Event("client_slow", self._granted.sub, {"seconds": round(now - paused, 3)}))
        self._paused, self._watch.heard = None, now
        self._lanes.go_on()

    async def _store_the_rest(self) -> None:
        """Until nothing is left to be stored, nor being stored."""
        self._is_closing = True
        self._flusher.has_data(self, urgent=True)
        await self._is_stored
