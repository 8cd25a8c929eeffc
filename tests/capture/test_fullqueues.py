"""Queues that ran over in silence: a full one after a pause is a window, and nothing else is."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.reader import Capture
from omptool.capture.recording.fullqueues import CAUSE, FullQueues
from omptool.capture.recording.store import RecordingStore
from omptool.capture.recording.together import Books
from omptool.capture.rows import Block
from omptool.capture.verify import verify
from omptool.capture.writer import CaptureWriter
from omptool.model.times import datetime_of, unix_ns_to_ticks, unix_us
from omptool.model.vocabulary import GapReason, GapState
from tests.capture import build
from tests.capture.counting import counting_server
from tests.capture.counting_server import Options
from tests.peers.killed import Process

S = 1_000_000_000
SIZE = 5
OVERFLOW = 0x480


def message(sequence: int, second: float, *, republished: bool = False) -> Block:
    at = build.T0 + round(second * S)
    return Block(0, b"", at, at, sequence, at, republished)


class Watched:
    """Two nodes with queues of five, after a pause from second 2 to second 10."""

    def __init__(self) -> None:
        last = np.full(2, build.T0 + S, np.int64)
        published = build.T0 + 2 * S
        self.queues = FullQueues(
            {7: SIZE, 8: SIZE}, last, published, first=7, paused_ns=build.T0 + 10 * S, publishing_ns=S
        )
        self.found: list[tuple[int, float, float]] = []
        self._sequence = 0

    def comes(self, second: float, *values: tuple[int, float], status: int = 0, republished: bool = False) -> None:
        """A message of this second, with values of nodes and their stamps."""
        self._sequence += 1
        columns = build.doubles([0.0] * len(values))
        columns.client_handle[:] = [node - 1 for node, _ in values]
        columns.source_ticks[:] = [unix_ns_to_ticks(build.T0 + round(at * S)) for _, at in values]
        columns.status[:] = status
        rows = build.rows_of(columns, sequence=self._sequence)
        if not self.queues.is_over:
            self._note(self.queues.follow(rows, [message(self._sequence, second, republished=republished)]))

    def ends(self) -> None:
        if not self.queues.is_over:
            self._note(self.queues.end())

    def _note(self, found: list) -> None:  # type: ignore[type-arg]
        self.found += [(each.node, *((ns - build.T0) / S for ns in each[1:])) for each in found]


def of(node: int, *at: float) -> list[tuple[int, float]]:
    return [(node, each) for each in at]


def test_a_full_queue_is_a_window_from_the_last_value_before_to_its_first() -> None:
    watched = Watched()
    watched.comes(3, *of(7, 2.5))
    watched.comes(10, *of(7, 6, 7, 8, 9, 10), *of(8, 8, 9))
    watched.comes(11, *of(7, 11))
    assert watched.found == [(7, 2.5, 6.0)] and watched.queues.is_over


def test_what_comes_in_parts_is_one_queue() -> None:
    watched = Watched()
    watched.comes(10, *of(7, 6, 7))
    watched.comes(10.2, *of(7, 8, 9, 10))
    watched.ends()
    assert watched.found == [(7, 1.0, 6.0)]


def test_what_is_new_and_comes_at_once_does_not_hide_a_full_queue() -> None:
    watched = Watched()
    watched.comes(10, *of(7, 6, 7, 8, 9, 10))
    watched.comes(10.1, *of(7, 10.05))
    watched.ends()
    assert watched.found == [(7, 1.0, 6.0)]


def test_what_was_sent_before_and_comes_late_narrows_the_window() -> None:
    watched = Watched()
    watched.comes(10, *of(7, 6, 7, 8, 9, 10))
    watched.comes(3, *of(7, 3), republished=True)
    watched.ends()
    assert watched.found == [(7, 3.0, 6.0)]


@pytest.mark.parametrize("count", [SIZE - 1, SIZE + 1])
def test_fewer_or_more_are_no_window(count: int) -> None:
    watched = Watched()
    watched.comes(10, *of(7, *range(20, 20 + count)))
    watched.ends()
    assert watched.found == []


def test_a_server_that_marks_is_believed() -> None:
    watched = Watched()
    watched.comes(10, *of(7, 6, 7, 8, 9, 10))
    watched.comes(10.1, *of(8, 6), status=OVERFLOW)
    watched.ends()
    assert watched.found == []


def test_a_server_that_went_on_sending_has_no_full_queue() -> None:
    watched = Watched()
    for second in range(3, 13):
        watched.comes(second, *of(7, *(second - 1 + part / SIZE for part in range(SIZE))))
    watched.ends()
    assert watched.found == []


def test_long_after_a_pause_nothing_is_looked_at() -> None:
    watched = Watched()
    watched.comes(3, *of(7, 3))
    for second in range(4, 19):
        watched.comes(second, *of(8, second))
    watched.comes(30, *of(7, 26, 27, 28, 29, 30))
    watched.ends()
    assert watched.found == []


@given(
    waiting=st.lists(st.integers(0, 12), min_size=2, max_size=2),
    cuts=st.lists(st.integers(1, 12), max_size=3),
    pause=st.integers(2, 60),
)
def test_whatever_was_dropped_in_silence_lies_in_a_window(waiting: list[int], cuts: list[int], pause: int) -> None:
    """Of queues that drop the oldest: each value is there or in the window of its node; a queue with room has none."""
    watched = Watched()
    made = {
        node: [2 + (at + 1) * pause / 13 for at in range(count)] for node, count in zip((7, 8), waiting, strict=True)
    }
    kept = [pair for node, each in made.items() for pair in of(node, *each[-SIZE:])]
    for part, (start, end) in enumerate(pairwise([0, *sorted(min(cut, len(kept)) for cut in cuts), len(kept)])):
        if start < end:
            watched.comes(2 + pause + part / 10, *kept[start:end])
    watched.ends()
    assert {node for node, *_ in watched.found} == {node for node, each in made.items() if len(each) >= SIZE}
    for node, each in made.items():
        for at in each[:-SIZE]:
            assert any(node == of_node and start <= at < end for of_node, start, end in watched.found)


def waiting(sequence: int, second: int, sent_ns: int) -> Block:
    """A value of the first node, stamped so many seconds after T0."""
    stamp = datetime_of((build.T0 + second * S) // 1000)
    value = ua.DataValue(ua.Variant(float(second), ua.VariantType.Double), SourceTimestamp=stamp)
    items = bytes(struct_to_binary(ua.MonitoredItemNotification(ClientHandle=1, Value=value)))
    return Block(1, items, sent_ns, sent_ns, sequence, sent_ns)


def test_the_store_writes_the_window(tmp_path: Path) -> None:
    writer = CaptureWriter.create(tmp_path / "a.omcap")
    store = RecordingStore(Books(writer), 0, build.SERVER.server)
    store.queue_sizes = lambda: {1: 3}
    store.describe(build.SERVER, build.nodes())
    store.subscribed(
        subscription_id=4711, handles=range(1, 5), created_ns=(build.T0, build.T0), now_ns=(build.T0, 0),
        publishing_ms=500.0, facts={},
    )  # fmt: skip
    store.append([waiting(1, 1, build.T0 + S)])
    store.lost(GapReason.CONNECTION_LOST, build.T0 + S, "reset")
    store.resumed()
    store.paused(time.time_ns(), 2.0)
    at = time.time_ns()
    store.append([waiting(2, number, at) for number in (7, 8, 9)])
    store.finish()
    writer.close()
    [gap] = Capture.open(tmp_path / "a.omcap").gap_entries
    assert (gap.reason, gap.state, gap.node, gap.missing) == (GapReason.QUEUE_OVERFLOW, GapState.EXPLAINED, 1, None)
    assert (gap.start_ns, gap.end_ns, gap.detail) == (build.T0 + S, build.T0 + 7 * S, {"cause": CAUSE})


@pytest.mark.skipif(os.name == "nt", reason="nobody can be stopped there")
def test_what_a_stock_asyncua_drops_in_silence_lies_in_windows(tmp_path: Path) -> None:
    """On a server: omptool stands still for longer than its queues of twenty hold."""
    with counting_server(Options(counters=3, period_s=0.02, queue=20)) as server:
        running = Process(tmp_path, server.url)
        running.wait_for(60)
        running.process.send_signal(signal.SIGSTOP)
        time.sleep(2.5)
        running.process.send_signal(signal.SIGCONT)
        running.wait_for(Capture.open(running.folder).rows + 100)
        assert running.stop() == 130
    capture = Capture.open(running.folder)
    assert not verify(capture).has_unexplained
    by_node: dict[int, list[tuple[int, int]]] = {}
    for row in build.rows(running.folder):
        by_node.setdefault(row["path"], []).append((unix_us(row["time"]) * 1000, int(row["value"])))
    absent: Counter[int] = Counter()
    paths = {entry.handle: entry.node.path for entry in capture.nodes() if entry.handle}
    windows = {(paths[gap.node or 0], gap.start_ns, gap.end_ns): gap for gap in capture.gap_entries}
    for path, rows in by_node.items():
        for (before, number), (after, following) in pairwise(sorted(rows)):
            if following != number + 1:
                absent[following - number - 1] += 1
                assert windows.pop((path, before, after)).detail["cause"] == CAUSE
    assert absent.total() == 3 and not windows, (absent, windows)
