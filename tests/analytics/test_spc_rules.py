"""The rules of Western Electric and Nelson against the cases of qcc, and their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.analytics.spc.rules import ALL, chosen, violated
from omptool.errors import UsageError
from tests.analytics.spc_reference import measured, piston_rings, rows, run

CASES = [row for row in rows("spc_qcc_unit_cases") if row["kind"] == "rule"]
OTHERS = {
    "WER1": ([0, 3.2, -3.5, 2.9], [2, 3]),
    "WER3": ([0, 1.2, 1.3, 0.2, 1.4, 1.5], [6]),
    "NEL1": ([0, 3.2, -3.4, 3], [2, 3]),
    "NEL3": ([1, 2, 3, 4, 5, 6, 7, 7, 6, 5, 4, 3, 2, 1], [6, 7, 13, 14]),
    "NEL5": ([0, 2.3, 0.4, 2.2, -2.4, -0.2, -2.5], [4, 7]),
    "NEL7": ([0.3] * 16 + [1.2], [15, 16]),
}
"""More cases of the tests of qcc."""


def _places(values: object, name: str) -> list[int]:
    found = violated(np.array(values, np.float64), [name])[name]
    return [int(place) + 1 for place in np.flatnonzero(found)]


@pytest.mark.parametrize("row", CASES, ids=lambda row: f"{row['metric']} {row['input'][:12]}")
def test_the_cases_of_qcc(row: dict[str, str]) -> None:
    assert _places(row["input"].split(), row["metric"]) == [int(each) for each in row["expected"].split()]


@pytest.mark.parametrize("name", OTHERS)
def test_more_cases_of_qcc(name: str) -> None:
    values, places = OTHERS[name]
    assert _places(values, name) == places


def test_nelson_8_asks_for_both_sides() -> None:
    assert _places([1.2] * 8, "NEL8") == []


@pytest.mark.parametrize("name", ALL)
def test_short_charts_violate_nothing_but_limits(name: str) -> None:
    for size in range(ALL[name].length):
        assert _places([2.9] * size, name) == []


@given(st.lists(st.integers(-8, 8).map(lambda n: n / 2), max_size=60))
def test_a_mirror_image_violates_the_same(values: list[float]) -> None:
    mine, other = (violated(sign * np.array(values), list(ALL)) for sign in (1.0, -1.0))
    assert all((mine[name] == other[name]).all() for name in ALL)


@given(st.lists(st.integers(-8, 8).map(lambda n: n / 2), max_size=60), st.integers(0, 60))
def test_what_comes_later_changes_no_verdict(values: list[float], cut: int) -> None:
    whole, start = violated(np.array(values), list(ALL)), violated(np.array(values[:cut]), list(ALL))
    assert all((whole[name][:cut] == start[name]).all() for name in ALL)


@given(st.lists(st.integers(-8, 8).map(lambda n: n / 2), min_size=15, max_size=60), st.integers(0, 45))
def test_a_verdict_looks_back_no_further_than_its_pattern(values: list[float], cut: int) -> None:
    whole, rest = violated(np.array(values), list(ALL)), violated(np.array(values[cut:]), list(ALL))
    for name, rule in ALL.items():
        first = cut + rule.length - 1
        assert (whole[name][first:] == rest[name][rule.length - 1 :]).all()


def test_names_of_rules() -> None:
    assert chosen("nelson") == tuple(f"NEL{n}" for n in range(1, 9))
    assert chosen("wer4, NEL2 WER1") == ("WER1", "WER4", "NEL2")
    assert chosen("none") == () and chosen("limits") == ("WER1",)
    with pytest.raises(UsageError) as caught:
        chosen("nelsons")
    assert "did you mean nelson?" in caught.value.hint


def test_a_row_per_point_and_rule() -> None:
    found = run("spc_rules", measured([0, 2.5, 1.0, 2.6, 0, 3.5]), center=0.0, sigma=1.0).to_pylist()
    assert [(row["point"], row["rule"], row["first_point"]) for row in found] == [
        (4, "WER2", 2), (4, "NEL5", 2), (6, "WER1", 6), (6, "WER2", 4), (6, "NEL1", 6), (6, "NEL5", 4),
    ]  # fmt: skip
    assert (found[0]["z"], found[0]["value"], found[0]["points"]) == (2.6, 2.6, 6)
    assert run("spc_rules", measured([0, 0.5]), rules="nelson").num_rows == 0
    assert run("spc_rules", measured([]), rules="none").num_rows == 0


def test_the_rules_of_a_chart_are_those_of_the_list() -> None:
    listed = run("spc_rules", piston_rings(None)).to_pylist()
    charted = run("xbar_r", piston_rings(None), rules="all").to_pylist()
    pairs = [(row["point"], rule) for row in charted for rule in (row["violations"] or "").split()]
    assert [(row["point"], row["rule"]) for row in listed] == pairs
    assert len(pairs) > 10


def test_a_point_on_the_limit_is_judged_as_a_chart_draws_it() -> None:
    given = measured([10.3, 10.0, 9.7])
    assert run("spc_rules", given, center=10.0, sigma=0.1).num_rows == 0
    assert run("i_mr", given, center=10.0, sigma=0.1)["violations"].null_count == 3
