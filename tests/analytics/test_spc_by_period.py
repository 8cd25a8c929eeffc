"""Charts by hour, day and shift: each begins anew, and all are held against the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from omptool.errors import UsageError
from omptool.model.plant import PlantModel
from tests.analytics.plants import gap
from tests.analytics.test_variables import BEGIN, row, run

HOURS = 3
END = BEGIN + timedelta(hours=HOURS)
KEYS = ("start", "end")
NOISE = np.random.default_rng(7).normal(25, 0.01, HOURS * 60).round(4).tolist()


def values(machine: str = "M1", shift: float = 0.0) -> list[dict[str, Any]]:
    """A value a minute; the last hour is shifted."""
    return [
        row(60.0 * minute + 1, value + (shift if minute >= 120 else 0.0), machine=machine)
        for minute, value in enumerate(NOISE)
    ]


def by_hour(name: str, rows: list[dict[str, Any]], **request: Any) -> pa.Table:
    return run(name, rows, **({"end": END, "period": "hour"} | request)).rows


@pytest.mark.parametrize(
    ("name", "known", "more"),
    [
        ("i_mr", {"center": 25.0, "sigma": 0.01}, {"rules": "all"}),
        ("xbar_r", {"center": 25.0, "sigma": 0.01}, {"every": "5m"}),
        ("ewma", {"center": 25.0, "sigma": 0.01}, {"head_start": 0.5}),
        ("cusum", {"target": 25.0, "sigma": 0.01}, {"head_start": 0.5}),
        ("spc_rules", {"center": 25.0, "sigma": 0.01}, {"rules": "all"}),
        ("capability", {"lsl": 24.9, "usl": 25.1}, {}),
    ],
)
def test_a_chart_by_hour_is_that_of_each_hour_alone(name: str, known: dict[str, Any], more: dict[str, Any]) -> None:
    """As far as nothing comes from other hours: with center and sigma known, hours do not know each other."""
    rows, parameters = [*values(shift=0.02), *values("M2")], known | more
    whole = by_hour(name, rows, parameters=parameters)
    alone = []
    for hour in range(HOURS):
        window = {"start": BEGIN + timedelta(hours=hour), "end": BEGIN + timedelta(hours=hour + 1)}
        inside = [each for each in rows if window["start"] <= each["time"] < window["end"]]
        found = run(name, inside, parameters=parameters, **window).rows
        alone += [each | {key: window[key] for key in KEYS} for each in found.to_pylist()]
    mine = sorted(whole.to_pylist(), key=lambda each: (each["machine"], each["start"], each.get("point", 0)))
    theirs = sorted(alone, key=lambda each: (each["machine"], each["start"], each.get("point", 0)))
    assert len(mine) == len(theirs) > 0
    for one, other in zip(mine, theirs, strict=True):
        # seen is what was seen before as well: the first hour begins with its first value
        assert one == {**other, "coverage": one["coverage"], "percent_good": one["percent_good"],
                       "constants": one["constants"]}  # fmt: skip
    assert whole.column_names[:4] == ["machine", "tag", "start", "end"]


@pytest.mark.parametrize("name", ["i_mr", "xbar_r", "ewma", "cusum"])
@pytest.mark.parametrize("parameters", [{}, {"baseline": 20}, {"baseline_end": BEGIN + timedelta(hours=1)}])
def test_what_charts_are_held_against_stays(name: str, parameters: dict[str, Any]) -> None:
    rows = values(shift=0.03)
    whole = run(name, rows, end=END, parameters=parameters).rows
    hours = by_hour(name, rows, parameters=parameters)
    assert hours.num_rows == whole.num_rows
    for column in ("center", "sigma", "phase", "value", "constants"):
        assert hours[column].to_pylist() == whole[column].to_pylist(), column
    firsts = [each for each in hours.to_pylist() if each["point"] == 1]
    assert [each["start"] for each in firsts] == [BEGIN + timedelta(hours=hour) for hour in range(HOURS)]
    assert sum(each["n"] for each in firsts) == whole["n"][0].as_py()
    if name == "i_mr":
        assert [each["spread"] for each in firsts] == [None] * HOURS
    if parameters and name != "i_mr":
        assert firsts[2]["signals"] > firsts[1]["signals"]


def test_the_summary_is_a_row_per_hour() -> None:
    rows = by_hour("i_mr", values(), parameters={"show": "summary"}).to_pylist()
    assert [(each["n"], each["point"]) for each in rows] == [(60, None)] * 3
    assert len({(each["center"], each["ucl"]) for each in rows}) == 1
    assert len({each["mean"] for each in rows}) == 3


def test_a_subgroup_lies_in_the_hour_of_its_last_value() -> None:
    serials = [row(0, "A", "Serial"), row(3550, "B", "Serial"), row(3660, "C", "Serial")]
    told = [row(second, float(second)) for second in (3500, 3560, 3650, 3700)]
    found = by_hour("xbar_r", serials + told, maps={"value": "Bore", "subgroup": "Serial"}).to_pylist()
    assert [(each["label"], each["size"], each["start"].hour) for each in found] == [
        ("A", 1, 7),
        ("B", 2, 8),
        ("C", 1, 8),
    ]
    assert [each["n"] for each in found] == [1, 3, 3]


def test_every_hour_says_what_was_seen_of_it() -> None:
    holes = [gap("2026-11-16T08:15:00+00:00", "2026-11-16T08:30:00+00:00")]
    found = run("capability", values(), holes, end=END, period="hour")
    shares = [each["coverage"] for each in found.rows.to_pylist()]
    assert shares == pytest.approx([1 - 1 / 3600, 0.75, 1])
    assert found.touched.startswith("2 of 3 charts saw less than their whole window (coverage down to 0.75)")


def test_an_hour_without_a_value_has_no_row() -> None:
    found = by_hour("i_mr", [row(10, 1.0), row(7300, 2.0)])
    assert [each.hour for each in found["start"].to_pylist()] == [7, 9]
    nothing = by_hour("i_mr", [row(10, "x")])
    assert nothing.num_rows == 0 and {"start", "end"} <= set(nothing.column_names)


def test_shifts_have_names() -> None:
    plant = PlantModel.parse(
        '[[shift]]\nname = "early"\nstart = "06:00"\nend = "08:00"\n'
        '[[shift]]\nname = "late"\nstart = "08:00"\nend = "16:00"\n'
    )
    found = by_hour("i_mr", values(), period="shift", plant=plant, parameters={"show": "summary"}).to_pylist()
    assert [(each["shift"], each["n"]) for each in found] == [("early", 60), ("late", 120)]
    with pytest.raises(UsageError, match="--by shift needs the shifts"):
        by_hour("i_mr", values(), period="shift")


def test_drift_by_hour_is_held_against_one_baseline() -> None:
    parameters = {"every": "2m", "baseline_end": BEGIN + timedelta(hours=1)}
    found = by_hour("drift", values(shift=0.03), parameters=parameters).to_pylist()
    assert [(each["points"], each["values"]) for each in found] == [(30, 60)] * 3
    assert len({(each["baseline_mean"], each["baseline_sd"], each["baseline_points"]) for each in found}) == 1
    assert [each["mean"] is None for each in found] == [True, False, False]
    assert [each["cusum_signal"] for each in found] == [None, None, "up"]
    assert found[2]["cusum_at"] > BEGIN + timedelta(hours=2) and found[2]["cusum_point"] < 5


def test_tools_go_on_from_one_hour_to_the_next() -> None:
    wear = [row(60.0 * minute + 1, float(minute % 100)) for minute in range(HOURS * 60)]
    whole = run("tool_wear", wear, end=END, parameters={"limit": 200.0}).rows.to_pylist()
    hours = by_hour("tool_wear", wear, parameters={"limit": 200.0}).to_pylist()
    assert [(each["start"].hour, each["tool"], each["change"], each["values"]) for each in hours] == [
        (7, 1, "start", 60), (8, 1, None, 40), (8, 2, "reset", 20), (9, 2, None, 60),
    ]  # fmt: skip
    for tool in whole:
        assert sum(each["values"] for each in hours if each["tool"] == tool["tool"]) == tool["values"]
    assert [each["remaining"] for each in hours] == pytest.approx([141, None, 181, 121])
    assert hours[-1]["remaining"] == whole[-1]["remaining"]
