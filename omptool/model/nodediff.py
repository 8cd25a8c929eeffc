"""What changed between two address spaces: added, removed, moved, renumbered, retyped, re-united. Pure.

A node is the same node where its NodeId is; where a server gave its nodes new NodeIds (numbers made at each start), the
one node of the same path is taken for it. Everything else is added or removed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from omptool.model.nodes import Node

ADDED, REMOVED, MOVED, RENUMBERED = "added", "removed", "moved", "renumbered"
RETYPED, REUNITED, CHANGED = "retyped", "re-united", "changed"
KINDS = (ADDED, REMOVED, MOVED, RENUMBERED, RETYPED, REUNITED, CHANGED)

_FIELDS = {
    "path": MOVED,
    "node_id": RENUMBERED,
    "node_class": RETYPED,
    "data_type": RETYPED,
    "data_type_id": RETYPED,
    "type_definition": RETYPED,
    "value_rank": RETYPED,
    "array_dimensions": RETYPED,
    "unit": REUNITED,
    "unit_id": REUNITED,
    "eu_low": CHANGED,
    "eu_high": CHANGED,
    "enum_names": CHANGED,
    "access_level": CHANGED,
    "browse_name": CHANGED,
    "display_name": CHANGED,
    "description": CHANGED,
}
"""Fields that are compared, and what a difference in them is."""

_SAID_BY = {"data_type_id": "data_type", "unit_id": "unit"}
"""A number whose name differs too is not told twice."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        kind: one of KINDS.
        node: as it is now; as it was, where it was removed.
        field: which differs; empty where the node was added or removed.
        before, after: the field as text; None where it had no value.
    """

    kind: str
    node: Node
    field: str = ""
    before: str | None = None
    after: str | None = None


def compare(before: Sequence[Node], after: Sequence[Node], *, ignore: Collection[str] = ()) -> list[Change]:
    """The changes from `before` to `after`: in the order of `after`, what was removed at the end.

    Args:
        ignore: kinds that are not told.
    """
    was = _matched(before, after)
    changes: list[Change] = []
    for node in after:
        old = was.get(node.node_id)
        changes += [Change(ADDED, node)] if old is None else _differences(old, node)
    kept = {node.node_id for node in was.values()}
    changes += [Change(REMOVED, node) for node in before if node.node_id not in kept]
    return [change for change in changes if change.kind not in ignore]


def counts(changes: Iterable[Change]) -> dict[str, int]:
    """How many nodes changed in each way, in the order of KINDS; what did not happen is left out."""
    nodes = Counter(kind for kind, _ in {(change.kind, change.node.node_id) for change in changes})
    return {kind: nodes[kind] for kind in KINDS if nodes[kind]}


def topmost(changes: Sequence[Change]) -> list[tuple[Change, int]]:
    """Added, removed and moved nodes without those that only follow the node above them, and how many do."""
    found: dict[tuple[str, str], Change] = {(change.kind, change.node.node_id): change for change in changes}
    below: Counter[int] = Counter()
    shown = []
    for change in changes:
        top = _top(change, found)
        if top is change:
            shown.append(change)
        else:
            below[id(top)] += 1
    return [(change, below[id(change)]) for change in shown]


def _top(change: Change, found: dict[tuple[str, str], Change]) -> Change:
    """The change that this one follows from in the end; of nodes that are each other's parents, always the same one."""
    way = {change.node.node_id: change}
    while (above := _above(change, found)) is not None:
        if above.node.node_id in way:
            ids = list(way)
            return way[min(ids[ids.index(above.node.node_id) :])]
        change = way[above.node.node_id] = above
    return change


def _above(change: Change, found: dict[tuple[str, str], Change]) -> Change | None:
    """The same change of the parent, where this one follows from it."""
    if change.kind not in (ADDED, REMOVED, MOVED) or not change.node.parents:
        return None
    above = found.get((change.kind, change.node.parents[0]))
    if above is None or change.kind != MOVED:
        return above
    old, new = f"{above.before}/", f"{above.after}/"
    follows = str(change.before).removeprefix(old) == str(change.after).removeprefix(new) != change.after
    return above if follows else None


def _matched(before: Sequence[Node], after: Sequence[Node]) -> dict[str, Node]:
    """NodeId in `after` → the same node in `before`."""
    old = {node.node_id: node for node in before}
    new = {node.node_id for node in after}
    was = {node.node_id: old[node.node_id] for node in after if node.node_id in old}
    gone = _by_path(node for node in before if node.node_id not in new)
    for path, node in _by_path(node for node in after if node.node_id not in old).items():
        if path in gone:
            was[node.node_id] = gone[path]
    return was


def _by_path(nodes: Iterable[Node]) -> dict[str, Node]:
    """Nodes by their paths, as far as these are unique."""
    listed = list(nodes)
    count = Counter(node.path for node in listed)
    return {node.path: node for node in listed if node.path and count[node.path] == 1}


def _differences(old: Node, new: Node) -> list[Change]:
    found: dict[str, Change] = {}
    for name, kind in _FIELDS.items():
        before, after = _text(getattr(old, name)), _text(getattr(new, name))
        if before != after and _SAID_BY.get(name) not in found:
            found[name] = Change(kind, new, name, before, after)
    return list(found.values())


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, dict):
        return json.dumps({str(key): value[key] for key in sorted(value)}, ensure_ascii=False)
    if isinstance(value, float):
        return repr(value + 0.0)  # -0.0 is 0.0
    return json.dumps(list(value)) if isinstance(value, tuple) else str(value)
