"""Reading history from a server that never comes to an end: it is left alone, with what it had."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from omptool.model import status
from omptool.model.limits import ServerLimits
from omptool.model.times import unix_ns_to_ticks
from omptool.opcua import requests
from omptool.opcua.history import ENDLESS, History, Processed, Raw, read_raw
from omptool.protocol.columns import ItemColumns

START = datetime(2026, 1, 1, tzinfo=UTC)
AGAIN = b"there is more"
NO_POINT = status.code_of("BadNoContinuationPoints")


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
        self.released: list[Any] = []
        self.closed = asyncio.Event()
        self._pages = pages

    def encode(self, node_id: str) -> bytes:
        return b"\0\1"

    async def checked(self, request: Any) -> bytes:
        await asyncio.sleep(0)
        self.asked += 1
        return self._pages(self.asked)

    async def call(self, request: Any, **_: Any) -> bytes:
        self.released.append(request)
        return b""


def two_results(first: list[float], second: list[float], code: int) -> bytes:
    """A HistoryReadResponse for two nodes; `code` is the second one's."""
    response = ua.HistoryReadResponse()
    for values, of_node in ((first, 0), (second, code)):
        result = ua.HistoryReadResult(StatusCode=ua.StatusCode(of_node))  # type: ignore[arg-type]
        if values:
            result.HistoryData = ua.HistoryData(
                [ua.DataValue(ua.Variant(each), SourceTimestamp=START) for each in values]
            )
        response.Results.append(result)
    return bytes(struct_to_binary(response))


async def values_of(history: History) -> list[float]:
    return [value async for _, columns in history.pages() for value in columns.f64.tolist()]


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
    assert [AGAIN in request.parameters for request in server.released] == [True]


def test_what_a_server_computed_is_whole_though_its_last_page_is_empty() -> None:
    server = Historian(lambda n: page([1, 2], AGAIN) if n == 1 else page([], b""))
    history = History(server, ["i=1"], Processed(0, 10**18, 1000.0, b"\0\1"))  # type: ignore[arg-type]  # stands in
    assert asyncio.run(values_of(history)) == [1.0, 2.0]
    assert history.endings == [""]


def test_a_point_is_given_back_when_enough_came() -> None:
    server = Historian(lambda n: page([3 * n, 3 * n + 1, 3 * n + 2], AGAIN))
    history = History(server, ["i=1"], Raw(0, 10**18, most=5))  # type: ignore[arg-type]  # stands in
    assert asyncio.run(values_of(history)) == [3.0, 4.0, 5.0, 6.0, 7.0]
    assert history.endings == [""]
    assert len(server.released) == 1


def test_a_point_is_given_back_when_nobody_listens_any_more() -> None:
    server = Historian(lambda n: page([n], AGAIN))

    async def only_the_first() -> None:
        history = History(server, ["i=1"], Raw(0, 10**18))  # type: ignore[arg-type]  # stands in
        async with contextlib.aclosing(history.pages()) as pages:
            async for _ in pages:
                break

    asyncio.run(only_the_first())
    assert len(server.released) == 1


def test_nodes_that_lack_a_continuation_point_are_asked_alone() -> None:
    first = two_results([1.0], [], NO_POINT)
    server = Historian(lambda n: first if n == 1 else page([2], b""))
    history = History(server, ["i=1", "i=2"], Raw(0, 10**18))  # type: ignore[arg-type]  # stands in
    assert asyncio.run(values_of(history)) == [1.0, 2.0]
    assert history.endings == ["", ""]


def test_the_newest_are_asked_for_from_just_before_the_end() -> None:
    end_ns = 1_700_000_000 * 10**9
    ticks = unix_ns_to_ticks(end_ns)
    newest = requests.raw_details(requests.NO_TIME, ticks - 1, values=3, bounds=False)
    assert Raw(None, end_ns, most=3).encoded(1) == newest  # else a value at the end would take the place of one before
    beside = requests.raw_details(requests.NO_TIME, ticks, values=3, bounds=True)
    assert Raw(None, end_ns, bounds=True, most=3).encoded(1) == beside
