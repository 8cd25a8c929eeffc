"""`recover` keeps every row that was readable, says what is gone, and has nothing to do the second time."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from omptool.capture.lock import Lock
from omptool.capture.reader import Capture
from omptool.capture.recover import recover
from omptool.capture.story import gaps
from omptool.errors import Busy
from tests.capture import build

SEGMENT = "seg-00000001.arrows"


def state(path: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in path.iterdir() if entry.name != "LOCK"}


def stock_rows(path: Path) -> int:
    """Rows that pyarrow and polars find in the telemetry segments."""
    tables = [pa.ipc.open_stream(file).read_all() for file in sorted(path.glob("seg-*.arrows"))]
    assert [table.num_rows for table in tables] == [
        pl.read_ipc_stream(f).height for f in sorted(path.glob("seg-*.arrows"))
    ]
    return sum(pa.compute.sum(pa.compute.not_equal(table["flags"], 16)).as_py() or 0 for table in tables)


def test_a_whole_capture_is_left_alone(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap")
    before = state(path)
    report = recover(path)
    assert (report.actions, report.is_marked, report.has_loss, report.rows) == ((), False, False, 24)
    assert state(path) == before


def test_a_killed_writer_leaves_a_mark_once(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap", close=False)
    (stopped,) = gaps(Capture.open(path)).to_pylist()
    report = recover(path)
    assert report.is_marked and not report.has_loss
    capture = Capture.open(path)
    assert capture.journal_entries[-1].kind == "recovered"
    assert not capture.finished and capture.torn_bytes == 0
    assert gaps(capture).to_pylist()[0]["start_time"] == stopped["start_time"], "a repair moved the evidence"
    before = state(path)
    assert not recover(path).is_marked
    assert state(path) == before
    assert stock_rows(path) == 24


@pytest.mark.parametrize(("torn", "kept"), [(7, []), (4096, []), (5000, [SEGMENT + ".torn"])])
def test_torn_tails_are_cut_and_large_ones_kept(tmp_path: Path, torn: int, kept: list[str]) -> None:
    path = build.small(tmp_path / "a.omcap", close=False)
    tail = random.Random(1).randbytes(torn)
    with (path / SEGMENT).open("ab") as file:
        file.write(tail)
    before = build.values(path)
    (action,) = recover(path).actions
    assert (action.what, action.bytes, action.rows) == ("cut", torn, 0)
    assert [entry.name for entry in path.glob("*.torn")] == kept
    assert all((path / name).read_bytes() == tail for name in kept)
    assert build.values(path) == before
    assert stock_rows(path) == 24
    assert not recover(path).is_marked


def test_damage_is_taken_out_and_recorded(tmp_path: Path) -> None:
    dice = random.Random(4)
    for number in range(25):
        path = build.small(tmp_path / f"{number}.omcap", commits=4, rotate_bytes=8000)
        victim = dice.choice(sorted(path.glob("seg-*")))
        data = bytearray(victim.read_bytes())
        data[dice.randrange(len(data) - 8)] ^= 1 << dice.randrange(8)
        victim.write_bytes(data)
        before, lost = build.rows(path), sum(d.rows or 0 for d in Capture.open(path).damage)
        report = recover(path)
        assert report.actions and report.has_loss == bool(lost)
        assert victim.with_name(victim.name + ".damaged").read_bytes() == bytes(data)
        capture = Capture.open(path)
        assert capture.damage == []
        assert build.rows(path) == before
        assert stock_rows(path) == 32 - lost
        gaps = [gap for gap in capture.gaps().to_pylist() if gap["reason"] == "corrupt_segment"]
        assert [gap["missing"] for gap in gaps] == ([lost] if lost else [])
        assert not recover(path).is_marked


def test_a_missing_segment_gets_a_stand_in(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap", commits=4, rotate_bytes=1)
    (path / "seg-00000002.arrows").unlink()
    before = build.rows(path)
    assert recover(path).has_loss
    assert Capture.open(path).damage == []
    assert build.rows(path) == before
    (gap,) = Capture.open(path).gaps().to_pylist()
    assert (gap["reason"], gap["missing"], gap["state"]) == ("corrupt_segment", 8, "explained")
    assert not recover(path).is_marked


def test_a_segment_without_any_commit_is_removed(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap", close=False, rotate_bytes=1)
    (path / "seg-00000004.arrows").write_bytes(b"half a header")
    (action,) = recover(path).actions
    assert (action.file, action.what) == ("seg-00000004.arrows", "removed")
    assert build.values(path) == {n: float(n) for n in range(1, 25)}
    assert not recover(path).is_marked


def test_a_missing_node_table_cannot_be_made_up(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap")
    next(path.glob("nodes-*")).unlink()
    report = recover(path)
    assert [(action.what, action.rows) for action in report.actions] == [("unrepairable", 0)]
    assert report.has_loss
    assert not report.is_marked


def test_dry_run_changes_nothing(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap", close=False)
    with (path / SEGMENT).open("ab") as file:
        file.write(b"x" * 10_000)
    before = state(path)
    report = recover(path, dry_run=True)
    assert state(path) == before
    assert [(a.file, a.what, a.bytes) for a in report.actions] == [(SEGMENT, "cut", 10_000)]
    assert [(a.file, a.what, a.bytes) for a in recover(path).actions] == [(SEGMENT, "cut", 10_000)]


def test_a_capture_being_written_is_left_to_its_writer(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap", close=False)
    lock = Lock(path)
    with pytest.raises(Busy):
        recover(path)
    with pytest.raises(Busy):
        recover(path, dry_run=True)
    lock.release()
    assert recover(path).is_marked
