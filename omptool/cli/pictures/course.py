"""Values over time with levels across, a line that slants, and moments that are marked: drift, tool wear."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from omptool.cli.pictures.glyphs import Glyphs
from omptool.cli.pictures.plot import Grid, ends, short

_ROWS = 12
_SCALE = 16

Slant = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Course:
    """What is plotted.

    Attributes:
        at: place of each value on the axis, rising; `labels` are its ends.
        levels: words for the scale and where they lie.
        slants: straight lines, each by its two ends: place and value, place and value.
        marks: places on the axis and what is written below them.
        cuts: places where a line goes from top to bottom.
    """

    title: str
    at: Sequence[float]
    values: Sequence[float]
    labels: tuple[str, str]
    levels: Sequence[tuple[str, float]] = ()
    slants: Sequence[Slant] = ()
    marks: Sequence[tuple[float, str]] = ()
    cuts: Sequence[float] = ()


def course(given: Course, *, cells: int, glyphs: Glyphs, rows: int = _ROWS) -> list[str]:
    """A heading, the plot, what is marked below it, and the ends of the axis."""
    if not given.values:
        return [given.title, "  no value to draw"]
    columns = max(10, cells - _SCALE - 2)
    known = [*given.values, *(level for _, level in given.levels)]
    grid = Grid(min(known), max(known), columns, rows)
    column = _Columns(given.at[0], given.at[-1], columns)
    for place in given.cuts:
        grid.stretch(column(place), min(known), max(known), glyphs.mark)
    for word, level in given.levels:
        for each in range(columns):
            grid.mark(each, level, glyphs.center)
        grid.label(level, f"{word} {short(level)}")
    _values(grid, column, given, glyphs)
    for slant in given.slants:
        _slanted(grid, column, slant, glyphs)
    for value in (max(known), min(known)):
        grid.label(value, short(value))
    indent = " " * (_SCALE + 2)
    below = [indent + line for line in _below([(column(place), word) for place, word in given.marks], columns)]
    return [given.title, *grid.lines(glyphs, _SCALE), *below, indent + ends(*given.labels, columns)]


class _Columns:
    """From a place on the axis to a column."""

    def __init__(self, first: float, last: float, columns: int) -> None:
        self.first, self.last, self.columns = first, last, columns

    def __call__(self, place: float) -> int:
        share = (place - self.first) / (self.last - self.first) if self.last > self.first else 0.0
        return min(max(int(share * self.columns), 0), self.columns - 1)

    def middles(self) -> Iterator[tuple[int, float]]:
        for column in range(self.columns):
            yield column, self.first + (column + 0.5) / self.columns * (self.last - self.first)


def _values(grid: Grid, column: _Columns, given: Course, glyphs: Glyphs) -> None:
    """In each column from the least value to the greatest."""
    found: dict[int, tuple[float, float]] = {}
    for place, value in zip(given.at, given.values, strict=True):
        low, high = found.get(column(place), (math.inf, -math.inf))
        found[column(place)] = min(low, value), max(high, value)
    for at, (low, high) in found.items():
        grid.stretch(at, low, high, glyphs.range)
        grid.mark(at, low, glyphs.point)
        grid.mark(at, high, glyphs.point)


def _slanted(grid: Grid, column: _Columns, slant: Slant, glyphs: Glyphs) -> None:
    since, low, till, high = slant
    glyph = glyphs.center if low == high else glyphs.rise if high > low else glyphs.fall
    for each, place in column.middles():
        if since <= place <= till and till > since:
            grid.mark_inside(each, low + (high - low) * (place - since) / (till - since), glyph)


def _below(marks: Sequence[tuple[int, str]], columns: int) -> list[str]:
    """Words at their columns, in as many lines as they need."""
    lines: list[str] = []
    for column, word in marks:
        at = min(column, columns - len(word))
        fits = next((number for number, line in enumerate(lines) if len(line) < at or not line), None)
        if fits is None:
            lines.append("")
            fits = len(lines) - 1
        lines[fits] = lines[fits].ljust(at) + word
    return lines
