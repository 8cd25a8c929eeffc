"""Which stamps a replayed row carries: the recorded ones, the same moved as if it happened now, or the moment itself.

Pure: the moment is a parameter. Moved stamps keep their distances at any rate and are never later than the moment at
which their row is played; in a loop no stamp of a later round lies before one of an earlier round.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.capture.format import NO_TICKS, NS, RAW_TIME, Flag
from omptool.errors import UsageError
from omptool.model.times import EPOCH_TICKS, MAX_NS, MIN_NS

Longs = npt.NDArray[np.int64]
COLUMNS = ("source_time", "server_time")
_TICK = 100
_YEAR_2000_NS = 946_684_800_000_000_000
_HOUR_NS = 3_600_000_000_000


class Stamp(StrEnum):
    """How stamps are made."""

    RECORDED = "recorded"
    SHIFTED = "shifted"
    NOW = "now"


@dataclass(slots=True)
class Extent:
    """First and last stamp per column; initial values may be as old as the machine and count only for the last one."""

    low: dict[str, int] = field(default_factory=dict)
    high: dict[str, int] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in rows; stamps of a clock that is far off do not count."""
        fresh = (batch.column("flags").to_numpy() & int(Flag.INITIAL)) == 0
        latest = batch.column("receive_time").cast(pa.int64()).to_numpy() + _HOUR_NS
        for name in COLUMNS:
            stamps = batch.column(name).cast(pa.int64()).fill_null(0).to_numpy()
            trusted = (stamps >= _YEAR_2000_NS) & (stamps <= latest)
            if trusted.any():
                high = int(stamps[trusted].max())
                self.high[name] = max(high, self.high.get(name, high))
            if (trusted & fresh).any():
                low = int(stamps[trusted & fresh].min())
                self.low[name] = min(low, self.low.get(name, low))

    @property
    def span_ns(self) -> int:
        """The longest way from the first to the last stamp of a column."""
        return max((self.high[name] - self.begin(name) for name in self.high), default=0)

    def begin(self, name: str) -> int:
        """First stamp of a column; with initial values only, the last one."""
        return self.low.get(name, self.high.get(name, 0))


@dataclass(frozen=True, slots=True)
class Shift:
    """How far stamps move: by `by_ns` in the first round, by `round_ns` more in each later one.

    Attributes:
        floors: per column, where the recording begins: no stamp of a later round may lie before it.
    """

    by_ns: int
    round_ns: int
    floors: dict[str, int]


def plan_shift(
    extent: Extent, *, begin_ns: int, length_ns: int, round_ns: int, rate: float | None, rounds: int | None
) -> Shift:
    """The move that brings recorded stamps to now.

    The first stamp meets the start; where the stamps run longer than the replay, the last one meets its end instead.

    Args:
        begin_ns: Unix nanoseconds when the first row is played.
        length_ns: from the first to the last row of a round, on the recording's clock.
        round_ns: from the start of one round to that of the next.
        rate, rounds: as for `timeline.stretches`.

    Raises:
        UsageError: an endless loop whose stamps would run away from the clock.
    """
    name = next((name for name in COLUMNS if name in extent.high), None)
    if name is None:
        return Shift(0, 0, {})
    step_ns = -(-max(extent.span_ns + _TICK, round_ns) // _TICK) * _TICK
    by_ns = begin_ns - extent.begin(name)
    if rounds is not None:
        end_ns = begin_ns + (0 if rate is None else int(((rounds - 1) * round_ns + length_ns) / rate))
        by_ns = min(by_ns, end_ns - extent.high[name] - (rounds - 1) * step_ns)
    elif rate is None or step_ns > round_ns / rate + _TICK:
        raise UsageError(
            "an endless loop at this rate would carry its shifted stamps into the future",
            "play it at --rate 1, a number of times (--loop 10), or with --stamp now",
        )
    return Shift(by_ns // _TICK * _TICK, step_ns, {column: extent.begin(column) for column in extent.high})


def stamped(
    batch: pa.RecordBatch, stamp: Stamp, *, now_ns: int, shift: Shift | None = None, number: int = 0
) -> pa.RecordBatch:
    """The rows with the stamps they are played with; absent stamps stay absent.

    Args:
        now_ns: the moment, Unix nanoseconds.
        shift: for `shifted`.
        number: of the round, from 0.
    """
    if stamp is Stamp.RECORDED:
        return batch
    columns = {name: batch.column(name) for name in batch.schema.names}
    now_ns = now_ns // _TICK * _TICK
    moved = [_raw_moved(raw, stamp, now_ns, shift, number) for raw in columns["raw_time"].to_pylist()]
    columns["raw_time"] = pa.array(moved, pa.binary())
    for name in COLUMNS:
        stamps = columns[name].cast(pa.int64())
        absent = stamps.is_null().to_numpy(zero_copy_only=False)
        values = stamps.fill_null(0).to_numpy()
        if stamp is Stamp.NOW:
            values = np.full(len(values), now_ns)
        elif shift is not None:
            values = _moved(values, name, shift, number)
        columns[name] = pa.array(values, mask=absent).cast(NS)
    columns["receive_time"] = pa.array(np.full(batch.num_rows, now_ns)).cast(NS)
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=batch.schema)


def _moved(values: Longs, name: str, shift: Shift, number: int) -> Longs:
    by = shift.by_ns + number * shift.round_ns
    if number and name in shift.floors:
        values = np.maximum(values, shift.floors[name])
    moved: Longs = np.clip(values, max(MIN_NS, MIN_NS - by), min(MAX_NS, MAX_NS - by)) + by
    return moved


def _raw_moved(raw: bytes | None, stamp: Stamp, now_ns: int, shift: Shift | None, number: int) -> bytes | None:
    """Exact stamps with picoseconds; those no calendar has (year 1601, year 9999) say "unknown" and stay."""
    if raw is None or len(raw) != struct.calcsize(RAW_TIME):
        return raw
    parts = list(struct.unpack(RAW_TIME, raw))
    for at, name in ((0, "source_time"), (2, "server_time")):
        ns = (parts[at] - EPOCH_TICKS) * _TICK
        if parts[at] == NO_TICKS or not MIN_NS <= ns <= MAX_NS:
            continue
        if stamp is Stamp.NOW:
            parts[at : at + 2] = [now_ns // _TICK + EPOCH_TICKS, 0]
        elif shift is not None:
            parts[at] = int(_moved(np.array([ns]), name, shift, number)[0]) // _TICK + EPOCH_TICKS
    return struct.pack(RAW_TIME, *parts)
