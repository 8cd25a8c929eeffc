"""Every analysis, on shop floors that nobody planned: what is counted or lasts adds up over times and places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.analytics.shopfloors import END, FLOOR, FLOORS, T0, Floor, Row, floors, rows_of

ADDITIVE: Mapping[str, tuple[str, ...]] = {
    "oee": ("pbt", "apt", "aust", "adet", "adot", "unplanned_s", "unassigned_s", "pq", "gq", "sq", "rq"),
    "teep": ("pbt", "calendar_s"),
    "time_elements": ("seconds",),
    "time_in_state": ("seconds",),
    "state_timeline": ("seconds",),
    "mtbf_mttr": ("operating_s",),
    "downtime_pareto": ("seconds",),
    "cycle_time": ("cycles",),
    "energy": ("energy_kwh", "idle_kwh", "known_s", "pq"),
    "data_quality": ("rows", "good", "uncertain", "bad", "overflows", "duplicates", "backward"),
    "alarm_rate": ("alarms",),
    "alarm_chatter": ("alarms",),
    "capability": ("n",),
    "drift": ("values",),
}  # fmt: skip
"""Columns of which the windows [a, b) and [b, c) together have as much as [a, c)."""

KINDS = {
    "time_elements": ("element",), "time_in_state": ("state",), "state_timeline": ("state", "element"),
    "downtime_pareto": ("reason",), "data_quality": ("tag",), "alarm_chatter": ("source", "alarm"),
}  # fmt: skip
"""What the rows of a machine are told apart by."""

Sums = Mapping[tuple[Any, ...], Mapping[str, float]]


@pytest.mark.parametrize("name", ADDITIVE)
@FLOORS
@example(floor=FLOOR, choice=40)
@given(floor=floors(), choice=st.integers(0, 9999))
def test_two_windows_have_what_one_has(name: str, floor: Floor, choice: int) -> None:
    moments = sorted({row["time"] for row in floor.telemetry if T0 < row["time"] < END}) or [T0 + timedelta(seconds=1)]
    cut = moments[choice % len(moments)]
    parts = [*rows_of(name, floor, end=cut), *rows_of(name, floor, start=cut)]
    assert sums(name, parts) == sums(name, rows_of(name, floor))


def sums(name: str, rows: Sequence[Row]) -> Any:
    found: dict[tuple[Any, ...], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in rows:
        for column in ADDITIVE[name]:
            found[tuple(row[key] for key in ("machine", *KINDS.get(name, ())))][column] += row[column] or 0
    return {
        key: {column: pytest.approx(value, rel=1e-9, abs=1e-9) for column, value in each.items()}
        for key, each in found.items()
        if any(each.values())
    }


WHOLE = ("time_elements", "time_in_state", "state_timeline", "oee")
"""Analyses whose rows of a machine are all of the window, to the nanosecond."""


@pytest.mark.parametrize("name", WHOLE)
@FLOORS
@example(floor=FLOOR)
@given(floor=floors())
def test_what_is_known_and_what_is_not_are_the_window(name: str, floor: Floor) -> None:
    parts = ("apt", "aust", "adet", "adot", "unplanned_s", "unassigned_s") if name == "oee" else ("seconds",)
    spent: dict[str, int] = defaultdict(int)
    for row in rows_of(name, floor):
        spent[row["machine"]] += sum(round(row[part] * 1e9) for part in parts)
    machines = {row["machine"] for row in floor.telemetry}
    assert spent == dict.fromkeys(machines, (END - T0) // timedelta(microseconds=1) * 1000)


@pytest.mark.parametrize("name", sorted(ADDITIVE.keys() - {"capability", "drift"}))
@FLOORS
@given(floor=floors())
def test_hours_and_machines_of_a_site_are_the_whole(name: str, floor: Floor) -> None:
    hourly = [row | {"machine": "all"} for row in rows_of(name, floor, places=("site",), period="hour")]
    assert sums(name, hourly) == sums(name, [row | {"machine": "all"} for row in rows_of(name, floor)])
