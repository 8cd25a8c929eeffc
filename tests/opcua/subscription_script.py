"""A session whose server does exactly what a test says, message by message; bytes are encoded by asyncua."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_to_binary, struct_from_binary, struct_to_binary

from omptool.errors import OmptoolError, Unreachable
from omptool.model import status
from omptool.model.limits import ServerLimits
from omptool.opcua.faults import from_status
from omptool.opcua.hooks import RawRequest
from omptool.opcua.hooks_framing import Slot

TICKS_2026 = 134_116_128_000_000_000


def publish_time(number: int) -> int:
    """PublishTime of the message with this number: one second after the other, in ticks."""
    return TICKS_2026 + number * 10_000_000


def _moment(ticks: int) -> datetime:
    return datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)


def values(number: int, handles: Sequence[int] = (1,)) -> list[tuple[int, float]]:
    """What message `number` carries: its number, for every handle."""
    return [(handle, float(number)) for handle in handles]


class ScriptedServer:
    """Stands in for a `Session`.

    Attributes:
        acknowledged: every acknowledgement, in order of arrival.
        most_waiting: how many PublishRequests were in flight at most.
        kept: what Republish still has, by sequence number.
        batches: sizes of the CreateMonitoredItems requests.
        bad: StatusCode name by node id, for items that fail.
        refuse: called with the items of a request; a StatusCode name refuses it as a whole.
    """

    url = "opc.tcp://scripted"
    application_uri = "urn:scripted"
    lacks: Sequence[str] = ()

    def __init__(self, *, publishing_ms: float = 20.0, keep_alive_count: int = 1000, timeout_s: float = 30.0) -> None:
        self.publishing_ms = publishing_ms
        self.keep_alive_count = keep_alive_count
        self.timeout_s = timeout_s
        self.limits = ServerLimits()
        self.acknowledged: list[int] = []
        self.most_waiting = 0
        self.kept: dict[int, list[tuple[int, float]]] = {}
        self.republished: list[int] = []
        self.batches: list[int] = []
        self.modified: list[int] = []
        self.deleted = asyncio.Event()
        self.bad: dict[str, str] = {}
        self.refuse: Callable[[list[str]], str | None] = lambda items: None
        self.revise: Callable[[float, int], tuple[float, int]] = lambda sampling, queue: (sampling or 10.0, queue)
        self._waiting: list[Slot] = []
        self._arrived = asyncio.Condition()
        self._telling: set[asyncio.Future[None]] = set()

    # what a Session offers

    def to_ua(self, node_id: str) -> ua.NodeId:
        return ua.NodeId.from_string(node_id)

    def encode(self, node_id: str) -> bytes:
        return bytes(nodeid_to_binary(self.to_ua(node_id)))

    async def checked(self, request: RawRequest) -> bytes:
        await asyncio.sleep(0)
        match decoded(request):
            case ua.CreateSubscriptionRequest():
                answer = ua.CreateSubscriptionResponse()
                answer.Parameters.SubscriptionId = 77
                answer.Parameters.RevisedPublishingInterval = self.publishing_ms
                answer.Parameters.RevisedMaxKeepAliveCount = self.keep_alive_count
                answer.Parameters.RevisedLifetimeCount = 3 * self.keep_alive_count
                return bytes(struct_to_binary(answer))
            case ua.CreateMonitoredItemsRequest() as asked:
                return bytes(struct_to_binary(self._create_items(asked)))
        raise AssertionError(f"unexpected service {request.service_id}")

    async def ask(self, request: Any) -> Any:
        await asyncio.sleep(0)
        match request:
            case ua.ModifyMonitoredItemsRequest():
                return self._modify_items(request)
        raise AssertionError(f"unexpected {type(request).__name__}")

    async def call(self, request: Any, *, timeout_s: float | None = None) -> bytes:
        match request:
            case ua.RepublishRequest():
                await asyncio.sleep(0)
                return self._republish(request.Parameters.RetransmitSequenceNumber)
            case ua.DeleteSubscriptionsRequest():
                self.deleted.set()
                return b""
        raise AssertionError(f"unexpected {type(request).__name__}")

    # what a test says

    async def answer(self, body: bytes) -> None:
        """Answer the oldest PublishRequest, waiting for one if need be."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: self._waiting)
            lane = self._waiting.pop(0)
        lane.set_result(body)

    async def send(self, number: int, *, available: Sequence[int] | None = None, keep: bool = True) -> None:
        """Send message `number`."""
        if keep:
            self.kept[number] = values(number)
        await self.answer(message(number, values(number), available=self.kept if available is None else available))

    async def keep_alive(self, next_number: int) -> None:
        await self.answer(message(next_number, None, available=self.kept))

    async def status_change(self, number: int, name: str) -> None:
        await self.answer(message(number, None, status_change=status.code_of(name)))

    async def fail(self, name: str) -> None:
        """Answer with a ServiceFault."""
        await self.answer(fault(name))

    async def idle(self, requests: int) -> None:
        """Wait until so many PublishRequests are in flight."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self._waiting) >= requests)

    async def acknowledges(self, *numbers: int) -> None:
        """Wait until these have been acknowledged."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: set(numbers) <= set(self.acknowledged))

    def cut(self) -> None:
        """The connection breaks."""
        waiting, self._waiting = self._waiting, []
        for lane in waiting:
            lane.set_exception(ConnectionError("reset"))

    def unanswered(self, error: Exception, what: str) -> OmptoolError:
        return Unreachable(f"opc.tcp://scripted: connection {error} during {what}")

    @property
    def in_flight(self) -> int:
        return len(self._waiting)

    def publish(self, sub: int, acknowledged: Sequence[int], slot: Slot) -> None:
        assert sub == 77
        self.acknowledged += acknowledged
        for number in acknowledged:
            self.kept.pop(number, None)
        self._waiting.append(slot)
        self.most_waiting = max(self.most_waiting, len(self._waiting))
        self._tell()

    def _tell(self) -> None:
        """Whoever waits for a request looks again."""
        told = asyncio.ensure_future(self._notify())
        self._telling.add(told)
        told.add_done_callback(self._telling.discard)

    async def _notify(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()

    def _republish(self, number: int) -> bytes:
        self.republished.append(number)
        if number not in self.kept:
            return fault("BadMessageNotAvailable")
        return republication(number, self.kept[number])

    def _create_items(self, request: Any) -> Any:
        items = request.Parameters.ItemsToCreate
        self.batches.append(len(items))
        refusal = self.refuse([item.ItemToMonitor.NodeId.to_string() for item in items])
        if refusal:
            raise from_status(status.code_of(refusal), "answer CreateMonitoredItems", self.url)
        response = ua.CreateMonitoredItemsResponse()
        response.Results = [self._create_item(item) for item in items]
        return response

    def _create_item(self, item: Any) -> Any:
        result = ua.MonitoredItemCreateResult()
        bad = self.bad.get(item.ItemToMonitor.NodeId.to_string())
        if bad:
            result.StatusCode = ua.StatusCode(status.code_of(bad))
            return result
        asked = item.RequestedParameters
        result.MonitoredItemId = asked.ClientHandle + 1000
        result.RevisedSamplingInterval, result.RevisedQueueSize = self.revise(asked.SamplingInterval, asked.QueueSize)
        return result

    def _modify_items(self, request: Any) -> Any:
        response = ua.ModifyMonitoredItemsResponse()
        for item in request.Parameters.ItemsToModify:
            self.modified.append(item.RequestedParameters.QueueSize)
            result = ua.MonitoredItemModifyResult()
            asked = item.RequestedParameters
            result.RevisedSamplingInterval, result.RevisedQueueSize = self.revise(
                asked.SamplingInterval, asked.QueueSize
            )
            response.Results.append(result)
        return response


def decoded(request: RawRequest) -> Any:
    """What a request of ours means to asyncua."""
    kind = ua.extension_objects_by_typeid[ua.NodeId(ua.Int32(request.service_id))]
    header = struct_to_binary(ua.RequestHeader())
    body = nodeid_to_binary(ua.FourByteNodeId(ua.UInt16(request.service_id))) + header + request.parameters
    return struct_from_binary(kind, Buffer(body))


def fault(name: str) -> bytes:
    """A ServiceFault."""
    response = ua.ServiceFault()
    response.ResponseHeader.ServiceResult = ua.StatusCode(status.code_of(name))
    return bytes(struct_to_binary(response))


def republication(number: int, data: list[tuple[int, float]]) -> bytes:
    """A RepublishResponse."""
    response = ua.RepublishResponse()
    response.NotificationMessage = _notification_message(number, data)
    return bytes(struct_to_binary(response))


def message(
    number: int,
    data: list[tuple[int, float]] | None,
    *,
    available: Sequence[int] | dict[int, Any] = (),
    status_change: int | None = None,
) -> bytes:
    """A PublishResponse."""
    response = ua.PublishResponse()
    response.Parameters.SubscriptionId = 77
    response.Parameters.AvailableSequenceNumbers = list(available)
    response.Parameters.NotificationMessage = _notification_message(number, data)
    if status_change is not None:
        notification = ua.StatusChangeNotification(Status=ua.StatusCode(status_change))
        response.Parameters.NotificationMessage.NotificationData = [notification]
    return bytes(struct_to_binary(response))


def _notification_message(number: int, data: list[tuple[int, float]] | None) -> Any:
    content = ua.NotificationMessage()
    content.SequenceNumber = number
    content.PublishTime = _moment(publish_time(number))
    if data is not None:
        changes = ua.DataChangeNotification()
        changes.MonitoredItems = [
            ua.MonitoredItemNotification(ClientHandle=handle, Value=_value(number, value)) for handle, value in data
        ]
        content.NotificationData = [changes]
    return content


def _value(number: int, value: float) -> Any:
    stamp = _moment(publish_time(number) - 5_000_000)
    return ua.DataValue(ua.Variant(value, ua.VariantType.Double), SourceTimestamp=stamp, ServerTimestamp=stamp)
