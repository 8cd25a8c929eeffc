"""A session with the first address of a server that answers, for whoever needs it once and not for months."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from omptool.config import ServerConfig
from omptool.errors import Unreachable, none_answers
from omptool.opcua.session import Session, connect


@contextlib.asynccontextmanager
async def reach(
    server: ServerConfig, *, timeout_s: float | None = None, opening_s: float | None = None
) -> AsyncIterator[Session]:
    """`connect`, to one address after the other.

    Raises:
        Unreachable: none of them answers.
        ServerRefused: the first that answered does not take this client, user or policy.
    """
    async with contextlib.AsyncExitStack() as stack:
        yield await _reached(server, stack, timeout_s, opening_s)


async def _reached(
    server: ServerConfig, stack: contextlib.AsyncExitStack, timeout_s: float | None, opening_s: float | None
) -> Session:
    errors: list[Unreachable] = []
    for url in server.addresses:
        try:
            return await stack.enter_async_context(
                connect(replace(server, url=url), timeout_s=timeout_s, opening_s=opening_s)
            )
        except Unreachable as error:
            errors.append(error)
    raise none_answers(server.name or server.url, errors)
