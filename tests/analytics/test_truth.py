"""The analyses agree with the simulator's own schedule to the last digit, over a shift change and a counter restart."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from omptool.analytics import catalog
from omptool.analytics.run import Analysis, Request, analyse
from omptool.demo import truth
from omptool.demo.line import ideal_cycle
from omptool.demo.plant import ITEM_STATES, LINES, OPERATION_MODES, State
from omptool.demo.schedule import Plant
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
from tests.analytics.plants import MACHINE_NAMES, Recorded, ns, telemetry

START, END = "2026-11-16T04:30:00.25+00:00", "2026-11-16T09:10:00.125+00:00"
"""Holds a shift change and the restart of the counters at 06:00."""

PLANT = Plant(1)


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    """Begins an hour before the window, so that values have to be looked back for."""
    return Recorded(telemetry(PLANT, ns("2026-11-16T03:30:00+00:00"), ns("2026-11-16T09:30:00+00:00")))


@pytest.fixture(scope="module")
def intervals() -> list[dict[str, object]]:
    """`kind:interval` of the truth, as anybody reads it."""
    lines = (json.loads(line) for line in _interval_lines())
    return [row for row in lines if row["kind"] == "interval"]


def _interval_lines() -> list[str]:
    return [truth._interval(stretch) for stretch in PLANT.stretches(ns(START), ns(END))]


def run(name: str, recorded: Recorded, **request: object) -> Analysis:
    window = {"start": datetime.fromisoformat(START), "end": datetime.fromisoformat(END), "strangers": True}
    with LocalEngine([Named(recorded)]) as engine:
        return analyse(engine, catalog.load(name), Request(**(window | request)))  # type: ignore[arg-type]


def _seconds(row: dict[str, object]) -> Fraction:
    return Fraction(ns_of(str(row["end"])) - ns_of(str(row["start"])), 1_000_000_000)


def ns_of(text: str) -> int:
    """RFC 3339 with nine decimals."""
    head, _, fraction = text.rstrip("Z").partition(".")
    return ns(f"{head}+00:00") + int(fraction.ljust(9, "0"))


def test_time_in_state_is_exact(recorded: Recorded, intervals: list[dict[str, object]]) -> None:
    expected: dict[tuple[object, object], Fraction] = defaultdict(Fraction)
    for row in intervals:
        expected[row["machine"], row["state"]] += _seconds(row)
    result = run("time_in_state", recorded)
    assert result.touched == ""
    found = {(row["machine"], row["state"]): row["seconds"] for row in result.rows.to_pylist()}
    assert found == {key: float(seconds) for key, seconds in expected.items()}
    assert {row["coverage"] for row in result.rows.to_pylist()} == {1.0}
    for machine in MACHINE_NAMES:
        shares = [row["share"] for row in result.rows.to_pylist() if row["machine"] == machine]
        assert sum(shares) == pytest.approx(1.0, abs=1e-12)


def test_visits_and_longest_run(recorded: Recorded, intervals: list[dict[str, object]]) -> None:
    runs: dict[tuple[object, object], list[Fraction]] = defaultdict(list)
    before: tuple[object, object] | None = None
    for row in intervals:
        key = (row["machine"], row["state"])
        if key == before:  # the truth cuts at shifts
            runs[key][-1] += _seconds(row)
        else:
            runs[key].append(_seconds(row))
        before = key
    found = {
        (r["machine"], r["state"]): (r["visits"], r["longest_s"])
        for r in run("time_in_state", recorded).rows.to_pylist()
    }
    assert found == {key: (len(times), float(max(times))) for key, times in runs.items()}


def test_oee_is_exact(recorded: Recorded, intervals: list[dict[str, object]]) -> None:
    rows = {row["machine"]: row for row in run("oee", recorded).rows.to_pylist()}
    assert list(rows) == sorted(MACHINE_NAMES)
    for line in LINES:
        for machine in line.machines:
            mine = [row for row in intervals if row["machine"] == machine.name]
            row = rows[machine.name]
            good, scrap, rework = (sum(int(str(each[kind])) for each in mine) for kind in ("good", "scrap", "rework"))
            assert (row["gq"], row["sq"], row["rq"], row["pq"]) == (good, scrap, rework, good + scrap + rework)
            times: dict[str, Fraction] = defaultdict(Fraction)
            ideal = Fraction(0)
            for each in mine:
                times[_element(State[str(each["state"])])] += _seconds(each)
                parts = sum(int(str(each[kind])) for kind in ("good", "scrap", "rework"))
                ideal += parts * Fraction(str(ideal_cycle(line, machine, str(each["product"]))))
            planned = sum((times[key] for key in ("apt", "aust", "adet", "adot")), Fraction(0))
            for name in ("apt", "aust", "adet", "adot", "unplanned_s"):
                assert row[name] == float(times[name]), name
            assert row["pbt"] == float(planned)
            assert row["unassigned_s"] == 0
            assert row["ideal_s"] == float(ideal)
            assert row["oee_index"] == pytest.approx(float(ideal / planned * good / (good + scrap + rework)), rel=1e-12)
            assert (row["coverage"], row["percent_good"], row["note"]) == (1.0, 100.0, None)


def _element(state: State) -> str:
    """OPC 40501-1 C.2.3 by hand."""
    item, mode = ITEM_STATES[state], OPERATION_MODES[state]
    if item == "Executing":
        return {"Processing": "apt", "Setup": "aust"}[mode]
    return {"OutOfService": "adet", "NotExecuting": "adot", "NotAvailable": "unplanned_s"}[item]


def test_hours_and_lines_add_up(recorded: Recorded) -> None:
    whole = run("oee", recorded).rows.to_pylist()
    hours = run("oee", recorded, places=("line",), period="hour").rows.to_pylist()
    assert [row["start"].hour for row in hours if row["line"] == "Line1"] == [4, 5, 6, 7, 8, 9]
    for name in ("apt", "pbt", "pq", "gq", "ideal_s"):
        assert sum(row[name] for row in hours) == pytest.approx(sum(row[name] for row in whole), rel=1e-12)


def test_a_day_of_a_zone_begins_at_its_midnight(recorded: Recorded) -> None:
    from zoneinfo import ZoneInfo

    rows = run("oee", recorded, period="day", zone=ZoneInfo("Asia/Kolkata"), end=datetime(2026, 11, 16, 9, tzinfo=UTC),
               start=datetime(2026, 11, 15, 18, tzinfo=UTC)).rows  # fmt: skip
    starts = {row["start"].astimezone(UTC).replace(tzinfo=None) for row in rows.to_pylist()}
    assert starts == {datetime(2026, 11, 15, 18), datetime(2026, 11, 15, 18, 30)}


def test_the_result_does_not_depend_on_the_order_of_rows(recorded: Recorded) -> None:
    more = ("Product", "Order", "TemperatureSeal", "Power", "AlarmCode")
    rows = recorded.rows + telemetry(PLANT, ns("2026-11-16T06:00:00+00:00"), ns("2026-11-16T06:10:00+00:00"), more)
    recorded, turned = Recorded(rows), Recorded(rows[::-1])
    for name in catalog.names():
        given = {"parameters": {"aggregate": "TimeAverage2", "interval": "10m"}} if name == "aggregate" else {}
        given |= {"maps": {"value": "Power"}} if catalog.load(name).series else {}
        assert run(name, turned, **given).rows.equals(run(name, recorded, **given).rows), name


def test_without_a_window_it_is_what_was_recorded(recorded: Recorded) -> None:
    row = run("time_in_state", recorded, start=None, end=None).rows.to_pylist()[0]
    live = [each["time"] for each in recorded.rows if each["origin"] == "live"]
    assert (row["start"], row["end"]) == (min(live), max(live) + timedelta(milliseconds=1))  # the last value is in it
    assert row["end"] - row["start"] > timedelta(hours=5)


def test_data_quality_counts_and_weighs_what_was_sent() -> None:
    """A broken cable makes Packer1's seal temperature Uncertain, then Bad, once a shift."""
    start, end = "2026-11-16T06:00:00+00:00", "2026-11-16T14:00:00+00:00"
    name = next(key for key, each in PLANT.channels.items() if key.endswith("Packer1.TemperatureSeal"))
    sent = PLANT.changes_of(name, ns(start) + 1, ns(end))
    first = PLANT.value_at(name, ns(start))
    recorded = Recorded(telemetry(PLANT, ns(start), ns(end), ["TemperatureSeal"]))
    window = {"start": datetime.fromisoformat(start), "end": datetime.fromisoformat(end)}
    result = run("data_quality", recorded, maps={"value": "TemperatureSeal"}, **window)
    row = next(row for row in result.rows.to_pylist() if row["machine"] == "Packer1")
    in_window = [each for each in (first, *sent) if each.time_ns >= ns(start)]
    kinds = [each.status >> 30 for each in in_window]
    assert (row["rows"], row["good"], row["uncertain"], row["bad"]) == (
        len(kinds), kinds.count(0), kinds.count(1), kinds.count(2)
    )  # fmt: skip
    assert row["uncertain"] > 0 and row["bad"] > 0
    points = [(max(each.time_ns, ns(start)), each.status) for each in (first, *sent)]
    ends = [*(at for at, _ in points[1:]), ns(end)]
    good = sum(until - at for (at, status), until in zip(points, ends, strict=True) if status >> 30 == 0)
    assert row["percent_good"] == pytest.approx(100 * good / (ns(end) - ns(start)), rel=1e-12)
    assert row["longest_silence_s"] == max(until - at for (at, _), until in zip(points, ends, strict=True)) / 1e9
    assert (row["coverage"], row["duplicates"], row["backward"], row["overflows"]) == (1.0, 0, 0, 0)
    assert "not all Good" in result.touched
