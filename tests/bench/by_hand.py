"""Analyses as somebody writes them by hand who knows this lake: what ours are held against.

Most are one DuckDB statement, a file of the folder by_hand, behind the CTEs of its folder shared that it names. They
give the same columns of the same rows, and know neither gaps nor values that are not Good, nor plant models. Where SQL
would be the slow way, it is the plainest program: see `programs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from omptool.sql.engine import LocalEngine
from tests.bench import programs

Moments = Mapping[str, datetime]
_FOLDER = Path(__file__).with_suffix("")
_EXACT = 1e-9


class Hand(NamedTuple):
    """An analysis by hand.

    Attributes:
        keys: columns that tell its rows apart.
        compared: columns that must be ours.
        about: how far numbers may be apart; a few ten-millionths of themselves always.
        part: ours has more rows, of what nobody writes by hand.
    """

    run: Callable[[LocalEngine, Moments], pa.Table]
    keys: tuple[str, ...]
    compared: tuple[str, ...]
    about: float = _EXACT
    part: bool = False


def asked(statement: str, engine: LocalEngine, moments: Moments) -> pa.Table:
    """The rows of a statement, given those moments that it names."""
    return engine.run(statement, {key: at for key, at in moments.items() if f"${key}" in statement}).read_all()


def _read(path: Path) -> Hand:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    said = dict(line[3:].split(": ", 1) for line in lines if line.startswith("-- ") and ": " in line)
    body = "\n".join(line for line in lines if not line.startswith("-- "))
    heads = [(_FOLDER / "shared" / f"{name}.sql").read_text(encoding="utf-8") for name in said.get("after", "").split()]
    last = ("\n" if body.startswith("SELECT") else ",\n") if heads else ""
    return Hand(
        partial(asked, "WITH " + ",\n".join(heads) + last + body), tuple(said["rows"].split()),
        tuple(said["compared"].split()), float(said.get("about", _EXACT)), said.get("part") == "yes",
    )  # fmt: skip


BY_HAND = {path.stem: _read(path) for path in sorted(_FOLDER.glob("*.sql"))} | {
    "ewma": Hand(
        programs.ewma, ("machine", "point"), ("value", "ewma", "center", "lcl", "ucl", "sigma", "violations"), 1e-6
    ),
    "tool_wear": Hand(
        programs.tool_wear,
        ("machine", "tool"),
        ("values", "hours", "first", "last", "wear_per_value", "wear_low", "wear_high"),
        1e-6,
    ),
}
