"""Where a window is cut for `--by hour`, `--by day` and `--by shift`. Pure.

Days are days of a time zone, so a day with a clock change has 23 or 25 hours; the cuts are handed to the engine as
moments, and nothing depends on the zone of its session.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from omptool.errors import UsageError
from omptool.model.shifts import Occurrence, Recurring, occurrences

PLACES = ("site", "area", "line", "machine")
PERIODS = ("hour", "day", "shift")
PRODUCT = "product"
_MOST = 20_000


class By(NamedTuple):
    """What a row is for: columns of the place, the period, and whether products are told apart."""

    places: tuple[str, ...]
    period: str | None = None
    product: bool = False


def parse_by(text: str) -> By:
    """Read `machine`, `line,day`, `product` …

    Raises:
        UsageError: an unknown word, or two periods.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    known = (*PLACES, *PERIODS, PRODUCT)
    for word in words:
        if word not in known:
            raise UsageError(f"cannot group by {word}", f"--by takes {', '.join(known)}, or two of them: line,day")
    periods = [word for word in words if word in PERIODS]
    if len(set(periods)) > 1:
        raise UsageError("--by takes one of hour, day and shift", "example: --by machine,day")
    places = tuple(place for place in PLACES if place in words)
    return By(places, periods[0] if periods else None, PRODUCT in words)


def cuts(start: datetime, end: datetime, period: str | None, zone: tzinfo) -> list[datetime]:
    """Starts of the periods that make up [start, end), the first one `start`.

    Raises:
        UsageError: more periods than anybody reads.
    """
    found = [start]
    if period is None:
        return found
    cut = _after(start, period, zone)
    while cut < end:
        found.append(cut)
        if len(found) > _MOST:
            raise UsageError(f"the window has more than {_MOST:,} {period}s", "narrow it with --start/--end")
        cut = _after(cut, period, zone)
    return found


class Cuts(NamedTuple):
    """Starts of periods; of shifts also their names, null between two shifts."""

    starts: list[datetime]
    names: list[str | None]

    def lasting(self, end: datetime, instant: timedelta) -> Cuts:
        """The same without a last period that is no longer than an instant: it belongs to the one before.

        A recording that ends on the hour would else end in an hour that holds its last value and lasts no time.
        """
        brief = len(self.starts) > 1 and end - self.starts[-1] <= instant
        return Cuts(self.starts[:-1], self.names[:-1]) if brief else self


def shift_cuts(start: datetime, end: datetime, shifts: tuple[Recurring, ...], zone: tzinfo) -> Cuts:
    """The shifts that make up [start, end), and what lies between them. Where two overlap, the later one counts.

    Raises:
        UsageError: the plant has no shifts.
    """
    if not shifts:
        raise UsageError(
            "--by shift needs the shifts of the plant",
            'plant.toml: [[shift]] name = "early" start = "06:00" end = "14:00"',
        )
    found = occurrences(shifts, start, end, zone)
    edges = sorted({start, *(edge for one in found for edge in (one.start, one.end) if start < edge < end)})
    names = [next((one.name for one in reversed(found) if one.start <= edge < one.end), None) for edge in edges]
    kept = [place for place in range(len(edges)) if place == 0 or _other(found, edges, names, place)]
    return Cuts([edges[place] for place in kept], [names[place] for place in kept])


def _other(found: list[Occurrence], edges: list[datetime], names: list[str | None], place: int) -> bool:
    """Whether a period begins at this edge: another name, or the same shift once more."""
    return names[place] != names[place - 1] or any(one.start == edges[place] for one in found)


def _after(moment: datetime, period: str, zone: tzinfo) -> datetime:
    """The first start of a period behind a moment."""
    local = moment.astimezone(zone)
    if period == "day":
        return datetime.combine(local.date() + timedelta(days=1), time(), zone).astimezone(UTC)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return moment - past + timedelta(hours=1)
