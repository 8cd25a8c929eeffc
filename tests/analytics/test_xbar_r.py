"""Charts of subgroups against qcc's piston rings, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import UsageError
from tests.analytics.spc_reference import measured, piston_rings, published, run

INPUT = "pistonrings trial=TRUE n=5"


def test_means_and_ranges_of_the_piston_rings() -> None:
    found = run("xbar_r", piston_rings(), constants="rounded").to_pylist()
    means, ranges = (published("spc_qcc_expected", chart=chart, input=INPUT) for chart in ("xbar", "R"))
    row = found[0]
    assert len(found) == means["groups"]
    assert row["center"] == pytest.approx(means["center"], abs=5e-6)
    assert row["sigma"] == pytest.approx(means["std_dev_within"], abs=5e-10)
    assert (row["lcl"], row["ucl"]) == pytest.approx((means["lcl"], means["ucl"]), abs=5e-6)
    assert row["sigma"] == pytest.approx(ranges["std_dev_within"], abs=5e-10)
    assert row["spread_center"] == pytest.approx(ranges["center"], abs=5e-8)
    assert row["spread_lcl"] == ranges["lcl"]
    assert row["spread_ucl"] == pytest.approx(ranges["ucl"], abs=5e-9)
    assert row["constants"] == "rounded d2(5) = 2.326, d3(5) = 0.8640855"


def test_standard_deviations_of_the_piston_rings() -> None:
    row = run("xbar_r", piston_rings(), spread="S").to_pylist()[0]
    of_qcc = published("spc_qcc_expected", chart="S", input=INPUT)
    assert row["sigma"] == pytest.approx(of_qcc["std_dev_within"], abs=5e-10)
    assert row["spread_center"] == pytest.approx(of_qcc["center"], abs=5e-10)
    assert (row["spread_lcl"], row["spread_ucl"]) == pytest.approx((of_qcc["lcl"], of_qcc["ucl"]), abs=5e-9)
    assert row["constants"] == "exact c4(5) = 0.9399856"


def test_limits_of_the_trial_hold_for_what_came_later() -> None:
    alone, all_of_it = run("xbar_r", piston_rings()).to_pylist(), run("xbar_r", piston_rings(None)).to_pylist()
    assert len(all_of_it) == 40
    assert all_of_it[39]["ucl"] == alone[0]["ucl"]
    beyond = [row["point"] for row in all_of_it if "WER1" in (row["violations"] or "")]
    assert beyond == [37, 38, 39]
    counted = run("xbar_r", measured(piston_rings(None).value), baseline=25).to_pylist()
    assert [row["ucl"] for row in counted] == [row["ucl"] for row in all_of_it]


def test_subgroups_of_several_sizes_have_limits_of_their_own() -> None:
    values, groups = [1.0, 2, 3, 1, 2, 5, 1, 2, 3, 4, 9], [1, 1, 1, 2, 2, 3, 4, 4, 4, 4, 5]
    found = run("xbar_r", measured(values, groups)).to_pylist()
    assert [row["size"] for row in found] == [3, 2, 1, 4, 1]
    width = [row["ucl"] - row["center"] for row in found]
    assert np.array(width) * np.sqrt([3, 2, 1, 4, 1]) == pytest.approx([3 * found[0]["sigma"]] * 5)
    assert [row["spread"] for row in found] == [2, 1, None, 3, None]
    assert (found[2]["spread_ucl"], found[2]["spread_violations"]) == (None, None)
    assert found[0]["center"] == pytest.approx(np.mean(values))
    assert found[0]["constants"] == "exact d2, d3 of 2 to 4 values"


def test_values_in_a_row_and_what_does_not_fill_a_subgroup() -> None:
    found = run("xbar_r", measured(range(12))).to_pylist()
    assert [(row["size"], row["value"], row["spread"]) for row in found] == [(5, 2, 4), (5, 7, 4)]
    assert (found[0]["n"], found[0]["note"]) == (10, "2 values at the end fill no subgroup")
    single = run("xbar_r", measured(range(12)), size=1).to_pylist()
    assert (len(single), single[0]["ucl"]) == (12, None)
    assert single[0]["note"].startswith("no subgroup of the baseline has two values")
    assert run("xbar_r", measured(range(3))).num_rows == 0


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"spread": "MR"}, "spread=MR: there are R and S"),
        ({"size": 0}, "size=0"),
        ({"size": 1001}, "a range of 1,001 values says nothing"),
        ({"every": "1h"}, "table has no times"),
    ],
)
def test_parameters_that_say_nothing(parameters: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run("xbar_r", measured(range(2002)), **parameters)


_groups = st.lists(st.lists(st.integers(-50, 50), min_size=1, max_size=6), min_size=2, max_size=12)


def _flat(groups: list[list[int]], scale: float = 1.0, offset: float = 0.0) -> tuple[list[float], list[int]]:
    values = [value * scale + offset for group in groups for value in group]
    return values, [number for number, group in enumerate(groups) for _ in group]


@given(_groups, st.randoms(use_true_random=False), st.sampled_from(["R", "S"]))
def test_the_order_within_a_subgroup_does_not_matter(groups: list[list[int]], random: object, spread: str) -> None:
    turned = [random.sample(group, len(group)) for group in groups]  # type: ignore[attr-defined]
    one, other = (run("xbar_r", measured(*_flat(each, 0.1, 70)), spread=spread) for each in (groups, turned))
    assert one.equals(other)


@given(_groups, st.sampled_from([0.25, 2.0, 1024.0]), st.sampled_from([-4096.0, 0.0, 512.0]))
def test_other_units_violate_the_same_rules(groups: list[list[int]], scale: float, offset: float) -> None:
    one, other = (
        run("xbar_r", measured(*given_values), rules="all", nsigmas=2.5).to_pylist()
        for given_values in (_flat(groups), _flat(groups, scale, offset))
    )
    for mine, theirs in zip(one, other, strict=True):
        for name in ("value", "center", "lcl", "ucl"):
            moved = None if mine[name] is None else mine[name] * scale + offset
            assert theirs[name] == (moved if moved is None else pytest.approx(moved, rel=1e-9, abs=1e-6))
        near = [abs(mine["value"] - (mine[name] or 0)) < 1e-9 * 100 for name in ("lcl", "ucl", "center")]
        if not any(near) and mine["sigma"]:
            assert "WER1" in (theirs["violations"] or "") or "WER1" not in (mine["violations"] or "")


@given(_groups, _groups)
def test_what_comes_behind_the_baseline_changes_no_limit(before: list[list[int]], behind: list[list[int]]) -> None:
    alone = run("xbar_r", measured(*_flat(before))).to_pylist()
    both = run("xbar_r", measured(*_flat(before + behind)), baseline=len(before)).to_pylist()
    assert [row["phase"] for row in both] == [1] * len(before) + [2] * len(behind)
    for mine, theirs in zip(alone, both, strict=False):
        assert theirs["sigma"] == (mine["sigma"] if mine["sigma"] is None else pytest.approx(mine["sigma"]))
        assert theirs["center"] == pytest.approx(mine["center"])
