"""Aggregates of the values that lie in a window: counting, averaging, extremes, first and last."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from omptool.analytics.part13 import bits
from omptool.analytics.part13.frame import Frame, mark
from omptool.analytics.part13.series import Codes, Floats, Index, Mask, Times


class Result(NamedTuple):
    """One value per window; `time` is the windows' own stamp where it is None, `row` the value that is returned."""

    value: Floats
    status: Codes
    time: Times | None = None
    row: Index | None = None


def _none(status: Codes, nothing: Mask) -> Codes:
    found: Codes = np.where(nothing, bits.NO_DATA, status).astype(np.uint32)
    return found


def _partly(frame: Frame, status: Codes) -> Codes:
    return mark(status, frame.partial(), bits.PARTIAL)


def count(frame: Frame) -> Result:
    status = frame.percent_values() | bits.CALCULATED
    return Result(frame.good.astype(np.float64), _partly(frame, _none(status, frame.count == 0)))


def average(frame: Frame) -> Result:
    total = frame.once("total", lambda: frame.reduce(np.add, np.where(frame.series.good, frame.series.value, 0.0), 0.0))
    value = total / np.maximum(frame.good, 1)
    return Result(value, _none(frame.percent_values() | bits.CALCULATED, frame.good == 0))


def _squares(frame: Frame) -> Floats:
    """Sum of the squares of the distances from the mean of each window."""
    found: Floats = frame.once("squares", lambda: _squares_of(frame))
    return found


def _squares_of(frame: Frame) -> Floats:
    mean = frame.spread(average(frame).value)
    away = np.zeros(frame.series.value.size)
    good = frame.series.good[frame.rows]
    away[frame.rows] = np.where(good, frame.series.value[frame.rows] - mean, 0.0)
    found: Floats = frame.reduce(np.add, away * away, 0.0)
    return found


def variance(frame: Frame, less: int) -> Result:
    """Over n - `less`; of a single value 0."""
    value = np.where(frame.good > 1, _squares(frame) / np.maximum(frame.good - less, 1), 0.0)
    status = _none(frame.blemished() | bits.CALCULATED, frame.good == 0)
    return Result(value, _partly(frame, status))


def deviation(frame: Frame, less: int) -> Result:
    found = variance(frame, less)
    return found._replace(value=np.sqrt(found.value))


def extreme(frame: Frame, sign: int, *, actual: bool) -> Result:
    """Minimum (`sign` 1) or Maximum (-1) of the Good values; `actual`: with the time of the first of them."""
    series = frame.series
    value, row, several = _first_least(frame, sign, series.good)
    nothing = frame.good == 0
    lower = frame.reduce(np.minimum, np.where(series.uncertain, sign * series.value, np.inf), np.inf)
    doubtful = (frame.bad > 0) | (lower < sign * value)
    status = np.where(doubtful, bits.UNCERTAIN, bits.GOOD).astype(np.uint32)
    status = mark(status, several, bits.MULTIPLE_VALUES)
    if not actual:
        status = mark(status, doubtful | (series.time[row] != frame.windows.stamp), bits.CALCULATED)
    status = _partly(frame, _none(status, nothing))
    return Result(value, status, _at(frame, series.time[row], nothing) if actual else None, np.where(nothing, -1, row))


def _first_least(frame: Frame, sign: int, chosen: Mask) -> tuple[Floats, Index, Mask]:
    """Least of the chosen values of each window, its first row, and whether there are several."""
    scaled = np.where(chosen, sign * frame.series.value, np.inf)
    least = frame.reduce(np.minimum, scaled, np.inf)
    equal = np.zeros(scaled.size, np.bool_)
    equal[frame.rows] = chosen[frame.rows] & (scaled[frame.rows] == frame.spread(least))
    places = np.where(equal, np.arange(scaled.size, dtype=np.int64), scaled.size - 1)
    row = frame.reduce(np.minimum, places, scaled.size - 1)
    return sign * least, row, frame.counts(equal) > 1


def _at(frame: Frame, time: Times, nothing: Mask) -> Times:
    found: Times = np.where(nothing, frame.windows.stamp, time)
    return found


def span(frame: Frame) -> Result:
    """Range: the largest Good value less the smallest."""
    low, high = extreme(frame, 1, actual=True), extreme(frame, -1, actual=True)
    doubtful = ((low.status | high.status) & bits.SEVERITY) > 0
    status = np.where(doubtful, bits.UNCERTAIN, bits.GOOD).astype(np.uint32) | bits.CALCULATED
    return Result(high.value - low.value, _partly(frame, _none(status, frame.good == 0)))


def edge(frame: Frame, *, last: bool) -> Result:
    """Start and End: the first or last value as it was stored."""
    series, nothing = frame.series, frame.count == 0
    row = np.clip(frame.hi - 1 if last else frame.lo, 0, series.time.size - 1)
    status = _partly(frame, _none(series.status[row], nothing))
    return Result(series.value[row], status, _at(frame, series.time[row], nothing), np.where(nothing, -1, row))


def delta(frame: Frame) -> Result:
    """The last Good value less the first; Uncertain when others stand before or behind them."""
    good, size = frame.series.good, frame.series.time.size
    places = np.arange(size, dtype=np.int64)
    first = frame.reduce(np.minimum, np.where(good, places, size), size)
    last = frame.reduce(np.maximum, np.where(good, places, -1), -1)
    skipped = (first > frame.lo) | (last < frame.hi - 1)
    value = frame.series.value[np.maximum(last, 0)] - frame.series.value[np.minimum(first, size - 1)]
    status = np.where(skipped, bits.UNCERTAIN, bits.GOOD).astype(np.uint32) | bits.CALCULATED
    return Result(value, _partly(frame, _none(status, frame.good == 0)))


def transitions(frame: Frame) -> Result:
    """How often a value differs from the one before that was not Bad; the very first value counts."""
    changes: Index = frame.once("changes", lambda: frame.counts(_changed(frame)))
    status = frame.percent_values() | bits.CALCULATED
    return Result(changes.astype(np.float64), _partly(frame, _none(status, frame.count == 0)))


def _changed(frame: Frame) -> Mask:
    usable = np.flatnonzero(~frame.series.bad)
    value = frame.series.value[usable]
    changed = np.zeros(frame.series.time.size, np.bool_)
    changed[usable] = np.concatenate(([True], value[1:] != value[:-1]))[: usable.size]
    return changed


def worst(frame: Frame, bound: tuple[Codes, Mask] | None = None) -> Result:
    """WorstQuality: the first status of the worst severity, as a number; WorstQuality2 with the start bound."""
    series, size = frame.series, frame.series.time.size
    rank = np.minimum(series.status >> 30, 2).astype(np.int64)
    worst_rank = frame.reduce(np.maximum, rank, np.int64(-1))
    equal = np.zeros(size, np.bool_)
    equal[frame.rows] = rank[frame.rows] == frame.spread(worst_rank)
    row = frame.reduce(np.minimum, np.where(equal, np.arange(size, dtype=np.int64), size - 1), size - 1)
    code, several = series.status[row], frame.counts(equal)
    nothing = frame.count == 0
    if bound is not None:
        of_bound = np.minimum(bound[0] >> 30, 2).astype(np.int64)
        stands = (of_bound >= worst_rank) & ~bound[1]  # a stored start bound is among the values already
        several = np.where(stands, np.where(of_bound == worst_rank, several + 1, 1), several)
        code = np.where(stands, bound[0], code)
        nothing = ~frame.known
    status = np.where(several > 1, bits.CALCULATED | bits.MULTIPLE_VALUES, bits.CALCULATED).astype(np.uint32)
    return Result(code.astype(np.float64), _partly(frame, _none(status, nothing)))


def annotated(frame: Frame, times: Times) -> Result:
    """How many annotations lie in each window."""
    first, behind = frame.windows.bounds(np.sort(times))
    status = np.where(frame.known, bits.CALCULATED, bits.NO_DATA).astype(np.uint32)
    return Result((behind - first).astype(np.float64), status)
