"""What a ledger says at one moment: the account of a subscription as it is written into a capture.

A statement goes with the notifications it counts, so that what is on disk can be held against it: each number from
`first` up to `next` was received, is missing, or was given up. Only counts; reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from omptool.protocol.ledger import Ledger, Range


class Open(NamedTuple):
    """Numbers (both included) that are missing and may still come, and the PublishTimes around them (0 unknown)."""

    first: int
    last: int
    before_ticks: int
    after_ticks: int


class Statement(NamedTuple):
    """Counts since the subscription began.

    Attributes:
        first, next: sequence numbers of the first notification, and of the next one.
        received: notifications with content; `values` in them; `bare` of them have no values, so they leave no row.
        republished: of those received, the ones that came late; `lost`: numbers given up.
        more: answers that announced more at once; `overruns`: see `Ledger`.
        refused: acknowledgements that the server did not accept; `waiting`: notifications not acknowledged yet.
        unnumbered, restarts: messages without a number, and counts begun anew: numbers prove nothing then.
        event_overflows: messages which say that a queue of events ran over.
        published_ticks: PublishTime of the newest message or keep-alive; 0 unknown.
        missing: what may still come.
        events: received, as `values` are.
    """

    first: int
    next: int
    received: int
    values: int
    bare: int
    republished: int
    duplicates: int
    keep_alives: int
    more: int
    lost: int
    overruns: int
    refused: int
    waiting: int
    unnumbered: int
    restarts: int
    event_overflows: int
    published_ticks: int
    missing: tuple[Open, ...]
    events: int = 0


BLANK = Statement(1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ())
"""Of a subscription of which nothing has come."""


def ledger_of(said: Statement, lost: Iterable[Range]) -> Ledger:
    """The ledger that goes on where another process stated its own; `lost` are the ranges it gave up.

    What that process still had to acknowledge it did not say: the server does, with the next message.
    """
    ledger = Ledger(said.next)
    ledger.first, ledger.received, ledger.recovered = said.first, said.received, said.republished
    ledger.missing = [Range(hole.first, hole.last) for hole in said.missing]
    ledger.lost, ledger.given_up, ledger.overruns = list(lost), said.lost, said.overruns
    ledger.duplicates, ledger.keep_alives, ledger.restarts = said.duplicates, said.keep_alives, said.restarts
    ledger.unnumbered, ledger.refused_acknowledgements = said.unnumbered, said.refused
    ledger.is_inherited = True
    return ledger


class Account:
    """Counts what the ledger does not: the content of messages."""

    def __init__(self, said: Statement = BLANK) -> None:
        self.values, self.bare, self.events = said.values, said.bare, said.events
        self.more, self.event_overflows = said.more, said.event_overflows

    def state(self, ledger: Ledger, missing: tuple[Open, ...], published_ticks: int) -> Statement:
        """As things stand now."""
        return Statement(
            first=ledger.first,
            next=ledger.expected,
            received=ledger.received,
            values=self.values,
            bare=self.bare,
            republished=ledger.recovered,
            duplicates=ledger.duplicates,
            keep_alives=ledger.keep_alives,
            more=self.more,
            lost=ledger.given_up,
            overruns=ledger.overruns,
            refused=ledger.refused_acknowledgements,
            waiting=ledger.waiting,
            unnumbered=ledger.unnumbered,
            restarts=ledger.restarts,
            event_overflows=self.event_overflows,
            published_ticks=published_ticks,
            missing=missing,
            events=self.events,
        )
