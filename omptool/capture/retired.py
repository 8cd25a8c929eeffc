"""What a capture says of segments that retention deleted, so that everything else stays provable without them.

Before a file goes, the capture holds, committed and synced: where the kept segments begin, what was counted in those
that go (per subscription), a window `retention` per server, and again every journal entry and window that stood only in
a file that goes. So a kill at any moment leaves either the files, or files that nobody reads any more (`leftover`).
Pure, but for the scan of a segment that is about to go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.capture.encode import trusted_times
from omptool.capture.entries import GapEntry, JournalEntry
from omptool.capture.format import KEY_RETIRED, OLD, SCHEMAS, TELEMETRY_KIND, UNSENT
from omptool.model import bounded_json
from omptool.protocol.ledger import LAST, distance

Array = npt.NDArray[Any]
T = TypeVar("T")

KIND = "retention"
"""Of the journal entry that says where the kept segments begin; the newest holds."""

COUNTS = "retired"
"""Of the journal entries that say what was counted of a subscription in segments that are gone; the newest holds."""

_NEVER = -(2**62)
"""Nanoseconds ahead of a clock that no row shows."""

_STEPS = 64
"""Deletions that a window tells apart, so that a lake that already has the older rows knows what it lacks."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where the kept segments of one kind begin: segment, `seq` of its first row, sequence of its first commit."""

    number: int
    row: int
    sequence: int

    def facts(self) -> dict[str, int]:
        return {"number": self.number, "row": self.row, "sequence": self.sequence}


BEGINNING = Start(1, 1, 1)


def read_start(data: Any) -> Start:
    """`Start.facts` as found in a file; the beginning when it is none."""
    found = [data.get(name) for name in ("number", "row", "sequence")] if isinstance(data, Mapping) else []
    values = [value for value in found if type(value) is int and 1 <= value < 2**62]
    if len(values) == 3:
        return Start(*values)
    return BEGINNING


def stated(metadata: Mapping[bytes, bytes] | None) -> Start:
    """What a segment's own header says of where the kept ones of its kind begin."""
    try:
        return read_start(bounded_json.loads((metadata or {}).get(KEY_RETIRED, b"{}")))
    except ValueError:
        return BEGINNING


def in_order(entries: Sequence[JournalEntry]) -> list[JournalEntry]:
    """Each entry once, in the order of their `seq`: some were written again."""
    found = {entry.seq: entry for entry in entries}
    return [found[seq] for seq in sorted(found)]


def starts(entries: Sequence[JournalEntry]) -> dict[str, Start]:
    """By kind of segment, what the journal says of where the kept ones begin."""
    found = dict.fromkeys(SCHEMAS, BEGINNING)
    for entry in entries:
        if entry.kind == KIND:
            for kind in SCHEMAS:
                told = read_start(entry.detail.get(kind))
                found[kind] = max(found[kind], told, key=lambda start: start.number)
    return found


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of one subscription in segments that are gone.

    Attributes:
        row: `seq` of the last one; `first` and `last` sequence number.
        t_min, t_max: earliest and latest time, Unix nanoseconds.
    """

    rows: int
    row: int
    first: int
    last: int
    t_min: int
    t_max: int

    def joined(self, later: Counted) -> Counted:
        return Counted(
            self.rows + later.rows,
            max(self.row, later.row),
            self.first,
            max(self.last, later.last, key=lambda number: _ahead(self.first, number)),
            min(self.t_min, later.t_min),
            max(self.t_max, later.t_max),
        )

    def facts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}


def _ahead(first: int, number: int) -> int:
    """Steps from `first`; a number from before it, sent again, is none ahead."""
    steps = distance(first, number)
    return steps if steps < LAST // 2 else 0


def counts(entries: Sequence[JournalEntry]) -> dict[int, Counted]:
    """By `sub` handle, what the journal says was counted in segments that are gone."""
    found = {}
    for entry in entries:
        told = [entry.detail.get(name) for name in Counted.__slots__]
        values = [value for value in told if type(value) is int and abs(value) < 2**63]
        if entry.kind == COUNTS and entry.sub is not None and len(values) == len(told):
            counted = Counted(*values)
            if 1 <= counted.first <= LAST and 1 <= counted.last <= LAST:
                found[entry.sub] = counted
    return found


class Columns(NamedTuple):
    """What is counted of rows that follow each other.

    Attributes:
        rows: `seq` of each.
        times, received: when it happened, and when it came, Unix nanoseconds.
        is_sent: whether it came with a message; `is_old` whether its time may be from long before.
    """

    subs: Array
    numbers: Array
    rows: Array
    times: Array
    received: Array
    is_sent: npt.NDArray[np.bool_]
    is_old: npt.NDArray[np.bool_]

    def sent(self) -> Columns:
        return Columns(*(column[self.is_sent] for column in self))

    def placed(self) -> Columns:
        """With times at which the row came, for values that may be as old as the machine.

        On the clock of the rows: that of their subscription, as its other rows show it.
        """
        if not self.is_old.any():
            return self
        known, place = np.unique(self.subs, return_inverse=True)
        live = self.is_sent & ~self.is_old
        ahead = np.full(len(known), _NEVER)
        np.maximum.at(ahead, place[live], (self.times - self.received)[live])
        ahead[ahead == _NEVER] = 0
        return self._replace(times=np.where(self.is_old, self.received + ahead[place], self.times))


def columns(first: int, batch: pa.RecordBatch) -> Columns:
    """What is counted of these rows, values or events; `first` is the `seq` of the first."""
    received = batch.column("receive_time").cast("int64").to_numpy()
    is_values = "event_time" not in batch.schema.names
    flags = batch.column("flags").to_numpy()
    nothing = np.zeros(batch.num_rows, np.bool_)
    return Columns(
        batch.column("sub").to_numpy(),
        batch.column("sequence").to_numpy(),
        np.arange(first, first + batch.num_rows),
        trusted_times(batch) if is_values else received,
        received,
        (flags & UNSENT) == 0,
        (flags & OLD) != 0 if is_values else nothing,
    )


def count(found: Columns) -> Iterator[tuple[int, Counted]]:
    """What of each subscription is in these rows. Thousands of subscriptions are sorted once."""
    subs, numbers, times = found.subs, found.numbers, found.times
    if not len(subs):
        return
    order = np.argsort(subs, kind="stable")
    ordered = subs[order]
    starts = np.concatenate(([0], np.flatnonzero(np.diff(ordered)) + 1))
    sizes = np.diff(np.append(starts, len(ordered)))
    firsts = np.maximum(numbers[order[starts]].astype(np.int64), 1)
    steps = (numbers[order].astype(np.int64) - np.repeat(firsts, sizes)) % LAST
    ahead = np.maximum.reduceat(np.where(steps < LAST // 2, steps, 0), starts)
    lasts = (firsts - 1 + ahead) % LAST + 1
    rows = found.rows[order[starts + sizes - 1]]
    earliest, latest = np.minimum.reduceat(times[order], starts), np.maximum.reduceat(times[order], starts)
    columns = sizes, rows, firsts, lasts, earliest, latest
    for sub, *told in zip(ordered[starts].tolist(), *(column.tolist() for column in columns), strict=True):
        yield sub, Counted(*told)


@dataclass(slots=True)
class Story:
    """The entries that stand in the segments of a capture, and in which: those of a file that goes are written again.

    Of accounts and of what is said cumulatively only the newest counts; windows of one key likewise.
    """

    subs: dict[int, str] = field(default_factory=dict)
    _journal: dict[object, tuple[int, JournalEntry]] = field(default_factory=dict)
    _gaps: dict[object, tuple[int, GapEntry]] = field(default_factory=dict)
    _pending: list[tuple[dict[object, tuple[int, Any]], object]] = field(default_factory=list)
    _unkeyed: int = 0

    def note(self, entry: JournalEntry) -> None:
        """An entry that will stand in the segment that `settle` names."""
        if entry.kind == "subscribe" and entry.sub is not None and entry.server is not None:
            self.subs[entry.sub] = entry.server
        newest_only = entry.kind in ("ledger", COUNTS)
        key: object = (entry.kind, entry.sub) if newest_only else entry.kind if entry.kind == KIND else entry.seq
        self._journal[key] = (0, entry)
        self._pending.append((self._journal, key))

    def note_gap(self, gap: GapEntry) -> None:
        self._unkeyed += gap.key is None
        key: object = gap.key if gap.key is not None else self._unkeyed
        self._gaps[key] = (0, gap)
        self._pending.append((self._gaps, key))

    def settle(self, segment: int) -> None:
        """Everything noted since the last time stands in this segment."""
        for place, key in self._pending:
            place[key] = (segment, place[key][1])
        self._pending.clear()

    def take_before(self, segment: int) -> tuple[list[JournalEntry], list[GapEntry]]:
        """What stands only in segments before this one, to be written, and noted, again."""
        journal = _taken(self._journal, segment)
        return sorted(journal, key=lambda entry: entry.seq), _taken(self._gaps, segment)

    def window(self, server: str) -> GapEntry | None:
        """The window of what was deleted of a server before."""
        return self._gaps.get(window_key(server), (0, None))[1]

    def counted(self) -> dict[int, Counted]:
        return counts([entry for _, entry in self._journal.values()])


def _taken(place: dict[object, tuple[int, T]], segment: int) -> list[T]:
    keys = [key for key, (at, _) in place.items() if 0 < at < segment]
    return [place.pop(key)[1] for key in keys]


def window_key(server: str) -> str:
    """Names the one window of a server that grows with each deletion."""
    return f"retention {server}"


@dataclass(frozen=True, slots=True)
class Going:
    """Segments that are about to go, and what is in them.

    Attributes:
        files: names, oldest first, of every kind.
        starts: by kind, where what is kept begins.
        subs: by `sub` handle, what was counted of values in these files; `events` likewise.
        sent: of `subs`, what came with messages, as the accounts count.
        cause: for people, why they go.
    """

    files: tuple[str, ...]
    bytes: int
    starts: Mapping[str, Start]
    subs: Mapping[int, Counted]
    sent: Mapping[int, Counted]
    events: Mapping[int, Counted]
    cause: str

    @property
    def last_row(self) -> int:
        """`seq` of the last telemetry row that is gone then; 0 when none is."""
        return self.starts.get(TELEMETRY_KIND, BEGINNING).row - 1

    def windows(self, story: Story) -> list[GapEntry]:
        """One per server: what was deleted of it so far."""
        found: dict[str, Counted] = {}
        for sub, counted in (*self.subs.items(), *self.events.items()):
            server = story.subs.get(sub)
            if server is not None:
                found[server] = found[server].joined(counted) if server in found else counted
        return [self._window(server, counted, story.window(server)) for server, counted in found.items()]

    def _window(self, server: str, counted: Counted, before: GapEntry | None) -> GapEntry:
        start, end, missing = counted.t_min, counted.t_max + 1, counted.rows
        steps: list[Any] = []
        if before is not None:
            start, end = min(start, before.start_ns), max(end, before.end_ns or 0)
            missing += before.missing or 0
            told = before.detail.get("steps")
            steps = told if isinstance(told, list) else []
        steps = [*steps, [self.last_row, end]][-_STEPS:]
        detail = {"cause": self.cause, "last_row": self.last_row, "steps": steps}
        return GapEntry(
            server, None, None, start, end, "retention", missing, "explained", detail, window_key(server)
        )  # fmt: skip

    def totals(self, story: Story) -> dict[int, Counted]:
        """By `sub` handle, what came with messages in these files and in those that went before."""
        known = story.counted()
        return {sub: known[sub].joined(now) if sub in known else now for sub, now in self.sent.items()}


def lacking_since(detail: str | None, done: int) -> int | None:
    """From when on (Unix nanoseconds) a window of retention concerns somebody who has the rows up to `done` already.

    Args:
        detail: of the window, as the view has it.

    Returns:
        None when not at all; 0 from its beginning.
    """
    try:
        facts = bounded_json.loads((detail or "{}").encode())
    except ValueError:
        return 0
    last, steps = (facts.get("last_row"), facts.get("steps")) if isinstance(facts, dict) else (None, None)
    if type(last) is not int:
        return 0
    if last <= done:
        return None
    had = [
        step[1]
        for step in (steps if isinstance(steps, list) else ())
        if isinstance(step, list) and len(step) == 2 and all(type(n) is int for n in step) and step[0] <= done
    ]
    return max(had, default=0)
