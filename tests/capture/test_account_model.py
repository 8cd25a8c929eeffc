"""Every order of publish, loss, keep-alive, republish, repetition, wrap and kill: the verdict is the model's.

A model server sends numbered messages through a wire that loses some. Intake, account and tally do the rest as in a
capture, without a file. What the model knows to be missing must be in a window, and nothing else; and a fault put in on
our own side, a row or a window that went astray, must never pass.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.account import KIND, Account
from omptool.capture.entries import GapEntry, JournalEntry
from omptool.capture.evidence import Tally, newest
from omptool.capture.rows import Block, Encoded
from omptool.opcua.subscribing.subscription_intake import Intake
from omptool.protocol.ledger import LAST, Ledger, step
from omptool.protocol.publish import DataChange, PublishAnswer

SUB = 1
STARTS = st.sampled_from([1, 2, LAST - 3, LAST])


class World:
    """A server, a wire, and a capture in memory."""

    def __init__(self, first: int) -> None:
        self.intake = Intake(77, lambda event: None)
        self.intake.ledger = Ledger(first)
        self.account = Account()
        self.next = first
        self.kept: dict[int, PublishAnswer] = {}
        self.held: set[int] = set()
        self.rows: list[tuple[int, int]] = []
        self.given_up: set[int] = set()
        self.gaps: list[GapEntry] = []
        said = JournalEntry(1, 0, "subscribe", "s", SUB, {"subscription_id": 77, KIND: 30.0})
        self.journal = [said]

    def send(self, *, arrives: bool, values: int = 1) -> None:
        number, self.next = self.next, step(self.next)
        content = (DataChange(values, bytes(values)),)
        self.kept[number] = PublishAnswer(0, 77, number, 10**17 + number, notifications=content)
        if arrives:
            self.arrive(number)

    def arrive(self, number: int) -> None:
        self.intake.published(self.kept[number]._replace(available=tuple(self.kept)), 0, 0)
        self.held.add(number)

    def keep_alive(self) -> None:
        self.intake.published(PublishAnswer(0, 77, self.next, 10**17, available=tuple(self.kept)), 0, 0)

    def repair(self) -> None:
        asked = self.intake.ledger.expected
        for number in self.intake.ledger.to_republish(3):
            if number in self.kept:
                self.intake.republished(self.kept[number], 0, 0)
                self.held.add(number)
        self.intake.give_up("BadMessageNotAvailable", before=asked)

    def forget(self) -> None:
        """The retransmission queue runs over."""
        self.kept = dict(list(self.kept.items())[-2:])

    def commit(self, *, is_last: bool = False) -> None:
        batch = self.intake.take("s")
        blocks = [Block(r.notification.count, b"", 0, 0, r.sequence, 0) for r in batch.notifications]
        counts = [(block.sequence, block.count) for block in blocks if block.count]
        self.rows += counts
        total = sum(count for _, count in counts)
        stored = pa.RecordBatch.from_arrays([pa.nulls(total)], ["x"]) if total else None
        self.account.book(blocks, Encoded(stored), batch.statement)
        for gap in batch.gaps:
            detail = {"first": gap.first, "last": gap.last}
            self.gaps.append(GapEntry("s", None, SUB, 0, 1, "sequence_lost", gap.missing, "explained", detail))
        if self.account.is_due(0.0, is_last=is_last):
            written = sum(count for _, count in self.rows)
            detail = dict(self.account.write(0.0, written, lambda before, after: (0, 1), is_last=is_last))
            self.journal.append(JournalEntry(len(self.journal) + 1, 0, KIND, "s", SUB, detail))

    def close(self) -> None:
        self.intake.close()
        self.commit(is_last=True)

    @property
    def capture(self) -> Any:
        return SimpleNamespace(
            journal_entries=self.journal, gap_entries=self.gaps, damage=[], patches=[], finished=True, id="x"
        )

    def found(self) -> list[str]:
        """What the tally finds wrong."""
        tally, first = Tally(self.capture), 1
        for number, count in self.rows:
            columns = [np.full(count, each, np.uint32) for each in (SUB, number, 0)]
            names = ["sub", "sequence", "flags"]
            tally.add(first, pa.RecordBatch.from_arrays([pa.array(column) for column in columns], names))
            first += count
        return [window["detail"] for window in tally.contradictions()]

    def windows(self) -> set[int]:
        """The numbers named as missing."""
        spans = [(gap.detail["first"], gap.detail["last"]) for gap in self.gaps]
        spans += [hole[:2] for entry in newest(self.capture).values() for hole in entry.missing]
        return {step(first, n) for first, last in spans for n in range((last - first) % LAST + 1)}


ACTIONS = st.lists(
    st.sampled_from(["send", "send", "drop", "empty", "keep_alive", "repair", "forget", "commit", "late", "repeat"]),
    max_size=60,
)


def play(first: int, actions: list[str]) -> World:
    world = World(first)
    world.send(arrives=True)
    for action in actions:
        match action:
            case "send" | "drop":
                world.send(arrives=action == "send")
            case "empty":
                world.send(arrives=True, values=0)
            case "late" if set(world.kept) - world.held:
                world.arrive(min(set(world.kept) - world.held))
            case "repeat" if set(world.kept) & world.held:
                world.arrive(max(set(world.kept) & world.held))
            case "keep_alive" | "repair" | "forget" | "commit":
                getattr(world, action)()
    return world


def sent(world: World, first: int) -> set[int]:
    return {step(first, n) for n in range((world.next - first) % LAST)}


@given(first=STARTS, actions=ACTIONS)
def test_a_closed_capture_names_exactly_what_never_came(first: int, actions: list[str]) -> None:
    world = play(first, actions)
    world.keep_alive()
    world.close()
    assert world.found() == []
    missing = sent(world, first) - world.held
    assert missing <= world.windows()
    late = world.windows() - missing
    assert late <= world.held  # given up, and come after all


@given(first=STARTS, actions=ACTIONS)
def test_a_kill_at_any_moment_leaves_no_hole_without_a_name(first: int, actions: list[str]) -> None:
    world = play(first, actions)
    world.commit()
    behind = [number for number, _ in world.rows]
    assert world.found() == []
    newest_row = max(((number - first) % LAST for number in behind), default=-1)
    missing = {n for n in sent(world, first) - world.held if (n - first) % LAST < newest_row}
    assert missing <= world.windows()


@given(first=STARTS, actions=ACTIONS, data=st.data())
def test_a_row_that_went_astray_on_our_side_is_found(first: int, actions: list[str], data: st.DataObject) -> None:
    world = play(first, actions)
    world.close()
    del world.rows[data.draw(st.integers(0, len(world.rows) - 1))]
    assert world.found()


@given(first=STARTS, actions=ACTIONS, data=st.data())
def test_a_row_that_nobody_sent_is_found(first: int, actions: list[str], data: st.DataObject) -> None:
    world = play(first, actions)
    world.close()
    place = data.draw(st.integers(0, len(world.rows)))
    world.rows.insert(place, (data.draw(st.sampled_from([number for number, _ in world.rows])), 1))
    assert world.found()


@given(first=STARTS, actions=ACTIONS, data=st.data())
def test_a_window_that_went_astray_is_found(first: int, actions: list[str], data: st.DataObject) -> None:
    world = play(first, ["drop", *actions])
    world.keep_alive()
    world.close()
    lost = [gap for gap in world.gaps if not set(world.windows()) & world.held]
    if lost:
        world.gaps.remove(data.draw(st.sampled_from(lost)))
        assert world.found()


@given(first=STARTS, actions=ACTIONS)
def test_a_promised_account_that_is_not_there_is_found(first: int, actions: list[str]) -> None:
    world = play(first, actions)
    world.commit()
    del world.journal[1:]
    assert world.found() == ["nothing says what the server sent"] or any(
        "nothing says" in each for each in world.found()
    )
