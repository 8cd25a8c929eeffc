"""Going on with a capture after its process was killed or stopped: nothing lost twice, nothing numbered twice."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from omptool.capture.format import LOCK_FILE, Flag
from omptool.capture.lock import Lock
from omptool.capture.reader import Capture
from omptool.capture.recording.recorder import record
from omptool.capture.recording.store import RecordingStore
from omptool.capture.recording.terms import Intervals, Limits, RecordingResult, Selection, Wanted
from omptool.capture.recording.together import Books
from omptool.capture.resume import take_up
from omptool.capture.verify import WINDOWS, verify
from omptool.capture.writer import CaptureWriter
from omptool.config import ServerConfig
from omptool.errors import Busy, Damaged, NotACapture, OutputExists, UnsupportedFormat
from omptool.model.vocabulary import GapReason, GapState
from tests.capture import build
from tests.capture.build import T0
from tests.capture.counting import CountingServer, counting_server, values
from tests.capture.counting_server import Options

FAST = Intervals(publishing_ms=50.0, sampling_ms=0.0)


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    with counting_server(Options(counters=3)) as running:
        yield running


def run(
    server: ServerConfig,
    output: Path,
    *,
    count: int = 120,
    selection: Selection = Selection(),  # noqa: B008  frozen
    resume: bool = True,
) -> RecordingResult:
    async def main() -> RecordingResult | None:
        return await record(
            [Wanted(server, FAST)],
            output,
            selection=selection,
            limits=Limits(count=count),
            stop=asyncio.Event(),
            resume=resume,
        )

    result = asyncio.run(main())
    assert result is not None
    return result


def seqs(folder: Path) -> list[int]:
    found: list[int] = []
    for first, batch in Capture.open(folder).batches():
        found += range(first, first + batch.num_rows)
    return found


def killed(path: Path) -> Path:
    """A capture as a killed process leaves it: 24 rows acknowledged, bytes behind them, no `stop`."""
    build.small(path, close=False)
    with (path / "seg-00000001.arrows").open("ab") as file:
        file.write(b"\xff\xff\xff\xff\x10\x00\x00\x00torn")
    return path


def test_rows_commits_and_journal_are_numbered_on(tmp_path: Path) -> None:
    path = killed(tmp_path / "a.omcap")
    before = Capture.open(path)
    writer = CaptureWriter.resume(take_up(path), clock=lambda: T0 + 10**12)
    assert writer.append(build.rows_of(build.doubles(range(25, 33)), sub=2)) == 25
    writer.close()
    after = Capture.open(path)
    assert (after.id, after.damage, after.torn_bytes) == (before.id, [], 0)
    assert seqs(path) == list(range(1, 33))
    assert after.finished
    assert [entry.seq for entry in after.journal_entries] == list(range(1, len(after.journal_entries) + 1))
    resume = next(entry for entry in after.journal_entries if entry.kind == "resume")
    assert (resume.detail["torn_bytes"], resume.detail["stopped"]) == (12, False)
    assert resume.detail["last_commit"] == before.last_commit_time
    assert [info.file for info in after.segments] == ["seg-00000001.arrows", "seg-00000002.arrows"]
    assert json.loads((path / "capture.json").read_text())["segments"][1]["end_row"] == 33


@pytest.mark.parametrize(("promised", "following"), [([1, 1004], 1005), ([1, (1 << 31) - 1], 5)])
def test_no_more_handles_are_believed_than_are_ever_kept_free(
    tmp_path: Path, promised: list[int], following: int
) -> None:
    writer = CaptureWriter.create(tmp_path / "a.omcap")
    writer.put_nodes(build.SERVER, build.nodes())
    writer.subscription(build.SERVER.server, epoch=1, subscription_id=7, detail={"handles": promised})
    writer.close()
    standing = take_up(tmp_path / "a.omcap")
    standing.lock.release()
    assert standing.next_handle == following
    assert standing.left[build.SERVER.server].room == range(1, following)


def test_the_last_values_of_the_run_before_are_carried(tmp_path: Path) -> None:
    path = killed(tmp_path / "a.omcap")
    writer = CaptureWriter.resume(take_up(path))
    writer.commit()
    writer.close()
    first, *_ = (batch for number, batch in Capture.open(path).newest_batches() if not number)
    assert first.column("v_f64").to_pylist() == [21.0, 22.0, 23.0, 24.0]
    assert set(first.column("flags").to_pylist()) == {int(Flag.CARRIED)}


def test_a_capture_cut_anywhere_is_taken_up_with_every_acknowledged_row(tmp_path: Path) -> None:
    whole = build.small(tmp_path / "whole.omcap", commits=2, rows=4, close=False)
    segment = whole / "seg-00000001.arrows"
    data = segment.read_bytes()
    first_commit = Capture.open(whole).parts[0].index.good[0]
    start = first_commit.offset + first_commit.length + 4096 // 2
    for size in range(start, len(data), 97):
        path = tmp_path / f"{size}.omcap"
        shutil.copytree(whole, path)
        (path / segment.name).write_bytes(data[:size])
        acknowledged = Capture.open(path).rows
        writer = CaptureWriter.resume(take_up(path))
        writer.append(build.rows_of(build.doubles([1.0, 2.0])))
        writer.close()
        assert seqs(path) == list(range(1, acknowledged + 3))
        assert not Capture.open(path).damage


def test_a_killed_recording_has_one_window_and_a_resumed_one_ends_it(server: CountingServer, tmp_path: Path) -> None:
    path = tmp_path / "x.omcap"
    config = ServerConfig(server.url)
    run(config, path)
    first = Capture.open(path)
    result = run(config, path)
    capture = Capture.open(path)
    assert capture.finished
    [part] = result.servers
    assert (part.rows, part.gaps) == (120, {GapReason.CLIENT_STOPPED: 1})
    assert seqs(path) == list(range(1, 241))
    [window] = capture.gap_entries
    assert (window.reason, window.state) == (GapReason.CLIENT_STOPPED, GapState.EXPLAINED)
    assert window.end_ns is not None
    assert first.last_time is not None and first.last_commit_time is not None
    two_intervals_ns = 1_000_000_000
    assert first.last_time - two_intervals_ns <= window.start_ns <= first.last_time + 50_000_000
    for numbers in values(path).values():  # what is absent lies in the window: both sides of it are without a hole
        holes = [(a, b) for a, b in itertools.pairwise(numbers) if b != a + 1]
        assert len(holes) == 1
    assert capture.last_commit_time is not None and window.end_ns < capture.last_commit_time
    [verdict] = verify(capture).verdicts
    assert (verdict.verdict, verdict.items) == (WINDOWS, 3)


def test_a_quiet_server_was_heard_until_its_last_keep_alive(tmp_path: Path) -> None:
    """Nothing has changed for an hour, and keep-alives came: the hour is in the capture, though no row is of it."""
    path = build.small(tmp_path / "a.omcap", close=False)
    heard = T0 + 3600 * 10**9
    writer = CaptureWriter.resume(take_up(path), clock=lambda: heard)
    counts = {"first": 1, "next": 4, "received": 3, "values": 24, "rows": 24, "row": 24, "keep_alives": 1800}
    writer.journal("ledger", server=build.SERVER.server, sub=1, detail={**counts, "end": True, "until": heard})
    writer.close()
    standing = take_up(path)
    standing.lock.release()
    assert standing.left[build.SERVER.server].since_ns == heard


def test_a_type_that_changed_while_nobody_recorded_is_told(tmp_path: Path) -> None:
    path = killed(tmp_path / "a.omcap")  # Doubles
    standing = take_up(path)
    writer = CaptureWriter.resume(standing)
    books = Books(writer)
    RecordingStore(books, 0, "press", 1).adopt(standing.left[build.SERVER.server])
    integers = build.doubles([0.0] * 4)
    integers.vtype[:] = [11, 6, 11, 6]
    changes = books.types.changes(build.rows_of(integers))
    writer.close()
    assert [(each.handle, each.before, each.after) for each in changes] == [
        (2, "Double", "Int32"),
        (4, "Double", "Int32"),
    ]


def test_a_resumed_recording_keeps_handles_node_table_and_epochs(server: CountingServer, tmp_path: Path) -> None:
    path = tmp_path / "x.omcap"
    config = ServerConfig(server.url)
    for _ in range(3):
        run(config, path)
    capture = Capture.open(path)
    assert len(list(path.glob("nodes-*.arrows"))) == len(list(path.glob("types-*.json"))) == 1
    assert {handle for _, batch in capture.batches() for handle in batch.column("node").to_pylist()} == {1, 2, 3}
    bound = [(entry.sub, entry.detail["epoch"]) for entry in capture.journal_entries if entry.kind == "subscribe"]
    assert bound == [(1, 1), (2, 2), (3, 3)]
    assert len(capture.gap_entries) == 2
    assert [gap.end_ns is not None for gap in capture.gap_entries] == [True, True]


def test_another_selection_gets_handles_of_its_own(server: CountingServer, tmp_path: Path) -> None:
    path = tmp_path / "x.omcap"
    config = ServerConfig(server.url)
    run(config, path)
    run(config, path, selection=Selection(globs=("Line1/Counter{0,2}",)))
    capture = Capture.open(path)
    paths = {node.handle: node.node.path for _, table in capture.tables.tables for node in table.nodes if node.handle}
    assert [paths[handle] for handle in sorted(paths)] == [
        "Line1/Counter0", "Line1/Counter1", "Line1/Counter2", "Line1/Counter0", "Line1/Counter2",
    ]  # fmt: skip
    carried = [batch for number, batch in capture.newest_batches() if not number]
    assert carried == [] or set(carried[0].column("node").to_pylist()) <= {1, 2, 3}
    assert {verdict.items for verdict in verify(capture).verdicts} == {3}


def test_more_nodes_follow_those_that_have_a_handle(server: CountingServer, tmp_path: Path) -> None:
    path = tmp_path / "x.omcap"
    config = ServerConfig(server.url)
    run(config, path, selection=Selection(globs=("Line1/Counter{1,2}",)))
    run(config, path)
    capture = Capture.open(path)
    paths = {node.handle: node.node.path for _, table in capture.tables.tables for node in table.nodes if node.handle}
    assert paths == {1: "Line1/Counter1", 2: "Line1/Counter2", 3: "Line1/Counter0"}


def test_a_server_that_is_not_recorded_any_more_has_an_open_window(server: CountingServer, tmp_path: Path) -> None:
    path = killed(tmp_path / "x.omcap")  # of a press
    for _ in range(2):
        run(ServerConfig(server.url), path)
    gaps = Capture.open(path).gaps().to_pylist()
    open_ones = [gap for gap in gaps if gap["end_time"] is None]
    assert [(gap["server"], gap["reason"]) for gap in open_ones] == [(build.SERVER.server, GapReason.CLIENT_STOPPED)]


def test_a_path_where_nothing_is_begins_a_capture(server: CountingServer, tmp_path: Path) -> None:
    path = tmp_path / "x.omcap"
    path.mkdir()
    (path / LOCK_FILE).write_text("pid 1 on somewhere\n")  # of somebody who died before the first byte
    result = run(ServerConfig(server.url), path)
    assert result.is_complete
    assert Capture.open(path).journal_entries[0].kind == "start"


def test_what_is_no_capture_is_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "folder"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for path in (foreign, tmp_path / "file"):
        with pytest.raises(NotACapture, match="cannot be resumed"):
            take_up(path)
    assert [entry.name for entry in foreign.iterdir()] == ["notes.txt"]


def test_a_damaged_capture_is_refused_with_the_next_command_and_taken_up_after_it(tmp_path: Path) -> None:
    from omptool.capture.recover import recover

    path = build.small(tmp_path / "a.omcap")
    segment = path / "seg-00000001.arrows"
    data = bytearray(segment.read_bytes())
    commit = Capture.open(path).parts[0].index.good[2]
    data[commit.offset + commit.length // 2] ^= 1
    segment.write_bytes(bytes(data))
    with pytest.raises(Damaged) as error:
        take_up(path)
    assert error.value.hint == f"omptool recover {path}"
    recover(path)
    CaptureWriter.resume(take_up(path)).close()
    assert not Capture.open(path).damage


def test_a_newer_capture_is_refused(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap")
    text = (path / "capture.json").read_text()
    (path / "capture.json").write_text(text.replace('"omp.format": 1', '"omp.format": 2'))
    with pytest.raises(UnsupportedFormat):
        take_up(path)
    Lock(path).release()  # and the lock is free


def test_a_capture_in_use_is_refused(tmp_path: Path) -> None:
    path = killed(tmp_path / "a.omcap")
    lock = Lock(path)
    with pytest.raises(Busy, match="is being written by pid"):
        take_up(path)
    lock.release()
    standing = take_up(path)
    with pytest.raises(Busy):
        take_up(path)
    standing.lock.release()


def test_a_capture_that_came_in_between_is_not_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two begin at once; one has begun and ended before the other has the lock."""
    path = tmp_path / "a.omcap"

    def late(folder: Path) -> Lock:
        monkeypatch.undo()
        build.small(folder)
        return Lock(folder)

    monkeypatch.setattr("omptool.capture.writer.Lock", late)
    with pytest.raises(OutputExists):
        CaptureWriter.create(path)
    assert Capture.open(path).rows == 24
