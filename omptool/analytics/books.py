"""What plant.toml says of single machines, as SQL takes it: machines that are told the same share a book. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TypeVar

from omptool.analytics.binding import Bound
from omptool.analytics.wellknown import Book, codes
from omptool.model.plant import PlantModel
from omptool.model.shifts import Recurring, occurrences
from omptool.model.times import unix_us
from omptool.model.vocabulary import MachineState

_Place = tuple[str | None, ...]
T = TypeVar("T")

KINDS = len(Book)
"""A code book is one of the kinds of `Book`, for the machines that are told the same: kind + KINDS * which of these.
parts/timeline.sql takes the kind from it again."""


@dataclass(frozen=True, slots=True)
class Books:
    """The books of a plant.

    Attributes:
        states: place of a machine → which meanings of states are its own.
        prices: place of a machine → its ideal times by product; 0, or none: it has none, or a tag says them.
        calendars: place of a machine → which planned stops are its own.
        stops: the planned stops of each calendar.
        values: parameters of the CTEs `codes` of parts/timeline.sql and `product_ideals` of parts/parts.sql.
    """

    states: Mapping[_Place, int]
    prices: Mapping[_Place, int]
    calendars: Mapping[_Place, int]
    stops: Sequence[tuple[Recurring, ...]]
    values: Mapping[str, object]

    @classmethod
    def of(cls, plant: PlantModel | None, bound: Sequence[Bound]) -> Books:
        """The books that Variables need."""
        if plant is None:
            return cls({}, {}, {}, (), _codes([{}]) | _ideals([]))
        priced = _places(bound, "product") - _places(bound, "ideal")
        states, meanings = _distinct({at: plant.states_of(at) for at in _places(bound, "state", "mode", "reason")})
        prices, ideals = _distinct({at: plant.calendar.ideal_cycle_of(at) for at in priced})
        machines: dict[_Place, None] = dict.fromkeys(one.place for one in bound)
        stops = {at: plant.calendar.planned_stops_of(at) for at in machines}
        calendars = {each: number for number, each in enumerate(dict.fromkeys(stops.values()))}
        numbers = {at: number + 1 if ideals[number] else 0 for at, number in prices.items()}
        own = {at: calendars[each] for at, each in stops.items()}
        return cls(states, numbers, own, list(calendars), _codes(meanings) | _ideals(ideals))

    def of_node(self, one: Bound) -> int:
        """The book of a Variable."""
        if one.role == "product":
            return self.prices.get(one.place, 0)
        return int(one.voice.book) + KINDS * self.states.get(one.place, 0)


def planned(stops: Sequence[tuple[Recurring, ...]], start: datetime, end: datetime, zone: tzinfo) -> dict[str, object]:
    """Parameters of the CTE `planned_stops` of parts/window.sql, for a window.

    Args:
        stops: those of each calendar.
    """
    rows = [(number, one) for number, each in enumerate(stops) for one in occurrences(each, start, end, zone)]
    return {
        "stop_calendars": [number for number, _ in rows],
        "stop_since": [unix_us(one.start) * 1000 for _, one in rows],
        "stop_till": [unix_us(one.end) * 1000 for _, one in rows],
    }


def _places(bound: Sequence[Bound], *roles: str) -> set[_Place]:
    return {one.place for one in bound if one.role in roles}


def _distinct(told: Mapping[_Place, dict[str, T]]) -> tuple[dict[_Place, int], list[dict[str, T]]]:
    """What is told, once each, and the number of what is told of each machine."""
    several: dict[frozenset[tuple[str, T]], int] = {}
    books: list[dict[str, T]] = []
    numbers = {}
    for place, each in told.items():
        numbers[place] = several.setdefault(frozenset(each.items()), len(several))
        if len(several) > len(books):
            books.append(each)
    return numbers, books


def _codes(books: Sequence[Mapping[str, MachineState]]) -> dict[str, object]:
    known = [(KINDS * number, code) for number, meanings in enumerate(books) for code in codes(meanings)]
    return {
        "code_books": [first + code.book for first, code in known],
        "codes": [code.said for _, code in known],
        "meanings": [code.meaning for _, code in known],
        "code_names": [code.name for _, code in known],
    }


def _ideals(books: Sequence[Mapping[str, float]]) -> dict[str, object]:
    rows = [(number, *each) for number, ideals in enumerate(books, 1) for each in ideals.items()]
    return {
        name: [row[at] for row in rows] for at, name in enumerate(("ideal_books", "ideal_products", "ideal_seconds"))
    }
