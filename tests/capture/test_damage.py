"""Cut, flipped, zeroed, missing: what is intact comes back, nothing wrong does, every loss is said."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from omptool.capture import frames
from omptool.capture.index import File, SegmentIndex, frame_at, index_segment
from omptool.capture.reader import Capture
from omptool.errors import OmptoolError
from tests.capture import build

SEGMENT = "seg-00000001.arrows"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One segment: header, three flushes of eight rows, stop."""
    return build.small(tmp_path_factory.mktemp("whole") / "a.omcap")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As small as a capture gets: header, one flush of two rows, stop."""
    return build.small(tmp_path_factory.mktemp("tiny") / "a.omcap", commits=1, rows=2)


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven segments, the first six with eight rows each."""
    return build.small(tmp_path_factory.mktemp("rotated") / "a.omcap", commits=6, rotate_bytes=1)


def boundaries(path: Path) -> list[int]:
    """Where messages start in a segment, and its end."""
    file = File(path)
    found, at = [], 0
    try:
        while file.size - at > 8:
            found.append(at)
            at += frame_at(file, at).size
    finally:
        file.close()
    return [*found, at, file.size]


def commit_ends(index: SegmentIndex) -> list[int]:
    """Where each commit message ends: where the next interval starts."""
    return [*(commit.offset for commit in index.good[1:]), index.end]


def test_cut_at_every_byte(tiny: Path, tmp_path: Path) -> None:
    """A cut segment holds exactly the flushes before the cut; what lies behind is a torn tail, not damage."""
    capture_id = Capture.open(tiny).id
    full = index_segment(tiny / SEGMENT, capture_id)
    cut = tmp_path / SEGMENT
    shutil.copy(tiny / SEGMENT, cut)
    for size in reversed(range(full.size)):
        os.truncate(cut, size)
        index = index_segment(cut, capture_id)
        kept = sum(1 for end in commit_ends(full) if end <= size)
        assert index.broken == []
        assert index.good == full.good[:kept]
        assert index.torn == size - index.end


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_cut_at_every_boundary_of_a_larger_capture(rotated: Path, tmp_path: Path, offset: int) -> None:
    truth = build.values(rotated)
    (last,) = sorted(rotated.glob("seg-*"))[-2:-1]
    for boundary in boundaries(last):
        copied = build.copy(rotated, tmp_path / "c.omcap")
        size = max(0, boundary + offset)
        data = (copied / last.name).read_bytes()[:size]
        (copied / "seg-00000007.arrows").unlink()
        (copied / "capture.json").unlink()
        (copied / last.name).write_bytes(data)
        got = build.values(copied)
        assert got == {seq: truth[seq] for seq in got}
        assert len(got) in (40, 48)
        capture = Capture.open(copied)
        assert capture.damage == [] and not capture.finished
        assert [gap["reason"] for gap in capture.gaps().to_pylist()] == ["client_stopped"]


def test_flip_in_every_byte_is_seen(tiny: Path, tmp_path: Path) -> None:
    """A flipped bit breaks the interval it lies in and no other."""
    data = (tiny / SEGMENT).read_bytes()
    capture_id = Capture.open(tiny).id
    full = index_segment(tiny / SEGMENT, capture_id)
    ends = commit_ends(full)
    flipped = tmp_path / SEGMENT
    flipped.write_bytes(data)
    with flipped.open("r+b", buffering=0) as file:
        for at, byte in enumerate(data):
            os.pwrite(file.fileno(), bytes([byte ^ 1 << (at * 5 % 8)]), at)
            index = index_segment(flipped, capture_id)
            os.pwrite(file.fileno(), bytes([byte]), at)
            hit = [c for c, end in zip(full.good, ends, strict=True) if c.offset <= at < end]
            assert index.good == [commit for commit in full.good if commit not in hit]
            assert bool(index.broken) == bool(hit), at
            assert hit or index.torn == 8, "a broken end mark costs nothing"


def test_flips_give_no_wrong_value_and_name_the_loss(whole: Path, rotated: Path, tmp_path: Path) -> None:
    dice = random.Random(2)
    for source in (whole, rotated):
        truth = {row["seq"]: row for row in build.rows(source)}
        for _ in range(60):
            copied = build.copy(source, tmp_path / "c.omcap")
            name = dice.choice(sorted(path.name for path in copied.glob("*.arrows")))
            data = bytearray((copied / name).read_bytes())
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            (copied / name).write_bytes(data)
            capture = Capture.open(copied)
            got = {row["seq"]: row for row in build.rows(copied)}
            if name.startswith("seg"):
                assert got == {seq: truth[seq] for seq in got}
            lost = sum(damage.rows or 0 for damage in capture.damage)
            assert capture.damage or capture.torn_bytes == 8
            assert lost == len(truth) - len(got)
            if lost:
                (gap,) = [row for row in capture.gaps().to_pylist() if row["reason"] == "corrupt_segment"]
                assert gap["missing"] == lost


@pytest.mark.parametrize(
    "tail", [b"\0" * 4096, b"\0" * 8, b"garbage!" * 100, frames.CONTINUATION * 8, b"omp.commit" * 9]
)
def test_tails_behind_the_last_commit_cost_nothing(whole: Path, tmp_path: Path, tail: bytes) -> None:
    copied = build.copy(whole, tmp_path / "c.omcap")
    with (copied / SEGMENT).open("r+b") as file:
        file.seek(-8, 2)  # as if the end mark had never been written
        file.write(tail)
    capture = Capture.open(copied)
    assert capture.damage == []
    assert capture.torn_bytes == len(tail)
    assert build.values(copied) == build.values(whole)


def test_zeros_inside_cost_the_intervals_they_touch(whole: Path, tmp_path: Path) -> None:
    copied = build.copy(whole, tmp_path / "c.omcap")
    second = Capture.open(whole).parts[0].index.good[2]
    with (copied / SEGMENT).open("r+b") as file:
        file.seek(second.offset)
        file.write(b"\0" * second.length)
    assert sorted(build.values(copied)) == [*range(1, 9), *range(17, 25)]
    (damage,) = Capture.open(copied).damage
    assert (damage.rows, damage.first_row, damage.start) == (8, 9, second.offset)
    assert (damage.t_min, damage.t_max) == (build.T0 + 8_000_000, build.T0 + 15_000_000)


@pytest.mark.parametrize("gone", [1, 3, 7])
def test_missing_segment_is_named(rotated: Path, tmp_path: Path, gone: int) -> None:
    copied = build.copy(rotated, tmp_path / "c.omcap")
    name = f"seg-{gone:08d}.arrows"
    (copied / name).unlink()
    (damage,) = Capture.open(copied).damage
    rows = 0 if gone == 7 else 8
    assert (damage.file, damage.rows) == (name, rows)
    expected = {seq for seq in range(1, 49) if gone == 7 or not (gone - 1) * 8 < seq <= gone * 8}
    assert set(build.values(copied)) == expected


def test_missing_node_table_costs_names_only(whole: Path, tmp_path: Path) -> None:
    copied = build.copy(whole, tmp_path / "c.omcap")
    for path in copied.glob("nodes-*"):
        path.unlink()
    (damage,) = Capture.open(copied).damage
    assert damage.file.startswith("nodes-") and "missing" in damage.reason
    assert (damage.rows, Capture.open(copied).gaps().num_rows) == (0, Capture.open(whole).gaps().num_rows)
    rows = build.rows(copied)
    assert [row["value"] for row in rows] == list(build.values(whole).values())
    assert rows[0]["node_id"] == f"nsu=urn:omptool:unknown-node:{Capture.open(whole).id};i=1"
    assert {row["server"] for row in rows} == {build.SERVER.server}
    assert {row["machine"] for row in rows} - {""}


def test_missing_types_file_is_said(whole: Path, tmp_path: Path) -> None:
    copied = build.copy(whole, tmp_path / "c.omcap")
    for path in copied.glob("types-*"):
        path.unlink()
    (damage,) = Capture.open(copied).damage
    assert damage.file.startswith("types-")
    assert build.values(copied) == build.values(whole)


def test_first_header_lost_without_summary(whole: Path, tmp_path: Path) -> None:
    """Then nothing says which capture this is; the answer is clear and no row is invented."""
    copied = build.copy(whole, tmp_path / "c.omcap")
    (copied / "capture.json").unlink()
    data = bytearray((copied / SEGMENT).read_bytes())
    data[:64] = bytes(64)
    (copied / SEGMENT).write_bytes(data)
    with pytest.raises(OmptoolError, match="no segment has a readable header"):
        Capture.open(copied)
    shutil.copy(whole / "capture.json", copied)
    assert build.values(copied) == build.values(whole)


def test_segment_of_another_capture_is_not_taken(whole: Path, tmp_path: Path) -> None:
    other = build.small(tmp_path / "b.omcap", commits=1)
    copied = build.copy(whole, tmp_path / "c.omcap")
    shutil.copy(other / SEGMENT, copied / "seg-00000002.arrows")
    capture = Capture.open(copied)
    assert build.values(copied) == build.values(whole)
    assert any(damage.file == "seg-00000002.arrows" for damage in capture.damage)
