"""EWMA and CUSUM against the published limits and sums of qcc, and what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.analytics.finish.cusum import sums
from omptool.analytics.finish.ewma import averages, narrowed, variances
from omptool.errors import UsageError
from tests.analytics.spc_reference import measured, piston_rings, published, rows, run


def _limits(metrics: dict[str, float], found: list[dict[str, float]]) -> None:
    for name, value in metrics.items():
        column, place = name.rstrip("]").split("[")
        assert found[int(place) - 1][column] == pytest.approx(value, abs=5e-6), name


def test_limits_of_the_piston_rings() -> None:
    trial = run("ewma", piston_rings(), constants="rounded").to_pylist()
    _limits(published("spc_qcc_expected", chart="EWMA", params="lambda=0.2;nsigmas=3"), trial)
    both = run("ewma", piston_rings(None), constants="rounded", nsigmas=2.7).to_pylist()
    _limits(published("spc_qcc_expected", chart="EWMA", params="lambda=0.2;nsigmas=2.7"), both)
    assert [row["point"] for row in both if row["violations"] == "above"][-1] == 40


def test_the_small_ewma_of_qcc() -> None:
    cases = {row["metric"]: [float(each) for each in row["expected"].split()]
             for row in rows("spc_qcc_unit_cases") if row["kind"] == "ewma"}  # fmt: skip
    given_values = {"center": 10.0, "sigma": 2.0, "lambda": 0.5, "nsigmas": 2.0}
    found = run("ewma", measured([11, 13, 12]), **given_values).to_pylist()
    assert [row["ucl"] for row in found] == pytest.approx(cases["ucl"], rel=1e-12)
    assert [(row["ucl"] - 10) / 2 for row in found] == pytest.approx(cases["sigma"], rel=1e-12)
    assert [row["ewma"] for row in found] == [10.5, 11.75, 11.875]


def test_exact_variances_of_any_sizes() -> None:
    equal = variances(np.full(30, 4), 0.3, asymptotic=False)
    steps = np.cumsum([0.3**2 / 4 * 0.7 ** (2 * t) for t in range(30)])
    assert equal == pytest.approx(steps, rel=1e-12)
    sizes = np.array([4] * 30 + [1])
    assert variances(sizes, 0.3, asymptotic=False)[:30] == pytest.approx(equal, rel=1e-12)
    assert variances(sizes, 0.3, asymptotic=False)[30] == pytest.approx(0.09 + 0.49 * equal[-1], rel=1e-12)
    assert variances(sizes, 0.3, asymptotic=True)[[0, 30]] == pytest.approx([0.3 / 1.7 / 4, 0.3 / 1.7])


def test_lambda_1_is_a_chart_of_single_values() -> None:
    rings = measured(piston_rings().value)
    ewma, single = (run(name, rings, **more).to_pylist() for name, more in (("ewma", {"lambda": 1.0}), ("i_mr", {})))
    for mine, theirs in zip(ewma, single, strict=True):
        assert mine["ewma"] == theirs["value"]
        assert (mine["lcl"], mine["ucl"]) == pytest.approx((theirs["lcl"], theirs["ucl"]), rel=1e-12)


def test_a_head_start_narrows_the_first_limits() -> None:
    share = narrowed(21, 0.5)
    assert share[0] == pytest.approx(0.5) and share[19] == pytest.approx(0.99, abs=1e-9)  # Steiner: 99 % at the 20th
    assert narrowed(5, 0.0) == 1.0
    plain, quick = (run("ewma", piston_rings(), head_start=each).to_pylist() for each in (0.0, 0.5))
    assert quick[0]["ucl"] - quick[0]["center"] == pytest.approx((plain[0]["ucl"] - plain[0]["center"]) / 2)


def test_the_small_cusum_of_qcc() -> None:
    found = run("cusum", measured([1.5, 0.5, 0.6, -1.5, -0.5, -0.8]), target=0.0, sigma=1.0, k=0.5, h=1.0).to_pylist()
    case = next(row for row in rows("spc_qcc_unit_cases") if row["metric"] == "cusum_pos" and "n=1" in row["params"])
    assert [row["cusum_pos"] for row in found] == pytest.approx([float(each) for each in case["expected"].split()])
    # exactly h is no signal
    assert [row["point"] for row in found if row["violations"] == "above"] == [3]
    assert [row["n_pos"] for row in found] == [1, 2, 3, 0, 0, 0]
    assert [row["point"] for row in found if row["violations"] == "below"] == [6]


def test_the_cusum_of_qcc_with_subgroups_of_several_sizes() -> None:
    case = next(row for row in rows("spc_qcc_unit_cases") if "sizes" in row["params"])
    values = [10, 10, 10, 10, 10, 10, 14, 14, 16, 16, 16]
    given_values = measured(values, [1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4])
    found = run("cusum", given_values, target=10.0, sigma=2.0, h=10.0).to_pylist()
    assert [row["cusum_pos"] for row in found] == pytest.approx([float(each) for each in case["expected"].split()])


def test_units_of_the_values() -> None:
    values = [10.5, 11.0, 12.0, 9.0]
    sigma = run("cusum", measured(values), target=10.0, sigma=2.0, k=0.25, h=1.0).to_pylist()
    absolute = run("cusum", measured(values), target=10.0, k=0.5, h=2.0, units="absolute").to_pylist()
    assert [row["cusum_pos"] * 2 for row in sigma] == [row["cusum_pos"] for row in absolute]
    assert [row["cusum_pos"] for row in absolute] == [0, 0.5, 2.0, 0.5]
    equal = run("cusum", measured([10.0, 10.0]), target=9.0, units="absolute").to_pylist()
    assert [row["cusum_pos"] for row in equal] == [0.5, 1.0] and equal[0]["note"] is None
    assert run("cusum", measured([10.0, 10.0])).to_pylist()[0]["cusum_pos"] is None


def test_a_summary_has_what_all_points_share() -> None:
    row = run("cusum", piston_rings(), target=74.0, show="summary").to_pylist()[0]
    assert (row["target"], row["center"], row["lcl"], row["ucl"], row["points"]) == (74.0, 0, -5, 5, 25)
    assert (row["point"], row["cusum_pos"], row["value"]) == (None, None, None)
    ewma = run("ewma", piston_rings(), show="summary").to_pylist()[0]
    assert ewma["center"] == pytest.approx(74.00118, abs=5e-6) and ewma["ucl"] is None  # limits widen


def test_both_sums_begin_at_the_head_start() -> None:
    found = run("cusum", measured([0.5, 0.5]), target=0.0, sigma=1.0, h=5.0, head_start=0.5).to_pylist()
    assert [(row["cusum_pos"], row["cusum_neg"]) for row in found] == [(2.5, 1.5), (2.5, 0.5)]


def test_limits_come_from_the_baseline() -> None:
    for name in ("ewma", "cusum"):
        alone, both = run(name, piston_rings()).to_pylist(), run(name, piston_rings(None)).to_pylist()
        assert [row["sigma"] for row in both[:25]] == [row["sigma"] for row in alone]
        column = "ewma" if name == "ewma" else "cusum_pos"
        assert [row[column] for row in both[:25]] == [row[column] for row in alone]


@given(st.lists(st.integers(-20, 20), max_size=40), st.integers(0, 40))
def test_a_chart_goes_on_where_it_stopped(values: list[int], cut: int) -> None:
    whole, start = np.array(values, np.float64), np.array(values[:cut], np.float64)
    assert averages(whole, 0.2, 0.0)[:cut].tolist() == averages(start, 0.2, 0.0).tolist()
    first = sums(start, 0.5, 1.0)
    rest = sums(whole[cut:], 0.5, first[-1] if first.size else 1.0)
    assert sums(whole, 0.5, 1.0).tolist() == [*first.tolist(), *rest.tolist()]


@given(st.lists(st.integers(-20, 20), min_size=3, max_size=40))
def test_a_mirror_image_swaps_above_and_below(values: list[int]) -> None:
    one, other = (run("cusum", measured([sign * v for v in values]), target=0.0).to_pylist() for sign in (1, -1))
    assert [row["cusum_pos"] for row in one] == [row["cusum_neg"] for row in other]


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        ("ewma", {"lambda": 0.0}, "lambda=0: it is above 0"),
        ("ewma", {"lambda": math.nan}, "lambda=nan"),
        ("ewma", {"spread": "range"}, "spread=range"),
        ("cusum", {"head_start": 1.0}, "head_start=1"),
        ("cusum", {"units": "mm"}, "units=mm"),
        ("cusum", {"h": 0.0}, "h=0"),
    ],
)
def test_parameters_that_say_nothing(name: str, parameters: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run(name, measured([1, 2, 3]), **parameters)
