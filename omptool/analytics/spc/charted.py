"""From points and limits to the rows of a chart: one shape for all control charts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from omptool.analytics.repeating import repeated, shortened
from omptool.analytics.spc.measured import Measured, Points, grand_mean, points
from omptool.analytics.spc.periods import of_values, part, part_of_points, united
from omptool.analytics.spc.rules import FIRST, violated
from omptool.analytics.spc.sums import Floats, Mask, mean, sd
from omptool.errors import UsageError
from omptool.model.contracts import TIME

SHOWN = ("points", "signals", "summary")
NOTE, UNJUDGED = b"note", b"unjudged"
"""Of the schema of rows, which there may be none of: what would stand in each, and that nothing was to judge by."""


@dataclass(frozen=True, slots=True)
class Charted:
    """Points, and what the baseline says about them.

    Attributes:
        among: points of the baseline.
        center: given, or the mean of the baseline; None without a point.
        level: mean of all values.
        notes: for the column note.
    """

    measured: Measured
    points: Points
    among: Mask
    center: float | None
    level: float | None
    notes: tuple[str, ...]


def charted(measured: Measured, given: Mapping[str, Any], center: object = None) -> Charted:
    """Points of the values, and their center.

    Args:
        given: `baseline`, the number of points that limits come from, and what `points` takes.
        center: known beforehand.
    """
    for name in ("nsigmas", "sigma"):
        if given.get(name) is not None and not 0 < given[name] < np.inf:
            raise UsageError(f"--param {name}={given[name]:g}: it is above 0", "leave it out to have it found")
    level = mean(measured.value)
    found = points(measured, level or 0.0)
    among = found.first.copy()
    notes = list(measured.notes)
    if (count := given.get("baseline")) is not None:
        if count < 1:
            raise UsageError(f"--param baseline={count}: it is a number of points", "the first 25: --param baseline=25")
        among &= np.arange(len(found)) < count
    if not among.any() and len(found):
        notes.append("no point lies in the baseline")
    known = grand_mean(found, among) if center is None else float(str(center))
    return Charted(measured, found, among, known, level, tuple(notes))


def each_period(chart: Charted, draw: Callable[[Charted], pa.Table]) -> pa.Table:
    """A chart of every period, or of the whole window where it is not cut; what they are held against is the same."""
    measured, found = chart.measured, chart.points
    if measured.cut is None:
        return draw(chart)
    if found.time is None or not len(found):
        return united([0], [draw(chart).slice(0, 0)])
    periods, of_points = of_values(measured), measured.cut.places(found.time)
    numbers = np.unique(of_points).tolist()
    tables = []
    for period in numbers:
        mine, values = of_points == period, part(measured, period, periods == period)
        tables.append(
            draw(
                replace(
                    chart,
                    measured=values,
                    points=part_of_points(found, mine),
                    among=chart.among[mine],
                    level=mean(values.value),
                )
            )
        )
    return united(numbers, tables)


def distances(values: Floats, center: float | None, error: Floats | float | None) -> Floats:
    """From the center in standard errors; NaN where there is none, infinite where nothing may vary."""
    if center is None or error is None:
        return np.full(values.size, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = (values - center) / error
    return found


def limits(center: float | None, error: Floats | float | None, nsigmas: float, size: int) -> tuple[Floats, Floats]:
    """Lower and upper limit of every point; NaN without a center."""
    if center is None or error is None:
        return np.full(size, np.nan), np.full(size, np.nan)
    width = nsigmas * (error + np.zeros(size))
    return center - width, center + width


class Spread(NamedTuple):
    """A range or standard deviation of each point, its center and limits."""

    value: Floats
    center: Floats
    low: Floats
    high: Floats


def shewhart(chart: Charted, sigma: float | None, nsigmas: float, names: Sequence[str]) -> dict[str, Any]:
    """Center, limits and violations of a chart of means or single values."""
    value, size = chart.points.mean, len(chart.points)
    error = None if sigma is None else sigma / np.sqrt(chart.points.size)
    low, high = limits(chart.center, error, nsigmas, size)
    z = distances(value, chart.center, error)
    return {
        "center": np.full(size, np.nan if chart.center is None else chart.center),
        "lcl": low,
        "ucl": high,
        "violations": words(violated(z, names, (value > high) | (value < low)), size),
    }


def of_spread(spread: Spread, names: Sequence[str]) -> dict[str, Any]:
    """The chart below; it knows the rule of the limits alone: the others ask for symmetric values."""
    outside = (spread.value > spread.high) | (spread.value < spread.low)
    return {
        "spread": spread.value,
        "spread_center": spread.center,
        "spread_lcl": spread.low,
        "spread_ucl": spread.high,
        "spread_violations": words({name: outside for name in names if name in FIRST}, spread.value.size),
    }


def words(found: Mapping[str, Mask], size: int) -> pa.Array:
    """Names of the rules that each point violates, null for none."""
    names = list(found)
    code = np.zeros(size, np.int64)
    for place, name in enumerate(names):
        code |= found[name].astype(np.int64) << place
    kinds = np.flatnonzero(np.bincount(code, minlength=1))  # at most one per set of rules
    places = np.zeros(int(kinds[-1]) + 1 if kinds.size else 1, np.int64)
    places[kinds] = np.arange(kinds.size)
    texts = [" ".join(name for place, name in enumerate(names) if kind >> place & 1) or None for kind in kinds.tolist()]
    return pa.array(texts, pa.string()).take(pa.array(places[code]))


def rows(chart: Charted, columns: Mapping[str, Any], constants: Mapping[str, object], show: object) -> pa.Table:
    """The rows of a chart.

    Args:
        columns: per point, in addition to those that all charts have; NaN becomes null. Columns that end in
            `violations` decide what a signal is.
        constants: the same in every row.
        show: `points`, `signals` for violating points alone, `summary` for one row without a point.

    Raises:
        UsageError: another `show`.
    """
    if show not in SHOWN:
        raise UsageError(f"--param show={show}: there are {', '.join(SHOWN)}", "points is the default")
    here, size = chart.points, len(chart.points)
    found: dict[str, Any] = {
        "point": pa.array(np.arange(1, size + 1)),
        "time": times(here),
        "label": labels(here),
        "size": shortened(here.size),
        "phase": shortened(np.where(chart.among, 1, 2)),
        "value": pa.array(here.mean),
        **{name: _array(column) for name, column in columns.items()},
    }
    signal = np.zeros(size, np.bool_)
    for name in columns:
        if name.endswith("violations"):
            signal |= found[name].is_valid().to_numpy(zero_copy_only=False)
    table = pa.table(found)
    if show == "signals":
        table = table.filter(pa.array(signal))
    if show == "summary":
        table = pa.table({name: _common(table[name], name) for name in table.column_names})
    same = dict(constants) | {
        "signals": int(signal.sum()),
        "points": size,
        "n": int(chart.measured.value.size),
        "mean": chart.level,
        "sd_overall": sd(chart.measured.value),
        "coverage": chart.measured.coverage,
        "percent_good": chart.measured.percent_good,
        "note": "; ".join([*chart.notes, *_listed(constants.get("note"))]) or None,
    }
    return told(with_constants(table, same), same["note"], columns.get("cusum_pos", columns["ucl"]))


def told(table: pa.Table, note: object, judging: Floats) -> pa.Table:
    """Rows that say also where there are none why so.

    Args:
        judging: per point what decides about it; NaN: nothing does.
    """
    said = {NOTE: str(note)} if note else {}
    if np.isnan(judging).all():
        said[UNJUDGED] = "1"
    return table.replace_schema_metadata(said)


def times(points: Points) -> pa.Array:
    """When each point was, null where nothing says it."""
    if points.time is None:
        return pa.nulls(len(points), TIME)
    return pa.array(points.time // 1000).cast(pa.timestamp("us")).cast(TIME)


def labels(points: Points) -> pa.Array:
    """What the source calls each point."""
    return pa.nulls(len(points), pa.string()) if points.label is None else pa.array(points.label, pa.string())


def with_constants(table: pa.Table, same: Mapping[str, object]) -> pa.Table:
    """Columns that say the same in every row; what is no text is a number."""
    for name, value in same.items():
        kind = pa.string() if name in ("constants", "note") else pa.int64() if isinstance(value, int) else pa.float64()
        table = table.append_column(name, repeated(pa.scalar(value, kind), table.num_rows))
    return table


def _common(column: pa.ChunkedArray, name: str) -> pa.Array:
    """Of lines and limits what all points have in common; null for what is a point's own."""
    values = column.unique().drop_null()
    of_chart = name.removeprefix("spread_") in ("target", "center", "lcl", "ucl") and len(values) == 1
    return pa.array([values[0].as_py() if of_chart else None], column.type)


def _listed(note: object) -> Sequence[str]:
    return [str(note)] if note else []


def _array(column: Any) -> pa.Array:
    return column if isinstance(column, pa.Array | pa.ChunkedArray) else shortened(column)


def why_no_limits(sigma: float | None) -> str | None:
    """For the column note."""
    if sigma is None:
        return "too few values in the baseline to know how they vary: no limits"
    return "nothing varies in the baseline: sigma is 0" if sigma == 0 else None


def head_start(given: Mapping[str, Any]) -> float:
    """Raises UsageError where it is no share."""
    share: float = given["head_start"]
    if not 0 <= share < 1:
        raise UsageError(f"--param head_start={share:g}: it is a share from 0 to below 1", "0.5 is usual")
    return share
