"""An OPC UA server of the foreign stack that lets nobody in: every user is refused."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import Any

from asyncua import Server, ua


class _Nobody:
    def get_user(self, *_: Any, **__: Any) -> None:
        """Nobody has this name."""


@contextlib.contextmanager
def refusing() -> Iterator[int]:
    """Its port, until the block ends."""
    ready, stop, ports = threading.Event(), asyncio.Event(), [0]
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
        server = Server(user_manager=_Nobody())
        await server.init()
        server.set_endpoint("opc.tcp://127.0.0.1:0/")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        async with server:
            ports[0] = server.bserver._server.sockets[0].getsockname()[1]
            loops.append(asyncio.get_running_loop())
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(60)
    yield ports[0]
    loops[0].call_soon_threadsafe(stop.set)
    thread.join(30)
