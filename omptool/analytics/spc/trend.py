"""The slope of a series: the median of the slopes between all pairs of its points. A few wild ones change nothing."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from omptool.analytics.spc.sums import Floats
from omptool.errors import UsageError

MOST = 1500
"""Points of which every pair is compared; of more, as many neighbours as it takes become their mean."""


class Trend(NamedTuple):
    """A line through points.

    Attributes:
        slope: Theil-Sen, in units of y per unit of x.
        low, high: its confidence interval (Sen 1968), from the variance of Kendall's S with ties.
        level: of the line at x = 0, the median of y - slope * x.
    """

    slope: float
    low: float
    high: float
    level: float

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
    x, y = thinned(x[order]), thinned(y[order])
    first, second = np.triu_indices(x.size, 1)
    run = x[second] - x[first]
    slopes = np.sort(((y[second] - y[first])[run != 0]) / run[run != 0])
    if not slopes.size:
        return None
    slope = float(np.median(slopes))
    low, high = _interval(slopes, y, confidence)
    return Trend(slope, low, high, float(np.median(y - slope * x)))


def thinned(values: Floats) -> Floats:
    """At most `MOST` means of neighbours; all values where there are no more."""
    together = -(-values.size // MOST)
    if together < 2:
        return values
    begins = np.arange(0, values.size, together)
    found: Floats = np.add.reduceat(values, begins) / np.diff(np.append(begins, values.size))
    return found


def _interval(slopes: Floats, y: Floats, confidence: float) -> tuple[float, float]:
    n = y.size
    _, ties = np.unique(y, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * math.sqrt(max(variance, 0.0))
    lower = max(math.floor((slopes.size - reach) / 2), 0)
    return float(slopes[lower]), float(slopes[-1 - lower])
