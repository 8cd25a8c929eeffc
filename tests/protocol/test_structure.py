"""Structures by their definitions: as asyncua encodes them, as Part 6 does, and as a stranger does."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import extensionobject_from_binary
from hypothesis import given, settings
from hypothesis import strategies as st

from omptool.errors import MalformedMessage
from omptool.model.datatypes import DataType, Field, Kind, Member, standard_types
from omptool.protocol.structure import Definitions, UnknownTypeError
from omptool.protocol.variant import Structure, decode_variant
from tests.protocol.messages import bits
from tests.protocol.structures import NAMESPACES, drawn_types, drawn_value, encoding_id, plain_of, type_id, world

POINT = DataType(
    type_id(1), "Point", Kind.STRUCTURE, "i=22", encoding_id(1), fields=(Field("x", "i=11"), Field("y", "i=4"))
)
POINT_BODY = struct.pack("<dh", 1.5, -7)


def structure(name: str, *fields: Field, kind: Kind = Kind.STRUCTURE, number: int = 2, **more: Any) -> DataType:
    return DataType(type_id(number), name, kind, "i=22", encoding_id(number), fields=fields, **more)


def decode(kind: DataType, body: bytes, *others: DataType) -> Any:
    return Definitions([kind, *others]).decode(Structure(kind.encoding_id or "", body, False), NAMESPACES)


def counted(data: bytes) -> bytes:
    return struct.pack("<i", len(data)) + data


@given(st.data())
def test_what_asyncua_encodes_reads_as_it_was(data: st.DataObject) -> None:
    with world() as made:
        number = data.draw(drawn_types(made))
        value, plain = data.draw(drawn_value(made, number))
        body = made.encode(number, value)
        definitions = Definitions(made.types)
        variant = decode_variant(b"\x16" + body, NAMESPACES)
        found, name = definitions.to_json(variant, NAMESPACES)
        assert bits(found) == bits(plain)
        theirs = extensionobject_from_binary(Buffer(body))
        assert bits(found) == bits(plain_of(made, type_id(number), theirs))
        assert name == made.types[number].name and not definitions.kept
        array = decode_variant(b"\x96" + struct.pack("<i", 2) + body + body, NAMESPACES)
        assert bits(definitions.to_json(array, NAMESPACES)[0]) == bits([plain, plain])
        json.dumps(found, allow_nan=False)


@given(st.data())
def test_bytes_of_a_stranger_are_a_value_or_refused(data: st.DataObject) -> None:
    with world() as made:
        number = data.draw(drawn_types(made))
        value, _ = data.draw(drawn_value(made, number))
        body = bytearray(made.encode(number, value))
        for _ in range(data.draw(st.integers(1, 4))):
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
        cut = bytes(body[: data.draw(st.integers(0, len(body)))])
    definitions = Definitions(made.types)
    for raw in (bytes(body), cut):
        try:
            variant = decode_variant(b"\x16" + raw, NAMESPACES)
        except MalformedMessage:
            continue
        found, _ = definitions.to_json(variant, NAMESPACES)
        json.dumps(found, allow_nan=False)


@given(st.data())
def test_definitions_survive_a_file(data: st.DataObject) -> None:
    with world() as made:
        data.draw(drawn_types(made))
    for kind in made.types:
        assert DataType.from_plain(json.loads(json.dumps(kind.to_plain()))) == kind


def test_a_matrix_in_a_field_is_its_dimensions_and_its_values() -> None:
    kind = structure("Image", Field("pixels", "i=5", 2), Field("last", "i=3"))
    body = struct.pack("<iii6HB", 2, 2, 3, *range(6), 9)
    assert decode(kind, body) == {"pixels": [[0, 1, 2], [3, 4, 5]], "last": 9}
    assert decode(kind, struct.pack("<iiiB", 2, 0, 3, 9)) == {"pixels": [], "last": 9}
    assert decode(kind, struct.pack("<iB", -1, 9)) == {"pixels": None, "last": 9}


def test_a_matrix_that_was_written_as_an_array_is_read_as_one() -> None:
    kind = structure("Image", Field("pixels", "i=5", 2), Field("last", "i=3"))
    assert decode(kind, struct.pack("<i4HB", 4, 10, 11, 12, 13, 9)) == {"pixels": [10, 11, 12, 13], "last": 9}


def test_subtyped_values_bring_their_types_along() -> None:
    weighted = structure("Weighted", *POINT.fields, Field("w", "i=3"), number=3)
    kind = structure(
        "Holder", Field("point", type_id(1), -1, True), Field("number", "i=26", -1, True), kind=Kind.SUBTYPED_VALUES
    )
    nodes = [bytes((1, 2)) + struct.pack("<H", 1000 + number) + b"\x01" for number in (1, 3)]
    tail = b"\x06" + struct.pack("<i", 5)
    same = decode(kind, nodes[0] + counted(POINT_BODY) + tail, POINT, weighted)
    other = decode(kind, nodes[1] + counted(POINT_BODY + b"\x04") + tail, POINT, weighted)
    assert same == {"point": {"x": 1.5, "y": -7}, "number": 5}
    assert other == {"point": {"@type": "Weighted", "x": 1.5, "y": -7, "w": 4}, "number": 5}


def test_an_abstract_structure_in_a_field_is_whatever_it_says() -> None:
    shape = structure("Shape", number=4, is_abstract=True)
    kind = structure("Holder", Field("shapes", type_id(4), 1))
    one = bytes((1, 2)) + struct.pack("<H", 1001) + b"\x01" + counted(POINT_BODY)
    assert decode(kind, struct.pack("<i", 1) + one, POINT, shape) == {"shapes": [{"@type": "Point", "x": 1.5, "y": -7}]}


def test_enumerations_are_names_and_option_sets_lists_of_names() -> None:
    mode = DataType(type_id(5), "Mode", Kind.ENUMERATION, "i=29", members=(Member(0, "Off"), Member(3, "On")))
    alarms = DataType(type_id(6), "Alarms", Kind.OPTION_SET, "i=5", members=(Member(0, "Hot"), Member(9, "Low")))
    level = DataType(type_id(7), "Level", Kind.SIMPLE, "i=290")
    kind = structure("S", Field("a", type_id(5), 1), Field("b", type_id(6)), Field("c", type_id(7)))
    body = struct.pack("<i2iHd", 2, 3, 7, 0x0205, 0.5)
    assert decode(kind, body, mode, alarms, level) == {"a": ["On", 7], "b": ["Hot", 4, "Low"], "c": 0.5}


def test_recursion_ends_where_the_bytes_end() -> None:
    tree = structure("Tree", Field("n", "i=3"), Field("below", type_id(2), 1))
    leaf = b"\x01" + struct.pack("<i", 0)
    assert decode(tree, b"\x02" + struct.pack("<i", 1) + leaf) == {"n": 2, "below": [{"n": 1, "below": []}]}
    deep = b"\x01" + struct.pack("<i", 1)
    assert decode(tree, deep * 100 + leaf)["n"] == 1
    with pytest.raises(MalformedMessage, match="nested deeper"):
        decode(tree, deep * 101 + leaf)


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        (POINT, POINT_BODY + b"\0", "1 bytes behind the last field"),
        (POINT, POINT_BODY[:-1], "2 bytes are announced"),
        (structure("Part", Field("a", "i=3", -1, True), kind=Kind.OPTIONAL_FIELDS), b"\x02\0\0\0", "optional fields"),
        (structure("Choice", Field("a", "i=3"), kind=Kind.UNION), b"\x02\0\0\0", "field 2 of Choice"),
        (structure("Many", Field("a", "i=3", 1)), struct.pack("<i", 2**31 - 1), "a length of 2147483647"),
        (structure("Many", Field("a", "i=3", 2)), struct.pack("<iii", 2, 2**31 - 1, 2**31 - 1), "a matrix of"),
        (structure("Self", Field("a", type_id(2))), b"", "nested deeper"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(kind: DataType, body: bytes, why: str) -> None:
    with pytest.raises(MalformedMessage, match=why):
        decode(kind, body)


def test_types_that_refer_to_what_nobody_knows_are_unknown() -> None:
    with pytest.raises(UnknownTypeError):
        decode(structure("S", Field("a", type_id(99))), b"\0")
    loop = DataType(type_id(8), "Loop", Kind.SIMPLE, type_id(8))
    with pytest.raises(UnknownTypeError):
        decode(structure("S", Field("a", type_id(8))), b"\0", loop)


def test_names_cannot_make_much_of_nothing() -> None:
    """Structures without a field take no bytes; an array of them announces what the bytes left allow, and no more."""
    empty = structure("Empty", number=3)
    kinds = [structure(f"Twice{n}", *(Field(name, type_id(n - 1)) for name in "ab"), number=n) for n in range(4, 64)]
    with pytest.raises(MalformedMessage):
        decode(kinds[-1], b"", empty, *kinds)
    with pytest.raises(MalformedMessage):
        decode(structure("Many", Field("a", type_id(3), 1)), struct.pack("<i", 10), empty)


def test_what_cannot_be_read_stays_bytes_and_is_counted() -> None:
    holder = structure("Holder", Field("any", "i=22", 1))
    stranger = bytes((1, 2)) + struct.pack("<H", 7) + b"\x01" + counted(b"\x09")
    broken = bytes((1, 2)) + struct.pack("<H", 1001) + b"\x01" + counted(b"\x09")
    null = b"\0\0\0"
    definitions = Definitions([holder, POINT])
    body = struct.pack("<i", 4) + stranger + broken + null + stranger
    found = definitions.decode(Structure(encoding_id(2), body, False), NAMESPACES)
    assert found["any"][0] == {"type_id": type_id(7), "body": "CQ==", "is_xml": False}
    assert found["any"][2] is None
    assert definitions.kept == {
        (type_id(7), "its definition is not known"): 2,
        ("Point", "its bytes do not fit its definition"): 1,
    }


def test_an_array_of_several_types_names_each() -> None:
    other = structure("Other", Field("n", "i=3"), number=3)
    parts = [bytes((1, 2)) + struct.pack("<H", 1000 + number) + b"\x01" for number in (1, 3)]
    raw = b"\x96" + struct.pack("<i", 2) + parts[0] + counted(POINT_BODY) + parts[1] + counted(b"\x05")
    found, name = Definitions([POINT, other]).to_json(decode_variant(raw, NAMESPACES), NAMESPACES)
    assert name is None
    assert found == [{"@type": "Point", "x": 1.5, "y": -7}, {"@type": "Other", "n": 5}]


def test_namespace_0_is_as_asyncua_knows_it() -> None:
    """Names, order and number of the fields, and the encodings, of every structure that both know."""
    both = 0
    for node_id, cls in ua.extension_objects_by_typeid.items():
        kind = Definitions().of_encoding(f"i={node_id.Identifier}") if node_id.NamespaceIndex == 0 else None
        if kind is None or kind.is_abstract or not hasattr(cls, "__dataclass_fields__"):
            continue
        names = [name for name in cls.__dataclass_fields__ if name not in ("Encoding", "TypeId")]
        if len(names) == len(kind.fields):
            assert names == [field.name.replace("class", "class_") for field in kind.fields], kind.name
            both += 1
    assert both > 100


def test_every_type_of_namespace_0_is_explained_to_the_last_field() -> None:
    definitions = Definitions()
    types = standard_types()
    for kind in types.values():
        for field in kind.fields:
            known = types.get(field.data_type)
            assert known is not None or 1 <= int(field.data_type[2:]) <= 25, (kind.name, field)
        if kind.is_structure and not kind.is_abstract:
            try:
                definitions.decode(Structure(kind.encoding_id or kind.node_id, b"", False), NAMESPACES)
            except UnknownTypeError:
                raise
            except MalformedMessage:
                continue


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_standard_structures_need_no_definition(number: int, low: float, high: float) -> None:
    sent = ua.Variant(ua.Range(low, high), ua.VariantType.ExtensionObject)
    raw = ua.ua_binary.variant_to_binary(sent)
    found, name = Definitions().to_json(decode_variant(raw, NAMESPACES), NAMESPACES)
    assert (found, name) == ({"Low": low, "High": high}, "Range")
