"""Which values of which Variables are taken into memory together, so that it holds them however many there are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from omptool.analytics.part13.series import Index, Times, Windows


class Spread(NamedTuple):
    """How the values of a Variable lie in time: moments of some, and how many there are from each to the next."""

    time: Times
    rows: Index


class Portion(NamedTuple):
    """What is taken together.

    Attributes:
        pieces: of the only window of the only Variable, where it has too many values; each begins at a value.
    """

    numbers: list[int]
    windows: Windows
    pieces: Sequence[Windows] = ()


def portions(
    numbers: Sequence[int], counts: Mapping[int, int], given: Windows, spread: Callable[[int], Spread], most: int
) -> Iterator[Portion]:
    """Variables together as long as their rows fit; one that does not fit alone, stretch by stretch.

    Args:
        counts: rows of each Variable.
        most: rows that fit.
    """
    together: list[int] = []
    rows = 0
    for number in numbers:
        count = counts.get(number, 0) + 1
        if together and rows + count > most:
            yield Portion(together, given)
            together, rows = [], 0
        if count > most:
            stretches = list(_stretches(given, spread(number), most))
            yield from (Portion([number], *each) for each in (reversed(stretches) if given.backward else stretches))
            continue
        together.append(number)
        rows += count
    if together:
        yield Portion(together, given)


def _stretches(given: Windows, spread: Spread, most: int) -> Iterator[tuple[Windows, Sequence[Windows]]]:
    """As many windows as fit; one that does not fit alone, with its pieces."""
    before = np.concatenate(([0], np.cumsum(spread.rows)))
    edges = np.concatenate((given.early, given.late[-1:]))
    rows = before[np.searchsorted(spread.time, edges)]
    start = 0
    while start < len(given):
        stop = max(start + 1, int(np.searchsorted(rows, rows[start] + most, side="right")) - 1)
        part = given.part(start, stop)
        yield part, list(_pieces(part, spread, most)) if rows[stop] - rows[start] > most else ()
        start = stop


def _pieces(window: Windows, spread: Spread, most: int) -> Iterator[Windows]:
    inside = (spread.time > window.early[0]) & (spread.time < window.late[0])
    edges, held = [int(window.early[0])], int(spread.rows[spread.time == window.early[0]].sum())
    for moment, rows in zip(spread.time[inside].tolist(), spread.rows[inside].tolist(), strict=True):
        if held + rows > most:
            edges.append(moment)
            held = 0
        held += rows
    for early, late in itertools.pairwise([*edges, int(window.late[0])]):
        yield Windows(np.array([early]), np.array([late]), np.zeros(1, np.bool_), window.backward)
