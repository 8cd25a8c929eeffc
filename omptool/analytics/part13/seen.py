"""How much of each window was seen, and how long the value was Good: `coverage` and `percent_good` of C6.

Unlike the durations of Part 13, these know gaps of the recording, and hold the last value.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from omptool.analytics.part13.series import Floats, Mask, Times, Windows

Gaps = Sequence[tuple[int, int]]
"""[start, end) in unix nanoseconds."""


def seen(time: Times, good: Mask, gaps: Gaps, windows: Windows) -> tuple[Floats, Floats]:
    """Coverage (0…1) and percent_good of each window.

    Args:
        time: when values came; time before the first one was not seen.
        good: what of them was Good.
    """
    if not time.size:
        return np.zeros(len(windows)), np.zeros(len(windows))
    end = max(int(windows.late[-1]), int(time[-1]))
    ends = np.concatenate((time[1:], [end])).astype(np.int64)
    length = windows.length.astype(np.float64)
    if not gaps:
        whole = _measure(time[:1], np.array([end], np.int64), windows)
        return whole / length, 100 * _measure(time[good], ends[good], windows) / length
    starts, stops = _united(gaps)
    lost = np.searchsorted(stops, time[0], side="right")
    starts, stops = np.maximum(starts[lost:], time[0]), stops[lost:]
    whole = _measure(time[:1], np.array([end], np.int64), windows) - _measure(starts, stops, windows)
    kept_from, kept_to = _without(time[good], ends[good], starts, stops)
    return whole / length, 100 * _measure(kept_from, kept_to, windows) / length


def _measure(starts: Times, stops: Times, windows: Windows) -> Floats:
    """How much of each window lies in intervals that are in order and do not overlap."""
    if not starts.size:
        return np.zeros(len(windows))
    before = np.concatenate(([0], np.cumsum(stops - starts)))

    def until(moments: Times) -> Times:
        place = np.searchsorted(starts, moments, side="right")
        last = np.maximum(place - 1, 0)
        inside = np.where(place > 0, np.minimum(moments, stops[last]) - starts[last], 0)
        found: Times = np.where(place > 0, before[last] + inside, 0)
        return found

    return (until(windows.late) - until(windows.early)).astype(np.float64)


def _united(gaps: Gaps) -> tuple[Times, Times]:
    """Overlapping gaps as one."""
    starts, stops = np.array(sorted(gaps), np.int64).T
    stops = np.maximum.accumulate(stops)
    fresh = np.concatenate(([True], starts[1:] > stops[:-1]))
    last = np.concatenate((np.flatnonzero(fresh)[1:] - 1, [starts.size - 1]))
    return starts[fresh], stops[last]


def _without(starts: Times, stops: Times, holes_from: Times, holes_to: Times) -> tuple[Times, Times]:
    """Intervals less holes; both in order and disjoint."""
    edges = np.concatenate((starts, stops, holes_from, holes_to))
    step = np.repeat([1, -1, -2, 2], [starts.size, stops.size, holes_from.size, holes_to.size])
    order = np.argsort(edges, kind="stable")
    edges, level = edges[order], np.cumsum(step[order])
    inside = (level[:-1] == 1) & (edges[1:] > edges[:-1])
    return edges[:-1][inside], edges[1:][inside]
