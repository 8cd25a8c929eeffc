"""Finds nodes again that have other NodeIds now: some servers number their nodes anew at every start.

A node is what stands at its path; only where no other node stands at the same path is it taken for the same. Costs one
read per node while nothing moved, and one look at the whole server when something did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from omptool.errors import NotFound
from omptool.model.nodes import Node
from omptool.opcua.exploring.crawl import crawl
from omptool.opcua.exploring.metadata import enrich, read_attribute
from omptool.opcua.session import Session
from omptool.protocol.wire import WireNodeId

_BROWSE_NAME = 3
"""AttributeId (Part 6, A.1)."""


class Relocated(NamedTuple):
    """All nodes as they are now, those to monitor, and by old NodeId what moved."""

    nodes: list[Node]
    chosen: list[Node]
    moved: dict[str, Node]


async def relocate(session: Session, chosen: Sequence[Node]) -> Relocated | None:
    """Look whether nodes have moved; None when all are where they were, or gone: then asking for them says so."""
    unknown = await strangers(session, chosen)
    if not unknown:
        return None
    now = await enrich(session, await crawl(session))
    found = moved(unknown, now)
    if not found:
        return None
    wanted = [found.get(node.node_id, node) for node in chosen]
    known = {node.node_id for node in now}
    return Relocated([*now, *(node for node in wanted if node.node_id not in known)], wanted, found)


async def strangers(session: Session, nodes: Sequence[Node]) -> list[Node]:
    """Those whose NodeId means nothing to the server any more, or a node of another name."""
    places: list[WireNodeId | None] = [_place(session, node) for node in nodes]
    there = [place for place in places if place is not None]
    answers = iter(await read_attribute(session, there, _BROWSE_NAME))
    return [
        node
        for node, place in zip(nodes, places, strict=True)
        if place is None or not _is_called(node, getattr(next(answers), "Name", None))
    ]


def moved(unknown: Sequence[Node], now: Sequence[Node]) -> dict[str, Node]:
    """By old NodeId the node that stands at its path now; without those whose path is nobody's, or several nodes'."""
    count = Counter(node.path for node in now)
    by_path = {node.path: node for node in now if count[node.path] == 1}
    return {node.node_id: by_path[node.path] for node in unknown if node.path in by_path}


def _place(session: Session, node: Node) -> WireNodeId | None:
    try:
        return WireNodeId(*session.resolve(node.node_id))
    except NotFound:
        return None


def _is_called(node: Node, name: str | None) -> bool:
    """Whether a BrowseName, without its namespace, is the node's."""
    return name is not None and (node.browse_name == name or node.browse_name.endswith(f";{name}"))
