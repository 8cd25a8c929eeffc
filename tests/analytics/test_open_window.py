"""Without --start and --end every analysis looks at the same window, and the last value of the recording is in it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

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
