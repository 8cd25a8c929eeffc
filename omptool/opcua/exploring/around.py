"""Describes a few nodes without crawling the server: their ways up to Objects, and what stands beside these ways.

That is enough for path, unit, range and place, and costs a handful of requests where a crawl costs the whole server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from omptool.model import path as paths
from omptool.model.nodes import Node
from omptool.opcua.exploring.browsing import browse_all, local
from omptool.opcua.exploring.equipment import with_equipment
from omptool.opcua.exploring.landmarks import BEYOND, OBJECTS, indexes
from omptool.opcua.exploring.metadata import BROWSE_NAME, NODE_CLASS, describe, read_attribute
from omptool.opcua.exploring.nodemaker import NODE_CLASSES, NodeMaker
from omptool.opcua.requests import encode_node_id
from omptool.protocol.wire import WireName, WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Nodes that were asked for, and the nodes above and beside them that say where they stand."""

    nodes: list[Node]
    context: list[Node]


async def look_around(session: Session, wanted: Sequence[WireNodeId]) -> Surroundings:
    """Everything the server says about `wanted`, in their order.

    A node that is not below Objects has an empty path; one that does not exist has nothing but its NodeId.
    """
    children = await _ways_up(session, wanted)
    placed = _paths_down(session, children)
    steps = [OBJECTS, *(node for node in placed if node != OBJECTS)]
    make = NodeMaker(session.namespaces)
    found: dict[str, Node] = {}
    for parent, result in zip(steps, await browse_all(session, steps), strict=True):
        for reference in result.references:
            node = local(reference.node_id, session.namespaces)
            if node is None or node in BEYOND:
                continue
            names = placed.get(node) or (*placed[parent], reference.name)
            text = node.to_text(session.namespaces)
            parents = (*(found[text].parents if text in found else ()), parent.to_text(session.namespaces))
            prefix = "".join(f"{paths.escape_name(name)}/" for name in names[:-1])
            found[text] = make(encode_node_id(node.namespace, node.identifier), reference, prefix, parents)
    context = await with_equipment(session, list(found.values()), list(found.values()))
    by_id = {node.node_id: node for node in context}
    nodes = [by_id.get(bare.node_id, bare) for bare in await _bare(session, wanted)]
    return Surroundings(await describe(session, nodes, among=context), context)


async def path_of(session: Session, node: WireNodeId) -> Names:
    """Browse names from below Objects down to `node`; empty for Objects itself and for what is not below it."""
    return _paths_down(session, await _ways_up(session, [node])).get(node, ())


async def _ways_up(session: Session, wanted: Sequence[WireNodeId]) -> Mapping[WireNodeId, dict[WireNodeId, str]]:
    """Parent → children with their names, for every hierarchical reference on a way from `wanted` upwards."""
    names = dict.fromkeys(wanted, "")
    for node, name in zip(wanted, await read_attribute(session, wanted, BROWSE_NAME), strict=True):
        names[node] = str(getattr(name, "Name", None) or "")
    children: dict[WireNodeId, dict[WireNodeId, str]] = {}
    level = [node for node in names if node != OBJECTS]
    while level:
        above: list[WireNodeId] = []
        for child, result in zip(level, await browse_all(session, level, inverse=True), strict=True):
            for reference in result.references:
                parent = local(reference.node_id, session.namespaces)
                if parent is None:
                    continue
                children.setdefault(parent, {})[child] = names[child]
                if parent not in names and parent != OBJECTS:
                    names[parent] = reference.browse_name.name
                    above.append(parent)
        level = above
    return children


def _paths_down(session: Session, children: Mapping[WireNodeId, Mapping[WireNodeId, str]]) -> dict[WireNodeId, Names]:
    """Names from below Objects for every node on a way: the shortest, through an index only if need be."""
    placed: dict[WireNodeId, Names] = {OBJECTS: ()}
    listing = indexes(session.namespaces)
    level: list[WireNodeId] = [OBJECTS]
    later: list[WireNodeId] = []
    while level or later:
        if not level:
            level, later = later, []
        below: list[WireNodeId] = []
        for parent in level:
            for child, name in children.get(parent, {}).items():
                if child not in placed and child not in BEYOND:
                    placed[child] = (*placed[parent], name)
                    (later if encode_node_id(child.namespace, child.identifier) in listing else below).append(child)
        level = below
    return placed


async def _bare(session: Session, wanted: Sequence[WireNodeId]) -> list[Node]:
    """Nodes with their own name and class only; empty where the server does not know them."""
    names = await read_attribute(session, wanted, BROWSE_NAME)
    classes = await read_attribute(session, wanted, NODE_CLASS)
    return [
        Node(
            node_id=node.to_text(session.namespaces),
            path="",
            browse_name=WireName(name.NamespaceIndex, str(name.Name)).to_text(session.namespaces) if name else "",
            node_class=NODE_CLASSES.get(kind, "") if isinstance(kind, int) else "",
        )
        for node, name, kind in zip(wanted, names, classes, strict=True)
    ]
