"""Aggregates of time: bounding values, averages and totals over time, durations."""

from __future__ import annotations

import numpy as np

from omptool.analytics.part13 import bits
from omptool.analytics.part13.bounds import Bounds, interpolated, simple
from omptool.analytics.part13.counted import Result
from omptool.analytics.part13.frame import Frame, mark
from omptool.analytics.part13.series import MILLISECOND, Codes, Floats, Index, Mask, Times
from omptool.analytics.part13.spans import Spans, interpolated_area, simple_spans

_SECOND = 1e9


def interpolative(frame: Frame) -> Result:
    found = interpolated(frame.series, frame.windows.stamp, frame.settings)
    status = mark(found.status, ~found.stored & (found.status < bits.BAD), bits.INTERPOLATED)
    return Result(found.value, status, row=np.where(found.stored, found.row, -1))


def _finish(frame: Frame, value: Floats, status: Codes, there: Mask, *, calculated: bool = True) -> Result:
    """BadNoData where nothing is there; Partial where data begins or ends."""
    status = np.where(there, status | (bits.CALCULATED if calculated else bits.GOOD), bits.NO_DATA).astype(np.uint32)
    return Result(value, mark(status, frame.partial(), bits.PARTIAL))


def time_average(frame: Frame, *, total: bool) -> Result:
    """TimeAverage and Total: interpolated bounds, always sloped, extended behind the last value."""
    found = interpolated_area(frame)
    value = found.area / np.maximum(found.length, 1)
    if total:
        value = value * (frame.windows.length / _SECOND)
    status = np.where(found.doubtful, bits.UNCERTAIN, bits.GOOD) | bits.CALCULATED
    status = np.where(found.length > 0, status, bits.NO_DATA).astype(np.uint32)
    return Result(value, mark(status, frame.partial(extrapolates=True), bits.PARTIAL))


def _percent_time(frame: Frame, spans: Spans) -> Codes:
    length = frame.windows.length.astype(np.float64)
    good = spans.good + spans.uncertain
    return frame.percent(good, length - good, length, spans.uncertain > 0)


def time_average2(frame: Frame, *, total: bool) -> Result:
    """TimeAverage2 and Total2: simple bounds, the time of Bad values left out."""
    spans = simple_spans(frame)
    value = spans.area / np.maximum(spans.used, 1)
    if total:
        value = value * (frame.windows.length / _SECOND)
    return _finish(frame, value, _percent_time(frame, spans), (spans.used > 0) & frame.known)


def in_state(frame: Frame, *, zero: bool) -> Result:
    """DurationInStateZero and NonZero, ms."""
    spans = simple_spans(frame)
    value = (spans.zero if zero else spans.nonzero) / MILLISECOND
    return _finish(frame, value, _percent_time(frame, spans), frame.known)


def duration(frame: Frame, *, good: bool, percent: bool) -> Result:
    """DurationGood and DurationBad in ms, or as per cent of the window; always Good."""
    spans = simple_spans(frame)
    length = frame.windows.length.astype(np.float64)
    value = spans.begins_good if good else length - spans.begins_good - spans.begins_uncertain
    value = 100 * value / length if percent else value / MILLISECOND
    return _finish(frame, value, np.zeros(len(frame.windows), np.uint32), frame.known)


def _ends(frame: Frame) -> tuple[Bounds, Bounds, Times]:
    """Start bound, end bound, and the last moment inside (EffectiveEndTime), in the direction of time."""
    windows = frame.windows
    early = simple(frame.series, windows.early, frame.settings)
    late = simple(frame.series, windows.late, frame.settings)
    if windows.backward:
        return late, early, windows.early + MILLISECOND
    return early, late, windows.late - MILLISECOND


def start_bound(frame: Frame) -> Result:
    found, _, _ = _ends(frame)
    status = mark(found.status, ~found.stored & ~found.bad, bits.INTERPOLATED)
    result = _finish(frame, found.value, status, ~(found.status == bits.NO_DATA) & frame.known, calculated=False)
    return result._replace(row=np.where(found.stored, found.row, -1))


def end_bound(frame: Frame) -> Result:
    _, found, _ = _ends(frame)
    return _finish(frame, found.value, found.status, ~(found.status == bits.NO_DATA) & frame.known)


def delta_bounds(frame: Frame) -> Result:
    start, end, _ = _ends(frame)
    status = np.where(start.good & end.good, bits.GOOD, bits.UNCERTAIN).astype(np.uint32)
    return _finish(frame, end.value - start.value, status, ~start.bad & ~end.bad & frame.known)


def worst_bound(frame: Frame) -> tuple[Codes, Mask]:
    """The start bound's status, and where it is itself the first value of its window."""
    found, _, _ = _ends(frame)
    return found.status, found.stored


def extreme2(frame: Frame, sign: int, *, actual: bool) -> Result:
    """Minimum2 (`sign` 1) and Maximum2 (-1): with simple bounds; the end bound only on a sloped line."""
    series, size = frame.series, frame.series.time.size
    start, end, last_moment = _ends(frame)
    scaled = np.where(series.bad, np.inf, sign * series.value)
    least = frame.reduce(np.minimum, scaled, np.inf)
    equal = np.zeros(size, np.bool_)
    equal[frame.rows] = ~series.bad[frame.rows] & (scaled[frame.rows] == frame.spread(least))
    row: Index = frame.reduce(np.minimum, np.where(equal, np.arange(size, dtype=np.int64), size - 1), size - 1)
    of_start = np.where(start.bad | start.stored, np.inf, sign * start.value)
    of_end = np.where(end.bad | frame.settings.holds, np.inf, sign * end.value)
    best = np.minimum(np.minimum(least, of_start), of_end)
    by_start = (of_start == best) & np.isfinite(of_start)
    by_end = (of_end < np.minimum(least, of_start)) & ~by_start
    several = frame.counts(equal) * (least == best) + by_start + by_end
    at_start = series.time[row] == frame.windows.stamp
    status = _percent_time(frame, simple_spans(frame))
    status = mark(status, by_start | by_end, bits.INTERPOLATED)
    if not actual:
        status = mark(status, ~(by_start | by_end) & ~at_start, bits.CALCULATED)
    status = mark(status, several > 1, bits.MULTIPLE_VALUES)
    there = np.isfinite(best) & frame.known
    time: Times = np.where(by_start, frame.windows.stamp, np.where(by_end, last_moment, series.time[row]))
    time = np.where(there, time, frame.windows.stamp)
    result = _finish(frame, sign * best, status, there, calculated=False)
    return result._replace(time=time if actual else None, row=np.where(there & ~by_start & ~by_end, row, -1))


def span2(frame: Frame) -> Result:
    """Range2: Maximum2 less Minimum2."""
    low, high = extreme2(frame, 1, actual=False), extreme2(frame, -1, actual=False)
    there = (low.status & 0xFFFF0000) != bits.NO_DATA
    return _finish(frame, high.value - low.value, _percent_time(frame, simple_spans(frame)), there)
