"""Holds the accounts of a capture against its rows: each value that was received is a row, each number is explained.

An account (journal kind `ledger`) was counted where messages arrive; the rows are counted here, from the file. Where
the two do not fit, values are missing for no known cause, and no claim of completeness stands. Captures without
accounts, as older versions wrote them, are not judged. Journal entries are a file's content: nothing in them is
trusted.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np

from omptool.capture import account, retired
from omptool.capture.format import UNSENT
from omptool.model.times import datetime_of
from omptool.model.vocabulary import GapReason, GapState
from omptool.protocol.ledger import LAST, distance, step

if TYPE_CHECKING:
    from omptool.capture.entries import JournalEntry
    from omptool.capture.reader import Capture

Span = tuple[int, int]
"""Steps from the first number of a subscription: [start, end)."""

_MAX = 2**63


@dataclass(frozen=True, slots=True)
class Entry:
    """The newest account of a subscription, as far as it makes sense; see `account` and `statement.Statement`.

    Attributes:
        proves_numbers: whether the server numbered its messages as it should.
        is_closed: whether nothing more came; else the writer may have died behind it.
        missing: first and last number, and the window in Unix nanoseconds.
    """

    time: int
    until: int | None
    row: int
    first: int
    next: int
    rows: int
    values: int
    bare: int
    undecodable: int
    left_out: int
    proves_numbers: bool
    is_closed: bool
    missing: tuple[tuple[int, int, int | None, int | None], ...]
    events: Events | None


class Events(NamedTuple):
    """Of an account, what became of the events; None there where it says nothing of them."""

    received: int
    rows: int
    undecodable: int
    signals: int
    row: int


def newest(capture: Capture) -> dict[int, Entry]:
    """By `sub` handle the account that was written last."""
    found = {}
    for entry in capture.journal_entries:
        if entry.kind == account.KIND and entry.sub is not None and (read := _read(entry)) is not None:
            found[entry.sub] = read
    return found


def promised(capture: Capture) -> dict[int, JournalEntry]:
    """The subscriptions whose writer said that it keeps an account, by `sub` handle."""
    return {
        entry.sub: entry
        for entry in capture.journal_entries
        if entry.kind == "subscribe" and entry.sub is not None and account.KIND in entry.detail
    }


def told(capture: Capture) -> dict[str, str]:
    """By server what its accounts come to, as a sentence; servers without one are not there."""
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    entries = {entry.sub: entry for entry in capture.journal_entries if entry.kind == account.KIND}
    for entry in entries.values():
        if _read(entry) is not None:
            counts = {name: _count(entry.detail, name) or 0 for name in _TOLD}
            counts["missing"] = sum(
                distance(first, last) + 1 for first, last, *_ in _holes(entry.detail.get("missing"))
            )
            totals[entry.server or ""].update(counts)
    return {server: _sentence(total) for server, total in totals.items()}


_TOLD = ("received", "values", "republished", "lost", "keep_alives", "overruns")


def _sentence(total: Mapping[str, int]) -> str:
    lost = total["lost"] + total["missing"]
    words = [
        f"{total['received']:,} messages with {total['values']:,} values",
        f"{total['republished']:,} of them sent again" if total["republished"] else "",
        f"{total['keep_alives']:,} keep-alives" if total["keep_alives"] else "",
        f"{lost:,} messages lost" if lost else "none lost",
        f"{total['overruns']:,} because the server no longer kept them" if total["overruns"] and lost else "",
    ]
    return ", ".join(word for word in words if word)


class Tally:
    """Counts the rows of each subscription, and notes which messages they came with."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._subscribed = promised(capture)
        self._entries = newest(capture)
        self._gone = retired.counts(capture.journal_entries)
        self._rows: Counter[int] = Counter({sub: gone.rows for sub, gone in self._gone.items()})
        self._counted: Counter[int] = Counter(self._rows)
        self._numbers: dict[int, list[Span]] = defaultdict(list)
        self._events: Counter[int] = Counter()
        self._has_all_events = True

    def add_events(self, first: int, batch: Any) -> None:
        """Take in events, the first of which has this `seq`; where older ones were deleted, none can be counted."""
        self._has_all_events &= first == 1 or bool(self._events)
        subs = batch.column("sub").to_numpy()
        for sub, entry in self._entries.items():
            if entry.events is not None:
                self._events[sub] += int((subs[: max(entry.events.row - first + 1, 0)] == sub).sum())

    def add(self, first: int, batch: Any) -> None:
        """Take in rows, the first of which has this `seq`; others than notifications came with no message."""
        subs, numbers = batch.column("sub").to_numpy(), batch.column("sequence").to_numpy()
        sent = np.flatnonzero((batch.column("flags").to_numpy() & UNSENT) == 0)
        sent = sent[np.argsort(subs[sent], kind="stable")]  # once, for thousands of subscriptions
        for own in np.split(sent, np.flatnonzero(np.diff(subs[sent])) + 1) if len(sent) else ():
            sub = int(subs[own[0]])
            if sub not in self._subscribed:
                continue
            entry = self._entries.get(sub)
            self._rows[sub] += len(own)
            if entry is not None:
                self._counted[sub] += int(np.searchsorted(own, entry.row - first + 1))
            self._note(sub, np.unique(numbers[own]), entry.first if entry else 1)

    def contradictions(self) -> list[dict[str, Any]]:
        """A window, of no known cause, for each subscription whose rows are not what its account says.

        Where parts of the capture are damaged or were taken out, rows are missing for a reason that is already told.
        """
        if self._capture.damage or self._capture.patches:
            return []
        return [
            self._window(sub, said, missing, cause)
            for sub, said in self._subscribed.items()
            if not self._is_older(sub)
            for missing, cause in self._wrong(sub)
        ]

    def _is_older(self, sub: int) -> bool:
        """Whether rows behind the last account are gone already, so that it says nothing of those that are here."""
        gone, entry = self._gone.get(sub), self._entries.get(sub)
        return gone is not None and (entry is None or gone.row > entry.row)

    def _note(self, sub: int, numbers: Any, first: int) -> None:
        """Keep runs of numbers, not the numbers: hours of messages are one run."""
        steps = np.sort((numbers.astype(np.int64) - first) % LAST)
        breaks = np.flatnonzero(np.diff(steps) != 1) + 1
        for run in np.split(steps, breaks):
            start, end = int(run[0]), int(run[-1]) + 1
            spans = self._numbers[sub]
            if spans and spans[-1][0] <= start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((start, end))

    def _wrong(self, sub: int) -> Iterator[tuple[int | None, str]]:
        """What does not fit: how many messages or values it concerns at least, and in words."""
        entry, rows = self._entries.get(sub), self._rows[sub]
        if entry is None:
            if rows and self._capture.finished:  # the first batch of every run has one
                yield None, "nothing says what the server sent"
            return
        counted = self._counted[sub]
        if counted != entry.rows:
            yield max(entry.rows - counted, 0) or None, f"{entry.rows:,} rows were stored, {counted:,} are here"
        kept = entry.rows + entry.undecodable + entry.left_out
        if entry.values != kept:
            yield max(entry.values - kept, 0) or None, f"{entry.values:,} values were received, {kept:,} accounted for"
        if entry.events is not None:
            yield from self._wrong_events(sub, entry.events)
        if entry.is_closed and rows != counted:
            yield None, f"{rows - counted:,} rows came after the last account"
        if entry.proves_numbers:
            yield from self._unexplained(sub, entry)

    def _wrong_events(self, sub: int, said: Events) -> Iterator[tuple[int | None, str]]:
        here, kept = self._events[sub], said.rows + said.undecodable + said.signals
        if self._has_all_events and here != said.rows:
            yield max(said.rows - here, 0) or None, f"{said.rows:,} events were stored, {here:,} are here"
        if said.received != kept:
            yield (
                max(said.received - kept, 0) or None,
                f"{said.received:,} events were received, {kept:,} accounted for",
            )

    def _unexplained(self, sub: int, entry: Entry) -> Iterator[tuple[int | None, str]]:
        """Numbers that left no row, though the server used them and nobody gave them up; and rows of unknown ones."""
        held = merged(self._numbers[sub])
        used = distance(entry.first, entry.next)
        end = max(held[-1][1] if held else 0, used)
        if end > used and entry.is_closed:
            yield None, f"message {step(entry.first, end - 1)} came, the account ends with {step(entry.next, -1)}"
        told = [*held, *self._told(sub, entry)]
        left = list(subtracted((0, end), merged(told)))
        count = sum(stop - start for start, stop in left) - entry.bare - entry.left_out
        if count > 0:
            numbers = f"{step(entry.first, left[0][0])} to {step(entry.first, left[-1][1] - 1)}"
            yield count, f"{count:,} of messages {numbers} are neither here nor named as lost"

    def _told(self, sub: int, entry: Entry) -> Iterator[Span]:
        """What is named as missing: in windows, and in the account; and what retention deleted."""
        gone = self._gone.get(sub)
        if gone is not None:
            yield from spans(entry.first, entry.first, gone.last)
        for gap in self._capture.gap_entries:
            if gap.sub == sub:
                first, last = gap.detail.get("first"), gap.detail.get("last")
                number = gap.detail.get("sequence")
                if _is_number(first) and _is_number(last):
                    yield from spans(entry.first, first, last)
                elif _is_number(number):
                    yield from spans(entry.first, number, number)
        for first, last, _, _ in entry.missing:
            yield from spans(entry.first, first, last)

    def _window(self, sub: int, said: JournalEntry, missing: int | None, cause: str) -> dict[str, Any]:
        entry = self._entries.get(sub)
        until = None if entry is None else entry.until if entry.until is not None else entry.time
        number = said.detail.get("subscription_id")
        return {
            "server": said.server or "",
            "node_id": None,
            "sub": number if type(number) is int else None,
            "start_time": datetime_of(said.time // 1000),
            "end_time": None if until is None else datetime_of(max(until, said.time) // 1000),
            "reason": str(GapReason.SEQUENCE_LOST),
            "missing": missing,
            "state": str(GapState.OPEN),
            "detail": json.dumps({"cause": cause}),
            "capture": self._capture.id,
        }


def spans(origin: int, first: int, last: int) -> Iterator[Span]:
    """The numbers `first` to `last` as steps from `origin`; two spans where they run over it."""
    start, count = distance(origin, first), distance(first, last) + 1
    yield start, min(start + count, LAST)
    if start + count > LAST:
        yield 0, start + count - LAST


def merged(parts: Iterable[Span]) -> list[Span]:
    """The same numbers in as few spans as possible, in order."""
    result: list[Span] = []
    for start, end in sorted(parts):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def subtracted(whole: Span, parts: Iterable[Span]) -> Iterator[Span]:
    """What of `whole` is in none of the parts, which are in order and apart."""
    at, end = whole
    for start, stop in parts:
        if at < min(start, end):
            yield at, min(start, end)
        at = max(at, stop)
    if at < end:
        yield at, end


def _read(entry: JournalEntry) -> Entry | None:
    detail = entry.detail
    numbers = {name: _count(detail, name) for name in ("row", "rows", "values", "bare", "undecodable", "left_out")}
    first, following = detail.get("first"), detail.get("next")
    if None in numbers.values() or not _is_number(first) or not _is_number(following):
        return None
    until = detail.get("until")
    return Entry(
        time=entry.time,
        until=until if type(until) is int and 0 <= until < _MAX else None,
        first=first,
        next=following,
        proves_numbers=not (detail.get("unnumbered") or detail.get("restarts") or detail.get("holes")),
        is_closed=detail.get("end") is True,
        missing=tuple(_holes(detail.get("missing"))),
        events=_events(detail),
        **{name: value or 0 for name, value in numbers.items()},
    )


def _events(detail: Mapping[str, Any]) -> Events | None:
    names = ("events", "event_rows", "event_undecodable", "event_signals", "event_row")
    counts = [_count(detail, name) for name in names]
    known = [count for count in counts if count is not None]
    return Events(*known) if "event_row" in detail and len(known) == len(counts) else None


def _count(detail: Mapping[str, Any], name: str) -> int | None:
    """0 where it is not written."""
    value = detail.get(name, 0)
    return value if type(value) is int and 0 <= value < _MAX else None


def _holes(value: Any) -> Iterator[tuple[int, int, int | None, int | None]]:
    for hole in value if isinstance(value, list) else ():
        if isinstance(hole, list) and len(hole) == 4 and _is_number(hole[0]) and _is_number(hole[1]):
            start, end = (ns if type(ns) is int and 0 <= ns < _MAX else None for ns in hole[2:])
            yield hole[0], hole[1], start, end


def _is_number(value: Any) -> TypeGuard[int]:
    return type(value) is int and 1 <= value <= LAST
