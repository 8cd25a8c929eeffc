"""What a server says about its nodes besides their names: types, ranges, units, enumeration texts, descriptions.

Everything is read in batches, and distinct things once: a plant has 20,000 variables and forty data types. One Bad
attribute leaves one field empty; it never stops the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from sys import intern
from typing import TYPE_CHECKING, Any, TypeVar

from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import variant_from_binary

from omptool.model.builtin import BuiltinType
from omptool.model.nodes import Node
from omptool.opcua import batch, hooks, requests
from omptool.opcua.datatypes import DataTypes
from omptool.opcua.definitions import enum_names_of
from omptool.opcua.equipment import with_equipment
from omptool.opcua.values import read_columns
from omptool.protocol.wire import Reader, WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

NODE_CLASS, BROWSE_NAME, DESCRIPTION, VALUE = 2, 3, 5, 13
_DATA_TYPE, _VALUE_RANK, _ARRAY_DIMENSIONS, _ACCESS_LEVEL = 14, 15, 16, 17
"""AttributeIds (Part 6, AttributeIds.csv)."""

_UNITS, _RANGE, _STRINGS, _ENUM_VALUES = "EngineeringUnits", "EURange", "EnumStrings", "EnumValues"
_DESCRIBING = frozenset({_UNITS, _RANGE, _STRINGS, _ENUM_VALUES})
"""Properties of a Variable that say what its number means (Part 8; BrowseNames of namespace 0)."""

T = TypeVar("T")


async def enrich(session: Session, nodes: Sequence[Node]) -> list[Node]:
    """Crawled nodes with everything the server says about them, equipment (C5) too; same order."""
    return await describe(session, await with_equipment(session, nodes, nodes), among=nodes)


async def describe(session: Session, nodes: Sequence[Node], *, among: Sequence[Node]) -> list[Node]:
    """`nodes` with their attributes, units, ranges and enumeration texts; same order.

    Args:
        nodes: as `crawl` returns them, or some of these.
        among: all crawled nodes: units and ranges stand in properties.
    """
    return await _with_properties(session, await _with_attributes(session, nodes), among)


async def _with_attributes(session: Session, nodes: Sequence[Node]) -> list[Node]:
    wires = {node.node_id: WireNodeId(*session.resolve(node.node_id)) for node in nodes}
    variables = [node.node_id for node in nodes if node.node_class in ("Variable", "VariableType")]
    descriptions = await read_columns(session, [(wires[node.node_id], DESCRIPTION) for node in nodes])
    attributes = (_DATA_TYPE, _VALUE_RANK, _ARRAY_DIMENSIONS, _ACCESS_LEVEL)
    columns = await read_columns(session, [(wires[name], attribute) for name in variables for attribute in attributes])
    types = DataTypes(session)
    width = len(attributes)
    node_id = _memo(_node_id)
    type_of = {name: node_id(columns.raw[row * width]) for row, name in enumerate(variables)}
    await types.load(type_of.values())
    dimensions = _memo(lambda raw: tuple(int(size) for size in variant_from_binary(Buffer(raw)).Value or ()))
    facts: dict[str, dict[str, Any]] = {}
    for row, name in enumerate(variables):
        first = row * width
        data_type = type_of[name]
        facts[name] = {
            "data_type_id": data_type and intern(data_type.to_text(session.namespaces)),
            "data_type": data_type and types.name(data_type),
            "enum_names": data_type and types.enum_names(data_type),
            "value_rank": int(columns.i64[first + 1]) if columns.has_i64[first + 1] else None,
            "array_dimensions": dimensions(columns.raw[first + 2]) or None,
            "access_level": int(columns.i64[first + 3]) if columns.has_i64[first + 3] else None,
        }
    return [
        replace(node, description=intern(descriptions.text[row] or "") or None, **facts.get(node.node_id, {}))
        for row, node in enumerate(nodes)
    ]


async def _with_properties(session: Session, nodes: Sequence[Node], known: Sequence[Node]) -> list[Node]:
    """Units, ranges and enumeration texts from the properties of each node."""
    wanted = {node.node_id for node in nodes}
    properties = [
        node
        for node in known
        if node.is_property and node.browse_name in _DESCRIBING and not wanted.isdisjoint(node.parents)
    ]
    values = await read_attribute(session, [WireNodeId(*session.resolve(node.node_id)) for node in properties], VALUE)
    facts: dict[str, dict[str, Any]] = {}
    for node, value in zip(properties, values, strict=True):
        for parent in node.parents:
            facts.setdefault(parent, {}).update(_facts(node.browse_name, value))
    return [replace(node, **facts[node.node_id]) if node.node_id in facts else node for node in nodes]


def _facts(property_name: str, value: Any) -> dict[str, Any]:
    """Fields of a Node from one property value; nothing when the value is not what the name promises."""
    match property_name:
        case "EngineeringUnits" if hasattr(value, "DisplayName"):
            unit_id = int(value.UnitId)
            return {"unit": value.DisplayName.Text or None, "unit_id": unit_id if unit_id > 0 else None}
        case "EURange" if hasattr(value, "Low"):
            return {"eu_low": float(value.Low), "eu_high": float(value.High)}
        case "EnumStrings" | "EnumValues":
            names = enum_names_of(value)
            return {"enum_names": names} if names else {}
    return {}


async def read_attribute(session: Session, nodes: Sequence[WireNodeId], attribute: int) -> list[Any]:
    """One attribute of each node as asyncua's Python value; None where it is Bad or missing."""

    def decode(body: bytes, part: Sequence[tuple[bytes, int]]) -> list[Any]:
        return batch.matched([hooks.good_value(answer) for answer in hooks.decode_read(body)], len(part))

    items = [(requests.encode_node_id(node.namespace, node.identifier), attribute) for node in nodes]
    return await batch.run(
        session, items, session.limits.chunk(session.limits.max_nodes_per_read), requests.read, decode
    )


def _node_id(raw: bytes) -> WireNodeId | None:
    """The NodeId in a Variant's bytes; None for another type."""
    return Reader(raw, 1).node_id() if raw[0] == BuiltinType.NodeId else None


def _memo(function: Callable[[bytes], T]) -> Callable[[bytes | None], T | None]:
    """`function` for each distinct bytes once; None for None."""
    seen: dict[bytes, T] = {}

    def remembered(raw: bytes | None) -> T | None:
        if raw is None:
            return None
        if raw not in seen:
            seen[raw] = function(raw)
        return seen[raw]

    return remembered
