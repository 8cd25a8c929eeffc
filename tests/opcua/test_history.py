"""Reading history from a server that never comes to an end: it is left alone, with what it had."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from omptool.model.limits import ServerLimits
from omptool.opcua.history import ENDLESS, read_raw
from omptool.protocol.columns import ItemColumns

START = datetime(2026, 1, 1, tzinfo=UTC)
AGAIN = b"there is more"


def page(seconds: list[int], continuation: bytes) -> bytes:
    """A HistoryReadResponse for one node with a value per second named."""
    values = [ua.DataValue(ua.Variant(float(at)), SourceTimestamp=START + timedelta(seconds=at)) for at in seconds]
    result = ua.HistoryReadResult()
    result.ContinuationPoint = continuation
    result.HistoryData = ua.HistoryData(DataValues=values)
    response = ua.HistoryReadResponse()
    response.Results = [result]
    return bytes(struct_to_binary(response))


class Historian:
    """Stands in for a `Session`; `pages` says what its n-th answer is."""

    url = "opc.tcp://scripted"

    def __init__(self, pages: Callable[[int], bytes]) -> None:
        self.limits = ServerLimits()
        self.asked = 0
        self._pages = pages

    def encode(self, node_id: str) -> bytes:
        return b"\0\1"

    async def checked(self, request: Any) -> bytes:
        await asyncio.sleep(0)
        self.asked += 1
        return self._pages(self.asked)


def read(server: Historian) -> tuple[list[str], int]:
    came = 0

    async def take(_: int, columns: ItemColumns) -> None:
        nonlocal came
        came += len(columns)

    return asyncio.run(read_raw(server, ["i=1"], 0, 10**18, take)), came  # type: ignore[arg-type]  # stands in


def test_a_server_may_name_every_page_alike() -> None:
    server = Historian(lambda n: page([2 * n, 2 * n + 1], AGAIN if n < 20 else b""))
    assert read(server) == ([""], 40)


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param(lambda n: page([1, 2, 3], AGAIN), id="the-same-page"),
        pytest.param(lambda n: page([], AGAIN), id="empty-pages"),
        pytest.param(lambda n: page([n % 2], AGAIN), id="two-pages-in-turn"),
        pytest.param(lambda n: page([1000 - n], AGAIN), id="backwards"),
    ],
)
def test_a_server_that_gets_nowhere_is_left_alone(pages: Callable[[int], bytes]) -> None:
    server = Historian(pages)
    endings, _ = read(server)
    assert endings == [ENDLESS]
    assert server.asked < 10
