"""What plant.toml says of single machines, as SQL takes it: machines that are told the same share a book. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omptool.analytics.binding import Bound
from omptool.analytics.wellknown import Book, Code, codes
from omptool.model.plant import PlantModel

_Place = tuple[str | None, ...]

KINDS = len(Book)
"""A code book is one of the kinds of `Book`, for the machines that are told the same: kind + KINDS * which of these.
parts/timeline.sql takes the kind from it again."""


@dataclass(frozen=True, slots=True)
class Books:
    """The books of a plant.

    Attributes:
        states: place of a machine → which meanings of states are its own.
        values: parameters of the CTE `codes` of parts/timeline.sql.
    """

    states: Mapping[_Place, int]
    values: Mapping[str, object]

    @classmethod
    def of(cls, plant: PlantModel | None, bound: Sequence[Bound]) -> Books:
        """The books that Variables need."""
        places = dict.fromkeys(one.place for one in bound if one.role in ("state", "mode", "reason"))
        own = {place: plant.states_of(place) if plant else {} for place in places}
        distinct = list({tuple(sorted(meanings.items())): meanings for meanings in own.values()}.values()) or [{}]
        known = [
            code._replace(book=code.book + KINDS * number)
            for number, meanings in enumerate(distinct)
            for code in codes(meanings)
        ]
        return cls({place: distinct.index(meanings) for place, meanings in own.items()}, _values(known))

    def of_node(self, one: Bound) -> int:
        """The book of a Variable."""
        return int(one.voice.book) + KINDS * self.states.get(one.place, 0)


def _values(known: Sequence[Code]) -> dict[str, object]:
    return {
        "code_books": [each.book for each in known],
        "codes": [each.said for each in known],
        "meanings": [each.meaning for each in known],
        "code_names": [each.name for each in known],
    }
