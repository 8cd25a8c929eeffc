"""Amounts in two parts, one behind the other: energy while producing, and while not."""

from __future__ import annotations

from collections.abc import Sequence

from omptool.cli import terminal
from omptool.cli.pictures.bars import aligned
from omptool.cli.pictures.glyphs import Glyphs


def stack(
    rows: Sequence[tuple[str, float, float]], words: tuple[str, str], unit: str, *, cells: int, glyphs: Glyphs
) -> list[str]:
    """A line per name with its whole amount and its two parts, to one scale.

    Args:
        rows: name, first and second part.
        words: what the parts are.
    """
    most = max((first + second for _, first, second in rows), default=0.0) or 1.0
    texts = [f"{first + second:,.1f} {unit}" for _, first, second in rows]
    names = [terminal.escape(name) for name, _, _ in rows]
    width = min(max(map(terminal.width, names), default=0), cells // 3)
    room = max(10, min(60, cells - width - max(map(len, texts), default=0) - 4))
    lines = []
    for name, text, (_, first, second) in zip(names, texts, rows, strict=True):
        whole = round((first + second) / most * room)
        made = min(whole, round(first / most * room))
        drawn = glyphs.parts[0] * made + glyphs.parts[1] * (whole - made)
        amount = text.rjust(max(map(len, texts)))
        lines.append(f"{aligned(name, width)}  {amount}  {drawn}".rstrip())
    return [*lines, "", "   ".join(f"{glyph} {word}" for glyph, word in zip(glyphs.parts, words, strict=True))]
