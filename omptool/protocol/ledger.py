"""Which notifications of a subscription arrived, which are missing, and which may be acknowledged.

One ledger belongs to one subscription within one life of the server; numbers of different lives are never compared.
Rules are those of Part 4, 5.14.1.1 and 7.26: numbers start at 1, grow by 1, wrap from 4294967295 to 1, and 0 is never
used; a keep-alive carries the number of the *next* notification and uses none up. The ledger only counts: asking the
server again, writing gaps and reading clocks are done by others. It never forgets a missing number until it arrives or
is given up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

LAST = 0xFFFF_FFFF
"""Highest sequence number; 1 follows."""

_HALF = LAST // 2
_REMEMBERED = 10_000
"""Lost ranges kept: a server that skips a number in every message must not fill the memory."""


def step(number: int, steps: int = 1) -> int:
    """The number `steps` after this one (before it when negative) on the circle 1…4294967295."""
    return (number - 1 + steps) % LAST + 1


def distance(first: int, second: int) -> int:
    """Steps forward from one number to another: 0…4294967294."""
    return (second - first) % LAST


class Arrival(Enum):
    """What a notification means for the ledger."""

    NEW = "new"
    """Seen for the first time, in order or after a jump."""
    LATE = "late"
    """It was missing: sent again by Republish, or overtaken."""
    DUPLICATE = "duplicate"
    """Seen before: its values are already held."""


@dataclass(frozen=True, slots=True)
class Range:
    """Sequence numbers `first` to `last`, both included; may run over the wrap."""

    first: int
    last: int

    @property
    def count(self) -> int:
        return distance(self.first, self.last) + 1

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and distance(self.first, number) < self.count

    def numbers(self) -> Iterator[int]:
        return (step(self.first, offset) for offset in range(self.count))


class Ledger:
    """Sequence numbers of one subscription.

    Attributes:
        first: number of the first notification; `expected` of the next one.
        missing: ranges skipped and not yet given up, oldest first.
        lost: ranges given up, oldest first; only the newest, for they only tell a late message from a repeated one.
        available: numbers that the server last said it keeps for Republish.
        received, duplicates, keep_alives, recovered, unnumbered: counts of messages.
        given_up: how many numbers are lost now: given up, and not come since.
        overruns: missing numbers that the server stopped keeping before they came: its retransmission queue ran over.
        restarts: how often the server began to count anew.
        refused_acknowledgements: how many acknowledgements the server did not accept.
        is_inherited: whether another process received what came so far, and nobody knows what of it is acknowledged.
    """

    def __init__(self, expected: int = 1) -> None:
        self.first = self.expected = expected
        self.missing: list[Range] = []
        self.lost: list[Range] = []
        self.available: tuple[int, ...] = ()
        self.received = self.duplicates = self.keep_alives = self.recovered = self.unnumbered = 0
        self.given_up = self.overruns = self.restarts = self.refused_acknowledgements = 0
        self.is_inherited = False
        self._uncommitted: set[int] = set()
        self._due: dict[int, None] = {}

    def notification(self, number: int, available: Iterable[int] = ()) -> Arrival:
        """Book a notification with content; `missing` has grown when it jumped ahead.

        A server that numbers with 0 breaks the protocol, not the capture: its messages count as new, are never missed.
        """
        self._keeps(available)
        if number == 0:
            self.unnumbered += 1
            return Arrival.NEW
        if number == self.expected or self._expect(number):
            arrival = Arrival.NEW
            self.expected = step(number)
        else:
            arrival = self._old(number)
        if arrival is Arrival.DUPLICATE:
            self.duplicates += 1
            if number not in self._uncommitted:
                self._due[number] = None
        else:
            self.received += 1
            self._uncommitted.add(number)
        return arrival

    def reuse(self, number: int) -> None:
        """Take back that `number` was a duplicate: its content is new, the server counts anew from here."""
        self.duplicates -= 1
        self.received += 1
        self.restarts += 1
        self._due.pop(number, None)
        self._uncommitted.add(number)
        self.expected = step(number)

    def republished(self, number: int) -> Arrival:
        """Book the answer to a Republish; it says nothing about the numbers the server keeps."""
        return self.notification(number, self.available)

    def keep_alive(self, next_number: int, available: Iterable[int] = ()) -> None:
        """Book a keep-alive: everything before `next_number` has been sent, nothing is used up."""
        self._keeps(available)
        self.keep_alives += 1
        if next_number and self._expect(next_number):
            self.expected = next_number

    def to_republish(self, limit: int) -> list[int]:
        """Missing numbers worth asking for, oldest first: those the server says it keeps, or any if it names none."""
        if self.available and self.missing:
            return sorted(self._missing_of(self.available), key=self._age, reverse=True)[:limit]
        numbers = (number for gap in self.missing for number in gap.numbers())
        return [number for number, _ in zip(numbers, range(limit), strict=False)]

    def give_up(self, before: int | None = None) -> list[Range]:
        """Declare what is still missing lost, or only what is older than a number; returns the ranges."""
        given_up: list[Range] = []
        kept: list[Range] = []
        for gap in self.missing:
            (given_up if before is None or self._age(gap.last) > self._age(before) else kept).append(gap)
        self.missing = kept
        self.given_up += sum(gap.count for gap in given_up)
        self.lost = [*self.lost, *given_up][-_REMEMBERED:]
        return given_up

    def committed(self, numbers: Iterable[int]) -> None:
        """The values of these notifications are safe: they may be acknowledged."""
        for number in numbers:
            if number in self._uncommitted:
                self._uncommitted.discard(number)
                self._due[number] = None

    def take_acknowledgements(self, limit: int) -> tuple[int, ...]:
        """Numbers to put into the next PublishRequest, oldest commit first; each is handed out once."""
        taken = tuple(number for number, _ in zip(self._due, range(limit), strict=False))
        for number in taken:
            del self._due[number]
        return taken

    def acknowledged(self, results: Sequence[int]) -> None:
        """Book the result per acknowledgement; a refused one is not repeated: the server no longer knows the number."""
        self.refused_acknowledgements += sum(1 for status in results if status >> 31)

    def return_acknowledgements(self, numbers: Iterable[int]) -> None:
        """The request that carried them never got an answer: they are due again."""
        self._due.update(dict.fromkeys(numbers))

    @property
    def waiting(self) -> int:
        """Notifications that are not acknowledged yet: not safe on disk, or not told to the server."""
        return len(self._uncommitted) + len(self._due)

    def _keeps(self, available: Iterable[int]) -> None:
        """Take over what the server keeps for Republish; note what of it went before it came."""
        before, self.available = self.available, tuple(available)
        if self.missing:
            gone = frozenset(before).difference(self.available)
            self.overruns += len(self._missing_of(gone)) if gone else 0
        if self.is_inherited and self.available:
            self.is_inherited = False
            held = set(self.available) - self._uncommitted
            held -= set(self._missing_of(self.available) if self.missing else ())
            self._due.update(dict.fromkeys(sorted(number for number in held if 0 < self._age(number) <= _HALF)))

    def _missing_of(self, numbers: Iterable[int]) -> list[int]:
        """Those of the numbers that are missing."""
        gaps = sorted(self.missing, key=lambda gap: gap.first)
        firsts = [gap.first for gap in gaps]
        # the gap that begins last before a number, or the one over the wrap: ranges do not overlap
        return [number for number in numbers if number in gaps[bisect_right(firsts, number) - 1]]

    def _expect(self, number: int) -> bool:
        """Note what was skipped before `number`; False when it lies behind."""
        ahead = distance(self.expected, number)
        if ahead > _HALF:
            return False
        if ahead:
            self.missing.append(Range(self.expected, step(number, -1)))
        return True

    def _old(self, number: int) -> Arrival:
        for ranges in (self.missing, self.lost):
            for index, gap in enumerate(ranges):
                if number in gap:
                    ranges[index : index + 1] = _without(gap, number)
                    self.given_up -= ranges is self.lost
                    self.recovered += 1
                    return Arrival.LATE
        return Arrival.DUPLICATE

    def _age(self, number: int) -> int:
        return distance(number, self.expected)


def _without(gap: Range, number: int) -> list[Range]:
    before = [Range(gap.first, step(number, -1))] if number != gap.first else []
    after = [Range(step(number), gap.last)] if number != gap.last else []
    return before + after
