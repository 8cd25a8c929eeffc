"""The family of OEE against the simulator's schedule: time elements, indicators, stops, changeovers, energy."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from omptool.analytics import catalog
from omptool.analytics.run import Analysis, Request, analyse
from omptool.demo.plant import ITEM_STATES, OPERATION_MODES, State
from omptool.demo.schedule import Plant, Stretch
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
from tests.analytics.plants import MACHINE_NAMES, TAGS, Recorded, changes, ns, telemetry

START, END = "2026-11-16T06:30:00+00:00", "2026-11-16T08:30:00+00:00"
MORE = (*TAGS, "StateReason", "Product")
PLANT = Plant(1)
WAITING = (State.Starved, State.Blocked, State.MicroStop)


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return Recorded(telemetry(PLANT, ns("2026-11-16T06:00:00+00:00"), ns(END) + 10**9, MORE))


SHORT = {"start": datetime.fromisoformat("2026-11-16T07:25:00+00:00"), "end": datetime.fromisoformat(
    "2026-11-16T07:45:00+00:00")}  # fmt: skip


@pytest.fixture(scope="module")
def powered() -> Recorded:
    """Twenty minutes with the power of the machines."""
    start, end = ns("2026-11-16T07:20:00+00:00"), ns("2026-11-16T07:45:00+00:00")
    return Recorded(telemetry(PLANT, start, end, (*TAGS, "Power", "Order")))


@pytest.fixture(scope="module")
def truth() -> dict[str, list[Stretch]]:
    found: dict[str, list[Stretch]] = defaultdict(list)
    for stretch in PLANT.stretches(ns(START), ns(END)):
        found[stretch.machine].append(stretch)
    return found


def run(name: str, recorded: Recorded, **request: Any) -> Analysis:
    window = {"start": datetime.fromisoformat(START), "end": datetime.fromisoformat(END), "strangers": True}
    with LocalEngine([Named(recorded)]) as engine:
        return analyse(engine, catalog.load(name), Request(**(window | request)))


def element(state: State) -> str:
    item, mode = ITEM_STATES[state], OPERATION_MODES[state]
    if item == "Executing":
        return {"Processing": "APT", "Setup": "AUST"}[mode]
    return {"OutOfService": "ADET", "NotExecuting": "ADOT", "NotAvailable": "NOT_PLANNED"}[item]


def times(stretches: list[Stretch]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for each in stretches:
        found[element(State[each.state])] += each.end - each.start
    return found


def test_time_elements_add_up_to_the_window(recorded: Recorded, truth: dict[str, list[Stretch]]) -> None:
    rows = run("time_elements", recorded).rows.to_pylist()
    for machine in MACHINE_NAMES:
        mine = {row["element"]: row["seconds"] for row in rows if row["machine"] == machine}
        assert mine == {name: float(Fraction(each, 10**9)) for name, each in times(truth[machine]).items()}
        assert round(sum(mine.values()) * 1e9) == ns(END) - ns(START)


def test_indicators_follow_their_formulas(recorded: Recorded, truth: dict[str, list[Stretch]]) -> None:
    rows = run("kpi22400", recorded).rows.to_pylist()
    oee = {row["machine"]: row for row in run("oee", recorded).rows.to_pylist()}
    teep = {row["machine"]: row for row in run("teep", recorded).rows.to_pylist()}
    for machine in MACHINE_NAMES:
        found = {row["kpi"]: row["value"] for row in rows if row["machine"] == machine}
        spent = times(truth[machine])
        apt, aust, adet, adot = (spent[name] for name in ("APT", "AUST", "ADET", "ADOT"))
        scrap, rework, good = (
            sum(getattr(each, name) for each in truth[machine]) for name in ("scrap", "rework", "good")
        )
        made = good + scrap + rework
        expected = {
            "A": apt / (apt + aust + adet + adot), "SeR": aust / (apt + aust), "TE": apt / (apt + adet),
            "UE": apt / (apt + aust + adet), "AE": (apt + aust + adet) / (apt + aust + adet + adot),
            "PR": apt / (apt + aust + adet + adot), "TR": made / (apt + aust + adet + adot) * 1e9, "SR": scrap / made,
            "RR": rework / made, "Q": good / made, "OEE": oee[machine]["oee_index"],
            "E": oee[machine]["effectiveness"], "AR": (apt + aust + adet) / (apt + aust + adet + adot),
        }  # fmt: skip
        expected["NEE"] = (apt + aust) / (apt + aust + adet + adot) * expected["E"] * expected["Q"]
        assert found == {name: pytest.approx(value, rel=1e-12) for name, value in expected.items()}
        utilization = (apt + aust + adet + adot) / (ns(END) - ns(START))
        assert teep[machine]["teep_index"] == pytest.approx(expected["OEE"] * utilization, rel=1e-12)
        assert teep[machine]["nee_index"] == pytest.approx(expected["NEE"], rel=1e-12)


def _runs(stretches: list[Stretch], key: Any) -> list[tuple[Any, int, int]]:
    """Runs of an equal key, joined where the schedule cuts at shifts."""
    found: list[tuple[Any, int, int]] = []
    for each in stretches:
        if found and found[-1][0] == key(each) and found[-1][2] == each.start:
            found[-1] = (found[-1][0], found[-1][1], each.end)
        else:
            found.append((key(each), each.start, each.end))
    return found


def test_failures(recorded: Recorded, truth: dict[str, list[Stretch]]) -> None:
    rows = {row["machine"]: row for row in run("mtbf_mttr", recorded).rows.to_pylist()}
    assert sum(row["failures"] for row in rows.values()) > 0
    for machine in MACHINE_NAMES:
        down = [each for each in _runs(truth[machine], lambda one: one.state) if each[0] == "Breakdown"]
        whole = [each for each in down if each[1] > ns(START) and each[2] < ns(END)]
        row, spent = rows[machine], times(truth[machine])
        assert (row["restored"], row["censored"]) == (len(whole), len(down) - len(whole))
        assert row["repair_s"] == pytest.approx(sum(each[2] - each[1] for each in whole) / 1e9, rel=1e-12)
        assert row["operating_s"] == pytest.approx((spent["APT"] + spent["AUST"]) / 1e9, rel=1e-12)
        if row["failures"]:
            assert row["mtbf_s"] == pytest.approx(row["operating_s"] / row["failures"], rel=1e-12)
        more = run("mtbf_mttr", recorded, parameters={"failures_plus_one": True}).rows.to_pylist()
        assert all(one["mtbf_s"] == pytest.approx(one["operating_s"] / (one["failures"] + 1)) for one in more)


def test_stops_by_reason(recorded: Recorded, truth: dict[str, list[Stretch]]) -> None:
    rows = run("downtime_pareto", recorded).rows.to_pylist()
    for machine in MACHINE_NAMES:
        mine = [row for row in rows if row["machine"] == machine]
        expected: dict[str, int] = defaultdict(int)
        for each in truth[machine]:
            if State[each.state] in (*WAITING, State.Breakdown):
                expected[each.reason] += each.end - each.start
        assert {row["reason"]: row["seconds"] for row in mine} == {
            reason: pytest.approx(spent / 1e9, rel=1e-12) for reason, spent in expected.items()
        }
        assert [row["seconds"] for row in mine] == sorted((row["seconds"] for row in mine), reverse=True)
        assert mine[-1]["cumulative"] == pytest.approx(1.0)


def test_short_stops(recorded: Recorded, truth: dict[str, list[Stretch]]) -> None:
    rows = {row["machine"]: row for row in run("micro_stops", recorded).rows.to_pylist()}
    for machine in MACHINE_NAMES:
        stopped = _runs(truth[machine], lambda one: State[one.state] in (*WAITING, State.Breakdown))
        long = [each[2] - each[1] for each in stopped if each[0] and each[2] - each[1] >= 300 * 10**9]
        short = [each for each in stopped if each[0] and each[2] - each[1] < 300 * 10**9]
        whole = [each[2] - each[1] for each in short if each[1] > ns(START) and each[2] < ns(END)]
        row = rows[machine]
        assert (row["micro_stops"], row["long_stops"]) == (len(whole), len(long))
        assert row["censored"] == len(short) - len(whole)
        assert row["micro_s"] == pytest.approx(sum(whole) / 1e9, rel=1e-12)


def _changes(tag: str, machine: str, start: str = "2026-11-16T06:00:00+00:00", end: str = END) -> list[Any]:
    found = [each for _, each in changes(PLANT, ns(start), ns(end), [tag])]
    return [each for each in found if PLANT.channels[each.node_id].machine.name == machine]


def test_changeovers(recorded: Recorded) -> None:
    rows = run("changeover", recorded).rows.to_pylist()
    assert {row["machine"] for row in rows} >= {"Press1", "Press2"}
    for row in rows:
        products = _changes("Product", row["machine"])
        at = next(each.time_ns for each in products[1:] if each.value == row["to_product"])
        parts = [each.time_ns for each in _changes("GoodCount", row["machine"])[1:] if each.value]
        before, after = max(time for time in parts if time < at), min(time for time in parts if time >= at)
        assert row["seconds"] == pytest.approx((after - before) / 1e9, rel=1e-12)
        assert 0 < row["setup_s"] + row["stopped_s"] <= row["seconds"]


def test_cycles(recorded: Recorded) -> None:
    rows = {row["machine"]: row for row in run("cycle_time", recorded).rows.to_pylist()}
    for machine, row in rows.items():
        rises = []
        for tag in ("GoodCount", "ReworkCount", "ScrapCount"):
            told = _changes(tag, machine)
            rises += [
                (one.time_ns, tag, one.value - before.value)
                for before, one in pairwise(told)
                if one.value > before.value
            ]
        rises.sort()
        cycles = [
            (one[0] - before[0]) / one[2] / 1e9
            for before, one in pairwise(rises)
            if ns(START) <= one[0] < ns(END) and one[0] > before[0]
        ]
        assert row["cycles"] == len(cycles)
        assert row["p50_s"] == pytest.approx(float(np.median(cycles)))
        assert row["p95_s"] == pytest.approx(float(np.percentile(cycles, 95)))
        assert row["mean_s"] == pytest.approx(float(np.mean(cycles)))
        assert 0 <= row["slow_share"] < 0.5


def _shortly(tag: str, machine: str) -> list[Any]:
    return _changes(tag, machine, "2026-11-16T07:20:00+00:00", "2026-11-16T07:45:00+00:00")


def test_energy_is_power_times_time(powered: Recorded) -> None:
    start, end = (ns(each.isoformat()) for each in SHORT.values())
    rows = {row["machine"]: row for row in run("energy", powered, **SHORT).rows.to_pylist()}
    for machine in MACHINE_NAMES:
        given = _shortly("Power", machine)
        ends = [*(each.time_ns for each in given[1:]), end]
        pieces = zip(given, ends, strict=True)
        total = sum(each.value * max(0, until - max(each.time_ns, start)) for each, until in pieces) / 3.6e12
        assert rows[machine]["energy_kwh"] == pytest.approx(total, rel=1e-9)
        assert 0 <= rows[machine]["idle_share"] <= 1


def test_every_order_is_found_at_every_station(powered: Recorded) -> None:
    rows = run("genealogy", powered, maps={"serial": "Order", "value": "Power"}, **SHORT).rows.to_pylist()
    assert rows
    for machine in MACHINE_NAMES:
        mine = [row for row in rows if row["machine"] == machine]
        begun = [each for each in _shortly("Order", machine)[1:] if each.time_ns >= ns(SHORT["start"].isoformat())]
        assert [row["serial"] for row in mine] == [each.value for each in begun]
        for row, each in zip(mine, begun, strict=True):
            inside = [one for one in _shortly("Power", machine) if one.time_ns >= each.time_ns]
            assert (row["values"], row["maximum"]) == (len(inside), max(one.value for one in inside))


def test_the_bottleneck_is_a_station_of_its_line(recorded: Recorded) -> None:
    rows = run("bottleneck", recorded, places=("line",)).rows.to_pylist()
    for line in {row["line"] for row in rows}:
        mine = [row for row in rows if row["line"] == line]
        assert sum(row["sole_s"] for row in mine) <= 2 * 3600 + 1e-6
        assert max(row["share"] for row in mine) > 0.3
        assert all(row["share"] <= row["active_share"] + 1e-9 for row in mine)
