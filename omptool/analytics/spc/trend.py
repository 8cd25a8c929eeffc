"""The slope of a series: the median of the slopes between all pairs of its points. A few wild ones change nothing."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from omptool.analytics.spc.sums import Floats
from omptool.errors import UsageError

MOST = 4000
"""Points of which every pair is compared; of more, as many neighbours as it takes become their mean."""
FEW = 30
"""Up to so many points the interval comes from the exact distribution of Kendall's S."""


class Trend(NamedTuple):
    """A line through points.

    Attributes:
        slope: Theil-Sen, in units of y per unit of x.
        low, high: its confidence interval (Sen 1968); None where points are too few for one.
        level: of the line at x = 0, the median of y - slope * x.
        note: what the numbers do not say; None: nothing.
    """

    slope: float
    low: float | None
    high: float | None
    level: float
    note: str | None = None

    def at(self, x: float) -> float:
        return self.level + self.slope * x


def theil_sen(x: Floats, y: Floats, confidence: float) -> Trend | None:
    """The trend of finite points in any order; None when no two of them differ in x.

    Raises:
        UsageError: a confidence that is none.
    """
    if not 0 < confidence < 1:
        raise UsageError(f"--param confidence={confidence:g}: it is between 0 and 1", "0.95 is the default")
    order = np.lexsort((y, x))
    together = -(-x.size // MOST)
    x, y = thinned(x[order]), thinned(y[order])
    found = slopes(x, y)
    if not found.size:
        return None
    below = _rank(found.size, x, y, confidence)
    middle = [(found.size - 1) // 2, found.size // 2]
    found.partition([*middle, *([below - 1, found.size - below] if below else [])])
    slope = float(found[middle].mean())
    low, high = (float(found[below - 1]), float(found[-below])) if below else (None, None)
    notes = []
    if together > 1:
        notes.append(f"the slope is that of means of {together} neighbours: there are more than {MOST} points")
    if not below:
        notes.append(f"too few points for an interval that holds the slope with {100 * confidence:g} %")
    return Trend(slope, low, high, float(np.median(y - slope * x)), "; ".join(notes) or None)


def slopes(x: Floats, y: Floats) -> Floats:
    """Between all pairs of points that differ in x, which is in order."""
    found = np.empty(x.size * (x.size - 1) // 2)
    begin = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        for apart in range(1, x.size):
            end = begin + x.size - apart
            np.divide(y[apart:] - y[:-apart], x[apart:] - x[:-apart], out=found[begin:end])
            begin = end
    return found if (np.diff(x) > 0).all() else found[np.isfinite(found)]


def thinned(values: Floats) -> Floats:
    """At most `MOST` means of neighbours; all values where there are no more."""
    together = -(-values.size // MOST)
    if together < 2:
        return values
    begins = np.arange(0, values.size, together)
    found: Floats = np.add.reduceat(values, begins) / np.diff(np.append(begins, values.size))
    return found


def _rank(pairs: int, x: Floats, y: Floats, confidence: float) -> int:
    """Which slope from below and from above is an end of the interval, from 1; 0: they are too few for one.

    By the variance of Kendall's S with ties (Sen 1968); of few points no narrower than its exact distribution has it.
    """
    n = y.size
    variance: float = n * (n - 1) * (2 * n + 5)
    for values in (x, y):
        _, ties = np.unique(values, return_counts=True)
        variance -= float((ties * (ties - 1) * (2 * ties + 5)).sum())
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * math.sqrt(max(variance, 0.0) / 18)
    found = math.floor((pairs - reach) / 2)
    if n > FEW:
        return max(found, 0)
    exact = _exact_rank(n, confidence)
    return exact if pairs == n * (n - 1) // 2 and np.unique(y).size == n else max(min(found, exact), 0)


def _exact_rank(n: int, confidence: float) -> int:
    """The greatest rank whose interval holds the slope of n points that often, from the orders of n values."""
    tail, outside, rank = (1 - confidence) / 2 * math.factorial(n), 0, 0
    for orders in _inversions(n):
        outside += orders
        if outside > tail:
            break
        rank += 1
    return rank


@cache
def _inversions(n: int) -> tuple[int, ...]:
    """How many orders of n values have 0, 1, 2 … pairs the wrong way round."""
    found = [1]
    for size in range(2, n + 1):
        found = [sum(found[max(place - size + 1, 0) : place + 1]) for place in range(len(found) + size - 1)]
    return tuple(found)
