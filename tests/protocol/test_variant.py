"""Variants against asyncua's encoder and decoder, by hand where it is wrong, and as JSON."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import variant_from_binary
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import MalformedMessage
from omptool.model.builtin import BuiltinType
from omptool.protocol.items import decode_items
from omptool.protocol.variant import (
    MAX_DIMENSIONS,
    MAX_ELEMENTS,
    DataValue,
    DiagnosticInfo,
    Structure,
    Variant,
    decode_variant,
    to_json,
    value_list,
)
from omptool.protocol.wire import MAX_NESTING, LocalizedText
from tests.protocol.messages import NAMESPACES, SCALARS, bits, diagnostic_info, expected, flat, raw, texts, ua, variants

i32 = st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1))
diagnostics = st.recursive(
    st.builds(DiagnosticInfo, i32, i32, i32, i32, st.one_of(st.none(), texts), st.none(), st.none()),
    lambda inner: st.builds(DiagnosticInfo, i32, i32, i32, i32, st.none(), st.integers(0, 2**32 - 1), inner),
    max_leaves=5,
)


def decode(data: bytes) -> Variant:
    return decode_variant(data, NAMESPACES)


@pytest.mark.parametrize("kind", sorted([*SCALARS, 23, 24]))
@given(data=st.data())
def test_every_type(kind: int, data: st.DataObject) -> None:
    sent = data.draw(variants([kind], depth=0))
    found = bits(decode(raw(sent)))
    assert found == bits(expected(sent))
    assert found == bits(expected(variant_from_binary(Buffer(raw(sent)))))


@given(st.lists(diagnostics, max_size=3))
def test_diagnostic_infos(sent: list[DiagnosticInfo]) -> None:
    data = b"\x99" + struct.pack("<i", len(sent)) + b"".join(map(diagnostic_info, sent))
    assert decode(data) == Variant(BuiltinType.DiagnosticInfo, None, sent, is_array=True)
    json.dumps(to_json(decode(data)))


def test_nested_data_value_with_picoseconds() -> None:
    data = b"\x17\x3f\x03\x07" + struct.pack("<IqHqH", 0x80000000, 1, 2, 3, 4)
    inner = Variant(BuiltinType.Byte, None, 7)
    assert decode(data).value == DataValue(inner, 0x80000000, 1, 2, 3, 4)


def test_null_array_and_null_value_differ() -> None:
    assert decode(b"\x8c\xff\xff\xff\xff") == Variant(BuiltinType.String, None, None, is_array=True)
    assert decode(b"\x0c\xff\xff\xff\xff") == Variant(BuiltinType.String, None, None)
    assert decode(b"\0") == Variant(BuiltinType.Null, None, None)


def test_xml_body() -> None:
    data = b"\x16\x01\x02\x05\x00\x02\x04\0\0\0<a/>"
    assert decode(data).value == Structure("nsu=http://example.org/a%3Bb%25;i=5", b"<a/>", True)
    assert to_json(decode(data)) == {"type_id": "nsu=http://example.org/a%3Bb%25;i=5", "body": "<a/>", "is_xml": True}


def test_namespace_index_out_of_range_stays_an_index() -> None:
    assert decode(b"\x11\x01\x63\x05\x00").value == "ns=99;i=5"
    assert decode(b"\x14\x63\x00\x01\0\0\0x").value == "99:x"


@pytest.mark.parametrize("dimensions", [(2, 2), (-1, -3), (2**31 - 1, 2**31 - 1), (0,), (1,) * (MAX_DIMENSIONS + 1)])
def test_dimensions_that_do_not_fit_leave_a_flat_list(dimensions: tuple[int, ...]) -> None:
    data = b"\xc3\x01\0\0\0\x07" + struct.pack(f"<i{len(dimensions)}i", len(dimensions), *dimensions)
    assert decode(data) == Variant(BuiltinType.Byte, None, [7], is_array=True)


def test_an_empty_matrix() -> None:
    data = b"\xc3\0\0\0\0" + struct.pack("<iii", 2, 3, 0)
    assert decode(data).dimensions == (3, 0)
    assert to_json(decode(data)) == []


def nested(levels: int) -> bytes:
    return b"\x98\x01\0\0\0" * levels + b"\0"


def test_nesting_ends_at_the_limit() -> None:
    value: Any = decode(nested(MAX_NESTING))
    for _ in range(MAX_NESTING):
        (value,) = value.value
    assert value == Variant(BuiltinType.Null, None, None)
    json.dumps(to_json(decode(nested(MAX_NESTING))))
    with pytest.raises(MalformedMessage):
        decode(nested(MAX_NESTING + 1))


def test_the_deepest_value_can_be_shown() -> None:
    """DataValues in matrices in DataValues: as many levels and dimensions as are let through."""
    dimensions = struct.pack(f"<{MAX_DIMENSIONS + 1}i", MAX_DIMENSIONS, *(1,) * MAX_DIMENSIONS)
    data = b"\xd7\x01\0\0\0\x01" * MAX_NESTING + b"\x0b" + b"\0" * 8 + dimensions * MAX_NESTING
    assert len(json.dumps(to_json(decode(data)))) > MAX_NESTING * MAX_DIMENSIONS
    assert decode_items([(b"\1\0\0\0\1" + data, 1)]).raw == [data]


def test_deep_diagnostics_are_refused() -> None:
    assert decode(b"\x19" + b"\x40" * MAX_NESTING + b"\0").type is BuiltinType.DiagnosticInfo
    with pytest.raises(MalformedMessage):
        decode(b"\x19" + b"\x40" * 100_000 + b"\0")


def test_something_behind_is_refused() -> None:
    with pytest.raises(MalformedMessage):
        decode(b"\x03\x07\x00")


@given(variants())
def test_every_truncation_is_refused(sent: ua.Variant) -> None:
    data = raw(sent)
    for end in range(len(data)):
        with pytest.raises(MalformedMessage):
            decode(data[:end])


@given(st.binary(max_size=60))
def test_noise_decodes_or_is_refused(noise: bytes) -> None:
    try:
        found = decode(noise)
    except MalformedMessage:
        return
    json.dumps(to_json(found), allow_nan=False)


@given(variants())
def test_json_is_strict_and_has_the_shape_of_the_value(sent: ua.Variant) -> None:
    found = json.loads(json.dumps(to_json(decode(raw(sent))), allow_nan=False))
    if sent.is_array:
        assert len(flat(found)) == len(flat(sent.Value)) or sent.VariantType.value == 24
    if sent.Dimensions:
        assert [len(found), len(found[0])] == sent.Dimensions


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (BuiltinType.Double, math.nan, "NaN"),
        (BuiltinType.Double, math.inf, "Infinity"),
        (BuiltinType.Float, -math.inf, "-Infinity"),
        (BuiltinType.Double, 0.5, 0.5),
        (BuiltinType.Int64, -(2**63), -(2**63)),
        (BuiltinType.UInt64, 2**64 - 1, 2**64 - 1),
        (BuiltinType.Boolean, True, True),
        (BuiltinType.ByteString, b"\xff\0", "/wA="),
        (BuiltinType.ByteString, None, None),
        (BuiltinType.DateTime, 0, "1601-01-01T00:00:00.0000000Z"),
        (BuiltinType.DateTime, 116_444_736_000_000_001, "1970-01-01T00:00:00.0000001Z"),
        (BuiltinType.DateTime, 116_444_736_005_000_000, "1970-01-01T00:00:00.5000000Z"),
        (BuiltinType.DateTime, 2**63 - 1, "9999-12-31T23:59:59.9999999Z"),
        (BuiltinType.DateTime, -(2**63), "0001-01-01T00:00:00.0000000Z"),
        (BuiltinType.LocalizedText, LocalizedText(None, "an"), {"locale": None, "text": "an"}),
        (BuiltinType.Variant, Variant(BuiltinType.DateTime, None, 0), "1601-01-01T00:00:00.0000000Z"),
        (
            BuiltinType.DataValue,
            DataValue(Variant(BuiltinType.Byte, None, 1), 0, 0, 5, None, 0),
            {
                "value": 1,
                "type": "Byte",
                "status": 0,
                "source_time": "1601-01-01T00:00:00.0000000Z",
                "source_picoseconds": 50,
                "server_time": None,
                "server_picoseconds": 0,
            },
        ),
    ],
)
def test_json(kind: BuiltinType, value: Any, shown: Any) -> None:
    assert to_json(Variant(kind, None, value)) == shown
    assert to_json(Variant(kind, (1, 1), [value], is_array=True)) == [[shown]]


@pytest.mark.parametrize("kind", [*range(2, 12)])
@given(data=st.data())
def test_value_list_of_every_numeric_type(kind: int, data: st.DataObject) -> None:
    sent = data.draw(variants([kind], depth=0).filter(lambda variant: variant.is_array))
    found = value_list(raw(sent))
    assert found is not None
    assert bits(found[0].tolist()) == bits([float(value) for value in flat(sent.Value)])
    assert found[1] == len(sent.Dimensions or (0,))


@pytest.mark.parametrize("data", [b"", b"\0", b"\x0b" + b"\0" * 8, b"\x81\x01\0\0\0\x01", b"\x8b\xff\xff\xff\xff"])
def test_value_list_is_for_numeric_arrays_only(data: bytes) -> None:
    assert value_list(data) is None


def test_a_value_of_very_many_objects_stays_bytes() -> None:
    """One byte each on the wire, a hundred in memory."""
    count = MAX_ELEMENTS + 1
    with pytest.raises(MalformedMessage, match="more than 2,097,152 elements"):
        decode(b"\x95" + struct.pack("<i", count) + b"\0" * count)
    half = b"\x95" + struct.pack("<i", count // 2 + 1) + b"\0" * (count // 2 + 1)
    with pytest.raises(MalformedMessage, match="elements"):
        decode(b"\x98\2\0\0\0" + half + half)


@pytest.mark.parametrize(
    "data", [b"\x8b", b"\x8b\x02\0\0\0" + b"\0" * 15, b"\x83\xff\xff\xff\x7f", b"\x83\xfe\xff\xff\xff"]
)
def test_value_list_of_a_torn_array_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        value_list(data)
