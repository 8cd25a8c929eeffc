"""What holds for charts of any values: other units, mirrors, offsets, nothing that varies; and other ways to them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.analytics.spc.measured import points
from omptool.analytics.spc.rules import ALL, violated
from tests.analytics.spc_reference import measured, run

CHARTS = ("i_mr", "xbar_r", "ewma", "cusum")
values = st.lists(st.integers(-50, 50), min_size=3, max_size=60)
scales = st.sampled_from([0.25, 0.5, 2.0, 8.0, -0.5, -4.0])  # exact in binary, as are the offsets
offsets = st.sampled_from([-1024.0, 0.0, 3.0, 4096.0])
OFFSET: list[tuple[str, dict[str, Any]]] = [
    ("i_mr", {}), ("xbar_r", {"size": 3}), ("xbar_r", {"size": 3, "spread": "S"}), ("ewma", {}),
]  # fmt: skip
LINES = ("value", "center", "lcl", "ucl")


def columns(name: str, given: Sequence[float], **parameters: object) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = run(name, measured(given), **parameters).to_pydict()
    return found


def close(found: Sequence[float | None], wanted: Sequence[float | None], size: float = 1.0) -> bool:
    return all(
        one is other if one is None or other is None else abs(one - other) <= 1e-9 * max(size, abs(other))
        for one, other in zip(found, wanted, strict=True)
    )


@pytest.mark.parametrize("name", CHARTS)
@given(values, scales, offsets)
def test_other_units_move_the_lines_and_no_verdict(name: str, given: list[int], scale: float, offset: float) -> None:
    old, new = columns(name, given), columns(name, [scale * value + offset for value in given])
    mirrored = {"lcl": "ucl", "ucl": "lcl"} if scale < 0 else {}
    moved = ("value",) if name == "cusum" else (*LINES, "ewma") if name == "ewma" else LINES
    for line in moved:
        there = old[mirrored.get(line, line)]
        wanted = [None if value is None else scale * value + offset for value in there]
        assert close(new[line], wanted, 5000 * abs(scale)), line
    assert close(new["sigma"], [None if each is None else abs(scale) * each for each in old["sigma"]])
    if "spread" in old:
        assert close(new["spread"], [None if each is None else abs(scale) * each for each in old["spread"]])
    if name == "cusum":
        sums = ("cusum_pos", "cusum_neg")
        for one, other in zip(sums, sums[::-1] if scale < 0 else sums, strict=True):
            assert close(new[one], old[other], 1000)


@given(values, scales, offsets)
def test_capability_knows_no_units(given: list[int], scale: float, offset: float) -> None:
    ends = sorted(scale * limit + offset for limit in (-60, 60))
    old = run("capability", measured(given), lsl=-60.0, usl=60.0, target=10.0).to_pylist()[0]
    moved = [scale * value + offset for value in given]
    new = run("capability", measured(moved), lsl=ends[0], usl=ends[1], target=scale * 10 + offset).to_pylist()[0]
    swap = {"cpl": "cpu", "cpu": "cpl", "ppl": "ppu", "ppu": "ppl"} if scale < 0 else {}
    for name in (
        "cp",
        "cpl",
        "cpu",
        "cpk",
        "cpm",
        "pp",
        "ppk",
        "ppl",
        "ppu",
        "cp_low",
        "cpk_high",
        "cpm_low",
        "ppk_low",
    ):
        assert close([new[name]], [old[swap.get(name, name)]], 100), name


@given(values)
def test_backwards_the_limits_are_the_same_and_runs_as_many(given: list[int]) -> None:
    there, back = columns("i_mr", given), columns("i_mr", given[::-1])
    assert close(there["ucl"], back["ucl"], 100) and close(
        there["spread_ucl"], back["spread_ucl"][:1] + back["spread_ucl"][1:]
    )
    z = np.array(given, np.float64) / 10
    for name in ("WER1", "WER4", "NEL1", "NEL2", "NEL3", "NEL4", "NEL7", "NEL8"):  # patterns without a chosen end
        assert violated(z, [name])[name].sum() == violated(z[::-1], [name])[name].sum(), name


@given(values)
def test_an_offset_of_1e15_changes_no_sigma(given: list[int]) -> None:
    """Values that a DOUBLE holds exactly keep what is between them."""
    for name, parameters in OFFSET:
        old, new = columns(name, given, **parameters), columns(name, [value + 1e15 for value in given], **parameters)
        assert close(new["sigma"], old["sigma"]), name
        if name == "i_mr":
            assert new["spread"] == old["spread"]
            assert close([None if each is None else each - 1e15 for each in new["ucl"]], old["ucl"], 1e9)  # 1 in DOUBLE
    near, far = (
        run("capability", measured([value + offset for value in given]), lsl=offset - 60, usl=offset + 60)
        for offset in (0.0, 1e15)
    )
    for index in ("sd_within", "sd_overall", "cp", "pp"):
        assert close(far[index].to_pylist(), near[index].to_pylist()), index


@pytest.mark.parametrize("name", [*CHARTS, "spc_rules", "capability", "drift", "tool_wear"])
@given(st.integers(0, 12), st.sampled_from([0.0, -7.25, 1e15, 1e-300]))
def test_what_does_not_vary_is_said_and_nothing_is_divided_by_it(name: str, count: int, value: float) -> None:
    with np.errstate(all="raise", under="ignore"):
        rows = run(name, measured([value] * count)).to_pylist()
    if name in ("spc_rules", "tool_wear"):
        return
    assert len(rows) == (count // 5 if name == "xbar_r" else count if name in CHARTS else 1)
    for row in rows:
        assert not [key for key, each in row.items() if isinstance(each, float) and not np.isfinite(each)], row
        assert row["note"], row
        if count > 3 and name != "drift":
            assert "0" in row["note"], row["note"]


@given(values, st.sampled_from([0.05, 0.2, 1.0]))
def test_ewma_is_its_weighted_sum(given: list[int], weight: float) -> None:
    found = run("ewma", measured(given), center=3.0, sigma=10.0, **{"lambda": weight}).to_pydict()
    for t in range(1, len(given) + 1):
        tail = sum(weight * (1 - weight) ** age * given[t - 1 - age] for age in range(t))
        assert found["ewma"][t - 1] == pytest.approx((1 - weight) ** t * 3.0 + tail, abs=1e-9)
        variance = sum((weight * (1 - weight) ** age) ** 2 for age in range(t))
        assert found["ucl"][t - 1] == pytest.approx(3.0 + 3 * 10 * variance**0.5, rel=1e-12)


@given(values, st.sampled_from([0.0, 0.5, 1.0]))
def test_a_cusum_is_the_greatest_sum_that_ends_here(given: list[int], k: float) -> None:
    found = run("cusum", measured(given), target=0.0, sigma=10.0, k=k).to_pydict()
    for t in range(1, len(given) + 1):
        tails = [sum(value / 10 - k for value in given[begin:t]) for begin in range(t)]
        assert found["cusum_pos"][t - 1] == pytest.approx(max(0.0, *tails), abs=1e-9)


def naive(name: str, z: Sequence[float], at: int) -> bool:
    """The rules as their sentences say, a window at a time."""

    def window(length: int) -> Sequence[float] | None:
        return z[at - length + 1 : at + 1] if at + 1 >= length else None

    def one_side(length: int) -> bool:
        last = window(length)
        return last is not None and (all(each > 0 for each in last) or all(each < 0 for each in last))

    def of(least: int, length: int, limit: float) -> bool:
        last = window(length)
        return last is not None and any(
            sum(sign * each > limit for each in last) >= least and sign * last[-1] > limit for sign in (1, -1)
        )

    def steps(length: int) -> list[float] | None:
        last = window(length)
        return None if last is None else [b - a for a, b in pairwise(last)]

    up, turn, close_by, far = steps(6), steps(14), window(15), window(8)
    return {
        "WER1": abs(z[at]) > 3, "WER2": of(2, 3, 2), "WER3": of(4, 5, 1), "WER4": one_side(8),
        "NEL1": abs(z[at]) > 3, "NEL2": one_side(9),
        "NEL3": up is not None and (all(step > 0 for step in up) or all(step < 0 for step in up)),
        "NEL4": turn is not None and all(a * b < 0 for a, b in pairwise(turn)),
        "NEL5": of(2, 3, 2), "NEL6": of(4, 5, 1),
        "NEL7": close_by is not None and all(abs(each) < 1 for each in close_by),
        "NEL8": far is not None and all(abs(each) > 1 for each in far) and max(far) > 0 > min(far),
    }[name]  # fmt: skip


zs = st.lists(st.sampled_from([-3.5, -2.5, -1.5, -1.0, -0.5, 0.0, 0.4, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]), max_size=40)


@given(
    st.one_of(
        zs,
        st.lists(st.sampled_from([1.5, -1.5, 2.5]), max_size=30),
        st.lists(st.sampled_from([0.4, -0.3, 0.1]), max_size=30),
    )
)
def test_rules_are_what_their_sentences_say(z: list[float]) -> None:
    found = violated(np.array(z, np.float64), list(ALL))
    for name in ALL:
        assert found[name].tolist() == [naive(name, z, at) for at in range(len(z))], name


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=40).filter(lambda each: max(each) - min(each) > 1e-3))
def test_indices_by_the_statistics_of_python(given: list[float]) -> None:
    row = run("capability", measured(given), lsl=-2000.0, usl=2000.0, target=5.0).to_pylist()[0]
    level, overall = statistics.fmean(given), statistics.stdev(given)
    moving = statistics.fmean(abs(b - a) for a, b in pairwise(given)) * (np.pi**0.5) / 2
    assert row["pp"] == pytest.approx(4000 / (6 * overall), rel=1e-9)
    assert row["ppk"] == pytest.approx(min(level + 2000, 2000 - level) / (3 * overall), rel=1e-9)
    assert row["cpk"] == pytest.approx(min(level + 2000, 2000 - level) / (3 * moving), rel=1e-9)
    assert row["cpm"] == pytest.approx(row["cp"] / (1 + ((level - 5) / moving) ** 2) ** 0.5, rel=1e-9)
    assert row["cpk_low"] < row["cpk"] < row["cpk_high"] and row["cp_low"] < row["cp"] < row["cp_high"]


@given(st.lists(st.lists(st.integers(-9, 9), min_size=1, max_size=9), min_size=1, max_size=12), st.data())
def test_subgroups_are_the_same_in_whatever_way_they_lie(groups: list[list[int]], data: st.DataObject) -> None:
    """One behind the other, where each is sorted for itself, and mixed up, where all are sorted together."""
    together = [(group, float(value)) for group, each in enumerate(groups) for value in each]
    mixed = sorted(data.draw(st.permutations(together)), key=lambda pair: pair[0] % 2)
    found = []
    for pairs in (together, mixed):
        numbers = np.array([group for group, _ in pairs], np.int64)
        given_ = replace(measured([value for _, value in pairs]), group=numbers, labels=[str(n) for n in numbers])
        one = points(given_, 0.125)
        assert one.label is not None
        told = zip(one.label, one.mean, one.size, one.spread, one.sd, strict=True)
        found.append({label: tuple(map(repr, rest)) for label, *rest in told})
    assert found[0] == found[1]
