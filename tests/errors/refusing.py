"""An OPC UA server of the foreign stack that lets nobody in: every user is refused."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

from asyncua import Server, ua


class _Nobody:
    def get_user(self, *_: Any, **__: Any) -> None:
        """Nobody has this name."""


@contextlib.asynccontextmanager
async def refusing() -> AsyncIterator[int]:
    """Its port, until the block ends."""
    logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
    server = Server(user_manager=_Nobody())
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    async with server:
        yield server.bserver._server.sockets[0].getsockname()[1]
