"""`omptool analyze aggregate` by hours, days, shifts, weeks and months of a zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from omptool.analytics.intervals import Interval
from tests.analytics.test_gaps_and_quality import T0, run, sample
from tests.conftest import Result

Run = Callable[..., Result]
BERLIN = ("--tz", "Europe/Berlin")
PLANT = """time_zone = "Europe/Berlin"
[[shift]]
name = "day"
start = "06:00"
end = "22:00"
[[shift]]
name = "night"
start = "22:00"
end = "06:00"
"""


@pytest.fixture
def hours(tmp_path: Path) -> Path:
    """A value at every full hour from 23 October 2026, 10:00 UTC, to 28 October; clocks go back on the 25th."""
    first = datetime(2026, 10, 23, 10, tzinfo=UTC)
    lines = [f"{first + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ},{hour}" for hour in range(111)]
    (tmp_path / "hours.csv").write_text("\n".join(["time,value", *lines]) + "\n", encoding="utf-8")
    return tmp_path / "hours.csv"


def _count(invoke: Run, path: Path, *asked: str) -> Result:
    return invoke("analyze", "aggregate", "--on", path, "--param", "aggregate=Count", *asked)


OCTOBER = (*BERLIN, "--start", "2026-10-24", "--end", "2026-10-27")


@pytest.mark.parametrize("asked", [("--param", "interval=1d"), ("--by", "day")])
def test_days_are_those_of_the_zone(invoke: Run, hours: Path, asked: tuple[str, ...]) -> None:
    rows = _count(invoke, hours, *asked, *OCTOBER).rows
    assert [(row["time"], row["value"]) for row in rows] == [
        ("2026-10-23T22:00:00Z", 24), ("2026-10-24T22:00:00Z", 25), ("2026-10-25T23:00:00Z", 24),
    ]  # fmt: skip
    assert {row["status_name"] for row in rows} == {"Good, Calculated"}


def test_24_hours_are_24_hours(invoke: Run, hours: Path) -> None:
    rows = _count(invoke, hours, "--param", "interval=24h", *OCTOBER).rows
    assert [row["value"] for row in rows] == [24, 24, 24, 1]


def test_days_begin_when_the_window_does(invoke: Run, hours: Path) -> None:
    window = (*BERLIN, "--start", "2026-10-24T06:00", "--end", "2026-10-26T12:00")
    rows = _count(invoke, hours, "--param", "interval=1d", *window).rows
    assert [(row["time"][5:16], row["value"]) for row in rows] == [
        ("10-24T04:00", 25), ("10-25T05:00", 24), ("10-26T05:00", 6),
    ]  # fmt: skip
    assert [row["status_name"].endswith("Partial") for row in rows] == [False, False, True]


def test_days_that_walk_back(invoke: Run, hours: Path) -> None:
    back = (*BERLIN, "--start", "2026-10-27", "--end", "2026-10-24T12:00")
    for asked in (("--param", "interval=1d"), ("--by", "day")):
        rows = _count(invoke, hours, *asked, *back).rows
        assert [row["time"][5:16] for row in rows] == ["10-26T23:00", "10-25T23:00", "10-24T22:00"]
        assert [row["value"] for row in rows] == [24, 25, 12]
        assert [row["status_name"].endswith("Partial") for row in rows] == [False, False, True]


@pytest.mark.parametrize(
    ("interval", "first"),
    [
        ("1d", "2026-10-22T22:00:00Z"), ("1w", "2026-10-18T22:00:00Z"), ("1mo", "2026-09-30T22:00:00Z"),
        ("3mo", "2026-09-30T22:00:00Z"), ("7h", "2026-10-23T05:00:00Z"), ("36h", "2026-10-22T22:00:00Z"),
        ("0", "2026-10-23T10:00:00Z"),
    ],
)  # fmt: skip
def test_a_window_that_nobody_gave_begins_at_a_whole_interval(
    invoke: Run, hours: Path, interval: str, first: str
) -> None:
    rows = _count(invoke, hours, "--param", f"interval={interval}", *BERLIN).rows
    assert rows[0]["time"] == first
    assert sum(row["value"] for row in rows) == 111


def test_rows_by_shift_say_their_shift(invoke: Run, hours: Path, tmp_path: Path) -> None:
    (tmp_path / "plant.toml").write_text(PLANT, encoding="utf-8")
    window = ("--start", "2026-10-24T04:00:00Z", "--end", "2026-10-25T12:00:00Z")
    rows = _count(invoke, hours, "--by", "shift", "--plant", "plant.toml", *window).rows
    assert [(row["shift"], row["start"][8:16], row["end"][8:16], row["value"]) for row in rows] == [
        ("day", "24T04:00", "24T20:00", 16), ("night", "24T20:00", "25T05:00", 9), ("day", "25T05:00", "25T12:00", 7),
    ]  # fmt: skip
    assert [row["status_name"].endswith("Partial") for row in rows] == [False, False, True]
    assert list(rows[0])[:5] == ["shift", "start", "end", "time", "value"]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "UTC"])
@pytest.mark.parametrize("interval", ["1d", "2w", "1mo", "5mo"])
@pytest.mark.parametrize("backward", [False, True])
def test_windows_tile_what_is_asked(zone: str, interval: str, backward: bool) -> None:
    """Also in the zone that had no 30 December 2011."""
    ends = [datetime(2011, 1, 31, 1, 30, tzinfo=UTC), datetime(2012, 11, 5, 3, tzinfo=UTC)]
    start, end = reversed(ends) if backward else ends
    found = Interval.of(interval).windows(start, end, ZoneInfo(zone))
    edges = [int(moment.timestamp()) * 10**9 for moment in ends]
    assert (found.early[0], found.late[-1]) == tuple(edges)
    assert (found.early[1:] == found.late[:-1]).all() and (found.length > 0).all()
    assert found.cut.sum() <= 1 and found.backward == backward


def test_months_keep_their_day_where_they_have_it() -> None:
    found = Interval.of("1mo").windows(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC), UTC)
    assert [datetime.fromtimestamp(edge // 10**9, UTC).day for edge in found.early.tolist()] == [31, 28, 31, 30]


def test_tags_of_machines_have_a_row_per_period() -> None:
    rows = [sample(1800 * half, tag, half) for half in range(5) for tag in ("Speed", "Power")]
    asked = {"start": T0, "end": T0 + timedelta(hours=3), "parameters": {"aggregate": "Count"}, "places": ()}
    found = run("aggregate", rows, period="hour", **asked).rows.to_pylist()
    assert [(row["machine"], row["tag"], row["start"].hour, row["end"].hour, row["value"]) for row in found] == [
        ("M", tag, hour, hour + 1, count) for tag in ("Power", "Speed") for hour, count in enumerate((2, 2, 1))
    ]
