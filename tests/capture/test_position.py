"""Where a subscription stands by what is on disk: the same as its ledger said at the last commit, whenever it dies."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.position import Position, positions
from omptool.capture.reader import Capture
from omptool.capture.recording.received import blocks, hole
from omptool.capture.recording.store import RecordingStore
from omptool.capture.recording.together import Books, Entry, append_together
from omptool.capture.resume import take_up
from omptool.capture.writer import CaptureWriter
from omptool.model.times import ticks_to_unix_ns
from omptool.model.vocabulary import GapReason
from omptool.opcua.subscribing.subscription_intake import Intake
from omptool.protocol.ledger import step
from omptool.protocol.publish import parse_publish_response, parse_republish_response
from tests.capture import build
from tests.opcua.subscription_script import message, publish_time, republication, values

START = ticks_to_unix_ns(publish_time(0))
SAME = ("first", "next", "received", "values", "bare", "republished", "lost", "overruns", "unnumbered", "restarts")


class Live:
    """A subscription whose messages go into a capture; `die` leaves it as a killed process does."""

    def __init__(self, path: Path, expected: int = 1) -> None:
        self.path = path
        self.writer = CaptureWriter.create(path)
        self.books = Books(self.writer)
        self.store = RecordingStore(self.books, 0, "press")
        self.store.describe(build.SERVER, build.nodes())
        self.store.name = build.SERVER.server
        self.store.subscribed(
            subscription_id=77, handles=range(1, 5), created_ns=(START, START), now_ns=(START, START),
            publishing_ms=500.0, facts={},
        )  # fmt: skip
        self.intake = Intake(77, lambda event: None)
        self.intake.ledger.first = self.intake.ledger.expected = expected
        self.commit()

    def commit(self) -> None:
        batch = self.intake.take(build.SERVER.server)
        holes = [hole(gap) for gap in batch.gaps]
        entry = Entry(self.store, list(blocks(batch.notifications)), holes, batch.statement)
        assert append_together(self.books, [entry]) == [None]
        self.writer.commit()
        self.intake.ledger.committed(received.sequence for received in batch.notifications)
        self.committed = self.intake.statement()

    def die(self) -> Position | str:
        build.abandon(self.writer)
        standing = take_up(self.path)
        standing.lock.release()
        return standing.positions[build.SERVER.server]


STEPS = st.lists(st.sampled_from(["comes", "skipped", "late", "gone", "keep-alive", "commit", "commit"]), max_size=25)


@given(STEPS, st.sampled_from([1, 4_294_967_290]))
def test_the_account_of_what_is_on_disk_is_found_again(tmp_path_factory: Any, steps: list[str], first: int) -> None:
    """skipped: sent and not received; late: the oldest of these is republished; gone: all of these are given up."""
    path = tmp_path_factory.mktemp("position") / "a.omcap"
    live = Live(path, first)
    number, absent = first, []
    for what in steps:
        if what == "comes":
            live.intake.published(parse_publish_response(message(number, values(number, (1, 2)))), START, 1)
            number = step(number)
        elif what == "skipped":
            absent.append(number)
            number = step(number)
        elif what == "late" and live.intake.ledger.missing:
            late = live.intake.ledger.missing[0].first
            live.intake.republished(parse_republish_response(republication(late, values(late, (1, 2)))), START, 1)
        elif what == "gone":
            live.intake.give_up("BadMessageNotAvailable")
        elif what == "keep-alive":
            live.intake.published(parse_publish_response(message(number, None)), START, 1)
        elif what == "commit":
            live.commit()
    found = live.die()
    assert isinstance(found, Position), found
    said, known = found.said._asdict(), live.committed._asdict()
    assert {name: said[name] for name in SAME} == {name: known[name] for name in SAME}
    assert [(each.first, each.last) for each in found.said.missing] == [
        (e.first, e.last) for e in live.committed.missing
    ]
    assert found.rows == live.committed.values == Capture.open(path).rows
    assert (found.subscription_id, found.epoch, found.handles) == (77, 1, range(1, 5))
    shutil.rmtree(path)


def refusal(found: Position | str) -> str:
    assert isinstance(found, str), found
    return found


def test_a_capture_that_was_ended_is_not_gone_on_with(tmp_path: Path) -> None:
    live = Live(tmp_path / "a.omcap")
    live.store.finish()
    live.writer.close()
    assert "was ended" in refusal(live.die())


def test_a_subscription_that_was_lost_for_certain_is_not_gone_on_with(tmp_path: Path) -> None:
    live = Live(tmp_path / "a.omcap")
    live.store.lost(GapReason.CONNECTION_LOST, None, "gone")
    live.writer.commit()
    assert isinstance(live.die(), Position)  # the server may still have it
    live = Live(tmp_path / "b.omcap")
    live.store.lost(GapReason.CONNECTION_LOST, None, "gone")
    live.store.ended(GapReason.SERVER_RESTART)
    live.writer.commit()
    assert "was lost before" in refusal(live.die())


def test_an_account_that_proves_nothing_is_not_gone_on_with(tmp_path: Path) -> None:
    live = Live(tmp_path / "a.omcap")
    live.intake.published(parse_publish_response(message(0, values(1))), START, 1)
    live.commit()
    assert "not counted whole" in refusal(live.die())


@pytest.mark.parametrize(
    "detail",
    [
        {"first": 1, "next": "2"},
        {"first": 1, "next": 2, "missing": [[1, 2]]},
        {"first": 1, "next": 2, "rows": -1},
        {"first": 1, "next": 2, "missing": 7},
        {},
    ],
)
def test_an_account_that_makes_no_sense_is_not_gone_on_with(tmp_path: Path, detail: dict[str, Any]) -> None:
    live = Live(tmp_path / "a.omcap")
    live.writer.journal("ledger", server=build.SERVER.server, sub=1, detail={"missing": [], **detail})
    live.writer.commit()
    assert "not counted whole" in refusal(live.die())


def test_servers_are_looked_at_in_one_go(tmp_path: Path) -> None:
    live = Live(tmp_path / "a.omcap")
    live.intake.published(parse_publish_response(message(1, values(1, (1, 4)))), START, 1)
    live.commit()
    build.abandon(live.writer)
    standing = take_up(live.path)
    standing.lock.release()
    left = standing.left[build.SERVER.server]
    [(server, found)] = positions(standing.capture, [left]).items()
    assert server == build.SERVER.server and isinstance(found, Position)
    assert sorted(found.seen.tolist()) == [1, 4]
    assert found.began_ns == left.since_ns + 500_000_000
