"""What a recording will come to: how many values at most, how many bytes, and what cannot be. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from omptool.errors import ServerRefused
from omptool.model.builtin import BuiltinType

if TYPE_CHECKING:
    from omptool.capture.reader import Capture
    from omptool.capture.recording.terms import PlannedItem, PlannedServer
    from omptool.model.limits import Capacity
    from omptool.model.nodes import Node

NUMBER_BYTES, TEXT_BYTES, STRUCTURE_BYTES, ELEMENT_BYTES = 20.0, 40.0, 80.0, 6.0
"""Of one value in a capture, compressed, where nothing was measured: numbers of machines take 12 to 20. An array has so
many more per element."""

_TEXTS = frozenset({"String", "LocalizedText", "ByteString", "XmlElement", "Guid", "NodeId", "QualifiedName"})
_FEW = 1000
"""A capture of fewer rows is mostly the description of nodes, and measures nothing."""


def most_values_per_s(server: PlannedServer) -> float:
    """What the server may send at most: a value of each item whenever it looks, and no more than its queues hold."""
    return sum(_most(item, server.publishing_ms, server.capacity) for item in server.items)


def bytes_per_s(server: PlannedServer, measured: float | None) -> float:
    """What that takes on the disk; `measured` is the size of a value where a capture told it."""
    return sum(
        _most(item, server.publishing_ms, server.capacity) * (measured or _assumed(item.node)) for item in server.items
    )


def measured_bytes(capture: Capture) -> float | None:
    """Bytes of one row in a capture; None where it has too few to tell."""
    if capture.rows < _FEW:
        return None
    return sum(file.stat().st_size for file in capture.path.glob("seg-*")) / capture.rows


def _assumed(node: Node) -> float:
    one = NUMBER_BYTES
    if node.data_type in _TEXTS:
        one = TEXT_BYTES
    elif node.data_type not in BuiltinType.__members__ and not node.enum_names:
        one = STRUCTURE_BYTES
    elements = math.prod(node.array_dimensions or (1,)) if (node.value_rank or -1) > 0 else 1
    return one + ELEMENT_BYTES * max(elements - 1, 0)


def _most(item: PlannedItem, publishing_ms: float, capacity: Capacity) -> float:
    if item.monitoring.poll_ms:
        return 1000.0 / item.monitoring.poll_ms
    queue = min(item.queue_size, capacity.max_queue_size or item.queue_size)
    queued = max(queue, 1) * 1000.0 / publishing_ms
    looks_ms = max(item.sampling_ms, capacity.min_sampling_ms)
    return min(1000.0 / looks_ms, queued) if looks_ms > 0 else queued


def check(servers: Sequence[PlannedServer]) -> None:
    """Refuse what a server says that it cannot.

    Raises:
        ServerRefused: more items than it takes.
    """
    for server in servers:
        refuse_too_many(server.label, server.capacity, sum(not item.monitoring.poll_ms for item in server.items))


def refuse_too_many(server: str, capacity: Capacity, items: int) -> None:
    """Refuse what a server, or its profile, says that it cannot.

    Raises:
        ServerRefused: more items than it takes.
    """
    most = capacity.most_items
    if most and items > most:
        raise ServerRefused(
            f"{server} takes at most {most:,} items in a subscription, {items:,} are selected",
            "take fewer with --select or --nodes, or read them in cycles with --poll",
        )
