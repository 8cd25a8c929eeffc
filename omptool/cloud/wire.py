"""Bound parameters on the wire: `{"type": …, "value": …}`, so that JSON loses none of them.

JSON has neither times nor intervals, and its readers neither NaN nor integers beyond 53 bits. Pure; the other end is
`server/parameters.py`, and a test holds one to the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from omptool.errors import UsageError

MAX_STATEMENT: Final = 1 << 20
"""Characters of a statement."""

_Kind = Literal["null", "bool", "int", "float", "text", "timestamp", "interval"]
_MICROSECOND = timedelta(microseconds=1)
_KINDS: tuple[tuple[type, _Kind], ...] = (
    (type(None), "null"), (bool, "bool"), (int, "int"), (float, "float"), (str, "text"), (datetime, "timestamp"),
    (timedelta, "interval"),
)  # fmt: skip
"""In this order: to Python a bool is an int."""


def encode(value: object) -> dict[str, Any]:
    """A bound value as its wire form.

    Raises:
        UsageError: a list of values of several types, or a value of a type that no parameter has.
    """
    if isinstance(value, list):
        kind = _kind_of_items(value)
        return {
            "type": "list",
            "items": kind,
            "value": [None if item is None else _plain(kind, item) for item in value],
        }
    kind = _kind(value)
    return {"type": kind, "value": _plain(kind, value)}


def _kind(value: object) -> _Kind:
    for python, kind in _KINDS:
        if isinstance(value, python):
            return kind
    raise UsageError(f"a parameter cannot be a {type(value).__name__}")


def _kind_of_items(items: Sequence[object]) -> _Kind:
    kinds = {_kind(item) for item in items} - {"null"}
    if kinds == {"int", "float"}:
        return "float"
    if len(kinds) > 1:
        raise UsageError(
            f"a list holds values of one type, not {' and '.join(sorted(kinds))}", "write them all as text"
        )
    return kinds.pop() if kinds else "null"


def _plain(kind: _Kind, value: Any) -> object:
    if kind == "int":
        return value if abs(value) < 2**53 else str(value)
    if kind == "float":
        return _float(float(value))
    if kind == "timestamp":
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if kind == "interval":
        return value // _MICROSECOND
    return value


def _float(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value
