"""JSON that somebody else wrote: read so that whatever comes out can be written, stored and shown again.

`json` alone lets through what breaks later: nesting that exhausts the stack when it is written again, NaN and
infinities that are no JSON, halves of surrogate pairs that no UTF-8 holds. Files of strangers are read here.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

MAX_DEPTH = 100
"""Levels of arrays and objects inside each other."""

_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def loads(text: bytes | str) -> Any:
    """The value of a JSON text in UTF-8; NaN and infinities are their names, halves of surrogate pairs question marks.

    Raises:
        ValueError: no JSON, nested deeper than `MAX_DEPTH`, or an integer of more digits than Python reads (4300).
    """
    if isinstance(text, bytes):
        text = text.decode()
    try:
        data = json.loads(text, parse_constant=str, parse_float=_number)
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH}") from None
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(data)
    return _whole(data) if _HALF.search(text) else data


def _number(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def _check_depth(data: Any) -> None:
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, (dict, list))]
        if not containers:
            return
        level = [value for item in containers for value in (item.values() if isinstance(item, dict) else item)]
    raise ValueError(f"nested deeper than {MAX_DEPTH}")


def _whole(data: Any) -> Any:
    """A copy that UTF-8 can hold; as deep as `MAX_DEPTH` at most."""
    if isinstance(data, str):
        return data.encode("utf-8", "replace").decode()
    if isinstance(data, list):
        return [_whole(item) for item in data]
    if isinstance(data, dict):
        return {_whole(key): _whole(value) for key, value in data.items()}
    return data
