"""DataTypes that a server defines: structures, enumerations, option sets, and simple types with names of their own.

A definition (Part 3, 8.48 to 8.52) is what makes the bytes of a structure readable. It is kept as plain data, NodeIds
as C1 text, so that it can lie in a capture and hold when namespace indexes move. Those of namespace 0 are published and
do not change; they come with omptool (`standard_types.json`, made from the NodeSet that the OPC Foundation publishes).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

MAX_NAME = 1024
"""Characters of a field's or a member's name: each value that is shown repeats them."""

MAX_FIELDS = 100_000
"""Fields of one structure, or members of one enumeration."""


class Kind(StrEnum):
    """What a DataType is on the wire.

    UNKNOWN: nobody could say; its values stay bytes. SIMPLE: as its base. ENUMERATION: an Int32 with names. OPTION_SET:
    an unsigned integer whose bits have names. The rest are StructureTypes (Part 3, 8.49).
    """

    UNKNOWN = "unknown"
    SIMPLE = "simple"
    ENUMERATION = "enumeration"
    OPTION_SET = "option_set"
    STRUCTURE = "structure"
    OPTIONAL_FIELDS = "structure_with_optional_fields"
    UNION = "union"
    SUBTYPED_VALUES = "structure_with_subtyped_values"
    UNION_OF_SUBTYPED = "union_with_subtyped_values"


STRUCTURES = (Kind.STRUCTURE, Kind.OPTIONAL_FIELDS, Kind.UNION, Kind.SUBTYPED_VALUES, Kind.UNION_OF_SUBTYPED)
"""In the order of the StructureType numbers."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a structure.

    Attributes:
        data_type: NodeId of its DataType.
        value_rank: -1 scalar, 1 array, 2 and more matrix.
        is_optional: may be absent; in structures and unions with subtyped values instead: subtypes are allowed.
        array_dimensions: as the definition states them; says nothing about the bytes.
    """

    name: str
    data_type: str
    value_rank: int = -1
    is_optional: bool = False
    array_dimensions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A value of an enumeration, or a bit of an option set, with its name."""

    value: int
    name: str


@dataclass(frozen=True, slots=True)
class DataType:
    """A DataType with its definition.

    Attributes:
        node_id, browse_name, base: the node, its QualifiedName text, and its supertype ("" when unknown).
        encoding_id: NodeId of Default Binary: what an ExtensionObject with such a value states as its type.
        fields: of a structure, those of its supertypes first.
        problem: why the definition is missing; "" otherwise.
    """

    node_id: str
    browse_name: str
    kind: Kind = Kind.UNKNOWN
    base: str = ""
    encoding_id: str | None = None
    is_abstract: bool = False
    fields: tuple[Field, ...] = ()
    members: tuple[Member, ...] = ()
    problem: str = ""

    @property
    def name(self) -> str:
        """BrowseName without its namespace."""
        return self.browse_name.rpartition(";")[2] if self.browse_name.startswith("nsu=") else self.browse_name

    @property
    def is_structure(self) -> bool:
        return self.kind in STRUCTURES

    def enum_names(self) -> dict[int, str] | None:
        """Number to name of an enumeration; None for every other type."""
        return {member.value: member.name for member in self.members} if self.kind is Kind.ENUMERATION else None

    def to_plain(self) -> dict[str, Any]:
        """As JSON; what is as usual is left out."""
        plain: dict[str, Any] = {"id": self.node_id, "name": self.browse_name, "kind": str(self.kind)}
        plain |= {"base": self.base} if self.base else {}
        plain |= {"encoding": self.encoding_id} if self.encoding_id else {}
        plain |= {"abstract": True} if self.is_abstract else {}
        plain |= {"fields": [_plain_field(field) for field in self.fields]} if self.is_structure else {}
        plain |= {"members": [[member.value, member.name] for member in self.members]} if self.members else {}
        return plain | ({"problem": self.problem} if self.problem else {})

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> DataType:
        """The way back. Keys that are not known are ignored; a kind of a later version is UNKNOWN.

        Raises:
            ValueError, TypeError, KeyError: not what `to_plain` makes.
        """
        kind = Kind(plain["kind"]) if plain["kind"] in list(Kind) else Kind.UNKNOWN
        encoding = plain.get("encoding")
        return checked(
            cls(
                node_id=_text(plain["id"]),
                browse_name=_text(plain["name"]),
                kind=kind,
                base=_text(plain.get("base", "")),
                encoding_id=None if encoding is None else _text(encoding),
                is_abstract=plain.get("abstract", False) is True,
                fields=tuple(_field(field) for field in plain.get("fields", ())),
                members=tuple(Member(_whole(value), _text(name)) for value, name in plain.get("members", ())),
                problem=_text(plain.get("problem", "")),
            )
        )


def checked(kind: DataType) -> DataType:
    """The type itself, when its size is within what values may be shown with.

    Raises:
        ValueError: it is not.
    """
    names = [field.name for field in kind.fields] + [member.name for member in kind.members]
    if len(names) > MAX_FIELDS or max(map(len, names), default=0) > MAX_NAME:
        raise ValueError(f"{kind.node_id} has {len(names)} fields, or names of more than {MAX_NAME} characters")
    return kind


@cache
def standard_types() -> Mapping[str, DataType]:
    """The DataTypes of namespace 0 that are no built-in types, by NodeId."""
    text = resources.files("omptool.model").joinpath("standard_types.json").read_text("utf-8")
    return {kind.node_id: kind for kind in map(DataType.from_plain, json.loads(text))}


def _plain_field(field: Field) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": field.name, "type": field.data_type}
    plain |= {"rank": field.value_rank} if field.value_rank != -1 else {}
    plain |= {"optional": True} if field.is_optional else {}
    return plain | ({"dimensions": list(field.array_dimensions)} if field.array_dimensions else {})


def _field(plain: Mapping[str, Any]) -> Field:
    return Field(
        _text(plain["name"]),
        _text(plain["type"]),
        _whole(plain.get("rank", -1)),
        plain.get("optional", False) is True,
        tuple(_whole(size) for size in plain.get("dimensions", ())),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _whole(value: object) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**64:
        raise TypeError(f"{value!r} is no whole number of 64 bits")
    return value
