"""Shares from the greatest to the least, with what they add up to: a bar each, and a mark where the sum stands."""

from __future__ import annotations

from collections.abc import Sequence

from omptool.cli import terminal
from omptool.cli.pictures.bars import aligned, percent
from omptool.cli.pictures.glyphs import Glyphs, bar

_MOST = 20
"""Lines of a picture; the rest is summed up in one."""


_SHARES = 20
"""Cells of the two shares with what stands between."""


def pareto(rows: Sequence[tuple[str, float, float]], *, cells: int, glyphs: Glyphs) -> list[str]:
    """Lines of a Pareto chart.

    Args:
        rows: name, share, cumulative share; the greatest share first.
    """
    shown = list(rows[:_MOST])
    if len(rows) > _MOST:
        rest = rows[_MOST:]
        shown.append((f"{len(rest):,} more", sum(share for _, share, _ in rest), rest[-1][2]))
    names = [terminal.escape(name) for name, _, _ in shown]
    longest = max(map(terminal.width, names), default=0)
    width = max(8, min(longest, cells - 10 - _SHARES))
    room = min(60, max(10, cells - width - _SHARES))
    lines = [f"{aligned('', width)}  {'share':>7}  {'sum':>7}"]
    for name, (_, share, so_far) in zip(names, shown, strict=True):
        drawn = bar(share, room, glyphs)
        at = min(room - 1, round(so_far * room) - 1)
        if at >= len(drawn):
            drawn = drawn.ljust(at) + glyphs.point
        lines.append(f"{aligned(name, width)}  {percent(share):>8} {percent(so_far):>8} {drawn}".rstrip())
    return lines
