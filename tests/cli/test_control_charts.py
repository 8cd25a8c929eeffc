"""Control charts as a user types them: of plain tables, of a lake with a gap, with wrong input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.demo.schedule import Plant
from omptool.lake.convert import convert
from tests.analytics.plants import Recorded, gap, ns, telemetry
from tests.analytics.spc_reference import FOLDER
from tests.conftest import Result

Run = Callable[..., Result]
START, END = "2026-11-16T07:00:00+00:00", "2026-11-16T08:00:00+00:00"
TIRES = ("--on", FOLDER / "spc_sas_tires_individuals.csv", "--map", "value=diameter")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("charts") / "lake"
    rows = telemetry(Plant(1), ns(START), ns(END), ("PackageWeight", "GoodCount", "PeakForce"))
    gaps = [gap("2026-11-16T07:15:00+00:00", "2026-11-16T07:30:00+00:00")]
    convert([Recorded(rows, gaps)], folder)  # type: ignore[list-item]
    return folder


def test_a_plain_table_in_the_order_that_a_column_says(invoke: Run, tmp_path: Path) -> None:
    lines = (FOLDER / "spc_sas_tires_individuals.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "upside_down.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n", encoding="utf-8")
    columns = ("--map", "value=diameter", "--map", "order=sample")
    result = invoke("analyze", "i_mr", *TIRES, "--map", "order=sample")
    assert (result.code, result.err) == (0, "")
    assert invoke("analyze", "i_mr", "--on", "upside_down.csv", *columns).out == result.out
    assert [row["label"] for row in result.rows] == [str(n) for n in range(1, 31)]
    assert result.rows[0]["ucl"] == pytest.approx(24.1596, abs=0.00005)


def test_values_that_are_none_are_left_out_and_counted(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("value\n1.5\nNA\nnan\n\n2.5\ninf\n", encoding="utf-8")
    result = invoke("analyze", "i_mr", "--on", "x.csv")
    assert result.code == 3
    assert result.err == "exit 3: 4 of 6 rows of x are left out: no number in value\n"
    assert [row["value"] for row in result.rows] == [1.5, 2.5]
    assert result.rows[0]["percent_good"] == pytest.approx(100 / 3)


def test_a_table_without_rows_says_so(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("value,time\n", encoding="utf-8")
    result = invoke("analyze", "i_mr", "--on", "x.csv")
    assert (result.code, result.rows) == (3, [])
    assert result.err == "exit 3: x has no rows\n"


def test_times_of_a_table_cut_it_and_name_the_baseline(invoke: Run, tmp_path: Path) -> None:
    lines = [f"2026-11-16T07:00:{second:02}Z,{second % 3 + (10 if second > 30 else 0)}" for second in range(40)]
    (tmp_path / "x.csv").write_text("\n".join(["time,value", *lines]) + "\n", encoding="utf-8")
    window = ("--start", "2026-11-16T07:00:10Z", "--end", "2026-11-16T07:00:35Z")
    baseline = ("--param", "baseline_end=2026-11-16T07:00:30Z", "--tz", "UTC")
    result = invoke("analyze", "i_mr", "--on", "x.csv", *window, *baseline)
    assert result.code == 0
    assert [row["phase"] for row in result.rows] == [1] * 20 + [2] * 5
    assert [row["point"] for row in result.rows if "WER1" in (row["violations"] or "")] == [22, 23, 24, 25]
    assert result.rows[0]["time"] == "2026-11-16T07:00:10Z"
    bare = invoke("analyze", "i_mr", "--on", "x.csv", *window, "--param", "baseline_end=2026-11-16", "--tz", "UTC")
    assert bare.rows[0]["note"].startswith("no point lies in the baseline; too few values")


def test_a_column_named_time_that_is_none_is_no_time(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("time,value\n0.5,1\n1.0,2\n", encoding="utf-8")
    result = invoke("analyze", "i_mr", "--on", "x.csv")
    assert (result.code, [row["time"] for row in result.rows]) == (0, [None, None])


def test_tags_of_a_lake_with_a_gap(invoke: Run, lake: Path) -> None:
    asked = ("--start", START, "--end", END, "--map", "value={PackageWeight,PeakForce}")
    result = invoke("analyze", "i_mr", "--on", lake, *asked, "--param", "show=summary")
    assert result.code == 3
    assert result.err.startswith("exit 3: 4 of 4 charts saw less than their whole window (coverage down to 0.7")
    assert sorted((row["machine"], row["tag"]) for row in result.rows) == [
        ("Packer1", "PackageWeight"),
        ("Packer2", "PackageWeight"),
        ("Press1", "PeakForce"),
        ("Press2", "PeakForce"),
    ]
    assert all(row["lcl"] < row["center"] < row["ucl"] and row["points"] == row["n"] for row in result.rows)
    by_line = invoke("analyze", "i_mr", "--on", lake, *asked, "--by", "line")
    assert list(by_line.rows[0])[:3] == ["line", "machine", "tag"]  # a line has two machines with this tag
    assert len(by_line.rows) == sum(row["n"] for row in result.rows)
    assert by_line.rows[0]["time"] > "2026-11-16T07:00:00Z"


def test_a_row_without_a_time_is_left_out_where_others_have_one(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("time,value\n2026-11-16T07:00:00Z,1\n,2\n2026-11-16T07:00:01Z,3\n")
    result = invoke("analyze", "i_mr", "--on", "x.csv")
    assert (result.code, [row["value"] for row in result.rows]) == (3, [1, 3])
    assert result.rows[0]["percent_good"] == pytest.approx(200 / 3)


def test_a_tag_of_texts_has_no_chart_and_is_told(invoke: Run, tmp_path: Path) -> None:
    rows = telemetry(Plant(1), ns(START), ns(END), ("Product", "PeakForce"))
    convert([Recorded(rows)], tmp_path / "texts")  # type: ignore[list-item]
    result = invoke("analyze", "i_mr", "--on", "texts", "--map", "value=Product", "--start", START, "--end", END)
    assert (result.code, result.out) == (3, "")
    assert "note: no number in the window: Product of " in result.err and " and 2 more\n" in result.err
    assert "percent_good down to 0.0" in result.err


def test_values_between_changes_of_a_tag_belong_together(invoke: Run, lake: Path) -> None:
    asked = ("--start", START, "--end", END, "--map", "value=PeakForce", "--map", "subgroup=GoodCount")
    result = invoke("analyze", "i_mr", "--on", lake, *asked)
    first = [row for row in result.rows if row["machine"] == "Press1"]
    assert first[0]["n"] == sum(row["size"] for row in first)
    labels = [int(row["label"]) for row in first]
    assert labels == sorted(set(labels))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--by", "shift"], "--by shift needs the shifts of the plant"),
        (["--param", "rules=nelso"], "there is no rule nelso\n  did you mean nelson?"),
        (["--start", END, "--end", START], "the window is empty"),
        (["--param", "baseline_start=noon"], "--param baseline_start"),
    ],
)
def test_what_is_wrong_is_said(invoke: Run, lake: Path, arguments: list[str], says: str) -> None:
    result = invoke("analyze", "i_mr", "--on", lake, "--map", "value=PeakForce", *arguments)
    assert result.code == 2 and says in result.err


def test_times_that_a_table_does_not_have(invoke: Run) -> None:
    cut = invoke("analyze", "i_mr", *TIRES, "--start", "2026-01-01")
    assert (cut.code, cut.err) == (
        2,
        "omptool: spc_sas_tires_individuals has no times to cut\n  leave out --start and --end, or --map time=COLUMN\n",
    )
    baseline = invoke("analyze", "i_mr", *TIRES, "--param", "baseline_end=2026-01-01")
    assert baseline.code == 2 and "has no times\n  --map time=COLUMN, or --param baseline=25" in baseline.err


def test_a_chart_that_no_subgroup_fills_says_so(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("value\n1\n2\n3\n", encoding="utf-8")
    result = invoke("analyze", "xbar_r", "--on", "x.csv")
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("note: x: 3 values at the end fill no subgroup")
    assert len(invoke("analyze", "xbar_r", "--on", "x.csv", "--param", "size=3").rows) == 1


def test_a_table_by_hour(invoke: Run, tmp_path: Path) -> None:
    lines = [f"2026-11-16T{7 + n // 4:02}:{n % 4 * 15:02}:00Z,{n % 3}" for n in range(12)]
    text = "\n".join(["time,value", *reversed(lines), "2026-11-16T08:01:00Z,x"])
    (tmp_path / "x.csv").write_text(text + "\n", encoding="utf-8")
    asked = ("analyze", "i_mr", "--on", "x.csv", "--by", "hour")
    result = invoke(*asked)
    assert (result.code, result.err) == (3, "exit 3: 1 of 13 rows of x are left out: no number in value\n")
    assert list(result.rows[0])[:3] == ["start", "end", "point"]
    assert [(row["start"][11:13], row["point"]) for row in result.rows] == [
        (hour, point) for hour in ("07", "08", "09") for point in (1, 2, 3, 4)
    ]
    assert [row["percent_good"] for row in result.rows][::4] == [100, 80, 100]
    (tmp_path / "x.csv").write_text("\n".join(["time,value", *lines, ",7"]) + "\n", encoding="utf-8")
    lost = invoke(*asked)
    assert lost.code == 3 and len(lost.rows) == 12 and "1 of 13 rows of x are left out: no time" in lost.err
    (tmp_path / "x.csv").write_text("time,value\n", encoding="utf-8")
    nothing = invoke(*asked)
    assert (nothing.code, nothing.rows) == (3, [])


def test_a_table_is_not_grouped_by_what_it_does_not_have(invoke: Run) -> None:
    times = invoke("analyze", "i_mr", *TIRES, "--by", "day")
    assert (times.code, times.err) == (
        2,
        "omptool: spc_sas_tires_individuals has no times to group by day\n  --map time=COLUMN, or leave out --by\n",
    )
    places = invoke("analyze", "i_mr", *TIRES, "--by", "line,day")
    assert places.code == 2 and "it has no line\n  --by takes hour, day or shift" in places.err


def test_charts_by_hour_are_drawn_one_by_one(invoke: Run, lake: Path) -> None:
    asked = ("--on", lake, "--start", "2026-11-16T06:30:00Z", "--end", END, "--map", "value=PeakForce", "--by", "hour")
    for name in ("i_mr", "capability", "drift", "tool_wear"):
        drawn = invoke("analyze", name, *asked, "--chart")
        assert "Press1  PeakForce  2026-11-16 07:00 UTC" in drawn.out, (name, drawn.out, drawn.err)


def test_capability_by_the_specification_of_the_plant(invoke: Run, lake: Path, tmp_path: Path) -> None:
    (tmp_path / "plant.toml").write_text(
        '[[spec]]\ntag = "PackageWeight"\nlsl = 730\nusl = 750\n'
        '[[spec]]\ntag = "Peak*"\nmachine = "Press1"\nusl = 1600\n'
    )
    asked = ("--on", lake, "--start", START, "--end", END)
    result = invoke("analyze", "capability", *asked, "--plant", "plant.toml")
    assert result.code == 3
    found = {(row["machine"], row["tag"]): row for row in result.rows}
    assert set(found) >= {("Packer1", "PackageWeight"), ("Packer2", "PackageWeight"), ("Press1", "PeakForce")}
    assert (found["Packer1", "PackageWeight"]["lsl"], found["Packer1", "PackageWeight"]["target"]) == (730, 740)
    assert found["Press1", "PeakForce"]["cp"] is None and found["Press1", "PeakForce"]["cpk"] > 0
    assert found["Press1", "PeakForce"]["start"] == "2026-11-16T07:00:00Z"
    typed = invoke("analyze", "capability", *asked, "--map", "value=PeakForce", "--param", "usl=1600")
    assert next(row["cpk"] for row in typed.rows) == found["Press1", "PeakForce"]["cpk"]
    wrong = invoke("analyze", "capability", *asked, "--map", "value=PeakForce", "--param", "lsl=2", "--param", "usl=1")
    assert (wrong.code, wrong.err.splitlines()[0]) == (2, "omptool: lsl = 2 is not below usl = 1")


def test_a_column_without_numbers_is_shown(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("value,day\n10 mm,Mon\n9 mm,Tue\n", encoding="utf-8")
    result = invoke("analyze", "i_mr", "--on", "x.csv")
    assert (result.code, result.rows) == (3, [])
    assert "note: no number in the column value of x: it says 10 mm, 9 mm; numbers are written 10.5" in result.err
    assert "exit 3: 2 of 2 rows of x are left out: no number in value\n" in result.err


@pytest.mark.parametrize("name", ["spc_rules", "i_mr", "ewma", "cusum", "xbar_r"])
def test_no_limits_are_not_the_same_as_no_violation(invoke: Run, tmp_path: Path, name: str) -> None:
    lines = [f"2026-11-16T07:00:{second:02}Z,{second % 3}" for second in range(40)]
    (tmp_path / "x.csv").write_text("\n".join(["time,value", *lines]) + "\n", encoding="utf-8")
    shown = [] if name == "spc_rules" else ["--param", "show=signals"]
    size = ["--param", "size=5"] if name == "xbar_r" else []
    asked = ("analyze", name, "--on", "x.csv", *shown, *size)
    result = invoke(*asked, "--param", "baseline_end=2026-11-15T00:00:00Z")
    assert (result.code, result.out) == (3, "")
    assert "note: x: no point lies in the baseline" in result.err
    assert "exit 3: no chart could be judged: there are no limits\n" in result.err
    whole = invoke(*asked)
    assert (whole.code, whole.err) == (0, "")


def test_words_that_name_no_baseline_are_shown(invoke: Run, tmp_path: Path) -> None:
    lines = [f"{place % 3},Phase {1 + place // 20}" for place in range(40)]
    (tmp_path / "x.csv").write_text("\n".join(["value,baseline", *lines]) + "\n", encoding="utf-8")
    result = invoke("analyze", "spc_rules", "--on", "x.csv")
    assert (result.code, result.out) == (3, "")
    assert "note: x: the column of the baseline says Phase 1, Phase 2: true, 1 or yes is what limits come" in result.err


def test_values_that_fill_no_subgroup_are_told(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("value\n" + "1\n2\n" * 3, encoding="utf-8")
    none = invoke("analyze", "xbar_r", "--on", "x.csv", "--param", "size=7")
    assert (none.code, none.out) == (3, "")
    assert "note: x: 6 values at the end fill no subgroup; no subgroup of the baseline has two values" in none.err
    some = invoke("analyze", "spc_rules", "--on", "x.csv", "--param", "size=4")
    assert (some.code, some.out, some.err) == (0, "", "note: x: 2 values at the end fill no subgroup\n")


def test_a_tag_without_limits_does_not_hide_behind_one_that_has_some(invoke: Run, lake: Path) -> None:
    asked = ("--start", START, "--end", END, "--map", "value={PackageWeight,PeakForce}", "--param", "size=2000")
    result = invoke("analyze", "spc_rules", "--on", lake, *asked)
    assert result.code == 3 and "note: " in result.err and "fill no subgroup; " in result.err


def test_no_violation_is_an_answer(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("value\n1\n2\n1\n2\n", encoding="utf-8")
    result = invoke("analyze", "spc_rules", "--on", "x.csv")
    assert (result.code, result.out, result.err) == (0, "", "")
