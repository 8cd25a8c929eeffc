"""Numbers and times as people read them: rounded, with units, in the zone of the plant. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo

from omptool.model.times import unix_us


def percent(value: float | None, digits: int = 1) -> str:
    """A share of 1; cut below 100 %, so that what is not whole does not look so."""
    if value is None or not math.isfinite(value):
        return "–"
    shown = f"{100 * value:.{digits}f}"
    if value < 1 and float(shown) >= 100:
        shown = f"{math.floor(100 * 10**digits * value) / 10**digits:.{digits}f}"
    return f"{shown} %"


def number(value: float | None, unit: str = "", digits: int = 4) -> str:
    """Some significant digits, groups of three, never an exponent where a person would not write one."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1e15 or (size and size < 1e-6):
        text = f"{value:.{digits - 1}e}"
    elif size >= 1000 or value == int(value):
        text = f"{value:,.0f}"
    else:
        text = f"{value:.{max(0, digits - 1 - math.floor(math.log10(size)))}f}"
    return f"{text} {unit}".rstrip()


def duration(seconds: float | None) -> str:
    """`1 d 03:20 h`, `3:20 h`, `12:05 min`, `8.4 s`."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    minutes = round(seconds / 60)
    days, hours = divmod(minutes // 60, 24)
    clock = f"{hours:02}:{minutes % 60:02} h" if days else f"{hours}:{minutes % 60:02} h"
    return f"{days} d {clock}" if days else clock


def count(number: int, noun: str, nouns: str = "") -> str:
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


class Clock:
    """Moments in the plant's zone.

    A chart's axis is one straight line, so it keeps the offset that the zone has at the start of the window; tables
    have the time of the day as it was.
    """

    def __init__(self, zone: tzinfo, name: str, start: datetime, end: datetime) -> None:
        self.zone, self.name = zone, name
        self._offset = start.astimezone(zone).utcoffset() or timedelta()
        self.changes = (end.astimezone(zone).utcoffset() or timedelta()) != self._offset

    def axis(self, moment: datetime) -> int:
        """Milliseconds that a chart with a UTC axis shows as the plant's time."""
        return (unix_us(moment) + self._offset // timedelta(microseconds=1)) // 1000

    def text(self, moment: datetime | None, *, seconds: bool = True) -> str:
        if moment is None:
            return "–"
        local = moment.astimezone(UTC).astimezone(self.zone)
        return f"{local:%Y-%m-%d %H:%M:%S}" if seconds else f"{local:%Y-%m-%d %H:%M}"
