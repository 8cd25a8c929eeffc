"""`analyze --chart`: each picture as it is drawn, in 80 columns, in ASCII, and with nothing to draw."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from omptool.analytics import catalog
from omptool.cli import terminal
from omptool.cli.pictures.control import Series, control
from omptool.cli.pictures.glyphs import ASCII, UNICODE, bar, choose
from omptool.cli.pictures.histogram import histogram
from omptool.cli.pictures.pareto import pareto
from omptool.cli.pictures.plot import short
from omptool.cli.pictures.stack import stack
from omptool.cli.pictures.timeline import Piece, timeline
from tests.conftest import ROOT, Result

Run = Callable[..., Result]
SAMPLE = ROOT / "sample_data" / "press-line" / "lake"
GOLDEN = ROOT / "tests" / "golden"
T0 = datetime(2026, 11, 16, 6, tzinfo=UTC)
OPTIONS = {"i_mr": ["--map", "value=PeakForce"]}


def _golden(name: str, text: str) -> None:
    """`REGOLD=1 pytest` writes the file anew."""
    path = GOLDEN / name
    if os.environ.get("REGOLD"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["downtime_pareto", "state_timeline", "energy", "i_mr"])
def test_pictures_of_the_sample(invoke: Run, name: str) -> None:
    result = invoke("analyze", name, "--on", SAMPLE, "--chart", *OPTIONS.get(name, []))
    assert result.code == 3
    _golden(f"chart-{name}.txt", result.out)
    assert max(map(terminal.width, result.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "options"),
    [("drift", ["--map", "value=TemperatureSpindle"]), ("tool_wear", ["--param", "limit=25.02"])],
)
def test_pictures_of_what_drifts_and_wears(invoke: Run, name: str, options: list[str]) -> None:
    lake = ROOT / "sample_data" / "cnc-cell" / "lake"
    window = ["--start", "2026-11-16T23:00Z", "--end", "2026-11-17T06:30Z", "--tz", "UTC"]
    result = invoke("analyze", name, "--on", lake, *window, "--chart", *options)
    _golden(f"chart-{name}.txt", result.out)
    assert max(map(terminal.width, result.out.splitlines())) <= 80


def test_a_table_without_times_wears_by_its_rows(invoke: Run, tmp_path: Path) -> None:
    falls = [40 - (row % 40) + 0.1 * (row % 3) for row in range(100)]
    (tmp_path / "bore.csv").write_text("value\n" + "".join(f"{value}\n" for value in falls), encoding="utf-8")
    drawn = invoke("analyze", "tool_wear", "--on", "bore.csv", "--chart", "--param", "direction=down").out
    assert "^1" in drawn and "^3" in drawn and "tool 1: 40 values" in drawn and "#100" in drawn
    straight = invoke("analyze", "drift", "--on", "bore.csv", "--chart").out
    assert "baseline" in straight and "#100" in straight


def test_a_drift_without_values_says_so(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("value\n", encoding="utf-8")
    for name in ("drift", "tool_wear"):
        result = invoke("analyze", name, "--on", "none.csv", "--chart")
        assert result.code == 3
        assert "to draw" in result.out


def test_a_terminal_without_unicode_gets_ascii(invoke: Run) -> None:
    result = invoke("analyze", "state_timeline", "--on", SAMPLE, "--chart", env={"LC_ALL": "C", "COLUMNS": "60"})
    assert result.out.isascii()
    assert "# production" in result.out
    assert max(map(len, result.out.splitlines())) <= 60


def test_the_locale_says_what_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert choose() is UNICODE, "in a container nothing is said, and Unicode is shown"
    monkeypatch.setenv("LANG", "C.UTF-8")
    assert choose() is UNICODE
    monkeypatch.setenv("LC_ALL", "de_DE.ISO-8859-1")
    assert choose() is ASCII


def test_every_analysis_says_whether_it_has_a_picture(invoke: Run) -> None:
    listed = {row["name"]: row["picture"] for row in invoke("analyze", "--list").rows}
    assert listed["oee"] == "bars" and listed["downtime_pareto"] == "pareto" and listed["cycle_time"] == ""
    for name, picture in listed.items():
        assert ("  --chart   " in invoke("analyze", name, "--explain").out) == bool(picture)
        assert catalog.load(name).picture == picture


def test_bars_end_to_an_eighth() -> None:
    assert [bar(length, 2, UNICODE) for length in (0, 1 / 16, 0.5, 15 / 16, 1, 7)] == ["", "▏", "█", "█▉", "██", "██"]
    assert [bar(length, 2, ASCII) for length in (0, 0.5, 1)] == ["", "#", "##"]


def test_the_smallest_reasons_are_summed_up() -> None:
    rows = [(f"reason {n}", 1 / 30, (n + 1) / 30) for n in range(30)]
    lines = pareto(rows, cells=80, glyphs=ASCII)
    assert len(lines) == 22
    assert lines[-1].startswith("10 more") and "100.0 %" in lines[-1]


def test_a_fault_that_is_shorter_than_a_cell_gives_way_to_the_rest() -> None:
    def piece(element: str, since: float, till: float) -> Piece:
        return Piece("M", element, T0 + timedelta(seconds=since), T0 + timedelta(seconds=till))

    pieces = [piece("APT", 0, 60), piece("ADET", 60, 61), piece("APT", 61, 90), piece("ADOT", 90, 100)]
    lines = timeline(pieces, UTC, "UTC", cells=13, glyphs=ASCII)
    assert lines[0] == "M  #########-"
    assert lines[1].strip() == "06:00 … 06:01 UTC"
    assert timeline([], UTC, "UTC", cells=80, glyphs=ASCII) == []


def test_parts_of_a_stack_have_one_scale() -> None:
    lines = stack([("A", 30.0, 10.0), ("B", 10.0, 10.0), ("C", 0.0, 0.0)], ("on", "off"), "kWh", cells=60, glyphs=ASCII)
    assert abs(lines[0].count("#") - 3 * lines[0].count(":")) <= 2, "30 to 10, to the next cell"
    assert abs(lines[1].count("#") - lines[0].count(":")) <= 1, "10 of both, to one scale"
    assert lines[2] == "C   0.0 kWh"
    assert lines[-1] == "# on   : off"


def _series(values: list[float], signals: dict[int, str]) -> Series:
    flat = [0.0] * len(values)
    return Series(
        "M  Tag", values, flat, [-3.0] * len(values), [3.0] * len(values),
        [signals.get(at, "") for at in range(len(values))], [f"#{at + 1}" for at in range(len(values))],
    )  # fmt: skip


def test_a_control_chart_marks_what_violates() -> None:
    values = [math.sin(at) for at in range(20)]
    values[7] = 4.0
    lines = control(_series(values, {7: "WER1"}), cells=80, glyphs=ASCII)
    _golden("chart-control.txt", "\n".join(lines) + "\n")
    assert "1 of 20 points violate a rule" in lines
    assert lines[-1] == "  X #8  4  WER1"


def test_no_violation_is_lost_in_a_narrow_chart() -> None:
    lines = control(_series([0.5] * 5000, {1234: "WER1", 4999: "NEL3"}), cells=40, glyphs=ASCII)
    assert sum("X" in line for line in lines[1:-4]) == 1
    assert "".join(lines[1:14]).count("X") == 2
    assert max(map(len, lines[1:15])) <= 40


@pytest.mark.parametrize("values", [[math.nan], [5.0], [5.0, 5.0, 5.0]])
def test_charts_of_hardly_anything(values: list[float]) -> None:
    nan = [math.nan] * len(values)
    series = Series("T", values, nan, nan, nan, [""] * len(values), ["#1"] * len(values))
    assert control(series, cells=80, glyphs=ASCII)[0] == "T"
    assert histogram("T", values, {}, cells=80, glyphs=ASCII)[0] == "T"


def test_a_histogram_shows_its_limits_where_they_lie() -> None:
    lines = histogram("T", [at / 10 for at in range(100)] * 3, {"LSL": -2.0, "USL": 5.0}, cells=80, glyphs=ASCII)
    assert lines[1].startswith("LSL -2 ---")
    at = next(at for at, line in enumerate(lines) if line.startswith("USL 5 "))
    assert 2 < at < len(lines) - 2
    assert sum(int(line.rsplit(" ", 1)[1]) for line in lines[1:] if "…" in line) == 300
    assert max(map(len, lines)) <= 80


def test_numbers_of_a_scale_are_short() -> None:
    for value in (0.0, 1.0, 1 / 3, -123456.789, 1e-9, 1e20, 74.00118, -0.000123456):
        assert len(short(value)) <= 10
        assert float(short(value)) == pytest.approx(value, rel=1e-3)


def test_pictures_do_not_depend_on_the_folder(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "values.csv").write_text("order,value\n" + "".join(f"{at},{at % 7}\n" for at in range(40)))
    result = invoke("analyze", "i_mr", "--on", "values.csv", "--chart")
    assert result.code == 0, result.err
    assert "of 40 points violate a rule" in result.out


def test_no_class_of_a_histogram_lies_on_both_sides_of_a_limit() -> None:
    values = [24.9, 24.98, 24.99, 25.0, 25.02, 25.02, 25.021, 25.03]
    lines = histogram("Bore", values, {"LSL": 24.98, "USL": 25.02}, cells=60, glyphs=ASCII)
    lsl = next(at for at, line in enumerate(lines) if line.startswith("LSL"))
    usl = next(at for at, line in enumerate(lines) if line.startswith("USL"))

    def held(part: list[str]) -> int:
        return sum(int(line.rsplit(" ", 1)[1]) for line in part)

    assert (held(lines[1:lsl]), held(lines[lsl + 1 : usl]), held(lines[usl + 1 :])) == (1, 5, 2)


@pytest.mark.parametrize("limits", [{}, {"USL": 1e9}, {"LSL": 0.0, "USL": 1e-9}, {"LSL": 3.0, "target": 3.5}])
@pytest.mark.parametrize("values", [[3.0], [1.0, 2.0, 4.0], [0.0, 1e12], [-5e-324, 5e-324]])
def test_every_value_is_in_one_class(values: list[float], limits: dict[str, float]) -> None:
    lines = histogram("any", values, limits, cells=60, glyphs=ASCII)
    assert sum(int(line.rsplit(" ", 1)[1]) for line in lines if " … " in line) == len(values)
    assert len(lines) < 60


def test_lines_of_a_control_chart_that_share_a_row_are_all_named() -> None:
    count = 30
    flat = {"center": [0.0] * count, "lcl": [-5.0] * count, "ucl": [5.0] * count}
    wide = Series("sums", [float(1000 * n) for n in range(count)], signals=[""] * count, places=["#"] * count, **flat)
    lines = control(wide, cells=60, glyphs=UNICODE)
    assert "LCL -5 and CL 0: in the row of UCL 5" in lines
    near = Series("sums", [float(n % 9 - 4) for n in range(count)], signals=[""] * count, places=["#"] * count, **flat)
    assert not any("in the row" in line for line in control(near, cells=60, glyphs=UNICODE))


def test_a_picture_shows_all_points_whatever_rows_are_asked_for(invoke: Run) -> None:
    command = ["analyze", "i_mr", "--on", SAMPLE, "--map", "value=PeakForce", "--chart"]
    whole = invoke(*command).out
    assert "points violate a rule" in whole
    assert invoke(*command, "--param", "show=signals").out == invoke(*command, "--param", "show=summary").out == whole


def test_bars_of_alarms_name_the_machine_where_there_are_several(invoke: Run) -> None:
    lake = ROOT / "sample_data" / "fault-day" / "lake"
    words = ("--param", "by_message=true")
    bars = invoke("analyze", "alarm_chatter", "--on", lake, "--by", "line", "--chart", *words).out.splitlines()[2:]
    names = [line.split("%")[0].rsplit(maxsplit=1)[0] for line in bars]
    assert len(set(names)) == len(names) and any(name.startswith("Packer1  Film end") for name in names)
    alone = invoke("analyze", "alarm_chatter", "--on", lake, "--chart").out
    assert "Packer1\n" in alone and "Packer1  AlarmCode" not in alone


def test_a_narrow_terminal_keeps_the_bars_and_what_they_show(invoke: Run) -> None:
    lake = ROOT / "sample_data" / "press-line" / "lake"
    window = ("--start", "2026-11-16T06:00Z", "--end", "2026-11-16T14:00Z")
    result = invoke("analyze", "oee", "--on", lake, *window, "--chart", env={"COLUMNS": "40"})
    assert max(map(len, result.out.splitlines())) <= 40
    assert result.out.splitlines()[0].split() == ["machine", "oee_", "coverage"]
    assert "69.6 %" in result.out and "█" in result.out
