"""What is recorded beside plain values goes on after a kill too: events, reads in cycles, heartbeats, new nodes.

The server is foreign and keeps session and subscription; what it sends meanwhile is not missing. What we were to
ask for ourselves is, and has a window.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from omptool.capture.format import TELEMETRY_KIND
from omptool.capture.position import Position
from omptool.capture.reader import Capture
from omptool.capture.resume import take_up
from omptool.capture.verify import verify
from omptool.cli.exits import ExitCode
from omptool.model.vocabulary import GapReason, GapState
from tests.peers.killed import COUNTER, Process, kinds, session_files, ticks
from tests.peers.plants import Plant, running_peer

WENT_ON = ["subscribe", "resume", "resumed", "stop"]
ANSWERS = ("subscribe", "resume", "resumed", "not_resumed", "stop")
TURN = "nsu=urn:test:alarms;Turn"


def killed_and_resumed(home: Path, *command: str, rows: int = 20, away_s: float = 0.0) -> tuple[Process, int]:
    """Record, be killed, and record again for as many rows; the second process and its exit code."""
    first = Process(home, *command)
    first.wait_for(rows)
    first.kill()
    assert len(session_files(home / "state")) == 1
    before = Capture.open(first.folder).rows
    time.sleep(away_s)
    second = Process(home, *command)
    second.wait_for(before + rows)
    return second, second.stop()


def assert_went_on(process: Process) -> Capture:
    assert kinds(process.folder, *ANSWERS) == WENT_ON, process.said
    capture = Capture.open(process.folder)
    verification = verify(capture)
    assert not verification.damage and not verification.has_unexplained
    return capture


@pytest.fixture(scope="module")
def tank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_peer("plant_alarms.mjs", tmp_path_factory.mktemp("tank")) as (hello, _):
        yield hello["url"]


def test_events_go_on_without_one_missing_or_twice(tank: str, tmp_path: Path) -> None:
    process, code = killed_and_resumed(tmp_path, tank, "--select", "Tank/Count", "--events", "--event-field", TURN)
    assert code == 130
    capture = assert_went_on(process)
    assert capture.gap_entries == []
    turns = [json.loads(row["fields"] or "{}").get(TURN) for row in _events(capture)]
    turns = [turn for turn in turns if turn is not None]
    assert len(turns) >= 6 and turns == list(range(turns[0], turns[0] + len(turns)))
    counts = [row for _, batch in capture.batches() for row in batch.column("v_f64").to_pylist()]
    assert counts == list(range(int(counts[0]), int(counts[0]) + len(counts)))


def _events(capture: Capture) -> list[dict[str, Any]]:
    wanted = ["sub", "sequence", "event_id", "fields"]
    return [row for _, batch in capture.event_batches() for row in batch.select(wanted).to_pylist()]


@pytest.mark.full
def test_events_whose_account_did_not_get_to_the_disk_are_there_once(tank: str, tmp_path: Path) -> None:
    """Killed between the two files of one commit: the message comes again, and its events are known."""
    command = (tank, "--select", "Tank/Count", "--events", "--event-field", TURN)
    first = Process(tmp_path, *command)
    first.wait_for(30)
    first.kill()
    _forget_last_commit(first.folder)
    standing = take_up(first.folder)
    standing.lock.release()
    [position] = standing.positions.values()
    assert isinstance(position, Position) and position.events
    second = Process(tmp_path, *command)
    second.wait_for(60)
    second.stop()
    capture = assert_went_on(second)
    keys = [(row["sub"], row["sequence"], row["event_id"]) for row in _events(capture)]
    assert len(keys) == len(set(keys))


def _forget_last_commit(folder: Path) -> None:
    """Cut the values' file where the commit of the newest event begins."""
    capture = Capture.open(folder)
    newest = _events(capture)[-1]["sequence"]
    part = next(part for part in capture.parts if part.kind == TELEMETRY_KIND)
    rows = {}
    for first, batch in capture.batches():
        for row, number in enumerate(batch.column("sequence").to_pylist(), first):
            rows.setdefault(number, row)
    later = min(row for number, row in rows.items() if number >= newest)
    cut = next(commit.offset for commit in part.index.good if commit.end_row > later)
    with part.index.path.open("r+b") as file:
        file.truncate(cut)


def test_what_is_read_in_cycles_has_a_window_and_what_is_subscribed_to_none(
    steady_plant: Plant, tmp_path: Path
) -> None:
    (tmp_path / "nodes.csv").write_text(f"node,poll\n{COUNTER},\nPlant/Changing/Ratio,1s\n")
    process, code = killed_and_resumed(tmp_path, steady_plant.url, "--nodes", "nodes.csv", rows=30, away_s=2.0)
    assert code == 130
    capture = assert_went_on(process)
    handles = {node.node.path: node.handle for _, table in capture.tables.tables for node in table.nodes}
    assert len(capture.gap_entries) == 1, capture.gap_entries
    [window] = capture.gap_entries
    assert (window.reason, window.state) == (GapReason.CLIENT_STOPPED, GapState.EXPLAINED)
    assert window.node == handles["Plant/Changing/Ratio"]
    assert window.end_ns is not None and window.end_ns - window.start_ns > 2_000_000_000
    read = [
        at
        for _, batch in capture.batches()
        for node, at in zip(batch["node"].to_pylist(), batch["receive_time"].cast("int64").to_pylist(), strict=True)
        if node == window.node
    ]
    assert not [at for at in read if window.start_ns < at < window.end_ns]
    assert max(at for at in read if at <= window.start_ns) == window.start_ns
    found = ticks_of(capture, handles[COUNTER])
    assert found == list(range(found[0], found[-1] + 1))


def ticks_of(capture: Capture, handle: int) -> list[int]:
    values = (
        value
        for _, batch in capture.batches()
        for node, value in zip(batch["node"].to_pylist(), batch["source_time"].cast("int64").to_pylist(), strict=True)
        if node == handle
    )
    return [value // 50_000_000 for value in values]


@pytest.mark.full
@pytest.mark.parametrize("option", [("--heartbeat", "300ms"), ("--rebrowse", "1s")], ids=lambda option: option[0])
def test_it_goes_on_without_a_window(steady_plant: Plant, option: tuple[str, str], tmp_path: Path) -> None:
    process, code = killed_and_resumed(tmp_path, steady_plant.url, "--select", COUNTER, *option, rows=40)
    assert code == 130
    capture = assert_went_on(process)
    assert capture.gap_entries == []
    found = sorted(set(ticks(process.folder)))
    assert found == list(range(found[0], found[-1] + 1))


@pytest.mark.full
def test_two_servers_that_look_for_new_nodes_keep_their_handles_apart(
    steady_plant: Plant, generous_plant: Plant, tmp_path: Path
) -> None:
    """The free handles behind the nodes of one are not given to the other, whose subscription is gone."""
    named = {"steady": steady_plant.url, "generous": generous_plant.url}
    (tmp_path / "omptool.toml").write_text("".join(f'[servers.{name}]\nurl = "{url}"\n' for name, url in named.items()))
    command = (*named, "--select", COUNTER, "--rebrowse", "1s")
    first = Process(tmp_path, *command)
    first.wait_for(30)
    first.kill()
    rows = Capture.open(first.folder).rows
    lost = next(
        file for file in session_files(tmp_path / "state") if json.loads(file.read_text())["server"] == "steady"
    )
    lost.unlink()
    second = Process(tmp_path, *command)
    second.wait_for(rows + 30)
    assert second.stop() in (130, ExitCode.PARTIAL)
    bound = [entry for entry in Capture.open(second.folder).journal_entries if entry.kind == "subscribe"]
    spans = {entry.server: range(entry.detail["handles"][0], entry.detail["handles"][1] + 1) for entry in bound}
    assert len(spans) == 2 and not set(spans["steady"]) & set(spans["generous"])
