"""A chart in a terminal, as text: how a whole divides, one line per row."""

from __future__ import annotations

from collections.abc import Sequence

from omptool.cli import terminal

SHADES = "█▓▒░"
"""Fill of the first, second, … part; distinguishable without colour."""


def shares(names: Sequence[str], rows: Sequence[tuple[str, Sequence[float]]], *, cells: int) -> list[str]:
    """A legend, then one line per (label, parts): a bar as long as the parts fill of 100.

    Args:
        names: what the parts are, at most four.
        rows: parts in percent; negative and missing ones are given as 0.
        cells: room for a whole line.
    """
    labels = [terminal.escape(label) for label, _ in rows]
    label_cells = max(map(terminal.width, labels), default=0)
    room = max(10, cells - label_cells - 2)
    legend = "   ".join(f"{SHADES[i]} {terminal.escape(name)}" for i, name in enumerate(names))
    lines = [" " * (label_cells + 2) + legend]
    for label, (_, parts) in zip(labels, rows, strict=True):
        lines.append(label + " " * (label_cells - terminal.width(label) + 2) + _bar(parts, room))
    return lines


def _bar(parts: Sequence[float], cells: int) -> str:
    """Edges are rounded, not widths: the rounding errors of the parts do not add up."""
    bar, done = "", 0.0
    for shade, part in zip(SHADES, parts, strict=False):
        done += part
        bar += shade * (round(min(done, 100.0) / 100 * cells) - len(bar))
    return bar
