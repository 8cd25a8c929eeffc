"""Shifts, breaks and cycle times of plant.toml."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from omptool.analytics.periods import shift_cuts
from omptool.errors import ConfigError, UsageError
from omptool.model.plant import PlantModel
from omptool.model.shifts import occurrences
from tests.analytics.test_gaps_and_quality import T0, run, sample

EARLY = '[[shift]]\nstart = "06:00"\nend = "14:00"\n'
BERLIN = ZoneInfo("Europe/Berlin")
THREE = """
[[shift]]
name = "early"
start = "06:00"
end = "14:00"
[[shift]]
name = "late"
start = "14:00"
end = "22:00"
[[shift]]
name = "night"
start = "22:00"
end = "06:00"
days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
"""


def _hours(text: str, start: str, end: str) -> list[tuple[str, float]]:
    given = PlantModel.parse(text).calendar.shifts
    first, last = (datetime.fromisoformat(each).replace(tzinfo=BERLIN).astimezone(UTC) for each in (start, end))
    return [(one.name, (one.end - one.start) / timedelta(hours=1)) for one in occurrences(given, first, last, BERLIN)]


def test_a_night_shift_has_nine_hours_when_the_clocks_go_back() -> None:
    assert _hours(THREE, "2026-10-24T12:00", "2026-10-25T08:00") == [
        ("early", 8), ("late", 8), ("night", 9), ("early", 8)
    ]  # fmt: skip
    assert ("night", 7) in _hours(THREE, "2026-03-28T12:00", "2026-03-29T08:00")
    assert "night" not in dict(_hours(THREE, "2026-10-25T21:59", "2026-10-26T05:00"))  # no shift begins on Sundays


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("02:00", "02:30", 0),
        ("02:45", "03:10", 10),
        ("01:30", "02:15", 30),
        ("01:30", "03:30", 60),
        ("03:00", "03:30", 30),
    ],
)
def test_of_the_hour_that_clocks_skip_there_is_none(start: str, end: str, minutes: int) -> None:
    """On 29 March 2026 clocks in Berlin go from 02:00 to 03:00."""
    text = f'[[shift]]\nname = "break"\nstart = "{start}"\nend = "{end}"\n'
    found = [hours * 60 for _, hours in _hours(text, "2026-03-29T00:00", "2026-03-29T12:00")]
    assert found == ([minutes] if minutes else [])
    assert len(_hours(text, "2026-03-30T00:00", "2026-03-30T12:00")) == 1


def test_a_shift_with_dates_begins_on_them_only() -> None:
    text = '[[shift]]\nname = "extra"\nstart = "22:00"\nend = "04:00"\ndates = ["2026-10-24", 2026-12-24]\n'
    assert _hours(text, "2026-10-20T00:00", "2026-10-31T00:00") == [("extra", 7)]
    assert _hours(text, "2026-12-24T23:00", "2026-12-31T00:00") == [("extra", 6)]
    assert _hours(text, "2026-12-25T04:00", "2027-12-31T00:00") == []


def test_periods_are_shifts_and_what_lies_between() -> None:
    shifts = PlantModel.parse(THREE).calendar.shifts
    start, end = datetime(2026, 10, 25, 20, 30, tzinfo=UTC), datetime(2026, 10, 26, 14, tzinfo=UTC)
    found = shift_cuts(start, end, shifts, BERLIN)
    assert found.names == ["late", None, "early", "late"]
    assert [each.astimezone(BERLIN).hour for each in found.starts] == [21, 22, 6, 14]
    with pytest.raises(UsageError, match="--by shift needs the shifts"):
        shift_cuts(start, end, (), BERLIN)


def _oee(text: str, rows: list[dict[str, object]], **request: Any) -> list[dict[str, Any]]:
    found = run("oee", rows, plant=PlantModel.parse(text), end=T0 + timedelta(hours=2), **request)
    return found.rows.to_pylist()


ROWS = [
    sample(0, "State", "Executing"), sample(0, "GoodCount", 0), sample(0, "Product", "A"),
    sample(1800, "GoodCount", 100), sample(3600, "Product", "B"), sample(3700, "GoodCount", 150),
]  # fmt: skip
CYCLES = '[ideal_cycle]\nA = 12\n"B" = 30.5\n'


def test_two_products_in_a_shift_have_their_own_cycle_times() -> None:
    (row,) = _oee(CYCLES, ROWS)
    assert row["ideal_s"] == 100 * 12 + 50 * 30.5
    assert row["pq"] == 150
    (row,) = _oee("[ideal_cycle]\nA = 12\n", ROWS)
    told = "parts of B have no ideal cycle time: add it to [ideal_cycle] of plant.toml"
    assert (row["ideal_s"], row["note"]) == (None, told)


def test_a_machine_that_does_not_say_its_product_keeps_its_tag() -> None:
    rows = [row for row in ROWS if row["tag"] != "Product"] + [sample(0, "IdealCycleTime", 7)]
    (row,) = _oee(CYCLES, rows)
    assert (row["ideal_s"], row["note"]) == (150 * 7, None)


def test_cycle_times_are_told_by_product_too() -> None:
    found = run("cycle_time", ROWS, plant=PlantModel.parse(CYCLES), end=T0 + timedelta(hours=2)).rows.to_pylist()
    assert [(row["cycles"], row["ideal_s"]) for row in found] == [(1, 30.5)]


def test_a_break_is_not_planned_whatever_the_machine_says() -> None:
    (row,) = _oee(CYCLES + '[[planned_stop]]\nname = "break"\nstart = "00:30"\nend = "00:45"\n', ROWS)
    assert (row["pbt"], row["apt"], row["unplanned_s"]) == (6300, 6300, 900)


def test_a_break_does_not_repair_a_machine() -> None:
    rows = [
        sample(0, "State", "Executing"), sample(1500, "State", "OutOfService"), sample(3300, "State", "Executing"),
    ]  # fmt: skip
    plant = PlantModel.parse('[[planned_stop]]\nname = "break"\nstart = "00:30"\nend = "00:45"\n')
    asked = {"plant": plant, "end": T0 + timedelta(hours=2)}
    (row,) = run("mtbf_mttr", rows, **asked).rows.to_pylist()
    assert (row["failures"], row["restored"], row["mttr_s"], row["mtbf_s"]) == (1, 1, 900, 5400)
    (row,) = run("micro_stops", rows, **asked, parameters={"threshold": 800.0}).rows.to_pylist()
    assert (row["long_stops"], row["micro_stops"], row["long_s"]) == (1, 0, 900)
    (row,) = run("downtime_pareto", rows, **asked).rows.to_pylist()
    assert (row["stops"], row["seconds"], row["longest_s"]) == (1, 900, 900)


def test_rows_by_shift_have_its_name() -> None:
    rows = _oee(CYCLES + '[[shift]]\nname = "N"\nstart = "23:00"\nend = "01:00"\n', ROWS, period="shift")
    assert [(row["shift"], row["pbt"], row["pq"]) for row in rows] == [("N", 3600, 100), (None, 3600, 50)]
    assert list(rows[0])[:4] == ["machine", "shift", "start", "end"]


def test_packml_needs_no_file() -> None:
    rows = [sample(0, "State", "Execute"), sample(40, "State", "Held"), sample(60, "State", "Aborted")]
    found = {row["element"]: row["seconds"] for row in run("time_elements", rows).rows.to_pylist()}
    assert found == {"APT": 40, "ADOT": 20, "ADET": 40}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('shift = "early"', "shift is a list of tables"),
        ('[[shift]]\nstart = "6"\nend = "14:00"', "start is no time of the day"),
        ('[[shift]]\nstart = "06:00"', "end is no time of the day"),
        ('[[shift]]\nstart = "06:00"\nend = "14:00"\ndays = ["Monday"]', "days are some of Mon"),
        ('[[shift]]\nstart = "06:00"\nend = "14:00"\nlength = 8', "unknown key 'length'"),
        (f"{EARLY}dates = []", "dates is no list of dates"),
        (f'{EARLY}dates = "2026-12-25"', "dates is no list of dates"),
        (f'{EARLY}dates = ["25.12.2026"]', "dates has what is no date"),
        (f"{EARLY}dates = [2026-12-25T06:00:00]", "dates has what is no date"),
        (f'{EARLY}dates = [2026-12-25]\ndays = ["Fri"]', "days and dates are told in one entry"),
        (f'{EARLY}line = "L1"', "shift 1: unknown key 'line'"),
        (f"{EARLY.replace('shift', 'planned_stop')}line = 1", "planned_stop 1: line is no text"),
        ("[ideal_cycle]\nA = 0", "ideal_cycle.A is no number of seconds"),
        ("ideal_cycle = 3", "ideal_cycle is a table"),
        ('[[ideal_cycle]]\nmachine = "M"\nA = true', "ideal_cycle 1: A is no number of seconds"),
        ("[[ideal_cycle]]\nsite = 4", "ideal_cycle 1: site is no text"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        PlantModel.parse(text)
