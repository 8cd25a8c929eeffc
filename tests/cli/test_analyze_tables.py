"""`omptool analyze` of plain tables as other tools write them: names, numbers and times that nobody agreed on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Result

Run = Callable[..., Result]
OEE = {"pbt": "100", "apt": "90", "pri": "1", "pq": "80", "gq": "79"}


def _csv(folder: Path, **row: str) -> Path:
    path = folder / "shifts.csv"
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("own", "shown"),
    [
        ({"Note": "hello", "Coverage": "x"}, {"Note_given": "hello", "Coverage_given": "x"}),
        ({"Coverage": "0", "Availability": "0.5"}, {"Coverage_given": 0, "Availability_given": 0.5}),
        ({"OEE_Index": "x", "oee_index_given": "y"}, {"OEE_Index_given_given": "x", "oee_index_given": "y"}),
        ({"unexplained": "hello", "lacking": "world"}, {"unexplained": "hello", "lacking": "world"}),
        ({"omp_row": "9", "omp_0": "8", "ideal_s": "7"}, {"omp_row": 9, "omp_0": 8, "ideal_s_given": 7}),
        ({"AUST": "5", "sq": "1", "rq": "2"}, {"aust": 5, "sq": 1, "rq": 2}),
    ],
    ids=lambda given: "-".join(given),
)
def test_columns_of_any_name_are_kept_apart_from_ours(
    invoke: Run, tmp_path: Path, own: dict[str, str], shown: dict[str, Any]
) -> None:
    result = invoke("analyze", "oee", "--on", _csv(tmp_path, shift="early", **own, **OEE))
    assert result.code == 0
    (row,) = result.rows
    assert row["oee_index"] == pytest.approx(0.79)
    assert (row["note"], row["coverage"]) == (None, 1)
    assert {name: row[name] for name in shown} == shown
    assert len({name.casefold() for name in row}) == len(row)
    for name in (name for name in own if name not in shown and f"{name}_given" in shown):
        assert f"note: {name} of shifts is shown as {name}_given: oee has a column of that name\n" in result.err


@pytest.mark.parametrize("name", ["$ideal_cycle", "it's $ideal_cycle", 'a "$ideal_cycle" b'])
def test_a_column_may_be_called_as_a_parameter(invoke: Run, tmp_path: Path, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    path = _csv(tmp_path, **{quoted: "7"}, **OEE)
    (row,) = invoke("analyze", "oee", "--on", path).rows
    assert (row[name], row["oee_index"]) == (7, pytest.approx(0.79))
    refused = invoke("analyze", "oee", "--on", path, "--param", "ideal_cycle=3")
    assert refused.code == 2 and "oee of a plain table has no parameter ideal_cycle" in refused.err


def test_an_aggregate_of_a_table_has_no_machines(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("time,value\n2026-11-16T07:00:00Z,1\n", encoding="utf-8")
    result = invoke("analyze", "aggregate", "--on", "x.csv", "--param", "aggregate=Count", "--by", "machine,hour")
    assert (
        result.code == 2
        and "x is a plain table: it has no machine" in result.err
        and "hour, day or shift" in result.err
    )


def test_rows_stay_in_their_order(invoke: Run, tmp_path: Path) -> None:
    lines = ["shift,omp_row,pbt,apt,pri,pq,gq", *(f"s{n},{9 - n},100,90,1,80,79" for n in range(9))]
    (tmp_path / "shifts.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = invoke("analyze", "oee", "--on", "shifts.csv").rows
    assert [row["shift"] for row in rows] == [f"s{n}" for n in range(9)]


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({}, None),
        ({"apt": "110", "pri": "0.5"}, "availability above 1: apt is longer than pbt"),
        ({"gq": "90"}, "quality ratio above 1: more good parts than parts"),
        ({"apt": "0"}, "no effectiveness: parts were made in no production time"),
        ({"pri": "2"}, "effectiveness above 1: the ideal cycle time is longer than the machine takes"),
        ({"apt": "-5", "pq": "90"}, "a number is below 0"),
        ({"pq": "0", "gq": "0"}, None),
        ({"pbt": "0", "apt": "0", "pq": "0", "gq": "0"}, "no planned busy time"),
        ({"pri": "1e200", "pq": "1e200"}, "no number in pri * pq"),
        ({"pbt": "NaN"}, "no number in pbt"),
        ({"pbt": "", "gq": "NaN"}, "no number in pbt, gq"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["oee", "teep"])
def test_a_factor_that_cannot_be_is_told(
    invoke: Run, tmp_path: Path, name: str, changes: dict[str, str], note: str | None
) -> None:
    result = invoke("analyze", name, "--on", _csv(tmp_path, **(OEE | {"calendar": "200"} | changes)))
    (row,) = result.rows
    assert row["note"] == note
    unknown = note is not None and note.startswith("no number")
    assert (result.code, row["coverage"]) == ((3, 0) if unknown else (0, 1))
    chart = invoke("analyze", name, "--on", tmp_path / "shifts.csv", "--chart")
    assert chart.code == result.code
    assert note is None or note in chart.err


def test_more_was_planned_than_there_is_time(invoke: Run, tmp_path: Path) -> None:
    (row,) = invoke("analyze", "teep", "--on", _csv(tmp_path, **OEE, calendar="50")).rows
    assert row["note"] == "utilization above 1: pbt is longer than calendar"
    (row,) = invoke("analyze", "teep", "--on", _csv(tmp_path, **OEE, calendar="200", aust="20")).rows
    assert (
        row["nee_index"] > row["oee_index"] and row["note"] == "use above 1: apt and aust together are longer than pbt"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"pri": '"1,500"'},
            "row 1 of shifts: pri is '1,500', no number\n  numbers are written 1234.5, without a unit\n",
        ),
        ({"apt": "90 s"}, "row 1 of shifts: apt is '90 s', no number\n"),
    ],
    ids=["comma", "unit"],
)
def test_a_text_where_a_number_should_be(invoke: Run, tmp_path: Path, changes: dict[str, str], said: str) -> None:
    result = invoke("analyze", "oee", "--on", _csv(tmp_path, **(OEE | changes)))
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"omptool: {said}")
    assert result.err.endswith("=COLUMN\n")


def _count(invoke: Run, path: Path, *given: str) -> Result:
    return invoke("analyze", "aggregate", "--on", path, "--param", "aggregate=Count", *given)


BARE = "time,value\n2026-11-16T06:00:00,1\n2026-11-16T06:00:01,2\n,7\n2026-11-16T06:00:02,4\n"


def test_bare_times_are_of_the_zone_that_the_window_is_of(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(BARE, encoding="utf-8")
    window = ("--start", "2026-11-16T06:00:00", "--end", "2026-11-16T06:00:10")
    result = _count(invoke, Path("v.csv"), "--tz", "Europe/Berlin", *window)
    assert [(row["time"], row["value"]) for row in result.rows] == [("2026-11-16T05:00:00Z", 3)]
    assert "note: times of v without an offset are read as Europe/Berlin; --tz names another zone\n" in result.err
    assert result.code == 3 and "1 of 4 rows of v are left out: no time\n" in result.err


@pytest.mark.parametrize(
    ("times", "first"),
    [
        (["2026-11-16T06:00:00", "2026-11-16T06:30:00Z"], "2026-11-16T05:00:00Z"),
        (["2026-11-16 06:00", "2026-11-16 06:30"], "2026-11-16T05:00:00Z"),
        (["2026-11-16T06:00:00+02:00", "2026-11-16T06:30:00+02:00"], "2026-11-16T04:00:00Z"),
        (["2026-11-16", "2026-11-17"], "2026-11-15T23:00:00Z"),
        ([datetime(2026, 11, 16, 6), datetime(2026, 11, 16, 7)], "2026-11-16T05:00:00Z"),
        ([datetime(2026, 11, 16, 6).date(), datetime(2026, 11, 17, 6).date()], "2026-11-15T23:00:00Z"),
        ([datetime(2026, 11, 16, 6, tzinfo=UTC), datetime(2026, 11, 16, 7, tzinfo=UTC)], "2026-11-16T06:00:00Z"),
    ],
    ids=["mixed", "minutes", "offset", "dates as text", "bare", "dates", "with a zone"],
)
def test_times_of_every_form(invoke: Run, tmp_path: Path, times: list[Any], first: str) -> None:
    pq.write_table(pa.table({"time": times, "value": [1.0, 2.0]}), tmp_path / "v.parquet")
    result = _count(invoke, tmp_path / "v.parquet", "--tz", "Europe/Berlin")
    assert [(row["time"], row["value"]) for row in result.rows] == [(first, 2)]
    bare = (isinstance(times[0], str) and len(times[0]) < 20) or getattr(times[0], "tzinfo", None) is None
    assert ("without an offset" in result.err) is (bare and "+" not in str(times[0]))


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (
            ["2026-11-16T06:00:00Z", "broken"],
            "row 2 of v: time is 'broken', no time\n  times are written 2026-11-16T07",
        ),
        ([1763276400, 1763276401], "the column time of v has int64; time wants times\n"),
        ([True, False], "the column time of v has bool; time wants times\n"),
    ],
    ids=["text", "seconds", "flags"],
)
def test_what_is_no_time(invoke: Run, tmp_path: Path, times: list[Any], said: str) -> None:
    pq.write_table(pa.table({"time": times, "value": [1.0, 2.0]}), tmp_path / "v.parquet")
    result = _count(invoke, tmp_path / "v.parquet")
    assert result.out == ""
    assert result.err.startswith(f"omptool: {said}")
    assert "--map time=COLUMN" in result.err


def test_seconds_become_times_as_the_error_says(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("time,value\n1763276400,1\n1763276401,2\n", encoding="utf-8")
    said = _count(invoke, Path("v.csv")).err
    statement = said.partition("omptool query '")[2].partition("' --on FILE")[0]
    assert invoke("query", statement, "--on", "v.csv", "-o", "new.csv").code == 0
    assert [row["time"] for row in _count(invoke, Path("new.csv")).rows] == ["2025-11-16T07:00:00Z"]


def test_an_annotation_at_no_time(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("time,value\n2026-11-16T06:00:00Z,1\n", encoding="utf-8")
    notes = tmp_path / "notes.csv"
    notes.write_text("time,text\n2026-11-16T06:00:00.5Z,x\nbroken,z\n", encoding="utf-8")
    asked = (
        "analyze",
        "aggregate",
        "--on",
        "v.csv",
        "--on",
        "annotations=notes.csv",
        "--param",
        "aggregate=AnnotationCount",
    )
    result = invoke(*asked)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("omptool: row 2 of annotations: time is 'broken', no time\n")


EDGES = """parent,child,time,station
Box1,Shaft1,2026-11-16T06:00:00Z,S1
Car9,Box1,2026-11-16T07:00:00Z,S2
Car8,Box1,2026-11-16T06:30:00Z,S2
,Bolt,2026-11-16T06:45:00Z,S2
"""


def test_what_was_built_into_what_is_read_from_a_table(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text(EDGES, encoding="utf-8")
    asked = ("analyze", "genealogy", "--on", Path("edges.csv"))
    found = invoke(*asked)
    rows = [(row["station"], row["serial"], row["child"], row["parent"], row["percent_good"]) for row in found.rows]
    assert rows == [
        ("S1", "Box1", "Shaft1", "Car9", 100), ("S2", "Car9", "Box1", None, 100), ("S2", "Car8", "Box1", None, 100),
        ("S2", None, "Bolt", None, 0),
    ]  # fmt: skip
    assert found.code == 3 and "1 rest on values that were not all Good" in found.err
    cut = invoke(*asked, "--start", "2026-11-16T06:15:00Z", "--end", "2026-11-16T06:45:00Z")
    assert (cut.code, [row["entered"] for row in cut.rows]) == (0, ["2026-11-16T06:30:00Z"])
    none = invoke(*asked, "--start", "2027-01-01")
    assert (none.code, none.err) == (3, "exit 3: no row of edges lies in the window\n")


def test_edges_have_numbers_and_names_of_their_own(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("a,b\n1,2\n2,3\n", encoding="utf-8")
    asked = ("analyze", "genealogy", "--on", Path("e.csv"), "--map", "serial=a", "--map", "child=b")
    found = invoke(*asked)
    assert (found.code, [(row["serial"], row["child"], row["parent"]) for row in found.rows]) == (
        0, [(1, 2, None), (2, 3, "1")]
    )  # fmt: skip
    refused = invoke(*asked, "--start", "2026-01-01")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("omptool: e has no column time to cut\n")
