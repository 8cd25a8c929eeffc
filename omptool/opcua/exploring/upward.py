"""By which references nodes hang below their parents: what a NodeSet2 file keeps, and a tree does not need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from omptool.model.nodes import Node
from omptool.opcua.exploring.browsing import browse_all, local
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

Links = Mapping[str, Mapping[str, str]]
"""NodeId → NodeId of a parent → NodeId of the ReferenceType; C1 texts."""


async def links_of(session: Session, nodes: Iterable[Node]) -> Links:
    """The hierarchical references to nodes outside namespace 0; of several from one parent the first."""
    own = [node.node_id for node in nodes if node.node_id.startswith("nsu=")]
    wires = [WireNodeId(*session.resolve(node_id)) for node_id in own]
    found: dict[str, dict[str, str]] = {}
    for node_id, result in zip(own, await browse_all(session, wires, inverse=True), strict=True):
        links = found.setdefault(node_id, {})
        for reference in result.references:
            parent = local(reference.node_id, session.namespaces)
            if parent is not None:
                kind = reference.reference_type.to_text(session.namespaces)
                links.setdefault(parent.to_text(session.namespaces), kind)
    return found


def kinds_of(links: Links) -> list[str]:
    """The ReferenceTypes among them that are not of namespace 0, each once."""
    kinds = (kind for of_node in links.values() for kind in of_node.values())
    return list(dict.fromkeys(kind for kind in kinds if kind.startswith("nsu=")))
