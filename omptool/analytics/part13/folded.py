"""A window with more values than fit into memory: aggregated from pieces of it.

Numbers of values, durations and areas of pieces add up where a piece begins at a value. What rests on single values
(extremes, first and last, worst status, bounds) needs few of them: a frame of these with the sums of the pieces answers
as one of all values does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np

from omptool.analytics.part13.frame import Frame
from omptool.analytics.part13.series import Floats, Index, Mask, Times
from omptool.analytics.part13.spans import Area, Spans

_NUMBERS = ("count", "good", "bad", "uncertain")


class Piece(NamedTuple):
    """What a piece of a window leaves behind.

    Attributes:
        numbers: of its values by quality.
        sums: those that its aggregate needed, see `Frame.once`.
    """

    numbers: dict[str, Index]
    sums: dict[str, Any]

    @classmethod
    def of(cls, frame: Frame) -> Piece:
        """Of a frame of one window whose aggregate was computed."""
        return cls({name: getattr(frame, name) for name in _NUMBERS}, dict(frame.sums))


def witnesses(frame: Frame) -> Times:
    """Moments of values that an aggregate of single values may rest on, of a frame of one window."""
    series = frame.series
    lo, hi = int(frame.lo[0]), int(frame.hi[0])
    rank = np.minimum(series.status >> 30, 2)
    used, every = ~series.bad, np.ones(series.time.size, np.bool_)
    kept = [np.arange(lo), np.arange(hi, series.time.size)]
    for chosen in (every, used, series.good, *(rank == each for each in range(3))):
        rows = lo + np.flatnonzero(chosen[lo:hi])
        kept += [rows[:2], rows[-2:]]
    for chosen in (used, series.good, series.uncertain):
        kept += _extremes(series.value[lo:hi], chosen[lo:hi], lo)
    return series.time[np.unique(np.concatenate(kept))]


def _extremes(value: Floats, chosen: Mask, first: int) -> Iterator[Index]:
    """The first two rows with the least value, and with the greatest: whether there are several is told."""
    rows = np.flatnonzero(chosen)
    if rows.size:
        among = value[rows]
        for extreme in (among.min(), among.max()):
            yield first + rows[np.flatnonzero(among == extreme)[:2]]


def fold(frame: Frame, pieces: Sequence[Piece]) -> None:
    """Give a frame of one window, which holds the witnesses of its pieces, what all their values add up to."""
    numbers = {name: np.sum([piece.numbers[name] for piece in pieces], axis=0) for name in _NUMBERS}
    names = pieces[0].sums
    with np.errstate(over="ignore", invalid="ignore"):  # infinite values are values
        sums = {name: _added([piece.sums[name] for piece in pieces]) for name in names if name != "squares"}
        if "squares" in names:
            sums["squares"] = _squares(pieces, sums["total"] / np.maximum(numbers["good"], 1))
    frame.told(numbers, sums)


def _added(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], Area):
        doubtful = np.logical_or.reduce([part.doubtful for part in parts])
        return Area(sum(part.area for part in parts), sum(part.length for part in parts), doubtful)
    if isinstance(parts[0], Spans):
        return Spans(*(sum(getattr(part, each.name) for part in parts) for each in fields(Spans)))
    return sum(parts)


def _squares(pieces: Sequence[Piece], mean: Floats) -> Floats:
    """Around the mean of all, from those around the mean of each piece (Chan, Golub and LeVeque 1983)."""
    whole = np.zeros(mean.size)
    for piece in pieces:
        good = piece.numbers["good"]
        away = piece.sums["total"] / np.maximum(good, 1) - mean
        whole += piece.sums["squares"] + good * away * away
    return whole
