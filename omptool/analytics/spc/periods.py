"""Values of one Variable period by period: what an hour, a day or a shift has of its own, and what it does not.

What values are held against stays: center, limits and baseline come from the whole window, so that two days can be
compared. What adds up from point to point (runs, moving ranges, EWMA, CUSUM) begins anew with each period.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from omptool.analytics.spc.measured import Measured, Points
from omptool.analytics.spc.sums import Mask, Numbers

PERIOD = "p"
"""Column with the number of the period, from 0."""


def of_values(measured: Measured) -> Numbers:
    """The period of each value; a subgroup lies in that of its last value.

    The source must have times and be cut.
    """
    assert measured.cut is not None and measured.time is not None
    if measured.group is None:
        return measured.cut.places(measured.time)
    _, inverse = np.unique(measured.group, return_inverse=True)
    last = np.full(int(inverse.max(initial=-1)) + 1, np.iinfo(np.int64).min)
    np.maximum.at(last, inverse, measured.time)
    return measured.cut.places(last)[inverse]


def part(measured: Measured, period: int, mine: Mask) -> Measured:
    """The values of one period, with what was seen of it."""
    assert measured.cut is not None
    return replace(
        measured,
        value=measured.value[mine],
        time=None if measured.time is None else measured.time[mine],
        group=None if measured.group is None else measured.group[mine],
        labels=_picked(measured.labels, mine),
        first=None if measured.first is None else measured.first[mine],
        coverage=float(measured.cut.coverage[period]),
        percent_good=float(measured.cut.percent_good[period]),
    )


def part_of_points(points: Points, mine: Mask) -> Points:
    """Some of the points."""
    return Points(
        mean=points.mean[mine],
        size=points.size[mine],
        spread=points.spread[mine],
        sd=points.sd[mine],
        time=None if points.time is None else points.time[mine],
        label=_picked(points.label, mine),
        first=points.first[mine],
    )


def each(measured: Measured, draw: Callable[[Measured, int | None], pa.Table]) -> pa.Table:
    """What `draw` says of every period that has values; of all values where nothing is cut.

    Args:
        draw: gets values with their subgroups, and the number of the period.
    """
    if measured.cut is None:
        return draw(measured, None)
    periods = of_values(measured)
    numbers = np.unique(periods).tolist()
    if not numbers:
        return united([0], [draw(measured, None).slice(0, 0)])
    return united(numbers, [draw(part(measured, period, periods == period), period) for period in numbers])


def united(numbers: Sequence[int], tables: Sequence[pa.Table]) -> pa.Table:
    """Tables of periods, one below the other, with their numbers."""
    return pa.concat_tables(
        table.append_column(PERIOD, pa.array(np.full(table.num_rows, number, np.int64)))
        for number, table in zip(numbers, tables, strict=True)
    )


def _picked(texts: Sequence[str | None] | None, mine: Mask) -> Sequence[str | None] | None:
    return None if texts is None else [texts[place] for place in np.flatnonzero(mine).tolist()]
