"""Raw values of one Variable as arrays, and the windows they are aggregated over.

Times are unix nanoseconds. Nothing here knows where the values come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from omptool.analytics.part13 import bits
from omptool.errors import UsageError

Times = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]

MILLISECOND = 1_000_000
MOST_WINDOWS = 5_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """AggregateConfiguration of Part 13 4.2.1.2 with its defaults, and how the Variable moves between values.

    Attributes:
        stepped: a value holds until the next one, instead of a straight line between them.
        always_stepped: not even TimeAverage draws a line, because there is nothing between two values: Boolean, text.
    """

    treat_uncertain_as_bad: bool = True
    percent_data_bad: float = 100.0
    percent_data_good: float = 100.0
    use_sloped_extrapolation: bool = False
    stepped: bool = False
    always_stepped: bool = False

    @property
    def holds(self) -> bool:
        return self.stepped or self.always_stepped


@dataclass(frozen=True, slots=True)
class Series:
    """Raw values in order of time, one per moment.

    Attributes:
        bad: not to be used: Bad, without a value, or Uncertain where that counts as Bad.
        uncertain: Uncertain and used.
        extra: this value superseded others of the same moment.
    """

    time: Times
    value: Floats
    status: Codes
    bad: Mask
    uncertain: Mask
    extra: Mask

    @property
    def good(self) -> Mask:
        return ~(self.bad | self.uncertain)


def series(time: Times, value: Floats, status: Codes, missing: Mask, settings: Settings) -> Series:
    """Raw values, sorted by time and then by what came later.

    Args:
        missing: there is no value, whatever the status says; then it is Bad, and none can be returned.
    """
    placeholder = (status & 0xFFFF0000) == bits.NO_DATA
    if placeholder.any():  # a historian marks the ends of its data so; between two values it is a Bad value
        real = np.flatnonzero(~placeholder)
        kept = slice(real[0], real[-1] + 1) if real.size else slice(0, 0)
        time, value, status, missing = time[kept], value[kept], status[kept], missing[kept]
    extra = np.zeros(time.size, np.bool_)
    if time.size and (same := time[1:] == time[:-1]).any():
        time, value, status, missing, extra = _last_of_each_moment(time, value, status, missing, same)
    severity = status >> 30
    if (silent := missing & (severity < 2)).any():  # Good or Uncertain, of nothing
        status = np.where(silent, bits.NO_DATA, status).astype(np.uint32)
    uncertain = severity == 1
    bad = (severity >= 2) | missing
    if settings.treat_uncertain_as_bad:
        bad |= uncertain
    return Series(time, value, status, bad, uncertain & ~bad, extra)


def _last_of_each_moment(
    time: Times, value: Floats, status: Codes, missing: Mask, same: Mask
) -> tuple[Times, Floats, Codes, Mask, Mask]:
    differs = np.zeros(time.size, np.bool_)
    unequal = (value[1:] != value[:-1]) & ~(np.isnan(value[1:]) & np.isnan(value[:-1]))
    differs[1:] = same & (unequal | (status[1:] != status[:-1]))
    first = np.flatnonzero(np.concatenate(([True], ~same)))
    last = np.concatenate((first[1:], [time.size])) - 1
    extra = np.logical_or.reduceat(differs, first)
    return time[last], value[last], status[last], missing[last], extra


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows that tile a range, oldest first.

    Attributes:
        early, late: their ends; forward they are [early, late), backward (early, late].
        cut: shorter than the interval, because the range ends inside.
    """

    early: Times
    late: Times
    cut: Mask
    backward: bool = False

    @property
    def stamp(self) -> Times:
        """Timestamp of a result: where the window starts in the direction of time."""
        return self.late if self.backward else self.early

    @property
    def length(self) -> Times:
        return self.late - self.early

    def __len__(self) -> int:
        return int(self.early.size)

    def bounds(self, time: Times) -> tuple[Index, Index]:
        """Where the moments of each window begin in `time`, which is sorted, and where they end."""
        side: Literal["left", "right"] = "right" if self.backward else "left"
        return np.searchsorted(time, self.early, side=side), np.searchsorted(time, self.late, side=side)

    def part(self, start: int, end: int) -> Windows:
        return Windows(self.early[start:end], self.late[start:end], self.cut[start:end], self.backward)


def windows(start: int, end: int, interval: int) -> Windows:
    """The windows of Part 13 5.4.2.2, Table 12; `start` after `end` walks back.

    Args:
        start, end: unix nanoseconds.
        interval: nanoseconds; 0 is one window.

    Raises:
        UsageError: start = end, or more windows than anybody reads.
    """
    length = abs(end - start)
    if length == 0:
        raise UsageError("the window is empty: start = end", "give --start and --end")
    interval = length if interval == 0 else min(interval, length)
    count = -(-length // interval)
    if count > MOST_WINDOWS:
        raise UsageError(
            f"the window has {count:,} intervals, more than {MOST_WINDOWS:,}", "a longer --param interval=…"
        )
    steps = np.arange(count + 1, dtype=np.int64) * interval
    cut = np.zeros(count, np.bool_)
    if start < end:
        edges = np.minimum(start + steps, end)
        cut[-1] = length % interval != 0
        return Windows(edges[:-1], edges[1:], cut)
    edges = np.maximum(start - steps, end)[::-1]
    cut[0] = length % interval != 0
    return Windows(edges[:-1], edges[1:], cut, backward=True)
