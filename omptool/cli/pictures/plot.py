"""A grid of cells with a scale of values at its left: what control charts and histograms are drawn on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from omptool.cli.pictures.glyphs import Glyphs


def short(value: float) -> str:
    """A value in at most ten characters."""
    for digits in range(6, 0, -1):
        if len(text := f"{value:.{digits}g}") <= 10:
            return text
    return f"{value:.0e}"


def ends(first: str, last: str, columns: int) -> str:
    """What stands at the two ends of an axis."""
    return first + last.rjust(columns - len(first)) if len(first) + len(last) < columns else f"{first} … {last}"


class Grid:
    """Rows from the greatest value down to the least; a later mark covers an earlier one."""

    def __init__(self, low: float, high: float, columns: int, rows: int) -> None:
        if not high > low:
            pad = abs(low) * 0.01 or 1.0
            low, high = low - pad, high + pad
        self._low, self._high, self._rows = low, high, rows
        self._cells = [[" "] * columns for _ in range(rows)]
        self._labels: dict[int, str] = {}

    def row(self, value: float) -> int:
        """The row of a value, within the grid."""
        at = round((self._high - value) / (self._high - self._low) * (self._rows - 1))
        return min(max(at, 0), self._rows - 1)

    def mark(self, column: int, value: float, glyph: str) -> None:
        if math.isfinite(value):
            self._cells[self.row(value)][column] = glyph

    def mark_inside(self, column: int, value: float, glyph: str) -> None:
        """Like `mark`, but nothing where the value is beyond the grid."""
        if self._low <= value <= self._high:
            self.mark(column, value, glyph)

    def stretch(self, column: int, low: float, high: float, glyph: str) -> None:
        """All cells from one value to another."""
        for at in range(self.row(high), self.row(low) + 1):
            self._cells[at][column] = glyph

    def cross(self, column: int, value: float, line: str, over: str, crossing: str) -> None:
        """A line at a value; where values are drawn over it, a crossing."""
        if math.isfinite(value):
            cells = self._cells[self.row(value)]
            cells[column] = crossing if cells[column] == over else line if cells[column] == " " else cells[column]

    def label(self, value: float, text: str) -> str:
        """A word at the scale; one that is there already stays, and is returned."""
        return self._labels.setdefault(self.row(value), text)

    def lines(self, glyphs: Glyphs, width: int) -> Sequence[str]:
        """The picture, the scale `width` cells wide."""
        return [
            f"{self._labels.get(at, ''):>{width}} {glyphs.edge}{''.join(row)}".rstrip()
            for at, row in enumerate(self._cells)
        ]
