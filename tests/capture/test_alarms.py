"""Events on their way into a capture: each is a row or said to be none, and `verify` counts them again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from omptool.capture.account import Account
from omptool.capture.reader import Capture
from omptool.capture.recording.alarms import Alarms
from omptool.capture.rows import Encoded
from omptool.capture.verify import verify
from omptool.model.builtin import BuiltinType
from omptool.model.eventfields import EventWish
from omptool.model.times import unix_ns_to_ticks
from omptool.model.vocabulary import GapReason, Origin
from omptool.opcua.serving.served import encode_variant
from omptool.opcua.subscribing.subscription_batch import Received
from omptool.protocol.publish import Events
from omptool.protocol.statement import BLANK
from tests.capture import build
from tests.capture.test_eventrows import ALARM, NAMESPACES, event, node_id

WISH = EventWish(("Shift",))
SECOND = 1_000_000_000
OVERFLOW, START, END = node_id(3035), node_id(2787), node_id(2788)


def at(seconds: float) -> bytes:
    return encode_variant(BuiltinType.DateTime, unix_ns_to_ticks(build.T0 + int(seconds * SECOND)))


def message(sequence: int, *events: bytes) -> Received:
    """Published one second after the other."""
    sent = build.T0 + sequence * SECOND
    return Received(1, sequence, unix_ns_to_ticks(sent), sent, sent, Origin.LIVE, Events(len(events), b"".join(events)))


class Bench:
    """A capture with one subscription, and what it says of events."""

    def __init__(self, path: Path) -> None:
        self.path, self.writer = path, build.start(path, ledger=True)
        self.store: Any = SimpleNamespace(
            name=build.SERVER.server, sub=1, gaps=Counter(), note=lambda kind, detail: self.notes.append(kind)
        )
        self.notes: list[str] = []
        self.alarms, self.account, self.events = Alarms(), Account(), 0
        requested = SimpleNamespace(handle=3, events=WISH, plain=SimpleNamespace(events=WISH))
        item: Any = SimpleNamespace(requested=requested, unfiltered=False)
        self.alarms.subscribed({1: item}, sub=1, namespaces=NAMESPACES, started_ns=build.T0)

    def take(self, *messages: Received) -> None:
        """A batch arrives."""
        self.account.add(self.alarms.write(self.writer, self.store, messages))
        self.events += sum(one.notification.count for one in messages)
        count = messages[-1].sequence
        said = BLANK._replace(next=count + 1, received=count, bare=count, events=self.events)
        self.account.book([], Encoded(None), said)

    def end(self, **change: int) -> Capture:
        """The capture, with what `change` says in its account."""
        detail = dict(self.account.write(0.0, self.writer.rows, lambda _before, _after: (build.T0, None), is_last=True))
        self.writer.journal("ledger", server=build.SERVER.server, sub=1, detail=detail | change)
        self.writer.close()
        return Capture.open(self.path)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "x.omcap")


def test_every_event_is_accounted_for(bench: Bench) -> None:
    bench.take(message(1, event(**ALARM), event(**ALARM)), message(2, event(EventType=START), event(**ALARM)))
    bench.take(message(3, event(EventType=END), event(**ALARM)))
    capture = bench.end()
    assert capture.event_rows == bench.alarms.rows == 4
    assert bench.notes == ["conditions_refreshed"]
    assert not verify(capture).has_windows


def test_what_does_not_decode_is_a_window_since_the_message_before(bench: Bench) -> None:
    broken = message(2, event(**ALARM), event(4))
    bench.take(message(1, event(**ALARM)), broken, message(3, event(**ALARM)))
    capture = bench.end()
    assert (capture.event_rows, bench.notes) == (2, ["undecodable"])
    [gap] = capture.gap_entries
    assert (gap.reason, gap.missing, gap.sub) == (GapReason.SEQUENCE_LOST, 2, 1)
    assert (gap.start_ns, gap.end_ns) == (build.T0 + SECOND, build.T0 + 2 * SECOND + 1)
    assert "ClientHandle 4 was never created" in gap.detail["error"]
    assert not verify(capture).has_unexplained


def test_events_that_nobody_asked_for_are_no_silence(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "x.omcap")
    bench.alarms.subscribed({}, sub=1, namespaces=NAMESPACES, started_ns=build.T0)
    bench.take(message(1, event(**ALARM)))
    assert [gap.missing for gap in bench.end().gap_entries] == [1]


def test_a_queue_that_ran_over_is_a_window_of_its_notifier(bench: Bench) -> None:
    first = ALARM | {"Time": at(1)}
    bench.take(message(1, event(**first)), message(2, event(EventType=OVERFLOW, Time=at(1.5))))
    [gap] = bench.end().gap_entries
    assert (gap.reason, gap.node, gap.missing) == (GapReason.QUEUE_OVERFLOW, 1, 1)
    assert (gap.start_ns, gap.end_ns) == (build.T0 + SECOND, build.T0 + int(1.5 * SECOND))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"event_rows": 3, "events": 3}, "3 events were stored, 2 are here"),
        ({"events": 4}, "4 events were received, 2 accounted for"),
        ({"event_row": 1}, "2 events were stored, 1 are here"),
    ],
)
def test_verify_counts_them_again(bench: Bench, change: dict[str, int], cause: str) -> None:
    bench.take(message(1, event(**ALARM), event(**ALARM)))
    result = verify(bench.end(**change))
    assert result.has_unexplained
    assert any(cause in window["detail"] for verdict in result.verdicts for window in verdict.windows)


def test_an_heir_does_not_count_what_it_has_not_seen(bench: Bench) -> None:
    bench.account = Account(is_heir=True)
    bench.take(message(1, event(**ALARM)))
    detail = bench.account.write(0.0, 0, lambda _before, _after: (build.T0, None), is_last=True)
    assert not [name for name in detail if name.startswith("event_")]
