"""A value short enough for one line of a tree or a table; rows for programs never pass through here."""

from __future__ import annotations

import math

from omptool.cli import terminal

CELLS = 32
_LISTED = 5


def short_value(kind: str, value: object, exact: object, text: object, listed: object, unit: str | None = None) -> str:
    """One value from its telemetry columns, with its unit when it is a number. Not yet escaped.

    Args:
        kind: the column `type`.
        value, exact, text, listed: the columns `value`, `value_exact`, `value_text`, `value_list`.
    """
    if kind == "Boolean" and isinstance(value, float):
        return "true" if value else "false"
    if text is not None:
        return terminal.clip(str(text), CELLS)
    if isinstance(listed, list):
        some = ", ".join("null" if item is None else _number(item) for item in listed[:_LISTED])
        return terminal.clip(f"[{some}{', …' if len(listed) > _LISTED else ''}]", CELLS)
    number = str(exact) if exact is not None else _number(value) if isinstance(value, float) else ""
    return f"{number} {unit}" if number and unit else number


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
