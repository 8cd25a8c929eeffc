"""One life of a subscription: create it, keep PublishRequests in flight, lose nothing, say how it ended.

asyncua's own subscription layer keeps one request in flight, acknowledges before anything is stored and drops what a
slow reader leaves; so the loop is ours. A notification is acknowledged only after `commit` returned, that is, after its
values are on disk. A skipped sequence number is asked for again (Republish); only what the server no longer has becomes
a `SequenceGap`. When the disk is slow no further PublishRequest is sent: the server's queues hold the values, and the
pause is reported.

This module knows no file and decodes no value. It never reconnects: `run` covers one session, and its caller decides
what follows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from asyncua import ua

from omptool.errors import MalformedMessage, OmptoolError
from omptool.model import status
from omptool.opcua.granted import Subscription
from omptool.opcua.item_retry import retry_items
from omptool.opcua.items import MonitoredItem, RequestedItem, create_items
from omptool.opcua.session import Session
from omptool.opcua.stalls import STALLED_S
from omptool.opcua.subscription_batch import FLUSH_S, STATEMENT_S, Batch, Ending, EndKind, Event
from omptool.opcua.subscription_intake import Intake
from omptool.opcua.waiting import wait_at_most
from omptool.protocol.ledger import Ledger
from omptool.protocol.publish import PublishAnswer, parse_publish_response, parse_republish_response
from omptool.protocol.statement import Statement

IN_FLIGHT = 3
"""PublishRequests waiting at the server: one to answer, two for the time an answer is under way."""

KEEP_ALIVE_S = 2.0
"""Longest silence asked for; what the server revises it to is what counts."""

GRACE_S = 2.5
"""How late, beyond one and a half keep-alive intervals, a message may be: what a busy server or network takes."""

LIFETIME_S = 120.0
"""How long the server is asked to keep the subscription, and its queues, while we are gone."""

DELETE_TIMEOUT_S = 3.0
"""A person who pressed Ctrl-C waits no longer than this for the server."""

MOST_NOTIFICATIONS = 10_000
"""Values per message asked for, so that one answer stays below the message limits of common servers."""

MOST_ACKNOWLEDGEMENTS = 100
MOST_REPUBLISHED = 1000
"""Per request, and per hole."""

_TOO_MANY_REQUESTS = status.code_of("BadTooManyPublishRequests")
_ASK_AGAIN = frozenset(status.code_of(name) for name in ("BadTimeout", "BadRequestTimeout"))


@dataclass(frozen=True, slots=True)
class Kept:
    """A subscription that goes on where another life of it ended, and its books."""

    granted: Subscription
    intake: Intake


class Subscriber:
    """Monitors items of one session and hands what arrives to `commit`, batch by batch, in order.

    Args:
        session: an open session; it stays open afterwards.
        items: what to monitor; handles are unique.
        publishing_ms: requested publishing interval.
        commit: stores a batch durably; notifications are acknowledged after it returned. What it raises ends `run`.
        on_created: called once with the subscription and the result per item, before the first `commit`.
        on_event: called for every journal entry; must not block.
        on_items: called when items exist that had been refused, with the subscription as it is now, and with these.
        kept: a subscription of this session to go on with instead of creating one; `on_created` is not called then.
        in_flight: PublishRequests to keep at the server, 1 or more.
    """

    def __init__(
        self,
        session: Session,
        items: Sequence[RequestedItem],
        *,
        publishing_ms: float,
        commit: Callable[[Batch], Awaitable[None]],
        on_created: Callable[[Subscription], Awaitable[None]],
        on_event: Callable[[Event], None],
        on_items: Callable[[Subscription, Sequence[MonitoredItem]], Awaitable[None]] | None = None,
        kept: Kept | None = None,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self._session = session
        self._items = items
        self._publishing_ms = publishing_ms
        self._commit = commit
        self._on_created = on_created
        self._on_event = on_event
        self._on_items = on_items
        self._before = kept
        self._lanes = in_flight
        self._heard = self._paused = 0.0
        self.has_heard = False
        self._closing = False
        self._strangers: set[int] = set()
        self._stated: Statement | None = None
        self._has_room, self._has_data, self._is_urgent = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._has_hole, self._is_open = asyncio.Event(), asyncio.Event()
        self._has_room.set()

    @property
    def ledger(self) -> Ledger:
        """What arrived so far; valid once `on_created` was called."""
        return self._intake.ledger

    @property
    def silent_s(self) -> float:
        """Seconds since the server was last heard, if only by a keep-alive."""
        return time.monotonic() - self._heard

    async def run(self, stop: asyncio.Event) -> Ending:
        """Create the subscription and receive until `stop` is set or the subscription is lost.

        All that was received is committed before it returns; on `stop` the subscription is deleted at the server and
        its books are closed. Otherwise they stay open, for another `Subscriber` that is given `kept`.

        Raises:
            OmptoolError: the subscription could not be created.
            Exception: whatever `commit` or `on_created` raised.
        """
        await self._begin()
        self._end: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        flusher = asyncio.create_task(self._guard(self._flush_loop()))
        works: list[Coroutine[Any, Any, None]] = [self._repair_loop(), self._watch(), self._obey(stop)]
        works += [self._retry_items()] if self._before else [self._open(), self._retry_items()]
        works += [self._lane() for _ in range(self._lanes)]
        workers = [asyncio.create_task(self._guard(work)) for work in works]
        try:
            ending = await self._end
            if ending.kind is EndKind.STOPPED:
                await self._delete()
            await _cancel(workers)
            if self._is_open.is_set():
                if ending.kind is EndKind.STOPPED:
                    self._intake.close()
                self._closing = True
                self._wake_flusher(urgent=True)
                await flusher
            return ending
        finally:
            await _cancel([*workers, flusher])

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Let the first failure of any task end the run; later ones are only echoes of it."""
        try:
            await work
        except Exception as error:
            if self._end.done():
                raise
            self._end.set_exception(error)

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
        return Kept(self._granted, self._intake) if self._is_open.is_set() and not self._intake.ended else None

    async def _begin(self) -> None:
        if self._before is None:
            self._granted = await self._create()
            self._intake = Intake(self._granted.sub, self._on_event)
            return
        self._granted, self._intake = self._before.granted, self._before.intake
        self._heard = time.monotonic()
        self._is_open.set()
        self._wake_flusher(urgent=True)
        if self._intake.ledger.missing:
            self._has_hole.set()

    async def _create(self) -> Subscription:
        keep_alive = max(round(KEEP_ALIVE_S * 1000 / self._publishing_ms), 1)
        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=self._publishing_ms,
            RequestedMaxKeepAliveCount=keep_alive,
            RequestedLifetimeCount=max(3 * keep_alive, round(LIFETIME_S * 1000 / self._publishing_ms)),
            MaxNotificationsPerPublish=MOST_NOTIFICATIONS,
            PublishingEnabled=True,
        )
        answer = (await self._session.ask(ua.CreateSubscriptionRequest(Parameters=parameters))).Parameters
        self._heard = time.monotonic()
        return Subscription(
            int(answer.SubscriptionId),
            float(answer.RevisedPublishingInterval) or self._publishing_ms,
            max(int(answer.RevisedMaxKeepAliveCount), 1),
            int(answer.RevisedLifetimeCount),
        )

    async def _open(self) -> None:
        """Create the items while publishing already runs, so that no queue overflows before the last one is created."""
        granted = self._granted
        items = await create_items(self._session, granted.sub, self._items, granted.publishing_ms)
        self._granted = replace(granted, items=tuple(items))
        await self._on_created(self._granted)
        self._is_open.set()

    async def _retry_items(self) -> None:
        await self._is_open.wait()
        await retry_items(self._session, self._granted, self._items_came)

    async def _items_came(self, granted: Subscription, came: Sequence[MonitoredItem]) -> None:
        self._granted = granted
        if self._on_items is not None:
            await self._on_items(granted, came)

    async def _delete(self) -> None:
        """Tell the server; if it does not take it, the end of the session does the same."""
        request = ua.DeleteSubscriptionsRequest()
        request.Parameters.SubscriptionIds = [self._granted.sub]
        try:
            await self._session.call(request, timeout_s=min(DELETE_TIMEOUT_S, self._session.timeout_s))
        except OmptoolError as error:
            self._on_event(Event("unclean_stop", self._granted.sub, {"cause": error.message}))

    # receiving

    async def _lane(self) -> None:
        """One PublishRequest after the other; several lanes make several in flight."""
        while True:
            await self._has_room.wait()
            acknowledged = self._intake.ledger.take_acknowledgements(MOST_ACKNOWLEDGEMENTS)
            try:
                answer = parse_publish_response(
                    await self._session.call(self._publish_request(acknowledged), timeout_s=0)
                )
            except MalformedMessage as error:
                # Go on: the next message shows the hole in the numbers, and Republish gets a second chance. Not
                # counted as hearing from the server, so one that sends nothing else is given up.
                self._intake.malformed(error.message)
                continue
            except OmptoolError as error:
                self._intake.ledger.return_acknowledgements(acknowledged)
                self._finish(EndKind.LOST, error.message)
                return
            if answer.service_result >> 31:
                self._intake.ledger.return_acknowledgements(acknowledged)
                if not await self._goes_on(answer.service_result):
                    return
            elif answer.subscription_id == self._granted.sub:
                self._receive(answer)
            elif answer.subscription_id not in self._strangers:
                self._strangers.add(answer.subscription_id)
                self._on_event(Event("stranger", self._granted.sub, {"subscription_id": answer.subscription_id}))

    def _publish_request(self, acknowledged: Iterable[int]) -> Any:
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = [
            ua.SubscriptionAcknowledgement(SubscriptionId=self._granted.sub, SequenceNumber=number)
            for number in acknowledged
        ]
        return request

    async def _goes_on(self, code: int) -> bool:
        """Whether this lane asks again after a refused PublishRequest."""
        if code == _TOO_MANY_REQUESTS and self._lanes > 1:
            self._lanes -= 1
            self._on_event(Event("publish_requests", self._granted.sub, {"in_flight": self._lanes}))
            return False
        if code == _TOO_MANY_REQUESTS or code in _ASK_AGAIN:
            await asyncio.sleep(min(self._granted.publishing_ms / 1000, 1.0))
            return True
        self._finish(EndKind.LOST, f"the server refused to publish ({status.name(code)})")
        return False

    def _receive(self, answer: PublishAnswer) -> None:
        intake = self._intake
        self._heard, self.has_heard = time.monotonic(), True
        intake.ledger.acknowledged(answer.results)
        intake.published(answer, time.time_ns(), time.monotonic_ns())
        if intake.ledger.missing:
            self._has_hole.set()
        if intake.ended:
            self._finish(EndKind.LOST, intake.ended)
        self._wake_flusher(urgent=intake.buffer.is_flush)
        if intake.buffer.is_full and self._has_room.is_set():
            self._has_room.clear()
            self._paused = self._heard

    async def _watch(self) -> None:
        """End the run when nothing, not even a keep-alive, comes for longer than promised, plus some grace.

        When we ourselves stood still (a suspended process, a laptop asleep) the silence was ours, not the server's.
        """
        while True:
            if not self._has_room.is_set():
                self._heard = time.monotonic()  # nobody was asked, so nobody is silent
            limit = 1.5 * self._granted.keep_alive_s + min(GRACE_S, self._session.timeout_s)
            silent = time.monotonic() - self._heard
            if silent >= limit:
                self._finish(EndKind.STALE, f"no message for {silent:.1f} s, not even a keep-alive")
                return
            due = time.monotonic() + limit - silent
            await asyncio.sleep(limit - silent)
            late = time.monotonic() - due
            if late > STALLED_S:
                self._heard = time.monotonic()

    # repairing

    async def _repair_loop(self) -> None:
        while True:
            await self._has_hole.wait()
            self._has_hole.clear()
            await self._repair()

    async def _repair(self) -> None:
        """Ask for every missing message once; what the server does not have is given up."""
        intake = self._intake
        asked_up_to = intake.ledger.expected
        refusal = ""
        for number in intake.ledger.to_republish(MOST_REPUBLISHED):
            request = ua.RepublishRequest()
            request.Parameters.SubscriptionId = self._granted.sub
            request.Parameters.RetransmitSequenceNumber = number
            try:
                answer = parse_republish_response(await self._session.call(request))
            except MalformedMessage as error:
                refusal = error.message
                continue
            except OmptoolError as error:
                self._finish(EndKind.LOST, error.message)
                return
            if answer.service_result >> 31:
                refusal = status.name(answer.service_result)
            elif answer.sequence_number != number:
                refusal = f"it sent {answer.sequence_number} instead of {number}"
            else:
                intake.republished(answer, time.time_ns(), time.monotonic_ns())
        intake.give_up(refusal, before=asked_up_to)
        self._wake_flusher(urgent=False)

    # handing on

    def _wake_flusher(self, *, urgent: bool) -> None:
        self._has_data.set()
        if urgent:
            self._is_urgent.set()

    async def _flush_loop(self) -> None:
        """Commit what has gathered every `FLUSH_S`, sooner when it is much, in order; of silence the account."""
        await self._is_open.wait()
        while not self._closing or self._intake.buffer:
            await wait_at_most(self._has_data, STATEMENT_S)
            await wait_at_most(self._is_urgent, FLUSH_S)
            self._has_data.clear()
            self._is_urgent.clear()
            if self._intake.buffer or self._intake.statement() != self._stated:
                await self._flush()

    async def _flush(self) -> None:
        intake = self._intake
        batch = intake.take(self._session.application_uri)
        self._stated = batch.statement
        await self._commit(batch)
        intake.ledger.committed(received.sequence for received in batch.notifications)
        if not self._has_room.is_set():
            self._resume()
        if intake.buffer:
            self._wake_flusher(urgent=intake.buffer.is_flush or self._closing)

    def _resume(self) -> None:
        now = time.monotonic()
        self._on_event(Event("client_slow", self._granted.sub, {"seconds": round(now - self._paused, 3)}))
        self._heard = now
        self._has_room.set()


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
