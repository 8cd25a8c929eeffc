"""Why values are missing, as the store tells it: whose clock was set, and whose slowness let a queue run over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from omptool.capture.reader import Capture
from omptool.capture.recording.outage import Hole
from omptool.capture.recording.store import RecordingStore
from omptool.capture.recording.together import Books
from omptool.capture.rows import Block
from omptool.capture.writer import CaptureWriter
from omptool.model.times import datetime_of, unix_us
from omptool.model.vocabulary import GapReason
from tests.capture import build

S = 1_000_000_000
OVERFLOW = 0x480


def block(
    number: int, at_ns: int, *, received_ns: int | None = None, mono_ns: int | None = None, status: int = 0
) -> Block:
    """One value, stamped when it was sent."""
    stamp = datetime_of(at_ns // 1000)
    value = ua.DataValue(ua.Variant(float(number), ua.VariantType.Double), ua.StatusCode(status), SourceTimestamp=stamp)
    items = bytes(struct_to_binary(ua.MonitoredItemNotification(ClientHandle=1, Value=value)))
    received = at_ns if received_ns is None else received_ns
    return Block(1, items, received, number * S if mono_ns is None else mono_ns, number, at_ns)


class Stored:
    """A store at work on a capture."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = CaptureWriter.create(path)
        self.store = RecordingStore(Books(self.writer), 0, "press")
        self.store.describe(build.SERVER, build.nodes())
        self.subscribed(build.T0, build.T0)

    def subscribed(self, server_ns: int, own_ns: int) -> None:
        """There are items, at this moment of the server's clock and of ours."""
        self.store.subscribed(
            subscription_id=4711, handles=range(1, 5), created_ns=(server_ns, server_ns),
            now_ns=(own_ns, own_ns - build.T0), publishing_ms=500.0, facts={},
        )  # fmt: skip

    def committed(self) -> Capture:
        self.writer.commit()
        return Capture.open(self.path)

    def close(self) -> Capture:
        self.store.finish()
        self.writer.close()
        return Capture.open(self.path)


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return Stored(tmp_path / "a.omcap")


def steps(capture: Capture) -> list[dict[str, Any]]:
    return [entry.detail for entry in capture.journal_entries if entry.kind == "clock_step"]


def test_a_step_of_the_servers_clock_is_told_and_is_no_window(stored: Stored) -> None:
    for number in range(1, 20):
        step = 3600 * S if number >= 15 else 0
        now = build.T0 + number * S
        stored.store.append([block(number, now + step, received_ns=now)])
    capture = stored.close()
    assert steps(capture) == [{"clock": "server", "seconds": 3600.0}]
    assert capture.gaps().num_rows == 0


def test_a_step_of_our_clock_is_told_and_is_no_window(stored: Stored) -> None:
    for number in range(1, 20):
        now = build.T0 + number * S
        stored.store.append([block(number, now, received_ns=now - (60 * S if number >= 15 else 0))])
    capture = stored.close()
    assert steps(capture) == [{"clock": "client", "seconds": -60.0}]
    assert capture.gaps().num_rows == 0


@pytest.mark.parametrize(
    ("paused_until", "reason"), [(9, "client_slow"), (3, "queue_overflow"), (None, "queue_overflow")]
)
def test_a_queue_that_ran_over_while_we_asked_for_nothing_is_our_doing(
    stored: Stored, paused_until: int | None, reason: str
) -> None:
    stored.store.append([block(number, build.T0 + number * S) for number in (4, 5)])
    if paused_until is not None:
        stored.store.note("client_slow", {"seconds": 2.0}, build.T0 + paused_until * S)
    stored.store.append([block(10, build.T0 + 10 * S, status=OVERFLOW)])
    [window] = stored.close().gaps().to_pylist()
    assert window["reason"] == reason
    assert ("asked for nothing for 2.0 s" in window["detail"]) == (reason == "client_slow")


def test_a_hole_of_which_the_end_is_not_known_ends_with_the_window_behind_it(stored: Stored) -> None:
    """The last message did not decode, and the server is gone: one stretch, told twice, both with an end."""
    at = build.T0 + S
    stored.store.append([block(1, at)], [Hole(at, None, 1, {"first": 2, "last": 2})])
    stored.store.lost(GapReason.CONNECTION_LOST, at, "the server closed the connection")
    stored.store.ended(GapReason.CONNECTION_LOST)
    assert [gap.end_ns for gap in stored.committed().gap_entries] == [None, None]
    back = at + 10 * S
    stored.subscribed(back, back)
    lost, outage = stored.close().gap_entries
    assert (lost.reason, lost.sub, lost.missing) == (GapReason.SEQUENCE_LOST, 1, 1)
    assert lost.start_ns == outage.start_ns and lost.end_ns == outage.end_ns == back


def test_a_hole_of_which_the_end_is_not_known_ends_with_the_capture(stored: Stored) -> None:
    stored.store.append([block(1, build.T0 + S)], [Hole(build.T0 + S, None, 1, {"first": 2, "last": 2})])
    [lost] = stored.close().gap_entries
    assert lost.end_ns is not None and lost.end_ns > lost.start_ns


def test_a_kill_while_the_server_is_away_leaves_a_window_from_the_last_message_on(stored: Stored) -> None:
    """Whether values are missing was not known yet, so nothing was written: a reader says it all the same."""
    at = build.T0 + 60 * S
    stored.store.name = build.SERVER.server
    stored.subscribed(build.T0, build.T0)
    stored.store.append([block(1, at)])
    stored.store.lost(GapReason.CONNECTION_LOST, at, "the server closed the connection")
    assert stored.committed().gap_entries == []
    build.abandon(stored.writer)
    [window] = Capture.open(stored.path).gaps().to_pylist()
    assert (window["reason"], window["end_time"]) == (GapReason.CLIENT_STOPPED, None)
    assert window["start_time"] == datetime_of((at - 500_000_000) // 1000)


@pytest.mark.parametrize(("set_s", "seconds"), [(0, []), (2, [2.0]), (30, [30.0]), (-3600, [-3600.0])])
def test_a_server_that_comes_back_with_another_clock_has_a_window_by_each(
    stored: Stored, set_s: int, seconds: list[float]
) -> None:
    """Lost at 9 s, back at 14 s, first values at 15 s: what was missed is stamped by the old clock, by the new one, or
    by both. A few seconds may be the time that an answer took, so that they are one window."""
    for number in range(1, 10):
        stored.store.append([block(number, build.T0 + number * S)])
    stored.store.lost(GapReason.CONNECTION_LOST, build.T0 + 9 * S, "reset")
    stored.store.ended(GapReason.SERVER_RESTART)
    back = build.T0 + (14 + set_s) * S
    stored.subscribed(back, build.T0 + 14 * S)
    for number in range(1, 4):
        at = build.T0 + (14 + number) * S
        stored.store.append([block(number, at + set_s * S, received_ns=at, mono_ns=(14 + number) * S)])
    capture = stored.close()
    assert [each["seconds"] for each in steps(capture)] == seconds
    ends = [(unix_us(gap["start_time"]), unix_us(gap["end_time"])) for gap in capture.gaps().to_pylist()]
    spans = {(start / 1e6 - build.T0 / S, end / 1e6 - build.T0 / S) for start, end in ends}
    assert spans == ({(8.5, 14.0), (8.5 + set_s, 15.0 + set_s)} if abs(set_s) > 5 else {(8.5, 15.0 + set_s)})


@pytest.mark.parametrize(
    ("late_s", "end_s"),
    [(0.0, 10.0), (1.5, 11.5), (7200.0, 10.0)],
    ids=["before the items", "the server stood still", "a clock of its own"],
)
def test_a_window_lasts_until_the_first_values_of_new_items(stored: Stored, late_s: float, end_s: float) -> None:
    stored.store.append([block(1, build.T0 + S)])
    stored.store.lost(GapReason.CONNECTION_LOST, build.T0 + S, "reset")
    stored.store.ended(GapReason.CONNECTION_LOST)
    stored.subscribed(build.T0 + 10 * S, build.T0 + 10 * S)
    first_ns = build.T0 + 10 * S + round(late_s * S)
    sent = replace(block(1, first_ns), publish_ns=build.T0 + 12 * S, receive_ns=build.T0 + 12 * S)
    stored.store.append([sent])
    stored.store.append([block(2, build.T0 + 13 * S)])
    [gap] = stored.close().gaps().to_pylist()
    assert unix_us(gap["end_time"]) * 1000 == build.T0 + round(end_s * S)
