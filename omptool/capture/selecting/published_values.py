"""Values as OPC Publisher's files write them: numbers that may be texts, and .NET's time spans. Pure."""

from __future__ import annotations

import math
import re
from typing import Any

from omptool.errors import UsageError
from omptool.model.monitoring import MOST_MS

_SPAN = re.compile(r"(?:(\d{1,8})\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?", re.ASCII)
_DAYS = re.compile(r"\d{1,8}", re.ASCII)
_ISO = re.compile(
    r"P(?:(\d{1,8})D)?(?:T(?:(\d{1,8})H)?(?:(\d{1,8})M)?(?:(\d{1,8}(?:\.\d{1,9})?)S)?)?", re.ASCII | re.IGNORECASE
)


class Unreadable(ValueError):
    """A value that is not of its kind; in words for a person."""


def timespan_ms(text: str) -> float:
    """Milliseconds of `hh:mm`, `hh:mm:ss`, `d.hh:mm:ss.fffffff`, a bare number of days, or ISO 8601 (`PT1.5S`).

    Raises:
        Unreadable: none of these.
    """
    plain = text.strip()
    if match := _SPAN.fullmatch(plain):
        days, hours, minutes, seconds, rest = match.groups()
        if int(hours) < 24 and int(minutes) < 60 and int(seconds or 0) < 60:
            whole = ((int(days or 0) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds or 0)
            return whole * 1000.0 + float(f"0.{rest or 0}") * 1000
    if _DAYS.fullmatch(plain):
        return int(plain) * 86_400_000.0
    if (match := _ISO.fullmatch(plain)) and any(match.groups()):
        days, hours, minutes, seconds = match.groups()
        minutes_in_all = (int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes or 0)
        return minutes_in_all * 60_000.0 + float(seconds or 0) * 1000
    raise Unreadable(f"{text[:100]!r} is no time span")


def interval_ms(plain: Any, timespan: Any, unit_ms: float = 1.0) -> float | None:
    """An interval given as a number, a time span or both, where the time span wins; None where neither is given.

    Args:
        unit_ms: what 1 of the number stands for.

    Raises:
        Unreadable: not a number or time span, negative, or longer than a day.
    """
    if timespan is not None:
        if not isinstance(timespan, str):
            raise Unreadable(f"{str(timespan)[:100]!r} is no time span")
        milliseconds = timespan_ms(timespan)
    elif plain is not None:
        milliseconds = _number(plain) * unit_ms
    else:
        return None
    if not 0 <= milliseconds <= MOST_MS:
        raise Unreadable(f"{str(timespan or plain)[:100]!r} is not between 0 and a day")
    return milliseconds


def number(value: Any, where: str) -> float:
    """A number, or a text that is one.

    Raises:
        UsageError: neither.
    """
    try:
        return _number(value)
    except Unreadable as error:
        raise UsageError(f"{where}: {error}", "write a number") from None


def boolean(value: Any, where: str) -> bool:
    """A truth value, or its text; nothing is False.

    Raises:
        UsageError: neither.
    """
    known = {"true": True, "false": False}
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    raise UsageError(f"{where}: {str(value)[:100]!r} is neither true nor false", "write true or false")


def text_of(value: Any, where: str) -> str:
    """A text.

    Raises:
        UsageError: something else.
    """
    if not isinstance(value, str):
        raise UsageError(f"{where}: {str(value)[:100]!r} is no text", "write it in quotes")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Unreadable(f"{str(value)[:100]!r} is no number")
    try:
        found = float(value)
    except (ValueError, OverflowError):
        raise Unreadable(f"{str(value)[:100]!r} is no number") from None
    if not math.isfinite(found):
        raise Unreadable(f"{str(value)[:100]!r} is no number")
    return found
