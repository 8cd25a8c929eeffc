"""Single values of a Variable → chart of the values and of their moving range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.analytics.spc import charted as charts
from omptool.analytics.spc.constants import Constants
from omptool.analytics.spc.measured import Measured
from omptool.analytics.spc.rules import chosen
from omptool.analytics.spc.within import moving_ranges, within
from omptool.errors import UsageError


def finish(measured: Measured, given: Mapping[str, Any]) -> pa.Table:
    """The chart of one Variable, a row per value.

    Args:
        given: `span`, `nsigmas`, `rules`, `constants`, `center`, `sigma`, `baseline`, `show`.

    Raises:
        UsageError: a parameter that says nothing.
    """
    names, constants, span = chosen(given["rules"]), Constants.of(given["constants"]), _span(given["span"])
    chart = charts.charted(measured, given, given["center"])
    found = within(chart.points, chart.among, "MR", constants, span)
    sigma, d2, d3 = given["sigma"], constants.d2(span), constants.d3(span)
    sigma = found.sigma if sigma is None else sigma
    said = {"sigma": sigma, "constants": found.constants, "note": charts.why_no_limits(sigma)}

    def draw(chart: charts.Charted) -> pa.Table:
        moving = moving_ranges(chart.points.mean, span)
        there = np.where(np.isnan(moving), np.nan, np.nan if sigma is None else sigma)
        low, high = (d2 + sign * given["nsigmas"] * d3 for sign in (-1, 1))
        spreads = charts.Spread(moving, d2 * there, np.maximum(low * there, 0.0), high * there)
        columns = charts.shewhart(chart, sigma, given["nsigmas"], names) | charts.of_spread(spreads, names)
        return charts.rows(chart, columns, said, given["show"])

    return charts.each_period(chart, draw)


def _span(span: int) -> int:
    if not 2 <= span <= 100:
        raise UsageError(f"--param span={span}: a moving range is of 2 to 100 values", "2 is the default")
    return span
