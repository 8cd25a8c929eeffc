"""Random structure types with random values, encoded by the classes that asyncua makes of the same definitions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from typing import Any

from asyncua import ua
from asyncua.common.structures104 import clean_name, make_structure
from asyncua.ua.ua_binary import nodeid_to_binary, struct_to_binary
from hypothesis import strategies as st

from omptool.model.datatypes import STRUCTURES, DataType, Field, Kind, Member
from omptool.protocol.variant import to_json
from tests.protocol.messages import NAMESPACES, SCALARS, T, expected, variants

INDEX = 2
URI = "http://example.org/a%3Bb%25"
_serial = count()
BUILTIN = [kind for kind in SCALARS if kind != 22]
KINDS = (Kind.STRUCTURE, Kind.OPTIONAL_FIELDS, Kind.UNION, Kind.ENUMERATION)


def type_id(number: int) -> str:
    return f"nsu={URI};i={number}"


def encoding_id(number: int) -> str:
    return f"nsu={URI};i={1000 + number}"


class _OpenEnum(IntEnum):
    """Any number is one of its values, as on the wire."""

    @classmethod
    def _missing_(cls, value: object) -> _OpenEnum:
        assert isinstance(value, int)
        return int.__new__(cls, value)


@dataclass
class World:
    """Types that refer to types before them, with asyncua's classes of them."""

    types: list[DataType] = field(default_factory=list)
    classes: list[Any] = field(default_factory=list)

    def add(self, kind: Kind, fields: list[Field], members: list[Member]) -> None:
        number = len(self.types)
        name = f"Random{next(_serial)}"
        is_structure = kind in STRUCTURES
        made = DataType(
            type_id(number),
            f"nsu={URI};{name}",
            kind,
            "i=22" if is_structure else "i=29",
            encoding_id(number) if is_structure else None,
            fields=tuple(fields),
            members=tuple(members),
        )
        self.types.append(made)
        node_id = ua.NodeId(number, INDEX)
        if not is_structure:
            cls: Any = _OpenEnum(name, {member.name: member.value for member in members})
            ua.enums_by_datatype[node_id] = cls
        else:
            cls = make_structure(node_id, name, definition(made))[name]
            ua.extension_objects_by_datatype[node_id] = cls
            ua.extension_objects_by_typeid[ua.NodeId(1000 + number, INDEX)] = cls
        self.classes.append(cls)

    def forget(self) -> None:
        """asyncua keeps classes by NodeId for the whole process."""
        for number, kind in enumerate(self.types):
            ua.enums_by_datatype.pop(ua.NodeId(number, INDEX), None)
            ua.extension_objects_by_datatype.pop(ua.NodeId(number, INDEX), None)
            ua.extension_objects_by_typeid.pop(ua.NodeId(1000 + number, INDEX), None)
            if hasattr(ua, kind.name):
                delattr(ua, kind.name)

    def encode(self, number: int, value: Any) -> bytes:
        """An ExtensionObject with a value of the type, without the byte of a Variant."""
        body = struct_to_binary(value)
        encoding = nodeid_to_binary(ua.NodeId(1000 + number, INDEX))
        return encoding + b"\x01" + len(body).to_bytes(4, "little") + body


def definition(kind: DataType) -> ua.StructureDefinition:
    """The type as the attribute that servers give."""
    fields = [
        ua.StructureField(
            one.name, ua.LocalizedText(), _wire(one.data_type), one.value_rank, IsOptional=one.is_optional
        )
        for one in kind.fields
    ]
    return ua.StructureDefinition(ua.NodeId(), ua.NodeId(22), ua.StructureType(STRUCTURES.index(kind.kind)), fields)


def _wire(text: str) -> ua.NodeId:
    number = int(text.rpartition("=")[2])
    return ua.NodeId(number, INDEX) if text.startswith("nsu=") else ua.NodeId(number)


@contextlib.contextmanager
def world() -> Iterator[World]:
    made = World()
    try:
        yield made
    finally:
        made.forget()


@st.composite
def drawn_types(draw: st.DrawFn, made: World) -> int:
    """Add up to five types; the last one is a structure. Returns its number."""
    last = draw(st.integers(0, 4))
    for number in range(last + 1):
        kind = draw(st.sampled_from(KINDS[:3] if number == last else KINDS))
        if kind is Kind.ENUMERATION:
            numbers = draw(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=4, unique=True))
            made.add(kind, [], [Member(value, f"m{at}") for at, value in enumerate(numbers)])
            continue
        names = ["class", "from", "f2", "f3", "f4"][: draw(st.integers(1 if kind is Kind.UNION else 0, 5))]
        fields = []
        for name in names:
            builtin = st.sampled_from([*BUILTIN, 24]).map(lambda one: f"i={one}")
            data_type = draw(st.one_of(builtin, st.integers(0, max(0, number - 1)).map(type_id)) if number else builtin)
            rank = -1 if kind is Kind.UNION else draw(st.sampled_from([-1, -1, 1]))
            optional = kind is Kind.OPTIONAL_FIELDS and draw(st.booleans())
            fields.append(Field(name, data_type, rank, optional))
        made.add(kind, fields, [])
    return last


@st.composite
def drawn_value(draw: st.DrawFn, made: World, number: int) -> tuple[Any, Any]:
    """An instance of asyncua's class, and what it is in JSON."""
    kind, cls = made.types[number], made.classes[number]
    if kind.kind is Kind.ENUMERATION:
        value = draw(st.one_of(st.sampled_from([member.value for member in kind.members]), st.integers(0, 9)))
        return value, (kind.enum_names() or {}).get(value, value)
    instance = cls()
    if kind.kind is Kind.UNION:
        chosen = draw(st.integers(0, len(kind.fields)))
        instance.Encoding = chosen
        if not chosen:
            return instance, {}
        instance.Value, plain = draw(drawn_field(made, kind.fields[chosen - 1]))
        return instance, {kind.fields[chosen - 1].name: plain}
    found = {}
    for one in kind.fields:
        if one.is_optional and draw(st.booleans()):
            value, found[one.name] = None, None
        else:
            value, found[one.name] = draw(drawn_field(made, one).filter(lambda pair: pair[0] is not None))
        setattr(instance, clean_name(one.name), value)
    return instance, found


@st.composite
def drawn_field(draw: st.DrawFn, made: World, one: Field) -> tuple[Any, Any]:
    if one.value_rank < 1:
        return draw(drawn_scalar(made, one.data_type))
    pairs = draw(st.lists(drawn_scalar(made, one.data_type), max_size=3))
    return [value for value, _ in pairs], [plain for _, plain in pairs]


@st.composite
def drawn_scalar(draw: st.DrawFn, made: World, data_type: str) -> tuple[Any, Any]:
    if data_type.startswith("nsu="):
        return draw(drawn_value(made, int(data_type.rpartition("=")[2])))
    number = int(data_type[2:])
    if number == 24:
        sent = draw(variants(BUILTIN))
        return sent, to_json(expected(sent))
    value = draw(SCALARS[number])
    return value, to_json(expected(ua.Variant(value, T(number), is_array=False)))


def plain_of(made: World, data_type: str, value: Any) -> Any:
    """What an object of asyncua's classes is in JSON, by the definitions that the classes were made of."""
    if value is None or not data_type.startswith("nsu="):
        is_variant = isinstance(value, ua.Variant)
        return to_json(expected(value if is_variant else ua.Variant(value, T(int(data_type[2:])), is_array=False)))
    kind = made.types[int(data_type.rpartition("=")[2])]
    if kind.kind is Kind.ENUMERATION:
        return (kind.enum_names() or {}).get(int(value), int(value))
    if kind.kind is Kind.UNION:
        chosen = kind.fields[value.Encoding - 1 : value.Encoding] if value.Encoding else ()
        return {one.name: plain_of(made, one.data_type, value.Value) for one in chosen}
    found = {}
    for one in kind.fields:
        inner = getattr(value, clean_name(one.name))
        if isinstance(inner, list):
            found[one.name] = [plain_of(made, one.data_type, item) for item in inner]
        else:
            found[one.name] = None if inner is None else plain_of(made, one.data_type, inner)
    return found


__all__ = ["NAMESPACES", "World", "drawn_types", "drawn_value", "encoding_id", "plain_of", "type_id", "world"]
