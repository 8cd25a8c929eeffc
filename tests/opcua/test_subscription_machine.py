"""Every interleaving of publish, keep-alive, loss, overtaking, repetition, Republish, transfer, acknowledgement and
wrap that a machine thinks of: after each step the books of a subscription are those of an oracle that knows the truth.
"""

from __future__ import annotations

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from omptool.opcua.subscribing.rejoin import rejoin
from omptool.opcua.subscribing.subscription import IN_FLIGHT
from omptool.opcua.subscribing.subscription_intake import Intake
from omptool.protocol.ledger import LAST, Range, distance, step
from omptool.protocol.publish import parse_publish_response
from tests.opcua.subscription_script import message, values
from tests.opcua.test_rejoin import Rejoined

STARTS = st.one_of(st.just(1), st.integers(0, 10).map(lambda back: step(1, -back)), st.integers(1, LAST))


class Books(RuleBasedStateMachine):
    """A server, the wire to it, and the books that are tried.

    Attributes:
        sent: every number that the server used, in order; `came` those that reached us, however often.
        held: messages on their way that others overtake.
        named: numbers that were given up and are windows.
    """

    @initialize(first=STARTS)
    def begin(self, first: int) -> None:
        self.server = Rejoined(resumed=True)
        self.intake = Intake(77, lambda event: None)
        self.intake.ledger.first = self.intake.ledger.expected = self.next = first
        self.first = first
        self.sent: list[int] = []
        self.came: set[int] = set()
        self.held: list[int] = []
        self.stored: list[int] = []
        self.named: list[int] = []
        self.acknowledged: set[int] = set()
        self.unheard = 0

    def send(self) -> int:
        number, self.next = self.next, step(self.next)
        self.sent.append(number)
        self.server.kept[number] = values(number)
        return number

    def deliver(self, number: int) -> None:
        body = message(number, values(number), available=self.server.kept)
        self.intake.published(parse_publish_response(body), 1, 1)
        self.came.add(number)
        self.unheard = 0

    @rule()
    def publish(self) -> None:
        self.deliver(self.send())

    @precondition(lambda self: self.unheard < IN_FLIGHT)
    @rule()
    def lose(self) -> None:
        """There are no more PublishRequests to answer than are in flight."""
        self.send()
        self.unheard += 1

    @precondition(lambda self: self.unheard < IN_FLIGHT and len(self.held) < IN_FLIGHT)
    @rule()
    def hold_back(self) -> None:
        self.held.append(self.send())
        self.unheard += 1

    @precondition(lambda self: bool(self.held))
    @rule()
    def overtaken(self) -> None:
        self.deliver(self.held.pop())

    @rule()
    def keep_alive(self) -> None:
        body = message(self.next, None, available=self.server.kept)
        self.intake.published(parse_publish_response(body), 1, 1)
        self.unheard = 0

    @precondition(lambda self: bool(self.came & set(self.server.kept)))
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.deliver(data.draw(st.sampled_from(sorted(self.came & set(self.server.kept)))))

    @rule(keeps=st.integers(0, 3))
    def overrun(self, keeps: int) -> None:
        """The retransmission queue of the server runs over."""
        newest = list(self.server.kept)[-keeps:] if keeps else []
        self.server.kept = {number: self.server.kept[number] for number in newest}

    @rule()
    def repair(self) -> None:
        """As a subscriber does when a number was skipped."""
        asked = self.intake.ledger.expected
        for number in self.intake.ledger.to_republish(1000):
            if number in self.server.kept:
                body = message(number, values(number))
                self.intake.republished(parse_publish_response(body), 1, 1)
                self.came.add(number)
        self.intake.give_up("BadMessageNotAvailable", before=asked)

    @rule(is_kept=st.booleans(), states=st.booleans())
    def cut(self, is_kept: bool, states: bool) -> None:
        """The connection is lost; the subscription goes on in the same session, or is transferred to another one."""
        self.server.resumed, self.server._states = is_kept, states
        self.held.clear()
        assert asyncio.run(rejoin(self.server, self.intake)) == ""  # type: ignore[arg-type]  # stands in for a Session
        self.came |= set(self.server.kept) & set(self.server.republished)
        self.unheard = 0

    @rule()
    def commit(self) -> None:
        batch = self.intake.take("urn:scripted")
        numbers = [received.sequence for received in batch.notifications]
        self.stored += numbers
        self.named += [number for gap in batch.gaps for number in Range(gap.first, gap.last).numbers()]
        self.intake.ledger.committed(numbers)

    @rule(most=st.integers(1, 4))
    def acknowledge(self, most: int) -> None:
        for number in self.intake.ledger.take_acknowledgements(most):
            assert number in self.stored, "acknowledged before it was stored"
            self.acknowledged.add(number)
            self.server.kept.pop(number, None)

    @invariant()
    def every_message_that_came_is_held_once(self) -> None:
        if not hasattr(self, "server"):
            return
        had = self.stored + [received.sequence for received in self.intake.buffer.notifications]
        assert len(had) == len(set(had))
        assert set(had) == self.came

    @invariant()
    def every_number_used_is_here_missing_or_given_up(self) -> None:
        if not hasattr(self, "server"):
            return
        ledger, statement = self.intake.ledger, self.intake.statement()
        known = [step(self.first, n) for n in range(distance(self.first, ledger.expected))]
        assert known == self.sent[: len(known)]
        missing = {number for gap in ledger.missing for number in gap.numbers()}
        lost = {number for gap in ledger.lost for number in gap.numbers()}
        assert missing | lost == set(known) - self.came
        assert not missing & lost
        assert (statement.received, statement.lost) == (len(self.came), len(lost))
        assert {number for hole in statement.missing for number in Range(hole.first, hole.last).numbers()} == missing

    def teardown(self) -> None:
        if not hasattr(self, "server"):
            return
        self.keep_alive()
        self.intake.close()
        self.commit()
        assert set(self.sent) - self.came <= set(self.named), "missing in silence"
        assert len(self.named) == len(set(self.named))
        assert self.acknowledged <= set(self.stored)


Books.TestCase.settings = settings(stateful_step_count=30)
TestBooks = Books.TestCase
