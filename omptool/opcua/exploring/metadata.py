"""What a server says about its nodes besides their names: types, ranges, units, enumeration texts, descriptions.

Everything is read in batches, and distinct things once: a plant has 20,000 variables and forty data types. One Bad
attribute leaves one field empty; it never stops the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from functools import cache
from sys import intern
from typing import TYPE_CHECKING, Any, TypeVar

from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import variant_from_binary

from omptool.model.builtin import BuiltinType
from omptool.model.nodes import Node, replaced
from omptool.opcua import batch, requests
from omptool.opcua.exploring.datatypes import DataTypes
from omptool.opcua.exploring.definitions import enum_names_of
from omptool.opcua.exploring.equipment import with_equipment
from omptool.protocol.attributes import parse_attributes
from omptool.protocol.wire import Reader, WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

NODE_CLASS, BROWSE_NAME, DESCRIPTION, VALUE = 2, 3, 5, 13
_DATA_TYPE, _VALUE_RANK, _ARRAY_DIMENSIONS, _ACCESS_LEVEL = 14, 15, 16, 17
"""AttributeIds (Part 6, AttributeIds.csv)."""

_UNITS, _RANGE, _STRINGS, _ENUM_VALUES = "EngineeringUnits", "EURange", "EnumStrings", "EnumValues"
_DESCRIBING = frozenset({_UNITS, _RANGE, _STRINGS, _ENUM_VALUES})
"""Properties of a Variable that say what its number means (Part 8; BrowseNames of namespace 0)."""

_WITH_VALUES = frozenset({"Variable", "VariableType"})

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
    keys = [session.encode(node.node_id) for node in nodes]
    descriptions = await read_raw(session, keys, DESCRIPTION)
    text = _memo(lambda raw: intern(_text_in(raw)) or None)
    told = await _of_variables(
        session, [key for node, key in zip(nodes, keys, strict=True) if node.node_class in _WITH_VALUES]
    )
    properties = await _of_properties(session, {node.node_id for node in nodes}, among)
    found = []
    for node, raw in zip(nodes, descriptions, strict=True):
        description = text(raw)
        facts = next(told) if node.node_class in _WITH_VALUES else {}
        beside = properties.get(node.node_id)
        if description is not None or facts or beside is not None:
            node = replaced(node, {"description": description} | facts | (beside or {}))
        found.append(node)
    return found


async def _of_variables(session: Session, keys: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    """DataType, rank, dimensions and access of each Variable or VariableType, as fields of a Node."""
    kinds, ranks, shapes, levels = [
        await read_raw(session, keys, attribute)
        for attribute in (_DATA_TYPE, _VALUE_RANK, _ARRAY_DIMENSIONS, _ACCESS_LEVEL)
    ]
    types = DataTypes(session)
    await types.load(_node_id(raw) for raw in dict.fromkeys(kinds) if raw is not None)

    def of_type(raw: bytes) -> dict[str, Any]:
        kind = _node_id(raw)
        if kind is None:
            return {}
        text = intern(kind.to_text(session.namespaces))
        return {"data_type_id": text, "data_type": types.name(kind), "enum_names": types.enum_names(kind)}

    @cache
    def facts(kind: bytes | None, rank: bytes | None, shape: bytes | None, level: bytes | None) -> dict[str, Any]:
        return (of_type(kind) if kind is not None else {}) | {
            "value_rank": _integer(rank),
            "array_dimensions": _sizes(shape),
            "access_level": _integer(level),
        }

    return map(facts, kinds, ranks, shapes, levels)


async def _of_properties(session: Session, wanted: Set[str], known: Sequence[Node]) -> dict[str, dict[str, Any]]:
    """Units, ranges and enumeration texts of the nodes `wanted`, from the properties among `known`."""
    properties = [
        node
        for node in known
        if node.is_property and node.browse_name in _DESCRIBING and not wanted.isdisjoint(node.parents)
    ]
    raws = await read_raw(session, [session.encode(node.node_id) for node in properties], VALUE)
    told = cache(lambda name, raw: _facts(name, _value_in(raw)))
    facts: dict[str, dict[str, Any]] = {}
    for node, raw in zip(properties, raws, strict=True):
        if raw is not None:
            for parent in node.parents:
                facts.setdefault(parent, {}).update(told(node.browse_name, raw))
    return facts


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
    """One attribute of each node as asyncua's Python value; None where it is Bad or missing; equal ones are one."""
    keys = [requests.encode_node_id(node.namespace, node.identifier) for node in nodes]
    return list(map(_memo(_value_in), await read_raw(session, keys, attribute)))


async def read_raw(session: Session, nodes: Sequence[bytes], attribute: int) -> list[bytes | None]:
    """One attribute of each node (NodeIds as bytes) as the bytes of its Variant; None where it is Bad or missing."""

    def decode(body: bytes, part: Sequence[bytes]) -> list[bytes | None]:
        return batch.matched(parse_attributes(body), len(part))

    size = session.limits.chunk(session.limits.max_nodes_per_read)
    return await batch.run(session, nodes, size, lambda part: requests.read_attribute(part, attribute), decode)


def _value_in(raw: bytes) -> Any:
    """asyncua's Python value of a Variant."""
    return variant_from_binary(Buffer(raw)).Value


def _node_id(raw: bytes) -> WireNodeId | None:
    """The NodeId in a Variant's bytes; None for another type."""
    return Reader(raw, 1).node_id() if raw[0] == BuiltinType.NodeId else None


def _text_in(raw: bytes) -> str:
    """The text in a Variant's bytes; "" for another type."""
    return Reader(raw, 1).localized_text().text or "" if raw[0] == BuiltinType.LocalizedText else ""


def _integer(raw: bytes | None) -> int | None:
    value = None if raw is None else _value_in(raw)
    return value if isinstance(value, int) else None


def _sizes(raw: bytes | None) -> tuple[int, ...] | None:
    value = None if raw is None else _value_in(raw)
    return tuple(map(int, value)) or None if isinstance(value, list) else None


def _memo(function: Callable[[bytes], T]) -> Callable[[bytes | None], T | None]:
    """`function` for each distinct bytes once; None for None."""
    seen: dict[bytes | None, T | None] = {None: None}

    def remembered(raw: bytes | None) -> T | None:
        if raw not in seen:
            assert raw is not None
            seen[raw] = function(raw)
        return seen[raw]

    return remembered
