"""An asynchronous server beside the tests: in a thread and a loop of its own, until a block ends."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

T = TypeVar("T")
_PATIENCE_S = 60


@contextlib.contextmanager
def beside(server: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """What entering `server` gives; it is left when the block ends."""
    ready, stop = threading.Event(), asyncio.Event()
    entered: list[T] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        async with server as given:
            entered.append(given)
            loops.append(asyncio.get_running_loop())
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(_PATIENCE_S)
    yield entered[0]
    loops[0].call_soon_threadsafe(stop.set)
    thread.join(_PATIENCE_S)
