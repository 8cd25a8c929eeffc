"""`omptool analyze` as a user types it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.analytics import catalog
from omptool.demo.schedule import Plant
from omptool.lake.convert import convert
from tests.analytics.plants import Recorded, gap, ns, telemetry
from tests.conftest import Result

Run = Callable[..., Result]
GOLDEN = Path(__file__).parent.parent / "golden"
START, END = "2026-11-16T07:00:00+00:00", "2026-11-16T08:00:00+00:00"


def _lake(folder: Path, gaps: list[dict[str, object]]) -> Path:
    convert([Recorded(telemetry(Plant(1), ns(START), ns(END)), gaps)], folder)  # type: ignore[list-item]
    return folder


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _lake(tmp_path_factory.mktemp("analyze") / "lake", [])


def _golden(name: str, text: str) -> None:
    """`REGOLD=1 pytest` writes the file anew."""
    path = GOLDEN / name
    if os.environ.get("REGOLD"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_list(invoke: Run) -> None:
    result = invoke("analyze", "--list")
    assert (result.code, result.err) == (0, "")
    _golden("analyze-list.jsonl", result.out)
    assert [row["name"] for row in result.rows] == catalog.names()


@pytest.mark.parametrize("name", catalog.names())
def test_explain(invoke: Run, name: str) -> None:
    result = invoke("analyze", name, "--explain")
    assert (result.code, result.err) == (0, "")
    _golden(f"analyze-{name}.txt", result.out)


def test_oee_of_a_lake_by_machine(invoke: Run, lake: Path) -> None:
    result = invoke("analyze", "oee", "--on", lake, "--start", START, "--end", END)
    assert (result.code, result.err) == (0, "")
    assert [row["machine"] for row in result.rows] == ["CNC1", "CNC2", "Packer1", "Packer2", "Press1", "Press2"]
    assert all(row["coverage"] == 1 and row["end"] == "2026-11-16T08:00:00Z" for row in result.rows)
    same = invoke("analyze", "oee", "--on", lake, "--param", f"start={START}", "--param", f"end={END}")
    assert same.out == result.out


def test_the_result_is_the_same_from_every_source(invoke: Run, lake: Path, tmp_path: Path) -> None:
    assert invoke("convert", lake, "-o", "x.parquet").code == 0
    window = ("--start", START, "--end", END, "--format", "csv")
    for name in ("oee", "time_in_state"):
        results = {invoke("analyze", name, "--on", source, *window).out for source in (lake, "x.parquet")}
        assert len(results) == 1
        zoned = invoke("analyze", name, "--on", lake, *window, "--tz", "Asia/Tokyo")
        assert {zoned.out} == results


def test_chart(invoke: Run, lake: Path) -> None:
    window = ("--start", START, "--end", END, "--chart")
    result = invoke("analyze", "oee", "--on", lake, *window, env={"COLUMNS": "110"})
    assert (result.code, result.err) == (0, "")
    _golden("analyze-chart.txt", result.out)
    assert max(map(len, result.out.splitlines())) <= 110
    by_hour = invoke("analyze", "time_in_state", "--on", lake, *window, "--by", "line,hour").out
    assert by_hour.splitlines()[0].split() == ["line", "start", "state", "share", "coverage"]


def test_a_gap_turns_0_into_3_with_a_sentence(invoke: Run, tmp_path: Path) -> None:
    holed = _lake(tmp_path / "holed", [gap("2026-11-16T07:15:00+00:00", "2026-11-16T07:30:00+00:00")])
    result = invoke("analyze", "oee", "--on", holed, "--start", START, "--end", END)
    assert result.code == 3
    assert result.err == (
        "exit 3: 6 of 6 rows saw less than their whole window (coverage down to 0.75); "
        "6 rest on values that were not all Good (percent_good down to 75.0)\n"
    )
    assert {row["coverage"] for row in result.rows} == {0.75}
    assert all(row["unassigned_s"] == 900 for row in result.rows)


def test_the_published_oee_of_a_plain_table(invoke: Run, tmp_path: Path) -> None:
    """Vorne's worksheet on oee.com: 480 min shift, 60 min stops, 47 min down, 60 pieces a minute."""
    (tmp_path / "shifts.csv").write_text(
        "shift,PBT,run,pri,pq,gq\nearly,25200,22380,1.0,19271,18848\nlate,25200,,1,5,5\n"
    )
    result = invoke("analyze", "oee", "--on", "shifts.csv", "--map", "apt=run")
    early, late = result.rows
    assert early["shift"] == "early"
    published = {"availability": 88.81, "effectiveness": 86.11, "quality_ratio": 97.80, "oee_index": 74.79}
    for name, percent in published.items():
        assert early[name] * 100 == pytest.approx(percent, abs=0.01), name
    assert (early["coverage"], late["coverage"], late["oee_index"]) == (1, 0, None)
    assert result.code == 3


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["oe", "--on", "LAKE"], 1, "omptool: no analysis oe\n  did you mean oee?\n"),
        (["--on", "LAKE"], 2, "omptool: analyze needs a name\n"),
        (["oee"], 2, "omptool: analyze oee needs a source\n  add --on"),
        (["oee", "--on", "LAKE", "--by", "shft"], 2, "omptool: cannot group by shft\n"),
        (["oee", "--on", "LAKE", "--by", "hour,day"], 2, "omptool: --by takes one of hour, day and shift\n"),
        (
            ["oee", "--on", "LAKE", "--map", "good=God"],
            1,
            "omptool: no tag matches God for the role good; oee needs it\n",
        ),
        (["oee", "--on", "LAKE", "--chart", "-o", "x.csv"], 2, "omptool: --chart draws on the terminal\n"),
        (["cycle_time", "--on", "LAKE", "--chart"], 2, "omptool: cycle_time has no picture\n"),
        (["oee", "--on", "LAKE", "--start", END, "--end", START], 2, "omptool: the window from 2026-11-16T08:00:00Z"),
        (["oee", "--on", "opc.tcp://x:1"], 2, "omptool: opc.tcp://x:1 is a server, not a recording\n"),
        (["oee", "--on", "t.csv"], 1, 'omptool: no column "pbt" in t for the role pbt (planned busy time, s)\n'),
        (["oee", "--on", "t.csv", "--by", "line"], 2, "omptool: t is a plain table"),
        (["time_in_state", "--on", "t.csv"], 2, "omptool: time_in_state needs telemetry, and t has none\n"),
        (["oee", "--on", "LAKE", "--param", "k=1"], 2, "omptool: oee has no parameter k\n  it has ideal_cycle\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said(
    invoke: Run, lake: Path, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    result = invoke("analyze", *(str(lake) if word == "LAKE" else word for word in arguments))
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith(says)


def test_a_window_before_all_values(invoke: Run, lake: Path) -> None:
    result = invoke("analyze", "oee", "--on", lake, "--start", "2026-11-01", "--end", "2026-11-02", "--format", "csv")
    assert result.code == 3
    assert result.out.startswith("machine,start,end,availability,")
    assert len(result.out.splitlines()) == 1
    assert result.err.startswith("exit 3: no values of these machines before the end of 2026-11-01T00:00:00Z")


def test_a_plant_model_names_roles_and_states(invoke: Run, lake: Path, tmp_path: Path) -> None:
    (tmp_path / "plant.toml").write_text('[roles]\nstate = "State"\n[states]\nProducing = "Executing"\n')
    result = invoke("analyze", "oee", "--on", lake, "--start", START, "--end", END)
    assert result.code == 0
    assert {row["apt"] for row in result.rows} == {row["pbt"] for row in result.rows}
    assert any(str(row["note"]).endswith("has no meaning: add it to [states] of plant.toml") for row in result.rows)


def test_a_zone_that_is_typed_is_that_of_times_without_one_in_a_plain_table(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("time,value\n2026-01-01 00:00:00,1\n2026-01-01 00:00:10,2\n")
    asked = ("analyze", "aggregate", "--on", "t.csv", "--param", "aggregate=Count", "--param", "interval=0")
    first = {zone: invoke(*asked, *given).rows[0]["time"] for zone, given in (
        ("", ()), ("Tokyo", ("--tz", "Asia/Tokyo")))}  # fmt: skip
    assert first == {"": "2026-01-01T00:00:00Z", "Tokyo": "2025-12-31T15:00:00Z"}
