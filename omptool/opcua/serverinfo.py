"""What a server says about itself: namespaces, identity, build, start time, and how much it takes in one request.

Read once per session, tolerant of everything a small server leaves out: only the NamespaceArray is indispensable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asyncua.ua.object_ids import ObjectIds

from omptool.errors import ServerRefused
from omptool.model.limits import Capacity, ServerLimits
from omptool.model.nodeid import OPC_UA
from omptool.model.times import ticks_to_unix_ns
from omptool.opcua import batch, requests
from omptool.protocol.read import parse_plain_values
from omptool.protocol.variant import LAST_TICKS

if TYPE_CHECKING:
    from omptool.opcua.session import Session

VALUE = 13
"""AttributeId Value (Part 6, AttributeIds.csv)."""

_LIMITS: dict[str, int] = {
    "max_nodes_per_read": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    "max_nodes_per_browse": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
    "max_monitored_items_per_call": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
    "max_nodes_per_history_read_data": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData,
    "max_nodes_per_translate_browse_paths": (
        ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds
    ),
    "max_browse_continuation_points": ObjectIds.Server_ServerCapabilities_MaxBrowseContinuationPoints,
}
_BUILD: dict[str, int] = {
    "product_name": ObjectIds.Server_ServerStatus_BuildInfo_ProductName,
    "manufacturer_name": ObjectIds.Server_ServerStatus_BuildInfo_ManufacturerName,
    "product_uri": ObjectIds.Server_ServerStatus_BuildInfo_ProductUri,
    "software_version": ObjectIds.Server_ServerStatus_BuildInfo_SoftwareVersion,
    "build_number": ObjectIds.Server_ServerStatus_BuildInfo_BuildNumber,
}
_YEAR_TICKS = 366 * 86_400 * 10_000_000
_START_TIME = ObjectIds.Server_ServerStatus_StartTime
_NAMESPACES = ObjectIds.Server_NamespaceArray
_SERVERS = ObjectIds.Server_ServerArray


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A server's description of itself.

    Attributes:
        application_uri: of the endpoint that answered, else ServerArray[0].
        namespaces: NamespaceArray; [0] is the OPC UA namespace.
        build_info: product_name, manufacturer_name, product_uri, software_version, build_number; only what it has.
        start_time: Unix nanoseconds, None when it does not say.
    """

    application_uri: str = ""
    namespaces: list[str] = field(default_factory=lambda: [OPC_UA])
    limits: ServerLimits = field(default_factory=ServerLimits)
    build_info: dict[str, str] = field(default_factory=dict)
    start_time: int | None = None


async def read_server_info(session: Session, announced_uri: str) -> ServerInfo:
    """Ask for all of it at once, which a server refuses whose MaxNodesPerRead is below; then in smaller parts.

    Raises:
        ServerRefused: it does not tell its namespaces, without which no NodeId has a meaning.
    """
    wanted = [_NAMESPACES, _SERVERS, _START_TIME, *_LIMITS.values(), *_BUILD.values()]
    known = await _values(session, wanted, len(wanted))
    namespaces = known.get(_NAMESPACES)
    if not isinstance(namespaces, list) or not namespaces:
        raise ServerRefused(f"{session.url} does not tell its namespaces, so its NodeIds mean nothing")
    servers = known.get(_SERVERS)
    first = servers[0] if isinstance(servers, list) and servers else ""
    return ServerInfo(
        application_uri=announced_uri or str(first or ""),
        namespaces=[str(uri or "") for uri in namespaces],
        limits=ServerLimits(**{name: _count(known.get(node)) for name, node in _LIMITS.items()}),
        build_info={name: str(known[node]) for name, node in _BUILD.items() if known.get(node)},
        start_time=_moment(known.get(_START_TIME)),
    )


_CAPACITY: dict[str, int] = {
    "max_monitored_items": ObjectIds.Server_ServerCapabilities_MaxMonitoredItems,
    "max_monitored_items_per_subscription": ObjectIds.Server_ServerCapabilities_MaxMonitoredItemsPerSubscription,
    "max_queue_size": ObjectIds.Server_ServerCapabilities_MaxMonitoredItemsQueueSize,
}
_FASTEST = ObjectIds.Server_ServerCapabilities_MinSupportedSampleRate


async def read_capacity(session: Session) -> Capacity:
    """Ask how much the server takes at all; small servers say little of it."""
    wanted = [*_CAPACITY.values(), _FASTEST]
    known = await _values(session, wanted, session.limits.chunk(session.limits.max_nodes_per_read))
    fastest = known.get(_FASTEST)
    min_sampling_ms = fastest if isinstance(fastest, float) and 0 < fastest < float("inf") else 0.0
    counts = {name: _count(known.get(node)) for name, node in _CAPACITY.items()}
    return Capacity(**counts, min_sampling_ms=min_sampling_ms)


async def _values(session: Session, nodes: list[int], size: int) -> dict[int, Any]:
    """Values of nodes of namespace 0, None for the Bad ones."""

    def decode(body: bytes, part: Sequence[tuple[bytes, int]]) -> list[Any]:
        values = parse_plain_values(body)[: len(part)]
        return values + [None] * (len(part) - len(values))

    items = [(requests.encode_node_id(0, node), VALUE) for node in nodes]
    return dict(zip(nodes, await batch.run(session, items, size, requests.read, decode), strict=True))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _moment(ticks: Any) -> int | None:
    """Ticks as Unix nanoseconds, whole microseconds; None for no time, and for 1601, which servers write for that."""
    is_time = isinstance(ticks, int) and _YEAR_TICKS < ticks <= LAST_TICKS
    return ticks_to_unix_ns(ticks) // 1000 * 1000 if is_time else None
