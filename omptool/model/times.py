"""Times as OPC UA counts them, as files keep them, and as people write them.

OPC UA: 100 ns ticks since 1601 (Part 6, 5.2.2.5). Files: microseconds since 1970 plus 0…900 ns. People: RFC 3339, or
the short forms of C6. Nothing here reads a clock: "now" is always a parameter.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from omptool.errors import UsageError

EPOCH_TICKS = 116_444_736_000_000_000
"""1970-01-01 in ticks of 100 ns since 1601-01-01."""

MIN_NS, MAX_NS = -(2**63) + 1, 2**63 - 1
"""What a signed 64-bit count of nanoseconds can hold: 1677 to 2262."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def ticks_to_unix_ns(ticks: int) -> int:
    """Nanoseconds since 1970, exact; may exceed 64 bits (check `MIN_NS`, `MAX_NS`)."""
    return (ticks - EPOCH_TICKS) * 100


def unix_ns_to_ticks(ns: int) -> int:
    """Ticks of 100 ns since 1601; what lies below a tick is cut off."""
    return ns // 100 + EPOCH_TICKS


def datetime_of(unix_us: int) -> datetime:
    """An aware UTC datetime; years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=unix_us)


def unix_us(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def format_time(us: int, rest_ns: int = 0) -> str:
    """RFC 3339 in UTC with `Z`; decimals only when needed, up to seven (a tick) or nine."""
    moment = datetime_of(us)
    fraction = f"{moment.microsecond:06d}{rest_ns:03d}".rstrip("0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + (f".{fraction}" if fraction else "") + "Z"


def parse_duration(text: str) -> timedelta:
    """`90s`, `10m`, `8h`, `2d`, `500ms`, `1h30m`.

    Raises:
        UsageError: anything else, zero included.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise UsageError(f"{text!r} is not a duration", "write 90s, 10m, 8h, 2d or 500ms")
    try:
        duration = timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    except OverflowError:
        raise UsageError(f"{text!r} is longer than any clock", "write 90s, 10m, 8h or 2d") from None
    if not duration:
        raise UsageError(f"{text!r} is no time at all", "write 90s, 10m, 8h or 2d")
    return duration


def parse_time(text: str, *, now: datetime, zone: tzinfo) -> datetime:
    """A moment as C6 writes it: RFC 3339, a date, `-2h`, `now`, `today`, `yesterday`.

    Args:
        text: what the user typed; without offset it is read in `zone`.
        now: aware; what relative forms count from.
        zone: the site's or system's time zone.

    Returns:
        An aware datetime in UTC.

    Raises:
        UsageError: the text is none of these.
    """
    if text == "now":
        return now.astimezone(UTC)
    if text.startswith("-"):
        return (now - parse_duration(text[1:])).astimezone(UTC)
    if text in ("today", "yesterday"):
        day = now.astimezone(zone).date() - timedelta(days=text == "yesterday")
        return _midnight(day, zone)
    try:
        if _DATE.fullmatch(text):
            return _midnight(date.fromisoformat(text), zone)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a time", "write 2026-11-22T10:18:00Z, 2026-11-22, -2h, now, today or yesterday"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
