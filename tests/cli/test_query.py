"""`omptool query` as a user types it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omptool.model.contracts import TELEMETRY
from tests.conftest import Result, clean_environment
from tests.sources.captures import Recording, capture

Run = Callable[..., Result]
COUNT = "select count(*) as n from telemetry"


@pytest.fixture
def shift(tmp_path: Path) -> Path:
    return capture(tmp_path / "shift.omcap", 120)


def test_rows_of_a_capture_a_lake_and_a_file_are_the_same(run_cli: Run, shift: Path) -> None:
    statement = "select machine, count(*) as n, avg(value) as mean from telemetry group by all order by machine"
    assert run_cli("convert", "shift.omcap", "-o", "lake").code == 0
    assert run_cli("convert", "shift.omcap", "-o", "shift.parquet").code == 0
    results = [run_cli("query", statement, "--on", source) for source in ("shift.omcap", "lake", "shift.parquet")]
    assert [result.code for result in results] == [0, 0, 0]
    assert len({result.out for result in results}) == 1
    assert results[0].rows == [{"machine": f"Press{n}", "n": 40, "mean": 28.75 + n} for n in range(3)]
    assert [result.err for result in results] == ["", "", ""]  # nothing of the engine leaks at the end either


def test_a_capture_that_is_being_written_is_read_up_to_its_last_commit(run_cli: Run, tmp_path: Path) -> None:
    recording = Recording(tmp_path / "live.omcap")
    counts = []
    for _ in range(2):
        recording.grow(50)
        counts.append(run_cli("query", COUNT, "--on", "live.omcap").rows)
    recording.close()
    assert counts == [[{"n": 50}], [{"n": 100}]]


def test_the_statement_comes_from_a_file_or_from_stdin(run_cli: Run, shift: Path, tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text(f"-- how many\n{COUNT};\n")
    assert run_cli("query", "--file", "q.sql", "--on", shift).rows == [{"n": 120}]
    assert run_cli("query", "-", "--on", shift, input=COUNT).rows == [{"n": 120}]


def test_parameters_are_bound(invoke: Run, shift: Path) -> None:
    statement = f"{COUNT} where machine = $m and time >= $since and list_contains($tags, tag)"
    result = invoke(
        "query", statement, "--on", shift, "--param", "m=Press1", "--param", "since=2026-01-01T00:01:00Z",
        "--param", "tags:list=Tag0,Tag1",
    )  # fmt: skip
    assert (result.code, result.rows) == (0, [{"n": 20}])
    hostile = invoke("query", COUNT + " where machine = $m", "--on", shift, "--param", "m=' or true --")
    assert hostile.rows == [{"n": 0}]


def test_no_rows_are_no_failure_and_the_columns_are_still_named(invoke: Run, shift: Path) -> None:
    nothing = "from telemetry where false"
    csv = invoke("query", nothing, "--on", shift, "--format", "csv")
    assert (csv.code, csv.out) == (0, ",".join(TELEMETRY.names) + "\n")
    assert invoke("query", nothing, "--on", shift, "--format", "json").out == "[]\n"


def test_parquet_and_arrow_keep_the_types(invoke: Run, shift: Path, tmp_path: Path) -> None:
    assert invoke("query", "from telemetry", "--on", shift, "-o", "out.parquet").code == 0
    assert pq.read_schema(tmp_path / "out.parquet").types == TELEMETRY.types
    assert invoke("query", "from telemetry", "--on", shift, "-o", "out.arrow").code == 0
    with pa.OSFile(str(tmp_path / "out.arrow")) as file:
        assert pa.ipc.open_stream(file).schema.types == TELEMETRY.types


def test_an_output_that_exists_is_kept_unless_forced(invoke: Run, shift: Path, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("mine")
    refused = invoke("query", COUNT, "--on", shift, "-o", "out.csv")
    assert refused.code == 1
    assert "out.csv already exists" in refused.err
    assert (tmp_path / "out.csv").read_text() == "mine"
    assert invoke("query", COUNT, "--on", shift, "-o", "out.csv", "--force").code == 0
    assert (tmp_path / "out.csv").read_text() == "n\n120\n"


def test_rows_that_count_twice_are_said(run_cli: Run, shift: Path) -> None:
    assert run_cli("convert", "shift.omcap", "-o", "lake").code == 0
    for one, other in (("shift.omcap", "lake"), ("lake", "shift.omcap"), ("shift.omcap", "./shift.omcap")):
        said = run_cli("query", COUNT, "--on", one, "--on", other).err
        assert f"rows of one recording are in {one} and in {other}, and count twice" in said
    compared = run_cli("query", "select count(*) as n from a.telemetry", "--on", "a=shift.omcap", "--on", "b=lake")
    assert (compared.err, compared.rows) == ("", [{"n": 120}])


def test_a_file_that_cannot_be_read_gets_no_caret(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe\x00")
    refused = invoke("query", "from bad", "--on", "bad.csv")
    assert refused.code == 1
    assert "^" not in refused.err and "Traceback" not in refused.err


def test_a_wrong_statement_shows_line_and_caret(invoke: Run, shift: Path) -> None:
    result = invoke("query", "select machine, avg(valeu) from telemetry group by all", "--on", shift)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        'omptool: no column "valeu" in telemetry\n'
        "  select machine, avg(valeu) from telemetry group by all\n"
        '                      ^ did you mean "value"?\n'
    )


def test_a_statement_that_writes_is_refused(invoke: Run, shift: Path, tmp_path: Path) -> None:
    result = invoke("query", "with x as (copy (select 1) to 'x.csv') from x", "--on", shift)
    assert result.code == 1
    assert result.err.startswith("omptool: the statement writes\n  query only reads")
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["query"], 2, "query needs a statement"),
        (["query", COUNT, "--file", "x.sql", "--on", "shift.omcap"], 2, "a statement and --file are given"),
        (["query", "--file", "x.sql", "--on", "shift.omcap"], 1, "no such file: x.sql"),
        (["query", COUNT, "--on", "shitf.omcap"], 1, "did you mean shift.omcap?"),
        (["query", COUNT, "--on", "opc.tcp://plc:4840"], 2, "capture it first: omptool capture opc.tcp://plc:4840"),
        (["query", COUNT, "--on", "shift.omcap", "--tz", "Mars/Olympus"], 2, "Mars/Olympus"),
        (["query", COUNT, "--on", "shift.omcap", "--param", "x"], 2, "it is NAME=VALUE"),
        (["query", COUNT, "--on", "shift.omcap", "--plant", "no.toml"], 1, "no plant model no.toml"),
        (["query", "", "--on", "shift.omcap"], 2, "the statement is empty"),
        (["query", "/* later */ ;", "--on", "shift.omcap"], 2, "the statement is empty"),
    ],
)
def test_wrong_input_is_answered_with_the_next_step(
    invoke: Run, shift: Path, arguments: list[str], code: int, message: str
) -> None:
    result = invoke(*arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err


def test_without_a_source_the_only_one_here_is_suggested(invoke: Run, shift: Path, tmp_path: Path) -> None:
    lonely = invoke("query", COUNT)
    assert lonely.code == 2
    assert f"omptool query '{COUNT}' --on shift.omcap" in lonely.err
    capture(tmp_path / "b.omcap", 6)
    assert "here are b.omcap, shift.omcap" in invoke("query", COUNT).err


def test_gaps_are_said_and_do_not_fail(invoke: Run, tmp_path: Path) -> None:
    capture(tmp_path / "torn.omcap", 6, gaps=2)
    result = invoke("query", COUNT, "--on", "torn.omcap")
    assert result.code == 0
    assert "torn.omcap has 2 windows that may lack values (2 connection_lost)" in result.err
    asked = invoke("query", "select count(*) as n from gaps", "--on", "torn.omcap")
    assert (asked.rows, asked.err) == ([{"n": 2}], "")


def test_a_time_zone_that_is_typed_holds_in_sql(invoke: Run, shift: Path) -> None:
    statement = "select min(time)::date::text as day from telemetry"
    assert invoke("query", statement, "--on", shift).rows == [{"day": "2026-01-01"}]
    assert invoke("query", statement, "--on", shift, "--tz", "America/New_York").rows == [{"day": "2025-12-31"}]


def test_the_plant_model_names_sites(invoke: Run, tmp_path: Path) -> None:
    capture(tmp_path / "a.omcap", 6, site=None)
    (tmp_path / "plant.toml").write_text('[[machine]]\npath = "Line/*"\nsite = "007"\n')
    (tmp_path / "other.toml").write_text('[[machine]]\npath = "Line/*"\nsite = "008"\n')
    statement = "select distinct site from telemetry"
    assert invoke("query", statement, "--on", "a.omcap").rows == [{"site": "007"}]
    assert invoke("query", statement, "--on", "a.omcap", "--plant", "other.toml").rows == [{"site": "008"}]
    assert invoke("convert", "a.omcap", "-o", "lake", "--plant", "other.toml").code == 0
    assert invoke("query", statement, "--on", "a.omcap", "--on", "lake").rows == [{"site": "008"}]  # as the lake says


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xff\xfe", "plant.toml is not UTF-8 text"),
        (b'time_zone = "Mars/Olympus"', "plant.toml: there is no time_zone 'Mars/Olympus'"),
        (b"[[machine]]", "plant.toml: machine 1: path is missing"),
    ],
)
def test_a_wrong_plant_model_is_named(invoke: Run, shift: Path, tmp_path: Path, text: bytes, message: str) -> None:
    (tmp_path / "plant.toml").write_bytes(text)
    result = invoke("query", COUNT, "--on", shift)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"omptool: {message}\n")


def test_times_without_an_offset_and_tables_are_in_the_plants_zone(
    invoke: Run, shift: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plant.toml").write_text('time_zone = "Asia/Tokyo"\n')
    statement = "select max(time) as t, $since::text as since from telemetry"
    bare = ("--on", shift, "--param", "since:timestamp=2026-01-01")
    assert invoke("query", statement, *bare).rows == [{"t": "2026-01-01T00:02:00Z", "since": "2025-12-31 15:00:00+00"}]
    assert "2026-01-01 09:02:00" in invoke("query", statement, *bare, "--format", "table").out
    assert "2026-01-01 01:02:00" in invoke("query", statement, *bare, "--format", "table", "--tz", "Europe/Berlin").out
    rows = ("cat", shift, "--start", "2026-01-01T09:02", "--limit", 1, "--format", "table")
    assert "2026-01-01 09:02:00" in invoke(*rows).out
    monkeypatch.setenv("OMPTOOL_OUTPUT_TZ", "UTC")
    assert "2026-01-01 09:02:00" not in invoke(*rows).out


def test_a_closed_pipe_is_silent(shift: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m omptool query 'from telemetry, range(1000)' --on shift.omcap | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, env=clean_environment(tmp_path),
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["seq"] == 1


@pytest.mark.parametrize("output", [(), ("-o", "out.parquet")])
def test_ctrl_c_ends_a_busy_statement(shift: Path, tmp_path: Path, output: tuple[str, ...]) -> None:
    busy = (
        "select * from (select 1) where exists (from range(1000000) a, range(1000000) b where a.range * b.range = -1)"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", "query", busy, "--on", "shift.omcap", *output],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=clean_environment(tmp_path),
    )  # fmt: skip
    with process:
        _wait_until_busy(process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")
    assert not list(tmp_path.glob("*out.parquet*"))


def _wait_until_busy(pid: int) -> None:
    """Until the process has used a second of CPU more than its start needs: the engine is at work."""
    for _ in range(600):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        if int(fields[11]) > 300:  # user time in ticks of 10 ms
            return
        time.sleep(0.1)
    raise AssertionError("the statement never became busy")
