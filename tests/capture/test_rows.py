"""Rows know which value was first, what overflowed and what did not decode, however they were cut into batches."""

from __future__ import annotations

import struct

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.format import Flag
from omptool.capture.rows import Block, Encoded, Overflow, RowEncoder
from omptool.model.status import OVERFLOW
from omptool.model.times import EPOCH_TICKS

SECOND = 1_000_000_000
START = 1_767_225_600 * SECOND


def item(handle: int, second: float, value: float = 1.0, status: int = 0) -> bytes:
    """A MonitoredItemNotification: Double, StatusCode, SourceTimestamp."""
    ticks = EPOCH_TICKS + (START + round(second * SECOND)) // 100
    return struct.pack("<IBBdIq", handle, 0b111, 11, value, status, ticks)


def block(number: int, *items: bytes, republished: bool = False) -> Block:
    at = START + number * SECOND
    return Block(len(items), b"".join(items), at + 5, number, number, at, republished)


def encoder(handles: int = 3) -> RowEncoder:
    return RowEncoder(handles, sub=7, started_ns=START)


def column(encoded: Encoded, name: str) -> list[object]:
    assert encoded.rows is not None
    return [
        value.value if isinstance(value, pa.TimestampScalar) else value.as_py() for value in encoded.rows.column(name)
    ]


def test_each_row_carries_what_its_message_says() -> None:
    encoded = encoder().encode([block(1, item(2, 0.5), item(1, 0.6)), block(2, item(2, 1.5), republished=True)])
    assert column(encoded, "node") == [2, 1, 2]
    assert column(encoded, "sequence") == [1, 1, 2]
    assert column(encoded, "sub") == [7, 7, 7]
    assert column(encoded, "receive_mono") == [1, 1, 2]
    assert column(encoded, "receive_time") == [START + SECOND + 5, START + SECOND + 5, START + 2 * SECOND + 5]
    initial, republished = int(Flag.INITIAL), int(Flag.REPUBLISHED)
    assert column(encoded, "flags") == [initial, initial, republished]


def test_the_first_value_of_a_node_is_initial_even_when_it_comes_late() -> None:
    rows = encoder()
    assert column(rows.encode([block(1, item(1, 0), item(1, 1))]), "flags") == [1, 0]
    assert column(rows.encode([block(2, item(1, 2), item(3, 2))]), "flags") == [0, 1]
    assert column(rows.encode([block(3, item(3, 3), item(2, 3, status=0x80000000))]), "flags") == [0, 1]


def test_an_overflow_spans_from_the_value_before_to_this_one() -> None:
    rows = encoder()
    rows.encode([block(1, item(1, 1), item(2, 1))])
    encoded = rows.encode(
        [block(2, item(1, 5, status=OVERFLOW), item(2, 2), item(1, 6)), block(3, item(1, 9, status=OVERFLOW))]
    )
    assert encoded.overflows == (
        Overflow(1, START + 1 * SECOND, START + 5 * SECOND),
        Overflow(1, START + 6 * SECOND, START + 9 * SECOND),
    )


def test_an_overflow_of_the_very_first_value_starts_with_the_subscription() -> None:
    encoded = encoder().encode([block(4, item(3, 4, status=OVERFLOW | 0x80000000))])
    assert encoded.overflows == (Overflow(3, START, START + 4 * SECOND),)


def test_a_block_that_does_not_decode_is_named_and_alone() -> None:
    torn = Block(2, item(1, 2)[:-3], START, 0, 2, None)
    stranger = block(3, item(4, 3))
    encoded = encoder().encode([block(1, item(1, 1)), torn, stranger, block(4, item(1, 4))])
    assert column(encoded, "sequence") == [1, 4]
    assert [bad.block.sequence for bad in encoded.undecodable] == [2, 3]
    assert all(bad.error for bad in encoded.undecodable)
    assert encoder().encode([torn]).rows is None


def test_a_limit_cuts_at_exactly_that_row_and_forgets_the_rest() -> None:
    rows = encoder()
    encoded = rows.encode([block(1, item(1, 1), item(2, 1, status=OVERFLOW), item(1, 2, status=OVERFLOW))], limit=2)
    assert column(encoded, "node") == [1, 2]
    assert encoded.overflows == (Overflow(2, START, START + SECOND),)


def test_one_value_for_an_item_of_nobody_costs_no_other_value() -> None:
    encoded = encoder().encode([block(1, item(1, 1), item(4, 1), item(2, 2)), block(2, item(3, 3), item(0, 3))])
    assert column(encoded, "node") == [1, 2, 3]
    assert column(encoded, "sequence") == [1, 1, 2]
    assert [(bad.block.sequence, bad.values, bad.error) for bad in encoded.undecodable] == [
        (1, 1, "ClientHandle 4 was never created"),
        (2, 1, "ClientHandle 0 was never created"),
    ]


def test_the_clock_of_the_rows_is_learned_from_changes_and_not_from_initial_values() -> None:
    rows = encoder()
    rows.encode([block(10, item(1, -9 * 86400))])
    assert rows.clock.since(START + 10 * SECOND) == START + 10 * SECOND
    rows.encode([block(11, item(1, 10 * 86400), item(2, 0))])
    assert rows.clock.until(START + 11 * SECOND) == START + 10 * 86400 * SECOND


@given(
    st.lists(st.tuples(st.integers(1, 3), st.booleans()), min_size=1, max_size=40),
    st.lists(st.integers(1, 5), min_size=40, max_size=40),
)
def test_how_values_are_cut_into_batches_changes_nothing(values: list[tuple[int, bool]], sizes: list[int]) -> None:
    blocks = [
        block(at, item(handle, at, status=OVERFLOW if over else 0)) for at, (handle, over) in enumerate(values, 1)
    ]
    whole = encoder().encode(blocks)
    rows, parts, start = encoder(), [], 0
    for size in sizes:
        if start < len(blocks):
            parts.append(rows.encode(blocks[start : start + size]))
        start += size
    joined = pa.Table.from_batches([part.rows for part in parts if part.rows is not None]).combine_chunks()
    assert whole.rows is not None
    assert joined.to_batches()[0].equals(whole.rows)
    assert tuple(gap for part in parts for gap in part.overflows) == whole.overflows
