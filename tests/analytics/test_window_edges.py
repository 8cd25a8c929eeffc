"""Where a window begins and ends: samples on the bound, values from long ago, stops that are cut, clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from omptool.model.plant import PlantModel
from tests.analytics.plants import gap
from tests.analytics.test_gaps_and_quality import T0, run, sample
from tests.analytics.test_shifts import THREE

BERLIN = ZoneInfo("Europe/Berlin")
ONE = {"ideal_cycle": 1.0}
LONG_AGO = -40 * 86_400
HOUR = timedelta(hours=1)


def test_a_sample_on_the_bound_belongs_to_what_begins_there() -> None:
    rows = [
        sample(-10, "State", "NotExecuting"), sample(-10, "GoodCount", 0), sample(0, "State", "Executing"),
        sample(0, "GoodCount", 1), sample(50, "GoodCount", 2), sample(100, "GoodCount", 4),
        sample(100, "State", "Setup"),
    ]  # fmt: skip
    [row] = run("oee", rows, parameters=ONE).rows.to_pylist()
    assert (row["pq"], row["apt"], row["adot"], row["aust"]) == (2.0, 100.0, 0.0, 0.0)
    [following] = run("oee", rows, parameters=ONE, start=T0 + timedelta(seconds=100), end=T0 + HOUR).rows.to_pylist()
    assert (following["pq"], following["aust"]) == (2.0, 3500.0)
    [states] = run("time_in_state", rows).rows.to_pylist()
    assert (states["state"], states["visits"]) == ("Executing", 1)


def test_a_sample_on_an_hour_belongs_to_the_hour_that_begins() -> None:
    rows = [sample(0, "State", "Executing"), sample(0, "GoodCount", 0), sample(3600, "GoodCount", 5)]
    found = run("oee", rows, parameters=ONE, period="hour", end=T0 + 2 * HOUR).rows.to_pylist()
    assert [row["pq"] for row in found] == [0.0, 5.0]


def test_tags_that_changed_last_40_days_ago_hold() -> None:
    rows = [
        sample(LONG_AGO, "State", "Executing", seq=1), sample(LONG_AGO, "GoodCount", 1000, seq=2),
        sample(LONG_AGO, "IdealCycleTime", 4, seq=3), sample(LONG_AGO, "Product", "A", seq=4),
        sample(LONG_AGO, "Power", 36, seq=5), sample(LONG_AGO, "StateReason", "none", seq=6),
        sample(60, "GoodCount", 1010),
    ]  # fmt: skip
    [row] = run("oee", rows, places=("machine",), product=True).rows.to_pylist()
    assert (row["product"], row["apt"], row["pq"], row["ideal_s"]) == ("A", 100.0, 10.0, 40.0)
    assert (row["coverage"], row["percent_good"]) == (1.0, 100.0)
    [energy] = run("energy", rows).rows.to_pylist()
    assert (energy["energy_kwh"], energy["known_s"]) == (pytest.approx(1), 100.0)


STOPPED = [
    sample(-30, "State", "OutOfService"), sample(20, "State", "Executing"), sample(40, "State", "OutOfService"),
    sample(50, "State", "Executing"), sample(60, "State", "OutOfService"), sample(90, "State", "NotExecuting"),
]  # fmt: skip


def test_stops_cut_by_the_window_are_flagged_and_no_repair() -> None:
    [row] = run("mtbf_mttr", STOPPED, end=T0 + timedelta(seconds=80)).rows.to_pylist()
    assert (row["failures"], row["restored"], row["censored"], row["mttr_s"]) == (2, 1, 2, 10.0)
    assert (row["operating_s"], row["mtbf_s"]) == (30.0, 15.0)
    [more] = run(
        "mtbf_mttr", STOPPED, end=T0 + timedelta(seconds=80), parameters={"failures_plus_one": True}
    ).rows.to_pylist()
    assert more["mtbf_s"] == 10.0
    [pareto] = run("downtime_pareto", STOPPED, end=T0 + timedelta(seconds=80)).rows.to_pylist()
    assert (pareto["stops"], pareto["seconds"], pareto["censored"]) == (3, 50.0, 2)
    [micro] = run("micro_stops", STOPPED, end=T0 + timedelta(seconds=80)).rows.to_pylist()
    assert (micro["micro_stops"], micro["micro_s"], micro["censored"]) == (1, 10.0, 2)


def test_a_stop_cut_by_a_gap_is_flagged_too() -> None:
    gaps = [gap("2026-01-01T00:00:45+00:00", "2026-01-01T00:00:55+00:00")]
    [row] = run("mtbf_mttr", STOPPED, gaps, end=T0 + timedelta(seconds=80)).rows.to_pylist()
    assert (row["failures"], row["restored"], row["censored"]) == (2, 0, 3)


@pytest.mark.parametrize("name", ["mtbf_mttr", "downtime_pareto", "micro_stops"])
@pytest.mark.parametrize("begins", [10, 40, 45, 50])
def test_a_stop_that_begins_as_the_window_does_is_not_cut(name: str, begins: int) -> None:
    rows = [
        sample(-30, "State", "Setup"), sample(10, "State", "OutOfService"), sample(20, "State", "Executing"),
        sample(30, "State", "NotExecuting"), sample(40, "State", "OutOfService"), sample(50, "State", "Executing"),
        sample(60, "State", "OutOfService"), sample(70, "State", "Executing"),
    ]  # fmt: skip
    found = run(name, rows, start=T0 + timedelta(seconds=begins), end=T0 + timedelta(seconds=80)).rows.to_pylist()
    failures = sum(begins <= second for second in (10, 40, 60))
    cut = {"mtbf_mttr": begins == 45, "downtime_pareto": begins == 45, "micro_stops": begins in (40, 45)}[name]
    assert sum(row["censored"] for row in found) == int(cut)
    if name == "mtbf_mttr":
        assert (found[0]["failures"], found[0]["restored"]) == (failures, failures)
    if name == "micro_stops":
        assert found[0]["micro_stops"] == sum(begins <= second for second in (10, 30, 60))


def test_failures_of_two_windows_are_those_of_one() -> None:
    whole = run("mtbf_mttr", STOPPED).rows.to_pylist()[0]["failures"]
    for cut in (20, 40, 50, 55, 60, 90):
        at = T0 + timedelta(seconds=cut)
        parts = [
            *run("mtbf_mttr", STOPPED, end=at).rows.to_pylist(),
            *run("mtbf_mttr", STOPPED, start=at).rows.to_pylist(),
        ]
        assert sum(row["failures"] for row in parts) == whole


def test_what_was_before_a_break_or_a_gap_says_whether_a_stop_begins_with_the_window() -> None:
    plant = PlantModel.parse('[[planned_stop]]\nname = "break"\nstart = "00:00"\nend = "00:01"\n')
    window = {"start": T0 + timedelta(seconds=60), "end": T0 + timedelta(seconds=100), "plant": plant}
    after = [sample(60, "State", "OutOfService"), sample(80, "State", "Executing")]
    lost = [gap("2026-01-01T00:00:50+00:00", "2026-01-01T00:01:00+00:00")]
    told = {}
    for name, before, gaps, asked in (
        ("begins", "Executing", [], window), ("lasts", "OutOfService", [], window),
        ("unseen", "Executing", lost, window | {"plant": None}),
    ):  # fmt: skip
        [row] = run("mtbf_mttr", [sample(-30, "State", before), *after], gaps, **asked).rows.to_pylist()
        told[name] = (row["failures"], row["censored"])
    assert told == {"begins": (1, 0), "lasts": (0, 1), "unseen": (0, 1)}


@pytest.mark.parametrize(
    ("begins", "off", "lost", "stops", "cut"),
    [
        (-10, "NotAvailable", None, 2, 0), (20, "NotAvailable", None, 2, 0), (0, "NotAvailable", 8, 2, 0),
        (0, "NotAvailable", 20, 1, 1), (10, "Executing", None, 2, 0), (10, "OutOfService", None, 1, 1),
        (10, "NotExecuting", None, 1, 1), (10, "nobody knows", None, 1, 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["mtbf_mttr", "micro_stops"])
def test_a_stop_behind_time_that_is_not_planned_began_there(
    name: str, begins: int, off: str, lost: int | None, stops: int, cut: int
) -> None:
    """The first breakdown of a week; planned until 00:00:20 where the machine does not say so itself."""
    rows = [
        sample(5, "State", off), sample(20, "State", "OutOfService"), sample(40, "State", "Executing"),
        sample(60, "State", "OutOfService"), sample(70, "State", "Executing"),
    ]  # fmt: skip
    rest = '[[planned_stop]]\nname = "night"\nstart = "00:00"\nend = "00:00:20"\n'
    gaps = [gap(f"2026-01-01T00:00:{lost - 2:02}+00:00", f"2026-01-01T00:00:{lost:02}+00:00")] if lost else []
    asked = {"start": T0 + timedelta(seconds=begins), "plant": PlantModel.parse(rest)}
    found = run(name, rows, gaps, **asked).rows.to_pylist()
    assert sum(row["censored"] for row in found) == cut
    assert sum(row["failures" if name == "mtbf_mttr" else name] for row in found) == stops


EXECUTING = [sample(LONG_AGO, "State", "Executing", seq=1), sample(LONG_AGO, "GoodCount", 1, seq=2)]


def test_shifts_and_days_of_a_clock_change_have_their_real_length() -> None:
    rows = [{**row, "time": datetime(2026, 9, 1, tzinfo=UTC)} for row in EXECUTING]
    asked = {
        "parameters": ONE, "plant": PlantModel.parse(THREE), "zone": BERLIN,
        "start": datetime(2026, 10, 24, 12, tzinfo=UTC), "end": datetime(2026, 10, 25, 13, tzinfo=UTC),
    }  # fmt: skip
    shifts = run("oee", rows, period="shift", **asked).rows.to_pylist()
    assert [(row["shift"], row["apt"] / 3600) for row in shifts] == [("late", 8.0), ("night", 9.0), ("early", 8.0)]
    days = run("oee", rows, period="day", **{**asked, "end": datetime(2026, 10, 25, 23, tzinfo=UTC)}).rows.to_pylist()
    assert [row["apt"] / 3600 for row in days] == [10.0, 25.0]


def test_silence_in_a_planned_stop_is_no_fault() -> None:
    rows = [sample(second, "A", second) for second in (0, 60, 120, 840, 900)]
    plant = PlantModel.parse('[[planned_stop]]\nname = "break"\nstart = "00:02"\nend = "00:13"\n')
    [row] = run("data_quality", rows, plant=plant, end=T0 + timedelta(seconds=960)).rows.to_pylist()
    assert (row["longest_silence_s"], row["working_silence_s"], row["coverage"]) == (720.0, 60.0, 1.0)
    [bare] = run("data_quality", rows, end=T0 + timedelta(seconds=960)).rows.to_pylist()
    assert (bare["longest_silence_s"], bare["working_silence_s"]) == (720.0, 720.0)
