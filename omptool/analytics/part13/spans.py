"""How long what lasted, and the area under it: pieces of time between values, cut at windows.

A piece begins at a value or at the start of a window, where its status is that of the bounding value. Sums are taken
per window, so a long recording does not blur a short window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from omptool.analytics.part13.frame import Frame, end_of_data, reduce
from omptool.analytics.part13.series import Floats, Index, Mask, Times


@dataclass(frozen=True, slots=True)
class Pieces:
    """Stretches of time: first those that begin at a value, in rows lo…hi, then one per window from its start.

    Attributes:
        row: the value before or at the start of a piece; -1 where there is none.
        start, length: nanoseconds.
        at_value: the piece begins at its value.
    """

    lo: Index
    hi: Index
    row: Index
    start: Times
    length: Floats
    at_value: Mask

    def total(self, chosen: Mask | Floats) -> Floats:
        """Per window the length of the pieces, weighted."""
        return self.add(self.length * chosen)

    def add(self, amounts: Floats) -> Floats:
        """Per window the sum of an amount per piece."""
        rows = self.row.size - self.lo.size
        found: Floats = reduce(np.add, amounts[:rows], self.lo, self.hi, 0.0) + amounts[rows:]
        return found

    def any(self, chosen: Mask) -> Mask:
        """Windows with a piece of some length that is chosen."""
        found: Mask = self.add((chosen & (self.length > 0)).astype(np.float64)) > 0
        return found


def pieces(frame: Frame, time: Times, until: int) -> Pieces:
    """The pieces between some of the values.

    Args:
        time: of the values.
        until: where the last value ends to count.
    """
    windows = frame.windows
    lo: Index = np.searchsorted(time, windows.early, side="left").astype(np.int64)
    hi: Index = np.searchsorted(time, windows.late, side="left").astype(np.int64)
    first, last = int(lo[0]), int(hi[-1])
    ends = np.concatenate((time[1:], [until])).astype(np.int64)
    window = np.repeat(np.arange(lo.size), hi - lo)
    stop = np.minimum(ends[first:last], windows.late[window])
    row = np.arange(first, last, dtype=np.int64)
    before = lo - 1
    next_time = np.concatenate((time, [until])).astype(np.int64)[lo]
    until_next = np.where(before >= 0, np.minimum(next_time, windows.late), windows.early)
    return Pieces(
        lo - first,
        hi - first,
        np.concatenate((row, before)),
        np.concatenate((time[first:last], windows.early)),
        np.maximum(np.concatenate((stop - time[first:last], until_next - windows.early)), 0).astype(np.float64),
        np.concatenate((np.ones(row.size, np.bool_), np.zeros(before.size, np.bool_))),
    )


@dataclass(frozen=True, slots=True)
class Spans:
    """Time of each window by the status of its regions, in nanoseconds, and the area under what is not Bad.

    Attributes:
        good, uncertain: regions of 5.4.3.2.2: under a sloped line also the end of a region counts.
        used: what the area stands on.
        area: value times nanoseconds.
        begins_good, begins_uncertain: the same by the status at which a piece begins.
        zero, nonzero: Good pieces by value.
    """

    good: Floats
    uncertain: Floats
    used: Floats
    area: Floats
    begins_good: Floats
    begins_uncertain: Floats
    zero: Floats
    nonzero: Floats


def simple_spans(frame: Frame) -> Spans:
    """Regions with simple bounding values."""
    found: Spans = frame.once("spans", lambda: _simple_spans(frame))
    return found


def _simple_spans(frame: Frame) -> Spans:
    series, holds = frame.series, frame.settings.holds
    size = series.time.size
    if not size:
        return Spans(*(np.zeros(len(frame.windows)) for _ in range(8)))
    found = pieces(frame, series.time, end_of_data(series.time))
    row = np.maximum(found.row, 0)
    after = np.minimum(row + 1, size - 1)
    last = row == size - 1
    usable = (found.row >= 0) & ~series.bad[row]
    ends_poorly = (series.bad[after] | series.uncertain[after]) & ~last & (not holds)
    doubtful = usable & (series.uncertain[row] | ends_poorly)
    good = usable & ~doubtful
    begins_doubtful = usable & np.where(found.at_value, series.uncertain[row], doubtful)
    begins_good = usable & ~begins_doubtful
    flat = holds | series.bad[after] | last
    value = areas(found, series.time, series.value, row, after, flat)
    treated = frame.settings.treat_uncertain_as_bad
    return Spans(
        good=found.total(good),
        uncertain=np.zeros(len(frame.windows)) if treated else found.total(doubtful),
        used=found.total(usable),
        area=found.add(np.where(usable, value, 0.0)),
        begins_good=found.total(begins_good),
        begins_uncertain=np.zeros(len(frame.windows)) if treated else found.total(begins_doubtful),
        zero=found.total(begins_good & (series.value[row] == 0)),
        nonzero=found.total(begins_good & (series.value[row] != 0)),
    )


def areas(found: Pieces, time: Times, value: Floats, row: Index, after: Index, flat: Mask) -> Floats:
    """Value times nanoseconds under each piece: a trapezium on the line to the next value, or a rectangle."""
    span = (time[after] - time[row]).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        middle = ((found.start - time[row]) + found.length / 2) / span
        height = np.where(flat | (span == 0), value[row], value[row] + (value[after] - value[row]) * middle)
        area: Floats = np.where(found.length > 0, height * found.length, 0.0)
    return area


@dataclass(frozen=True, slots=True)
class Area:
    """The area under the line through all values that are not Bad.

    Attributes:
        doubtful: Bad values were skipped, Uncertain ones used, or the line was extended.
    """

    area: Floats
    length: Floats
    doubtful: Mask


def interpolated_area(frame: Frame) -> Area:
    """Interpolated bounding values, and behind the last value extrapolation."""
    found: Area = frame.once("area", lambda: _interpolated_area(frame))
    return found


def _interpolated_area(frame: Frame) -> Area:
    series, settings = frame.series, frame.settings
    usable = np.flatnonzero(~series.bad)
    count = len(frame.windows)
    if not usable.size:
        return Area(np.zeros(count), np.zeros(count), np.zeros(count, np.bool_))
    time, value = series.time[usable], series.value[usable]
    far = max(int(frame.windows.late[-1]), int(time[-1]) + 1)
    found = pieces(frame, time, far)
    row = np.maximum(found.row, 0)
    after = np.minimum(row + 1, usable.size - 1)
    last = row == usable.size - 1
    doubtful = last | series.uncertain[usable[row]] | series.uncertain[usable[after]]
    doubtful |= usable[after] - usable[row] > 1
    flat = settings.always_stepped | last
    if settings.use_sloped_extrapolation and not settings.holds and usable.size > 1:
        flat &= ~last
        after = np.where(last, row - 1, after)
    amount = areas(found, time, value, row, after, np.broadcast_to(flat, row.shape))
    there = found.row >= 0
    return Area(found.add(np.where(there, amount, 0.0)), found.total(there), found.any(doubtful & there))
