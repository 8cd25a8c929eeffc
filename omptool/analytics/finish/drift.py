"""Values of one Variable → whether they leave what they were in the baseline: EWMA, CUSUM, slope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from omptool.analytics.finish.cusum import since_zero, sums
from omptool.analytics.finish.ewma import averages, variances
from omptool.analytics.spc.measured import Measured, Points, points
from omptool.analytics.spc.periods import of_values, part, part_of_points, united
from omptool.analytics.spc.sums import Floats, Mask, mean, sd
from omptool.analytics.spc.trend import Trend, theil_sen
from omptool.analytics.streams import interval_of
from omptool.errors import UsageError
from omptool.model.contracts import TIME
from omptool.model.times import datetime_of

_PER = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_LEAST = 3
"""Points of a baseline from which on a standard deviation says something."""


class _Signal(NamedTuple):
    """Where a chart first says that it is no longer as it was.

    Attributes:
        place: of the point; None: never.
        since: of the point before which all was well, by the same chart.
    """

    place: int | None
    since: int | None
    upward: bool


def finish(measured: Measured, given: Mapping[str, Any]) -> pa.Table:
    """One row about one Variable, or one per period, held against the same baseline.

    Args:
        given: `every`, `baseline`, `baseline_share`, `lambda`, `nsigmas`, `k`, `h`, `per`, `confidence`.

    Raises:
        UsageError: a parameter that says nothing.
    """
    _check(given)
    measured = paced(measured, given)
    found = points(measured, mean(measured.value) or 0.0)
    among, why = _among(measured, found, given)
    base = _Base(mean(found.mean[among]), sd(found.mean[among]), int(among.sum()), why)
    if measured.cut is None:
        return _row(measured, found, ~among, base, given)
    if found.time is None or not len(found):
        return united([0], [_row(measured, found, ~among, base, given).slice(0, 0)])
    periods, of_points = of_values(measured), measured.cut.places(found.time)
    numbers = np.unique(of_points).tolist()
    tables = []
    for period in numbers:
        mine = of_points == period
        values = part(measured, period, periods == period)
        tables.append(_row(values, part_of_points(found, mine), ~among[mine], base, given))
    return united(numbers, tables)


class _Base(NamedTuple):
    """What points are held against."""

    level: float | None
    spread: float | None
    points: int
    why_not: str | None


def _row(measured: Measured, found: Points, behind: Mask, base: _Base, given: Mapping[str, Any]) -> pa.Table:
    x, per = _axis(found, given)
    why = base.why_not
    row: dict[str, Any] = {
        "values": int(measured.value.size), "points": len(found), "baseline_points": base.points,
        "baseline_mean": base.level, "baseline_sd": base.spread, "mean": mean(found.mean[behind]), "per": per,
        "coverage": measured.coverage, "percent_good": measured.percent_good,
    }  # fmt: skip
    if trend := theil_sen(x, found.mean, given["confidence"]):
        length = float(x.max() - x.min())
        row |= {"slope": trend.slope, "slope_low": trend.low, "slope_high": trend.high, "change": trend.slope * length}
        row["trend"] = _direction(trend)
    if base.level is None or not base.spread or base.points < _LEAST:
        why = why or _why_not(base)
    else:
        z = (found.mean - base.level) / base.spread
        row |= _told("ewma", _by_average(z, behind, given), found)
        row |= _told("cusum", _by_sum(z, behind, given), found)
        row["ewma"] = base.level + base.spread * float(averages(z, given["lambda"], 0.0)[-1])
    said = [*measured.notes, why, trend.note if trend else None]
    return pa.Table.from_pylist([row | {"note": "; ".join(filter(None, said)) or None}], schema=_SCHEMA)


def _check(given: Mapping[str, Any]) -> None:
    for name, high in (("lambda", 1.0), ("baseline_share", 1.0), ("nsigmas", np.inf), ("h", np.inf)):
        if not 0 < given[name] <= high:
            raise UsageError(
                f"--param {name}={given[name]:g}: it is above 0" + (" and at most 1" if high == 1 else ""),
                "omptool analyze drift --explain",
            )
    if not given["k"] >= 0:
        raise UsageError(f"--param k={given['k']:g}: it is not below 0", "0.5 is the default")
    if given["baseline"] is not None and given["baseline"] < 1:
        raise UsageError(
            f"--param baseline={given['baseline']}: it is a number of points", "the first 25: --param baseline=25"
        )
    if given["per"] not in _PER:
        raise UsageError(f"--param per={given['per']}: there are {', '.join(_PER)}", "day is the default")


def paced(measured: Measured, given: Mapping[str, Any]) -> Measured:
    """Values of which each interval is a point, or each value."""
    length = interval_of(given["every"], "every", "write 30s, 10m or 1h; 0: every value")
    if length and measured.time is not None:
        return replace(measured, group=measured.time // length, labels=None)
    return measured


def pointed(measured: Measured, given: Mapping[str, Any]) -> Points:
    """Means of intervals, or single values."""
    return points(paced(measured, given), mean(measured.value) or 0.0)


def _among(measured: Measured, found: Points, given: Mapping[str, Any]) -> tuple[Mask, str | None]:
    """Points of the baseline: those that somebody named, else the first part."""
    place = np.arange(len(found))
    if (count := given["baseline"]) is not None:
        return found.first & (place < count), None
    if measured.first is not None:
        return found.first.copy(), None if found.first.any() else "no point lies in the baseline"
    if found.time is None or not len(found):
        return place < given["baseline_share"] * len(found), None
    edge = found.time[0] + given["baseline_share"] * (found.time[-1] - found.time[0])
    return found.time < edge, None


def _axis(found: Points, given: Mapping[str, Any]) -> tuple[Floats, str]:
    """What the slope is per: time since the first point, or points where there are no times."""
    if found.time is None:
        return np.arange(len(found), dtype=np.float64), "point"
    since = (found.time - (found.time[0] if len(found) else 0)) / 1e9
    return since / _PER[given["per"]], given["per"]


def _direction(trend: Trend) -> str | None:
    """Where zero lies outside the confidence interval."""
    if trend.low is None or trend.high is None:
        return None
    return "up" if trend.low > 0 else "down" if trend.high < 0 else None


def _why_not(base: _Base) -> str:
    if base.points < _LEAST or base.spread is None:
        return f"fewer than {_LEAST} points in the baseline: it says nothing about what is usual"
    return "nothing varies in the baseline: every change would be one"


def _by_average(z: Floats, behind: Mask, given: Mapping[str, Any]) -> _Signal:
    """The first point behind the baseline whose average is beyond its limits."""
    average = averages(z, given["lambda"], 0.0)
    limit = given["nsigmas"] * np.sqrt(variances(np.ones(z.size, np.int64), given["lambda"], asymptotic=False))
    places = np.flatnonzero((np.abs(average) > limit) & behind)
    if not places.size:
        return _Signal(None, None, False)
    place = int(places[0])
    return _Signal(place, None, bool(average[place] > 0))


def _by_sum(z: Floats, behind: Mask, given: Mapping[str, Any]) -> _Signal:
    """The first sum beyond its limit; the change began where it left zero."""
    sides = []
    for upward in (True, False):
        found = sums(z if upward else -z, given["k"], 0.0)
        places = np.flatnonzero((found > given["h"]) & behind)
        if places.size:
            place = int(places[0])
            sides.append(_Signal(place, place - int(since_zero(found)[place]) + 1, upward))
    return min(sides, key=lambda side: side.place or 0) if sides else _Signal(None, None, False)


def _told(name: str, signal: _Signal, found: Points) -> dict[str, object]:
    if signal.place is None:
        return {}
    told: dict[str, object] = {f"{name}_signal": "up" if signal.upward else "down", f"{name}_point": signal.place + 1}
    if found.time is not None:
        told[f"{name}_at"] = _moment(found.time[signal.place])
    if signal.since is not None:
        told["began_point"] = signal.since + 1
        if found.time is not None:
            told["began_at"] = _moment(found.time[signal.since])
    return told


def _moment(unix_ns: Any) -> object:
    return datetime_of(int(unix_ns) // 1000)


_NUMBER, _COUNT, _WORD = pa.float64(), pa.int64(), pa.string()
_SCHEMA = pa.schema({
    "values": _COUNT, "points": _COUNT, "baseline_points": _COUNT, "baseline_mean": _NUMBER, "baseline_sd": _NUMBER,
    "mean": _NUMBER, "slope": _NUMBER, "slope_low": _NUMBER, "slope_high": _NUMBER, "per": _WORD, "change": _NUMBER,
    "trend": _WORD, "ewma": _NUMBER, "ewma_signal": _WORD, "ewma_point": _COUNT, "ewma_at": TIME,
    "cusum_signal": _WORD, "cusum_point": _COUNT, "cusum_at": TIME, "began_point": _COUNT, "began_at": TIME,
    "coverage": _NUMBER, "percent_good": _NUMBER, "note": _WORD,
})  # fmt: skip
