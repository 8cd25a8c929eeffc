"""Single values of a Variable → chart of the values and of their moving range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.analytics.spc import charted as charts
from omptool.analytics.spc.constants import Constants
from omptool.analytics.spc.measured import Measured
from omptool.analytics.spc.rules import chosen, violated
from omptool.analytics.spc.sums import Floats, Mask, mean
from omptool.errors import UsageError


def finish(measured: Measured, given: Mapping[str, Any]) -> pa.Table:
    """The chart of one Variable, a row per value.

    Args:
        given: `span`, `nsigmas`, `rules`, `constants`, `center`, `sigma`, `baseline`, `show`.

    Raises:
        UsageError: a parameter that says nothing.
    """
    names, constants = chosen(given["rules"]), Constants.of(given["constants"])
    span, nsigmas = _span(given["span"]), given["nsigmas"]
    chart = charts.charted(measured, given, given["center"])
    value = chart.points.mean
    moving = moving_ranges(value, span)
    d2, d3 = constants.d2(span), constants.d3(span)
    sigma = given["sigma"]
    if sigma is None:
        width = mean(moving[whole(chart.among, span)])
        sigma = None if width is None else width / d2
    low, high = charts.limits(chart.center, sigma, nsigmas, value.size)
    z = charts.distances(value, chart.center, sigma)
    middle, least, most = (np.nan,) * 3 if sigma is None else spread_limits(sigma, d2, d3, nsigmas)
    columns = {
        "center": np.full(value.size, np.nan if chart.center is None else chart.center),
        "lcl": low,
        "ucl": high,
        "violations": charts.words(violated(z, names, (value > high) | (value < low)), value.size),
        "spread": moving,
        "spread_center": np.where(np.isnan(moving), np.nan, middle),
        "spread_lcl": np.where(np.isnan(moving), np.nan, least),
        "spread_ucl": np.where(np.isnan(moving), np.nan, most),
        "spread_violations": charts.words(charts.beyond(names, moving, least, most), value.size),
    }
    said = {"sigma": sigma, "constants": constants.named(span), "note": charts.why_no_limits(sigma)}
    return charts.rows(chart, columns, said, given["show"])


def moving_ranges(value: Floats, span: int) -> Floats:
    """Range of each value and those before it; NaN for the first ones."""
    found = np.full(value.size, np.nan)
    if value.size >= span:
        windows = np.lib.stride_tricks.sliding_window_view(value, span)
        found[span - 1 :] = windows.max(axis=1) - windows.min(axis=1)
    return found


def whole(among: Mask, span: int) -> Mask:
    """Moving ranges all of whose values are in the baseline."""
    found = np.zeros(among.size, np.bool_)
    if among.size >= span:
        found[span - 1 :] = np.lib.stride_tricks.sliding_window_view(among, span).all(axis=1)
    return found


def spread_limits(sigma: float, d2: float, d3: float, nsigmas: float) -> tuple[float, float, float]:
    """Center, lower and upper limit of a range."""
    return d2 * sigma, max(0.0, (d2 - nsigmas * d3) * sigma), (d2 + nsigmas * d3) * sigma


def _span(span: int) -> int:
    if not 2 <= span <= 100:
        raise UsageError(f"--param span={span}: a moving range is of 2 to 100 values", "2 is the default")
    return span
