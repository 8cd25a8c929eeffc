"""HistoryRead of our server, asked by somebody else's client: windows, bounds, pages, and what it refuses (Part 11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import Client, ua

from omptool.model.builtin import BuiltinType
from omptool.model.nodes import Node
from omptool.model.times import unix_ns_to_ticks
from omptool.opcua.serving import history as server_history
from omptool.opcua.serving.served import ServedValue, encode_variant
from omptool.opcua.serving.server import serve
from tests.opcua.stock_client import stock_client

NODE = "nsu=urn:x;s=N"
KEPT, NOT_KEPT = ua.NodeId("N", 2), ua.NodeId("M", 2)
TABLE = [
    Node(f"nsu=urn:x;s={name}", name, f"nsu=urn:x;{name}", name, data_type="Double", parents=("i=85",))
    for name in ("N", "M")
]
BEGIN = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
BEGIN_NS = 1_767_592_800_000_000_000
SECOND = 1_000_000_000
COUNT = 2500


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def value(number: int) -> ServedValue:
    ticks = unix_ns_to_ticks(BEGIN_NS + number * SECOND)
    return ServedValue(0, NODE, encode_variant(BuiltinType.Double, float(number)), 0, ticks, server_ticks=ticks)


class Seconds:
    """A value a second, 0 to 2499, and more that the server has not given out yet."""

    nodes = frozenset({NODE})

    def values(self, node_id: str, start_ns: int, end_ns: int, *, newest_first: bool) -> Iterator[ServedValue]:
        assert node_id == NODE
        found = [
            number for number in range(COUNT + 100) if start_ns <= BEGIN_NS + number * SECOND < end_ns
        ]  # fmt: skip
        return (value(number) for number in (reversed(found) if newest_first else found))


async def _nothing() -> AsyncIterator[ServedValue]:
    return
    yield


def _run(work: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        served = await serve(
            TABLE, _nothing(), initial=[value(COUNT - 1)], namespaces=("", "urn:a", "urn:x"), application_uri="urn:a",
            history=Seconds(),
        )  # fmt: skip
        try:
            async with stock_client(served.url) as client:
                await work(client)
        finally:
            await served.stop()

    asyncio.run(run())


def details(
    start: datetime | None, end: datetime | None, most: int = 0, *, bounds: bool = False
) -> ua.ReadRawModifiedDetails:
    none = ua.get_win_epoch()
    return ua.ReadRawModifiedDetails(
        IsReadModified=False,
        StartTime=start or none,
        EndTime=end or none,
        NumValuesPerNode=most,
        ReturnBounds=bounds,
    )


def numbers(result: Any) -> list[Any]:
    """Values, and names of what is no value."""
    values = result.HistoryData.DataValues
    return [value.Value.Value if value.StatusCode.is_good() else value.StatusCode.name for value in values]


async def pages(client: Client, wanted: ua.ReadRawModifiedDetails) -> list[list[Any]]:
    """What each answer brings, until one has no continuation point."""
    found, point = [], None
    while True:
        result = await client.get_node(KEPT).history_read(wanted, point)
        result.StatusCode.check()
        found.append(numbers(result))
        point = result.ContinuationPoint
        if point is None:
            return found


def test_a_long_window_comes_in_pages_each_value_once() -> None:
    async def work(client: Client) -> None:
        for window in (at(-1), at(COUNT)), (at(COUNT), at(-1)):
            found = await pages(client, details(*window))
            assert [len(page) for page in found] == [1000, 1000, 500]
            values = [number for page in found for number in page]
            assert values == sorted(range(COUNT), reverse=window[0] > window[1])
            asked = await pages(client, details(*window, 700))
            assert [len(page) for page in asked] == [700, 700, 700, 400]

    _run(work)


WINDOWS: list[tuple[tuple[float | None, float | None], dict[str, Any], list[Any]]] = [
    ((1.0, 3.0), {}, [1, 2, 3]),  # ends belong to it
    ((0.5, 3.5), {}, [1, 2, 3]),  # between values
    ((0.5, 3.5), {"bounds": True}, [0, 1, 2, 3, 4]),  # bounds
    ((1.0, 3.0), {"bounds": True}, [1, 2, 3]),  # bounds are values
    ((3.5, 0.5), {"bounds": True}, [4, 3, 2, 1, 0]),  # bounds backwards
    ((-5.0, 1.5), {"bounds": True}, ["BadBoundNotFound", 0, 1, 2]),  # nothing before
    ((2498.5, 2600.0), {"bounds": True}, [2498, 2499, "BadBoundNotFound"]),  # the future is not known
    ((1.2, 1.4), {"bounds": True}, [1, 2]),  # nothing inside
    ((10.0, None), {"most": 3}, [10, 11, 12]),  # from a time on
    ((None, 10.0), {"most": 3}, [10, 9, 8]),  # back from a time
    ((1.2, 1.4), {}, []),  # no data
]


def test_what_windows_hold() -> None:
    async def work(client: Client) -> None:
        for (start, end), options, expected in WINDOWS:
            window = tuple(None if moment is None else at(moment) for moment in (start, end))
            assert await pages(client, details(*window, **options)) == [expected], (start, end, options)
            if None not in window:
                in_pairs = await pages(client, details(*window, **options | {"most": 2}))
                assert [number for page in in_pairs for number in page] == expected, (start, end, options)
                assert all(len(page) <= 2 for page in in_pairs)
        nothing = await client.get_node(KEPT).history_read(details(at(1.2), at(1.4)))
        assert nothing.StatusCode.name == "GoodNoData"

    _run(work)


def test_times_come_as_they_are_asked_for_and_exact() -> None:
    async def work(client: Client) -> None:
        parameters = ua.HistoryReadParameters(
            HistoryReadDetails=details(at(1), at(1)), ReleaseContinuationPoints=False,
            NodesToRead=[ua.HistoryReadValueId(KEPT)],
        )  # fmt: skip
        for stamps in ua.TimestampsToReturn.Source, ua.TimestampsToReturn.Server, ua.TimestampsToReturn.Both:
            parameters.TimestampsToReturn = stamps
            [result] = await client.uaclient.history_read(parameters)
            [only] = result.HistoryData.DataValues
            assert only.SourceTimestamp == (None if stamps == ua.TimestampsToReturn.Server else at(1))
            assert only.ServerTimestamp == (None if stamps == ua.TimestampsToReturn.Source else at(1))

    _run(work)


def test_what_is_refused() -> None:
    cases = [
        (ua.NodeId("nobody", 2), details(at(0), at(1)), None, "BadNodeIdUnknown"),
        (NOT_KEPT, details(at(0), at(1)), None, "BadHistoryOperationUnsupported"),
        (KEPT, ua.ReadRawModifiedDetails(IsReadModified=True), None, "BadHistoryOperationUnsupported"),
        (KEPT, ua.ReadAtTimeDetails(), None, "BadHistoryOperationUnsupported"),
        (KEPT, details(None, at(1)), None, "BadInvalidTimestampArgument"),
        (KEPT, details(at(0), at(1)), b"mine", "BadContinuationPointInvalid"),
    ]

    async def work(client: Client) -> None:
        for node, wanted, point, why in cases:
            parameters = ua.HistoryReadParameters(
                HistoryReadDetails=wanted, ReleaseContinuationPoints=False,
                NodesToRead=[ua.HistoryReadValueId(node, ContinuationPoint=point)],
            )  # fmt: skip
            [result] = await client.uaclient.history_read(parameters)
            assert result.StatusCode.name == why

    _run(work)


def test_nodes_say_whether_they_have_history() -> None:
    async def work(client: Client) -> None:
        for node, bits, historizing in ((KEPT, 5, True), (NOT_KEPT, 1, False)):
            level = await client.get_node(node).read_attribute(ua.AttributeIds.AccessLevel)
            kept = await client.get_node(node).read_attribute(ua.AttributeIds.Historizing)
            assert (level.Value.Value, kept.Value.Value) == (bits, historizing)

    _run(work)


def test_only_so_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(client: Client) -> None:
        assert await pages(client, details(at(0), at(COUNT))) == [list(range(COUNT - 10, COUNT))]

    monkeypatch.setattr(server_history, "KEPT_NS", 10 * SECOND)
    _run(work)
