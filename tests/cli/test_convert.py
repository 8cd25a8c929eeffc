"""`omptool convert` as a user types it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from docs.row_meanings import ROWS
from omptool.model.contracts import TELEMETRY
from tests.conftest import Result, clean_environment
from tests.sources.captures import Recording, capture

Run = Callable[..., Result]
COUNT = "select count(*) as n, count(distinct (capture, seq)) as distinct_rows from telemetry"


def count(invoke: Run, source: str) -> dict[str, int]:
    (row,) = invoke("query", COUNT, "--on", source).rows
    return row


def test_a_lake_is_made_and_the_last_word_is_json_in_a_pipe(run_cli: Run, tmp_path: Path) -> None:
    capture(tmp_path / "a.omcap", 120)
    result = run_cli("convert", "a.omcap", "-o", "lake")
    assert result.code == 0
    assert result.err.startswith("120 rows → lake, 4 files, ")
    assert "next: omptool query" in result.err
    (word,) = result.rows
    assert list(word) == list(ROWS["convert"])
    assert (word["rows"], word["files"]) == (120, 4)
    assert word["bytes"] == sum(path.stat().st_size for path in tmp_path.glob("lake/**/*.parquet"))
    (file,) = tmp_path.glob("lake/telemetry/**/*.parquet")
    assert file.parent.relative_to(tmp_path) == Path("lake/telemetry/site=Leipzig/date=2026-01-01")


def test_the_second_run_adds_nothing_and_says_so(invoke: Run, tmp_path: Path) -> None:
    capture(tmp_path / "a.omcap", 120)
    assert invoke("convert", "a.omcap", "-o", "lake").code == 0
    again = invoke("convert", "a.omcap", "-o", "lake")
    assert (again.code, again.rows[0]["rows"], again.rows[0]["files"]) == (0, 0, 0)
    assert again.err == "lake is up to date\n"
    assert count(invoke, "lake") == {"n": 120, "distinct_rows": 120}


def test_a_growing_capture_is_followed(invoke: Run, tmp_path: Path) -> None:
    recording = Recording(tmp_path / "live.omcap")
    added = []
    for _ in range(3):
        recording.grow(40)
        added.append(invoke("convert", "live.omcap", "-o", "lake").rows[0]["rows"])
    recording.close()
    assert added == [40, 40, 40]
    assert count(invoke, "lake") == {"n": 120, "distinct_rows": 120}


def test_two_captures_make_one_lake(invoke: Run, tmp_path: Path) -> None:
    capture(tmp_path / "a.omcap", 60)
    capture(tmp_path / "b.omcap", 30)
    word = invoke("convert", "a.omcap", "b.omcap", "a.omcap", "-o", "lake").rows[0]
    assert (word["rows"], len(list(tmp_path.glob("lake/telemetry/**/*.parquet")))) == (90, 1)
    assert count(invoke, "lake") == {"n": 90, "distinct_rows": 90}


def test_a_single_file_has_the_columns_of_the_contract(invoke: Run, tmp_path: Path) -> None:
    capture(tmp_path / "a.omcap", 60)
    assert invoke("convert", "a.omcap", "-o", "x.parquet").rows[0]["rows"] == 60
    table = pq.read_table(tmp_path / "x.parquet")
    assert (table.schema.names, table.schema.types) == (TELEMETRY.names, TELEMETRY.types)
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []
    assert invoke("convert", "a.omcap", "-o", "lake").code == 0
    assert invoke("convert", "lake", "-o", "y.parquet").code == 0
    assert pq.read_table(tmp_path / "y.parquet").equals(table)


def test_an_existing_file_is_kept_unless_forced(invoke: Run, tmp_path: Path) -> None:
    capture(tmp_path / "a.omcap", 60)
    (tmp_path / "x.parquet").write_text("mine")
    refused = invoke("convert", "a.omcap", "-o", "x.parquet")
    assert (refused.code, refused.out) == (1, "")
    assert "x.parquet already exists" in refused.err
    assert (tmp_path / "x.parquet").read_text() == "mine"
    assert invoke("convert", "a.omcap", "-o", "x.parquet", "--force").code == 0
    assert pq.read_metadata(tmp_path / "x.parquet").num_rows == 60


def test_dry_run_writes_nothing(invoke: Run, tmp_path: Path) -> None:
    capture(tmp_path / "a.omcap", 60)
    before = sorted(tmp_path.rglob("*"))
    for target in ("lake", "x.parquet"):
        result = invoke("convert", "a.omcap", "-o", target, "--dry-run")
        assert (result.code, result.out) == (0, "")
        assert result.err.startswith("would ")
    assert sorted(tmp_path.rglob("*")) == before
    assert "would add 60 rows of a.omcap to lake" in invoke("convert", "a.omcap", "-o", "lake", "--dry-run").err


def test_dry_run_refuses_what_the_run_would_refuse(invoke: Run, tmp_path: Path) -> None:
    capture(tmp_path / "a.omcap", 10)
    (tmp_path / "there.parquet").write_text("mine")
    refused = invoke("convert", "a.omcap", "-o", "there.parquet", "--dry-run")
    assert (refused.code, "--force" in refused.err) == (1, True)
    assert invoke("convert", "a.omcap", "-o", "there.parquet", "--dry-run", "--force").code == 0
    assert (tmp_path / "there.parquet").read_text() == "mine"


@pytest.mark.parametrize("name", ["x.csv", "X.JSONL", "x.arrow"])
def test_a_suffix_chooses_the_format_of_a_file(invoke: Run, tmp_path: Path, name: str) -> None:
    capture(tmp_path / "a.omcap", 10)
    assert invoke("convert", "a.omcap", "-o", name).rows[0]["rows"] == 10
    assert (tmp_path / name).is_file()
    refused = invoke("convert", "a.omcap", "-o", name)
    assert (refused.code, "--force" in refused.err) == (1, True)


def test_gaps_are_said_and_do_not_fail(invoke: Run, tmp_path: Path) -> None:
    capture(tmp_path / "torn.omcap", 6, gaps=1)
    result = invoke("convert", "torn.omcap", "-o", "lake")
    assert result.code == 0
    assert "torn.omcap has 1 window that may lack values (1 connection_lost)" in result.err
    assert invoke("query", "select reason from gaps", "--on", "lake").rows == [{"reason": "connection_lost"}]


def test_the_plant_model_is_kept_in_the_lake(invoke: Run, tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.omcap", site=None)
    recording.grow(6)
    (tmp_path / "one.toml").write_text('[[machine]]\npath = "Line/*"\nsite = "007"\n')
    (tmp_path / "two.toml").write_text('[[machine]]\npath = "Line/*"\nsite = "Werk Ü/2"\n')
    sites = "select site, count(*) as n from telemetry group by all order by site"
    assert invoke("convert", "a.omcap", "-o", "lake", "--plant", "one.toml").code == 0
    recording.grow(6)
    assert invoke("convert", "a.omcap", "-o", "lake").code == 0  # by the model in the lake
    assert invoke("query", sites, "--on", "lake").rows == [{"site": "007", "n": 12}]
    recording.grow(6)
    changed = invoke("convert", "a.omcap", "-o", "lake", "--plant", "two.toml")
    assert "the plant model has changed" in changed.err
    assert invoke("query", sites, "--on", "lake").rows == [{"site": "007", "n": 12}, {"site": "Werk Ü/2", "n": 6}]
    recording.close()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere.omcap", "-o", "lake"], 1, "no such file or folder: nowhere.omcap"),
        (["opc.tcp://plc:4840", "-o", "lake"], 2, "capture it first"),
        (["photos", "-o", "lake"], 1, "photos is neither a capture nor a lake"),
        (["a.omcap", "-o", "photos"], 1, "photos exists and is not a lake"),
        (["x.csv", "-o", "lake"], 2, "x.csv has no telemetry"),
        (["x.csv", "-o", "x.parquet"], 2, "x.csv has no telemetry"),
        (["a.omcap"], 2, "-o LAKE, or -o FILE"),
        (["a.omcap", "-o", "missing/x.parquet", "--plant", "no.toml"], 1, "no plant model no.toml"),
    ],
)
def test_wrong_input_is_answered_and_leaves_nothing(
    invoke: Run, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    capture(tmp_path / "a.omcap", 6)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "x.jpg").write_text("x")
    (tmp_path / "x.csv").write_text("a\n1\n")
    before = sorted(tmp_path.rglob("*"))
    result = invoke("convert", *arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("target", ["lake", "x.parquet"])
def test_a_full_disk_is_said_and_nothing_is_lost(target: str, invoke: Run, tmp_path: Path) -> None:
    capture(tmp_path / "a.omcap", 30_000, noisy=True)
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))\n"
        "from omptool.cli.app import main; sys.argv[0] = 'omptool'; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "convert", "a.omcap", "-o", target],
        cwd=tmp_path, env=clean_environment(tmp_path), capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"omptool: no space left while writing {target}\n")
    assert not list(tmp_path.glob("**/*.parquet"))
    assert invoke("convert", "a.omcap", "-o", target).rows[0]["rows"] == 30_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_leaves_a_lake_that_the_next_run_completes(
    number: signal.Signals, invoke: Run, tmp_path: Path
) -> None:
    capture(tmp_path / "a.omcap", 60_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", "convert", "a.omcap", "-o", "lake", "--progress", "json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=clean_environment(tmp_path),
    )  # fmt: skip
    with process:
        assert process.stderr is not None
        first = json.loads(process.stderr.readline())
        process.send_signal(number)
        process.communicate(timeout=60)
    assert first["total"] == 60_000
    assert process.returncode in (0, 130, 143, -number)
    assert invoke("convert", "a.omcap", "-o", "lake").code == 0
    assert count(invoke, "lake") == {"n": 60_000, "distinct_rows": 60_000}
    assert not (tmp_path / "lake" / "_staging").exists()


def test_a_lake_is_maintained_by_flags(invoke: Run, tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.omcap", site=None)
    for _ in range(3):
        recording.grow(40)
        assert invoke("convert", "a.omcap", "-o", "lake", "--live").code == 0
    recording.close()
    (tmp_path / "plant.toml").write_text('[[machine]]\npath = "Line/*"\nsite = "007"\n')
    assert invoke("convert", "lake", "--compact", "--dry-run").err == "would rewrite 3 files of lake\n"
    done = invoke("convert", "lake", "--remodel", "--compact", "--vacuum", "--keep", "0s")
    assert (done.code, [row["step"] for row in done.rows]) == (0, ["remodel", "compact", "vacuum"])
    assert done.rows[0]["rows"] == 120
    assert "6 nodes placed anew" in done.err
    assert "removed" in done.err
    assert invoke("query", "select site, count(*) as n from telemetry group by all", "--on", "lake").rows == [
        {"site": "007", "n": 120}
    ]
    again = invoke("convert", "-o", "lake", "--remodel", "--compact")
    assert again.err.splitlines() == ["lake: every row stands where this plant model says", "lake is compact"]


def test_rows_are_added_and_the_lake_compacted_in_one_go(invoke: Run, tmp_path: Path) -> None:
    capture(tmp_path / "a.omcap", 60)
    capture(tmp_path / "b.omcap", 90)
    assert invoke("convert", "a.omcap", "-o", "lake").code == 0
    done = invoke("convert", "b.omcap", "-o", "lake", "--compact")
    assert (done.rows[0]["rows"], done.rows[1]["step"], done.rows[1]["duplicates"]) == (90, "compact", 60)
    assert count(invoke, "lake") == {"n": 90, "distinct_rows": 90}
    assert count(invoke, "lake@2") == {"n": 150, "distinct_rows": 150}


def test_a_running_capture_is_said_to_run_unless_that_is_meant(invoke: Run, tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.omcap")
    recording.grow(40)
    assert (
        "a.omcap is still being written; taken up to its last commit" in invoke("convert", "a.omcap", "-o", "lake").err
    )
    recording.grow(40)
    live = invoke("convert", "a.omcap", "-o", "lake", "--live")
    assert (live.code, live.rows[0]["rows"], "still being written" in live.err) == (0, 40, False)
    recording.close()
