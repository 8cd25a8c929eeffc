"""One mean asyncua server for all tests of this folder, and sessions with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from omptool.config import ServerConfig
from omptool.opcua.session import Session, connect
from tests.opcua.address_space import Space, running

T = TypeVar("T")


@pytest.fixture(scope="session")
def space() -> Iterator[Space]:
    with running() as server:
        yield server


@pytest.fixture
def with_session(space: Space) -> Callable[[Callable[[Session], Awaitable[T]]], T]:
    """`with_session(work)`: the result of `await work(session)` on the mean server."""

    def run(work: Callable[[Session], Awaitable[T]]) -> T:
        async def main() -> T:
            async with connect(ServerConfig(url=space.url, timeout_s=60)) as session:
                return await work(session)

        return asyncio.run(main())

    return run
