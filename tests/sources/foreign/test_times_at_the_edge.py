"""Times at the ends of the calendar, and in the hours that a zone has twice or never."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from omptool.sources.foreign import stamps
from tests.sources.foreign.imported import file, read

BERLIN = ZoneInfo("Europe/Berlin")
LAST_US = 253_402_300_799_999_999


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+01:00", "-0001-01-01"])
def test_a_time_beyond_the_calendar_is_none(text: str) -> None:
    assert stamps.one(text) is None
    assert stamps.column(pa.array([text])).present.tolist() == [False]


def test_a_zone_takes_the_first_day_out_of_the_calendar(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", "time,tag,value\n0001-01-01 00:00:00,A,1\n2026-01-01 00:00:00,A,2\n")
    rows, wrong = read(path, zone=BERLIN)
    assert [row["value"] for row in rows] == [2.0]
    assert len(wrong) == 1


@pytest.mark.parametrize(
    ("unit", "number"),
    [("us", 2**63 - 1), ("us", -(2**63) + 1), ("ms", 2**62), ("s", 2**62), ("s", 253_402_300_800), ("us", LAST_US + 1)],
)
@pytest.mark.parametrize("zone", ["UTC", None])
def test_a_column_of_times_that_no_calendar_has(tmp_path: Path, unit: str, number: int, zone: str | None) -> None:
    time = pa.array([number, 0], pa.timestamp(unit, zone))
    for named in ({"tag": ["A", "A"]}, {"B": pa.nulls(2, pa.float64())}):
        path = tmp_path / f"{len(named)}{next(iter(named))}.arrow"
        whole = pa.table({"time": time, **named, "value" if "tag" in named else "A": [1.5, 2.5]})
        with pa.ipc.new_file(path, whole.schema) as writer:
            writer.write_table(whole)
        rows, wrong = read(path, wants_telemetry=True) if "B" in named else read(path)
        assert ([row["value"] for row in rows], [entry["entry"] for entry in wrong]) == ([2.5], [1])


def test_seconds_after_2262_do_not_wrap() -> None:
    found = stamps.column(pa.array(["9999999999", "1767225600"]))
    assert found.us.tolist() == [9_999_999_999_000_000, 1_767_225_600_000_000]


@pytest.mark.parametrize("texts", [["2026-03-29 02:15:00", "2026-03-29 02:45:00"], ["2026-10-25 02:15:00"]])
def test_all_at_once_and_one_by_one_read_the_same_time(texts: list[str]) -> None:
    one_by_one = [stamps.one(text, BERLIN) for text in texts]
    assert stamps.column(pa.array(texts), BERLIN).us.tolist() == [found[0] for found in one_by_one if found]
    assert len({found[0] for found in one_by_one if found}) == len(texts)


def test_an_hour_there_twice_is_the_first_one() -> None:
    found = stamps.column(pa.array(["2026-10-25 02:30:00"]), BERLIN)
    assert datetime.fromtimestamp(found.us[0] / 1e6, UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
