"""Short trials on a server: what it makes of a subscription and how much comes of it, and whether its history is read.

Gentle: a look at a few hundred nodes, one subscription of at most a hundred items for two seconds, removed again, and
one question for ten old values. What was found is told; what it is good for is decided by whoever reads it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from omptool.errors import ServerRefused, Unreachable
from omptool.model import path as paths
from omptool.model import status
from omptool.model.nodes import HISTORY_READ, READABLE
from omptool.model.times import ticks_to_unix_ns
from omptool.opcua import batch, requests
from omptool.opcua.exploring.browsing import HIERARCHICAL_REFERENCES, local
from omptool.opcua.exploring.landmarks import OBJECTS
from omptool.opcua.exploring.metadata import read_attribute
from omptool.opcua.history import History, Raw
from omptool.opcua.session import Session
from omptool.protocol.browse import parse_browse_response
from omptool.protocol.columns import ItemColumns
from omptool.protocol.items import decode_items
from omptool.protocol.publish import DataChange, parse_publish_response
from omptool.protocol.wire import WireNodeId

_SERVER_OBJECT, _CURRENT_TIME = WireNodeId(0, 2253), WireNodeId(0, 2258)
_HAS_PROPERTY = WireNodeId(0, 46)
_OBJECT, _VARIABLE = 1, 2
_MOST_VARIABLES = 500
_REQUESTS, _NODES_AT_ONCE, _REFERENCES = 12, 20, 200
"""Of the look around: how many, of how many nodes each, how many references of each node."""

_ITEMS = 100
_SECONDS = 2.0
_PUBLISHING_MS, _QUEUE = 100.0, 100
_VALUES = 10
_HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """Some Variables of a server, by their paths.

    Attributes:
        readable: those that this user may read; `historized` those whose history he may read.
        seen: how many were looked at.
    """

    readable: dict[WireNodeId, str] = field(default_factory=dict)
    historized: dict[WireNodeId, str] = field(default_factory=dict)
    seen: int = 0


async def look(session: Session) -> Sample:
    """Variables near the top of the tree, without Properties and the Server object."""
    found = await _variables(session)
    levels = await read_attribute(session, list(found), AttributeIds.AccessLevel)
    known = [(node, level if isinstance(level, int) else READABLE) for node, level in zip(found, levels, strict=True)]
    return Sample(
        {node: found[node] for node, level in known if level & READABLE},
        {node: found[node] for node, level in known if level & HISTORY_READ},
        len(found),
    )


async def _variables(session: Session) -> dict[WireNodeId, str]:
    found: dict[WireNodeId, str] = {}
    waiting: dict[WireNodeId, tuple[str, ...]] = {OBJECTS: ()}
    seen = {OBJECTS, _SERVER_OBJECT}
    size = min(_NODES_AT_ONCE, session.limits.chunk(session.limits.max_nodes_per_browse))
    for _ in range(_REQUESTS):
        part = list(waiting.items())[:size]
        if not part or len(found) >= _MOST_VARIABLES:
            break
        nodes = [requests.encode_node_id(node.namespace, node.identifier) for node, _ in part]
        request = requests.browse(nodes, reference_type=HIERARCHICAL_REFERENCES, max_references=_REFERENCES)
        results = batch.matched(parse_browse_response(await session.checked(request)), len(part))
        if points := [result.continuation for result in results if result.continuation]:
            await session.call(requests.browse_next(points, release=True))
        for (parent, names), result in zip(part, results, strict=True):
            del waiting[parent]
            for reference in result.references:
                node = local(reference.node_id, session.namespaces)
                if node is None or node in seen or reference.reference_type == _HAS_PROPERTY:
                    continue
                seen.add(node)
                below = (*names, reference.browse_name.name)
                if reference.node_class == _VARIABLE and len(found) < _MOST_VARIABLES:
                    found[node] = paths.join(below)
                elif reference.node_class == _OBJECT:
                    waiting[node] = below
    return found


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What a server made of a trial subscription.

    Attributes:
        publishing_ms, sampling_ms, queue_size: as revised, the last two of the first item.
        items, refused: how many it took, and did not take.
        values_per_s: that came, without each item's first one.
        overflows: values with the Overflow bit.
    """

    publishing_ms: float
    sampling_ms: float
    queue_size: int
    items: int
    refused: int
    values_per_s: float
    overflows: int


async def subscribe(session: Session, sample: Sample) -> Subscribed:
    """Monitor the server's clock and some of the sample, as fast as the server can.

    Raises:
        ServerRefused: it makes no subscription, or does not even monitor its clock.
    """
    asked = ua.CreateSubscriptionParameters(_PUBLISHING_MS, 600, 20, 0, True, 0)
    made = (await session.ask(ua.CreateSubscriptionRequest(Parameters=asked))).Parameters
    try:
        results = await _items(session, made.SubscriptionId, [_CURRENT_TIME, *_spread(list(sample.readable))])
        codes = [int(result.StatusCode.value) for result in results]
        if codes[0] >> 31:
            raise ServerRefused(
                f"{session.url} refuses to monitor CurrentTime ({status.name(codes[0])})", "look into its log"
            )
        taken = sum(not code >> 31 for code in codes)
        values, overflows, seconds = await _listen(session)
    finally:
        removal = ua.DeleteSubscriptionsRequest()
        removal.Parameters.SubscriptionIds = [made.SubscriptionId]
        await session.call(removal)
    return Subscribed(
        publishing_ms=made.RevisedPublishingInterval,
        sampling_ms=results[0].RevisedSamplingInterval,
        queue_size=results[0].RevisedQueueSize,
        items=taken,
        refused=len(codes) - taken,
        values_per_s=max(values - taken, 0) / seconds,
        overflows=overflows,
    )


def _spread(nodes: Sequence[WireNodeId]) -> list[WireNodeId]:
    """As many as are subscribed to, from everywhere in the sample: neighbours are often alike."""
    count = min(len(nodes), _ITEMS - 1)
    return [nodes[at * len(nodes) // count] for at in range(count)]


async def _items(
    session: Session, subscription: int, nodes: Sequence[WireNodeId]
) -> list[ua.MonitoredItemCreateResult]:
    size = session.limits.chunk(session.limits.max_monitored_items_per_call)
    results: list[ua.MonitoredItemCreateResult] = []
    for start in range(0, len(nodes), size):
        items = [
            ua.MonitoredItemCreateRequest(
                ua.ReadValueId(session.to_ua(node.to_text(session.namespaces)), AttributeIds.Value),
                ua.MonitoringMode.Reporting,
                ua.MonitoringParameters(handle, 0.0, None, _QUEUE, True),
            )
            for handle, node in enumerate(nodes[start : start + size], start + 1)
        ]
        request = ua.CreateMonitoredItemsRequest(
            Parameters=ua.CreateMonitoredItemsParameters(subscription, ua.TimestampsToReturn.Both, items)
        )
        results += batch.matched((await session.ask(request)).Results, len(items))
    return results


async def _listen(session: Session) -> tuple[int, int, float]:
    """Values that come, those with the Overflow bit among them, and the seconds that were listened."""
    values = overflows = 0
    acknowledged: list[ua.SubscriptionAcknowledgement] = []
    started = time.perf_counter()
    while (left := _SECONDS - (time.perf_counter() - started)) > 0:
        request = ua.PublishRequest(Parameters=ua.PublishParameters(acknowledged))
        try:
            answer = parse_publish_response(await session.call(request, timeout_s=left))
        except Unreachable:
            if session.closed.is_set():
                raise
            break  # it had nothing more to say in this time
        if answer.service_result >> 31:
            break
        if answer.notifications:
            acknowledged = [ua.SubscriptionAcknowledgement(answer.subscription_id, answer.sequence_number)]
        changes = [one for one in answer.notifications if isinstance(one, DataChange)]
        values += sum(one.count for one in changes)
        columns = decode_items([(one.items, one.count) for one in changes])
        overflows += sum(map(status.overflow, columns.status.tolist()))
    return values, overflows, max(time.perf_counter() - started, _SECONDS)


@dataclass(frozen=True, slots=True)
class OldValues:
    """What the history of one node gave.

    Attributes:
        path: of the node.
        values: how many of the ten that were asked for.
        newest_ns: Unix nanoseconds of the newest; None without values.
        problem: why it gave none.
    """

    path: str
    values: int = 0
    newest_ns: int | None = None
    problem: str = ""


async def read_history(session: Session, sample: Sample) -> OldValues | None:
    """A few old values of one node; None where no node of the sample has a history.

    Servers that cannot read backwards are asked for the beginning of the last hour.
    """
    if not sample.historized:
        return None
    node, path = next(iter(sample.historized.items()))
    node_id, now = node.to_text(session.namespaces), time.time_ns()
    problem = ""
    for start in (None, now - _HOUR_NS):
        history = History(session, [node_id], Raw(start, now, most=_VALUES))
        stamps: list[int] = []
        async with contextlib.aclosing(history.pages()) as pages:
            async for _, columns in pages:
                stamps += _stamps(columns)
        (problem,) = history.endings
        if stamps:
            return OldValues(path, len(stamps), max(stamps))
    return OldValues(path, problem=problem)


def _stamps(columns: ItemColumns) -> list[int]:
    ticks = [
        source if has_source else server
        for source, has_source, server in zip(
            columns.source_ticks.tolist(), columns.has_source.tolist(), columns.server_ticks.tolist(), strict=True
        )
    ]
    return [ticks_to_unix_ns(each) for each in ticks]


async def says_it_keeps(session: Session) -> bool | None:
    """AccessHistoryDataCapability; None where the server does not say."""
    (value,) = await read_attribute(
        session,
        [WireNodeId(0, int(ObjectIds.HistoryServerCapabilities_AccessHistoryDataCapability))],
        AttributeIds.Value,
    )
    return value if isinstance(value, bool) else None
