"""Capability against qcc, its intervals against published quantiles, mean and deviation against NIST."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.analytics.spc.distributions import chi_square, chi_square_quantile, normal_quantile
from omptool.analytics.spc.within import as_uncertain
from omptool.errors import UsageError
from omptool.model.specs import Spec
from tests.analytics.spc_reference import measured, piston_rings, rows, run

NAMES = {"Cp": "cp", "Cpl": "cpl", "Cpu": "cpu", "Cpk": "cpk", "Cpm": "cpm", "Cp_u": "cpu", "Pp_l": "ppl",
         "Pp_k": "ppk", "obs_below_LSL_pct": "below_lsl", "obs_above_USL_pct": "above_usl"}  # fmt: skip


def _spec(text: str) -> dict[str, float]:
    return {key.lower(): float(value) for key, value in (pair.split("=") for pair in text.split(";"))}


_RINGS = sorted({row["params"] for row in rows("spc_qcc_expected") if row["chart"] == "capability"})


@pytest.mark.parametrize("params", _RINGS)
def test_the_piston_rings_of_qcc(params: str) -> None:
    found = run("capability", piston_rings(), constants="rounded", **_spec(params)).to_pylist()[0]
    published = [row for row in rows("spc_qcc_expected") if row["params"] == params]
    assert published
    for row in published:
        # as many decimals as are printed
        half = 0.5 * 10 ** -len(row["value"].partition(".")[2])
        assert found[NAMES[row["metric"]]] == pytest.approx(float(row["value"]), abs=half * 1.001), row["metric"]


_CASES = [row for row in rows("spc_qcc_unit_cases") if row["kind"] == "capability"]


@pytest.mark.parametrize("row", _CASES, ids=lambda row: f"{row['metric']} {row['params'][-12:]}")
def test_the_small_cases_of_qcc(row: dict[str, str]) -> None:
    groups = [group.split() for group in row["input"].split("|")]
    values = [value for group in groups for value in group]
    numbers = [number for number, group in enumerate(groups) for _ in group]
    found = run("capability", measured(values, numbers), constants="rounded", **_spec(row["params"])).to_pylist()[0]
    assert found[NAMES[row["metric"]]] == pytest.approx(float(row["expected"]), abs=5e-7)


def test_intervals_of_chi_square_and_of_bissell() -> None:
    """With n - 1 degrees of freedom, 100 values: 74.222 and 128.422 are printed for 99 and 100 in every table."""
    rng = np.random.default_rng(3)
    found = run("capability", measured(rng.normal(10, 1, 101)), lsl=7.0, usl=13.0, freedom="n-1").to_pylist()[0]
    assert found["pp_low"] / found["pp"] == pytest.approx(math.sqrt(74.222 / 100), rel=1e-5)
    assert found["pp_high"] / found["pp"] == pytest.approx(math.sqrt(129.561 / 100), rel=1e-5)
    assert found["cp_low"] / found["cp"] == pytest.approx(found["pp_low"] / found["pp"], rel=1e-12)
    width = 1.959964 * math.sqrt(1 / 909 + found["ppk"] ** 2 / 200)
    assert (found["ppk_low"], found["ppk_high"]) == pytest.approx(
        (found["ppk"] - width, found["ppk"] + width), rel=1e-6
    )
    assert found["cpm_low"] < found["cpm"] < found["cpm_high"]


@pytest.mark.parametrize(
    ("p", "freedom", "value"),
    [(0.95, 1, 3.841), (0.975, 10, 20.483), (0.025, 10, 3.247), (0.99, 30, 50.892), (0.025, 100, 74.222),
     (0.975, 100, 129.561), (0.5, 2, 1.386)],
)  # fmt: skip
def test_quantiles_of_the_nist_handbook(p: float, freedom: int, value: float) -> None:
    assert chi_square_quantile(p, freedom) == pytest.approx(value, abs=5e-4)


@given(st.floats(0.001, 0.999), st.floats(0.5, 5000))
def test_a_quantile_is_where_its_probability_is_reached(p: float, freedom: float) -> None:
    assert chi_square(chi_square_quantile(p, freedom), freedom) == pytest.approx(p, rel=1e-8)


def test_closed_forms_of_chi_square() -> None:
    for x in (0.01, 1.0, 5.0, 40.0):
        assert chi_square(x, 2) == pytest.approx(1 - math.exp(-x / 2), rel=1e-12)
        assert chi_square(x, 1) == pytest.approx(math.erf(math.sqrt(x / 2)), rel=1e-12)
    assert chi_square_quantile(0.9, 99_999) == pytest.approx(chi_square_quantile(0.9, 100_001) - 2, rel=1e-6)
    assert normal_quantile(0.975) == pytest.approx(1.959963984540054, rel=1e-12)


def test_degrees_of_freedom_of_an_estimate() -> None:
    from omptool.analytics.spc.constants import c4, c5

    for n in (2, 5, 30):  # a standard deviation is as uncertain as itself
        assert as_uncertain(c5(n) / c4(n)) == pytest.approx(n - 1, rel=1e-6)
    # 25 ranges of five: Montgomery and others print 0.9 k (n - 1) = 90
    rings = run("capability", piston_rings(), lsl=73.95, usl=74.05).to_pylist()[0]
    by_hand = math.sqrt(chi_square_quantile(0.025, 91.0) / 91.0)
    assert rings["cp_low"] / rings["cp"] == pytest.approx(by_hand, rel=0.002)
    pooled = run("capability", piston_rings(), lsl=73.95, usl=74.05, spread="pooled").to_pylist()[0]
    assert pooled["cp_low"] / pooled["cp"] == pytest.approx(math.sqrt(chi_square_quantile(0.025, 100) / 100), rel=1e-9)


def test_one_limit_is_enough() -> None:
    upper = run("capability", piston_rings(), usl=74.05).to_pylist()[0]
    both = run("capability", piston_rings(), lsl=73.95, usl=74.05).to_pylist()[0]
    assert (upper["cp"], upper["cpm"], upper["cpl"], upper["target"]) == (None, None, None, None)
    assert (upper["cpk"], upper["cpu"], upper["below_lsl"]) == (both["cpu"], both["cpu"], None)
    assert upper["cpk_low"] < upper["cpk"] < upper["cpk_high"]


def test_limits_of_the_plant_model_and_of_parameters() -> None:
    planned = replace(piston_rings(), spec=Spec(73.95, 74.05, 74.02))
    alone = run("capability", planned).to_pylist()[0]
    assert (alone["lsl"], alone["usl"], alone["target"]) == (73.95, 74.05, 74.02)
    assert run("capability", planned, usl=74.1).to_pylist()[0]["usl"] == 74.1


def test_what_cannot_be_said_is_null_with_a_reason() -> None:
    for values, reason in (([], "no values"), ([74.0], "too few values"), ([74.0] * 5, "values do not vary")):
        found = run("capability", measured(values), lsl=73.95, usl=74.05).to_pylist()[0]
        assert found["cp"] is None and reason in found["note"]
    bare = run("capability", piston_rings()).to_pylist()[0]
    assert bare["cpk"] is None and bare["note"].startswith("no limits are known")
    assert bare["mean"] == pytest.approx(74.00118, abs=5e-6)


def test_nist() -> None:
    for row in rows("nist_strd_certified"):
        values = [each["y"] for each in rows(f"nist_strd_{row['dataset'].lower()}")]
        found = run("capability", measured(values)).to_pylist()[0]
        assert found["mean"] == pytest.approx(float(row["mean"]), rel=1e-12)
        assert found["sd_overall"] == pytest.approx(float(row["sd_n_minus_1"]), rel=1e-12)


@given(st.lists(st.integers(-100, 100), min_size=2, max_size=40), st.randoms(use_true_random=False))
def test_overall_indices_know_no_order(values: list[int], random: object) -> None:
    turned = random.sample(values, len(values))  # type: ignore[attr-defined]
    one, other = (run("capability", measured(each), lsl=-60.0, usl=70.0).to_pylist()[0] for each in (values, turned))
    for name in ("mean", "sd_overall", "pp", "ppk", "ppk_low", "ppk_high", "below_lsl"):
        assert one[name] == other[name]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"lsl": 74.05, "usl": 73.95}, "lsl = 74.05 is not below usl = 73.95"),
        ({"lsl": math.inf}, "lsl=inf is no limit"),
        ({"confidence": 95.0}, "confidence=95"),
        ({"freedom": "n"}, "freedom=n"),
    ],
)
def test_parameters_that_say_nothing(parameters: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run("capability", piston_rings(), **parameters)
