"""One line per row of a result: its columns, and a bar."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from omptool.cli import terminal
from omptool.cli.pictures.glyphs import Glyphs, bar


def bars(
    names: Sequence[str],
    ratios: Collection[str],
    rows: Sequence[Sequence[object]],
    lengths: Sequence[float | None],
    *,
    chief: str,
    cells: int,
    glyphs: Glyphs,
) -> list[str]:
    """A heading, then one line per row: its columns, ratios in percent, and a bar whose full length is 100 %.

    Args:
        names: columns in order.
        ratios: those that are shares of 1; one above 1 gets an exclamation mark.
        lengths: of the bars; 1 is full, None has none.
        chief: the ratio of the bars: it stays where there is no room for the others.
        cells: room for a whole line; a bar takes at most 40 and at least 10.
    """
    heads = [[terminal.escape(name)] for name in names]
    texts = [
        [percent(cell) if name in ratios else plain(cell) for name, cell in zip(names, row, strict=True)]
        for row in rows
    ]
    wide = _widths(heads, texts)
    if cells - sum(wide) - 2 * len(wide) < _GOOD_BAR:
        heads = [_broken(head[0]) if name in ratios else head for name, head in zip(names, heads, strict=True)]
        wide = _widths(heads, texts)
    kept = _kept(names, [name for name in names if name in ratios and name != chief], wide, cells)
    if len(kept) < len(names):
        fewer = [[row[place] for place in kept] for row in rows]
        return bars([names[place] for place in kept], ratios, fewer, lengths, chief=chief, cells=cells, glyphs=glyphs)
    room = min(40, max(_LEAST_BAR, cells - sum(wide) - 2 * len(wide)))
    deep = max(map(len, heads))
    above = [[head[line] if line < len(head) else "" for head in heads] for line in range(deep)]
    lines = []
    for row, length in zip([*above, *texts], [*[None] * deep, *lengths], strict=True):
        placed = [aligned(text, width, name in ratios) for text, width, name in zip(row, wide, names, strict=True)]
        lines.append("  ".join([*placed, bar(length or 0.0, room, glyphs)]).rstrip())
    return lines


def _kept(names: Sequence[str], spare: Sequence[str], wide: Sequence[int], cells: int) -> list[int]:
    """The places of the columns that leave room for a bar; of what can be spared the first go first."""
    kept = list(range(len(names)))
    for name in spare:
        if cells - sum(wide[place] + 2 for place in kept) >= _LEAST_BAR:
            break
        kept.remove(list(names).index(name))
    return kept


_LEAST_BAR = 10
_GOOD_BAR = 25
"""Cells of a bar below which headings are broken to make room for it."""
_HEAD = 8


def _widths(heads: Sequence[Sequence[str]], texts: Sequence[Sequence[str]]) -> list[int]:
    return [
        max(map(terminal.width, [*head, *(row[place] for row in texts)])) for place, head in enumerate(heads)
    ]  # fmt: skip


def _broken(name: str) -> list[str]:
    """A heading in lines of at most eight cells: broken behind underscores, else with a hyphen."""
    parts: list[str] = []
    for word in name.replace("_", "_ ").split():
        while len(word) > _HEAD:
            parts.append(f"{word[: _HEAD - 1]}-")
            word = word[_HEAD - 1 :]
        parts.append(word)
    return parts


def percent(value: object) -> str:
    """A share of 1, with a mark behind it when it is more than that."""
    if not isinstance(value, float):
        return ""
    return f"{100 * value:.1f} %" + ("!" if value > 1 else " ")


def plain(value: object) -> str:
    """Any other value on one line."""
    return "" if value is None else terminal.escape(str(value))


def aligned(text: str, width: int, right: bool = False) -> str:
    """`text` in so many cells; cut where it is longer."""
    text = terminal.clip(text, width)
    fill = " " * (width - terminal.width(text))
    return fill + text if right else text + fill
