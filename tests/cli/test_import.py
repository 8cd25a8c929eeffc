"""Files of other tools as a user brings them: converted, asked, analysed; wrong rows in a file, exit code 3."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Result
from tests.sources.captures import capture

Run = Callable[..., Result]
CSV = """time,machine,tag,value,unit
2026-11-22T10:00:00Z,Press7,Temp,41.5,°C
2026-11-22T10:00:01Z,Press7,Temp,42,°C
noon,Press7,Temp,42,°C
2026-11-22T10:00:02Z,Press7,Note,=1+1,
"""
COUNT = "select count(*) as n, count(distinct (capture, seq)) as distinct_rows from telemetry"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log.csv").write_text(CSV, encoding="utf-8")
    return tmp_path / "log.csv"


@pytest.mark.usefixtures("log")
def test_a_file_becomes_part_of_a_lake_once(invoke: Run, tmp_path: Path) -> None:
    first = invoke("convert", "log.csv", "-o", "lake")
    assert (first.code, first.rows[0]["rows"]) == (3, 3)
    assert "exit 3: 1 row was left out of log.csv; it is in log.csv.rejects.jsonl\n  it: line 4, " in first.err
    (wrong,) = map(json.loads, (tmp_path / "log.csv.rejects.jsonl").read_text(encoding="utf-8").splitlines())
    assert (wrong["line"], wrong["text"]) == (4, "noon,Press7,Temp,42,°C")
    again = invoke("convert", "log.csv", "-o", "lake")
    assert (again.code, again.err) == (0, "lake is up to date\n")
    capture(tmp_path / "a.omcap", 12)
    assert invoke("convert", "a.omcap", "log.csv", "-o", "lake").rows[0]["rows"] == 12
    assert invoke("query", COUNT, "--on", "lake").rows == [{"n": 15, "distinct_rows": 15}]
    nodes = "select tag, unit, data_type from nodes where machine = 'Press7' order by tag"
    assert invoke("query", nodes, "--on", "lake").rows == [
        {"tag": "Note", "unit": None, "data_type": "String"},
        {"tag": "Temp", "unit": "°C", "data_type": "Double"},
    ]
    (entry,) = invoke("query", "select detail from journal where kind = 'import'", "--on", "lake").rows
    assert json.loads(entry["detail"]) == {
        "file": "log.csv", "format": "csv", "bytes": len(CSV.encode()), "rows": 3, "rejected": 1,
    }  # fmt: skip


def test_query_and_analyze_take_it_as_it_is(invoke: Run, log: Path) -> None:
    asked = invoke("query", "select tag, value from telemetry order by seq", "--on", "log.csv")
    assert asked.rows == [{"tag": "Temp", "value": 41.5}, {"tag": "Temp", "value": 42}, {"tag": "Note", "value": None}]
    assert (asked.code, asked.err) == (
        3,
        "exit 3: 1 row was left out of log.csv\n  it: line 4, the time is no time that can be told for sure: "
        "write 2026-11-22T10:18:26.5Z\n",
    )
    log.write_text(CSV.replace("noon", "2026-11-22T10:00:02Z"), encoding="utf-8")
    assert invoke("convert", "log.csv", "-o", "lake").code == 0
    for source in ("log.csv", "lake"):
        rows = invoke("analyze", "data_quality", "--on", source, "--format", "jsonl").rows
        assert [(row["machine"], row["tag"], row["rows"]) for row in rows] == [
            ("Press7", "Note", 1),
            ("Press7", "Temp", 3),
        ]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "tsv"])
def test_what_omptool_writes_it_reads_back(invoke: Run, tmp_path: Path, suffix: str) -> None:
    capture(tmp_path / "a.omcap", 60, gaps=1)
    assert invoke("cat", "a.omcap", "-o", f"b.{suffix}").code == 0
    left = "select count(*) as n from (from x.telemetry except all from y.telemetry)"
    both = ["--on", "x=a.omcap", "--on", f"y=b.{suffix}"]
    assert invoke("query", left, *both).rows == [{"n": 0}]
    assert invoke("query", left.replace("x.", "z.").replace("y.", "x.").replace("z.", "y."), *both).rows == [{"n": 0}]
    assert invoke("convert", f"b.{suffix}", "-o", "lake").code == 0
    assert invoke("convert", "a.omcap", "-o", "lake").rows[0]["rows"] == 60
    origins = "select origin, count(*) as n, count(distinct seq) as d from telemetry group by all order by all"
    assert invoke("query", origins, "--on", "lake").rows == [
        {"origin": "imported", "n": 60, "d": 60},
        {"origin": "live", "n": 60, "d": 60},
    ]


def test_columns_are_said_where_the_header_does_not_tell(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("Zeit;Stelle;Messung\n22.11.2026 10:00:00;T1;1,5\n", encoding="utf-8")
    said = ["--map", "time=Zeit", "--map", "tag=Stelle", "--map", "value=Messung", "--server", "oven", "--tz"]
    done = invoke("convert", "h.csv", "-o", "h.parquet", *said, "Europe/Berlin")
    assert done.code == 0
    assert "times without an offset were read as Europe/Berlin" in done.err
    assert invoke("query", "select time, value, server from telemetry", "--on", "h.parquet").rows == [
        {"time": "2026-11-22T09:00:00Z", "value": 1.5, "server": "oven"}
    ]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--map", "Zeit"], "--map Zeit is no ROLE=COLUMN"),
        (["--map", "tme=time"], "no such role"),
        (["--map", "time=Zeit"], 'no column "Zeit"'),
        (["--map", "time=time", "--map", "time=tag"], "--map time is given twice"),
        (["--tz", "Mars/Base"], "Mars/Base"),
    ],
)
@pytest.mark.usefixtures("log")
def test_wrong_options_are_answered_and_leave_nothing(
    invoke: Run, tmp_path: Path, more: list[str], message: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = invoke("convert", "log.csv", "-o", "lake", *more)
    assert (done.code, done.out, message in done.err) == (2, "", True)
    assert sorted(tmp_path.rglob("*")) == before


def test_rejects_of_another_file_are_not_overwritten(invoke: Run, tmp_path: Path, log: Path) -> None:
    for number, text in enumerate(("noon", "noon", "evening")):
        log.write_text(CSV.replace("noon", text), encoding="utf-8")
        assert invoke("convert", "log.csv", "-o", f"{number}.parquet").code == 3
    assert sorted(path.name for path in tmp_path.glob("*.rejects*")) == [
        "log.csv.rejects-2.jsonl",
        "log.csv.rejects.jsonl",
    ]
    assert invoke("convert", "log.csv", "-o", "3.parquet", "--rejects", "mine.jsonl").code == 3
    assert (tmp_path / "mine.jsonl").read_bytes() == (tmp_path / "log.csv.rejects-2.jsonl").read_bytes()


OLD = "Zeit;Ort;Wert\n2026-11-22T10:00:00Z;Halle;41,5\n2026-11-22T10:00:01Z;Halle;42,5\nmittags;Halle;1\n"
MAPPED = ["--map", "time=Zeit", "--map", "tag=Ort", "--map", "value=Wert"]


def test_query_takes_the_same_words_about_columns_as_convert(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text(OLD, encoding="utf-8")
    statement = "select server, tag, value from telemetry"
    asked = invoke("query", statement, "--on", "old.csv", *MAPPED, "--server", "line3", "--rejects", "w.jsonl")
    assert asked.code == 3
    assert asked.rows == [{"server": "line3", "tag": "Halle", "value": value} for value in (41.5, 42.5)]
    assert json.loads((tmp_path / "w.jsonl").read_text(encoding="utf-8"))["line"] == 4
    assert invoke("query", "select count(*) as n from old", "--on", "old.csv").rows == [{"n": 3}]
    assert invoke("query", statement, "--on", "old.csv", "--map", "time").code == 2
    (tmp_path / "log.csv").write_text(CSV, encoding="utf-8")
    assert invoke("analyze", "data_quality", "--on", "log.csv", "--rejects", "a.jsonl").code == 3
    assert json.loads((tmp_path / "a.jsonl").read_text(encoding="utf-8"))["line"] == 4
    wrong = invoke("query", statement, "--cloud", "plant", *MAPPED)
    assert (wrong.code, "--map and --cloud are given" in wrong.err) == (2, True)
