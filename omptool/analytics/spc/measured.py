"""What a control chart is made of: the values of one Variable in order, and what belongs together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from omptool.analytics.spc.sums import Floats, Mask, Numbers, total
from omptool.errors import UsageError
from omptool.model.specs import NO_SPEC, Spec
from omptool.model.times import parse_duration

Times = npt.NDArray[np.int64]


class Cut(NamedTuple):
    """Where a window is cut into periods.

    Attributes:
        edges: unix nanoseconds, one more than periods.
        coverage, percent_good: of each period.
    """

    edges: Times
    coverage: Floats
    percent_good: Floats

    def places(self, time: Times) -> Numbers:
        """The period in which each moment lies, from 0."""
        found: Numbers = np.searchsorted(self.edges, time, side="right").astype(np.int64) - 1
        return found


HIGHEST = 1e100
"""Nothing measured is beyond: it is what a program says in place of a value, and its squares are no numbers."""


def countable(values: Floats) -> Mask:
    """Which values can be reckoned with."""
    found: Mask = np.abs(values) <= HIGHEST
    return found


@dataclass(frozen=True, slots=True)
class Measured:
    """Values of one Variable, or of a column: only usable ones, in order.

    Attributes:
        name: for people.
        value: finite and Good.
        time: unix nanoseconds; None where a table has none.
        group: number of the subgroup of each value, None when nothing says so; `labels` names them.
        labels: of subgroups, or of single values when there is no subgroup; None without.
        first: whether a value belongs to the baseline; None: all do.
        coverage: share of the window that was seen.
        percent_good: share of time (of rows, in a table) with usable values, %.
        spec: what the plant model says the values should be.
        notes: what was left out, and why.
        cut: the periods that rows are for, one each; None: all values together. With it there are times.
    """

    name: str
    value: Floats
    time: Times | None
    group: Numbers | None
    labels: Sequence[str | None] | None
    first: Mask | None
    coverage: float
    percent_good: float
    spec: Spec = NO_SPEC
    notes: tuple[str, ...] = ()
    cut: Cut | None = None


@dataclass(frozen=True, slots=True)
class Points:
    """Subgroups in order, or single values.

    Attributes:
        mean, size: of each point.
        spread: range of each, NaN of single values; `sd` likewise.
        time: of its last value, None without.
        label: what the source calls it, None without.
        first: whether all of its values are in the baseline.
    """

    mean: Floats
    size: Numbers
    spread: Floats
    sd: Floats
    time: Times | None
    label: Sequence[str | None] | None
    first: Mask

    def __len__(self) -> int:
        return int(self.mean.size)


def grouped(measured: Measured, given: Mapping[str, Any]) -> Measured:
    """Values with subgroups: those that the source says, else `every` stretch of time, else `size` values in a row.

    Values in a row that do not fill a subgroup are left out.

    Raises:
        UsageError: parameters that say nothing.
    """
    if measured.group is not None:
        return measured
    if every := given["every"]:
        if measured.time is None:
            raise UsageError(f"--param every: {measured.name} has no times", "--map time=COLUMN, or --param size=5")
        return replace(measured, group=measured.time // _nanoseconds(every), labels=None)
    size = given["size"]
    if size < 1:
        raise UsageError(f"--param size={size}: a subgroup has 1 value or more", "5 in a row: --param size=5")
    if size == 1:
        return measured
    kept = measured.value.size // size * size
    lost, where = measured.value.size - kept, "" if measured.cut is None else " of the window"
    left_over = (f"{lost} values at the end{where} fill no subgroup",)
    if lost == 1:
        left_over = (f"1 value at the end{where} fills no subgroup",)
    return replace(
        measured,
        value=measured.value[:kept],
        time=None if measured.time is None else measured.time[:kept],
        group=np.arange(kept) // size,
        labels=None,
        first=None if measured.first is None else measured.first[:kept],
        notes=measured.notes + (left_over if kept < measured.value.size else ()),
    )


def _nanoseconds(every: object) -> int:
    try:
        length = every if isinstance(every, timedelta) else parse_duration(str(every))
    except UsageError:
        length = timedelta()
    if length <= timedelta():
        raise UsageError(f"--param every={every} is no duration", "write 30s, 10m or 1h")
    return length // timedelta(microseconds=1) * 1000


def points(measured: Measured, center: float) -> Points:
    """Every subgroup as a point, in the order in which each began.

    Sums are of distances from `center`, of values in order of size: the order within a subgroup changes no digit.
    """
    value = measured.value
    first = np.ones(value.size, np.bool_) if measured.first is None else measured.first
    if measured.group is None:
        nothing = np.full(value.size, np.nan)
        one = np.ones(value.size, np.int64)
        return Points(value, one, nothing, nothing, measured.time, measured.labels, first)
    _, begins, inverse, size = np.unique(measured.group, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(begins.size, np.int64)
    shown = np.argsort(begins, kind="stable")
    rank[shown] = np.arange(begins.size)
    place, size = rank[inverse], size[shown].astype(np.int64)
    order = _by_size(value, place, size)
    edges = np.concatenate(([0], np.cumsum(size)))[:-1]
    away = value[order] - center
    level = np.add.reduceat(away, edges) / size if edges.size else np.zeros(0)
    rest = away - np.repeat(level, size)
    squares = np.add.reduceat(rest * rest, edges) if edges.size else np.zeros(0)
    several = size > 1
    sd = np.where(several, np.sqrt(squares / np.maximum(size - 1, 1)), np.nan)
    ordered = value[order]
    spread = np.where(several, ordered[edges + size - 1] - ordered[edges], np.nan) if edges.size else np.zeros(0)
    when = None if measured.time is None or not edges.size else np.maximum.reduceat(measured.time[order], edges)
    label = None if measured.labels is None else [measured.labels[begin] for begin in begins[shown].tolist()]
    kept = np.logical_and.reduceat(first[order], edges) if edges.size else np.zeros(0, np.bool_)
    return Points(center + level, size, spread, sd, when, label, kept)


def _by_size(value: Floats, place: Numbers, size: Numbers) -> Numbers:
    """Places of the finite values, group by group, in each the least first.

    Groups that lie one behind the other are sorted each for itself, as rows of a matrix.
    """
    if not size.size or size.size * int(size.max()) > 4 * value.size or (np.diff(place) < 0).any():
        return np.lexsort((value, place))
    begins = np.cumsum(size) - size
    matrix = np.full((size.size, int(size.max())), np.inf)
    matrix[place, np.arange(value.size) - begins[place]] = value
    inside = np.argsort(matrix, axis=1, kind="stable")
    found: Numbers = (inside + begins[:, None])[np.arange(matrix.shape[1]) < size[:, None]]
    return found


def grand_mean(found: Points, among: Mask) -> float | None:
    """Mean of all values of the points that count."""
    sizes = found.size[among]
    if not sizes.size:
        return None
    means = found.mean[among]
    if means.min() == means.max():  # no last digit of a division may look like a change
        return float(means[0])
    return total(means * sizes) / int(sizes.sum())
