"""A chart in a terminal, as text: one line per row, with a bar."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from omptool.cli import terminal

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
