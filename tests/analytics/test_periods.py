"""Windows are cut at the hours and days of a place on earth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from omptool.analytics.periods import By, cuts, parse_by
from omptool.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")


def lengths(start: datetime, end: datetime, period: str | None, zone: ZoneInfo) -> list[float]:
    found = [*cuts(start, end, period, zone), end]
    return [(after - before) / timedelta(hours=1) for before, after in pairwise(found)]


def test_days_with_a_clock_change_have_23_and_25_hours() -> None:
    spring = lengths(datetime(2026, 3, 27, 23, tzinfo=UTC), datetime(2026, 3, 30, 22, tzinfo=UTC), "day", BERLIN)
    assert spring == [24, 23, 24]
    autumn = lengths(datetime(2026, 10, 23, 22, tzinfo=UTC), datetime(2026, 10, 26, 23, tzinfo=UTC), "day", BERLIN)
    assert autumn == [24, 25, 24]


def test_hours_are_hours_through_a_clock_change_and_where_zones_have_half_ones() -> None:
    start = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    assert lengths(start, start + timedelta(hours=3), "hour", BERLIN) == [0.5, 1, 1, 0.5]
    assert lengths(start, start + timedelta(hours=2), "hour", ZoneInfo("Asia/Kolkata")) == [1, 1]


def test_without_a_period_there_is_one() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert cuts(start, start + timedelta(days=9), None, BERLIN) == [start]


def test_more_periods_than_anybody_reads_are_refused() -> None:
    with pytest.raises(UsageError, match="more than 20,000 hours"):
        cuts(datetime(1900, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), "hour", BERLIN)


def test_by_takes_places_in_their_order_and_one_period() -> None:
    assert parse_by("machine, line,day") == By(("line", "machine"), "day")
    assert parse_by("hour") == By((), "hour")
    assert parse_by("line,shift") == By(("line",), "shift")
    with pytest.raises(UsageError, match="cannot group by week"):
        parse_by("week")
