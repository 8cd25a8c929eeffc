"""Nodes whose first parents lead somewhere. Pure.

Trees are drawn and ordered by first parents. Where these go round in a ring, as in files that others made, nodes would
belong nowhere and be lost without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from omptool.model.nodes import Node


def rooted(nodes: Sequence[Node]) -> list[Node]:
    """The same nodes, in order; of those in a ring another parent comes first, or none is left where all are in it."""
    known = {node.node_id for node in nodes}
    children: dict[str, list[Node]] = {}
    for node in nodes:
        children.setdefault(_first(node), []).append(node)
    reached = {node.node_id for node in nodes if _first(node) not in known}
    waiting = list(reached)
    while waiting:
        below = [node.node_id for node in children.get(waiting.pop(), ()) if node.node_id not in reached]
        reached.update(below)
        waiting += below
    return list(nodes) if reached == known else _broken(nodes, known, reached)


def _first(node: Node) -> str:
    return node.parents[0] if node.parents else ""


def _broken(nodes: Sequence[Node], known: set[str], reached: set[str]) -> list[Node]:
    """Every ring is opened where a parent outside leads to it, else at its first node."""
    below: dict[str, list[str]] = {}
    for node in nodes:
        if node.node_id not in reached:
            for parent in node.parents:
                below.setdefault(parent, []).append(node.node_id)
    first: dict[str, str] = {}
    starts = [*reached, *(parent for parent in below if parent not in known)]
    starts += [node.node_id for node in nodes if node.node_id not in reached]
    for start in starts:
        if start in known and start not in reached:
            reached.add(start)
            first[start] = ""
        waiting = [start]
        while waiting:
            parent = waiting.pop()
            for child in below.pop(parent, ()):
                if child not in reached:
                    reached.add(child)
                    first[child] = parent
                    waiting.append(child)
    return [_under(node, first[node.node_id]) if node.node_id in first else node for node in nodes]


def _under(node: Node, parent: str) -> Node:
    """The node with this parent before the others; alone where there is none."""
    return replace(node, parents=(parent, *(one for one in node.parents if one != parent)) if parent else ())
