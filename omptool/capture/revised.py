"""What a server made of the intervals and queue sizes that it was asked for, as the journal says it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omptool.opcua.items import MonitoredItem


def was_revised(item: MonitoredItem) -> bool:
    """Whether the server monitors a node otherwise than it was asked."""
    return item.is_monitored and (
        item.sampling_ms != item.requested.sampling_ms or item.queue_size != item.asked_queue_size
    )


def revision(handle: int, item: MonitoredItem) -> dict[str, Any]:
    """A node's entry in the journal; `handle` is the node's in the capture."""
    return {
        "handle": handle,
        "node_id": item.requested.node_id,
        "asked_sampling_ms": item.requested.sampling_ms,
        "sampling_ms": item.sampling_ms,
        "asked_queue_size": item.asked_queue_size,
        "queue_size": item.queue_size,
        "sampled": item.is_sampled,
    }
