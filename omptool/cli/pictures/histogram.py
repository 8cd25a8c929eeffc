"""How often which values came, with the limits that they should keep."""

from __future__ import annotations

import math
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
    low, high = finite[0], finite[-1]
    classes = 1 if low == high else min(20, max(5, math.ceil(math.log2(len(finite)) + 1)))
    step = (high - low) / classes or 1.0
    counts = [0] * classes
    for value in finite:
        counts[min(classes - 1, int((value - low) / step))] += 1
    width = max(len(short(low + at * step)) for at in range(classes + 1))
    room = max(10, min(60, cells - 2 * width - 4 - len(f"{max(counts):,}") - 2))
    lines: list[tuple[float, int, str]] = [
        (value, 1, f"{name} {short(value)} ".ljust(2 * width + 3 + room + 1, glyphs.limit))
        for name, value in limits.items()
    ]
    for at, count in enumerate(counts):
        since, till = low + at * step, low + (at + 1) * step
        drawn = bar(count / max(counts), room, glyphs)
        line = f"{short(since):>{width}} … {short(till):>{width}} {glyphs.edge}{drawn} {count:,}"
        lines.append(((since + till) / 2, 0, line))
    return [title, *(line for _, _, line in sorted(lines, key=lambda each: each[:2]))]
