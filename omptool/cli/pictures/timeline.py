"""What each machine did, one line per machine on a common line of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from omptool.cli import terminal
from omptool.cli.pictures.bars import aligned
from omptool.cli.pictures.glyphs import Glyphs

_WORDS = {
    "APT": "production", "AUST": "setup", "ADOT": "waiting, stopped", "ADET": "fault", "NOT_PLANNED": "not planned",
    "UNASSIGNED": "unknown",
}  # fmt: skip
_SHOWN = 40
"""Machines of a picture."""


class Piece(NamedTuple):
    """A run of a state."""

    name: str
    element: str
    since: datetime
    till: datetime


def timeline(pieces: Sequence[Piece], zone: tzinfo, zone_name: str, *, cells: int, glyphs: Glyphs) -> list[str]:
    """One line per name; each cell has the element that took most of its time, and a fault wins a tie."""
    if not pieces:
        return []
    start, end = min(piece.since for piece in pieces), max(piece.till for piece in pieces)
    names = sorted({piece.name for piece in pieces})
    width = min(max(terminal.width(terminal.escape(name)) for name in names), cells // 3)
    room = max(10, cells - width - 2)
    lines = []
    for name in names[:_SHOWN]:
        spent = _spent([piece for piece in pieces if piece.name == name], start, end, room)
        drawn = "".join(glyphs.states[max(cell, key=cell.__getitem__)] if cell else " " for cell in spent)
        lines.append(f"{aligned(terminal.escape(name), width)}  {drawn}".rstrip())
    if len(names) > _SHOWN:
        lines.append(f"… and {len(names) - _SHOWN:,} more")
    return [*lines, " " * (width + 2) + _axis(start, end, zone, zone_name, room), "", *_legend(pieces, cells, glyphs)]


def _spent(pieces: Sequence[Piece], start: datetime, end: datetime, room: int) -> list[dict[str, float]]:
    """Seconds of each element in each cell."""
    cell = (end - start).total_seconds() / room
    found: list[dict[str, float]] = [{} for _ in range(room)]
    for piece in pieces:
        since, till = ((moment - start).total_seconds() for moment in (piece.since, piece.till))
        for at in range(max(0, int(since / cell)), min(room, int(till / cell) + 1)):
            inside = min(till, (at + 1) * cell) - max(since, at * cell)
            if inside > 0:
                found[at][piece.element] = found[at].get(piece.element, 0.0) + inside
    return found


def _axis(start: datetime, end: datetime, zone: tzinfo, zone_name: str, room: int) -> str:
    form = "%H:%M" if start.astimezone(zone).date() == end.astimezone(zone).date() else "%m-%d %H:%M"
    left, right = start.astimezone(zone).strftime(form), f"{end.astimezone(zone).strftime(form)} {zone_name}"
    middle = (start + (end - start) / 2).astimezone(zone).strftime(form)
    at = (room - len(middle)) // 2
    line = left.ljust(at) + middle if at > len(left) else left
    return line + right.rjust(room - len(line)) if len(line) + len(right) < room else f"{left} … {right}"


def _legend(pieces: Sequence[Piece], cells: int, glyphs: Glyphs) -> list[str]:
    there = {piece.element for piece in pieces}
    lines = [""]
    for element in (element for element in _WORDS if element in there):
        word = f"{glyphs.states[element]} {_WORDS[element]}   "
        if len(lines[-1]) + len(word) > cells:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]
