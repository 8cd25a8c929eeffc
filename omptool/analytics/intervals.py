"""The windows of `aggregate`: intervals of a length, of days, weeks and months of a zone, or the periods of `--by`.

A day is one of the zone: its midnights lie 23 or 25 hours apart where clocks change, while 24h is always 24 hours.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.analytics.part13.series import MOST_WINDOWS, Windows, windows
from omptool.analytics.requested import Request, periods_of, span_window
from omptool.analytics.streams import interval_of
from omptool.errors import UsageError
from omptool.model.contracts import TIME
from omptool.model.shifts import Calendar
from omptool.model.times import unix_us
from omptool.sql.engine import Engine

_OF_CALENDAR = re.compile(r"([1-9][0-9]{0,5})(d|w|mo)")
_HINT = "write 5s, 10m or 1h; 1d, 1w or 1mo of the calendar; 0: one"
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Interval:
    """Of a length in nanoseconds, or of days or months of the calendar; all 0: the whole window."""

    length: int = 0
    days: int = 0
    months: int = 0

    @classmethod
    def of(cls, value: object) -> Interval:
        """From the parameter `interval`.

        Raises:
            UsageError: not a duration.
        """
        if not (found := _OF_CALENDAR.fullmatch(value) if isinstance(value, str) else None):
            return cls(interval_of(value, hint=_HINT))
        count = int(found[1])
        return cls(months=count) if found[2] == "mo" else cls(days=count * (7 if found[2] == "w" else 1))

    def begin(self, first: datetime, zone: tzinfo) -> datetime:
        """Where the interval of a moment begins when nobody says a start: counted from a midnight of the zone."""
        day = first.astimezone(zone).date()
        if self.months:
            day = day.replace(month=(day.month - 1) // self.months * self.months + 1, day=1)
        elif self.days and self.days % 7 == 0:
            day -= timedelta(days=day.weekday())
        elif not self.days and not self.length:
            return first
        midnight = datetime.combine(day, time(), zone).astimezone(UTC)
        if not self.length:
            return midnight
        microseconds = max(self.length // 1000, 1)
        return midnight + _INSTANT * ((unix_us(first) - unix_us(midnight)) // microseconds * microseconds)

    def windows(self, start: datetime, end: datetime, zone: tzinfo) -> Windows:
        """The windows from `start` to `end`, which may lie before it; days begin at the local time of `start`.

        Raises:
            UsageError: none, or more than anybody reads.
        """
        if start == end or not (self.days or self.months):
            return windows(unix_us(start) * 1000, unix_us(end) * 1000, self.length)
        backward = end < start
        edges = [start]
        for edge in self._after(start, zone, -1 if backward else 1):
            if not (end < edge if backward else edge < end):
                break
            edges.append(edge)
        whole = edge == end
        return _tiled(
            [*edges, end][:: -1 if backward else 1], backward, cut=(not whole and backward, not whole and not backward)
        )

    def _after(self, start: datetime, zone: tzinfo, sign: int) -> Iterator[datetime]:
        """Moments whose clocks show the time of `start`, days or months later and later."""
        local = start.astimezone(zone).replace(tzinfo=None)
        for step in range(1, MOST_WINDOWS):
            try:
                moment = _months(local, sign * step * self.months) + timedelta(days=sign * step * self.days)
                yield moment.replace(tzinfo=zone).astimezone(UTC)
            except (OverflowError, ValueError):  # behind the last day that a calendar knows
                break
        yield datetime.max.replace(tzinfo=UTC) if sign > 0 else datetime.min.replace(tzinfo=UTC)


def _months(local: datetime, months: int) -> datetime:
    """The same day so many months later, or the last one of its month."""
    if not months:
        return local
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    return local.replace(year=year, month=month + 1, day=min(local.day, calendar.monthrange(year, month + 1)[1]))


def _tiled(edges: Sequence[datetime], backward: bool, cut: tuple[bool, bool]) -> Windows:
    """Windows between moments, oldest first; a day that a zone has left out is none."""
    found = np.unique(np.array([unix_us(moment) * 1000 for moment in edges], np.int64))
    parts = np.zeros(found.size - 1, np.bool_)
    parts[0] |= cut[0]
    parts[-1] |= cut[1]
    return Windows(found[:-1], found[1:], parts, backward)


@dataclass(frozen=True, slots=True)
class Cutting:
    """Where the window is cut.

    Attributes:
        by: whether rows say their period.
        shifts: of windows, oldest first; empty where nobody asked for shifts.
    """

    windows: Windows
    by: bool = False
    shifts: Sequence[str | None] = field(default=())

    def columns(self, tags: int) -> dict[str, pa.Array]:
        """Period of each row, where there is a row per tag and window."""
        if not self.by:
            return {}
        order = slice(None, None, -1 if self.windows.backward else 1)
        found: dict[str, pa.Array] = {}
        if self.shifts:
            found["shift"] = pa.array([*self.shifts[order]] * tags, pa.string())
        for name, edges in (("start", self.windows.early), ("end", self.windows.late)):
            found[name] = pa.array(np.tile(edges[order] // 1000, tags)).cast(pa.timestamp("us")).cast(TIME)
        return found


def cutting(engine: Engine, request: Request, parameters: Mapping[str, Any], span: str) -> Cutting:
    """The windows that a request asks for.

    Args:
        span: the statement that finds first, live and last.

    Raises:
        NotFound: there is nothing.
        UsageError: no duration, an empty window, more windows than anybody reads, a period and an interval.
    """
    interval = Interval.of(parameters["interval"])
    if request.period is None:
        start, end = span_window(engine, request, span, lambda first: interval.begin(first, request.zone))
        return Cutting(interval.windows(start, end, request.zone))
    if interval != Interval():
        raise UsageError(
            f"--by {request.period} and --param interval={parameters['interval']} both cut the window",
            "use one of them",
        )
    start, end = span_window(engine, request, span)
    if start == end:
        return Cutting(interval.windows(start, end, request.zone))
    return _by_period(request, min(start, end), max(start, end), backward=end < start)


def _by_period(request: Request, early: datetime, late: datetime, *, backward: bool) -> Cutting:
    known = request.plant.calendar if request.plant else Calendar()
    found = periods_of(request, known, early, late)
    cut = [len(periods_of(request, known, edge - _INSTANT, edge + _INSTANT).starts) == 1 for edge in (early, late)]
    return Cutting(_tiled([*found.starts, late], backward, (cut[0], cut[1])), True, found.names)
