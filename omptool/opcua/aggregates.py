"""Names of aggregates (Part 13, 4.2) to NodeIds, and which of them a server says that it computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncua.ua.object_ids import ObjectIds

from omptool.errors import NotFound
from omptool.model.nearest import nearest
from omptool.opcua import requests
from omptool.opcua.exploring import locate
from omptool.opcua.exploring.browsing import browse_all, local
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

_PREFIX = "AggregateFunction_"
STANDARD: dict[str, int] = {
    name.removeprefix(_PREFIX): int(value) for name, value in vars(ObjectIds).items() if name.startswith(_PREFIX)
}
"""BrowseName of every standard AggregateFunction, with its NodeId in namespace 0."""

_FOLDERS = (
    WireNodeId(0, int(ObjectIds.HistoryServerCapabilities_AggregateFunctions)),
    WireNodeId(0, int(ObjectIds.Server_ServerCapabilities_AggregateFunctions)),
)


async def offered(session: Session) -> dict[str, WireNodeId]:
    """Aggregates in the server's own folders, by BrowseName; small servers have none."""
    results = await browse_all(session, _FOLDERS)
    found = {
        reference.browse_name.name: node
        for result in results
        for reference in result.references
        if (node := local(reference.node_id, session.namespaces)) is not None
    }
    return dict(sorted(found.items()))


async def resolve(session: Session, text: str) -> bytes:
    """The encoded NodeId of an aggregate: a standard name in any case, a NodeId, or a name of the server's own.

    Raises:
        NotFound: neither; the hint has the nearest.
        UsageError: a malformed NodeId.
    """
    if locate.is_node_id(text):
        return session.encode(text)
    by_key = {name.lower(): number for name, number in STANDARD.items()}
    if text.lower() in by_key:
        return requests.encode_node_id(0, by_key[text.lower()])
    own = await offered(session)
    found = next((node for name, node in own.items() if name.lower() == text.lower()), None)
    if found is None:
        near = nearest(text, [*own, *STANDARD])
        raise NotFound(
            f"{session.url} has no aggregate {text!r}, and it is none of the standard",
            "did you mean  " + "  or  ".join(near) if near else "standard ones: " + ", ".join(STANDARD),
        )
    return requests.encode_node_id(found.namespace, found.identifier)
