"""Values on their way out: the bytes are what a client decodes, to the tick."""

from __future__ import annotations

import struct

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary, variant_from_binary
from hypothesis import given
from hypothesis import strategies as st

from omptool.model.builtin import BuiltinType
from omptool.model.times import EPOCH_TICKS
from omptool.opcua.serving.served import NULL_VARIANT, encode_variant
from omptool.opcua.serving.values import OVERFLOW, EncodedValue, ForeignValue, TickTime

NOW = EPOCH_TICKS + 17_860_000_000_000_001

_SAMPLES: list[tuple[BuiltinType, object]] = [
    (BuiltinType.Boolean, True), (BuiltinType.SByte, -128), (BuiltinType.Byte, 255), (BuiltinType.Int16, -32768),
    (BuiltinType.UInt16, 65535), (BuiltinType.Int32, -(2**31)), (BuiltinType.UInt32, 2**32 - 1),
    (BuiltinType.Int64, -(2**63)), (BuiltinType.UInt64, 2**64 - 1), (BuiltinType.Double, 1.5),
    (BuiltinType.Float, 0.25), (BuiltinType.String, "Ö, 漢"), (BuiltinType.ByteString, b"\x00\xff"),
    (BuiltinType.Double, [1.0, 2.0]), (BuiltinType.String, ["a", ""]), (BuiltinType.Int32, []),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), _SAMPLES, ids=lambda each: str(each))
def test_a_variant_is_what_asyncua_reads(kind: BuiltinType, value: object) -> None:
    read = variant_from_binary(Buffer(encode_variant(kind, value)))  # type: ignore[arg-type]
    assert read.VariantType == ua.VariantType(int(kind))
    assert read.Value == value
    assert read.is_array == isinstance(value, list)


def test_special_variants() -> None:
    assert encode_variant(BuiltinType.Double, None) == NULL_VARIANT
    text = variant_from_binary(Buffer(encode_variant(BuiltinType.LocalizedText, "warm")))
    assert text.Value == ua.LocalizedText("warm")
    assert variant_from_binary(Buffer(encode_variant(BuiltinType.StatusCode, 0x80000000))).Value.value == 0x80000000
    assert struct.unpack_from("<q", encode_variant(BuiltinType.DateTime, NOW), 1) == (NOW,)


def test_what_cannot_be_encoded_is_refused() -> None:
    with pytest.raises(ValueError, match="ExtensionObject"):
        encode_variant(BuiltinType.ExtensionObject, "x")
    with pytest.raises(struct.error):
        encode_variant(BuiltinType.Byte, 256)


@given(
    st.sampled_from([NULL_VARIANT, encode_variant(BuiltinType.Double, 3.5), encode_variant(BuiltinType.String, "x")]),
    st.sampled_from([0, 0x80000000, 0x40900000]),
    st.none() | st.integers(EPOCH_TICKS, EPOCH_TICKS + 10**17),
    st.none() | st.integers(EPOCH_TICKS, EPOCH_TICKS + 10**17),
)
def test_a_data_value_is_what_asyncua_reads(
    variant: bytes, status: int, source: int | None, server: int | None
) -> None:
    encoded = EncodedValue(variant, status, source, 0, server)
    read = struct_from_binary(ua.DataValue, Buffer(encoded.data))
    assert read.Value == (variant_from_binary(Buffer(variant)) if variant != NULL_VARIANT else ua.Variant())
    assert (read.StatusCode.value if read.StatusCode else 0) == status
    for stamp, ticks in ((read.SourceTimestamp, source), (read.ServerTimestamp, server)):
        assert (stamp is None) == (ticks is None)
        if ticks is not None:
            assert ua.datetime_to_win_epoch(stamp) == ticks // 10 * 10


def test_picoseconds_stand_behind_their_time() -> None:
    """Part 6, 5.2.2.17: Value, Status, SourceTimestamp, SourcePicoseconds, ServerTimestamp."""
    data = EncodedValue(NULL_VARIANT, 0, NOW, 7, NOW + 1).data
    assert struct.unpack("<BqHq", data) == (0x04 | 0x08 | 0x10, NOW, 7, NOW + 1)


@given(st.integers(EPOCH_TICKS, EPOCH_TICKS + 10**17))
def test_a_read_keeps_every_tick(ticks: int) -> None:
    """asyncua would encode datetimes, which end at the microsecond; ours is sent as it is."""
    value = EncodedValue(encode_variant(BuiltinType.DateTime, ticks), 0, ticks, 0, ticks + 1)
    read = value.to_data_value()
    assert struct_to_binary(read) == b"\x0d" + value.variant + struct.pack("<qq", ticks, ticks + 1)
    assert read.Value.Value == read.SourceTimestamp and read.StatusCode.is_good()


@pytest.mark.parametrize("ticks", [0, 1, -(2**62), 2**62, NOW])
def test_times_that_no_datetime_holds_are_kept_on_the_wire(ticks: int) -> None:
    moment = TickTime.of(ticks)
    assert 1601 <= moment.year <= 9999
    if 10 <= ticks < 2_650_467_743_990_000_000:  # asyncua writes 0 for the first microsecond
        assert ua.datetime_to_win_epoch(moment) == ticks


def test_overflow_is_said_once_and_keeps_the_value() -> None:
    value = EncodedValue(encode_variant(BuiltinType.Int32, 5), 0x40000000, NOW, 0, NOW)
    lost = value.overflowed()
    assert (lost.status, lost.variant, lost.source_ticks) == (0x40000000 | OVERFLOW, value.variant, NOW)
    assert lost.overflowed() is lost
    assert value.number() == 5.0 and EncodedValue(NULL_VARIANT, 0, None, 0, None).number() is None


def test_values_of_asyncua_wear_the_same_clothes() -> None:
    theirs = ua.DataValue(ua.Variant(2.5, ua.VariantType.Double), SourceTimestamp=TickTime.of(NOW))
    ours = ForeignValue(theirs)
    assert (ours.variant, ours.status, ours.source_ticks, ours.server_ticks) == (
        encode_variant(BuiltinType.Double, 2.5), 0, NOW, None,
    )  # fmt: skip
    assert ours.data == struct_to_binary(theirs)
    assert ForeignValue(ua.DataValue()).variant == NULL_VARIANT
