"""Every published result of the standard aggregates that could be had."""

from __future__ import annotations

import math

import pytest

from omptool.analytics.part13.aggregates import ALL
from tests.analytics.part13_reference import answer, moment, rows, status

UNLIKE = {("nodeopcua", "PercentGood", "H1", "12:00:32.000"): (0.0, status("Good, Calculated"))}
"""A published row that contradicts others, and what follows from the definition instead.

PercentGood of 12:00:32 is DurationGood / window; both sources print DurationGood 0, Good there, and PercentBad 50.
"""

CASES = [
    (source, row)
    for source, file in (("annexA", "annexA_v104_expected"), ("nodeopcua", "nodeopcua_expected"))
    for row in rows(file)
]


def _id(case: tuple[str, dict[str, str]]) -> str:
    return "{0}-{aggregate}-{historian}-{processing_interval_s}-{timestamp}".format(case[0], **case[1])


@pytest.mark.parametrize(("source", "row"), CASES, ids=map(_id, CASES))
def test_a_published_row(source: str, row: dict[str, str]) -> None:
    found = answer(row["historian"], row["aggregate"], float(row["processing_interval_s"]))
    value, code = found[moment(row["timestamp"])]
    key = (source, row["aggregate"], row["historian"], row["timestamp"])
    expected = (float(row["value"]) if row["value"] else math.nan, status(row["statuscode"]))
    expected = UNLIKE.get(key, expected)
    assert f"{code:#x}" == f"{expected[1]:#x}"
    assert value == pytest.approx(expected[0], abs=0.0005, nan_ok=True)


def test_there_are_37() -> None:
    assert len(ALL) == 37
    assert {row["aggregate"] for _, row in CASES} <= set(ALL)
