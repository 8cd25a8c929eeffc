"""Type dictionaries: the XML in which servers older than the attribute DataTypeDefinition describe their structures.

Why it exists: such a dictionary (Part 5, annex D; "OPC Binary") is all that a 2015 PLC says about its types. It can say
much more than structures ever are on the wire; what has no form as a definition is left out: those types stay bytes.
The XML comes from a stranger: no document type, no entities, bounded size. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from xml.parsers import expat

from omptool.model.builtin import BuiltinType
from omptool.model.datatypes import DataType, Field, Kind, Member, checked, standard_types
from omptool.model.nodeid import NodeId, QualifiedName

MAX_BYTES = 16 << 20
"""Size of a dictionary; the one of namespace 0 has 200 kB."""

_MAX_TYPES = 20_000
_MAX_FIELDS = 1_000_000
_BINARY_SCHEMA = "http://opcfoundation.org/BinarySchema/"
_OPC_UA = "http://opcfoundation.org/UA/"
_MASK_BITS = 32
_SAME = {kind.name: f"i={int(kind)}" for kind in BuiltinType if kind}
_SAME |= {"Variant": "i=24", "ExtensionObject": "i=22", "CharArray": "i=12", "UtfString": "i=12"}

Name = tuple[str, str]
"""Namespace URI and name."""


@dataclass(slots=True)
class _Entry:
    """A type as the XML has it: its own attributes, and those of the elements in it."""

    tag: str
    attributes: Mapping[str, str]
    parts: list[Mapping[str, str]] = field(default_factory=list)


class DictionaryError(Exception):
    """Not a type dictionary; the text says why."""


def read_dictionary(xml: bytes) -> dict[Name, DataType]:
    """The types of one dictionary, by their names there, with NodeIds of our making (`synthetic_id`).

    Types that it describes in a way that definitions cannot (bit fields, lengths in bytes, …) are not among them.

    Raises:
        DictionaryError: it is no such XML.
    """
    entries, prefixes, target = _parse(xml)
    types = {}
    reader = _Reader(prefixes, target, {one.attributes.get("Name", ""): one for one in entries})
    for entry in entries:
        name = entry.attributes.get("Name", "")
        try:
            kind = reader.type_of(entry)
        except (_Unusable, ValueError, RecursionError):
            continue
        types[target, name] = kind
    return types


def synthetic_id(namespace: str, name: str) -> str:
    """NodeId of a type that is known from a dictionary only; nothing that a server has."""
    return str(NodeId(namespace, "s", f"TypeDictionary/{name}"))


class _Unusable(Exception):
    """A construct that no definition has."""


def _parse(xml: bytes) -> tuple[list[_Entry], dict[str, str], str]:
    if len(xml) > MAX_BYTES:
        raise DictionaryError(f"a type dictionary of {len(xml)} bytes")
    entries: list[_Entry] = []
    root: dict[str, str] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        local = tag.rpartition(":")[2]
        if not root:
            root.update({"": local, **attributes})
        elif local in ("StructuredType", "EnumeratedType"):
            if len(entries) >= _MAX_TYPES:
                raise DictionaryError("too many types")
            entries.append(_Entry(local, attributes))
        elif local in ("Field", "EnumeratedValue") and entries:
            entries[-1].parts.append(attributes)

    def refuse(*_: Any) -> None:
        raise DictionaryError("a type dictionary with a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(xml.rstrip(b"\0"), True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # the latter for encodings that nobody knows
        raise DictionaryError(f"no XML: {error}") from None
    if root.get("") != "TypeDictionary":
        raise DictionaryError("no TypeDictionary")
    prefixes = {key.partition(":")[2]: uri for key, uri in root.items() if key == "xmlns" or key.startswith("xmlns:")}
    return entries, prefixes, root.get("TargetNamespace", "")


@dataclass(slots=True)
class _Reader:
    """Makes definitions of the entries of one dictionary."""

    prefixes: Mapping[str, str]
    target: str
    entries: Mapping[str, _Entry]
    room: int = _MAX_FIELDS
    made: dict[str, tuple[Field, ...]] = field(default_factory=dict)

    def type_of(self, entry: _Entry) -> DataType:
        name = entry.attributes.get("Name", "")
        node_id, browse_name = synthetic_id(self.target, name), str(QualifiedName(self.target, name))
        if entry.tag == "EnumeratedType":
            if entry.attributes.get("LengthInBits", "32") != "32":
                raise _Unusable
            members = tuple(Member(int(part.get("Value", "")), part.get("Name", "")) for part in entry.parts)
            return checked(DataType(node_id, browse_name, Kind.ENUMERATION, "i=29", members=members))
        kind, fields = self._structure(entry, 0)
        return checked(DataType(node_id, browse_name, kind, "i=22", fields=fields))

    def _structure(self, entry: _Entry, depth: int) -> tuple[Kind, tuple[Field, ...]]:
        bits = list(_bits(entry.parts))
        parts = [part for part in entry.parts if not _is_bit(part)]
        if bits and (len(bits) != _MASK_BITS or _is_bit(parts[0] if parts else {})):
            raise _Unusable
        if not bits and parts and any("SwitchField" in part for part in parts):
            return Kind.UNION, self._union(parts)
        self._spend(len(parts))
        fields = self._fields(parts, bits)
        inherited = self._inherited(entry, depth)
        if [one.name for one in fields][: len(inherited)] != [one.name for one in inherited]:
            self._spend(len(inherited))
            fields = (*inherited, *fields)
        return (Kind.OPTIONAL_FIELDS if bits else Kind.STRUCTURE), fields

    def _spend(self, fields: int) -> None:
        """Thousands of types may inherit thousands of fields each, for a line of XML."""
        self.room -= fields
        if self.room < 0:
            raise DictionaryError(f"types of more than {_MAX_FIELDS:,} fields in all")

    def _inherited(self, entry: _Entry, depth: int) -> tuple[Field, ...]:
        namespace, name = self._name(entry.attributes.get("BaseType", "ua:ExtensionObject"))
        above = self.entries.get(name) if namespace == self.target else None
        if above is None or depth > 100:
            return ()
        if name not in self.made:
            self.made[name] = self._structure(above, depth + 1)[1]
        return self.made[name]

    def _union(self, parts: Sequence[Mapping[str, str]]) -> tuple[Field, ...]:
        """A UInt32 that says which of the following fields is there, counted from 1."""
        switch, *rest = parts
        if self._type_id(switch) != "i=7":
            raise _Unusable
        fields = self._fields(rest, [])
        stated = [part for part in rest if "SwitchField" in part]
        numbers = [part.get("SwitchValue") for part in stated if part["SwitchField"] == switch.get("Name")]
        if numbers != [str(number) for number in range(1, len(fields) + 1)]:
            raise _Unusable
        return fields

    def _fields(self, parts: Sequence[Mapping[str, str]], bits: Sequence[str]) -> tuple[Field, ...]:
        fields: list[Field] = []
        lengths = {part["LengthField"] for part in parts if "LengthField" in part}
        optional = [
            part["SwitchField"] for part in parts if part.get("SwitchField") in bits and part.get("Name") not in lengths
        ]
        if optional != [bit for bit in bits if bit in optional] or bits[: len(optional)] != optional:
            raise _Unusable
        previous = ""
        for part in parts:
            name = part.get("Name", "")
            if {"Length", "IsLengthInBytes", "Terminator"} & part.keys():
                raise _Unusable
            if "LengthField" in part and part["LengthField"] != previous:
                raise _Unusable
            previous = name
            if name in lengths:
                if self._type_id(part) != "i=6":
                    raise _Unusable
                continue
            rank = 1 if "LengthField" in part else -1
            fields.append(Field(name, self._type_id(part), rank, bool(bits) and "SwitchField" in part))
        return tuple(fields)

    def _type_id(self, part: Mapping[str, str]) -> str:
        namespace, name = self._name(part.get("TypeName", ""))
        if namespace in (_BINARY_SCHEMA, _OPC_UA):
            if name in _SAME:
                return _SAME[name]
            found = _standard_names().get(name)
            if found is None:
                raise _Unusable
            return found
        return synthetic_id(namespace, name)

    def _name(self, text: str) -> Name:
        prefix, colon, name = text.rpartition(":")
        return self.prefixes.get(prefix, self.target if prefix == "tns" or not colon else ""), name


@cache
def _standard_names() -> Mapping[str, str]:
    """NodeIds of the types of namespace 0 by name; of two the first."""
    return {kind.name: kind.node_id for kind in reversed([*standard_types().values()])}


def _is_bit(part: Mapping[str, str]) -> bool:
    return part.get("TypeName", "").rpartition(":")[2] == "Bit"


def _bits(parts: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """The names of the bits in front of the fields, one per bit."""
    for part in parts:
        if not _is_bit(part):
            return
        length = part.get("Length", "1")
        if not length.isdecimal() or not 0 < int(length) <= _MASK_BITS:
            raise _Unusable
        yield from [part.get("Name", "")] * int(length)
