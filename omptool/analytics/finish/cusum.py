"""Points of a Variable → sums of what was above and below a target."""

from __future__ import annotations

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
        given: `target`, `k`, `h`, `units`, `head_start`, `size`, `every`, `spread`, `constants`, `sigma`, `baseline`,
            `show`.

    Raises:
        UsageError: a parameter that says nothing.
    """
    _check(given)
    target = measured.spec.target if given["target"] is None else given["target"]
    chart = charts.charted(grouped(measured, given), given, target)
    found = within(chart.points, chart.among, chosen_method(given, chart.points), Constants.of(given["constants"]))
    sigma = found.sigma if given["sigma"] is None else given["sigma"]
    note = None if given["units"] == "absolute" else charts.why_no_limits(sigma)
    said = {"sigma": sigma, "constants": found.constants, "note": note}
    return charts.each_period(chart, lambda each: charts.rows(each, _columns(each, sigma, given), said, given["show"]))


def _columns(chart: charts.Charted, sigma: float | None, given: Mapping[str, Any]) -> dict[str, Any]:
    points, k, h, size = chart.points, given["k"], given["h"], len(chart.points)
    error = 1.0 if given["units"] == "absolute" else None if not sigma else sigma / np.sqrt(points.size)
    z = charts.distances(points.mean, chart.center, error)
    above, below = (sums(sign * z, k, h * charts.head_start(given)) for sign in (1.0, -1.0))
    return {
        "target": np.full(size, np.nan if chart.center is None else chart.center),
        "cusum_pos": above,
        "cusum_neg": below,
        "center": np.zeros(size),
        "lcl": np.full(size, -h),
        "ucl": np.full(size, h),
        "violations": charts.words({"above": above > h, "below": below > h}, size),
        "n_pos": since_zero(above),
        "n_neg": since_zero(below),
    }


def sums(z: Floats, k: float, start: float) -> Floats:
    """What is above `k`, summed up as long as the sum is above 0; NaN where z is."""
    steps = accumulate(z.tolist(), lambda before, now: max(0.0, now - k + before), initial=start)
    found = np.fromiter(steps, np.float64, z.size + 1)[1:]
    return np.where(np.isnan(z), np.nan, found)


def since_zero(found: Floats) -> Numbers:
    """How many points in a row, up to and with each one, were above 0."""
    index = np.arange(1, found.size + 1)
    counted: Numbers = index - np.maximum.accumulate(np.where(found > 0, 0, index))
    return counted


def _check(given: Mapping[str, Any]) -> None:
    if given["units"] not in ("sigma", "absolute"):
        raise UsageError(f"--param units={given['units']}: there are sigma and absolute", "sigma is the default")
    if not given["k"] >= 0 or not 0 < given["h"] < np.inf:
        raise UsageError(f"--param k={given['k']:g} h={given['h']:g}: k is not below 0, h above", "usual: k=0.5 h=5")
