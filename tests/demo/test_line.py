"""What happens on the lines: troubles at plausible rates, and a bottleneck that starves and blocks its neighbours."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest

from omptool.demo.line import BUFFER, orders_at, simulate, stops_of
from omptool.demo.plant import HOUR, LINES, MACHINES, MINUTE, SHIFT, Outcome, State, shift_start, wear
from omptool.demo.schedule import Plant, node_id

PLANT = Plant(1)
FIRST = 62_028
SHIFTS = 12


def _hours(state: State) -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float)
    for stretch in PLANT.stretches(shift_start(FIRST), shift_start(FIRST + SHIFTS)):
        if stretch.state == state.name:
            spent[stretch.machine] += (stretch.end - stretch.start) / HOUR
    return spent


def _count(state: State) -> dict[str, int]:
    seen: dict[str, int] = defaultdict(int)
    for stretch in PLANT.stretches(shift_start(FIRST), shift_start(FIRST + SHIFTS)):
        seen[stretch.machine] += stretch.state == state.name
    return seen


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_troubles_happen_at_plausible_rates(machine: object) -> None:
    name = machine.name  # type: ignore[attr-defined]
    assert _count(State.Changeover)[name] == 2 * SHIFTS
    assert 0.5 < _count(State.Breakdown)[name] / SHIFTS < 4
    assert 20 < _count(State.MicroStop)[name] / SHIFTS < 80
    assert 0.03 < _hours(State.PlannedStop)[name] / (8 * SHIFTS) < 0.07
    assert 0.25 < _hours(State.Producing)[name] / (8 * SHIFTS) < 0.92


def test_one_shift_shows_every_state() -> None:
    seen = {stretch.state for stretch in PLANT.stretches(shift_start(FIRST), shift_start(FIRST + 1))}
    assert seen == {state.name for state in State}


def test_an_hour_shows_several_states() -> None:
    for hour in range(8):
        start = shift_start(FIRST) + hour * HOUR
        assert len({stretch.state for stretch in PLANT.stretches(start, start + HOUR)}) >= 4


def test_breakdowns_and_micro_stops_have_reasons() -> None:
    for stretch in PLANT.stretches(shift_start(FIRST), shift_start(FIRST + SHIFTS)):
        kind = next(machine.kind for machine in MACHINES if machine.name == stretch.machine)
        if stretch.state == "Breakdown":
            assert stretch.reason in kind.breakdowns
        elif stretch.state == "MicroStop":
            assert stretch.reason in kind.micro_stops
            assert stretch.end - stretch.start <= 110_000_000_000
        else:
            assert (stretch.reason == "") == (stretch.state == "Producing")


@pytest.mark.parametrize(("line", "bottleneck"), [(LINES[0], "Press2"), (LINES[1], "CNC2")])
def test_the_bottleneck_works_most_and_waits_least(line: object, bottleneck: str) -> None:
    names = [machine.name for machine in line.machines]  # type: ignore[attr-defined]
    producing, starved, blocked = (_hours(state) for state in (State.Producing, State.Starved, State.Blocked))
    assert max(names, key=lambda name: producing[name]) == bottleneck
    assert min(names, key=lambda name: starved[name] + blocked[name]) == bottleneck
    assert blocked[names[0]] > 3 * blocked[bottleneck]
    assert starved[names[2]] > 3 * starved[bottleneck]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
@pytest.mark.parametrize("shift", [FIRST, FIRST + 1, FIRST + 5])
def test_parts_flow_through_the_buffers(line: object, shift: int) -> None:
    """Downstream never takes a part that has not arrived, and no buffer holds more than fits."""
    made = simulate(line, 1, shift)  # type: ignore[arg-type]
    machines = [made[machine.name] for machine in line.machines]  # type: ignore[attr-defined]
    for upstream, downstream in pairwise(machines):
        good = upstream.outcomes.count(Outcome.Good)
        assert good - BUFFER <= len(downstream.finished) <= good + BUFFER


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_stops_do_not_overlap(line: object) -> None:
    for shift in range(FIRST, FIRST + SHIFTS):
        for machine in line.machines:  # type: ignore[attr-defined]
            stops = stops_of(line, machine, 1, shift, orders_at(line, 1, shift))  # type: ignore[arg-type]
            assert all(one.end <= other.start for one, other in pairwise(stops))
            assert all(stop.start < stop.end <= shift_start(shift + 1) for stop in stops)


def test_wear_shows_in_temperature_measure_and_scrap() -> None:
    """CNC1 drifts from 06:00 to 06:00, CNC2 does not."""
    start = shift_start(FIRST)

    def mean(machine: str, tag: str, at: int) -> float:
        name = node_id(next(one for one in MACHINES if one.name == machine), tag)
        values = [change.value for change in PLANT.changes_of(name, at, at + 90 * MINUTE)]
        return sum(float(value) for value in values if isinstance(value, float)) / len(values)

    early, late = start + 2 * HOUR, start + 22 * HOUR
    assert 8 < mean("CNC1", "TemperatureSpindle", late) - mean("CNC1", "TemperatureSpindle", early) < 20
    assert abs(mean("CNC2", "TemperatureSpindle", late) - mean("CNC2", "TemperatureSpindle", early)) < 4
    assert mean("CNC1", "BoreDiameter", late) - mean("CNC1", "BoreDiameter", early) > 0.004
    assert abs(mean("CNC2", "BoreDiameter", late) - mean("CNC2", "BoreDiameter", early)) < 0.002

    def scrap_share(first: int) -> float:
        made = [simulate(LINES[1], 1, shift)["CNC1"] for shift in range(first, first + 3 * SHIFTS, 3)]
        parts = [outcome for one in made for outcome in one.outcomes]
        return parts.count(Outcome.Scrap) / len(parts)

    assert scrap_share(FIRST + 2) > 2 * scrap_share(FIRST)


def test_wear_starts_anew_every_morning() -> None:
    start = shift_start(FIRST)
    assert [round(wear(start + hour * HOUR), 3) for hour in (0, 6, 12, 24)] == [0.0, 0.25, 0.5, 0.0]
    assert wear(start + 3 * SHIFT - 1) > 0.999
