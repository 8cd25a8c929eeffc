"""Recorded rows on one clock: which are played, and when each is due after the start. Pure.

Due times are absolute: every one is counted from the first row played, never from the one before, so lateness cannot
add up. The clock of the recording is `receive_mono`, because a stepped wall clock does not move it and because it shows
what a client saw: bursts, and stamps that came late. Source times are no pace: initial values are as old as the
machine, and a wrong clock in one PLC would stop everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.capture.carried import LastValues
from omptool.capture.format import Flag
from omptool.capture.times import time_columns
from omptool.replay.stamps import Extent

Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Batches = Callable[[], Iterable[tuple[int, pa.RecordBatch]]]
"""Starts a new read: (`seq` of the first row, batch of `SEGMENT`); carried batches come with 0."""

ROUND_GAP_NS = 1_000_000_000
"""Between the last row of one round of a loop and the first of the next, at least."""

_LONGEST_GAP_NS = 60_000_000_000
"""Stamps may run a little longer than the rows came in; a round waits so much for them, so that moved ones fit."""

_RESTART_NS = -1_000_000_000
"""A monotonic clock that goes back further than this is another one: the computer was restarted in between."""


class Rows(NamedTuple):
    """Rows of `SEGMENT` with the `seq` of each, ascending."""

    seq: Longs
    batch: pa.RecordBatch

    def slice(self, start: int, stop: int) -> Rows:
        return Rows(self.seq[start:stop], self.batch.slice(start, stop - start))


class Stretch(NamedTuple):
    """Rows of one batch; `due` is nanoseconds after the start, never falling; `number` counts rounds from 0."""

    rows: Rows
    due: Longs
    number: int
    position: Longs
    """Nanoseconds since the first row on the recording's own clock, rounds included, whatever the rate."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows are played: those with a time in [start, end) Unix microseconds, of nodes in `handles`; None = all.

    A row's time is that of the view `telemetry`: source, else server, else receive time.
    """

    start_us: int | None = None
    end_us: int | None = None
    handles: frozenset[int] | None = None

    def of_nodes(self, batch: pa.RecordBatch) -> Mask:
        nodes = batch.column("node").to_numpy()
        if self.handles is None:
            return np.ones(len(nodes), bool)
        return np.isin(nodes, np.fromiter(self.handles, np.uint32, len(self.handles)))

    def before(self, batch: pa.RecordBatch) -> Mask:
        """Rows that are not played but tell what holds when the others begin."""
        if self.start_us is None:
            return np.zeros(batch.num_rows, bool)
        return self.of_nodes(batch) & (_time_us(batch) < self.start_us)

    def played(self, batch: pa.RecordBatch) -> Mask:
        chosen = self.of_nodes(batch)
        if self.start_us is None and self.end_us is None:
            return chosen
        times = _time_us(batch)
        if self.start_us is not None:
            chosen &= times >= self.start_us
        if self.end_us is not None:
            chosen &= times < self.end_us
        return chosen


def _time_us(batch: pa.RecordBatch) -> Longs:
    found: Longs = time_columns(batch).time.cast(pa.int64()).to_numpy()
    return found


@dataclass(slots=True)
class Survey:
    """What must be known of all rows before the first one is played.

    Attributes:
        rows: how many are played per round; `first_seq` the first of them.
        length_ns: from the first to the last on the recording's clock.
        extent: first and last stamps.
        opening: what holds before the first row is due, one row per node: its last value before the window, carried
            ones included, else its own first row if the recording met it as an initial value.
        opened: `seq` of the rows that are in `opening` although they are played too.
    """

    rows: int = 0
    first_seq: int = 0
    length_ns: int = 0
    extent: Extent = field(default_factory=Extent)
    opening: pa.RecordBatch | None = None
    opened: frozenset[int] = frozenset()

    @property
    def round_ns(self) -> int:
        """From the start of one round to that of the next, on the recording's clock."""
        longest = self.length_ns + _LONGEST_GAP_NS
        return max(self.length_ns + ROUND_GAP_NS, min(self.extent.span_ns + 100, longest))


class Pace:
    """Rows in order of arrival → nanoseconds since the first one; never falls, and does not drift."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None
        self._raw = 0
        self._high = 0

    def of(self, batch: pa.RecordBatch) -> Longs:
        mono = batch.column("receive_mono").to_numpy()
        wall = batch.column("receive_time").cast(pa.int64()).to_numpy()
        before = self._last or (int(mono[0]), int(wall[0]))
        steps = np.diff(mono, prepend=np.int64(before[0]))
        restarted = steps < _RESTART_NS
        if restarted.any():
            steps = np.where(restarted, np.maximum(np.diff(wall, prepend=np.int64(before[1])), 0), steps)
        raw = self._raw + np.cumsum(steps)
        found: Longs = np.maximum(np.maximum.accumulate(raw), self._high)
        self._last = (int(mono[-1]), int(wall[-1]))
        self._raw, self._high = int(raw[-1]), int(found[-1])
        return found


def survey(batches: Iterable[tuple[int, pa.RecordBatch]], choice: Choice) -> Survey:
    """Read everything once; keeps one row per node."""
    found, pace, opening = Survey(), Pace(), _Opening()
    for first, batch in batches:
        if first == 0:  # carried: what holds where a segment begins
            if not found.rows:
                known = choice.of_nodes(batch) if choice.start_us is None else choice.before(batch)
                opening.before(batch.filter(pa.array(known)))
            continue
        if choice.start_us is not None:
            opening.before(batch.filter(pa.array(choice.before(batch))))
        rows = select(first, batch, choice)
        if not len(rows.seq):
            continue
        if not found.rows:
            found.first_seq = int(rows.seq[0])
        found.rows += len(rows.seq)
        found.length_ns = int(pace.of(rows.batch)[-1])
        found.extent.add(rows.batch)
        opening.inside(rows)
    found.opening, found.opened = opening.result()
    return found


def select(first: int, batch: pa.RecordBatch, choice: Choice) -> Rows:
    """The rows of a batch that are played."""
    kept = np.flatnonzero(choice.played(batch))
    if len(kept) == batch.num_rows:
        return Rows(np.arange(first, first + batch.num_rows), batch)
    return Rows(first + kept, batch.take(pa.array(kept)))


def stretches(
    batches: Batches, choice: Choice, known: Survey, *, rate: float | None, rounds: int | None = 1
) -> Iterator[Stretch]:
    """All rows with the moment each is due.

    Args:
        rate: recorded seconds per second; None = everything is due at once.
        rounds: how often everything is played; None = without end.
    """
    number = 0
    while known.rows and (rounds is None or number < rounds):
        pace, base = Pace(), number * known.round_ns
        for first, batch in batches():
            if first == 0 or first + batch.num_rows <= known.first_seq:
                continue
            rows = select(first, batch, choice)
            if len(rows.seq):
                position = base + pace.of(rows.batch)
                yield Stretch(rows, due_ns(position, rate), number, position)
        number += 1


def due_ns(position: Longs, rate: float | None) -> Longs:
    """Nanoseconds after the start for positions on the recording's clock."""
    if rate is None:
        return np.zeros(len(position), np.int64)
    return position if rate == 1 else (position / rate).astype(np.int64)


class _Opening:
    """Collects what holds at the start, node by node."""

    def __init__(self) -> None:
        self._before = LastValues()
        self._seen: set[int] = set()
        self._initial = LastValues()
        self._initial_seq: dict[int, int] = {}

    def before(self, batch: pa.RecordBatch) -> None:
        self._before.note(batch)

    def inside(self, rows: Rows) -> None:
        nodes = rows.batch.column("node").to_numpy()
        found, first = np.unique(nodes, return_index=True)
        fresh = [(node, at) for node, at in zip(found.tolist(), first.tolist(), strict=True) if node not in self._seen]
        if not fresh:
            return
        self._seen.update(node for node, _ in fresh)
        flags = rows.batch.column("flags").to_numpy()
        initial = sorted(at for _, at in fresh if flags[at] & int(Flag.INITIAL))
        if initial:
            self._initial.note(rows.batch.take(pa.array(initial)))
            self._initial_seq |= {int(nodes[at]): int(rows.seq[at]) for at in initial}

    def result(self) -> tuple[pa.RecordBatch, frozenset[int]]:
        before, initial = self._before.rows(), self._initial.rows()
        known = np.isin(initial.column("node").to_numpy(), before.column("node").to_numpy())
        own = initial.filter(pa.array(~known))
        opened = frozenset(self._initial_seq[node] for node in own.column("node").to_pylist())
        if not own.num_rows:
            return before, opened
        return pa.Table.from_batches([before, own]).combine_chunks().to_batches()[0], opened
