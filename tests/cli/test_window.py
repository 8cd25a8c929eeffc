"""On a terminal a window that all rows share is said once; elsewhere every row has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.cli import terminal
from omptool.lake.convert import convert
from tests.analytics.plants import Recorded
from tests.analytics.test_gaps_and_quality import sample
from tests.conftest import Result

Run = Callable[..., Result]
WINDOW = ("--start", "2026-01-01T00:00:00Z", "--end", "2026-01-01T00:01:40Z", "--tz", "Asia/Tokyo")
SAID = "window: 2026-01-01 09:00:00 to 2026-01-01 09:01:40 (Asia/Tokyo)\n"


@pytest.fixture
def lake(tmp_path: Path) -> str:
    convert([Recorded([sample(0, "State", "Executing"), sample(70, "State", "Setup")])], tmp_path / "lake")  # type: ignore[list-item]
    return "lake"


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "stdout_is_terminal", lambda: True)


@pytest.mark.usefixtures("on_terminal")
@pytest.mark.parametrize("name", ["time_in_state", "mtbf_mttr", "data_quality", "state_timeline"])
def test_a_terminal_of_80_columns_shows_the_answer(invoke: Run, lake: str, name: str) -> None:
    result = invoke("analyze", name, "--on", lake, *WINDOW, env={"COLUMNS": "80"})
    head = result.out.splitlines()[0].split()
    assert {"start", "end"}.isdisjoint(head)
    assert SAID in result.err
    answer = {"time_in_state": "seconds", "mtbf_mttr": "failures", "data_quality": "good", "state_timeline": "state"}
    assert answer[name] in head


@pytest.mark.usefixtures("on_terminal")
@pytest.mark.parametrize("options", [["--by", "machine,hour"], ["--format", "csv"], ["-o", "x.csv"], ["-o", "x.txt"]])
def test_rows_that_differ_and_other_formats_keep_their_columns(
    invoke: Run, lake: str, tmp_path: Path, options: list[str]
) -> None:
    end = "2026-01-01T01:01:40Z"
    result = invoke("analyze", "time_in_state", "--on", lake, *WINDOW[:3], end, *options, "--force")
    text = (tmp_path / options[1]).read_text() if options[0] == "-o" else result.out
    assert "start" in text.splitlines()[0] and "window:" not in result.err


@pytest.mark.usefixtures("on_terminal")
def test_a_period_is_not_the_window(invoke: Run, lake: str) -> None:
    result = invoke("analyze", "time_in_state", "--on", lake, *WINDOW, "--by", "machine,hour", env={"COLUMNS": "200"})
    assert {"start", "end"} <= set(result.out.split()) and "window:" not in result.err


@pytest.mark.usefixtures("on_terminal")
def test_a_window_shorter_than_a_second_has_a_length(invoke: Run, lake: str) -> None:
    window = ("--start", "2026-01-01T00:00:00.1Z", "--end", "2026-01-01T00:00:00.8Z", "--tz", "UTC")
    result = invoke("analyze", "time_in_state", "--on", lake, *window, env={"COLUMNS": "80"})
    assert "window: 2026-01-01 00:00:00.100 to 2026-01-01 00:00:00.800 (UTC)\n" in result.err


def test_a_pipe_gets_every_column(invoke: Run, lake: str) -> None:
    result = invoke("analyze", "time_in_state", "--on", lake, *WINDOW)
    assert all(row["start"] == "2026-01-01T00:00:00Z" for row in result.rows)
    assert "window:" not in result.err


@pytest.mark.usefixtures("on_terminal")
def test_columns_of_a_plain_table_are_its_own(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("start,end,pbt,apt,pri,pq,gq\n2026-01-01,2026-01-02,10,9,1,8,8\n")
    result = invoke("analyze", "oee", "--on", "t.csv", env={"COLUMNS": "200"})
    assert {"start", "end"} <= set(result.out.split())
    assert "window:" not in result.err


def test_a_picture_names_days_as_the_clocks_of_the_plant_do(invoke: Run, lake: str, tmp_path: Path) -> None:
    result = invoke("analyze", "time_in_state", "--on", lake, *WINDOW, "--by", "machine,day", "--chart")
    assert "2026-01-01 09:00 Asia/Tokyo" in result.out
    assert "UTC" not in result.out
    pareto = [sample(0, "State", "Executing"), sample(70, "State", "OutOfService")]
    convert([Recorded(pareto)], tmp_path / "stops")  # type: ignore[list-item]
    drawn = invoke("analyze", "downtime_pareto", "--on", "stops", *WINDOW, "--by", "machine,day", "--chart").out
    assert "2026-01-01 09:00 Asia/Tokyo" in drawn
