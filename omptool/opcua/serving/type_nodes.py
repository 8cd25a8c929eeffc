"""DataType nodes of a served address space: with their definitions, and the encodings that values of them state.

A client that has never seen the recorded server decodes its structures by these nodes alone (Part 3, 5.8.2 and 5.8.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from asyncua import ua

from omptool.errors import UsageError
from omptool.model.datatypes import STRUCTURES, DataType, Field, Kind
from omptool.model.nodes import Node

DEFAULT_BINARY = "Default Binary"
ENCODING_TYPE = "i=76"
"""DataTypeEncodingType."""

_BASES = {
    Kind.ENUMERATION: "i=29",
    Kind.OPTION_SET: "i=28",
    Kind.UNION: "i=12756",
    Kind.UNION_OF_SUBTYPED: "i=12756",
    Kind.SIMPLE: "i=24",
}
_STRUCTURE = "i=22"

ToUa = Callable[[str], ua.NodeId]
"""C1 text to asyncua's NodeId, by the namespace array; UsageError for what is no NodeId."""


def type_node(kind: DataType) -> Node:
    """The DataType as a node below its supertype."""
    names = kind.enum_names()
    base = kind.base or _BASES.get(kind.kind, _STRUCTURE)
    return Node(kind.node_id, "", kind.browse_name, node_class="DataType", enum_names=names or None, parents=(base,))


def encoding_node(kind: DataType) -> Node | None:
    """What an ExtensionObject with a value of this type names as its type."""
    if not kind.is_structure or kind.encoding_id is None:
        return None
    return Node(kind.encoding_id, "", DEFAULT_BINARY, node_class="Object", type_definition=ENCODING_TYPE)


def definition(kind: DataType, to_ua: ToUa) -> ua.StructureDefinition | ua.EnumDefinition | None:
    """The attribute DataTypeDefinition; None for types that have none, or that name what is no NodeId."""
    if kind.kind in (Kind.ENUMERATION, Kind.OPTION_SET):
        return ua.EnumDefinition(
            [
                ua.EnumField(member.value, ua.LocalizedText(member.name), ua.LocalizedText(), member.name)
                for member in kind.members
                if -(2**63) <= member.value < 2**63
            ]
        )
    if not kind.is_structure:
        return None
    try:
        return ua.StructureDefinition(
            ua.NodeId() if kind.encoding_id is None else to_ua(kind.encoding_id),
            to_ua(kind.base or _BASES.get(kind.kind, _STRUCTURE)),
            ua.StructureType(STRUCTURES.index(kind.kind)),
            [_field(field, to_ua) for field in kind.fields],
        )
    except UsageError:
        return None


def _field(field: Field, to_ua: ToUa) -> ua.StructureField:
    return ua.StructureField(
        Name=field.name,
        DataType=to_ua(field.data_type),
        ValueRank=ua.Int32(field.value_rank),
        ArrayDimensions=[ua.UInt32(size) for size in field.array_dimensions],
        IsOptional=field.is_optional,
    )


def supertypes_first(kinds: Iterable[DataType]) -> Iterator[DataType]:
    """The types in an order in which each can be hung below its supertype; a loop is cut."""
    waiting = {kind.node_id: kind for kind in kinds}
    while waiting:
        chain: dict[str, DataType] = {}
        node_id = next(iter(waiting))
        while node_id in waiting and node_id not in chain:
            chain[node_id] = waiting[node_id]
            node_id = waiting[node_id].base
        for kind in reversed(chain.values()):
            del waiting[kind.node_id]
            yield kind
