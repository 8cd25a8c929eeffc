"""Which types a type is also one of: DataTypes, ObjectTypes and VariableTypes as nodes below their supertypes. Pure.

A type node is a Node with an empty path whose first parent is its supertype.
"""

from __future__ import annotations

from collections.abc import Iterable

from omptool.model.nodeid import QualifiedName
from omptool.model.nodes import Node

TYPE_CLASSES = frozenset({"ObjectType", "VariableType", "DataType", "ReferenceType"})


def names_of_types(types: Iterable[Node]) -> dict[str, tuple[str, ...]]:
    """NodeId of each type → its name, then names and NodeIds of all types above it, nearest first; cycles end."""
    known = {node.node_id: node for node in types}
    found = {}
    for node_id in known:
        names: list[str] = []
        seen: set[str] = set()
        above: Node | None = known[node_id]
        while above is not None and above.node_id not in seen:
            seen.add(above.node_id)
            names += [QualifiedName.parse(above.browse_name).name, above.node_id]
            above = known.get(above.parents[0]) if above.parents else None
        found[node_id] = tuple(names)
    return found


def types_used(nodes: Iterable[Node]) -> list[str]:
    """NodeIds of the DataTypes and type definitions of `nodes`, each once."""
    return list(dict.fromkeys(one for node in nodes for one in (node.data_type_id, node.type_definition) if one))
