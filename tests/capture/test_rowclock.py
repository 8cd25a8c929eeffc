"""Windows hold the stamps of what is missing, whatever clock the rows run on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.rowclock import FOREIGN_CLOCK_NS, RowClock

SECOND = 1_000_000_000
START = 1_767_225_600 * SECOND
DAY = 86_400 * SECOND


def test_on_the_servers_clock_a_window_is_one_publishing_interval_wider() -> None:
    clock = RowClock(START, SECOND)
    assert (clock.since(None), clock.until(None)) == (START - SECOND, None)
    clock.note(START + 5 * SECOND, START + 5 * SECOND - 1)
    assert clock.since(START + 5 * SECOND) == START + 4 * SECOND
    assert clock.until(START + 7 * SECOND) == START + 7 * SECOND


def test_initial_values_as_old_as_the_machine_move_no_window() -> None:
    clock = RowClock(START, SECOND)
    clock.note(START + SECOND, START - 90 * DAY, is_initial=True)
    assert (clock.since(START + SECOND), clock.until(START + 3 * SECOND)) == (START, START + 3 * SECOND)


def test_the_end_of_a_window_on_a_foreign_clock_is_unknown_until_the_next_message() -> None:
    clock = RowClock(START, SECOND)
    clock.note(START + SECOND, START - 7 * DAY)
    assert clock.until(START + 3 * SECOND) is None
    clock.note(START + 3 * SECOND, START - 7 * DAY + 120 * SECOND)
    assert clock.until(START + 3 * SECOND) == START - 7 * DAY + 120 * SECOND


@given(
    st.integers(-FOREIGN_CLOCK_NS * 3, FOREIGN_CLOCK_NS * 3),
    st.sampled_from([1, 60]),
    st.integers(1, 40),
    st.integers(1, 5),
    st.integers(1, 20),
)
def test_what_was_sent_in_a_hole_lies_in_its_window(
    ahead: int, speed: int, first: int, missing: int, late: int
) -> None:
    """Message n is sent at n seconds and carries stamps of the second before, on a clock `ahead` and `speed` as
    fast."""

    def stamp(second: int) -> int:
        return START + ahead + second * SECOND * (speed if abs(ahead) > FOREIGN_CLOCK_NS * 2 else 1)

    clock = RowClock(START, SECOND)
    clock.note(START, stamp(0), is_initial=True)
    for number in [*range(1, first), *range(first + missing, first + missing + late)]:
        clock.note(START + number * SECOND, stamp(number))
    start = clock.since(START + (first - 1) * SECOND)
    end = clock.until(START + (first + missing) * SECOND)
    assert end is not None
    for number in range(first, first + missing):
        assert start <= stamp(number) - SECOND // 2 < end
