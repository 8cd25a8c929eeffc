"""How often which values came, with the limits that they should keep."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from omptool.cli.pictures.glyphs import Glyphs, bar
from omptool.cli.pictures.plot import short


def histogram(
    title: str, values: Sequence[float], limits: Mapping[str, float], *, cells: int, glyphs: Glyphs
) -> list[str]:
    """A line per class of values, least first; a line across where a limit lies.

    Args:
        limits: LSL, target, USL as far as there are such.
    """
    finite = sorted(value for value in values if math.isfinite(value))
    if not finite:
        return [title, "  no value to draw"]
    edges = _edges(finite[0], finite[-1], len(finite), limits)
    counts = _counts(finite, edges, limits)
    width = max(len(short(edge)) for edge in edges)
    room = max(10, min(60, cells - 2 * width - 4 - len(f"{max(counts):,}") - 2))
    lines: list[tuple[float, int, str]] = [
        (value, 1, f"{name} {short(value)} ".ljust(2 * width + 3 + room + 1, glyphs.limit))
        for name, value in limits.items()
    ]
    for (since, till), count in zip(itertools.pairwise(edges), counts, strict=True):
        drawn = bar(count / max(counts), room, glyphs)
        line = f"{short(since):>{width}} … {short(till):>{width}} {glyphs.edge}{drawn} {count:,}"
        lines.append(((since + till) / 2, 0, line))
    return [title, *(line for _, _, line in sorted(lines, key=lambda each: each[:2]))]


_MOST = 40
"""Classes of a picture; limits that lie closer together than these are not their edges."""


def _edges(low: float, high: float, count: int, limits: Mapping[str, float]) -> list[float]:
    """Bounds of classes of one width. A specification limit is one of them: no class lies on both sides of it."""
    classes = 1 if low == high else min(20, max(5, math.ceil(math.log2(count) + 1)))
    step = (high - low) / classes or abs(low) * 0.01 or 1.0
    bounds = [limits[name] for name in ("LSL", "USL") if name in limits]
    anchor = bounds[0] if bounds else low
    if len(bounds) == 2 and bounds[1] > bounds[0]:
        between = (bounds[1] - bounds[0]) / max(1, round((bounds[1] - bounds[0]) / step))
        step = between if (high - low) / between <= _MOST else step
    if not low - _MOST * step < anchor < high + _MOST * step:
        anchor = low
    first, last = math.floor((low - anchor) / step), math.ceil((high - anchor) / step)
    edges = [anchor + at * step for at in range(first, max(last, first + 1) + 1)]
    return [next((bound for bound in bounds if math.isclose(bound, edge, abs_tol=step * 1e-6)), edge) for edge in edges]


def _counts(finite: Sequence[float], edges: Sequence[float], limits: Mapping[str, float]) -> list[int]:
    """How many values each class holds; one that lies on a limit keeps it."""
    upper = limits.get("USL")
    behind = [
        bisect_right(finite, edge) if edge == upper or at == len(edges) - 1 else bisect_left(finite, edge)
        for at, edge in enumerate(edges)
    ]
    behind[0], behind[-1] = 0, len(finite)
    return [till - since for since, till in itertools.pairwise(behind)]
