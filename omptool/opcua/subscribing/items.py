"""Monitored items: how deep their queues must be, and how to create thousands where a server allows ten at a time.

Items are created in batches under OperationLimits. A request that a server refuses as a whole is halved until the
culprit stands alone, so one bad node never stops the others; its StatusCode is a result, not an error.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from asyncua import ua

from omptool.errors import NotFound
from omptool.model import status
from omptool.model.eventfields import EventWish
from omptool.model.monitoring import Deadband, Discard, Monitoring, Trigger
from omptool.model.times import MAX_NS, ticks_to_unix_ns
from omptool.opcua import hooks, requests_opening
from omptool.opcua.batch import TOO_MUCH
from omptool.opcua.faults import ServiceRefused
from omptool.opcua.session import Session
from omptool.opcua.subscribing.events import EVENT_NOTIFIER, event_filter
from omptool.protocol.granting import GrantedItem, parse_items

T = TypeVar("T")

MARGIN = 4
"""Publishing intervals that an item's queue can hold: one is normal, three are for stalls of network or disk."""

FASTEST_MS = 1.0
"""Time between changes assumed where the server reports each one (interval 0)."""

EVENT_QUEUE = 10_000
"""Events that may wait at the server: alarms come in floods."""

LEAST_QUEUE, MOST_QUEUE = 10, 10_000

_UNANSWERED = status.code_of("BadUnexpectedError")
_UNKNOWN = status.code_of("BadNodeIdUnknown")
_VALUE = 13
"""AttributeId Value (Part 6, A.1)."""

_TRIGGERS = {
    Trigger.STATUS: ua.DataChangeTrigger.Status,
    Trigger.STATUS_VALUE: ua.DataChangeTrigger.StatusValue,
    Trigger.STATUS_VALUE_TIMESTAMP: ua.DataChangeTrigger.StatusValueTimestamp,
}

_NO_FILTER = frozenset(
    status.code_of(name)
    for name in (
        "BadFilterNotAllowed", "BadMonitoredItemFilterInvalid", "BadMonitoredItemFilterUnsupported",
        "BadDeadbandFilterInvalid", "BadEventFilterInvalid", "BadContentFilterInvalid", "BadTypeDefinitionInvalid",
        "BadFilterOperatorUnsupported", "BadFilterOperatorInvalid",
    )
)  # fmt: skip
"""The server does not take a filter, or not for this node."""

_HOPELESS = frozenset(status.code_of(name) for name in ("BadTooManyMonitoredItems", "BadSubscriptionIdInvalid"))


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """A Variable to be monitored.

    Attributes:
        node_id: C1 text.
        handle: ClientHandle, unique in its subscription; comes back with every value.
        sampling_ms: 0 asks for the fastest the server has.
        queue_size: None computes it from the intervals.
        trigger, deadband: what the server is to report; None = every change of value or status.
    """

    node_id: str
    handle: int
    sampling_ms: float = 0.0
    queue_size: int | None = None
    discard: Discard = Discard.OLDEST
    trigger: Trigger | None = None
    deadband: Deadband | None = None
    events: EventWish | None = None

    @property
    def has_filter(self) -> bool:
        """Whether the server is asked to leave something out; of events, whether it could be asked for less."""
        if self.events is not None:
            return not self.events.is_basic
        return self.trigger is not None or self.deadband is not None

    @property
    def plain(self) -> RequestedItem:
        """The same without a filter that not every server takes."""
        events = None if self.events is None else EventWish(is_basic=True)
        return replace(self, trigger=None, deadband=None, events=events)

    def depth(self, publishing_ms: float) -> int:
        """Queue size to ask for."""
        if self.queue_size is None and self.events is not None:
            return EVENT_QUEUE
        return self.queue_size or queue_size(publishing_ms, self.sampling_ms)


@dataclass(frozen=True, slots=True)
class MonitoredItem:
    """What became of a requested item.

    Attributes:
        status: StatusCode of its creation; Bad means that it is not monitored.
        sampling_ms, queue_size: revised by the server; None when not monitored.
        asked_queue_size: what was requested.
        created_ns: the server's clock when it answered, Unix nanoseconds; None when it did not say. Every change
            since then is queued.
        unfiltered: why it is monitored without the filter that was asked for: every change is reported. 0 = it is not.
    """

    requested: RequestedItem
    status: int
    asked_queue_size: int
    item_id: int = 0
    sampling_ms: float | None = None
    queue_size: int | None = None
    created_ns: int | None = None
    unfiltered: int = 0

    @property
    def is_monitored(self) -> bool:
        return not self.status >> 31

    @property
    def is_sampled(self) -> bool:
        """Whether changes may go unseen: the server looks less often than asked, or its queue holds one value.

        Asked for 0, a server that reports every change says 0 (Part 4, 5.13.1.2); any other answer is a sampling rate.
        """
        if not self.is_monitored or self.requested.events is not None:
            return False
        slower = (self.sampling_ms or 0.0) > self.requested.sampling_ms
        return slower or (self.queue_size is not None and self.queue_size <= 1)


def requested(node_id: str, handle: int, said: Monitoring, sampling_ms: float) -> RequestedItem:
    """A node to be monitored as `said`, and at `sampling_ms` where nothing is."""
    return RequestedItem(
        node_id,
        handle,
        sampling_ms if said.sampling_ms is None else said.sampling_ms,
        said.queue_size,
        said.discard or Discard.OLDEST,
        said.trigger,
        said.deadband,
        said.events,
    )


def queue_size(publishing_ms: float, sampling_ms: float) -> int:
    """Queue size that loses nothing while `MARGIN` publishing intervals pass.

    ceil(MARGIN x publishing / sampling), between `LEAST_QUEUE` and `MOST_QUEUE`; sampling 0 counts as `FASTEST_MS`.
    """
    interval = sampling_ms if sampling_ms > 0 else FASTEST_MS
    return min(max(math.ceil(MARGIN * publishing_ms / interval), LEAST_QUEUE), MOST_QUEUE)


async def create_items(
    session: Session, sub: int, items: Sequence[RequestedItem], publishing_ms: float
) -> list[MonitoredItem]:
    """Create data-change items, in the order given, one result each.

    Where the server samples faster than the queue was computed for, the queue is deepened once (ModifyMonitoredItems).

    Raises:
        Unreachable: the connection is gone, or the server did not answer in time.
    """
    pairs = [(item, item.depth(publishing_ms)) for item in items]

    async def create(batch: Sequence[tuple[RequestedItem, int]]) -> list[MonitoredItem]:
        wanted = [_wanted(session, item, depth) for item, depth in batch]
        ticks, results = parse_items(await session.checked(requests_opening.create_items(sub, wanted)))
        at = ticks_to_unix_ns(ticks) if ticks > 0 else None
        at = at if at is None or at <= MAX_NS else None
        return [_created(item, depth, result, at) for (item, depth), result in zip(batch, results, strict=False)]

    def refused(pair: tuple[RequestedItem, int], code: int) -> MonitoredItem:
        return MonitoredItem(pair[0], code, pair[1])

    limit = session.limits.chunk(session.limits.max_monitored_items_per_call)
    known = [pair for pair in pairs if _has_namespace(session, pair[0])]
    created = await _in_batches(known, limit, create, refused)
    created = await _without_filter(created, limit, create, refused)
    if len(known) < len(pairs):
        by_handle = {item.requested.handle: item for item in created}
        created = [by_handle.get(pair[0].handle) or refused(pair, _UNKNOWN) for pair in pairs]
    return await _deepen(session, sub, created, publishing_ms, limit)


async def _without_filter(
    created: list[MonitoredItem],
    limit: int,
    create: Callable[[Sequence[tuple[RequestedItem, int]]], Awaitable[list[MonitoredItem]]],
    refused: Callable[[tuple[RequestedItem, int], int], MonitoredItem],
) -> list[MonitoredItem]:
    """Ask again for items whose filter the server does not take: rather every change than none."""
    odd = {item.requested.handle: item for item in created if item.status in _NO_FILTER and item.requested.has_filter}
    if not odd:
        return created
    plain = [(item.requested.plain, item.asked_queue_size) for item in odd.values()]
    again = {item.requested.handle: item for item in await _in_batches(plain, limit, create, refused)}
    return [
        replace(again[handle], requested=item.requested, unfiltered=item.status)
        if (handle := item.requested.handle) in odd and again[handle].is_monitored
        else item
        for item in created
    ]


def _has_namespace(session: Session, item: RequestedItem) -> bool:
    """Whether the server still has the namespace of a NodeId; after a restart it may not."""
    try:
        session.encode(item.node_id)
    except NotFound:
        return False
    return True


async def _deepen(
    session: Session, sub: int, items: list[MonitoredItem], publishing_ms: float, limit: int
) -> list[MonitoredItem]:
    shallow = [item for item in items if _wanted_depth(item, publishing_ms) > (item.queue_size or 0)]

    async def modify(batch: Sequence[MonitoredItem]) -> list[MonitoredItem]:
        requests = [_modify_request(session, item, _wanted_depth(item, publishing_ms)) for item in batch]
        parameters = ua.ModifyMonitoredItemsParameters(
            SubscriptionId=sub, TimestampsToReturn=ua.TimestampsToReturn.Both, ItemsToModify=requests
        )
        answer = await session.ask(ua.ModifyMonitoredItemsRequest(Parameters=parameters))
        return [_modified(item, result) for item, result in zip(batch, answer.Results, strict=False)]

    deepened = await _in_batches(shallow, limit, modify, lambda item, _: item)
    by_handle = {item.requested.handle: item for item in deepened}
    return [by_handle.get(item.requested.handle, item) for item in items]


def _wanted_depth(item: MonitoredItem, publishing_ms: float) -> int:
    """Queue size for the revised sampling interval; 0 where the server already gave less than it was asked for."""
    if not item.is_monitored or not item.sampling_ms or item.requested.queue_size or item.requested.events:
        return 0
    if (item.queue_size or 0) < item.asked_queue_size:
        return 0
    return queue_size(publishing_ms, item.sampling_ms)


async def _in_batches(
    items: Sequence[T],
    limit: int,
    send: Callable[[Sequence[T]], Awaitable[list[MonitoredItem]]],
    refused: Callable[[T, int], MonitoredItem],
) -> list[MonitoredItem]:
    """Send all, `limit` at a time; a refused request is halved, and the smaller size kept if size was the reason."""
    results: list[MonitoredItem] = []
    waiting = [items[start : start + limit] for start in range(0, len(items), limit)][::-1]
    while waiting:
        batch = waiting.pop()
        if len(batch) > limit:
            waiting += [batch[limit:], batch[:limit]]
            continue
        try:
            answered = await send(batch)
            results += answered
            results += [refused(item, _UNANSWERED) for item in batch[len(answered) :]]
        except ServiceRefused as error:
            if len(batch) == 1 or error.code in _HOPELESS:
                results += [refused(item, error.code) for item in batch]
                continue
            half = (len(batch) + 1) // 2
            if error.code in TOO_MUCH:
                limit = half
            waiting += [batch[half:], batch[:half]]
    return results


def _wanted(session: Session, item: RequestedItem, depth: int) -> requests_opening.Item:
    kind, asked = requests_opening.NO_FILTER, None
    if item.events is not None:
        asked = event_filter(session, item.events)
    elif item.has_filter:
        asked = _filter(item)
    if asked is not None:
        kind = hooks.encode_structure(asked)
    attribute = _VALUE if item.events is None else EVENT_NOTIFIER
    return requests_opening.Item(
        session.encode(item.node_id), attribute, item.handle, item.sampling_ms, kind, depth,
        item.discard is Discard.OLDEST,
    )  # fmt: skip


def _modify_request(session: Session, item: MonitoredItem, depth: int) -> Any:
    return ua.MonitoredItemModifyRequest(
        MonitoredItemId=item.item_id, RequestedParameters=_parameters(session, _granted(item), depth)
    )


def _granted(item: MonitoredItem) -> RequestedItem:
    """What was asked for, without a filter that the server refused."""
    return item.requested.plain if item.unfiltered else item.requested


def _parameters(session: Session, item: RequestedItem, depth: int) -> Any:
    return ua.MonitoringParameters(
        ClientHandle=item.handle,
        SamplingInterval=item.sampling_ms,
        Filter=_filter(item) if item.events is None else event_filter(session, item.events),
        QueueSize=depth,
        DiscardOldest=item.discard is Discard.OLDEST,
    )


def _filter(item: RequestedItem) -> Any:
    """DataChangeFilter (Part 4, 7.22.2); None where it would say what holds without one."""
    if not item.has_filter:
        return None
    deadband = item.deadband or Deadband(0.0)
    kind = ua.DeadbandType.Percent if deadband.is_percent else ua.DeadbandType.Absolute
    return ua.DataChangeFilter(
        Trigger=_TRIGGERS[item.trigger or Trigger.STATUS_VALUE],
        DeadbandType=ua.UInt32(kind if item.deadband else ua.DeadbandType.None_),
        DeadbandValue=deadband.value,
    )


def _created(item: RequestedItem, depth: int, result: GrantedItem, at_ns: int | None) -> MonitoredItem:
    if result.status >> 31:
        return MonitoredItem(item, result.status, depth)
    return MonitoredItem(item, result.status, depth, result.item_id, result.sampling_ms, result.queue_size, at_ns)


def _modified(item: MonitoredItem, result: Any) -> MonitoredItem:
    if int(result.StatusCode.value) >> 31:
        return item
    sampling, depth = float(result.RevisedSamplingInterval), int(result.RevisedQueueSize)
    return replace(item, sampling_ms=sampling, queue_size=depth)
