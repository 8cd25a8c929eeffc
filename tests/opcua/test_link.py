"""What goes wrong below a link is a failed attempt, never the end of whoever waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from omptool.config import ServerConfig
from omptool.errors import Unreachable
from omptool.opcua.subscribing import link
from omptool.opcua.subscribing.flusher import Flusher
from omptool.opcua.subscribing.gate import Gate

SERVER = ServerConfig("opc.tcp://somewhere")


class Owner:
    """Stops at the first failed attempt, and keeps why it failed."""

    is_alone = True

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self.errors: list[BaseException] = []

    async def failed(self, error: BaseException) -> None:
        self.errors.append(error)
        self._stop.set()


async def nobody_stores(due: Any) -> Any:
    raise AssertionError(f"nothing came, yet {due} is due")


@pytest.mark.parametrize("cause", [asyncio.CancelledError(), KeyError("x")], ids=["cancelled", "unforeseen"])
def test_a_wait_that_something_below_gave_up_is_a_failed_attempt(
    cause: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.asynccontextmanager
    async def connect(*_: Any, **__: Any) -> AsyncIterator[None]:
        raise cause
        yield

    async def attempt() -> list[BaseException]:
        stop = asyncio.Event()
        owner = Owner(stop)
        flusher = Flusher(nobody_stores)
        await link.Link(SERVER, owner, flusher=flusher, gate=Gate(), publishing_ms=100.0).run(stop)  # type: ignore[arg-type]
        return owner.errors

    monkeypatch.setattr(link, "connect", connect)
    [error] = asyncio.run(attempt())
    assert isinstance(error, Unreachable if isinstance(cause, asyncio.CancelledError) else type(cause))
