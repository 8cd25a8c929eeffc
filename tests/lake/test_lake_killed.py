"""Conversions killed at moments that nobody chose, and several at the same time: the lake is the same in the end."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from omptool.lake import layout
from omptool.lake.compact import compact
from omptool.lake.convert import convert
from omptool.lake.table import Table
from omptool.lake.vacuum import vacuum
from omptool.model.contracts import VIEWS
from tests.lake.recordings import FakeRecording, gap, telemetry
from tests.lake.test_lake_convert import by_row, loose_files, stored

ROWS = 20_000
STEP_US = 15_000_000

WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from recordings import FakeRecording, gap, telemetry
from omptool.errors import Busy
from omptool.lake import runs
from omptool.lake.convert import convert
runs.WAITING_ROWS, runs.MERGE_ROWS, runs.RUN_BATCH = 4096, 2048, 256
name, rows = sys.argv[3], int(sys.argv[4])
if name == "compact":
    runs.WAITING_ROWS = 1024
    from omptool.lake import compact as compaction
    compaction.COMMIT_ROWS = rows // 3
    print("ready", flush=True)
    sys.stdin.readline()
    compaction.compact(Path(sys.argv[2]))
    sys.exit()
data = telemetry(name, 0, rows, nodes=50, step_us=15_000_000)
recording = FakeRecording(name, data, gap_rows=[gap(name, 5)])
print("ready", flush=True)
sys.stdin.readline()
busy = 0
while True:
    try:
        convert([recording], Path(sys.argv[2]))
        break
    except Busy:
        busy += 1
        time.sleep(0.01)
print(busy, flush=True)
"""


def recording(name: str, rows: int = ROWS) -> FakeRecording:
    data = telemetry(name, 0, rows, nodes=50, step_us=STEP_US)
    return FakeRecording(name, data, gap_rows=[gap(name, 5)])


def worker(lake: Path, name: str, rows: int = ROWS) -> subprocess.Popen[str]:
    """A process that is about to convert; it waits for a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(Path(__file__).parent), str(lake), name, str(rows)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def finish(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    return out.strip()


def contents(lake: Path) -> dict[str, pa.Table]:
    """What every table holds, in an order of its own."""
    found = {}
    for view in VIEWS:
        table = stored(lake, view)
        keys = [name for name in ("capture", "seq", "node_id") if name in table.schema.names]
        found[view] = table.sort_by([(key, "ascending") for key in keys]).combine_chunks()
    return found


def killed_often(tmp_path: Path, points: int, seed: int) -> None:
    """Kill a conversion `points` times, each time further on or less far, then let it end."""
    whole = tmp_path / "whole"
    process = worker(whole, "c1")
    started = time.monotonic()
    go(process)
    finish(process)
    lasts = time.monotonic() - started
    moments = random.Random(seed)
    lake, rounds = tmp_path / "lake", 0
    for number in range(points):
        process = worker(lake, "c1")
        go(process)
        time.sleep(moments.uniform(0, lasts * 1.1))
        process.kill()
        process.communicate()
        seen = stored(lake).num_rows if layout.is_lake(lake) else 0
        assert seen in (0, ROWS), "half of a run is visible"
        if seen and number + 1 < points:  # it was done: the next ones are killed while they make another lake
            rounds += 1
            assert contents(lake)["telemetry"].equals(contents(whole)["telemetry"])
            lake = tmp_path / f"lake{rounds}"
    convert([recording("c1")], lake)
    assert all(contents(lake)[view].equals(table) for view, table in contents(whole).items())
    assert not loose_files(lake)
    assert not (lake / layout.STAGING).exists()


def test_killed_at_a_dozen_moments_of_chance_the_lake_is_the_same(tmp_path: Path) -> None:
    killed_often(tmp_path, 12, seed=9)


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_hundreds_of_moments_the_lake_is_the_same(tmp_path: Path, seed: int) -> None:
    killed_often(tmp_path, 100, seed=100 + seed)


def test_two_processes_at_once_add_every_row_once(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    names = ("c1", "c2", "c1")
    processes = [worker(lake, name) for name in names]
    for process in processes:
        go(process)
    for process in processes:
        finish(process)
    expected = by_row(pa.concat_tables([recording("c1").data, recording("c2").data]))
    assert by_row(stored(lake)).equals(expected)
    assert stored(lake, "journal").num_rows == 2
    assert stored(lake, "nodes").num_rows == 5
    assert sorted(stored(lake, "gaps")["capture"].to_pylist()) == ["c1", "c2"]
    assert not loose_files(lake)


def test_a_killed_process_and_a_living_one_share_a_lake(tmp_path: Path) -> None:
    """The living one finds what the killed one left, and puts it right."""
    lake = tmp_path / "lake"
    first = worker(lake, "c1")
    go(first)
    while not (lake / layout.STAGING).exists() and first.poll() is None:
        time.sleep(0.001)
    first.kill()
    first.communicate()
    second = worker(lake, "c2")
    go(second)
    finish(second)
    convert([recording("c1")], lake)
    assert stored(lake).num_rows == 2 * ROWS
    assert not loose_files(lake)


@pytest.mark.parametrize("moments", [5, pytest.param(100, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_compaction_killed_at_moments_of_chance_loses_nothing(tmp_path: Path, moments: int) -> None:
    """Each round a lake of many files; whatever was reached, readers see every row once."""
    lake, chance = tmp_path / "lake", random.Random(moments)
    data = recording("c1").data
    for size in range(ROWS // 5, ROWS + 1, ROWS // 5):
        convert([FakeRecording("c1", data.slice(0, size))], lake)
    expected = by_row(stored(lake))
    for _ in range(moments):
        process = worker(lake, "compact")
        go(process)
        time.sleep(chance.uniform(0, 0.6))
        process.kill()
        process.communicate()
        assert by_row(stored(lake)).equals(expected)
    compact(lake)
    assert by_row(stored(lake)).equals(expected)
    known = {path for view in layout.tables(lake) for path in Table(lake, view).files()}
    vacuum(lake, keep=timedelta(0), now=datetime.now(UTC) + timedelta(seconds=2))
    assert set(lake.rglob("*.parquet")) == known
    assert not (lake / layout.STAGING).exists()
