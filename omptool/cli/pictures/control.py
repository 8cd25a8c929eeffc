"""A control chart: points, center, limits, and which points violate a rule."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from omptool.cli.pictures.glyphs import Glyphs
from omptool.cli.pictures.plot import Grid, ends, short

_ROWS = 13
_SCALE = 14
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Series:
    """What is plotted; one entry per point, NaN where there is none.

    Attributes:
        others: further lines of points in the same plot, as the lower sums of a CUSUM chart.
        signals: what is violated at each point, empty when nothing is.
        places: what each point is called in the list of violations.
    """

    title: str
    values: Sequence[float]
    center: Sequence[float]
    lcl: Sequence[float]
    ucl: Sequence[float]
    signals: Sequence[str]
    places: Sequence[str]
    others: Sequence[Sequence[float]] = ()


def control(series: Series, *, cells: int, glyphs: Glyphs, rows: int = _ROWS) -> list[str]:
    """A heading, the plot, its ends, and the first violations."""
    count = len(series.values)
    columns = min(max(10, cells - _SCALE - 2), count)
    known = [value for each in (series.values, series.lcl, series.ucl, series.center, *series.others)
             for value in each if math.isfinite(value)]  # fmt: skip
    if not known:
        return [series.title, "  no point to draw"]
    grid = Grid(min(known), max(known), columns, rows)
    edges = [round(column * count / columns) for column in range(columns + 1)]
    buckets = [range(first, max(last, first + 1)) for first, last in itertools.pairwise(edges)]
    for line, glyph in ((series.lcl, glyphs.limit), (series.ucl, glyphs.limit), (series.center, glyphs.center)):
        for column, bucket in enumerate(buckets):
            grid.mark(column, line[bucket[len(bucket) // 2]], glyph)
    for column, bucket in enumerate(buckets):
        for values in (series.values, *series.others):
            _points(grid, column, [values[at] for at in bucket], glyphs)
        for at in bucket:
            if series.signals[at]:
                grid.mark(column, series.values[at], glyphs.signal)
    for line, glyph in ((series.lcl, glyphs.limit), (series.ucl, glyphs.limit), (series.center, glyphs.center)):
        for column, bucket in enumerate(buckets):
            grid.cross(column, line[bucket[len(bucket) // 2]], glyph, glyphs.range, glyphs.cross)
    apart = _labelled(grid, series)
    per = f", one column for {math.ceil(count / columns):,}" if count > columns else ""
    found = [at for at, words in enumerate(series.signals) if words]
    said = f"{len(found):,} of {count:,} points violate a rule{per}"
    axis = ends(series.places[0], series.places[-1], columns)
    below = [" " * (_SCALE + 2) + axis, *apart, said]
    return [series.title, *grid.lines(glyphs, _SCALE), *below, *_listed(series, found, glyphs)]


def _labelled(grid: Grid, series: Series) -> list[str]:
    """Names the lines at the scale; those that share a row with another are told below it."""
    hidden: dict[str, list[str]] = {}
    for word, line in (("UCL", series.ucl), ("LCL", series.lcl), ("CL", series.center)):
        if finite := [value for value in line if math.isfinite(value)]:
            text = f"{word} {short(finite[-1])}"
            if (there := grid.label(finite[-1], text)) != text:
                hidden.setdefault(there, []).append(text)
    return [f"{' and '.join(texts)}: in the row of {there}" for there, texts in hidden.items()]


def _points(grid: Grid, column: int, values: list[float], glyphs: Glyphs) -> None:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return
    low, high = min(finite), max(finite)
    if grid.row(low) != grid.row(high):
        grid.stretch(column, low, high, glyphs.range)
    grid.mark(column, low, glyphs.point)
    grid.mark(column, high, glyphs.point)


def _listed(series: Series, found: Sequence[int], glyphs: Glyphs) -> list[str]:
    lines = [
        f"  {glyphs.signal} {series.places[at]}  {short(series.values[at])}  {series.signals[at]}"
        for at in found[:_LISTED]
    ]
    return [*lines, f"    and {len(found) - _LISTED:,} more"] if len(found) > _LISTED else lines
