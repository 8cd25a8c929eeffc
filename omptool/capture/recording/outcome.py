"""What became of one server of a recording, put together from all who worked for it. Plain data in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from omptool.capture.recording.terms import FailedItem, ServerResult
from omptool.model import status
from omptool.model.monitoring import Discard

if TYPE_CHECKING:
    from omptool.capture.recording.participant import Participant
    from omptool.opcua.subscribing.items import MonitoredItem


def values_of(items: Sequence[MonitoredItem]) -> list[MonitoredItem]:
    """The items whose values are recorded; others watch events."""
    return [item for item in items if item.requested.events is None]


def queues_of(items: Sequence[MonitoredItem], base: int) -> dict[int, int]:
    """Sizes of the queues that discard the oldest value, by the handle of the node; the first one's is `base` + 1."""
    oldest = [item for item in values_of(items) if item.is_monitored and item.requested.discard is Discard.OLDEST]
    return {base + item.requested.handle: item.queue_size or 0 for item in oldest}


def server_result(one: Participant, items: Sequence[MonitoredItem], paths: Mapping[str, str]) -> ServerResult:
    """Of a server that has a store.

    Args:
        items: as the server granted them last.
        paths: of the chosen nodes, by NodeId.
    """
    store = one.store
    assert store is not None
    filled = store.filler
    rates = [item.sampling_ms or 0.0 for item in items if item.is_sampled]
    named = [(paths.get(item.requested.node_id, item.requested.node_id), item) for item in items]
    monitored = sum(item.is_monitored for item in values_of(items))
    return ServerResult(
        server=store.name,
        label=one.wanted.label,
        rows=store.rows + (filled.rows if filled else 0) + one.errands.polling.rows + one.errands.heartbeats.rows,
        nodes=monitored + one.errands.polling.nodes,
        events=one.alarms.rows,
        polled=one.errands.polling.nodes,
        missed=one.errands.polling.missed,
        gaps=dict(+store.gaps),
        was_reached=one.was_reached,
        cause=store.last_cause,
        away=one.progress.cause if one.progress.phase == "waiting" else "",
        failed=tuple(FailedItem(path, status.name(item.status)) for path, item in named if not item.is_monitored),
        sampled=len(rates),
        sampled_ms=(min(rates, default=0.0), max(rates, default=0.0)),
        overflows=store.overflows,
        unknown_types=store.unknown_types,
        unfiltered=tuple(FailedItem(path, status.name(item.unfiltered)) for path, item in named if item.unfiltered),
        filled=filled.windows if filled else 0,
    )
