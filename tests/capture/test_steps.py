"""A clock that was set is told from messages that came late."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.steps import Clocks, OwnClock, Reading, ServerClock

S = 1_000_000_000


def steps(messages: list[tuple[int, int]]) -> list[int]:
    """Steps in whole seconds; messages are (PublishTime, arrival)."""
    clock = ServerClock()
    found = [clock.note(published, arrived) for published, arrived in messages]
    return [round(step / S) for step in found if step]


def steady(count: int, *, start: int = 0, ahead: int = 0) -> list[tuple[int, int]]:
    """A message every half second, 20 ms on its way."""
    return [(n * S // 2 + ahead, n * S // 2 + 20_000_000) for n in range(start, start + count)]


@pytest.mark.parametrize("by", [3600, -3600, 5, -5])
def test_a_step_is_found_once_with_its_size(by: int) -> None:
    assert steps(steady(20) + steady(30, start=20, ahead=by * S)) == [by]


def test_a_small_step_back_is_found_when_it_stays() -> None:
    assert steps(steady(20) + steady(30, start=23, ahead=-int(1.4 * S))) == [-1]


def test_messages_held_back_and_delivered_together_are_no_step() -> None:
    held = [(n * S // 2, 40 * S // 2 + n) for n in range(20, 40)]
    assert steps(steady(20) + held + steady(20, start=41)) == []


def test_a_late_beginning_is_no_step() -> None:
    late = [(n * S // 2, 10 * S + n) for n in range(4)]
    assert steps(late + steady(40, start=21)) == []


@given(st.lists(st.integers(0, 900_000_000), min_size=1, max_size=60))
def test_delays_below_a_second_are_never_a_step(delays: list[int]) -> None:
    assert steps([(n * S // 2, n * S // 2 + delay) for n, delay in enumerate(delays)]) == []


def test_our_own_clock_is_held_to_one_that_nobody_sets() -> None:
    clock = OwnClock()
    assert [clock.note(100 * S + n * S, n * S) for n in range(5)] == [0] * 5
    assert clock.note(3705 * S, 5 * S) == 3600 * S
    assert clock.note(3706 * S, 6 * S) == 0
    assert clock.note(107 * S, 7 * S) == -3600 * S


@pytest.mark.parametrize("by", [0, 30, -30, 3600])
def test_what_an_earlier_run_read_tells_whether_a_clock_was_set_since(by: int) -> None:
    said: list[tuple[str, int]] = []
    clocks = Clocks(lambda whose, step: said.append((whose, round(step / S))))
    clocks.recall(Reading(published_ns=500 * S, wall_ns=1000 * S, own_ahead_ns=900 * S), 1060 * S, 160 * S)
    assert round(clocks.back((560 + by) * S, 1060 * S, 160 * S) / S) == by
    assert said == ([("server", by)] if by else [])


@pytest.mark.parametrize("own", [5, -5, 86_400])
def test_and_nothing_where_ours_was_set_or_began_anew(own: int) -> None:
    clocks = Clocks(lambda whose, step: pytest.fail(whose))
    clocks.recall(Reading(500 * S, 1000 * S, 900 * S), 1060 * S + own * S, 160 * S)
    assert clocks.back(5 * S, 1060 * S + own * S, 160 * S) == 0
