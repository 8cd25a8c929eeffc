"""DataType definitions as NodeSet2 writes them (Part 6, F.12): structures, unions, enumerations, option sets. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from omptool.model.datatypes import DataType, Field, Kind
from omptool.model.nodes import Node

_UNIONS = (Kind.UNION, Kind.UNION_OF_SUBTYPED)
_SUBTYPED = (Kind.SUBTYPED_VALUES, Kind.UNION_OF_SUBTYPED)
ENCODING_TYPE, HAS_ENCODING = "i=76", "i=38"

Spelled = Callable[[str], str]
"""A NodeId as the file spells it."""


def nodes_of(definitions: Sequence[DataType], known: Mapping[str, Node]) -> list[Node]:
    """DataTypes that definitions are of and that are not among the types `known`, as nodes below their supertypes."""
    return [
        Node(
            node_id=one.node_id,
            path="",
            browse_name=one.browse_name,
            display_name=one.name,
            node_class="DataType",
            parents=(one.base,) if one.base else (),
        )
        for one in definitions
        if one.node_id.startswith("nsu=") and one.node_id not in known
    ]


def encodings_of(definitions: Sequence[DataType]) -> list[Node]:
    """The objects that stand for their binary encodings; they hang below DataTypes, and are no part of the plant."""
    return [
        Node(
            one.encoding_id,
            "",
            "Default Binary",
            display_name="Default Binary",
            node_class="Object",
            parents=(one.node_id,),
        )
        for one in definitions
        if one.encoding_id is not None and one.encoding_id.startswith("nsu=") and one.is_structure
    ]


def definition(
    kind: DataType, known: Mapping[str, DataType], name: str, attribute: Callable[[str], str], spelled: Spelled
) -> str:
    """The Definition element of a type; empty where nobody knows it.

    Args:
        known: by NodeId, the other types: fields of a supertype stand in its own definition.
        name: QualifiedName as the file spells it.
        attribute: escapes text for XML.
    """
    if kind.is_structure:
        above = known.get(kind.base)
        inherited = len(above.fields) if above is not None and above.is_structure else 0
        fields = [_field(field, kind.kind, attribute, spelled) for field in kind.fields[inherited:]]
    elif kind.members:
        fields = [f'<Field Name="{attribute(one.name)}" Value="{one.value}"/>' for one in kind.members]
    else:
        return ""
    said = ' IsUnion="true"' if kind.kind in _UNIONS else ' IsOptionSet="true"' if kind.kind is Kind.OPTION_SET else ""
    return f'<Definition Name="{attribute(name)}"{said}>{"".join(fields)}</Definition>'


def _field(field: Field, kind: Kind, attribute: Callable[[str], str], spelled: Spelled) -> str:
    said = {"Name": attribute(field.name), "DataType": attribute(spelled(field.data_type))}
    if field.value_rank != -1:
        said["ValueRank"] = str(field.value_rank)
    if field.array_dimensions:
        said["ArrayDimensions"] = ",".join(map(str, field.array_dimensions))
    if field.is_optional:
        said["AllowSubTypes" if kind in _SUBTYPED else "IsOptional"] = "true"
    return "<Field " + " ".join(f'{name}="{text}"' for name, text in said.items()) + "/>"
