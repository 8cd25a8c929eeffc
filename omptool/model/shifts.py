"""When a plant works: shifts and planned stops of plant.toml, in the plant's own time. Pure.

A shift may end after midnight; it belongs to the day on which it begins. Days are those of a time zone, so a night with
a clock change has an hour more or less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, NamedTuple

from omptool.errors import ConfigError
from omptool.model.scopes import ALL, KEYS, Scope, Scoped, entries, scope_of, told_of

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Recurring:
    """Something that happens at the same local times: a shift, a break.

    Attributes:
        days: on which it begins, Monday is 0.
        dates: on which it begins, in place of days; empty: on days.
        scope: machines that it is about.
    """

    name: str
    start: time
    end: time
    days: frozenset[int] = _EVERY_DAY
    dates: frozenset[date] = frozenset()
    scope: Scope = ALL

    def begins_on(self, day: date) -> bool:
        """Whether it begins on a day."""
        return day in self.dates if self.dates else day.weekday() in self.days


class Occurrence(NamedTuple):
    """One of them, [start, end) in UTC."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Calendar:
    """`[[shift]]`, `[[planned_stop]]` and `[ideal_cycle]`, or `[[ideal_cycle]]`, of plant.toml.

    Attributes:
        ideal_cycle: product → ideal seconds per part, of all machines or of some.
    """

    shifts: tuple[Recurring, ...] = ()
    planned_stops: tuple[Recurring, ...] = ()
    ideal_cycle: tuple[Scoped[float], ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any], origin: str) -> Calendar:
        """From the tables of plant.toml.

        Raises:
            ConfigError: an unknown key, a time or a day that is none, a cycle time that is not positive.
        """
        found = {key: _recurring(data.get(key, []), key, origin) for key in ("shift", "planned_stop")}
        return cls(found["shift"], found["planned_stop"], _cycles(data, origin))

    def planned_stops_of(self, place: Sequence[str | None]) -> tuple[Recurring, ...]:
        """The planned stops of a machine; `place` is its site, area, line and name."""
        return tuple(stop for stop in self.planned_stops if stop.scope.covers(place))

    def ideal_cycle_of(self, place: Sequence[str | None]) -> dict[str, float]:
        """Ideal seconds of a machine by product; `place` is its site, area, line and name."""
        return told_of(self.ideal_cycle, place)

    def prices(self, place: Sequence[str | None]) -> bool:
        """Whether a machine has ideal cycle times by product."""
        return bool(self.ideal_cycle_of(place))


def occurrences(given: tuple[Recurring, ...], start: datetime, end: datetime, zone: tzinfo) -> list[Occurrence]:
    """What touches [start, end), in order."""
    return sorted(_touching(given, start, end, zone), key=lambda one: (one.start, one.end, one.name))


def _touching(given: tuple[Recurring, ...], start: datetime, end: datetime, zone: tzinfo) -> Iterator[Occurrence]:
    day = start.astimezone(zone).date() - timedelta(days=1)
    last = end.astimezone(zone).date()
    while day <= last:
        for each in given:
            if each.begins_on(day):
                begin, until = _moment(day, each.start, zone), _moment(day, each.end, zone)
                if each.end <= each.start:
                    until = _moment(day + timedelta(days=1), each.end, zone)
                # what begins in the hour that clocks skip may be over before it begins
                if begin < end and until > max(start, begin):
                    yield Occurrence(each.name, begin, until)
        day += timedelta(days=1)


def _moment(day: date, at: time, zone: tzinfo) -> datetime:
    """When clocks show it: of an hour that they show twice the first, of one that they skip where they go on."""
    moment = datetime.combine(day, at, zone)
    ahead = moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) - moment.replace(tzinfo=None)
    if not ahead:
        return moment.astimezone(UTC)
    return _clock_change(moment.astimezone(UTC) - ahead, moment.astimezone(UTC), zone)


def _clock_change(before: datetime, behind: datetime, zone: tzinfo) -> datetime:
    """The moment between two at which the offset of the zone changes, to the second."""
    first = before.astimezone(zone).utcoffset()
    while behind - before > timedelta(seconds=1):
        middle = before + (behind - before) / 2
        if middle.astimezone(zone).utcoffset() == first:
            before = middle
        else:
            behind = middle
    return behind.replace(microsecond=0)


def _recurring(value: object, key: str, origin: str) -> tuple[Recurring, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ConfigError(f"{origin}: {key} is a list of tables", f"write [[{key}]] above each of them")
    known = {"name", "start", "end", "days", "dates", *(KEYS if key == "planned_stop" else ())}
    return tuple(_one(entry, known, f"{origin}: {key} {number}") for number, entry in enumerate(value, 1))


def _one(entry: Mapping[str, Any], known: set[str], where: str) -> Recurring:
    for key in entry:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}", f"known are {', '.join(sorted(known))}")
    if "days" in entry and "dates" in entry:
        raise ConfigError(f"{where}: days and dates are told in one entry", "write two: one with days, one with dates")
    name = entry.get("name", "")
    if not isinstance(name, str):
        raise ConfigError(f"{where}: name is no text", 'write name = "early"')
    start, end = _time(entry, "start", where), _time(entry, "end", where)
    return Recurring(name, start, end, _days(entry, where), _dates(entry, where), scope_of(entry, f"{where}: "))


def _time(entry: Mapping[str, Any], key: str, where: str) -> time:
    value = entry.get(key)
    try:  # a text, as in JSON that a cloud sends
        return time.fromisoformat(value if isinstance(value, str) else "").replace(tzinfo=None)
    except ValueError:
        raise ConfigError(f"{where}: {key} is no time of the day", f'write {key} = "06:00"') from None


def _days(entry: Mapping[str, Any], where: str) -> frozenset[int]:
    value = entry.get("days")
    if value is None:
        return _EVERY_DAY
    if not isinstance(value, list) or not value or not all(day in DAYS for day in value):
        raise ConfigError(f"{where}: days are some of {', '.join(DAYS)}", 'write days = ["Mon", "Tue"]')
    return frozenset(DAYS.index(day) for day in value)


def _dates(entry: Mapping[str, Any], where: str) -> frozenset[date]:
    value = entry.get("dates")
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{where}: dates is no list of dates", 'write dates = ["2026-12-25"]')
    return frozenset(_date(each, where) for each in value)


def _date(value: object, where: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):  # TOML has dates of its own
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ConfigError(f"{where}: dates has what is no date", 'write dates = ["2026-12-25"]') from None


def _cycles(data: Mapping[str, Any], origin: str) -> tuple[Scoped[float], ...]:
    found = []
    for scope, given, where in entries(data, "ideal_cycle", origin, '"product" = 12.5'):
        for product, seconds in given.items():
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 1e9:
                raise ConfigError(f"{where}{product} is no number of seconds", f'write "{product}" = 12.5')
        found.append(Scoped(scope, {product: float(seconds) for product, seconds in given.items()}))
    return tuple(found)
