"""The judge itself is tried: it must convict what is wrong, or a pass means nothing, and let pass what is right."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.judge import Charge, Row, S, Trouble, Window, judge, union_ns
from tests.faults.ticking import NODES, PERIOD_NS, Tick, ticks

INTERVAL_NS = 2 * PERIOD_NS
FIRST = 1_000_000
LENGTH = 400
SHOWN = ticks(list(range(FIRST, FIRST + LENGTH)))
LATE_NS = PERIOD_NS // 2


def at(k: int) -> int:
    return (FIRST + k) * PERIOD_NS


def received(shown: list[Tick]) -> list[Row]:
    return [Row(tick, tick.at_ns + LATE_NS) for tick in shown]


def lossy(faults: list[tuple[int, int]]) -> tuple[list[Row], list[Trouble], list[Window]]:
    """A capture as it should be: all that was shown in [start, end) of a fault is missing, and said to be missing."""
    rows = [row for row in received(SHOWN) if not any(at(a) <= row.tick.at_ns < at(b) for a, b in faults)]
    troubles = [Trouble(at(a) - LATE_NS, at(b) - LATE_NS) for a, b in faults]
    return rows, troubles, [Window(at(a) - INTERVAL_NS, at(b)) for a, b in faults]


def charges(rows: list[Row], troubles: list[Trouble], windows: list[Window]) -> set[Charge]:
    return {finding.charge for finding in judge(SHOWN, rows, windows, troubles, INTERVAL_NS)}


@st.composite
def fault_lists(draw: st.DrawFn) -> list[tuple[int, int]]:
    """One to three stretches of ticks, apart from each other and from both ends."""
    edges = draw(st.lists(st.integers(1, 18), min_size=2, max_size=6, unique=True).map(sorted))
    return [(a * 20, b * 20) for a, b in zip(edges[::2], edges[1::2], strict=False)]


@given(fault_lists())
def test_an_honest_capture_is_acquitted(faults: list[tuple[int, int]]) -> None:
    assert charges(*lossy(faults)) == set()
    assert charges(received(SHOWN), [], []) == set()


@given(fault_lists(), st.data())
def test_one_row_that_is_missing_in_silence_is_found(faults: list[tuple[int, int]], data: st.DataObject) -> None:
    rows, troubles, windows = lossy(faults)
    inside = [n for n, row in enumerate(rows) if len(NODES) <= n < len(rows) - len(NODES) and not any(
        window.holds(row.tick) for window in windows)]  # fmt: skip
    rows.pop(data.draw(st.sampled_from(inside)))
    assert charges(rows, troubles, windows) == {Charge.LOST}


@given(fault_lists())
def test_a_window_too_few_is_found(faults: list[tuple[int, int]]) -> None:
    rows, troubles, windows = lossy(faults)
    assert charges(rows, troubles, windows[1:]) == {Charge.LOST}
    other = [replace(window, node=NODES[0]) for window in windows]
    assert charges(rows, troubles, other) == {Charge.LOST}


@given(fault_lists())
def test_one_window_over_the_whole_run_is_no_excuse(faults: list[tuple[int, int]]) -> None:
    rows, troubles, _ = lossy(faults)
    assert charges(rows, troubles, [Window(at(0), at(LENGTH))]) == {Charge.LOOSE}


@given(fault_lists(), st.integers(2, 20), st.booleans())
def test_a_window_wider_than_what_happened_is_found(faults: list[tuple[int, int]], more: int, is_before: bool) -> None:
    rows, troubles, windows = lossy(faults)
    first = windows[0]
    extra = more * INTERVAL_NS
    wide = (
        replace(first, start_ns=first.start_ns - extra)
        if is_before
        else replace(first, end_ns=at(faults[0][1]) + extra)
    )
    assert Charge.LOOSE in charges(rows, troubles, [wide, *windows[1:]])


def test_windows_of_nothing_are_found() -> None:
    whole = received(SHOWN)
    assert charges(whole, [], [Window(at(10), at(12))]) == {Charge.UNFOUNDED}
    assert charges(whole, [], [Window(at(10), at(12), NODES[1])]) == {Charge.UNFOUNDED}
    rows, troubles, windows = lossy([(100, 140)])
    assert charges(rows, troubles, [*windows, Window(at(300), at(301))]) == {Charge.LOOSE}
    assert charges(rows, troubles, [*windows, Window(at(100), None)]) == {Charge.OPEN}


@given(st.integers(0, len(SHOWN) - 1), st.booleans())
def test_one_row_more_or_other_is_found(place: int, is_next: bool) -> None:
    rows = received(SHOWN)
    row = rows[place]
    assert charges([*rows[:place], row, *rows[place:]], [], []) == {Charge.DOUBLED}
    assert charges([*rows, row], [], []) == {Charge.DOUBLED}
    assert charges([*rows, replace(row, is_initial=True)], [], []) == {Charge.DOUBLED}
    assert charges([*rows, replace(row, sub=2)], [], []) == {Charge.DOUBLED}
    assert charges([*rows, replace(row, sub=2, is_initial=True)], [], []) == set()
    # what its server sent again in another message is another row
    assert charges([*rows, replace(row, sequence=1)], [], []) == set()
    other = replace(row, tick=row.tick._replace(value=row.tick.value + 1))
    changed = charges([*rows[:place], other, *rows[place + 1 :]], [], [])
    assert Charge.CHANGED in changed
    shifted = replace(row, tick=row.tick._replace(at_ns=row.tick.at_ns + (1 if is_next else -PERIOD_NS * LENGTH)))
    assert Charge.INVENTED in charges([*rows[:place], shifted, *rows[place + 1 :]], [], [])


def test_values_that_never_come_again_are_found() -> None:
    rows = [row for row in received(SHOWN) if row.tick.at_ns < at(200)]
    assert charges(rows, [Trouble(at(200), at(240))], [Window(at(199), at(240))]) == {Charge.DEAD}
    assert charges([row for row in received(SHOWN) if row.tick.node != NODES[2]], [], []) == {Charge.SILENT}


def test_a_value_shown_twice_may_be_there_twice() -> None:
    again = [*SHOWN[:8], *SHOWN[4:8], *SHOWN[8:]]
    assert judge(again, received(again), [], [], INTERVAL_NS) == []
    assert {finding.charge for finding in judge(SHOWN, received(again), [], [], INTERVAL_NS)} == {Charge.DOUBLED}


def test_the_last_words_of_an_old_connection_do_not_end_a_fault() -> None:
    """Rows that come in the first moments, before the client notices, are not the return from the fault."""
    rows, _, windows = lossy([(110, 160)])
    assert charges(rows, [Trouble(at(105), at(105) + 1)], windows) == set()


@pytest.mark.parametrize(
    ("spans", "total"),
    [([], 0), ([(0, S)], S), ([(0, 4), (2, 6)], 6), ([(0, 9), (2, 3), (10, 11)], 10), ([(5, 6), (0, 1)], 2)],
)
def test_what_is_covered_twice_counts_once(spans: list[tuple[int, int]], total: int) -> None:
    assert union_ns(spans) == total


def test_a_server_whose_clock_was_set_back_shows_ticks_twice_and_each_counts() -> None:
    again = [*SHOWN[:800], *SHOWN[400:]]
    rows = [Row(tick, at(0) + n * PERIOD_NS // len(NODES)) for n, tick in enumerate(again)]
    assert judge(again, rows, [], [], INTERVAL_NS) == []
    assert {each.charge for each in judge(again, rows[:500] + rows[501:], [], [], INTERVAL_NS)} == {Charge.LOST}
    # nor is it the first value that is missing when it is shown once more
    assert (
        judge(again, [*(replace(row, is_initial=True) for row in rows[400:404]), *rows[404:]], [], [], INTERVAL_NS)
        == []
    )
    # the capture ends before all is shown again that it has from before: the rest concerns it no more
    assert judge(again, rows[:1000], [], [], INTERVAL_NS) == []
    begun = rows[600:]  # what it showed before that is none of its business, though it holds the same ticks
    assert judge(again, begun, [], [], INTERVAL_NS) == []


@pytest.mark.parametrize("ahead_s", [30, -30])
def test_a_server_that_comes_back_with_another_clock_may_have_a_window_by_each(ahead_s: int) -> None:
    shift = ahead_s * S
    later = [tick._replace(at_ns=tick.at_ns + shift) for tick in SHOWN if tick.at_ns >= at(260)]
    shown = [*SHOWN, *later]
    rows = [row for row in received(SHOWN) if row.tick.at_ns < at(200)]
    rows += [Row(tick, tick.at_ns - shift + LATE_NS) for tick in later]
    trouble = Trouble(at(200), at(260), 0, shift)
    windows = [Window(at(198), at(260)), Window(at(198) + shift, at(260) + shift)]
    found = judge(
        [tick for tick in shown if tick.at_ns < at(240) or tick in later], rows, windows, [trouble], INTERVAL_NS
    )
    assert found == []
    wide = [Window(at(0), at(LENGTH)), windows[1]]
    assert Charge.LOOSE in {each.charge for each in judge(shown, rows, wide, [trouble], INTERVAL_NS)}
