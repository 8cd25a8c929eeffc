"""Segments that retention deletes: what is gone is said, what is kept stays provable, and a kill does no harm."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture import verify
from omptool.capture.format import EVENT_SEGMENT
from omptool.capture.reader import Capture
from omptool.capture.recording.retention import Chosen, Closed, Keep, choose, going, retire, story_of
from omptool.capture.recover import recover
from omptool.capture.resume import take_up
from omptool.capture.retired import Columns, Counted, Story, count
from omptool.capture.writer import CaptureWriter
from omptool.lake.convert import convert
from omptool.lake.discharge import discharge
from omptool.lake.verify import verify as verify_lake
from omptool.protocol.ledger import LAST
from omptool.sources.capture import CaptureSource
from tests.capture.build import SERVER, T0, doubles, rows_of, start

ROWS = 8


def add(writer: CaptureWriter, number: int) -> None:
    """A commit of eight rows: row n has the value n, at n ms."""
    first = number * ROWS
    columns = doubles(range(first + 1, first + ROWS + 1), start_ns=T0 + first * 1_000_000)
    writer.append(rows_of(columns, sequence=number + 1))
    writer.commit()


def begun(path: Path, commits: int = 6) -> tuple[CaptureWriter, Story]:
    """A growing capture with a segment for each commit."""
    story = Story()
    writer = start(path, rotate_seconds=0, story=story)
    for number in range(commits):
        add(writer, number)
    return writer, story


def oldest(writer: CaptureWriter, count: int) -> Chosen:
    closed = [
        Closed(float(n), "telemetry", int(e["file"][4:12]), e["file"], e["bytes"])
        for n, e in enumerate(writer.lines[0].closed)
    ]
    return Chosen(tuple(closed[:count]), "older than --keep-for allows", is_short=False)


def delete(writer: CaptureWriter, story: Story, count: int) -> None:
    starts = {line.name: line.start for line in writer.lines}
    gone = going(writer.path, writer.id, oldest(writer, count), starts)
    assert gone is not None
    retire(writer, story, gone)


def values(capture: Capture) -> list[float]:
    return [value for _, batch in capture.batches() for value in batch.column("v_f64").to_pylist()]


def test_what_is_gone_is_a_window_and_the_rest_is_whole(tmp_path: Path) -> None:
    writer, story = begun(tmp_path / "x.omcap")
    writer.journal("marker", detail={"n": 1})
    delete(writer, story, 2)
    delete(writer, story, 1)
    writer.close()
    capture = Capture.open(tmp_path / "x.omcap")
    assert (capture.damage, capture.leftover, capture.finished) == ([], [], True)
    assert values(capture) == [float(n) for n in range(3 * ROWS + 1, 6 * ROWS + 1)]
    assert next(iter(capture.batches()))[0] == 3 * ROWS + 1
    assert capture.last_row == 6 * ROWS
    assert [entry.seq for entry in capture.journal_entries] == list(range(1, len(capture.journal_entries) + 1))
    kinds = [entry.kind for entry in capture.journal_entries]
    assert {"start", "nodes", "subscribe", "marker", "retention", "stop"} <= set(kinds)
    assert len(capture.nodes()) == 5
    [gap] = capture.gaps().to_pylist()
    assert (gap["reason"], gap["state"], gap["missing"]) == ("retention", "explained", 3 * ROWS)
    assert gap["start_time"].timestamp() * 1e9 == pytest.approx(T0, abs=1e3)
    assert gap["end_time"].timestamp() * 1e9 == pytest.approx(T0 + (3 * ROWS - 1) * 1e6, abs=2e3)
    carried = [batch for first, batch in capture.replay_batches() if first == 0]
    assert carried[0].column("v_f64").to_pylist() == [3 * ROWS - 3.0, 3 * ROWS - 2.0, 3 * ROWS - 1.0, 3.0 * ROWS]
    verified = verify.verify(capture)
    assert {verdict.verdict for verdict in verified.verdicts} == {"windows"}
    assert recover(tmp_path / "x.omcap").actions == ()


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 6) | st.just(LAST), st.integers(-5, 5)), max_size=40))
def test_rows_of_many_subscriptions_are_counted_at_once(rows: list[tuple[int, int, int]]) -> None:
    subs, numbers, times = (np.array([row[place] for row in rows], kind) for place, kind in enumerate("IIq"))
    every = np.ones(len(rows), np.bool_)
    found = dict(count(Columns(subs, numbers, np.arange(100, 100 + len(rows)), times, times, every, ~every)))
    assert set(found) == {sub for sub, _, _ in rows}
    for sub, told in found.items():
        own = [(100 + at, number, time) for at, (each, number, time) in enumerate(rows) if each == sub]
        first = max(own[0][1], 1)
        ahead = [(number - first) % LAST for _, number, _ in own]
        furthest = max(steps if steps < LAST // 2 else 0 for steps in ahead)
        assert told == Counted(
            len(own), own[-1][0], first, (first - 1 + furthest) % LAST + 1,
            min(time for _, _, time in own), max(time for _, _, time in own),
        )  # fmt: skip


def test_a_window_that_stood_only_in_what_is_gone_stays(tmp_path: Path) -> None:
    story = Story()
    writer = start(tmp_path / "x.omcap", rotate_seconds=0, story=story)
    for key in (None, "k"):
        writer.gap("stale", server=SERVER.server, start_ns=T0, end_ns=T0 + 1000, state="explained", key=key)  # type: ignore[arg-type]
    for number in range(4):
        add(writer, number)
    delete(writer, story, 1)
    delete(writer, story, 2)
    writer.close()
    reasons = sorted(gap.reason for gap in Capture.open(tmp_path / "x.omcap").gap_entries)
    assert reasons == ["retention", "stale", "stale"]


_KILLED = """
import os, signal, sys
from pathlib import Path
from omptool.capture.recording import retention
from tests.capture.test_retention import begun, delete

left = int(sys.argv[2])
def remove(files):
    for path in files[:left]:
        path.unlink()
    os.kill(os.getpid(), signal.SIGKILL)

retention.remove = remove
delete(*begun(Path(sys.argv[1])), 3)
"""


@pytest.mark.parametrize("deleted", [0, 1, 3])
def test_killed_in_the_middle_nothing_is_damage_and_the_next_one_cleans_up(tmp_path: Path, deleted: int) -> None:
    folder = tmp_path / "x.omcap"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(folder), str(deleted)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.returncode == -signal.SIGKILL
    capture = Capture.open(folder)
    assert capture.damage == []
    assert capture.leftover == [f"seg-0000000{n}.arrows" for n in range(deleted + 1, 4)]
    expected = [float(n) for n in range(3 * ROWS + 1, 6 * ROWS + 1)]
    assert values(capture) == expected
    copy = tmp_path / "copy.omcap"
    shutil.copytree(folder, copy)
    assert [action.what for action in recover(copy).actions] == ["removed"] * (3 - deleted)
    assert (Capture.open(copy).leftover, values(Capture.open(copy))) == ([], expected)

    standing = take_up(folder)
    story = story_of(standing.capture)
    writer = CaptureWriter.resume(standing, rotate_seconds=0, story=story)
    add(writer, 6)
    delete(writer, story, 2)
    writer.close()
    resumed = Capture.open(folder)
    assert (resumed.damage, resumed.leftover) == ([], [])
    assert values(resumed) == [float(n) for n in range(5 * ROWS + 1, 7 * ROWS + 1)]
    [gap] = [gap for gap in resumed.gap_entries if gap.reason == "retention"]
    assert (gap.start_ns, gap.missing) == (T0, 5 * ROWS)


@pytest.mark.parametrize("with_cache", [True, False])
def test_where_the_entry_itself_is_damaged_later_segments_and_the_summary_say_it(
    tmp_path: Path, with_cache: bool
) -> None:
    folder = tmp_path / "x.omcap"
    writer, story = begun(folder)
    delete(writer, story, 3)
    entry_in = f"seg-{writer.lines[0].number:08d}.arrows"
    if not with_cache:
        add(writer, 6)
        add(writer, 7)
    writer.close()
    data = bytearray((folder / entry_in).read_bytes())
    at = data.rindex(b"omp.journal")
    data[at + 40] ^= 0xFF
    (folder / entry_in).write_bytes(data)
    if not with_cache:
        (folder / "capture.json").unlink()
    capture = Capture.open(folder)
    assert {damage.file for damage in capture.damage} == {entry_in}


def test_a_lake_that_has_the_rows_lacks_nothing(tmp_path: Path) -> None:
    folder, lake = tmp_path / "x.omcap", tmp_path / "lake"

    writer, story = begun(folder, 4)
    convert([CaptureSource(folder)], lake)
    delete(writer, story, 3)
    add(writer, 4)
    report = convert([CaptureSource(folder)], lake)
    assert report.rows == ROWS
    assert retention_rows(lake) == []
    add(writer, 5)
    add(writer, 6)
    add(writer, 7)
    delete(writer, story, 4)  # the last of them never came to the lake
    writer.close()
    report = convert([CaptureSource(folder)], lake)
    [window] = retention_rows(lake)
    assert window["start_time"].timestamp() * 1e9 >= T0 + (3 * ROWS - 1) * 1e6
    assert window["end_time"].timestamp() * 1e9 == pytest.approx(T0 + (6 * ROWS - 1) * 1e6, abs=2e3)
    assert convert([CaptureSource(folder)], lake).rows == 0
    assert retention_rows(lake) == [window]


def test_a_lake_that_has_more_than_the_capture_is_whole(tmp_path: Path) -> None:
    folder, lake = tmp_path / "x.omcap", tmp_path / "lake"
    writer, story = begun(folder, 4)
    convert([CaptureSource(folder)], lake)
    delete(writer, story, 2)
    add(writer, 4)
    writer.close()
    convert([CaptureSource(folder)], lake)
    found = verify_lake(lake, [CaptureSource(folder)])
    assert (found.is_whole, [mine.rows for mine in found.captures]) == (True, [5 * ROWS])
    other = tmp_path / "other"
    convert([CaptureSource(folder)], other)
    assert verify_lake(other, [CaptureSource(folder)]).is_whole
    assert discharge(folder, CaptureSource(folder), lake) == ""
    assert not folder.exists()


def retention_rows(lake: Path) -> list[dict[str, object]]:
    import pyarrow.dataset as ds
    from deltalake import DeltaTable

    rows = ds.dataset(DeltaTable(str(lake / "gaps")).file_uris()).to_table().to_pylist()
    return [row for row in rows if row["reason"] == "retention"]


CLOSED = [Closed(100.0 * n, "telemetry", n, f"seg-{n:08d}.arrows", 10) for n in range(1, 6)]


@pytest.mark.parametrize(
    ("keep", "count", "is_short"),
    [
        (Keep(), 0, False),
        (Keep(age_s=250), 2, False),
        (Keep(age_s=1), 4, False),
        (Keep(size=35), 3, False),
        (Keep(size=5), 5, True),
        (Keep(free=100), 0, False),
        (Keep(free=121), 3, False),
        (Keep(age_s=150, size=45), 3, False),
    ],
)
def test_the_oldest_go_and_no_more_than_has_to(keep: Keep, count: int, is_short: bool) -> None:
    chosen = choose(CLOSED, keep, now_s=500.0, size=60, free=100)
    assert [segment.number for segment in chosen.segments] == list(range(1, count + 1))
    assert chosen.is_short == is_short
    assert bool(chosen.cause) == bool(count)


def test_events_that_are_gone_are_a_window_too(tmp_path: Path) -> None:
    story = Story()
    writer = start(tmp_path / "x.omcap", rotate_seconds=0, story=story)
    event = {"node": 1, "receive_time": T0, "receive_mono": 1, "sequence": 1, "sub": 1, "severity": 500, "flags": 0}
    for number in range(3):
        row = event | {"receive_time": T0 + number * 1_000_000, "sequence": number + 1}
        writer.append_events(pa.RecordBatch.from_pylist([row], schema=EVENT_SEGMENT))
        writer.commit()
    closed = [Closed(0.0, "events", int(e["file"][4:12]), e["file"], e["bytes"]) for e in writer.lines[1].closed]
    gone = going(
        writer.path,
        writer.id,
        Chosen(tuple(closed[:2]), "x", is_short=False),
        {line.name: line.start for line in writer.lines},
    )
    assert gone is not None
    retire(writer, story, gone)
    add(writer, 0)
    writer.close()
    capture = Capture.open(tmp_path / "x.omcap")
    assert (capture.damage, capture.event_rows, capture.rows) == ([], 1, ROWS)
    [gap] = capture.gap_entries
    assert (gap.start_ns, gap.end_ns, gap.missing) == (T0, T0 + 1_000_001, 2)
    assert take_up(tmp_path / "x.omcap").events.next_row == 4
