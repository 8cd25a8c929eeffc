"""Waits until rows are due and hands them over with their stamps: the only clock of a replay.

One reference: the monotonic clock at the start stands for the first row. Whoever takes the rows may be slow; what has
become due in the meantime comes as one group, and the lateness is counted, never corrected by leaving rows out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from omptool.replay.lateness import Lateness
from omptool.replay.stamps import Shift, Stamp, plan_shift, stamped
from omptool.replay.timeline import Batches, Choice, Longs, Rows, Stretch, Survey, stretches

TOGETHER_NS = 1_000_000
"""Rows due within this time are one group; operating systems do not keep shorter sleeps."""

MOST_ROWS = 16_384
"""Rows of one group at most."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to play.

    Attributes:
        rate: recorded seconds per second; None = as fast as the rows are taken.
        rounds: how often; None = without end.
        delay_ns: from the moment the target is ready to the first row.
        most_rows: rows of one group at most.
    """

    rate: float | None = 1.0
    rounds: int | None = 1
    stamp: Stamp = Stamp.RECORDED
    delay_ns: int = 0
    most_rows: int = MOST_ROWS


@dataclass(frozen=True, slots=True)
class Group:
    """Rows to be handed over now, in round `number`; `position` is where each stands on the recording's own clock."""

    rows: Rows
    number: int
    position: Longs


class Player:
    """One replay. `lateness`, `rows` and `seconds` tell how it went, at any time."""

    def __init__(
        self,
        batches: Batches,
        choice: Choice,
        known: Survey,
        options: Options,
        *,
        mono: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.known = known
        self.options = options
        self.lateness = Lateness()
        self.rows = 0
        self.rounds = 0
        self._batches, self._choice = batches, choice
        self._mono, self._wall, self._sleep = mono, wall, sleep
        self._begin: int | None = None
        self._end: int | None = None
        self._shift: Shift | None = None

    def prepare(self) -> None:
        """Fix where moved stamps go; before anything is opened, because not every loop can be moved.

        Raises:
            UsageError: see `plan_shift`.
        """
        if self.options.stamp is not Stamp.SHIFTED:
            return
        self._shift = plan_shift(
            self.known.extent,
            begin_ns=self._wall() + self.options.delay_ns,
            length_ns=self.known.length_ns,
            round_ns=self.known.round_ns,
            rate=self.options.rate,
            rounds=self.options.rounds,
        )

    @property
    def seconds(self) -> float:
        """Since the first row was due, until the last one was taken."""
        if self._begin is None:
            return 0.0
        return max(0, (self._mono() if self._end is None else self._end) - self._begin) / 1e9

    def opening(self) -> pa.RecordBatch | None:
        """What holds before the first row, stamped as if it were played now."""
        opening = self.known.opening
        return None if opening is None else self._stamped(opening, 0)

    def moved(self, time_ns: int, number: int) -> int:
        """Where a moment of the recording comes to lie in a round."""
        if self.options.stamp is Stamp.NOW:
            return self._wall()
        return time_ns if self._shift is None else time_ns + self._shift.by_ns + number * self._shift.round_ns

    async def groups(self) -> AsyncIterator[Group]:
        """Rows, each when it is due. `prepare` comes first; the clock starts with the first call."""
        begin = self._begin = self._mono() + self.options.delay_ns
        plan = stretches(self._batches, self._choice, self.known, rate=self.options.rate, rounds=self.options.rounds)
        if self.options.delay_ns:
            await self._sleep(self.options.delay_ns / 1e9)
        for stretch in plan:
            self.rounds = stretch.number + 1
            async for group in self._due(stretch, begin):
                yield group
        self._end = self._mono()

    async def _due(self, stretch: Stretch, begin: int) -> AsyncIterator[Group]:
        at, due = 0, stretch.due
        while at < len(due):
            wait = begin + int(due[at]) - self._mono()
            await self._sleep(wait / 1e9 if wait > TOGETHER_NS else 0)
            now = self._mono() - begin
            until = int(np.searchsorted(due, now + TOGETHER_NS, side="right"))
            until = min(max(until, at + 1), at + self.options.most_rows)
            self.lateness.note(now - due[at:until])
            rows = stretch.rows.slice(at, until)
            yield Group(
                Rows(rows.seq, self._stamped(rows.batch, stretch.number)), stretch.number, stretch.position[at:until]
            )
            self.rows += until - at
            at = until

    def _stamped(self, batch: pa.RecordBatch, number: int) -> pa.RecordBatch:
        return stamped(batch, self.options.stamp, now_ns=self._wall(), shift=self._shift, number=number)
