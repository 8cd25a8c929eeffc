"""Times: exact to the tick, and every short form of the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import UsageError
from omptool.model import times

NOW = datetime(2026, 11, 22, 10, 18, 26, 500_000, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@given(st.integers(0, 2**63 - 1))
def test_ticks_survive_the_way_through_nanoseconds(ticks: int) -> None:
    assert times.unix_ns_to_ticks(times.ticks_to_unix_ns(ticks)) == ticks


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)), st.integers(0, 9))
def test_a_formatted_time_reads_back(moment: datetime, ticks: int) -> None:
    text = times.format_time(times.unix_us(moment), ticks * 100)
    assert text.endswith("Z")
    assert datetime.fromisoformat(text[:-2] + "Z" if ticks else text) == moment
    assert times.datetime_of(times.unix_us(moment)) == moment


@pytest.mark.parametrize(
    ("us", "rest", "text"),
    [
        (0, 0, "1970-01-01T00:00:00Z"),
        (1_500_000, 0, "1970-01-01T00:00:01.5Z"),
        (1, 200, "1970-01-01T00:00:00.0000012Z"),
        (-62_135_596_800_000_000, 0, "0001-01-01T00:00:00Z"),
    ],
)
def test_decimals_only_when_needed(us: int, rest: int, text: str) -> None:
    assert times.format_time(us, rest) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00:00+02:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22T10:00", datetime(2026, 11, 22, 9, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 21, 23, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("-2h", NOW - timedelta(hours=2)),
        ("now", NOW),
        ("today", datetime(2026, 11, 21, 23, tzinfo=UTC)),
        ("yesterday", datetime(2026, 11, 20, 23, tzinfo=UTC)),
    ],
)
def test_parse_time(text: str, expected: datetime) -> None:
    assert times.parse_time(text, now=NOW, zone=BERLIN) == expected


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("8h", 28800), ("2d", 172800), ("500ms", 0.5), ("1h30m", 5400)]
)
def test_parse_duration(text: str, seconds: float) -> None:
    assert times.parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "5", "h", "-5s", "0s", "5 s", "5s!", "9" * 30 + "d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        times.parse_duration(text)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01", "22.11.2026", "-2"])
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        times.parse_time(text, now=NOW, zone=BERLIN)
    assert caught.value.hint
