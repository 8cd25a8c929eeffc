"""Which columns of the place a row needs, so that no two places become one row by having the same name. Pure.

A name stands for a machine only together with what is above it: two sites may both have a line 1 with a machine M1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from omptool.analytics.binding import Bound
from omptool.analytics.periods import PLACES
from omptool.analytics.recipe import Recipe

Place = tuple[str | None, ...]
_MACHINE = PLACES[-1]


class Apart(NamedTuple):
    """Columns of the place, and what a person should know of those that nobody asked for."""

    places: tuple[str, ...]
    notes: tuple[str, ...] = ()


def told_apart(recipe: Recipe, places: Sequence[str], bound: Iterable[Bound]) -> Apart:
    """The columns asked for, those that rows of the recipe cannot do without, and those that tell equal names apart.

    Args:
        places: columns asked for.
        bound: the nodes of all places.
    """
    wanted = [name for name in PLACES if name in places or (recipe.single and name == _MACHINE)]
    if not wanted:
        return Apart(())
    lowest = PLACES.index(wanted[-1])
    # as in `numbered`: a machine that another line got later is one, in the place that was told last
    there = {(one.role, one.server, one.node_id, one.place[0], one.place[3]): one.place for one in bound}.values()
    examples: dict[str, str] = {}
    for name in PLACES[:lowest]:
        if name not in wanted and (example := _ambiguous(there, wanted, name)):
            wanted = [each for each in PLACES if each in {*wanted, name}]
            examples[name] = example
    if not examples:
        return Apart(tuple(wanted))
    called = next(iter(examples.values()))
    told = f"several {PLACES[lowest]}s are called {called}: rows say their {' and '.join(examples)} too"
    return Apart(tuple(wanted), (told,))


def _ambiguous(there: Collection[Place], shown: Sequence[str], name: str) -> str:
    """The first name of places that differ in a column which is not shown; empty: there are none."""
    seen: dict[Place, set[str | None]] = {}
    for place in there:
        whole = dict(zip(PLACES, place, strict=True))
        seen.setdefault(tuple(whole[each] for each in shown), set()).add(whole[name])
    found = sorted(key[-1] or "(none)" for key, values in seen.items() if len(values) > 1)
    return found[0] if found else ""
