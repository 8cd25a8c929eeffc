"""Keeps one server connected for as long as somebody wants its values: connect, subscribe, and again after every loss.

One task per server, one session at a time, always closed. The states:

    connecting → preparing → subscribing → receiving → (lost) waiting → connecting → …
         └───────────┴────────────┴─ (failed) ─→ waiting
    connecting → rejoining → receiving             with the session and the subscription of before, where they live

`Owner` says what to monitor and stores what comes. After a loss the server may keep session, subscription and queues:
they are asked for first (`rejoin`), and only what cannot be had is made anew. Knows no file, prints nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from omptool.errors import OmptoolError, OutputFailed, Unreachable
from omptool.opcua.hooks_session import SessionKey
from omptool.opcua.session import Session, connect
from omptool.opcua.subscribing.backoff import STARTING, Backoff
from omptool.opcua.subscribing.flusher import Flusher
from omptool.opcua.subscribing.gate import Gate
from omptool.opcua.subscribing.granted import Subscription
from omptool.opcua.subscribing.items import MonitoredItem, RequestedItem
from omptool.opcua.subscribing.rejoin import delete, rejoin
from omptool.opcua.subscribing.route import Route
from omptool.opcua.subscribing.subscription import IN_FLIGHT, Kept, Subscriber
from omptool.opcua.subscribing.subscription_batch import Batch, Ending, EndKind, Event, StoreFailed
from omptool.opcua.subscribing.waiting import settled, unless, wait_at_most

if TYPE_CHECKING:
    from omptool.config import ServerConfig


class LinkState(StrEnum):
    """Where a link is."""

    CONNECTING = "connecting"
    REJOINING = "rejoining"
    PREPARING = "preparing"
    SUBSCRIBING = "subscribing"
    RECEIVING = "receiving"
    WAITING = "waiting"
    ENDED = "ended"


class OwnerFault(Exception):
    """What the owner could not do for a reason that concerns every server: our own trouble, not this one's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(repr(error))
        self.error = error


_FRUITLESS = 3
"""Lives of one session in which nothing came at all, after which another session is asked for."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a lost connection left at the server, as far as is known.

    Attributes:
        subscription: None when that is gone for certain.
        start_time: of the server; another one is another life, which knows nothing of this one.
        namespaces: of the server; what the indexes in its values mean.
        since: monotonic seconds of the loss; after `lasts_s` nobody keeps a subscription any more.
        fruitless: lives in a row in which nothing came.
        is_inherited: whether another process had it, so that nobody is told of its end what is on disk already.
    """

    key: SessionKey
    subscription: Kept
    start_time: int | None
    namespaces: tuple[str, ...]
    ending: Ending
    since: float
    lasts_s: float
    fruitless: int = 0
    is_inherited: bool = False

    @property
    def is_over(self) -> bool:
        return time.monotonic() - self.since > self.lasts_s


class Owner(Protocol):
    """What a link works for.

    OutputFailed ends the link, wherever it is raised. Anything else that `prepare`, `created` or `commit` raise is a
    failed attempt or a lost connection, because what a server sent may be behind it; but where the owner `is_alone`, a
    fault in `created` or `commit` that no user can meet ends the link, so that it is seen.
    """

    @property
    def is_alone(self) -> bool:
        """Whether nobody else would be disturbed."""

    async def prepare(self, session: Session) -> Sequence[RequestedItem]:
        """What to monitor."""

    async def created(self, session: Session, subscription: Subscription) -> None:
        """The items exist; before the first `commit` of this life."""

    async def items_came(self, subscription: Subscription, items: Sequence[MonitoredItem]) -> None:
        """Items exist that had been refused."""

    async def commit(self, batch: Batch) -> None:
        """Store a batch durably; acknowledged after that."""

    async def lost(self, ending: Ending) -> None:
        """A life in which items existed ended by itself; all that was received is committed. Not the last word."""

    async def resumed(self, session: Session) -> None:
        """The same subscription goes on: what was missed comes as `commit`, what cannot be had is a gap in it."""

    async def ended(self, ending: Ending) -> None:
        """The last word on a loss: the subscription is gone, and what its server queued since then with it."""

    async def failed(self, error: BaseException) -> None:
        """An attempt came to nothing; returns when the next one may be made."""

    def event(self, event: Event) -> None:
        """Something for the journal; must not block."""


class Link:
    """One server, connected again and again.

    Attributes:
        state: see `LinkState`.
        cause: why the last life or attempt ended; empty while all is well.
        retry_at: monotonic seconds when the next attempt is due, while waiting; `subscriber` of this life; `route`.
    """

    def __init__(
        self,
        server: ServerConfig,
        owner: Owner,
        flusher: Flusher,
        gate: Gate,
        *,
        publishing_ms: float,
        backoff: Backoff | None = None,
    ) -> None:
        self.route = Route(server)
        self.state = LinkState.CONNECTING
        self.cause = ""
        self.retry_at = 0.0
        self._owner = owner
        self._flusher = flusher
        self._gate = gate
        self._publishing_ms = publishing_ms
        self._backoff = backoff or Backoff()
        self.subscriber: Subscriber | None = None
        self._created = 0.0
        self._left: Left | None = None
        self._was_there = self._has_stopped = False

    @property
    def attempts(self) -> int:
        """Failed since the last steady connection."""
        return self._backoff.attempts

    @property
    def silent_s(self) -> float:
        """Seconds since the server was last heard; 0 while nothing is due."""
        return self.subscriber.silent_s if self.subscriber and self.state is LinkState.RECEIVING else 0.0

    def inherit(self, left: Left) -> None:
        """Before `run`: another process left this at the server, and it is asked for before anything is made anew."""
        self._left = left

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set.

        Raises:
            OutputFailed, Exception: whatever the owner could not do.
        """
        try:
            while not stop.is_set():
                pause = await self._life(stop)
                if pause is not None:
                    self.state, self.retry_at = LinkState.WAITING, time.monotonic() + pause
                    await wait_at_most(stop, pause)
            await self._owned_at_last(self._settle())
        except OwnerFault as fault:
            raise fault.error from None
        finally:
            self.state = LinkState.ENDED

    async def _life(self, stop: asyncio.Event) -> float | None:
        """One session; the seconds to wait then, None when it was told to stop. No failure here may end the others."""
        self._created = 0.0
        outcome = await settled(self._session(stop))
        if isinstance(outcome, OwnerFault):
            raise outcome
        if self._has_stopped:  # all is stored; how the server took the goodbye is no loss
            return None
        if isinstance(outcome, asyncio.CancelledError):  # not ours: something below gave its own wait up
            outcome = Unreachable(f"{self.route.server.url}: the attempt was given up")
        return await self._gone(outcome) if isinstance(outcome, BaseException) else outcome

    async def _session(self, stop: asyncio.Event) -> float | None:
        async with contextlib.AsyncExitStack() as stack:
            self.state = LinkState.CONNECTING
            left = self._left
            session = await unless(stop, stack.enter_async_context(self._connected(left.key if left else None)))
            if session is None:
                return None
            if left is not None:
                self.state = LinkState.REJOINING
                if await unless(stop, self._rejoin(session, left)):
                    return await self._receive(session, (), stop)
            if stop.is_set():
                if left is not None and left.is_inherited:
                    session.leave()  # nothing was taken over yet: it stays there for the next one
                return None
            self.state = LinkState.PREPARING
            items = await unless(stop, self._owner.prepare(session))
            if items is None:
                return None
            self.state = LinkState.SUBSCRIBING
            return await self._receive(session, items, stop)

    @contextlib.asynccontextmanager
    async def _connected(self, key: SessionKey | None) -> AsyncIterator[Session]:
        place = await self._gate.enter()
        try:
            server = self.route.server
            patience_s, opening_s = self._backoff.limits(server.timeout_s, is_back=self._was_there)
            async with connect(server, timeout_s=patience_s, opening_s=opening_s, resume=key) as session:
                place.leave()
                yield session
        finally:
            place.leave()

    async def _rejoin(self, session: Session, left: Left) -> bool:
        """Whether the subscription of before is this session's, and up to date; if not, its end is told."""
        intake = left.subscription.intake
        is_same = session.resumed or session.application_uri == left.key.application_uri
        if session.server_start_time != left.start_time and None not in (session.server_start_time, left.start_time):
            is_elsewhere = session.url != self.route.taken and not left.is_inherited
            refusal, kind = "the server began anew", EndKind.RESTARTED
            if is_elsewhere:
                refusal, kind = "another one answers at the other address", left.ending.kind
        elif not is_same:
            refusal, kind = "it is another server now", left.ending.kind
        elif tuple(session.namespaces[: len(left.namespaces)]) != left.namespaces:
            refusal, kind = "its namespaces have other indexes now", left.ending.kind
        else:
            try:
                refusal, kind = await rejoin(session, intake), left.ending.kind
            except Unreachable:
                session.leave()
                raise
        if not refusal:
            detail = {"session": "kept" if session.resumed else "new", "subscription_id": intake.sub}
            self._owner.event(Event("resumed", intake.sub, detail))
            await self._owned(self._owner.resumed(session))
            self._stands(session)
            return True
        self._owner.event(Event("not_resumed", intake.sub, {"cause": refusal}))
        if session.resumed:
            await delete(session, intake.sub)
        await self._settle(kind)
        return False

    def _stands(self, session: Session) -> None:
        self.state, self.cause, self._created = LinkState.RECEIVING, "", time.monotonic()
        before = self.route.stands()
        if before:
            found = {"url": session.url, "from": before, "application_uri": session.application_uri}
            self._owner.event(Event("failover", None, found))

    async def _settle(self, kind: EndKind | None = None) -> None:
        """Give up what was left at the server: close its books and tell the owner."""
        left, self._left = self._left, None
        if left is None:
            return
        if left.is_inherited:
            await self._owner.ended(left.ending)
            return
        intake = left.subscription.intake
        intake.close()
        if intake.buffer:
            await self._owner.commit(intake.take(left.key.application_uri))
        await self._owner.ended(replace(left.ending, kind=kind or left.ending.kind))

    async def _receive(self, session: Session, items: Sequence[RequestedItem], stop: asyncio.Event) -> float | None:
        place = await self._gate.enter()

        async def created(subscription: Subscription) -> None:
            place.leave()
            await self._owned(self._owner.created(session, subscription))
            self._stands(session)

        async def items_came(subscription: Subscription, items: Sequence[MonitoredItem]) -> None:
            await self._owned(self._owner.items_came(subscription, items))

        before, self._left, self._was_there = self._left, None, True
        subscriber = self.subscriber = Subscriber(
            session,
            items,
            publishing_ms=self._publishing_ms,
            flusher=self._flusher,
            owner=self._owner,
            on_created=created,
            on_event=self._owner.event,
            on_items=items_came,
            kept=before.subscription if before else None,
        )
        try:
            ending = await subscriber.run(stop)
        except StoreFailed as failure:
            raise self._blamed(failure.error) from None
        finally:
            place.leave()
        if ending.kind is EndKind.STOPPED:
            self._has_stopped = True
            return None
        if not self._created:
            address = f"{session.url}: "
            raise Unreachable(address + ending.cause.removeprefix(address), "run the command again")
        fruitless = 0 if subscriber.has_heard or before is None else before.fruitless + 1
        if subscriber.kept and fruitless < _FRUITLESS:
            session.leave()
            self._left = _left(session, subscriber.kept, ending, fruitless)
        return await self._lost(ending)

    async def _owned(self, work: Awaitable[None]) -> None:
        """Let the owner work; mark what concerns every server."""
        try:
            await work
        except Exception as error:
            blamed = self._blamed(error)
            if blamed is error:
                raise
            raise blamed from error

    def _blamed(self, error: BaseException) -> BaseException:
        """What the owner failed at, marked where it concerns every server."""
        is_ours = isinstance(error, OutputFailed) or (self._owner.is_alone and not isinstance(error, OmptoolError))
        return OwnerFault(error) if is_ours and isinstance(error, Exception) else error

    async def _owned_at_last(self, work: Awaitable[None]) -> None:
        """Let the owner write what must be written, whatever happened at the server."""
        try:
            await work
        except Exception as fault:
            raise OwnerFault(fault) from fault

    async def _gone(self, error: BaseException) -> float:
        """What went wrong was an error: before items existed an attempt that failed, later a loss."""
        if self._created:
            return await self._lost(Ending(EndKind.LOST, _words(error)))
        self.cause = _words(error)
        # a server that took us before and refuses now is most likely starting: no reason yet to stay away for long
        is_starting = self._was_there and self._backoff.attempts < STARTING
        pause = self._backoff.failed(refused=not is_starting and not isinstance(error, Unreachable))
        pause = self.route.failed(pause)
        self.state, self.retry_at = LinkState.WAITING, time.monotonic() + pause
        if self._left is not None and self._left.is_over:
            await self._owned_at_last(self._settle())
        await self._owned_at_last(self._owner.failed(error))
        return pause

    async def _lost(self, ending: Ending) -> float:
        self.cause = ending.cause
        self._backoff.lasted(time.monotonic() - self._created)
        pause = self._backoff.failed()
        self.state, self.retry_at = LinkState.WAITING, time.monotonic() + pause
        await self._owned_at_last(self._owner.lost(ending))
        if self._left is None:
            await self._owned_at_last(self._owner.ended(ending))
        return pause


def lasts_s(granted: Subscription, timeout_s: float) -> float:
    """How long a server may keep a subscription after the connection was lost, until nobody hopes any more."""
    return granted.lifetime_s + IN_FLIGHT * granted.keep_alive_s + timeout_s


def _left(session: Session, kept: Kept, ending: Ending, fruitless: int) -> Left:
    lasts = lasts_s(kept.granted, session.timeout_s)
    namespaces, began = tuple(session.namespaces), session.server_start_time
    return Left(session.key, kept, began, namespaces, ending, time.monotonic(), lasts, fruitless)


def _words(error: BaseException) -> str:
    if isinstance(error, OmptoolError):
        return error.message
    return f"omptool failed at what the server sent ({type(error).__name__}: {error})"
