"""`omptool analyze aggregate` as a user types it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.demo.schedule import Plant
from omptool.lake.convert import convert
from tests.analytics.part13_reference import rows, status
from tests.analytics.plants import Recorded, gap, ns, telemetry
from tests.conftest import Result

Run = Callable[..., Result]
START, END = "2026-11-16T07:00:00+00:00", "2026-11-16T08:00:00+00:00"
WINDOW = ("--start", "2012-01-01T12:00:00Z", "--end", "2012-01-01T12:01:40Z")


def _history(folder: Path, name: str) -> Path:
    found = [row for row in rows("historian_inputs") if row["historian"] == name]
    lines = [f"2012-01-01T{row['timestamp']}Z,{row['value']},{row['statuscode']}" for row in found]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(["time,value,status", *lines]) + "\n", encoding="utf-8")
    return path


def _params(name: str) -> list[str]:
    config = next(row for row in rows("historian_config") if row["historian"] == name)
    keys = ("treat_uncertain_as_bad", "stepped", "percent_data_bad", "percent_data_good")
    return [word for key in keys for word in ("--param", f"{key}={config[key]}")]


@pytest.mark.parametrize(
    ("history", "aggregate", "seconds"), [("H1", "TimeAverage2", 5), ("H3", "Minimum2", 16), ("H4", "PercentGood", 16)]
)
def test_a_plain_table_gives_the_published_rows(
    invoke: Run, tmp_path: Path, history: str, aggregate: str, seconds: int
) -> None:
    asked = ("--param", f"aggregate={aggregate}", "--param", f"interval={seconds}s", *_params(history))
    result = invoke("analyze", "aggregate", "--on", _history(tmp_path, history), *WINDOW, *asked)
    assert result.code == 3  # the first seconds have no data
    found = {row["time"].removeprefix("2012-01-01T").rstrip("Z"): row for row in result.rows}
    published = [*rows("annexA_v104_expected"), *rows("nodeopcua_expected")]
    published = [row for row in published if (row["historian"], row["aggregate"]) == (history, aggregate)]
    assert published
    for row in published:
        mine = found[row["timestamp"].removesuffix(".000")]
        assert mine["status"] == status(row["statuscode"])
        assert mine["value"] == (pytest.approx(float(row["value"]), abs=0.0005) if row["value"] else None)
    assert list(result.rows[0])[:2] == ["time", "value"]


def test_an_interval_of_0_is_the_whole_window(invoke: Run, tmp_path: Path) -> None:
    given = ("analyze", "aggregate", "--on", _history(tmp_path, "H1"), *WINDOW, "--param", "aggregate=Count")
    whole = invoke(*given, "--param", "interval=0")
    assert len(whole.rows) == 1
    assert whole.out == invoke(*given).out


def test_start_behind_end_walks_back(invoke: Run, tmp_path: Path) -> None:
    asked = ("--param", "aggregate=start", "--param", "interval=30s")
    back = ("--start", WINDOW[3], "--end", WINDOW[1])
    given = ("analyze", "aggregate", "--on", _history(tmp_path, "H2"), *back)
    result = invoke(*given, *asked)
    assert [row["time"][-6:] for row in result.rows] == ["01:12Z", "00:42Z", "00:25Z", "00:02Z"]
    result = invoke(*given, "--param", "aggregate=Count", *asked[2:])
    assert [row["time"][-6:] for row in result.rows] == ["01:40Z", "01:10Z", "00:40Z", "00:10Z"]


def test_annotations_are_counted(invoke: Run, tmp_path: Path) -> None:
    noted = [f"2012-01-01T{row['data_timestamp']}Z" for row in rows("historian1_annotations")]
    (tmp_path / "remarks.csv").write_text("\n".join(["time", *noted]) + "\n", encoding="utf-8")
    sources = ("--on", _history(tmp_path, "H1"), "--on", "annotations=remarks.csv")
    asked = ("--param", "aggregate=AnnotationCount", "--param", "interval=60s")
    result = invoke("analyze", "aggregate", *sources, *WINDOW, *asked)
    assert [row["value"] for row in result.rows] == [3, 1]


def test_tags_of_a_lake_with_a_gap(invoke: Run, tmp_path: Path) -> None:
    gaps = [gap("2026-11-16T07:15:00+00:00", "2026-11-16T07:30:00+00:00")]
    convert([Recorded(telemetry(Plant(1), ns(START), ns(END)), gaps)], tmp_path / "lake")  # type: ignore[list-item]
    asked = ("--param", "aggregate=Delta", "--param", "interval=30m", "--map", "value=GoodCount")
    result = invoke("analyze", "aggregate", "--on", "lake", "--start", START, "--end", END, *asked)
    assert result.code == 3
    assert [(row["machine"], row["coverage"]) for row in result.rows][:2] == [("CNC1", 0.5), ("CNC1", 1)]
    assert all(row["tag"] == "GoodCount" and row["value"] >= 0 for row in result.rows)
    text = invoke("analyze", "aggregate", "--on", "lake", "--param", "aggregate=End", "--map", "value=M*Mode/*")
    assert {row["value_text"] for row in text.rows} <= {"Processing", "Setup", "Maintenance", "None"}
    assert {row["value"] for row in text.rows} == {None}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ([], "omptool: which aggregate?\n  --param aggregate=NAME, one of Interpolative"),
        (["aggregate=TimeAvg"], "omptool: no aggregate TimeAvg\n  did you mean TimeAverage"),
        (["aggregate=Count", "interval=5"], "omptool: --param interval: 5 is no duration\n  write 5s"),
        (["aggregate=Count", "interval=1ms"], "omptool: the window has 31,"),
        (["aggregate=Count", "start=2012-01-01", "end=2012-01-01"], "omptool: the window is empty: start = end"),
    ],
    ids=str,
)
def test_what_cannot_be_asked(invoke: Run, tmp_path: Path, asked: list[str], says: str) -> None:
    window = [] if any("start" in text for text in asked) else ["--start", "2012-01-01", "--end", "2013-01-01"]
    params = [word for text in asked for word in ("--param", text)]
    result = invoke("analyze", "aggregate", "--on", _history(tmp_path, "H1"), *window, *params)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(says)


def test_more_rows_than_fit_are_refused_before_they_are_made(invoke: Run, tmp_path: Path) -> None:
    """The limit of one tag holds for all tags together."""
    convert([Recorded(telemetry(Plant(1), ns(START), ns(END)))], tmp_path / "lake")  # type: ignore[list-item]
    given = ("--start", "2026-10-01", "--end", "2026-11-20", "--param", "aggregate=Count", "--param", "interval=1s")
    result = invoke("analyze", "aggregate", "--on", "lake", *given)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(
        "omptool: 42 tags with 4,320,000 intervals each are 181,440,000 rows, more than 10,000,000\n"
    )
    assert "--map value=GLOB" in result.err
