"""Items to columns: exact for every type and mask, in order however the blocks are cut, and never confused by bad
bytes."""

from __future__ import annotations

import math
import struct
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from asyncua.common.utils import Buffer
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import MalformedMessage
from omptool.protocol.columns import ItemColumns
from omptool.protocol.items import decode_data_values, decode_items
from omptool.protocol.variant import decode_variant
from tests.protocol.messages import (
    NAMESPACES,
    SCALARS,
    Item,
    block,
    by_asyncua,
    items,
    raw,
    rebuild,
    ua,
    variants,
)

MICROSECOND = timedelta(microseconds=1)
"""The finest that asyncua knows."""

DOUBLES = st.floats().map(lambda value: b"\x0b" + struct.pack("<d", value))


def check_rows(columns: ItemColumns, sent: list[Item], *, handles: bool = True) -> None:
    assert len(columns) == len(sent)
    for row, item in enumerate(sent):
        if handles:
            assert columns.client_handle[row] == item.handle
        assert rebuild(columns, row) == (item.value or b"\0")
        assert columns.status[row] == (item.status or 0)
        assert columns.has_source[row] == (item.source is not None)
        assert columns.source_ticks[row] == (item.source or 0)
        assert columns.has_server[row] == (item.server is not None)
        assert columns.server_ticks[row] == (item.server or 0)
        assert columns.source_pico[row] == (item.source_pico or 0)
        assert columns.server_pico[row] == (item.server_pico or 0)


def same(left: ItemColumns, right: ItemColumns) -> bool:
    for field in fields(ItemColumns):
        a, b = getattr(left, field.name), getattr(right, field.name)
        equal = a == b if isinstance(a, list) else np.asarray(a).tobytes() == np.asarray(b).tobytes()
        if not equal:
            return False
    return True


def one(value: bytes) -> ItemColumns:
    return decode_items([block([Item(1, value)])])


@given(st.lists(st.lists(items(), max_size=6), max_size=4))
def test_every_row_gives_its_bytes_back(blocks: list[list[Item]]) -> None:
    columns = decode_items([block(part) for part in blocks])
    check_rows(columns, [item for part in blocks for item in part])


@given(st.lists(items().map(lambda item: replace(item, source_pico=None, server_pico=None)), max_size=6))
def test_asyncua_reads_the_same(sent: list[Item]) -> None:
    data, count = block(sent)
    columns, buffer = decode_items([(data, count)]), Buffer(data)
    for row in range(count):
        theirs = by_asyncua(ua.MonitoredItemNotification, buffer)
        value = theirs.Value
        assert columns.client_handle[row] == theirs.ClientHandle
        assert rebuild(columns, row) == raw(value.Value)
        assert columns.status[row] == value.StatusCode.value
        stamps = (columns.has_source, columns.source_ticks), (columns.has_server, columns.server_ticks)
        for (has, ticks), moment in zip(stamps, (value.SourceTimestamp, value.ServerTimestamp), strict=True):
            assert has[row] == (moment is not None)
            assert moment is None or ticks[row] // 10 == (moment - datetime(1601, 1, 1, tzinfo=UTC)) // MICROSECOND
    assert len(buffer) == 0


@given(st.lists(items(), max_size=8))
def test_data_values_of_a_read(sent: list[Item]) -> None:
    columns = decode_data_values(b"".join(item.data_value() for item in sent), len(sent))
    assert columns.client_handle.tolist() == list(range(len(sent)))
    check_rows(columns, sent, handles=False)


@pytest.mark.parametrize("kind", sorted(SCALARS))
@given(data=st.data())
def test_each_type_in_long_runs(kind: int, data: st.DataObject) -> None:
    """More equal items than the walk takes one by one, with another type before and behind."""
    values = data.draw(st.lists(variants([kind], depth=0).map(raw), min_size=1, max_size=4))
    sent = [Item(0, b"\x03\x07")]
    sent += [Item(index, values[index % len(values)], source=index) for index in range(20)]
    sent += [Item(99, b"\x01\x01", 0x80000000)]
    check_rows(decode_items([block(sent)]), sent)


@given(st.lists(st.one_of(items(DOUBLES), items()), min_size=1, max_size=30), st.data())
def test_where_blocks_are_cut_makes_no_difference(sent: list[Item], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    edges = [0, *cuts, len(sent)]
    parts = [block(sent[start:end]) for start, end in pairwise(edges)]
    assert same(decode_items(parts), decode_items([block(sent)]))


def a_double(index: int) -> Item:
    return Item(index, b"\x0b" + struct.pack("<d", index), source=index)


@pytest.mark.parametrize("length", [1, 11, 12, 13, 30, 75, 76, 77, 400])
@pytest.mark.parametrize(
    "other", [Item(1, b"\x08" + b"\1" * 8, source=1), Item(1, b"\x0b" + b"\1" * 8, 0, 1), Item(1, None)]
)
def test_runs_end_where_they_end(length: int, other: Item) -> None:
    """Of the same size, of another mask, without a value: what follows a run of Doubles is never taken for one."""
    run = [a_double(index) for index in range(length)]
    sent = [Item(7, b"\x03\x07"), *run, other, other, *run, Item(8, b"\x0c\1\0\0\0x"), *run]
    check_rows(decode_items([block(sent)]), sent)


@pytest.mark.parametrize("announced", [1, 12, 13, 20, 99, 102])
def test_a_wrong_count_of_a_long_run_is_refused(announced: int) -> None:
    data, _ = block([Item(7, b"\x03\x07"), *(a_double(index) for index in range(100))])
    with pytest.raises(MalformedMessage):
        decode_items([(data, announced)])


def test_same_size_does_not_mean_same_type() -> None:
    """Doubles and Int64s take the same bytes: the block has the length of a uniform one and is not."""
    doubles = [Item(index, b"\x0b" + struct.pack("<d", index)) for index in range(50)]
    mixed = [Item(index, bytes((11 if index % 7 else 8,)) + struct.pack("<d", index)) for index in range(50)]
    blocks = [doubles, mixed, doubles]
    check_rows(decode_items([block(part) for part in blocks]), [item for part in blocks for item in part])


def test_alternating_blocks_of_two_types_keep_their_order() -> None:
    sent = [Item(index, b"\x01\x01" if index % 2 else b"\x0b" + struct.pack("<d", index), 0) for index in range(60)]
    check_rows(decode_items([block([item]) for item in sent]), sent)


def test_nothing_in_nothing_out() -> None:
    assert len(decode_items([])) == 0
    assert len(decode_items([(b"", 0), (b"", 0)])) == 0


def test_null_and_empty_string_differ() -> None:
    null, empty = one(raw(ua.Variant(None, ua.VariantType.String))), one(raw(ua.Variant("", ua.VariantType.String)))
    assert (null.text, null.raw, null.vtype.tolist()) == ([None], [None], [12])
    assert (empty.text, empty.raw, empty.vtype.tolist()) == ([""], [None], [12])


def test_no_value_and_null_variant_are_type_0() -> None:
    columns = decode_items([block([Item(1, None, 0x80320000), Item(2, b"\0")])])
    assert columns.vtype.tolist() == [0, 0]
    assert columns.raw == [None, None]
    assert not (columns.has_f64 | columns.has_i64 | columns.has_bool).any()


def test_uint64_keeps_all_bits() -> None:
    columns = one(b"\x09" + b"\xff" * 8)
    assert columns.i64.view(np.uint64).tolist() == [2**64 - 1]


@pytest.mark.parametrize(
    ("pattern", "exact"), [(0x7FC00000, False), (0xFFC00000, False), (0x7FC00001, True), (0x7F800001, True)]
)
def test_float_nan_keeps_raw_only_with_a_payload(pattern: int, exact: bool) -> None:
    value = b"\x0a" + struct.pack("<I", pattern)
    columns = one(value)
    assert math.isnan(columns.f64[0])
    assert columns.raw == [value if exact else None]


def test_double_nan_keeps_its_bits() -> None:
    assert one(b"\x0b" + struct.pack("<Q", 0x7FF8DEADBEEF0001)).f64.view(np.uint64).tolist() == [0x7FF8DEADBEEF0001]


def test_odd_boolean_is_true_and_exact() -> None:
    columns = one(b"\x01\x02")
    assert (columns.bool_.tolist(), columns.raw) == ([True], [b"\x01\x02"])


def test_text_that_is_no_utf8_stays_bytes() -> None:
    value = b"\x0c\x01\0\0\0\xe9"
    columns = one(value)
    assert (columns.text, columns.raw, columns.vtype.tolist()) == ([None], [value], [12])


def test_localized_text_has_text_and_raw_only_with_locale() -> None:
    plain, located = (one(raw(ua.Variant(ua.LocalizedText("Hälfte", locale)))) for locale in (None, "de"))
    assert (plain.text, plain.raw) == (["Hälfte"], [None])
    assert located.text == ["Hälfte"]
    assert decode_variant(located.raw[0] or b"", NAMESPACES).value == ("de", "Hälfte")


def test_arrays_have_128_added_and_raw() -> None:
    value = raw(ua.Variant([[1.0, 2.0], [3.0, 4.0]], ua.VariantType.Double))
    columns = one(value)
    assert (columns.vtype.tolist(), columns.raw) == ([128 + 11], [value])


def test_reserved_types_are_byte_strings() -> None:
    columns = one(b"\x1b\x02\0\0\0ab")
    assert (columns.vtype.tolist(), columns.raw) == ([15], [b"\x1b\x02\0\0\0ab"])


@given(variants())
def test_whatever_is_kept_raw_decodes(variant: ua.Variant) -> None:
    kept = one(raw(variant)).raw[0]
    assert kept is None or decode_variant(kept, NAMESPACES).type.value == variant.VariantType.value


@pytest.mark.parametrize("cut", [b"", b"\0\0\0\0"])
def test_unasked_diagnostics_behind_the_items_are_left_alone(cut: bytes) -> None:
    """An array of one DiagnosticInfo, whole or less the four bytes that looked like an empty array."""
    diagnostics = struct.pack("<iBi", 1, 0x01, 0)
    data, count = block([Item(5, b"\x03\x07")])
    columns = decode_items([(data + diagnostics.removesuffix(cut), count)])
    check_rows(columns, [Item(5, b"\x03\x07")])


@given(st.lists(items(), min_size=1, max_size=5), st.sampled_from([-1, 1]))
def test_a_wrong_count_is_refused(sent: list[Item], error: int) -> None:
    data, count = block(sent)
    with pytest.raises(MalformedMessage):
        decode_items([(data, count + error)])


@pytest.mark.parametrize(
    "value",
    [
        b"\x20",  # type 32 does not exist
        b"\x80\x01\0\0\0",  # an array of nulls
        b"\x0c\xfe\xff\xff\xff",  # a length of -2
        b"\x0c\xff\xff\xff\x7f",  # 2 GiB of text in no bytes
        b"\x8b\xff\xff\xff\x7f",  # 2 G doubles in no bytes
        b"\xd6\x00\x00\x00\x40",  # 1 G structures in no bytes
        b"\x98\x01\0\0\0" * 102 + b"\0",  # Variants nested too deep
    ],
)
def test_impossible_values_are_refused(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        one(value)


def test_a_hostile_count_allocates_nothing() -> None:
    with pytest.raises(MalformedMessage):
        decode_items([(b"\0" * 100, 2**31 - 1)])
    with pytest.raises(MalformedMessage):
        decode_items([(b"", -1)])


def test_unknown_mask_bits_are_refused() -> None:
    with pytest.raises(MalformedMessage):
        decode_items([(b"\1\0\0\0\x40", 1)])


@given(st.lists(items(), min_size=1, max_size=4))
def test_every_truncation_is_refused(sent: list[Item]) -> None:
    data, count = block(sent)
    for end in range(len(data)):
        with pytest.raises(MalformedMessage):
            decode_items([(data[:end], count)])


@given(st.lists(items(), min_size=1, max_size=4), st.data())
def test_flipped_bits_never_raise_anything_else(sent: list[Item], data: st.DataObject) -> None:
    good, count = block(sent)
    for place in data.draw(st.lists(st.integers(0, 8 * len(good) - 1), min_size=1, max_size=30)):
        bad = bytearray(good)
        bad[place // 8] ^= 1 << place % 8
        try:
            columns = decode_items([(bytes(bad), count), (good, count)])
        except MalformedMessage:
            continue
        assert len(columns) == 2 * count
        for kept in columns.raw:
            if kept is not None:
                decode_variant(kept, NAMESPACES)
