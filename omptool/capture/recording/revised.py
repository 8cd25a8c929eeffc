"""What a server made of the intervals and queue sizes that it was asked for, as the journal says it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from omptool.model import status
from omptool.model.monitoring import Discard

if TYPE_CHECKING:
    from omptool.capture.recording.store import RecordingStore
    from omptool.opcua.subscribing.items import MonitoredItem, RequestedItem

_UNANSWERED = status.code_of("BadUnexpectedError")


def was_revised(item: MonitoredItem) -> bool:
    """Whether a node is monitored otherwise than it was asked, or was asked for less than every change."""
    return item.is_monitored and (
        bool(asked_filter(item.requested))
        or item.sampling_ms != item.requested.sampling_ms
        or item.queue_size != item.asked_queue_size
        or item.is_sampled
        or item.unfiltered != 0
    )


def revision(handle: int, item: MonitoredItem) -> dict[str, Any]:
    """A node's entry in the journal; `handle` is the node's in the capture."""
    unfiltered = {"unfiltered": status.name(item.unfiltered)} if item.unfiltered else {}
    return {
        "handle": handle,
        "node_id": item.requested.node_id,
        "asked_sampling_ms": item.requested.sampling_ms,
        "sampling_ms": item.sampling_ms,
        "asked_queue_size": item.asked_queue_size,
        "queue_size": item.queue_size,
        "sampled": item.is_sampled,
        **asked_filter(item.requested),
        **unfiltered,
    }


def in_cycles(handle: int, node_id: str, interval_ms: float) -> dict[str, Any]:
    """The entry of a node that is read in cycles: nobody sees what lies between two of them."""
    return {"handle": handle, "node_id": node_id, "poll_ms": interval_ms, "sampled": True}


def asked_filter(item: RequestedItem) -> dict[str, Any]:
    """What the server was asked to leave out of a node, and to drop first; empty where all is asked for."""
    said = {
        "trigger": None if item.trigger is None else str(item.trigger),
        "deadband": None if item.deadband is None else str(item.deadband),
        "discard": None if item.discard is Discard.OLDEST else str(item.discard),
    }
    return {name: value for name, value in said.items() if value is not None}


def tell(
    store: RecordingStore,
    items: Sequence[MonitoredItem],
    base: int,
    cycles: Mapping[float, Mapping[int, str]],
    created_ns: tuple[int, int],
) -> None:
    """Write what became of the items of a new subscription; a node's handle is its ClientHandle plus `base`.

    Args:
        cycles: see `polling.Groups`.
        created_ns: the server's clock when its first and its last item existed.
    """
    told = [in_cycles(*node, every) for every, nodes in cycles.items() for node in nodes.items()]
    tell_revised(store, items, base, told)
    for item in items:
        handle = base + item.requested.handle
        if item.is_monitored:
            store.item_created(handle, created_ns[1])
        else:
            store.item_failed(handle, item.requested.node_id, item.status, created_ns[0])


def tell_revised(
    store: RecordingStore, items: Sequence[MonitoredItem], base: int, more: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Write which items are others than they were asked for."""
    told = [revision(base + item.requested.handle, item) for item in items if was_revised(item)]
    store.revised([*told, *more])


def tell_untaken(store: RecordingStore, items: Sequence[RequestedItem], base: int) -> None:
    """Nobody knows whether these items exist; they are asked for again with the next subscription."""
    for item in items:
        store.item_failed(base + item.handle, item.node_id, _UNANSWERED, time.time_ns())
