"""Points of a Variable → which rules they violate, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.analytics.spc import charted as charts
from omptool.analytics.spc.constants import Constants
from omptool.analytics.spc.measured import Measured, grouped
from omptool.analytics.spc.rules import ALL, SIGMAS, chosen, violated
from omptool.analytics.spc.within import chosen_method, within


def finish(measured: Measured, given: Mapping[str, Any]) -> pa.Table:
    """A row per point and rule that it violates, in order of the points.

    Args:
        given: `rules`, `size`, `every`, `spread`, `constants`, `center`, `sigma`, `baseline`.

    Raises:
        UsageError: a parameter that says nothing.
    """
    names = chosen(given["rules"])
    chart = charts.charted(grouped(measured, given), given, given["center"])
    found = within(chart.points, chart.among, chosen_method(given, chart.points), Constants.of(given["constants"]))
    sigma = found.sigma if given["sigma"] is None else given["sigma"]
    return charts.each_period(chart, lambda each: _listed(each, names, sigma, found.constants))


def _listed(chart: charts.Charted, names: Sequence[str], sigma: float | None, constants: str) -> pa.Table:
    points, measured = chart.points, chart.measured
    error = None if sigma is None else sigma / np.sqrt(points.size)
    z = charts.distances(points.mean, chart.center, error)
    low, high = charts.limits(chart.center, error, SIGMAS, len(points))
    outside = (points.mean > high) | (points.mean < low)
    holds = np.array(list(violated(z, names, outside).values()), np.bool_).reshape(len(names), len(points))
    place, rule = np.nonzero(holds.T)
    kinds = [ALL[names[each]] for each in rule.tolist()]
    length = np.array([kind.length for kind in kinds], np.int64)
    table = pa.table(
        {
            "point": pa.array(place + 1),
            "rule": pa.array([kind.name for kind in kinds], pa.string()),
            "about": pa.array([kind.about for kind in kinds], pa.string()),
            "first_point": pa.array(place + 2 - length),
            "time": charts.times(points).take(pa.array(place)),
            "label": charts.labels(points).take(pa.array(place)),
            "value": pa.array(points.mean[place]),
            "z": pa.array(z[place]),
        }
    )
    same = {
        "center": chart.center,
        "sigma": sigma,
        "points": len(points),
        "constants": constants,
        "coverage": measured.coverage,
        "percent_good": measured.percent_good,
        "note": "; ".join(filter(None, [*chart.notes, charts.why_no_limits(sigma)])) or None,
    }
    return charts.told(charts.with_constants(table, same), same["note"], high)
