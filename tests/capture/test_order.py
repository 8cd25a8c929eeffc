"""Messages that Republish brings behind later ones: their values have the window that they would have had in order."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.carried import LastValues
from omptool.capture.rows import Block, Overflow, RowEncoder
from omptool.model.status import OVERFLOW
from omptool.protocol.ledger import LAST, step
from tests.capture.test_rows import SECOND, START, block, column, encoder, item


def test_an_overflow_that_comes_late_spans_from_the_value_before_it_in_order() -> None:
    rows = encoder()
    rows.encode([block(1, item(1, 1), item(2, 1))])
    rows.encode([block(3, item(1, 9), item(2, 9))])
    late = rows.encode([block(2, item(1, 5, status=OVERFLOW), item(1, 6), republished=True)])
    assert late.overflows == (Overflow(1, START + 1 * SECOND, START + 5 * SECOND),)
    after = rows.encode([block(4, item(1, 12, status=OVERFLOW))])
    assert after.overflows == (Overflow(1, START + 9 * SECOND, START + 12 * SECOND),)


def test_and_one_of_the_first_message_since_the_beginning() -> None:
    rows = encoder()
    rows.encode([block(2, item(1, 9))])
    late = rows.encode([block(1, item(1, 5, status=OVERFLOW), republished=True)])
    assert late.overflows == (Overflow(1, START, START + 5 * SECOND),)


def test_what_is_forgotten_is_since_the_beginning() -> None:
    rows = encoder()
    for number in range(1, 100, 2):
        rows.encode([block(number, item(1, number))])
    late = rows.encode([block(2, item(1, 2, status=OVERFLOW), republished=True)])
    assert late.overflows == (Overflow(1, START, START + 2 * SECOND),)


@given(st.data())
def test_in_whatever_order_messages_are_sent_again_a_window_begins_with_the_value_before(data: st.DataObject) -> None:
    """As far as it was there by then; and never before the last one that came in its order."""
    count = data.draw(st.integers(2, 12))
    first = data.draw(st.sampled_from([1, LAST - 3]))
    marks = data.draw(st.lists(st.tuples(st.integers(1, 3), st.booleans()), min_size=count, max_size=count))
    skipped = data.draw(st.sets(st.integers(0, count - 2)))
    places, open_ = [], []
    for place in range(count):
        if place in skipped:
            open_.append(place)
            continue
        places.append(place)
        while open_ and data.draw(st.booleans()):
            places.append(open_.pop(0))
    places += open_

    def arrived(place: int) -> Block:
        handle, is_marked = marks[place]
        values = item(handle, place + 1, status=OVERFLOW if is_marked else 0)
        at = START + place * SECOND
        return Block(1, values, at, at, step(first, place), at, place in skipped)

    blocks, rows, found = list(map(arrived, places)), _begun(first), []
    while blocks:
        size = data.draw(st.integers(1, len(blocks)))
        found += rows.encode(blocks[:size]).overflows
        del blocks[:size]

    by_end = {overflow.end_ns: overflow for overflow in found}
    assert len(by_end) == len(found) == sum(is_marked for _, is_marked in marks)
    for at, place in enumerate(places):
        handle, is_marked = marks[place]
        if is_marked:
            before = [other for other in places[:at] if other < place and marks[other][0] == handle]
            in_order = [other for other in before if other not in skipped]
            soonest, latest = (START + (max(known, default=-1) + 1) * SECOND for known in (in_order, before))
            assert soonest <= by_end[START + (place + 1) * SECOND].start_ns <= latest


def _begun(first: int) -> RowEncoder:
    rows = encoder()
    rows.order.newest = step(first, -1) if first > 1 else 0
    return rows


@pytest.mark.parametrize("together", [True, False])
def test_the_last_value_is_the_one_of_the_newest_message(together: bool) -> None:
    blocks = [block(1, item(1, 1, value=1.0)), block(3, item(1, 3, value=3.0)), block(4, item(2, 4))]
    late = [block(2, item(1, 2, value=2.0), item(3, 2, value=2.5), republished=True)]
    parts = [encoder().encode([*blocks, *late])] if together else _apart(blocks, late)
    last = LastValues()
    for part in parts:
        assert part.rows is not None
        last.note(part.rows)
    assert dict(zip(*(last.rows().column(name).to_pylist() for name in ("node", "v_f64")), strict=True)) == {
        1: 3.0,
        2: 1.0,
        3: 2.5,
    }


def _apart(*groups: list[Block]) -> list[pa.RecordBatch]:
    rows = encoder()
    return [rows.encode(group) for group in groups]


def test_what_is_sent_again_in_order_is_the_last_value() -> None:
    """As after a reconnect: nothing newer has come."""
    rows, last = encoder(), LastValues()
    for blocks in ([block(1, item(1, 1))], [block(2, item(1, 2, value=2.0), republished=True)]):
        encoded = rows.encode(blocks)
        last.note(encoded.rows)
    assert last.rows().column("v_f64").to_pylist() == [2.0]
    assert column(encoded, "sequence") == [2]
