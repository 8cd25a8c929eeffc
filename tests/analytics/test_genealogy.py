"""What parts met: means that keep the digits of their values, and parts that one Bad value does not divide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analytics.test_gaps_and_quality import T0, run, sample

LARGEST = 1.7976931348623157e308


def met(stays: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """Rows of parts that meet these values, a part after another."""
    rows, second = [], 0
    for number, values in enumerate(stays):
        rows.append(sample(second, "SerialNumber", f"P{number}"))
        rows += [sample(second + place, "Leak", value) for place, value in enumerate(values, 1)]
        second += len(values) + 1
    found = run("genealogy", rows, end=T0 + timedelta(seconds=second), maps={"value": "Leak"})
    return found.rows.to_pylist()


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ((2.4e-8, 2.6e-8), 2.5e-8), ((7.4e-7, 7.4e-7), 7.4e-7), ((-7.4e-7,), -7.4e-7), ((0.0, 3e-12), 1.5e-12),
        ((1e20, 3e-9, -1e20), 1e-9), ((2e16, 4e16), 3e16), ((LARGEST, LARGEST, LARGEST), LARGEST),
        ((1e-270, 3e-270), 2e-270), ((5e-324,), 5e-324), ((0.1,) * 10, 0.1),
    ],
)  # fmt: skip
def test_a_mean_keeps_the_digits_of_its_values(values: tuple[float, ...], mean: float) -> None:
    [row] = met([values])
    assert (row["values"], row["minimum"], row["maximum"]) == (len(values), min(values), max(values))
    assert row["mean"] == pytest.approx(mean, rel=1e-15, abs=0)


numbers = st.floats(-1e150, 1e150, allow_subnormal=False).filter(lambda value: value == 0 or abs(value) > 1e-150)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.lists(st.lists(numbers, min_size=1, max_size=7), min_size=20, max_size=20))
def test_means_are_between_their_values_and_no_order_changes_them(stays: list[list[float]]) -> None:
    rows, back = met(stays), met([values[::-1] for values in stays])
    for values, row in zip(stays, rows, strict=True):
        assert min(values) <= row["mean"] <= max(values)
        slack = max(map(abs, values)) * 1e-15
        assert row["mean"] == pytest.approx(math.fsum(values) / len(values), rel=1e-15, abs=slack)
    assert [row["mean"] for row in back] == [row["mean"] for row in rows]


def test_a_bad_serial_number_does_not_divide_a_part() -> None:
    rows = [
        sample(0, "SerialNumber", "P1"), sample(5, "Power", 1), sample(20, "SerialNumber", None, "Bad"),
        sample(21, "Power", 3), sample(25, "SerialNumber", "P1"), sample(30, "Power", 5),
        sample(40, "SerialNumber", None, "Bad"), sample(50, "SerialNumber", "P2"), sample(55, "Power", 7),
        sample(60, "SerialNumber", ""), sample(70, "SerialNumber", "P2"),
    ]  # fmt: skip
    found = run("genealogy", rows).rows.to_pylist()
    stays = [(row["serial"], (row["entered"] - T0).seconds, row["values"], row["mean"]) for row in found]
    assert stays == [("P1", 0, 3, 3.0), ("P2", 50, 1, 7.0), ("P2", 70, 0, None)]
    assert found[0]["left_at"] == found[1]["entered"]
    assert {row["percent_good"] for row in found} == {80.0}  # 15 s Bad, 5 s before the first Power
