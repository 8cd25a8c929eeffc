"""Points of a Variable → their exponentially weighted moving average."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.analytics.spc import charted as charts
from omptool.analytics.spc.constants import Constants
from omptool.analytics.spc.measured import Measured, grouped
from omptool.analytics.spc.sums import Floats, Numbers
from omptool.analytics.spc.within import chosen_method, within
from omptool.errors import UsageError


def finish(measured: Measured, given: Mapping[str, Any]) -> pa.Table:
    """The chart of one Variable, a row per point.

    Args:
        given: `lambda`, `asymptotic`, `head_start`, `size`, `every`, `spread`, `nsigmas`, `constants`, `center`,
            `sigma`, `baseline`, `show`.

    Raises:
        UsageError: a parameter that says nothing.
    """
    weight = given["lambda"]
    if not 0 < weight <= 1:
        raise UsageError(f"--param lambda={weight:g}: it is above 0 and at most 1", "0.2 is the default")
    constants = Constants.of(given["constants"])
    chart = charts.charted(grouped(measured, given), given, given["center"])
    found = within(chart.points, chart.among, chosen_method(given, chart.points), constants)
    sigma = found.sigma if given["sigma"] is None else given["sigma"]
    said = {"sigma": sigma, "constants": found.constants, "note": charts.why_no_limits(sigma)}
    return charts.each_period(chart, lambda each: charts.rows(each, _columns(each, sigma, given), said, given["show"]))


def _columns(chart: charts.Charted, sigma: float | None, given: Mapping[str, Any]) -> dict[str, Any]:
    points, weight = chart.points, given["lambda"]
    average = averages(points.mean, weight, chart.center)
    error = None if sigma is None else sigma * np.sqrt(variances(points.size, weight, asymptotic=given["asymptotic"]))
    if error is not None:
        error = error * narrowed(len(points), charts.head_start(given))
    low, high = charts.limits(chart.center, error, given["nsigmas"], len(points))
    return {
        "ewma": average,
        "center": np.full(len(points), np.nan if chart.center is None else chart.center),
        "lcl": low,
        "ucl": high,
        "violations": charts.words({"above": average > high, "below": average < low}, len(points)),
    }


def averages(value: Floats, weight: float, center: float | None) -> Floats:
    """The moving average of every point, which begins at the center."""
    if center is None:
        return np.full(value.size, np.nan)
    steps = accumulate(value.tolist(), lambda before, now: weight * now + (1 - weight) * before, initial=center)
    return np.fromiter(steps, np.float64, value.size + 1)[1:]


def variances(size: Numbers, weight: float, *, asymptotic: bool) -> Floats:
    """Of the average, in units of sigma squared."""
    end = np.divide(weight / (2 - weight), size, dtype=np.float64)
    if asymptotic:
        return end
    if not size.size or size.min() == size.max():
        return np.asarray(end * (1 - (1 - weight) ** (2.0 * np.arange(1, size.size + 1))), np.float64)
    steps = accumulate(size.tolist(), lambda before, n: weight**2 / n + (1 - weight) ** 2 * before, initial=0.0)
    return np.fromiter(steps, np.float64, size.size + 1)[1:]


def narrowed(count: int, head_start: float) -> Floats | float:
    """What is left of the limits of each point (Steiner 1999); after about 20 points everything."""
    if not head_start:
        return 1.0
    f = 1 - head_start
    a = (-2 / math.log10(1 - f) - 1) / 19
    return np.asarray(1 - (1 - f) ** (1 + a * np.arange(count)), np.float64)
