"""A session that outlives its connection: a long crawl does not begin again because a cable was pulled.

Only for asking: every request is one that may be asked twice. What a lost connection takes along is taken up where the
server kept it (the session, with its continuation points), and asked again where it did not. Subscriptions have their
own way back (`link`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omptool.errors import OmptoolError, Unreachable
from omptool.model import status
from omptool.opcua import faults
from omptool.opcua.hooks_session import SessionKey
from omptool.opcua.reaching import reach
from omptool.opcua.session import Session, connect
from omptool.opcua.subscribing.backoff import Backoff

if TYPE_CHECKING:
    from omptool.config import ServerConfig

RETURN_S = 30.0
"""A server that is not back after this is asked no more."""

_LOSSES = 3
"""So many connections lost one after the other, without an answer in between, are no accident."""

_ENDED = frozenset(
    status.code_of(name)
    for name in (
        "BadSessionIdInvalid",
        "BadSessionClosed",
        "BadSessionNotActivated",
        "BadSecureChannelIdInvalid",
        "BadSecureChannelClosed",
        "BadConnectionClosed",
    )
)
"""ServiceResults of a server that lives and has forgotten us."""

OnLoss = Callable[[OmptoolError], None]
_Open = Callable[[SessionKey | None, float | None], Awaitable[Session]]


@contextlib.asynccontextmanager
async def lasting(
    server: ServerConfig, *, timeout_s: float | None = None, on_loss: OnLoss | None = None
) -> AsyncIterator[LastingSession]:
    """`connect`, for a session that comes back.

    Args:
        on_loss: told of every lost connection, before it is tried again.

    Raises:
        Unreachable, ServerRefused: as `connect`; later, when the server does not come back in time.
    """
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(reach(server, timeout_s=timeout_s))
        taken = replace(server, url=first.url)  # what was learned there holds for no other address

        async def opened(key: SessionKey | None, opening_s: float | None) -> Session:
            return await stack.enter_async_context(connect(taken, timeout_s=timeout_s, opening_s=opening_s, resume=key))

        yield LastingSession(first, opened, on_loss)


class LastingSession(Session):
    """A `Session` whose requests wait for the connection to come back.

    Attributes:
        losses: how often the connection was lost.
    """

    def __init__(self, first: Session, opened: _Open, on_loss: OnLoss | None) -> None:
        super().__init__(first._client, first.url, first.timeout_s, first.security)
        self.describe(first.info)
        self.capacity = first.capacity
        self.losses = 0
        self._opened = opened
        self._on_loss = on_loss or (lambda error: None)
        self._mending = asyncio.Lock()
        self._in_a_row = 0
        self._over: OmptoolError | None = None

    async def call(self, request: Any, *, timeout_s: float | None = None) -> bytes:
        while True:
            connection = self.closed
            try:
                body = await super().call(request, timeout_s=timeout_s)
            except Unreachable as error:
                if not connection.is_set():
                    raise
                await self._mend(connection, error)
            else:
                self._in_a_row = 0
                return body

    async def checked(self, request: Any, *, timeout_s: float | None = None) -> bytes:
        while True:
            connection, losses = self._protocol, self._in_a_row
            try:
                return await super().checked(request, timeout_s=timeout_s)
            except faults.ServiceLost as error:
                if error.code not in _ENDED:
                    raise
                self._in_a_row = losses  # that was an answer, but none that helps
                connection.abandon(f"the server ended the session ({status.name(error.code)})")
                await self._mend(connection.closed, error)

    async def _mend(self, connection: asyncio.Event, error: OmptoolError) -> None:
        """Connect again, unless another request has done so already.

        Raises:
            OmptoolError: it cannot be done.
        """
        async with self._mending:
            if self._over is not None:
                raise self._over
            if self.closed is not connection:
                return
            self.losses += 1
            self._in_a_row += 1
            try:
                if self._in_a_row > _LOSSES:
                    raise error
                self._on_loss(error)
                self._take_over(await self._back(error))
            except OmptoolError as final:
                self._over = final
                raise

    async def _back(self, error: OmptoolError) -> Session:
        backoff, until = Backoff(), time.monotonic() + RETURN_S
        while True:
            await asyncio.sleep(backoff.failed())
            try:
                return await self._opened(self.key, backoff.limits(self.timeout_s, is_back=True)[1])
            except Unreachable as failure:
                if time.monotonic() > until:
                    raise Unreachable(
                        f"{error.message}; it did not come back within {RETURN_S:g} s: {failure.message}", failure.hint
                    ) from None

    def _take_over(self, fresh: Session) -> None:
        if fresh.namespaces != self.namespaces:
            raise Unreachable(
                f"{self.url} was restarted with other namespaces: what was found names other nodes now",
                "run the command again",
            )
        self._client, self._protocol, self.closed = fresh._client, fresh._protocol, fresh.closed
        self.security, self.resumed = fresh.security, fresh.resumed
