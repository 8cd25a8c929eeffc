"""The types that nodes are of, with everything above them: what `--type` and a snapshot need of the type system.

Climbs from the types in use instead of walking all of them: a server with five companion specifications has thousands.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from omptool.errors import OmptoolError
from omptool.model.nodes import Node
from omptool.opcua import requests
from omptool.opcua.exploring.browsing import browse_all, local
from omptool.opcua.exploring.metadata import BROWSE_NAME, NODE_CLASS, read_attribute
from omptool.opcua.exploring.nodemaker import NODE_CLASSES
from omptool.protocol.wire import WireName, WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

HAS_SUBTYPE = requests.encode_node_id(0, 45)


async def types_above(session: Session, types: Iterable[str]) -> list[Node]:
    """A node per type (C1 texts) and per type above one, its supertype as parent; unknown ones are left out."""
    level = _wires(session, types)
    facts = await _facts(session, level)
    parents: dict[WireNodeId, WireNodeId] = {}
    while level:
        above: dict[WireNodeId, tuple[str, str]] = {}
        results = await browse_all(session, level, reference_type=HAS_SUBTYPE, inverse=True)
        for kind, result in zip(level, results, strict=True):
            for reference in result.references:
                node = local(reference.node_id, session.namespaces)
                if node is not None and kind not in parents:
                    parents[kind] = node
                    name = reference.browse_name.to_text(session.namespaces)
                    above[node] = (name, NODE_CLASSES.get(reference.node_class, ""))
        level = [node for node in above if node not in facts]
        facts |= {node: above[node] for node in level}
    namespaces = session.namespaces
    return [
        Node(
            node_id=node.to_text(namespaces),
            path="",
            browse_name=name,
            display_name=name.rpartition(";")[2],
            node_class=kind,
            parents=(parents[node].to_text(namespaces),) if node in parents else (),
        )
        for node, (name, kind) in facts.items()
    ]


def _wires(session: Session, types: Iterable[str]) -> list[WireNodeId]:
    found = []
    for text in types:
        with contextlib.suppress(OmptoolError):  # of a namespace that the server does not list
            found.append(WireNodeId(*session.resolve(text)))
    return found


async def _facts(session: Session, types: list[WireNodeId]) -> dict[WireNodeId, tuple[str, str]]:
    names = await read_attribute(session, types, BROWSE_NAME)
    classes = await read_attribute(session, types, NODE_CLASS)
    return {
        node: (
            WireName(name.NamespaceIndex, str(name.Name)).to_text(session.namespaces),
            NODE_CLASSES.get(kind, "") if isinstance(kind, int) else "",
        )
        for node, name, kind in zip(types, names, classes, strict=True)
        if name is not None
    }
