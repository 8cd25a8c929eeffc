"""The chart of single values against SAS/QC, and its mean and standard deviation against NIST."""

from __future__ import annotations

import math

import numpy as np
import pytest

from omptool.analytics import catalog
from omptool.analytics.finish.i_mr import moving_ranges
from omptool.errors import UsageError
from tests.analytics.spc_reference import measured, published, rows, run, tires


def test_the_tires_of_sas() -> None:
    found = run("i_mr", tires()).to_pylist()
    sas = published("spc_sas_tires_expected")
    usual = {parameter.name: parameter.default for parameter in catalog.load("i_mr").parameters}
    assert (usual["span"], usual["nsigmas"]) == (sas["span_n"], sas["sigmas"])
    last = found[-1]
    assert (last["lcl"], last["mean"], last["ucl"]) == pytest.approx(
        (sas["LCLI"], sas["MEAN"], sas["UCLI"]), abs=0.00005
    )
    assert (last["spread_lcl"], last["spread_center"]) == pytest.approx((sas["LCLR"], sas["R"]), abs=0.0000005)
    assert last["spread_ucl"] == pytest.approx(sas["UCLR"], abs=0.000005)
    assert last["sigma"] == pytest.approx(sas["STDDEV"], abs=0.0000005)
    assert last["constants"].startswith("exact d2(2) = 1.128379")
    assert [row["point"] for row in found] == list(range(1, 31))
    assert found[0]["spread"] is None and found[0]["spread_ucl"] is None


def test_rounded_constants_are_those_of_printed_tables() -> None:
    exact, rounded = (run("i_mr", tires(), constants=kind).to_pylist()[0] for kind in ("exact", "rounded"))
    assert exact["sigma"] * 2 / math.sqrt(math.pi) == pytest.approx(rounded["sigma"] * 1.128, rel=1e-12)
    assert rounded["constants"].startswith("rounded d2(2) = 1.128,")


def _digits(found: float, certified: float) -> float:
    return 15.0 if found == certified else -math.log10(abs(found - certified) / abs(certified))


_NUMACC = {
    "NumAcc1": ([10000001, 10000003, 10000002], 12),
    "NumAcc2": ([1.2, *[1.1, 1.3] * 500], 12),
    "NumAcc3": ([1000000.2, *[1000000.1, 1000000.3] * 500], 9),
    "NumAcc4": ([10000000.2, *[10000000.1, 10000000.3] * 500], 8),
}
"""As NIST StRD defines them; of the last two, DOUBLE does not hold more digits."""


@pytest.mark.parametrize("name", _NUMACC)
def test_mean_and_deviation_of_nist(name: str) -> None:
    values, digits = _NUMACC[name]
    found = run("i_mr", measured(values), show="summary").to_pylist()[0]
    certified = {"NumAcc1": (10000002.0, 1.0)}.get(name, (values[0], 0.1))
    assert _digits(found["mean"], certified[0]) >= digits
    assert _digits(found["sd_overall"], certified[1]) >= digits
    shuffled = np.random.default_rng(7).permutation(np.array(values))
    other = run("i_mr", measured(shuffled), show="summary").to_pylist()[0]
    assert (other["mean"], other["sd_overall"]) == (found["mean"], found["sd_overall"])


def test_certified_values_of_the_files() -> None:
    for row in rows("nist_strd_certified"):
        values = [each["y"] for each in rows(f"nist_strd_{row['dataset'].lower()}")]
        found = run("i_mr", measured(values), show="summary").to_pylist()[0]
        assert found["n"] == int(row["n"])
        assert _digits(found["mean"], float(row["mean"])) >= 12
        assert _digits(found["sd_overall"], float(row["sd_n_minus_1"])) >= 12


def test_limits_of_a_baseline_hold_for_all() -> None:
    values = [1.0, 1.2, 0.8, 1.1, 0.9, 5.0, 5.1]
    found = run("i_mr", measured(values), baseline=5).to_pylist()
    alone = run("i_mr", measured(values[:5])).to_pylist()
    assert [row["phase"] for row in found] == [1] * 5 + [2] * 2
    assert {row["ucl"] for row in found} == {row["ucl"] for row in alone}
    assert [row["violations"] for row in found[5:]] == ["WER1", "WER1 WER2"]
    assert found[5]["spread_violations"] == "WER1" and found[6]["spread_violations"] is None
    assert found[0]["signals"] == 2
    flagged = run("i_mr", measured(values, first=[True] * 5 + [False] * 2))
    assert flagged.to_pylist() == found


def test_few_equal_or_no_values() -> None:
    one = run("i_mr", measured([3.0])).to_pylist()
    assert (one[0]["center"], one[0]["ucl"], one[0]["sigma"], one[0]["sd_overall"]) == (3.0, None, None, None)
    assert one[0]["note"] == "too few values in the baseline to know how they vary: no limits"
    equal = run("i_mr", measured([0.1] * 7), rules="all").to_pylist()
    assert {row["violations"] for row in equal} == {None}
    assert (equal[0]["sigma"], equal[0]["lcl"], equal[0]["ucl"]) == (0.0, 0.1, 0.1)
    assert equal[0]["note"] == "nothing varies in the baseline: sigma is 0"
    step = run("i_mr", measured([0.1] * 7 + [0.2]), baseline=7).to_pylist()
    assert step[-1]["violations"] == "WER1"
    assert run("i_mr", measured([])).num_rows == 0
    summary = run("i_mr", measured([]), show="summary").to_pylist()[0]
    assert (summary["n"], summary["mean"], summary["points"]) == (0, None, 0)


def test_known_center_and_sigma() -> None:
    found = run("i_mr", measured([0, 3.2, -3.5, 2.9]), center=0.0, sigma=1.0, rules="limits").to_pylist()
    assert [row["violations"] for row in found] == [None, "WER1", "WER1", None]
    assert (found[0]["lcl"], found[0]["ucl"]) == (-3, 3)
    wide = run("i_mr", measured([0, 3.2, -3.5, 2.9]), center=0.0, sigma=1.0, nsigmas=3.4, rules="limits").to_pylist()
    assert [row["violations"] for row in wide] == [None, None, "WER1", None]


def test_moving_ranges_of_any_span() -> None:
    assert np.isnan(moving_ranges(np.array([1.0]), 2)).all()
    assert moving_ranges(np.array([1.0, 4.0, 2.0, 2.0]), 3)[2:].tolist() == [3.0, 2.0]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"span": 1}, "span=1"),
        ({"show": "all"}, "show=all"),
        ({"constants": "table"}, "constants=table"),
        ({"baseline": 0}, "baseline=0"),
        ({"rules": "WER5"}, "no rule WER5"),
        ({"nsigmas": 0.0}, "nsigmas=0"),
        ({"sigma": -1.0}, "sigma=-1"),
    ],
)
def test_parameters_that_say_nothing(parameters: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run("i_mr", tires(), **parameters)
