"""Subscriptions of our server: every value in order, none merged, and an honest Overflow bit when a queue is too short.

asyncua's server subscriptions ignore MaxNotificationsPerPublish and DiscardOldest, drop values without the Overflow bit
and answer a Republish for an unknown message with an empty one. Clients are tested against this server, so it has to
keep the rules of Part 4, 5.13 and 5.14 where asyncua's does not. Only the data changes are ours; events stay asyncua's.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.address_space import AddressSpace
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.monitored_item_service import MonitoredItemData, MonitoredItemService
from asyncua.server.subscription_service import SubscriptionService
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from omptool.opcua.serving.address_space import eu_range
from omptool.opcua.serving.values import EncodedValue, ForeignValue

MIN_PUBLISHING_MS = 10.0
"""Shortest publishing interval granted."""

EXCEPTION_BASED = 0.0
"""Revised sampling interval: every change is reported when it happens, nothing is sampled (Part 4, 5.13.1.2)."""

_HANDLE = struct.Struct("<I")
_COUNT = struct.Struct("<i")
_NO_DIAGNOSTICS = _COUNT.pack(-1)
_DATA_CHANGE = ua.NodeId(ua.Int32(ObjectIds.DataChangeNotification_Encoding_DefaultBinary))

Queued = tuple[int, bytes, EncodedValue]
"""Order of arrival, client handle, value."""


class ServedItem(MonitoredItemData):
    """A monitored item with what asyncua forgets about it, and the value it last let through."""

    def __init__(self, common: MonitoredItemData, *, discard_oldest: bool, every_value: bool) -> None:
        super().__init__()
        self.__dict__.update(common.__dict__)
        self._every_value = every_value
        self.discard_oldest = discard_oldest
        self.handle_bytes = _HANDLE.pack(common.client_handle)
        self.last: EncodedValue | None = None
        self.range: float | None = None
        """Width of the EURange, for a deadband in percent of it."""

    def lets_through(self, value: EncodedValue) -> bool:
        """Whether trigger and deadband of the item's filter report this value; the first one always."""
        last = self.last
        if last is None or last.status != value.status or (self._every_value and not self.filter):
            return True
        trigger = self.filter.Trigger if self.filter else ua.DataChangeTrigger.StatusValue
        if trigger == ua.DataChangeTrigger.Status:
            return False
        if trigger == ua.DataChangeTrigger.StatusValueTimestamp and last.source_ticks != value.source_ticks:
            return True
        return last.variant != value.variant and self._beyond_deadband(last, value)

    def _beyond_deadband(self, last: EncodedValue, value: EncodedValue) -> bool:
        if not self.filter or self.filter.DeadbandType == ua.DeadbandType.None_:
            return True
        deadband = float(self.filter.DeadbandValue)
        if self.range is not None:
            deadband *= self.range / 100
        before, now = last.number(), value.number()
        return before is None or now is None or abs(now - before) > deadband


def _is_percent(wanted: Any) -> bool:
    return getattr(wanted, "DeadbandType", None) == ua.DeadbandType.Percent  # asyncua has two classes of the filter


class ServedItems(MonitoredItemService):
    """The monitored items of one subscription."""

    isub: ServedSubscription

    def __init__(
        self, subscription: ServedSubscription, space: AddressSpace, min_queue_size: int, every_value: bool
    ) -> None:
        super().__init__(subscription, space)
        self._min_queue_size = min_queue_size
        self._every_value = every_value

    def _make_monitored_item_common(
        self, params: ua.MonitoredItemCreateRequest
    ) -> tuple[ua.MonitoredItemCreateResult, MonitoredItemData]:
        result, common = super()._make_monitored_item_common(params)
        result.RevisedSamplingInterval = EXCEPTION_BASED
        discard_oldest = bool(params.RequestedParameters.DiscardOldest)
        item = ServedItem(common, discard_oldest=discard_oldest, every_value=self._every_value)
        if _is_percent(params.RequestedParameters.Filter):
            item.range = eu_range(self.aspace, params.ItemToMonitor.NodeId)
        return result, item

    async def _create_data_change_monitored_item(
        self, params: ua.MonitoredItemCreateRequest
    ) -> ua.MonitoredItemCreateResult:
        """A deadband in percent needs an EURange, and is refused without (Part 8, 7.2)."""
        wanted: Any = params.RequestedParameters.Filter
        if _is_percent(wanted):
            has_range = eu_range(self.aspace, params.ItemToMonitor.NodeId) is not None
            if not has_range or not 0 <= wanted.DeadbandValue <= 100:
                code = StatusCodes.BadDeadbandFilterInvalid if has_range else StatusCodes.BadFilterNotAllowed
                return ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(ua.UInt32(code)))
        return await super()._create_data_change_monitored_item(params)

    def _revise_queue_size(self, requested: int) -> int:
        """0 and 1 mean a queue of one (Part 4, 5.13.1.5); longer ones hold at least `min_queue_size`."""
        if requested <= 1:
            return 1
        return min(max(requested, self._min_queue_size), max(self.isub.max_queue_size, self._min_queue_size))

    async def datachange_callback(self, handle: int, value: Any, error: ua.StatusCode | None = None) -> None:
        """Called for every write; `value` is an `EncodedValue` of ours or a `ua.DataValue` of asyncua's."""
        if error:
            await self.trigger_statuschange(error)
            return
        item_id = self._monitored_datachange[handle]
        item = self._monitored_items[item_id]
        if item.mode == ua.MonitoringMode.Disabled:
            return
        assert isinstance(item, ServedItem)
        encoded = value if isinstance(value, EncodedValue) else ForeignValue(value)
        if item.lets_through(encoded):
            item.last = encoded
            self.isub.enqueue(item_id, item, encoded)


class ServedSubscription(InternalSubscription):
    """One subscription; its queues hold encoded values per item, its messages all of them in order of arrival."""

    def __init__(
        self, *arguments: Any, max_notifications: int, min_queue_size: int, every_value: bool, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._max_notifications = max_notifications
        self._arrivals = 0
        self.monitored_item_srv = ServedItems(self, self.monitored_item_srv.aspace, min_queue_size, every_value)
        self._triggered_datachanges: dict[int, deque[Queued]] = {}  # type: ignore[assignment]  # ours is bounded

    def enqueue(self, item_id: int, item: ServedItem, value: EncodedValue) -> None:
        """Put a value into the item's queue; a full queue loses one and says so (Part 4, 5.13.1.5)."""
        queue = self._triggered_datachanges.setdefault(item_id, deque())
        self._arrivals += 1
        if len(queue) < item.queue_size:
            queue.append((self._arrivals, item.handle_bytes, value))
        elif item.queue_size == 1:
            queue[0] = (self._arrivals, item.handle_bytes, value)
        elif item.discard_oldest:
            queue.popleft()
            arrival, handle, oldest = queue[0]
            queue[0] = (arrival, handle, oldest.overflowed())
            queue.append((self._arrivals, item.handle_bytes, value))
        else:
            queue[-1] = (self._arrivals, item.handle_bytes, value.overflowed())

    @property
    def waiting(self) -> bool:
        """Whether values wait to be sent, or sent ones to be acknowledged."""
        return bool(self._triggered_datachanges or self._not_acknowledged_results)

    def has_room(self, values: int) -> bool:
        """Whether no queue would lose one of so many values more; a queue of one holds the newest by design."""
        items = self.monitored_item_srv._monitored_items
        return all(
            items[item_id].queue_size == 1 or len(queue) + values <= items[item_id].queue_size
            for item_id, queue in self._triggered_datachanges.items()
            if item_id in items
        )

    async def publish_results(self, requestdata: Any = None) -> bool:
        """Send what is queued, in several messages where the client limits their size and has asked often enough.

        Requests of a connection that is gone are no requests: answering one would lose its values in a dead socket.
        """
        asked = self.pub_request_callback
        if requestdata is None and getattr(getattr(asked, "__self__", None), "_closing", False):
            self.pub_request_callback = _nobody_asks
            try:
                return await super().publish_results()
            finally:
                self.pub_request_callback = asked
        sent = await super().publish_results(requestdata)
        while sent and self._publishing_enabled and self._triggered_datachanges:
            if not await super().publish_results():
                break
        return sent

    def _pop_publish_result(self) -> ua.PublishResult:
        result = super()._pop_publish_result()
        result.MoreNotifications = self._publishing_enabled and bool(self._triggered_datachanges)
        return result

    def _pop_triggered_datachanges(self, result: ua.PublishResult) -> None:
        if not self._triggered_datachanges:
            return
        queued = sorted(chain.from_iterable(self._triggered_datachanges.values()))
        limit = self._max_notifications or len(queued)
        self._keep_for_later(limit, queued)
        sent = queued[:limit]
        body = b"".join(chain.from_iterable((handle, value.data) for _, handle, value in sent))
        data = _COUNT.pack(len(sent)) + body + _NO_DIAGNOSTICS
        result.NotificationMessage.NotificationData.append(ua.ExtensionObject(_DATA_CHANGE, ua.ByteString(data)))

    def _keep_for_later(self, limit: int, queued: list[Queued]) -> None:
        if limit >= len(queued):
            self._triggered_datachanges = {}
            return
        first_kept = queued[limit][0]
        kept = {
            item_id: deque(entry for entry in queue if entry[0] >= first_kept)
            for item_id, queue in self._triggered_datachanges.items()
        }
        self._triggered_datachanges = {item_id: queue for item_id, queue in kept.items() if queue}

    def acknowledge(self, sequence_number: int) -> ua.StatusCode:
        """Forget a sent message; unknown numbers are refused."""
        if self._not_acknowledged_results.pop(sequence_number, None) is None:
            return ua.StatusCode(ua.UInt32(StatusCodes.BadSequenceNumberUnknown))
        return ua.StatusCode()

    def republish(self, nb: int) -> ua.NotificationMessage:
        """Send a message again; it stays until acknowledged."""
        result = self._not_acknowledged_results.get(nb)
        if result is None:
            raise ServiceError(StatusCodes.BadMessageNotAvailable)
        message: ua.NotificationMessage = result.NotificationMessage
        return message


def _nobody_asks(_subscription_id: int) -> None:
    return None


class ServedSubscriptions(SubscriptionService):
    """All subscriptions of the server.

    Args:
        min_queue_size: what a requested queue longer than one is raised to at least.
        every_value: report values equal to the one before too, where a client asks for no filter of its own.
    """

    subscriptions: dict[int, ServedSubscription]  # type: ignore[assignment]  # narrower than asyncua's

    def __init__(self, space: AddressSpace, server: InternalServer, *, min_queue_size: int, every_value: bool) -> None:
        super().__init__(space, iserver=server)
        self._server = server
        self._min_queue_size = min_queue_size
        self._every_value = every_value
        self._moved = asyncio.Event()

    async def settle(self) -> None:
        """Wait until every subscription has sent what it had and every message has been acknowledged."""
        while any(subscription.waiting for subscription in self.subscriptions.values()):
            self._moved.clear()
            await self._moved.wait()

    async def roomy(self, values: int) -> None:
        """Wait until every subscription has room for so many values more per item."""
        while not all(subscription.has_room(values) for subscription in self.subscriptions.values()):
            self._moved.clear()
            await self._moved.wait()

    async def delete_subscriptions(self, ids: list[int]) -> list[ua.StatusCode]:
        """End subscriptions, each with its own result."""
        results = await super().delete_subscriptions(ids)
        self._moved.set()
        return results

    async def create_subscription(
        self,
        params: ua.CreateSubscriptionParameters,
        callback: Callable[..., Any],
        session_id: ua.NodeId,
        request_callback: Callable[..., Any] | None = None,
    ) -> ua.CreateSubscriptionResult:
        """As Part 4, 5.14.2: intervals and counts revised, MaxNotificationsPerPublish kept."""
        if len(self.subscriptions) >= self._server.max_subscriptions:
            raise ServiceError(StatusCodes.BadTooManySubscriptions)
        keep_alive = self._clamp_keep_alive_count(params.RequestedMaxKeepAliveCount)
        self._sub_id_counter += 1
        result = ua.CreateSubscriptionResult(
            SubscriptionId=self._sub_id_counter,
            RevisedPublishingInterval=max(params.RequestedPublishingInterval, MIN_PUBLISHING_MS),
            RevisedLifetimeCount=max(self._clamp_lifetime_count(params.RequestedLifetimeCount), 3 * keep_alive),
            RevisedMaxKeepAliveCount=keep_alive,
        )
        subscription = ServedSubscription(
            result,
            self.aspace,
            callback,
            session_id,
            request_callback=request_callback,
            delete_callback=lambda: self._expired(result.SubscriptionId),
            no_acks_limit=self._server.max_unacked_messages_per_subscription,
            max_queue_size=self._server.max_monitored_item_queue_size,
            publishing_enabled=params.PublishingEnabled,
            max_notifications=params.MaxNotificationsPerPublish,
            min_queue_size=self._min_queue_size,
            every_value=self._every_value,
        )
        await subscription.start()
        self.subscriptions[result.SubscriptionId] = subscription
        return result

    def _expired(self, subscription_id: int) -> None:
        self.subscriptions.pop(subscription_id, None)
        self._moved.set()

    def publish(self, acks: Iterable[ua.SubscriptionAcknowledgement]) -> tuple[int, list[ua.StatusCode]]:
        """Take acknowledgements; each gets its own result."""
        if not self.subscriptions:
            raise ServiceError(StatusCodes.BadNoSubscription)
        self._moved.set()
        return len(self.subscriptions), [self._acknowledge(ack) for ack in acks]

    def _acknowledge(self, ack: ua.SubscriptionAcknowledgement) -> ua.StatusCode:
        subscription = self.subscriptions.get(ack.SubscriptionId)
        if subscription is None:
            return ua.StatusCode(ua.UInt32(StatusCodes.BadSubscriptionIdInvalid))
        return subscription.acknowledge(ack.SequenceNumber)

    async def transfer_subscriptions(
        self, params: ua.TransferSubscriptionsParameters, session_id: ua.NodeId, callback: Callable[..., Any]
    ) -> list[ua.TransferResult]:
        """Move subscriptions to another session; asyncua forgets to take that session's PublishRequests for them."""
        results = await super().transfer_subscriptions(params, session_id, callback)
        connection = getattr(callback, "__self__", None)
        for number in params.SubscriptionIds:
            subscription = self.subscriptions.get(int(number))
            if subscription is not None and connection is not None:
                subscription.pub_request_callback = connection.get_publish_request
        return results

    def republish(self, params: ua.RepublishParameters) -> ua.NotificationMessage:
        """Send a message again, or say why not."""
        subscription = self.subscriptions.get(params.SubscriptionId)
        if subscription is None:
            raise ServiceError(StatusCodes.BadSubscriptionIdInvalid)
        return subscription.republish(params.RetransmitSequenceNumber)
