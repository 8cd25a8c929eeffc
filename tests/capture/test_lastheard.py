"""A capture that is gone on with knows its server's clock: one that was set meanwhile has a window by each."""

from __future__ import annotations

import struct
import time
from dataclasses import replace
from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from omptool.capture.recording.store import RecordingStore
from omptool.capture.recording.together import Books
from omptool.capture.resume import take_up
from omptool.capture.rows import Block
from omptool.capture.writer import CaptureWriter
from omptool.model.times import unix_ns_to_ticks
from tests.capture import build

S = 1_000_000_000
PUBLISHING_MS = 500.0


def subscribed(store: RecordingStore, ahead_ns: int) -> None:
    now = time.time_ns(), time.monotonic_ns()
    store.subscribed(
        subscription_id=77, handles=range(1, 5), created_ns=(now[0] + ahead_ns, now[0] + ahead_ns), now_ns=now,
        publishing_ms=PUBLISHING_MS, facts={},
    )  # fmt: skip


def killed(path: Path, ahead_ns: int) -> None:
    """A capture of a server whose clock is so far ahead; its process is gone."""
    writer = CaptureWriter.create(path)
    store = RecordingStore(Books(writer), 0, "press")
    store.describe(build.SERVER, build.nodes())
    store.name = build.SERVER.server
    subscribed(store, ahead_ns)
    for number in range(1, 4):
        now = time.time_ns(), time.monotonic_ns()
        at = now[0] + ahead_ns
        value = struct.pack("<IBBdIq", 1, 0b111, 11, 1.0, 0, unix_ns_to_ticks(at - 300_000_000))
        store.append([Block(1, value, *now, number, at)])
        writer.commit()
    build.abandon(writer)


@pytest.mark.parametrize("by_s", [0, 3600, -3600, 20, -20])
def test_a_clock_that_was_set_meanwhile_has_a_window_by_each(tmp_path: Path, by_s: int) -> None:
    path, ahead_ns = tmp_path / "a.omcap", 50 * S
    before_ns = time.time_ns() + ahead_ns
    killed(path, ahead_ns)
    standing = take_up(path)
    writer = CaptureWriter.resume(standing)
    store = RecordingStore(Books(writer), 0, "press", 1)
    store.adopt(standing.left[build.SERVER.server])
    subscribed(store, ahead_ns + by_s * S)
    after_ns = time.time_ns() + ahead_ns
    writer.close()
    capture = Capture.open(path)
    steps = [(entry.detail["clock"], round(entry.detail["seconds"])) for entry in capture.journal_entries
             if entry.kind == "clock_step"]  # fmt: skip
    assert steps == ([("server", by_s)] if by_s else [])
    spans = sorted((gap.start_ns, gap.end_ns) for gap in capture.gap_entries)
    shifts = sorted({0, by_s * S})
    assert len(spans) == len(shifts)
    slack_ns = round(PUBLISHING_MS * 1e6)
    for (start, end), shift in zip(spans, shifts, strict=True):
        assert end is not None and before_ns - slack_ns <= start - shift < end - shift <= after_ns + slack_ns


def test_an_hour_of_ours_makes_no_window_of_the_server_s(tmp_path: Path) -> None:
    """Nobody knows then what the server's clock did: one window, and no step is claimed."""
    path = tmp_path / "a.omcap"
    killed(path, 0)
    standing = take_up(path)
    [left] = standing.left.values()
    assert left.reading is not None
    moved = replace(left, reading=left.reading._replace(own_ahead_ns=left.reading.own_ahead_ns - 3600 * S))
    writer = CaptureWriter.resume(standing)
    store = RecordingStore(Books(writer), 0, "press", 1)
    store.adopt(moved)
    subscribed(store, 0)
    writer.close()
    capture = Capture.open(path)
    assert len(capture.gap_entries) == 1
    assert not [entry for entry in capture.journal_entries if entry.kind == "clock_step"]
