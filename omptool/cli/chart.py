"""Bars in a terminal, as text: one line per row, exact to an eighth of a cell."""

from __future__ import annotations

from collections.abc import Sequence

from omptool.cli import terminal

_EIGHTHS = " ▏▎▍▌▋▊▉"


def bars(rows: Sequence[tuple[str, float, str]], *, cells: int, largest: float | None = None) -> list[str]:
    """One line per (label, value, text): label, text, bar.

    Args:
        cells: room for a whole line.
        largest: value of a full bar; None takes the largest of the rows. Values below 0 have no bar.
    """
    if not rows:
        return []
    full = largest if largest is not None else max(value for _, value, _ in rows)
    labels = [terminal.escape(label) for label, _, _ in rows]
    texts = [terminal.escape(text) for _, _, text in rows]
    label_cells, text_cells = max(map(terminal.width, labels)), max(map(terminal.width, texts))
    room = max(8, cells - label_cells - text_cells - 4)
    lines = []
    for label, text, (_, value, _) in zip(labels, texts, rows, strict=True):
        padded = label + " " * (label_cells - terminal.width(label))
        lines.append(f"{padded}  {text.rjust(text_cells)}  {_bar(value / full if full > 0 else 0.0, room)}".rstrip())
    return lines


def _bar(share: float, cells: int) -> str:
    eighths = round(min(max(share, 0.0), 1.0) * cells * 8)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
