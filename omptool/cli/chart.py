"""A chart in a terminal, as text: how a whole divides, one line per row."""

from __future__ import annotations

from collections.abc import Collection, Sequence

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


EIGHTHS = " ▏▎▍▌▋▊▉"


def bars(
    names: Sequence[str],
    ratios: Collection[str],
    rows: Sequence[Sequence[object]],
    lengths: Sequence[float | None],
    *,
    cells: int,
) -> list[str]:
    """A heading, then one line per row: its columns, ratios in percent, and a bar whose full length is 100 %.

    Args:
        names: columns in order.
        ratios: those that are shares of 1; one above 1 gets an exclamation mark.
        lengths: of the bars; 1 is full, None has none.
        cells: room for a whole line; a bar takes at most 40 and at least 10.
    """
    texts = [[terminal.escape(name) for name in names]]
    texts += [
        [_percent(cell) if name in ratios else _plain(cell) for name, cell in zip(names, row, strict=True)]
        for row in rows
    ]
    widths = [max(terminal.width(row[place]) for row in texts) for place in range(len(names))]
    room = min(40, max(10, cells - sum(widths) - 2 * len(widths)))
    lines = []
    for row, length in zip(texts, [None, *lengths], strict=True):
        placed = [_placed(text, width, name in ratios) for text, width, name in zip(row, widths, names, strict=True)]
        lines.append("  ".join([*placed, _length(length, room)]).rstrip())
    return lines


def _percent(value: object) -> str:
    if not isinstance(value, float):
        return ""
    return f"{100 * value:.1f} %" + ("!" if value > 1 else " ")


def _plain(value: object) -> str:
    import datetime as dt

    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    return "" if value is None else terminal.escape(str(value))


def _placed(text: str, width: int, right: bool) -> str:
    fill = " " * (width - terminal.width(text))
    return fill + text if right else text + fill


def _length(value: float | None, cells: int) -> str:
    eighths = round(min(max(value or 0.0, 0.0), 1.0) * cells * 8)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
