"""The plant as a function of seed and time: the same however it is asked, and one story in states and counters."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.demo.parts import Part
from omptool.demo.plant import HOUR, MACHINES, MINUTE, SECOND, SHIFT, State, shift_of, shift_start
from omptool.demo.schedule import Change, Plant, node_id
from omptool.model.builtin import BuiltinType
from omptool.model.status import code_of

PLANT = Plant(1)
SHIFT_0 = 62_028  # starts a plant day
START = shift_start(SHIFT_0)
NAMES = list(PLANT.channels)
EVENT_NAMES = [name for name, channel in PLANT.channels.items() if channel.signal.sampled is None]
COUNTERS = {"GoodCount": "good", "ScrapCount": "scrap", "ReworkCount": "rework"}

moments = st.integers(0, 26 * HOUR // 100).map(lambda ticks: START - HOUR + ticks * 100)
"""Across a change of day and both other shifts, to the tick."""
names = st.sampled_from(NAMES)


def _machine(name: str) -> str:
    return PLANT.channels[name].machine.name


@given(names, moments, st.integers(1, 20 * MINUTE), st.integers(0, 20 * MINUTE))
def test_a_window_is_its_parts(name: str, start: int, first: int, second: int) -> None:
    middle, end = start + first, start + first + second
    whole = PLANT.changes_of(name, start, end)
    assert whole == PLANT.changes_of(name, start, middle) + PLANT.changes_of(name, middle, end)
    assert all(start <= change.time_ns < end for change in whole)


@given(moments, st.integers(1, 3 * MINUTE), st.integers(1, 3 * MINUTE))
def test_a_window_of_everything_is_its_parts(start: int, first: int, second: int) -> None:
    middle, end = start + first, start + first + second
    whole = list(PLANT.changes(start, end))
    parts = [*PLANT.changes(start, middle), *PLANT.changes(middle, end)]
    assert whole == parts
    assert [change.time_ns for change in whole] == sorted(change.time_ns for change in whole)
    assert sorted(whole) == sorted(one for name in NAMES for one in PLANT.changes_of(name, start, end))


@given(names, moments)
def test_the_value_at_a_time_is_the_last_change(name: str, time: int) -> None:
    held = PLANT.value_at(name, time)
    assert held.time_ns <= time
    assert PLANT.changes_of(name, held.time_ns, held.time_ns + 1) == [held]
    assert PLANT.changes_of(name, held.time_ns + 1, time + 1) == []


@given(names, moments)
def test_nothing_is_reported_twice(name: str, start: int) -> None:
    before = PLANT.value_at(name, start)
    found = [before, *PLANT.changes_of(name, start + 1, start + 40 * MINUTE)]
    assert all((one.value, one.status) != (other.value, other.status) for one, other in pairwise(found))
    assert all(one.time_ns < other.time_ns for one, other in pairwise(found))


@given(names, moments)
def test_times_are_ticks_and_values_have_their_type(name: str, start: int) -> None:
    kinds = {
        BuiltinType.Boolean: bool, BuiltinType.Int32: int, BuiltinType.UInt16: int, BuiltinType.UInt32: int,
        BuiltinType.DateTime: int, BuiltinType.String: str, BuiltinType.LocalizedText: str,
        BuiltinType.Double: float, BuiltinType.Float: float, BuiltinType.ExtensionObject: Part,
    }  # fmt: skip
    signal = PLANT.channels[name].signal
    for change in PLANT.changes_of(name, start, start + 5 * MINUTE):
        assert change.time_ns % 100 == 0
        if change.status & 0x80000000:
            assert change.value is None
        elif signal.length:
            assert isinstance(change.value, tuple) and len(change.value) == signal.length
        else:
            assert type(change.value) is kinds[signal.type]


def test_the_same_seed_is_the_same_plant() -> None:
    other, start = Plant(1), START + 5 * HOUR
    list(other.changes(START - SHIFT, START - SHIFT + MINUTE))  # what was asked before makes no difference
    assert list(other.changes(start, start + 2 * MINUTE)) == list(PLANT.changes(start, start + 2 * MINUTE))
    assert list(other.stretches(start, start + HOUR)) == list(PLANT.stretches(start, start + HOUR))


def test_another_seed_is_another_plant() -> None:
    window = (START, START + HOUR)
    one, other = (set(plant.stretches(*window)) for plant in (PLANT, Plant(2)))
    assert one != other


@given(moments, st.integers(1, 10 * HOUR))
def test_intervals_cover_the_window_once(start: int, length: int) -> None:
    end = start + length
    for machine in MACHINES:
        own = [stretch for stretch in PLANT.stretches(start, end) if stretch.machine == machine.name]
        assert (own[0].start, own[-1].end) == (start, end)
        assert all(one.end == other.start for one, other in pairwise(own))
        assert all(one.start < one.end for one in own)


@given(moments, st.integers(1, 5 * HOUR), st.integers(1, 5 * HOUR))
def test_parts_of_two_windows_add_up(start: int, first: int, second: int) -> None:
    def parts(one: int, other: int) -> tuple[int, ...]:
        found = list(PLANT.stretches(one, other))
        return tuple(sum(getattr(stretch, count) for stretch in found) for count in COUNTERS.values())

    middle, end = start + first, start + first + second
    assert parts(start, end) == tuple(map(sum, zip(parts(start, middle), parts(middle, end), strict=True)))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_counters_count_what_the_intervals_say(machine: object) -> None:
    """Counter changes within an interval are its parts; the only way down is to 0 at 06:00."""
    assert machine in MACHINES
    end = START + 3 * SHIFT + HOUR
    for tag, column in COUNTERS.items():
        name = node_id(machine, tag)  # type: ignore[arg-type]
        level = PLANT.value_at(name, START - 1).value
        assert isinstance(level, int)
        steps: list[tuple[int, int]] = []
        for change in PLANT.changes_of(name, START, end):
            assert isinstance(change.value, int)
            if change.value == 0:
                assert (change.time_ns - START) % (3 * SHIFT) == 0
            else:
                assert change.value == level + 1
                steps.append((change.time_ns, 1))
            level = change.value
        times = [time for time, _ in steps]
        for stretch in PLANT.stretches(START, end):
            if stretch.machine == machine.name:  # type: ignore[attr-defined]
                counted = bisect_right(times, stretch.end - 1) - bisect_right(times, stretch.start - 1)
                assert counted == getattr(stretch, column)


@pytest.mark.parametrize("tag, column", [("State", "state"), ("StateReason", "reason"), ("Product", "product")])
@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_variables_say_what_the_intervals_say(machine: object, tag: str, column: str) -> None:
    name = node_id(machine, tag)  # type: ignore[arg-type]
    changes = [PLANT.value_at(name, START), *PLANT.changes_of(name, START + 1, START + 2 * SHIFT)]
    times = [change.time_ns for change in changes]
    for stretch in PLANT.stretches(START, START + 2 * SHIFT):
        if stretch.machine != machine.name:  # type: ignore[attr-defined]
            continue
        held = changes[bisect_right(times, stretch.start) - 1].value
        assert (State(held).name if tag == "State" else held) == getattr(stretch, column)  # type: ignore[arg-type]
        assert bisect_right(times, stretch.end - 1) == bisect_right(times, stretch.start)


def test_parts_are_only_made_while_producing() -> None:
    for stretch in PLANT.stretches(START, START + 3 * SHIFT):
        if stretch.state != "Producing":
            assert (stretch.good, stretch.scrap, stretch.rework) == (0, 0, 0)


def test_one_sensor_becomes_uncertain_and_then_bad_once_a_shift() -> None:
    name = next(name for name in NAMES if name.endswith("Packer1.TemperatureSeal"))
    found = PLANT.changes_of(name, START, START + SHIFT)
    assert [change.status for change in found if change.status] == [
        code_of("UncertainLastUsableValue"),
        code_of("BadSensorFailure"),
    ]
    uncertain = next(place for place, change in enumerate(found) if change.status)
    assert found[uncertain].value == found[uncertain - 1].value
    assert found[uncertain + 1].value is None
    assert found[uncertain + 2].status == 0


def test_only_that_sensor_ever_fails() -> None:
    failing = {_machine(one.node_id) for one in PLANT.changes(START, START + 20 * MINUTE) if one.status}
    assert failing <= {"Packer1"}


def test_asking_for_nothing_gives_nothing() -> None:
    assert list(PLANT.changes(START, START)) == []
    assert list(PLANT.stretches(START, START)) == []
    assert PLANT.changes_of(NAMES[0], START + 1, START) == []


def test_a_second_has_enough_to_show_and_not_too_much() -> None:
    producing = [PLANT.changes(START + HOUR + k * HOUR, START + HOUR + k * HOUR + MINUTE) for k in range(5)]
    rates = [sum(1 for _ in window) / 60 for window in producing]
    assert 60 < sum(rates) / len(rates) < 200


def test_event_signals_follow_the_clock_of_the_machine() -> None:
    """A part's values change together."""
    machine = MACHINES[1]
    window = (START + HOUR, START + HOUR + 30 * MINUTE)
    parts = {change.time_ns for change in PLANT.changes_of(node_id(machine, "LastPartTime"), *window)}
    counted = {change.time_ns for tag in COUNTERS for change in PLANT.changes_of(node_id(machine, tag), *window)}
    assert parts == counted
    assert {change.time_ns for change in PLANT.changes_of(node_id(machine, "PeakForce"), *window)} <= parts


def test_shifts_begin_at_six_fourteen_and_twenty_two() -> None:
    assert [shift_start(shift_of(START + hour * HOUR)) - START for hour in (0, 7, 8, 15, 16, 23)] == [
        0, 0, SHIFT, SHIFT, 2 * SHIFT, 2 * SHIFT,
    ]  # fmt: skip
    assert START % (24 * HOUR) == 6 * HOUR
    assert (START // (24 * HOUR * 1)) * 24 * HOUR < START
    assert SECOND * 3600 == HOUR
    assert isinstance(PLANT.value_at(EVENT_NAMES[0], START), Change)
