"""What the servers of this folder can do for a client that comes back, said once each: so that a capture that passes
passes because of what it did, and one that has a window has it because nothing else was to be had."""

from __future__ import annotations

import asyncio

import pytest
from asyncua import ua

from omptool.config import ServerConfig
from omptool.model import status
from omptool.opcua import hooks
from omptool.opcua.session import Session, connect
from omptool.protocol import wire
from omptool.protocol.items import decode_items
from omptool.protocol.publish import DataChange, PublishAnswer, parse_publish_response, parse_republish_response
from tests.faults.faults import Fault, Kind
from tests.faults.proxy import Workshop
from tests.faults.servers import TickingServer
from tests.faults.ticking import node_id

TIMEOUT_S = 30.0
pytestmark = pytest.mark.parametrize("stack", ["asyncua", "node-opcua", "stock"])


async def subscribe(session: Session, *, publishing_ms: float = 100.0, queue: int = 100) -> int:
    """A subscription with one item; its id."""
    parameters = ua.CreateSubscriptionParameters(
        RequestedPublishingInterval=publishing_ms, RequestedMaxKeepAliveCount=10, RequestedLifetimeCount=600,
        PublishingEnabled=True,
    )  # fmt: skip
    sub = (await session.ask(ua.CreateSubscriptionRequest(Parameters=parameters))).Parameters.SubscriptionId
    item = ua.MonitoredItemCreateRequest()
    item.ItemToMonitor.NodeId, item.ItemToMonitor.AttributeId = session.to_ua(node_id("Tick0")), ua.AttributeIds.Value
    item.MonitoringMode = ua.MonitoringMode.Reporting
    item.RequestedParameters.ClientHandle, item.RequestedParameters.SamplingInterval = 1, 0.0
    item.RequestedParameters.QueueSize, item.RequestedParameters.DiscardOldest = queue, True
    request = ua.CreateMonitoredItemsRequest()
    request.Parameters.SubscriptionId, request.Parameters.ItemsToCreate = sub, [item]
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    [result] = (await session.ask(request)).Results
    assert result.StatusCode.is_good()
    return int(sub)


async def publish(session: Session) -> PublishAnswer:
    """The next message with values; nothing is ever acknowledged."""
    while True:
        answer = parse_publish_response(await session.call(ua.PublishRequest()))
        assert not answer.service_result >> 31, status.name(answer.service_result)
        if not answer.is_keep_alive:
            return answer


async def republish(session: Session, sub: int, number: int) -> str:
    """What a Republish says: `Good` when it brings that message, `nothing` when it is Good and brings none."""
    request = ua.RepublishRequest()
    request.Parameters.SubscriptionId, request.Parameters.RetransmitSequenceNumber = sub, number
    answer = parse_republish_response(await session.call(request))
    assert answer.service_result or answer.sequence_number in (0, number)
    return status.name(answer.service_result) if answer.service_result or answer.sequence_number else "nothing"


async def transfer(session: Session, sub: int) -> str:
    """What a TransferSubscriptions says of one subscription."""
    request = ua.TransferSubscriptionsRequest()
    request.Parameters.SubscriptionIds = [sub]
    body = await session.call(request)
    if wire.service_result(body) >> 31:
        return status.name(wire.service_result(body))
    [result] = hooks.decode(ua.TransferSubscriptionsResponse, body).Parameters.Results
    return status.name(int(result.StatusCode.value))


def test_sent_messages_are_kept_until_acknowledged(stack: str, ticking: dict[str, TickingServer]) -> None:
    async def ask() -> None:
        async with connect(ServerConfig(ticking[stack].url, timeout_s=TIMEOUT_S)) as session:
            sub = await subscribe(session)
            numbers = [(await publish(session)).sequence_number for _ in range(3)]
            assert numbers == [1, 2, 3]
            assert [await republish(session, sub, number) for number in (2, 1)] == ["Good"] * 2
            assert await republish(session, sub, 2) == ("nothing" if stack == "stock" else "Good")
            assert await republish(session, sub, 9999) == ("nothing" if stack == "stock" else "BadMessageNotAvailable")

    asyncio.run(ask())


def test_a_queue_that_is_full_says_so(stack: str, ticking: dict[str, TickingServer]) -> None:
    async def ask() -> bool:
        async with connect(ServerConfig(ticking[stack].url, timeout_s=TIMEOUT_S)) as session:
            await subscribe(session, publishing_ms=500.0, queue=2)
            for _ in range(4):
                answer = await publish(session)
                changes = [each for each in answer.notifications if isinstance(each, DataChange)]
                items = decode_items([(each.items, each.count) for each in changes])
                if any(status.overflow(code) for code in items.status.tolist()):
                    return True
        return False

    assert asyncio.run(ask()) is (stack == "node-opcua")


def test_session_and_subscription_outlive_the_connection(
    stack: str, ticking: dict[str, TickingServer], workshop: Workshop
) -> None:
    async def ask() -> None:
        with workshop.proxy(ticking[stack].url) as proxy:
            server = ServerConfig(proxy.url, timeout_s=TIMEOUT_S)
            async with connect(server) as session:
                sub, key = await subscribe(session), session.key
                before = (await publish(session)).sequence_number
                await asyncio.to_thread(proxy.inflict, Fault(Kind.RESET))
                await session.closed.wait()
            async with connect(server, resume=key) as session:
                assert session.resumed
                answer = "BadUserAccessDenied" if stack == "node-opcua" else "Good"
                assert await transfer(session, sub) == answer, "though it is this session's already"
                assert await republish(session, sub, before) == "Good"
                assert (await publish(session)).sequence_number > before

    asyncio.run(ask())


def test_another_session_may_take_a_subscription_over(stack: str, ticking: dict[str, TickingServer]) -> None:
    async def ask() -> str:
        server = ServerConfig(ticking[stack].url, timeout_s=TIMEOUT_S)
        async with connect(server) as one, connect(server) as other:
            return await transfer(other, await subscribe(one))

    assert asyncio.run(ask()) == "BadUserAccessDenied" if stack == "node-opcua" else "Good"
