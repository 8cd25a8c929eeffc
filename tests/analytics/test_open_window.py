"""Without --start and --end every analysis looks at the same window, and the last value of the recording is in it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from omptool.model.plant import PlantModel
from tests.analytics.test_gaps_and_quality import T0, run, sample

RISES = 12
ROWS = [
    sample(0, "State", "Executing"),
    *(sample(10 * number, "GoodCount", 4 * number) for number in range(RISES + 1)),
    *(sample(10 * number, "ScrapCount", number) for number in range(RISES + 1)),
]
LAST = T0 + timedelta(seconds=10 * RISES)


def _whole(name: str, **request: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = run(name, ROWS, start=None, end=None, **request).rows.to_pylist()
    return rows


def test_parts_of_the_last_value_are_counted() -> None:
    (row,) = _whole("oee", parameters={"ideal_cycle": 1.0})
    assert (row["pq"], row["gq"], row["sq"]) == (5 * RISES, 4 * RISES, RISES)
    assert row["end"] == LAST + timedelta(milliseconds=1)
    assert (row["pbt"], row["coverage"], row["percent_good"]) == (10 * RISES + 0.001, 1, 100)


@pytest.mark.parametrize("tag", ["GoodCount", "ScrapCount"])
def test_all_analyses_count_the_same_values(tag: str) -> None:
    (quality,) = _whole("data_quality", maps={"value": tag})
    (counted,) = _whole("aggregate", maps={"value": tag}, parameters={"aggregate": "Count"})
    assert quality["rows"] == counted["value"] == RISES + 1


def test_an_end_that_somebody_gives_is_that_moment() -> None:
    (row,) = run("oee", ROWS, start=None, end=LAST, parameters={"ideal_cycle": 1.0}).rows.to_pylist()
    assert (row["pq"], row["end"]) == (5 * RISES - 5, LAST)


NIGHT = PlantModel.parse('[[shift]]\nname = "night"\nstart = "00:00"\nend = "01:00"\n')


@pytest.mark.parametrize("period", ["hour", "shift"])
def test_a_recording_that_ends_with_a_period_has_none_of_an_instant(period: str) -> None:
    """Its last value counts in the period that it ends: no row of a millisecond, and no part less."""
    rows = [sample(0, "State", "Executing"), *(sample(600 * n, "GoodCount", n) for n in range(7))]
    asked: dict[str, Any] = {"parameters": {"ideal_cycle": 600.0}, "period": period, "plant": NIGHT}
    (row,) = run("oee", rows, start=None, end=None, **asked).rows.to_pylist()
    hour = T0 + timedelta(hours=1)
    assert (row["pq"], row["start"], row["end"]) == (6.0, T0, hour + timedelta(milliseconds=1))
    assert row.get("shift", "night") == "night"
    assert row["effectiveness"] == pytest.approx(1, abs=1e-6)
    longer = run("oee", rows, start=T0, end=hour + timedelta(milliseconds=2), **asked).rows.to_pylist()
    assert [row["pq"] for row in longer] == [5.0, 1.0]
    (brief,) = run("oee", rows, start=hour, end=hour + timedelta(milliseconds=1), **asked).rows.to_pylist()
    assert brief["pq"] == 1.0
