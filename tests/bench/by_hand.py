"""Analyses as one DuckDB statement each, as somebody writes it who knows this lake: what ours are held against.

A file of the folder by_hand is one. They give the same columns of the same rows, and know neither gaps nor values that
are not Good, nor plant models. Analyses whose next point needs the one before (EWMA, CUSUM), Theil-Sen and the
aggregates of OPC UA have no statement here: by hand they would be a program.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Hand(NamedTuple):
    """A statement, the columns that tell its rows apart, and those that are compared."""

    statement: str
    keys: tuple[str, ...]
    compared: tuple[str, ...]


def _read(path: Path) -> Hand:
    statement = path.read_text(encoding="utf-8")
    rows, compared = (line.partition(": ")[2].split() for line in statement.splitlines()[:2])
    return Hand(statement, tuple(rows), tuple(compared))


BY_HAND = {path.stem: _read(path) for path in sorted(Path(__file__).with_suffix("").glob("*.sql"))}
