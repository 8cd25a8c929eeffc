"""Keeps one server connected for as long as somebody wants its values: connect, subscribe, and again after every loss.

One task per server, one session at a time, always closed. The states:

    connecting → preparing → subscribing → receiving → (lost) waiting → connecting → …
         └───────────┴────────────┴─ (failed) ─→ waiting

`Owner` is whoever wants the values; it says what to monitor and stores what comes. What is to be kept of a session
that is lost, and what is asked for again on the next one, is decided in `_life` and nowhere else: today each life has
a session and a subscription of its own. Knows no file, prints nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from omptool.errors import OmptoolError, OutputFailed, Unreachable
from omptool.opcua.backoff import Backoff
from omptool.opcua.items import RequestedItem
from omptool.opcua.session import Session, connect
from omptool.opcua.subscription import Subscriber, Subscription
from omptool.opcua.subscription_batch import Batch, Ending, EndKind, Event
from omptool.opcua.waiting import unless, wait_at_most

if TYPE_CHECKING:
    from omptool.config import ServerConfig


class LinkState(StrEnum):
    """Where a link is."""

    CONNECTING = "connecting"
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

    async def commit(self, batch: Batch) -> None:
        """Store a batch durably; acknowledged after that."""

    async def ended(self, ending: Ending) -> None:
        """A life in which items existed ended by itself; all that was received is committed."""

    async def failed(self, error: BaseException) -> None:
        """An attempt came to nothing; returns when the next one may be made."""

    def event(self, event: Event) -> None:
        """Something for the journal; must not block."""


class Link:
    """One server, connected again and again.

    Attributes:
        state: see `LinkState`.
        cause: why the last life or attempt ended; empty while all is well.
        retry_at: monotonic seconds when the next attempt is due, while waiting.
    """

    def __init__(
        self, server: ServerConfig, owner: Owner, *, publishing_ms: float, backoff: Backoff | None = None
    ) -> None:
        self.server = server
        self.state = LinkState.CONNECTING
        self.cause = ""
        self.retry_at = 0.0
        self._owner = owner
        self._publishing_ms = publishing_ms
        self._backoff = backoff or Backoff()
        self._subscriber: Subscriber | None = None
        self._created = 0.0

    @property
    def attempts(self) -> int:
        """Failed since the last steady connection."""
        return self._backoff.attempts

    @property
    def silent_s(self) -> float:
        """Seconds since the server was last heard; 0 while nothing is due."""
        return self._subscriber.silent_s if self._subscriber and self.state is LinkState.RECEIVING else 0.0

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
        except OwnerFault as fault:
            raise fault.error from None
        finally:
            self.state = LinkState.ENDED

    async def _life(self, stop: asyncio.Event) -> float | None:
        """One session, from connecting to its end; the seconds to wait then, None when it was told to stop."""
        self._created = 0.0
        # whatever goes wrong at one server, foreseen or not, must not end the others
        [outcome] = await asyncio.gather(self._session(stop), return_exceptions=True)
        if isinstance(outcome, OwnerFault):
            raise outcome
        return await self._gone(outcome) if isinstance(outcome, BaseException) else outcome

    async def _session(self, stop: asyncio.Event) -> float | None:
        async with contextlib.AsyncExitStack() as stack:
            self.state = LinkState.CONNECTING
            session = await unless(stop, stack.enter_async_context(connect(self.server)))
            if session is None:
                return None
            self.state = LinkState.PREPARING
            items = await unless(stop, self._owner.prepare(session))
            if items is None:
                return None
            self.state = LinkState.SUBSCRIBING
            return await self._receive(session, items, stop)

    async def _receive(self, session: Session, items: Sequence[RequestedItem], stop: asyncio.Event) -> float | None:
        async def created(subscription: Subscription) -> None:
            await self._owned(self._owner.created(session, subscription))
            self.state, self.cause, self._created = LinkState.RECEIVING, "", time.monotonic()

        async def commit(batch: Batch) -> None:
            await self._owned(self._owner.commit(batch))

        self._subscriber = Subscriber(
            session,
            items,
            publishing_ms=self._publishing_ms,
            commit=commit,
            on_created=created,
            on_event=self._owner.event,
        )
        ending = await self._subscriber.run(stop)
        if not self._created and ending.kind is not EndKind.STOPPED:
            address = f"{self.server.url}: "
            raise Unreachable(address + ending.cause.removeprefix(address), "run the command again")
        return None if ending.kind is EndKind.STOPPED else await self._lost(ending)

    async def _owned(self, work: Awaitable[None]) -> None:
        """Let the owner work; mark what concerns every server."""
        try:
            await work
        except Exception as error:
            is_foreseen = isinstance(error, OmptoolError)
            if isinstance(error, OutputFailed) or (self._owner.is_alone and not is_foreseen):
                raise OwnerFault(error) from error
            raise

    async def _gone(self, error: BaseException) -> float:
        """What went wrong was an error: before items existed an attempt that failed, later a loss."""
        if self._created:
            return await self._lost(Ending(EndKind.LOST, _words(error)))
        self.cause = _words(error)
        pause = self._backoff.failed(refused=not isinstance(error, Unreachable))
        self.state, self.retry_at = LinkState.WAITING, time.monotonic() + pause
        try:
            await self._owner.failed(error)
        except Exception as fault:
            raise OwnerFault(fault) from fault
        return pause

    async def _lost(self, ending: Ending) -> float:
        self.cause = ending.cause
        self._backoff.lasted(time.monotonic() - self._created)
        pause = self._backoff.failed()
        self.state, self.retry_at = LinkState.WAITING, time.monotonic() + pause
        try:
            await self._owner.ended(ending)
        except Exception as fault:
            raise OwnerFault(fault) from fault
        return pause


def _words(error: BaseException) -> str:
    if isinstance(error, OmptoolError):
        return error.message
    return f"omptool failed at what the server sent ({type(error).__name__}: {error})"
