"""The books of a subscription: every NotificationMessage goes into the buffer, and what is missing into holes.

No waiting and no clock: whoever receives hands in the message and the time it came. One intake serves one subscription.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from omptool.model import status
from omptool.model.vocabulary import Origin
from omptool.opcua.subscribing.subscription_batch import Batch, Buffer, Event, Received, SequenceGap
from omptool.protocol.ledger import Arrival, Ledger, Range, step
from omptool.protocol.publish import DataChange, Events, PublishAnswer, StatusChange, tells_overflow
from omptool.protocol.statement import Account, Open, Statement, ledger_of

_REMEMBERED = 128
"""Messages whose content is known again: a number that comes twice is a repetition only with the same content."""

_TRANSFERRED = status.code_of("GoodSubscriptionTransferred")


@dataclass(frozen=True, slots=True)
class _Hole:
    """Numbers that were skipped, and the PublishTimes around them."""

    numbers: Range
    before_ticks: int
    after_ticks: int


class _Contents:
    """What the last messages held, by number, as hashes: 1 KB, for there may be thousands of subscriptions."""

    def __init__(self) -> None:
        self._hashes = array("q", bytes(8 * _REMEMBERED))

    def note(self, number: int, content: object) -> None:
        self._hashes[number % _REMEMBERED] = hash((number, content))

    def is_known(self, number: int, content: object) -> bool:
        return bool(number) and self._hashes[number % _REMEMBERED] == hash((number, content))


class Intake:
    """Ledger, buffer and holes of one subscription.

    Attributes:
        last_ticks: PublishTime of the newest message or keep-alive; 0 before the first.
        ended: why the server gave the subscription up, empty while it lives.
    """

    def __init__(self, sub: int, on_event: Callable[[Event], None]) -> None:
        self.sub = sub
        self.ledger = Ledger()
        self.buffer = Buffer()
        self.last_ticks = 0
        self.ended = ""
        self._on_event = on_event
        self._holes: list[_Hole] = []
        self._account = Account()
        self._contents = _Contents()
        self._unreadable = 0
        self._has_reused = False

    @classmethod
    def inherited(
        cls, sub: int, on_event: Callable[[Event], None], said: Statement, lost: Iterable[Range] = ()
    ) -> Intake:
        """The books that go on where another process stated its own: all that it received is on disk."""
        intake = cls(sub, on_event)
        intake.ledger, intake._account = ledger_of(said, lost), Account(said)
        intake.last_ticks = said.published_ticks
        intake._holes.extend(
            _Hole(Range(hole.first, hole.last), hole.before_ticks, hole.after_ticks) for hole in said.missing
        )
        return intake

    def published(self, answer: PublishAnswer, receive_ns: int, receive_mono: int) -> None:
        """Book an answer to a PublishRequest."""
        expected, before = self.ledger.expected, self.last_ticks
        self._account.more += answer.more_notifications
        if answer.is_keep_alive:
            self.ledger.keep_alive(answer.sequence_number, answer.available)
            self._unreadable = 0
        else:
            arrival = self.ledger.notification(answer.sequence_number, answer.available)
            if arrival is Arrival.NEW:
                self._unreadable = 0
            if arrival is not Arrival.DUPLICATE or self._is_reused(answer):
                self._add(answer, Origin.LIVE, receive_ns, receive_mono)
        self.last_ticks = answer.publish_time_ticks or self.last_ticks
        self._note_hole(expected, before, answer.publish_time_ticks)

    def republished(self, answer: PublishAnswer, receive_ns: int, receive_mono: int) -> None:
        """Book an answer to a Republish: of a message that was skipped, or of one sent while nobody was connected."""
        expected, before = self.ledger.expected, self.last_ticks
        if self.ledger.republished(answer.sequence_number) is Arrival.DUPLICATE:
            return
        self._add(answer, Origin.REPUBLISHED, receive_ns, receive_mono)
        self._tell("republished", sequence=answer.sequence_number)
        if self.ledger.expected != expected:
            self.last_ticks = max(answer.publish_time_ticks, self.last_ticks)
            self._note_hole(expected, before, answer.publish_time_ticks)

    def malformed(self, error: str) -> None:
        """Book a message that does not decode; its number shows as skipped once another one follows."""
        self._unreadable += 1
        self._tell("malformed", error=error)

    def take(self, server: str) -> Batch:
        """Everything held, as one batch, with the account of all that came so far."""
        return self.buffer.take(server, self.statement())

    def statement(self) -> Statement:
        """The account of all that came so far."""
        missing = tuple(
            Open(numbers.first, numbers.last, hole.before_ticks, hole.after_ticks)
            for numbers, hole in self._with_holes(self.ledger.missing)
        )
        return self._account.state(self.ledger, missing, self.last_ticks)

    def close(self) -> None:
        """Nothing more comes: what is missing, and what did not decode and was never asked for again, are gaps."""
        self.give_up("")
        if self._unreadable:
            first, last = self.ledger.expected, step(self.ledger.expected, self._unreadable - 1)
            answer = "the last messages did not decode"
            self.buffer.gaps.append(SequenceGap(self.sub, first, last, self._unreadable, self.last_ticks, 0, answer))

    def give_up(self, answer: str, before: int | None = None) -> None:
        """Turn what is still missing into gaps; `answer` is what the server said, `before` spares younger numbers."""
        for lost, hole in self._with_holes(self.ledger.give_up(before)):
            self.buffer.gaps.append(
                SequenceGap(self.sub, lost.first, lost.last, lost.count, hole.before_ticks, hole.after_ticks, answer)
            )
        missing = self.ledger.missing
        if not missing:
            self._holes.clear()
            return
        first = missing[0].first
        kept = next((at for at, hole in enumerate(self._holes) if first in hole.numbers), len(self._holes))
        del self._holes[:kept]

    def _with_holes(self, ranges: Iterable[Range]) -> Iterator[tuple[Range, _Hole]]:
        """Missing ranges, oldest first, each with the hole that it is what is left of; holes are in the same order."""
        holes = iter(self._holes)
        hole = next(holes, None)
        for numbers in ranges:
            while hole is not None and numbers.first not in hole.numbers:
                hole = next(holes, None)
            yield numbers, hole or _Hole(numbers, 0, 0)

    def _note_hole(self, expected: int, before_ticks: int, after_ticks: int) -> None:
        missing = self.ledger.missing
        if missing and missing[-1].first == expected:
            self._holes.append(_Hole(missing[-1], before_ticks, after_ticks))

    def _is_reused(self, answer: PublishAnswer) -> bool:
        """Whether an old number stands on new content: its values are taken, a false order is the lesser evil."""
        number = answer.sequence_number
        if self._contents.is_known(number, answer.notifications):
            self._tell("duplicate", sequence=number)
            return False
        if not self._has_reused:
            self._tell("sequence_reused", sequence=number, expected=self.ledger.expected)
        self._has_reused = True
        self.give_up("it began to count anew")
        self.ledger.reuse(number)
        return True

    def _add(self, answer: PublishAnswer, origin: Origin, receive_ns: int, receive_mono: int) -> None:
        number, ticks = answer.sequence_number, answer.publish_time_ticks
        self._contents.note(number, answer.notifications)
        has_values, rows = False, self._account.values
        for notification in answer.notifications:
            if isinstance(notification, DataChange | Events):
                received = Received(self.sub, number, ticks, receive_ns, receive_mono, origin, notification)
                self.buffer.add(received)
                has_values = True
                self._count(notification, number)
            elif isinstance(notification, StatusChange):
                self._status_changed(notification.status)
            else:
                self._tell("unknown_notification", type_id=notification.type_id, sequence=number)
        self._account.bare += self._account.values == rows
        if not has_values:
            self.ledger.committed([number])  # there is nothing to store, so nothing to wait for

    def _count(self, notification: DataChange | Events, number: int) -> None:
        if isinstance(notification, DataChange):
            self._account.values += notification.count
            return
        self._account.events += notification.count
        if tells_overflow(notification):
            self._account.event_overflows += 1
            self._tell("event_overflow", sequence=number)

    def _status_changed(self, code: int) -> None:
        name = status.name(code)
        self._tell("status_change", status=name)
        if code >> 31 or code == _TRANSFERRED:
            self.ended = f"the server ended the subscription ({name})"

    def _tell(self, kind: str, **detail: object) -> None:
        self._on_event(Event(kind, self.sub, detail))
