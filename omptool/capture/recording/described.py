"""What a recording says of the nodes of a server: the table of all, with what was granted, and those out of reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omptool.model import status
from omptool.model.nodes import MonitoredNode, Node

if TYPE_CHECKING:
    from omptool.capture.nodetable import ServerIdentity
    from omptool.capture.recording.numbering import Numbering
    from omptool.capture.recording.store import RecordingStore
    from omptool.capture.recording.terms import Intervals
    from omptool.opcua.subscribing.granted import Subscription

_NAMED = 20
"""Nodes named in one journal entry."""


def unbrowsable(refused: dict[str, int]) -> dict[str, Any]:
    """What the capture says about nodes below which nobody could look for Variables."""
    first = list(refused.items())[:_NAMED]
    names = [status.name(code) for _, code in first]
    return {"nodes": len(refused), "node_ids": [node for node, _ in first], "status_names": names}


def node_table(
    nodes: Sequence[Node],
    handles: dict[str, int],
    server: str,
    subscription: Subscription,
    base: int,
    since_ns: int,
) -> list[MonitoredNode]:
    """All nodes, monitored or not: places and trees are found from the objects above a Variable."""
    granted = {base + item.requested.handle: item for item in subscription.items if item.is_monitored}
    publishing_ms, table = subscription.publishing_ms, []
    for node in nodes:
        handle = handles.get(node.node_id, 0)
        item = granted.get(handle)
        said = (None, None, None) if item is None else (item.sampling_ms, publishing_ms, item.queue_size)
        table.append(MonitoredNode(node, handle, server, since_ns, *said))
    return table


def facts_of(asked: Intervals, subscription: Subscription) -> dict[str, Any]:
    """What the journal says of a subscription beside its number and its nodes."""
    return {
        "asked_publishing_ms": asked.publishing_ms,
        "asked_sampling_ms": asked.sampling_ms,
        "keep_alive_count": subscription.keep_alive_count,
        "lifetime_count": subscription.lifetime_count,
        "items": len(subscription.items),
        "failed": sum(not item.is_monitored for item in subscription.items),
    }


class Described:
    """What a capture says of one server and its nodes; written where it is something new.

    Attributes:
        identity: of the server; None before the capture says anything of it.
    """

    def __init__(self, identity: ServerIdentity | None = None, table: Sequence[MonitoredNode] = ()) -> None:
        self.identity = identity
        self._table = list(table)

    def describe(
        self,
        store: RecordingStore,
        identity: ServerIdentity,
        nodes: Sequence[Node],
        numbers: Numbering,
        chosen: Sequence[Node],
        subscription: Subscription,
        now_ns: int,
    ) -> None:
        """In the worker thread."""
        since_ns = self._table[0].valid_from if self._table else now_ns
        table = node_table(nodes, numbers.of(chosen), identity.server, subscription, numbers.base, since_ns)
        if self.identity is None or (identity, table) != (self.identity, self._table):
            if since_ns != now_ns:
                table = [replace(entry, valid_from=now_ns) for entry in table]
            store.describe(identity, table)
            self._table = table
        self.identity = identity
