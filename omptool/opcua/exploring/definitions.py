"""What a server told about DataTypes → definitions. Pure: no session, no asyncua.

Servers differ in how complete a definition is: fields of supertypes listed or not, the encoding named or only linked,
names of enumerations in an attribute or in properties. Here that becomes one form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from omptool.errors import MalformedMessage
from omptool.model.builtin import BuiltinType
from omptool.model.datatypes import STRUCTURES, DataType, Field, Kind, Member, checked, standard_types
from omptool.protocol.structure import Definitions
from omptool.protocol.variant import Structure, decode_variant
from omptool.protocol.wire import WireNodeId

_ENUMERATION, _STRUCTURE, _NULL = "i=29", "i=22", "i=0"
_UNSIGNED = frozenset({"i=3", "i=5", "i=7", "i=9", "i=28"})
_MAX_CHAIN = 100
_MAX_FIELDS = 1_000_000
"""Fields of all types of a server together, inherited ones counted again."""
_STANDARD = Definitions()


@dataclass(slots=True)
class Told:
    """What one server says about one DataType, as far as it says it.

    Attributes:
        kind: of a definition that was given; else UNKNOWN.
        encoding: the node of Default Binary, valid in this session.
        subtypes: nodes likewise; properties: those with names of values or bits, by their BrowseName.
        is_defined: whether there was a DataTypeDefinition.
    """

    node_id: str
    browse_name: str = ""
    kind: Kind = Kind.UNKNOWN
    base: str = ""
    encoding_id: str | None = None
    is_abstract: bool = False
    fields: tuple[Field, ...] = ()
    members: tuple[Member, ...] = ()
    problem: str = ""
    is_defined: bool = False
    encoding: WireNodeId | None = None
    subtypes: list[WireNodeId] = field(default_factory=list)
    properties: list[tuple[str, WireNodeId]] = field(default_factory=list)

    def define(self, definition: DataType | str | None) -> None:
        """Take over a DataTypeDefinition, or the reason why it cannot be used."""
        if isinstance(definition, DataType):
            self.is_defined = True
            self.kind, self.fields, self.members = definition.kind, definition.fields, definition.members
            self.encoding_id, self.base = definition.encoding_id, definition.base
        elif definition is not None:
            self.problem = definition


def definition_of(raw: bytes | None, namespaces: Sequence[str]) -> DataType | str | None:
    """The value of the attribute DataTypeDefinition.

    Returns:
        A type without NodeId and name; the reason when it does not decode; None when there is no definition.
    """
    if raw is None or raw[0] != BuiltinType.ExtensionObject:
        return None
    try:
        value = decode_variant(raw, namespaces).value
        if not isinstance(value, Structure) or value.is_null:
            return None
        plain = _STANDARD.decode(value, namespaces)
        if "StructureType" in plain:
            return checked(_structure(plain))
        return checked(DataType("", "", Kind.ENUMERATION, members=tuple(map(_member, plain["Fields"] or ()))))
    except (MalformedMessage, RecursionError) as error:
        return f"its definition does not decode: {error}"
    except (KeyError, TypeError, ValueError) as error:
        return f"its definition cannot be used: {error}"


def classify(told: Mapping[str, Told], known: Mapping[str, DataType]) -> dict[str, DataType]:
    """Definitions from what was told; inherited fields and kinds come from the supertypes.

    Args:
        known: definitions that were made before.
    """
    made: dict[str, DataType] = {}

    def find(node_id: str) -> DataType | None:
        return made.get(node_id) or known.get(node_id) or standard_types().get(node_id)

    room = _MAX_FIELDS
    for node_id in told:
        for one in reversed(_chain(told, node_id)):
            if one.node_id not in made:
                kind = _made(one, find(one.base))
                room -= len(kind.fields)
                if room < 0:  # types that inherit thousands of fields each
                    kind = replace(kind, kind=Kind.UNKNOWN, fields=(), problem="the server defines too many fields")
                made[one.node_id] = kind
    return made


def _chain(told: Mapping[str, Told], node_id: str) -> list[Told]:
    """A type and those above it that were told, a loop of supertypes cut."""
    chain: dict[str, Told] = {}
    while node_id in told and node_id not in chain and len(chain) < _MAX_CHAIN:
        chain[node_id] = told[node_id]
        node_id = told[node_id].base
    return list(chain.values())


def _made(told: Told, above: DataType | None) -> DataType:
    kind = DataType(
        told.node_id,
        told.browse_name,
        told.kind,
        told.base,
        told.encoding_id,
        told.is_abstract,
        told.fields,
        told.members,
        told.problem,
    )
    if told.base == _STRUCTURE or (above is not None and (above.is_structure or _is_unknown_structure(above))):
        return _as_structure(kind, above)
    if told.base == _ENUMERATION or (above is not None and above.kind is Kind.ENUMERATION):
        members = kind.members or (() if above is None else above.members)
        return replace(kind, kind=Kind.ENUMERATION, members=members, problem="")
    if kind.is_structure:  # whatever its supertypes are: it says so itself
        return kind
    if kind.kind is Kind.OPTION_SET or (kind.kind is Kind.ENUMERATION and _is_unsigned(kind.base, above)):
        return replace(kind, kind=Kind.OPTION_SET)
    if kind.kind is Kind.ENUMERATION:
        return kind
    is_builtin = kind.base.startswith("i=") and kind.base[2:].isdecimal() and 0 < int(kind.base[2:]) <= 25
    if is_builtin or (above is not None and above.kind in (Kind.SIMPLE, Kind.OPTION_SET)):
        return replace(kind, kind=Kind.SIMPLE, problem="")
    return replace(kind, problem=kind.problem or "the server does not say what it is")


def _as_structure(kind: DataType, above: DataType | None) -> DataType:
    inherited = above.fields if above is not None and above.is_structure else ()
    if kind.is_structure:
        own = [one.name for one in kind.fields]
        if own[: len(inherited)] != [one.name for one in inherited]:
            named = set(own)
            kind = replace(kind, fields=(*(one for one in inherited if one.name not in named), *kind.fields))
        return kind
    is_without_values = kind.is_abstract and kind.encoding_id is None
    if is_without_values or kind.kind is Kind.ENUMERATION:  # the latter is an OptionSet whose bits have names
        return replace(kind, kind=Kind.STRUCTURE, fields=inherited, members=(), problem="")
    problem = kind.problem or "the server has no definition of it"
    return replace(kind, kind=Kind.UNKNOWN, members=(), problem=problem)


def _is_unknown_structure(kind: DataType) -> bool:
    return kind.kind is Kind.UNKNOWN and (kind.base == _STRUCTURE or kind.encoding_id is not None)


def _is_unsigned(base: str, above: DataType | None) -> bool:
    return base in _UNSIGNED or (above is not None and above.kind in (Kind.OPTION_SET, Kind.SIMPLE))


def _structure(plain: Mapping[str, Any]) -> DataType:
    number = plain["StructureType"]
    names = {member.name: member.value for member in standard_types()["i=98"].members}
    if number not in names:
        raise ValueError(f"a StructureType {number}")
    return DataType(
        "",
        "",
        STRUCTURES[names[number]],
        _node(plain["BaseDataType"]) or "",
        _node(plain["DefaultEncodingId"]),
        fields=tuple(map(_field, plain["Fields"] or ())),
    )


def _field(plain: Mapping[str, Any]) -> Field:
    return Field(
        plain["Name"] or "",
        plain["DataType"],
        plain["ValueRank"],
        plain["IsOptional"],
        tuple(plain["ArrayDimensions"] or ()),
    )


def _member(plain: Mapping[str, Any]) -> Member:
    return Member(plain["Value"], plain["Name"] or (plain["DisplayName"] or {}).get("text") or "")


def _node(text: str) -> str | None:
    return None if text == _NULL else text


def enum_names_of(value: Any) -> dict[int, str] | None:
    """Number to text from EnumStrings (LocalizedTexts), EnumValues (EnumValueTypes) or the fields of an EnumDefinition.

    None for anything else, an array with other things between them included.
    """
    if not isinstance(value, list) or not value:
        return None
    names: dict[int, str] = {}
    for index, entry in enumerate(value):
        text = getattr(entry, "Name", None) if hasattr(entry, "Name") else entry
        number = getattr(entry, "Value", index)
        if not isinstance(text, str):
            text = _text(getattr(entry, "DisplayName", entry))
        if text is None or not isinstance(number, int):
            return None
        names[number] = text
    return names


def _text(localized: Any) -> str | None:
    text = getattr(localized, "Text", None)
    return text if isinstance(text, str) else ("" if hasattr(localized, "Text") else None)
