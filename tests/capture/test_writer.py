"""What the writer acknowledges is on disk, whole and readable by others; what it refuses leaves nothing changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from omptool.capture.format import SEGMENT, Flag
from omptool.capture.reader import Capture
from omptool.capture.writer import CaptureWriter
from omptool.errors import Busy, OutputExists
from omptool.model.vocabulary import GapReason, GapState
from tests.capture import build


def test_rows_journal_gaps_and_nodes_come_back(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap", session={"command": "capture press"})
    assert writer.append(build.rows_of(build.doubles([1, 2, 3]))) == 1
    writer.gap(
        GapReason.CONNECTION_LOST, server=build.SERVER.server, start_ns=build.T0, end_ns=build.T0 + 1,
        state=GapState.EXPLAINED, node=2, sub=1, missing=3, detail={"cause": "reset"},
    )  # fmt: skip
    assert writer.append(build.rows_of(build.doubles([4]))) == 4
    commit = writer.commit()
    assert commit is not None and (commit.rows, commit.first_row) == (4, 1)
    writer.close()
    capture = Capture.open(tmp_path / "a.omcap")
    assert (capture.rows, capture.damage, capture.finished, capture.torn_bytes) == (4, [], True, 0)
    assert capture.servers == [build.SERVER]
    assert capture.nodes() == build.nodes()
    assert [entry.kind for entry in capture.journal_entries] == ["start", "nodes", "subscribe", "stop"]
    assert [entry.seq for entry in capture.journal_entries] == [1, 2, 3, 4]
    assert capture.journal().column("sub").to_pylist() == [None, None, 4711, None]
    (gap,) = capture.gaps().to_pylist()
    assert gap["node_id"] == "nsu=urn:test:plant;s=Line1.T1"
    assert (gap["sub"], gap["missing"], gap["reason"], gap["state"]) == (4711, 3, "connection_lost", "explained")


def test_nothing_is_acknowledged_before_commit(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap")
    writer.append(build.rows_of(build.doubles([1, 2])))
    assert Capture.open(tmp_path / "a.omcap").rows == 0
    writer.commit()
    writer.append(build.rows_of(build.doubles([3])))
    growing = Capture.open(tmp_path / "a.omcap")
    assert (growing.rows, growing.is_being_written, growing.finished) == (2, True, False)
    writer.commit()
    assert sum(batch.num_rows for _, batch in growing.batches()) == 2, "the position is fixed when it is opened"
    assert Capture.open(tmp_path / "a.omcap").rows == 3
    writer.close()
    assert not Capture.open(tmp_path / "a.omcap").is_being_written


def test_rotation_keeps_numbers_dense_and_carries_last_values(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap", commits=6, rows=8, rotate_bytes=1)
    capture = Capture.open(path)
    assert len(capture.segments) == 7, "six with rows, one with the stop"
    assert build.values(path) == {n: float(n) for n in range(1, 49)}
    third = pa.ipc.open_stream(path / "seg-00000003.arrows").read_all()
    carried = third.filter(pa.compute.equal(third["flags"], int(Flag.CARRIED)))
    assert dict(zip(carried["node"].to_pylist(), carried["v_f64"].to_pylist(), strict=True)) == {
        1: 13,
        2: 14,
        3: 15,
        4: 16,
    }
    assert third.num_rows == 12


def test_carried_values_survive_many_batches(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap", rotate_bytes=200_000)
    writer.append(build.rows_of(build.doubles([7, 8, 9, 10])))
    for number in range(100):
        writer.append(build.rows_of(build.doubles([number], handles=1)))
    writer._rotate_bytes = 1
    writer.commit()
    writer.close()
    last = pa.ipc.open_stream(tmp_path / "a.omcap" / "seg-00000002.arrows").read_all()
    assert last["v_f64"].to_pylist() == [99, 8, 9, 10]


def test_age_rotates(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap", commits=3, rotate_seconds=0.0)
    assert len(Capture.open(path).segments) == 4


def test_stock_readers_read_every_segment(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap", commits=4, rotate_bytes=6000)
    files = sorted(path.glob("seg-*.arrows"))
    assert len(files) > 1
    for file in files:
        table = pa.ipc.open_stream(file).read_all()
        assert table.schema.equals(SEGMENT)
        assert pl.read_ipc_stream(file).height == table.num_rows


def test_events_have_segments_of_their_own(tmp_path: Path) -> None:
    from omptool.capture.format import EVENT_SEGMENT

    writer = build.start(tmp_path / "a.omcap")
    row = dict.fromkeys(EVENT_SEGMENT.names) | {
        "node": 1, "event_time": build.T0, "receive_time": build.T0 + 5, "receive_mono": 1, "sequence": 1, "sub": 1,
        "event_id": b"\x01", "message": "overheated", "severity": 700, "active": True, "flags": 0,
    }  # fmt: skip
    assert writer.append_events(pa.RecordBatch.from_pylist([row, row], schema=EVENT_SEGMENT)) == 1
    writer.append(build.rows_of(build.doubles([1])))
    writer.commit()
    writer.close()
    capture = Capture.open(tmp_path / "a.omcap")
    assert (capture.rows, capture.event_rows, capture.damage) == (1, 2, [])
    from omptool.capture import view
    from omptool.model.contracts import EVENTS

    table = view.events(capture)
    assert table.schema.equals(EVENTS)
    first = table.to_pylist()[0]
    assert (first["message"], first["severity"], first["active"], first["machine"]) == (
        "overheated",
        700,
        True,
        "press",
    )
    assert (first["node_id"], first["seq"], first["origin"]) == ("nsu=urn:test:plant;s=Line1.T0", 1, "live")


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap")
    with pytest.raises(Busy, match="being written by pid"):
        CaptureWriter.create(tmp_path / "a.omcap", force=True)
    writer.close()
    CaptureWriter.create(tmp_path / "a.omcap", force=True).close()


def test_existing_output(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap")
    with pytest.raises(OutputExists, match="exists"):
        CaptureWriter.create(path)
    CaptureWriter.create(path, force=True).close()
    assert Capture.open(path).rows == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputExists, match="something else"):
        CaptureWriter.create(tmp_path / "other", force=True)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputExists, match="not a folder"):
        CaptureWriter.create(tmp_path / "file", force=True)
    (tmp_path / "empty").mkdir()
    CaptureWriter.create(tmp_path / "empty").close()


def test_force_leaves_foreign_files_alone(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap")
    (path / "notes.txt").write_text("mine")
    CaptureWriter.create(path, force=True).close()
    assert (path / "notes.txt").read_text() == "mine"


def test_the_summary_says_what_is_there(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap", commits=2, rotate_bytes=1)
    summary = json.loads((path / "capture.json").read_text())
    assert summary["capture"] == Capture.open(path).id
    assert [entry["end_row"] for entry in summary["segments"]] == [9, 17, 17]


def test_a_lost_summary_costs_nothing(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap")
    before = build.rows(path)
    (path / "capture.json").unlink()
    assert build.rows(path) == before
    assert Capture.open(path).damage == []


def test_wrong_columns_are_a_mistake_of_the_caller(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap")
    with pytest.raises(ValueError, match="not a batch"):
        writer.append(pa.RecordBatch.from_pydict({"node": [1]}))
    writer.close()


def test_a_detail_that_is_too_long_is_cut(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap")
    writer.journal("marker", detail={"text": "x" * (1 << 20)})
    for _ in range(30):
        writer.journal("marker", detail={"text": "y" * 200_000})
    writer.close()
    markers = [entry for entry in Capture.open(tmp_path / "a.omcap").journal_entries if entry.kind == "marker"]
    assert len(markers) == 31
    assert markers[0].detail["cut"] is True


_DISK_FULL = """
import resource, signal, sys
from pathlib import Path
from omptool.errors import DiskFull
from omptool.capture.reader import Capture
from tests.capture import build

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit, path = int(sys.argv[1]), Path(sys.argv[2])
soft = resource.RLIM_INFINITY
acknowledged = 0
writer = build.start(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, soft))
try:
    for number in range(200):
        writer.append(build.rows_of(build.doubles([number] * 50)))
        commit = writer.commit()
        acknowledged = commit.end_row - 1
except DiskFull:
    assert writer.pending_bytes > 0
    assert Capture.open(path).rows == acknowledged
    assert Capture.open(path).torn_bytes == 0, "cut back to the last good byte"
    try:
        writer.commit()
    except DiskFull:
        pass
    if sys.argv[3] == "retry":
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, soft))
        acknowledged = writer.commit().end_row - 1
        assert acknowledged == writer.rows
try:
    writer.close()
except DiskFull:
    pass
print(acknowledged)
"""


@pytest.mark.parametrize("limit", [1, 3000, 8000, 12_345, 40_000])
@pytest.mark.parametrize("then", ["retry", "give up"])
def test_full_disk_costs_nothing_acknowledged(tmp_path: Path, limit: int, then: str) -> None:
    path = tmp_path / "a.omcap"
    done = subprocess.run(
        [sys.executable, "-c", _DISK_FULL, str(limit), str(path), then],
        capture_output=True, encoding="utf-8", cwd=Path(__file__).parents[2], timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    acknowledged = int(done.stdout)
    capture = Capture.open(path)
    assert capture.rows >= acknowledged
    assert capture.damage == []
    assert capture.finished == (then == "retry")
    assert list(build.values(path)) == list(range(1, capture.rows + 1))
    Path(path / "LOCK").open("r+").close()
    CaptureWriter.create(path, force=True).close()


_VICTIM = """
import sys
from pathlib import Path
from tests.capture import build

writer = build.start(Path(sys.argv[1]), rotate_bytes=30_000)
row = 1
while True:
    writer.append(build.rows_of(build.doubles(range(row, row + 40))))
    row += 40
    print(writer.commit().end_row - 1, flush=True)
"""


@pytest.mark.parametrize("lines", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55])
def test_kill_9_loses_nothing_acknowledged(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "a.omcap"
    victim = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, str(path)],
        stdout=subprocess.PIPE, encoding="utf-8", cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert victim.stdout is not None
    said = [victim.stdout.readline() for _ in range(lines + 1)]
    victim.kill()
    said += victim.stdout.read().splitlines()
    victim.wait()
    victim.stdout.close()
    acknowledged = max(int(line) for line in said if line.strip().isdigit())
    capture = Capture.open(path)
    assert capture.damage == []
    assert not capture.finished
    assert capture.rows >= acknowledged
    assert build.values(path) == {n: float(n) for n in range(1, capture.rows + 1)}
    assert capture.gaps()["reason"].to_pylist() == ["client_stopped"]


def test_readers_of_a_growing_capture_see_commits_and_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.omcap"
    victim = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, str(path)],
        stdout=subprocess.PIPE, encoding="utf-8", cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert victim.stdout is not None
    seen = 0
    try:
        for _ in range(25):
            acknowledged = int(victim.stdout.readline())
            capture = Capture.open(path)
            assert capture.damage == [] and capture.is_being_written
            assert capture.rows >= max(seen, acknowledged)
            seen = capture.rows
            assert sum(batch.num_rows for _, batch in capture.batches()) == seen
    finally:
        victim.kill()
        victim.stdout.close()
        victim.wait()
