"""From rows of telemetry to the values of a chart: what counts, what belongs together, what is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from omptool.analytics import catalog
from omptool.analytics.run import Analysis, Request, analyse
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
from tests.analytics.plants import Recorded, gap

BEGIN = datetime.fromisoformat("2026-11-16T07:00:00+00:00")
END = BEGIN + timedelta(seconds=100)


def row(
    second: float, value: float | str | None, tag: str = "Bore", machine: str = "M1", **more: Any
) -> dict[str, Any]:
    text = value if isinstance(value, str) else None
    return {
        "time": BEGIN + timedelta(seconds=second), "time_ns": 0, "time_basis": "source", "site": "S",
        "machine": machine, "tag": tag, "path": tag, "server": "urn:omptool:demo",
        "node_id": f"nsu=urn:p;s={machine}.{tag}", "type": "Double",
        "value": None if text else value, "value_text": text, "status": 0, "quality": "Good", "overflow": False,
        "origin": "live", "capture": "c1", "seq": 1,
    } | more  # fmt: skip


def run(name: str, rows: list[dict[str, Any]], gaps: list[dict[str, Any]] | None = None, **request: Any) -> Analysis:
    numbered = [each | {"seq": number} for number, each in enumerate(rows, 1)]
    given = {"start": BEGIN, "end": END, "strangers": True, "maps": {"value": "Bore"}} | request
    with LocalEngine([Named(Recorded(numbered, gaps or []))]) as engine:
        return analyse(engine, catalog.load(name), Request(**given))


def test_only_good_numbers_inside_the_window_are_points() -> None:
    rows = [
        row(-5, 1.0),
        row(10, 2.0),
        row(20, 9.0, quality="Bad"),
        row(30, 8.0, quality="Uncertain"),
        row(40, float("nan")),
        row(50, 3.0),
        row(100, 7.0),
    ]
    found = run("i_mr", rows)
    assert found.rows["value"].to_pylist() == [2.0, 3.0]
    assert set(found.rows["coverage"].to_pylist()) == {1.0}  # the value before the window held at its start
    assert set(found.rows["percent_good"].to_pylist()) == {70.0}
    assert found.touched == "1 of 1 charts rest on values that were not all Good (percent_good down to 70.0)"


def test_what_two_recordings_have_is_one_point() -> None:
    rows = [row(10, 2.0), row(10, 2.0, capture="c2"), row(10, 2.5), row(20, 2.0), row(30, 2.0, origin="initial")]
    assert run("i_mr", rows).rows["value"].to_pylist() == [2.0, 2.5, 2.0, 2.0]


def test_a_gap_and_the_time_before_the_first_value_were_not_seen() -> None:
    holes = [gap("2026-11-16T07:00:30+00:00", "2026-11-16T07:00:40+00:00")]
    found = run("capability", [row(20, 2.0), row(50, 3.0)], holes).rows.to_pylist()[0]
    assert (found["coverage"], found["percent_good"]) == pytest.approx((0.7, 70.0))
    assert (found["start"], found["end"]) == (BEGIN, END)


def test_a_serial_number_makes_subgroups() -> None:
    serials = [row(15, "A", "Serial"), row(30, "B", "Serial"), row(60, "A", "Serial"), row(70, "A", "Serial")]
    values = [row(second, float(second)) for second in (10, 15, 20, 30, 40, 60, 80)]
    found = run("xbar_r", serials + values, maps={"value": "Bore", "subgroup": "Serial"}).rows.to_pylist()
    assert [(each["label"], each["size"], each["value"]) for each in found] == [
        ("A", 2, 17.5),
        ("B", 2, 35),
        ("A", 2, 70),
    ]
    assert found[0]["note"] == "1 values are in no subgroup, because nothing was known of it"


def test_a_machine_without_the_subgroup_is_told() -> None:
    rows = [row(5, "A", "Serial"), *(row(second, 1.0 * second) for second in (10, 20))]
    rows += [row(second, 1.0 * second, machine="M2") for second in range(10, 70, 10)]
    found = run("xbar_r", rows, maps={"value": "Bore", "subgroup": "Serial"}).rows.to_pylist()
    notes = {each["machine"]: each["note"] for each in found}
    assert notes["M1"] is None
    assert notes["M2"] == "no tag of this machine has the role subgroup; 1 value at the end fills no subgroup"


def test_subgroups_by_time_and_a_baseline_by_time() -> None:
    values = [row(second, second % 7.0) for second in range(0, 100, 5)]
    parameters = {"every": "20s", "baseline_end": BEGIN + timedelta(seconds=60)}
    found = run("xbar_r", values, parameters=parameters).rows.to_pylist()
    assert [(each["size"], each["phase"]) for each in found] == [(4, 1)] * 3 + [(4, 2)] * 2
    first = run("xbar_r", values, parameters={"every": timedelta(seconds=20)}, end=BEGIN + timedelta(seconds=60))
    assert first.rows["ucl"].to_pylist() == [each["ucl"] for each in found[:3]]


def test_charts_of_many_tags_do_not_touch_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        row(second, second * factor, machine=name)
        for name, factor in (("M1", 1.0), ("M2", 3.0))
        for second in range(50)
    ]
    both = run("i_mr", rows).rows
    alone = run("i_mr", rows[50:]).rows
    assert both.slice(50).equals(alone)
    monkeypatch.setattr("omptool.analytics.streams.PORTION", 10)  # one tag at a time
    assert run("i_mr", rows).rows.equals(both)
