"""Subgroups of a Variable → chart of their means, and of their ranges or standard deviations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from omptool.analytics.spc import charted as charts
from omptool.analytics.spc.constants import Constants
from omptool.analytics.spc.measured import Measured, grouped
from omptool.analytics.spc.rules import chosen
from omptool.analytics.spc.within import spread_limits, within
from omptool.errors import UsageError

_SPREADS = {"r": "R", "s": "S"}


def finish(measured: Measured, given: Mapping[str, Any]) -> pa.Table:
    """The chart of one Variable, a row per subgroup.

    Args:
        given: `size`, `every`, `spread`, `nsigmas`, `rules`, `constants`, `center`, `sigma`, `baseline`, `show`.

    Raises:
        UsageError: a parameter that says nothing.
    """
    names, constants = chosen(given["rules"]), Constants.of(given["constants"])
    spread = _SPREADS.get(str(given["spread"]).casefold())
    if spread is None:
        raise UsageError(f"--param spread={given['spread']}: there are R and S", "R is the default")
    chart = charts.charted(grouped(measured, given), given, given["center"])
    found = within(chart.points, chart.among, spread, constants)
    sigma = found.sigma if given["sigma"] is None else given["sigma"]
    note = "no subgroup of the baseline has two values: no limits" if sigma is None else charts.why_no_limits(sigma)
    said = {"sigma": sigma, "constants": found.constants, "note": note}

    def draw(chart: charts.Charted) -> pa.Table:
        points = chart.points
        spreads = charts.Spread(
            points.spread if spread == "R" else points.sd,
            *spread_limits(sigma, spread, constants, points.size, given["nsigmas"]),
        )
        columns = charts.shewhart(chart, sigma, given["nsigmas"], names) | charts.of_spread(spreads, names)
        return charts.rows(chart, columns, said, given["show"])

    return charts.each_period(chart, draw)
