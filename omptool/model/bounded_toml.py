"""TOML of unknown origin, read in time that grows with its length: lakes carry plant models, projects their settings.

Python's reader takes quadratic time for a key of very many parts and ends in a RecursionError for very deep values.
"""

from __future__ import annotations

from typing import Any

MAX_DOTS = 1000
"""Dots in one line; keys have a handful."""


def loads(text: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
        ValueError: no TOML, or none that anybody wrote by hand; says the line where it can.
    """
    import tomllib

    if text.count(".") > MAX_DOTS:
        for number, line in enumerate(text.splitlines(), 1):
            if line.count(".") > MAX_DOTS:
                raise ValueError(f"more than {MAX_DOTS} dots (at line {number})")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("arrays or tables nested too deeply") from None
