"""`--param NAME[:TYPE]=VALUE` → a bound value (C6). Pure; values are never pasted into SQL.

Types: int, float, bool, text, timestamp, interval, list. Without a type: true/false, an integer, a decimal number, an
RFC 3339 time, else text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from omptool.errors import OmptoolError, UsageError
from omptool.model.times import parse_duration, parse_time

Value = bool | int | float | str | datetime | timedelta | None
Parameter = Value | list[Value]

_SPELLING = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::([A-Za-z]+))?=(.*)", re.DOTALL)
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][+-]?[0-9]+)?")
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})")
_EXAMPLE = "example: --param limit=80 --param machine=Press7 --param since:timestamp=2026-11-22"
_INT64 = range(-(2**63), 2**63)


def parse(texts: Sequence[str], *, now: datetime, zone: tzinfo = UTC) -> dict[str, Parameter]:
    """Parameter names and values.

    Args:
        now: for relative times such as `-2h`.
        zone: of times without an offset.

    Raises:
        UsageError: a wrong spelling, an unknown type, a value that is none of its type, a name given twice.
    """
    found: dict[str, Parameter] = {}
    for text in texts:
        match = _SPELLING.fullmatch(text)
        if match is None:
            raise UsageError(f"cannot read --param {text}: it is NAME=VALUE or NAME:TYPE=VALUE", _EXAMPLE)
        name, kind, value = match[1], match[2], match[3]
        if name in found:
            raise UsageError(f"--param {name} is given twice", "leave one of them out")
        found[name] = guess(value, now=now, zone=zone) if kind is None else typed(name, kind, value, now=now, zone=zone)
    return found


def guess(text: str, *, now: datetime, zone: tzinfo) -> Value:
    """The value of a parameter without a type."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text) and int(text) in _INT64:
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _RFC3339.fullmatch(text):
        try:
            return parse_time(text, now=now, zone=zone)
        except OmptoolError:
            return text
    return text


def typed(name: str, kind: str, text: str, *, now: datetime, zone: tzinfo) -> Parameter:
    """The value of a parameter whose type is given."""
    readers: dict[str, Callable[[str], Parameter]] = {
        "int": _int,
        "float": float,
        "bool": _bool,
        "text": str,
        "timestamp": lambda value: parse_time(value, now=now, zone=zone),
        "interval": parse_duration,
        "list": lambda value: _list(value, now, zone),
    }
    reader = readers.get(kind.lower())
    if reader is None:
        raise UsageError(f"--param {name}: unknown type {kind}", f"types are {', '.join(readers)}")
    try:
        return reader(text)
    except (ValueError, OmptoolError) as error:
        raise UsageError(
            f"--param {name}: {text!r} is no {kind.lower()}", getattr(error, "hint", "") or _hints(kind)
        ) from None


def _hints(kind: str) -> str:
    return {
        "bool": "write true or false",
        "list": "write a,b,c or a JSON array",
        "int": "write digits; beyond 64 bits use text and cast in SQL",
    }.get(kind.lower(), "")


def _int(text: str) -> int:
    value = int(text)
    if value not in _INT64:
        raise ValueError(text)
    return value


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _list(text: str, now: datetime, zone: tzinfo) -> list[Value]:
    """A JSON array, or items between commas, each guessed like a parameter; a mixed list becomes text."""
    if text.lstrip().startswith("["):
        items = json.loads(text)
        if not isinstance(items, list) or not all(isinstance(item, bool | int | float | str | None) for item in items):
            raise ValueError(text)
        return items
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    values = [guess(part, now=now, zone=zone) for part in parts]
    kinds = {type(value) for value in values}
    if kinds <= {int, float} or len(kinds) <= 1:
        return values
    return list(parts)
