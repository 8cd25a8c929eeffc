"""Drift and tool wear: slopes as their definition says, drifts and tool changes where they were put."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.analytics import catalog
from omptool.analytics.finish import drift, tool_wear
from omptool.analytics.spc.measured import Measured
from omptool.analytics.spc.trend import MOST, theil_sen, thinned
from omptool.errors import UsageError

START_NS = 1_794_808_800_000_000_000
MINUTE = 60_000_000_000


def measured(value: Any, *, step_ns: int = MINUTE, group: Any = None, timed: bool = True) -> Measured:
    value = np.asarray(value, np.float64)
    time = START_NS + np.arange(value.size, dtype=np.int64) * step_ns if timed else None
    labels = None if group is None else [f"T{each}" for each in group]
    numbers = None if group is None else np.asarray(group, np.int64)
    return Measured("x", value, time, numbers, labels, None, 1.0, 100.0)


def defaults(name: str, **changed: object) -> dict[str, Any]:
    return {one.name: one.default for one in catalog.load(name).parameters} | changed


def drifted(value: Any, timed: bool = True, **changed: object) -> dict[str, Any]:
    found = drift.finish(measured(value, timed=timed), defaults("drift", every="0", **changed)).to_pylist()
    (row,) = found
    assert isinstance(row, dict)
    return row


def tools(value: Any, group: Any = None, **changed: object) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tool_wear.finish(
        measured(value, group=group), defaults("tool_wear", **changed)
    ).to_pylist()
    return rows


numbers = st.lists(st.integers(-50, 50), min_size=2, max_size=30)


@given(numbers, st.permutations(range(30)))
def test_the_slope_is_the_median_of_all_slopes(values: list[int], order: list[int]) -> None:
    x, y = np.arange(len(values), dtype=np.float64), np.array(values, np.float64)
    found = theil_sen(x, y, 0.95)
    by_hand = [(y[j] - y[i]) / (j - i) for i, j in combinations(range(len(values)), 2)]
    assert found is not None and found.slope == pytest.approx(float(np.median(by_hand)), abs=1e-12)
    assert found.low is None or found.high is None or found.low <= found.slope <= found.high
    assert found.level == pytest.approx(float(np.median(y - found.slope * x)), abs=1e-9)
    mixed = [place for place in order if place < len(values)]
    assert theil_sen(x[mixed], y[mixed], 0.95) == found
    turned = theil_sen(x, -y, 0.95)
    assert turned is not None and turned.slope == -found.slope
    assert (turned.low, turned.high) == tuple(None if end is None else -end for end in (found.high, found.low))


def test_the_interval_holds_the_true_slope_as_often_as_it_says() -> None:
    x = np.arange(40, dtype=np.float64)
    noise, held = np.random.default_rng(2), 0
    for _ in range(200):
        found = theil_sen(x, 0.3 * x + noise.normal(0, 2, x.size), 0.9)
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= 0.3 <= found.high
    assert 165 <= held <= 195  # 180 on average


def test_of_very_many_points_neighbours_are_joined() -> None:
    y = np.arange(10 * MOST, dtype=np.float64)
    assert thinned(y).size <= MOST
    found = theil_sen(y, 2 * y + 1, 0.95)
    assert found is not None and found.slope == pytest.approx(2) and found.level == pytest.approx(1)
    assert found.note == f"the slope is that of means of 10 neighbours: there are more than {MOST} points"
    assert theil_sen(np.zeros(5), np.arange(5.0), 0.95) is None


def test_as_many_values_as_a_shift_has_are_compared_in_pairs() -> None:
    y = np.random.default_rng(5).normal(0, 1, 1736) + 1e-3 * np.arange(1736)
    found = theil_sen(np.arange(1736.0), y, 0.95)
    first, second = np.triu_indices(y.size, 1)
    by_hand = np.sort((y[second] - y[first]) / (second - first))
    assert found is not None and found.slope == float(np.median(by_hand)) and found.note is None
    n = y.size
    reach = 1.959963984540054 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    rank = int((by_hand.size - reach) // 2)  # from 1
    assert (found.low, found.high) == (by_hand[rank - 1], by_hand[-rank])


@pytest.mark.parametrize("size", range(2, 8))
def test_the_interval_of_few_points_is_exact(size: int) -> None:
    """Of all orders of the points at most one in forty has fewer slopes below 0 than the interval leaves out."""
    pairs = list(combinations(range(size), 2))
    below = [sum(order[i] > order[j] for i, j in pairs) for order in permutations(range(size))]
    rank = sum(np.mean([number <= most for number in below]) <= 0.025 for most in range(len(pairs) + 1))
    x = np.arange(size, dtype=np.float64)
    y = np.random.default_rng(size).normal(0, 1, size)
    found = theil_sen(x, y, 0.95)
    by_hand = sorted((y[j] - y[i]) / (j - i) for i, j in combinations(range(size), 2))
    assert found is not None
    if rank:
        assert (found.low, found.high, found.note) == (by_hand[rank - 1], by_hand[-rank], None)
    else:
        assert (found.low, found.high) == (None, None)
        assert found.note == "too few points for an interval that holds the slope with 95 %"


def test_two_points_are_no_trend() -> None:
    row = drifted([1.0, 2.0])
    assert (row["slope"], row["slope_low"], row["slope_high"], row["trend"]) == (pytest.approx(1440), None, None, None)
    assert "too few points for an interval" in row["note"]
    (tool,) = tools([1.0, 2.0], limit=10.0)
    assert (tool["remaining"], tool["remaining_low"], tool["remaining_high"]) == (8, None, None)
    assert "too few points for an interval" in tool["note"]
    assert {drifted(np.full(size, 5.0))["trend"] for size in (2, 3, 4, 5, 40)} == {None}


def test_a_drift_is_dated_to_where_it_began() -> None:
    level = np.where(np.arange(400) < 200, 0, (np.arange(400) - 200) * 0.1)
    row = drifted(level + np.random.default_rng(1).normal(0, 1, 400), per="hour", baseline=200)
    began = datetime.fromtimestamp(START_NS // 10**9, UTC) + timedelta(minutes=200)
    assert (row["trend"], row["ewma_signal"], row["cusum_signal"]) == ("up", "up", "up")
    assert abs(row["began_at"] - began) < timedelta(minutes=20)
    assert row["began_at"] < row["cusum_at"] < began + timedelta(minutes=40)
    assert row["slope_low"] < row["slope"] < row["slope_high"]
    down = drifted(-level)
    assert (down["trend"], down["cusum_signal"], down["note"]) == (
        "down", None, "nothing varies in the baseline: every change would be one"
    )  # fmt: skip


def test_what_only_varies_does_not_drift() -> None:
    row = drifted(np.tile([1.0, -1.0, 0.5, -0.5], 50))
    assert [row[name] for name in ("trend", "ewma_signal", "cusum_signal", "began_at")] == [None] * 4
    assert row["slope_low"] <= 0 <= row["slope_high"]


@pytest.mark.parametrize("size", [0, 1, 2, 5])
def test_little_is_said_of_few_values(size: int) -> None:
    row = drifted(np.arange(size, dtype=np.float64))
    assert (row["values"], row["points"]) == (size, size)
    assert (row["cusum_signal"] is None) and ("baseline" in row["note"])
    assert tools(np.arange(size, dtype=np.float64))[-1:] == [] or size


def test_without_times_the_slope_is_per_point() -> None:
    row = drifted(np.arange(20.0), timed=False)
    assert (row["slope"], row["per"], row["change"]) == (1, "point", 19)


@pytest.mark.parametrize("size", [0, 1, 2, 5])
def test_every_is_a_mean_and_units_do_not_matter(size: int) -> None:
    value = np.random.default_rng(3).normal(20, 1, 600 + size)
    (one,) = drift.finish(measured(value), defaults("drift", every="10m")).to_pylist()
    (other,) = drift.finish(measured(1.8 * value + 32), defaults("drift", every="10m")).to_pylist()
    assert one["points"] == -(-(600 + size) // 10)
    assert other["slope"] == pytest.approx(1.8 * one["slope"], rel=1e-9)
    assert (one["ewma_point"], one["cusum_point"]) == (other["ewma_point"], other["cusum_point"])


@pytest.mark.parametrize(
    "wrong", [{"per": "week"}, {"lambda": 0.0}, {"h": -1.0}, {"confidence": 1.0}, {"k": -1.0}, {"baseline": -3}]
)
def test_parameters_that_say_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--param {next(iter(wrong))}[:=]"):
        drifted(np.arange(20.0), **wrong)


def test_a_counter_that_falls_back_is_a_new_tool() -> None:
    rows = tools([*range(1, 101), *range(1, 51), *range(3)], limit=200.0)
    assert [(row["tool"], row["change"], row["values"], row["first"], row["last"]) for row in rows] == [
        (1, "start", 100, 1, 100), (2, "reset", 50, 1, 50), (3, "reset", 3, 0, 2)
    ]  # fmt: skip
    assert rows[-1]["remaining"] == 198 and rows[-1]["remaining_h"] == pytest.approx(198 / 60)
    assert rows[0]["remaining"] is None and rows[0]["ended_at"] < rows[1]["began_at"]


def test_a_counter_may_count_down() -> None:
    rows = tools([*range(20, 0, -1)] * 5, direction="down", limit=0.0)
    assert [(row["change"], row["values"], row["first"], row["last"]) for row in rows] == [
        (change, 20, 20, 1) for change in ("start", *["reset"] * 4)
    ]
    assert rows[-1]["remaining"] == 1
    assert [row["change"] for row in tools([*range(20, 0, -1)] * 5)] == ["start"]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_steps_in_noise_are_tool_changes(sign: float) -> None:
    wear = np.concatenate([np.arange(300), np.arange(200), np.arange(250)]) * 0.02
    value = 10 + sign * wear + np.random.default_rng(4).normal(0, 0.8, wear.size)
    rows = tools(value, direction="up" if sign > 0 else "down", limit=10 + sign * 8)
    assert [row["change"] for row in rows] == ["start", "step", "step"]
    begins = np.cumsum([row["values"] for row in rows])[:-1]
    assert np.abs(begins - [300, 500]).max() <= 5
    for row in rows:
        assert row["wear_low"] < sign * 0.02 < row["wear_high"]
    assert rows[-1]["remaining_low"] < rows[-1]["remaining"] < rows[-1]["remaining_high"]
    assert rows[-1]["remaining"] == pytest.approx(150, rel=0.2)


def test_a_tag_with_the_number_of_the_tool_is_believed() -> None:
    rows = tools(np.arange(30.0), group=[4] * 10 + [7] * 15 + [4] * 5)
    assert [(row["label"], row["change"], row["values"]) for row in rows] == [
        ("T4", "start", 10), ("T7", "tag", 15), ("T4", "tag", 5)
    ]  # fmt: skip


def test_a_tool_without_wear_never_ends() -> None:
    (row,) = tools(np.full(100, 5.0), limit=6.0)
    assert row["remaining"] is None and "no wear" in row["note"]
    (over,) = tools(np.arange(100.0), limit=50.0)
    assert over["remaining"] == over["remaining_h"] == 0


@pytest.mark.parametrize("wrong", [{"direction": "left"}, {"window": 1}, {"step": 0.0}])
def test_wear_needs_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--param {next(iter(wrong))}"):
        tools(np.arange(20.0), **wrong)
