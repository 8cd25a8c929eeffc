"""`omptool analyze` of plain tables with times that nobody can read, that never come, or that a clock showed twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Result

Run = Callable[..., Result]
SHUFFLED = "time,value\n16.11.2026 06:03,3\n16.11.2026 06:01,1\n16.11.2026 06:02,2\n16.11.2026 06:00,0\n"
DAY = "2026-11-16T0"


def _of(folder: Path, content: str) -> Path:
    (folder / "x.csv").write_text(content, encoding="utf-8")
    return folder / "x.csv"


def test_times_that_cannot_be_read_are_told(invoke: Run, tmp_path: Path) -> None:
    asked = ("analyze", "drift", "--on", _of(tmp_path, SHUFFLED))
    by_name = invoke(*asked)
    assert (by_name.code, by_name.rows[0]["per"]) == (3, "point")
    assert "time of x: '16.11.2026 06:00' and 3 more are no times: rows are taken as they come\n" in by_name.err
    for given in (["--map", "time=time"], ["--by", "hour"], ["--start", "2026-11-16"]):
        result = invoke(*asked, *given)
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith("omptool: row 1 of x: time is '16.11.2026 06:03', no time\n")


def test_one_time_that_cannot_be_read(invoke: Run, tmp_path: Path) -> None:
    path = _of(tmp_path, f"time,value\n{DAY}6:00:00Z,1\n16.11.2026 06:01,2\n")
    result = invoke("analyze", "drift", "--on", path)
    said = "1 of 2 rows of x are left out: no time; time of x: '16.11.2026 06:01' is no time"
    assert (result.code, result.err) == (3, f"exit 3: {said}\n")


def test_numbers_are_no_times(invoke: Run, tmp_path: Path) -> None:
    path = _of(tmp_path, "time,value\n1763000060,1\n1763000000,0\n")
    by_name = invoke("analyze", "i_mr", "--on", path)
    assert "note: time of x has int64, which is no time: rows are taken as they come\n" in by_name.err
    named = invoke("analyze", "i_mr", "--on", path, "--map", "time=time")
    assert named.code == 2 and "SELECT * REPLACE (to_timestamp(" in named.err


@pytest.mark.parametrize(
    ("end", "code", "says"),
    [
        ("16.11.2026 06:01", 1, "row 2 of x: end is '16.11.2026 06:01', no time\n"),
        ("n/a", 1, "row 2 of x: end is 'n/a', no time\n"),
        ("infinity", 0, ""),
        ("9999-12-31T00:00:00Z", 0, ""),
        ("2099-12-31T00:00:00Z", 0, ""),
        ("", 0, ""),
    ],
)
def test_an_alarm_stands_where_nobody_knows_an_end(invoke: Run, tmp_path: Path, end: str, code: int, says: str) -> None:
    path = _of(tmp_path, f"time,source,end\n{DAY}6:00:00Z,A,{DAY}6:01:00Z\n{DAY}6:30:00Z,A,{end}\n")
    result = invoke("analyze", "alarm_rate", "--on", path)
    assert result.code == code and says in result.err, result.err
    found = [(row["alarms"], row["standing"], row["end"]) for row in result.rows]
    assert found == ([] if code else [(2, 1, "2026-11-16T06:30:00.001Z")])


def test_an_end_that_is_a_number_is_refused(invoke: Run, tmp_path: Path) -> None:
    path = _of(tmp_path, f"time,source,end\n{DAY}6:00:00Z,A,1794808900\n")
    result = invoke("analyze", "alarm_rate", "--on", path)
    assert result.code == 2 and "the column end of x has int64; till wants times\n" in result.err


@pytest.mark.parametrize("far", ["infinity", "9999-12-31T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_moment_that_never_comes_is_no_time(invoke: Run, tmp_path: Path, far: str) -> None:
    path = _of(tmp_path, f"time,value\n{DAY}6:00:00Z,1\n{DAY}6:01:00Z,2\n{far},3\n")
    chart = invoke("analyze", "i_mr", "--on", path)
    assert (chart.code, [row["value"] for row in chart.rows]) == (3, [1, 2])
    assert "1 of 3 rows of x are left out: no time" in chart.err
    counted = invoke("analyze", "aggregate", "--on", path, "--param", "aggregate=Count")
    assert (counted.code, [row["value"] for row in counted.rows]) == (3, [2])
    assert "1 of 3 rows of x are left out: no time\n" in counted.err


@pytest.mark.parametrize("window", [(), ("--start", "2026-11-16", "--end", "2026-11-17")])
def test_without_any_time_there_is_nothing_to_aggregate(invoke: Run, tmp_path: Path, window: tuple[str, ...]) -> None:
    path = _of(tmp_path, "time,value\n,1\nsoon,2\n" if not window else "time,value\n,1\n,2\n")
    result = invoke("analyze", "aggregate", "--on", path, "--param", "aggregate=Count", *window)
    assert (result.code, result.out) == (1, "")
    assert "=COLUMN\n" in result.err


def test_a_table_without_rows_has_no_window_of_its_own(invoke: Run, tmp_path: Path) -> None:
    asked = ("analyze", "aggregate", "--on", _of(tmp_path, "time,value\n"), "--param", "aggregate=Count")
    bare = invoke(*asked)
    assert (bare.code, bare.out) == (1, "") and "name the window: --start and --end" in bare.err
    named = invoke(*asked, "--start", "2026-11-16", "--end", "2026-11-17")
    assert (named.code, [row["status_name"] for row in named.rows]) == (3, ["BadNoData"])


def test_a_window_beside_the_rows(invoke: Run, tmp_path: Path) -> None:
    path = _of(tmp_path, f"time,value\n,9\n,8\n{DAY}6:00:00Z,1\n{DAY}6:01:00Z,2\n{DAY}6:02:00Z,3\n")
    asked = ("analyze", "i_mr", "--on", path)
    whole = invoke(*asked)
    cut = invoke(*asked, "--start", f"{DAY}6:00:00Z")
    assert (cut.code, cut.out, cut.err) == (3, whole.out, whole.err)
    assert "2 of 5 rows of x are left out: no time" in cut.err
    later = invoke(*asked, "--start", "2030-01-01")
    assert (later.code, later.err) == (3, "exit 3: no row of x lies in the window\n")
    turned = invoke(*asked, "--start", "2030-01-01", "--end", "2029-01-01")
    assert turned.code == 2 and "the window is empty: it ends before it starts" in turned.err


@pytest.mark.parametrize("form", ["2026-10-25 0{}:30:00", "2026/10/25 0{}:30:00"])
def test_the_hour_that_a_clock_shows_twice(invoke: Run, tmp_path: Path, form: str) -> None:
    """Rows and the window mean the same one."""
    lines = [f"{form.format(hour)},{hour}" for hour in range(4)]
    path = _of(tmp_path, "\n".join(["time,value", *lines]) + "\n")
    window = ("--start", "2026-10-25T02:00", "--end", "2026-10-25T02:45")
    result = invoke("analyze", "aggregate", "--on", path, "--tz", "Europe/Berlin", *window, "--param", "aggregate=End")
    assert [(row["time"], row["value"]) for row in result.rows] == [("2026-10-25T00:30:00Z", 2)]
    assert "times of x without an offset are read as Europe/Berlin" in result.err
    assert "times of x in the hour that Europe/Berlin has twice are those of its first one\n" in result.err
    elsewhere = invoke("analyze", "aggregate", "--on", path, "--tz", "Asia/Tokyo", "--param", "aggregate=Count")
    assert "twice" not in elsewhere.err
