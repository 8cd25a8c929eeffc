"""The rules of monitored items and subscriptions that clients are tested against (Part 4, 5.13 and 5.14)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from omptool.model.builtin import BuiltinType
from omptool.model.nodes import Node
from omptool.opcua.serving.served import ServedValue, encode_variant
from omptool.opcua.serving.server import Served, serve
from omptool.opcua.serving.values import OVERFLOW
from tests.opcua.stock_client import stock_client

NODE = "nsu=urn:x;s=N"
UA_NODE = ua.NodeId("N", 2)
TABLE = [Node(NODE, "N", "nsu=urn:x;N", "N", data_type="Double", parents=("i=85",))]

Push = Callable[..., None]


class Bench:
    """A server with one Variable that is fed by hand, and a client that publishes by hand."""

    def __init__(self, served: Served, client: Client, queue: asyncio.Queue[ServedValue]) -> None:
        self.served, self.client, self._queue = served, client, queue
        self._wanted = 0

    async def push(self, *values: float, status: int = 0) -> None:
        """Hand out values one tick apart, and wait until the server has taken them."""
        for value in values:
            self._wanted += 1
            ticks = 134_000_000_000_000_000 + self._wanted
            self._queue.put_nowait(ServedValue(0, NODE, encode_variant(BuiltinType.Double, value), status, ticks))
        await self._queue.join()

    async def subscribe(
        self, *, queue_size: int, discard_oldest: bool = True, most: int = 0, filter: Any = None
    ) -> Any:
        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=1000.0,
            RequestedLifetimeCount=300,
            RequestedMaxKeepAliveCount=100,
            MaxNotificationsPerPublish=most,
            PublishingEnabled=True,
        )
        request = ua.CreateSubscriptionRequest()
        request.Parameters = parameters
        created = await self._call(request, ua.CreateSubscriptionResponse)
        item = ua.MonitoredItemCreateRequest()
        item.ItemToMonitor = ua.ReadValueId(UA_NODE, ua.AttributeIds.Value)
        item.MonitoringMode = ua.MonitoringMode.Reporting
        item.RequestedParameters = ua.MonitoringParameters(7, 100.0, filter, queue_size, discard_oldest)
        request = ua.CreateMonitoredItemsRequest()
        request.Parameters.SubscriptionId = created.Parameters.SubscriptionId
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        request.Parameters.ItemsToCreate = [item]
        (result,) = (await self._call(request, ua.CreateMonitoredItemsResponse)).Results
        return created.Parameters, result

    async def publish(self, *acks: tuple[int, int]) -> Any:
        """One PublishRequest; waits for its answer."""
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = [ua.SubscriptionAcknowledgement(*ack) for ack in acks]
        return (await self._call(request, ua.PublishResponse)).Parameters

    async def values(self, *acks: tuple[int, int]) -> tuple[list[tuple[float, int]], Any]:
        """Value and status of each notification of the next message that has any."""
        while True:
            answer = await self.publish(*acks)
            data = answer.NotificationMessage.NotificationData
            if data:
                items = data[0].MonitoredItems
                assert all(item.ClientHandle == 7 for item in items)
                return [(item.Value.Value.Value, item.Value.StatusCode.value) for item in items], answer

    async def republish(self, subscription: int, number: int) -> Any:
        request = ua.RepublishRequest()
        request.Parameters = ua.RepublishParameters(subscription, number)
        return await self._call(request, ua.RepublishResponse)

    async def _call(self, request: Any, kind: type) -> Any:
        protocol = self.client.uaclient.protocol
        assert protocol is not None
        body = await protocol.send_request(request, timeout=60)
        answer = struct_from_binary(kind, Buffer(bytes(body._data[body._cur_pos : body._cur_pos + body._size])))
        answer.ResponseHeader.ServiceResult.check()
        return answer


@contextlib.asynccontextmanager
async def bench(table: Sequence[Node] = TABLE) -> AsyncIterator[Bench]:
    queue: asyncio.Queue[ServedValue] = asyncio.Queue()

    async def values() -> AsyncIterator[ServedValue]:
        while True:
            value = await queue.get()
            yield value  # the server comes back when the value is with its subscribers
            queue.task_done()

    served = await serve(table, values(), namespaces=("", "urn:a", "urn:x"), application_uri="urn:a", min_queue_size=4)
    try:
        async with stock_client(served.url) as client:
            made = Bench(served, client, queue)
            await made.push(0.0)
            yield made
    finally:
        await served.stop()


def _run(work: Callable[[Bench], Coroutine[Any, Any, None]], table: Sequence[Node] = TABLE) -> None:
    async def main() -> None:
        async with asyncio.timeout(100):
            async with bench(table) as made:
                await work(made)

    asyncio.run(main())


def test_intervals_and_queues_are_revised_as_part_4_says() -> None:
    async def work(bench: Bench) -> None:
        for asked, granted in ((0, 1), (1, 1), (2, 4), (9, 9), (2**31, 10_000)):
            subscription, item = await bench.subscribe(queue_size=asked)
            assert (item.RevisedQueueSize, item.RevisedSamplingInterval) == (granted, 0.0)
            assert subscription.RevisedPublishingInterval == 1000.0

    _run(work)


def test_a_queue_that_runs_over_says_so() -> None:
    """The oldest goes and the then oldest is marked, or the newest gives way to the next, which is marked."""

    async def work(bench: Bench) -> None:
        await bench.subscribe(queue_size=4)
        await bench.push(1.0, 2.0, 3.0, 4.0, 5.0)
        rows, _ = await bench.values()
        assert rows == [(2.0, OVERFLOW), (3.0, 0), (4.0, 0), (5.0, 0)]

    async def keep_oldest(bench: Bench) -> None:
        await bench.subscribe(queue_size=4, discard_oldest=False)
        await bench.push(1.0, 2.0, 3.0, 4.0, 5.0)
        rows, _ = await bench.values()
        assert rows == [(0.0, 0), (1.0, 0), (2.0, 0), (5.0, OVERFLOW)]

    async def queue_of_one(bench: Bench) -> None:
        await bench.subscribe(queue_size=1)
        await bench.push(1.0, 2.0)
        rows, _ = await bench.values()
        assert rows == [(2.0, 0)]

    for each in (work, keep_oldest, queue_of_one):
        _run(each)


def test_messages_are_as_small_as_the_client_asked() -> None:
    async def work(bench: Bench) -> None:
        await bench.subscribe(queue_size=100, most=3)
        await bench.push(*map(float, range(1, 8)))
        first, answer = await bench.values()
        assert ([value for value, _ in first], answer.MoreNotifications) == ([0.0, 1.0, 2.0], True)
        second, answer = await bench.values()
        third, answer = await bench.values()
        assert [value for value, _ in second + third] == [3.0, 4.0, 5.0, 6.0, 7.0]
        assert answer.MoreNotifications is False
        assert answer.AvailableSequenceNumbers == [1, 2, 3]

    _run(work)


def test_messages_are_kept_until_acknowledged() -> None:
    async def work(bench: Bench) -> None:
        subscription, _ = await bench.subscribe(queue_size=10)
        number = subscription.SubscriptionId
        rows, answer = await bench.values()
        for _ in range(2):
            again = (await bench.republish(number, 1)).NotificationMessage
            assert again.SequenceNumber == answer.NotificationMessage.SequenceNumber == 1
            assert [item.Value.Value.Value for item in again.NotificationData[0].MonitoredItems] == [rows[0][0]]
        await bench.push(1.0)
        _, answer = await bench.values((number, 1), (number, 99), (4711, 1))
        codes = [code.value for code in answer.Results]
        assert codes == [0, ua.StatusCodes.BadSequenceNumberUnknown, ua.StatusCodes.BadSubscriptionIdInvalid]
        with pytest.raises(ua.UaStatusCodeError, match="BadMessageNotAvailable"):
            await bench.republish(number, 1)
        with pytest.raises(ua.UaStatusCodeError, match="BadSubscriptionIdInvalid"):
            await bench.republish(4711, 1)

    _run(work)


def test_nothing_is_lost_when_a_connection_breaks_and_another_takes_over() -> None:
    """Values wait in the queue, not in the requests of a socket that is gone; TransferSubscriptions brings them."""

    async def work(bench: Bench) -> None:
        subscription, _ = await bench.subscribe(queue_size=100)
        rows, _ = await bench.values()
        assert rows == [(0.0, 0)]
        waiting = asyncio.ensure_future(bench.publish())  # the server holds a request when the connection breaks
        async with stock_client(bench.served.url) as other:
            before = bench.served.clients
            assert bench.client.uaclient.protocol is not None
            bench.client.uaclient.protocol.transport.abort()
            with contextlib.suppress(Exception):
                await waiting
            while bench.served.clients == before:  # noqa: ASYNC110  the server tells nobody
                await asyncio.sleep(0.01)
            await bench.push(1.0, 2.0, 3.0)
            bench.client = other
            request = ua.TransferSubscriptionsRequest()
            request.Parameters.SubscriptionIds = [subscription.SubscriptionId]
            (result,) = (await bench._call(request, ua.TransferSubscriptionsResponse)).Parameters.Results
            assert result.StatusCode.is_good()
            rows, _ = await bench.values()
            assert rows == [(1.0, 0), (2.0, 0), (3.0, 0)]

    _run(work)


def test_filters_hold_values_back() -> None:
    async def reported(bench: Bench, filter: ua.DataChangeFilter) -> list[float]:
        await bench.subscribe(queue_size=100, filter=filter)
        await bench.push(0.0, 1.0, 1.0, 1.5, 3.0)
        await bench.push(3.0, status=0x40000000)
        rows, _ = await bench.values()
        return [value for value, _ in rows]

    async def work(bench: Bench) -> None:
        trigger, none = ua.DataChangeTrigger, ua.DeadbandType.None_
        assert await reported(bench, ua.DataChangeFilter(trigger.StatusValue, none, 0.0)) == [0.0, 1.0, 1.5, 3.0, 3.0]

    async def by_status(bench: Bench) -> None:
        filter = ua.DataChangeFilter(ua.DataChangeTrigger.Status, ua.DeadbandType.None_, 0.0)
        assert await reported(bench, filter) == [0.0, 3.0]

    async def by_time(bench: Bench) -> None:
        filter = ua.DataChangeFilter(ua.DataChangeTrigger.StatusValueTimestamp, ua.DeadbandType.None_, 0.0)
        assert await reported(bench, filter) == [0.0, 0.0, 1.0, 1.0, 1.5, 3.0, 3.0]

    async def with_deadband(bench: Bench) -> None:
        filter = ua.DataChangeFilter(ua.DataChangeTrigger.StatusValue, ua.DeadbandType.Absolute, 0.7)
        assert await reported(bench, filter) == [0.0, 1.0, 3.0, 3.0]

    for each in (work, by_status, by_time, with_deadband):
        _run(each)


def test_a_deadband_in_percent_is_of_the_range() -> None:
    ranged = [Node(NODE, "N", "nsu=urn:x;N", "N", data_type="Double", parents=("i=85",), eu_low=-50, eu_high=150)]

    def percent(deadband: float) -> ua.DataChangeFilter:
        return ua.DataChangeFilter(ua.DataChangeTrigger.StatusValue, ua.DeadbandType.Percent, deadband)

    async def work(bench: Bench) -> None:
        _, item = await bench.subscribe(queue_size=100, filter=percent(1.0))
        assert item.StatusCode.is_good()
        await bench.push(0.0, 1.9, 2.0, 2.1, 0.2, 0.0)  # more than one percent of 200
        rows, _ = await bench.values()
        assert [value for value, _ in rows if value is not None] == [0.0, 2.1, 0.0]
        _, item = await bench.subscribe(queue_size=100, filter=percent(100.5))
        assert item.StatusCode.name == "BadDeadbandFilterInvalid"

    async def without_range(bench: Bench) -> None:
        _, item = await bench.subscribe(queue_size=100, filter=percent(1.0))
        assert item.StatusCode.name == "BadFilterNotAllowed"

    _run(work, ranged)
    _run(without_range)


def test_values_of_the_server_itself_can_be_watched() -> None:
    """Nodes that asyncua writes, such as the server's clock, go the same way."""

    async def work(bench: Bench) -> None:
        heard: asyncio.Queue[Any] = asyncio.Queue()

        class Handler:
            def datachange_notification(self, _node: Any, value: Any, _data: Any) -> None:
                heard.put_nowait(value)

        subscription = await bench.client.create_subscription(50, Handler())
        await subscription.subscribe_data_change(bench.client.get_node(ua.NodeId(2258)))
        first, second = await heard.get(), await heard.get()
        assert second > first
        await subscription.delete()

    _run(work)
