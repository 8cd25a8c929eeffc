"""asyncua's own client as a peer, closed so that nothing of it is left when the event loop ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from asyncua import Client


@contextlib.asynccontextmanager
async def stock_client(url: str) -> AsyncIterator[Client]:
    """A connected client; at the end its socket is gone even if unsent bytes would keep asyncua from closing it."""
    client = Client(url, timeout=60)
    await client.connect()
    protocol = client.uaclient.protocol
    assert protocol is not None
    transport = protocol.transport
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # a server that is gone already is not the point of any test
            await client.disconnect()
        if transport is not None:
            transport.abort()
        await asyncio.sleep(0)
