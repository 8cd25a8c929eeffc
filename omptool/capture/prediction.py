"""What a recording will come to: how many values at most, how many bytes, and what cannot be. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from omptool.errors import ServerRefused

if TYPE_CHECKING:
    from omptool.capture.recording import PlannedItem, PlannedServer
    from omptool.model.limits import Capacity

BYTES_PER_VALUE = 20.0
"""In a capture, compressed; machine data take 12 to 20, texts and structures more."""


def most_values_per_s(server: PlannedServer) -> float:
    """What the server may send at most: a value of each item whenever it looks, and no more than its queues hold."""
    return sum(_most(item, server.publishing_ms, server.capacity) for item in server.items)


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
