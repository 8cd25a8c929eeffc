"""Values at moments where no value was stored: interpolated (3.1.8) and simple (3.1.9) bounding values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from omptool.analytics.part13 import bits
from omptool.analytics.part13.series import Codes, Floats, Index, Mask, Series, Settings, Times


@dataclass(frozen=True, slots=True)
class Bounds:
    """A value per moment.

    Attributes:
        status: without info bits, but of a stored value its own status.
        stored: a value exists at the very moment.
        row: of a stored value its row.
    """

    value: Floats
    status: Codes
    stored: Mask
    row: Index

    @property
    def bad(self) -> Mask:
        found: Mask = self.status >= bits.BAD
        return found

    @property
    def good(self) -> Mask:
        found: Mask = (self.status & bits.SEVERITY) == 0
        return found


def simple(series: Series, moments: Times, settings: Settings) -> Bounds:
    """From the values next to a moment, whatever they are worth."""
    size = series.time.size
    if not size:
        return _nothing(moments.size)
    before: Index = np.searchsorted(series.time, moments, side="right").astype(np.int64) - 1
    row = np.maximum(before, 0)
    after = np.minimum(before + 1, size - 1)
    stored = (before >= 0) & (series.time[row] == moments)
    inside = (before >= 0) & (before < size - 1)
    poor = series.bad[after] | series.uncertain[after]
    flat = settings.holds | series.bad[after] | ~inside
    value = np.where(flat | stored, series.value[row], line(series.time, series.value, row, after, moments))
    doubtful = series.uncertain[row] | (poor & (not settings.holds))
    status = np.where(inside & ~series.bad[row], np.where(doubtful, bits.UNCERTAIN, bits.GOOD), bits.NO_DATA)
    status = np.where(stored, _of_stored(series, row), status)
    return Bounds(value, status.astype(np.uint32), stored, row)


def _of_stored(series: Series, row: Index) -> Codes:
    """The value's own status; Bad where it is not to be used although its status does not say so."""
    own = series.status[row]
    found: Codes = np.where(series.bad[row] & (own < bits.BAD), bits.BAD, own)
    return found


def interpolated(series: Series, moments: Times, settings: Settings, *, sloped: bool | None = None) -> Bounds:
    """From the nearest values that are not Bad; behind the last one extrapolated."""
    usable = np.flatnonzero(~series.bad)
    if not usable.size:
        return _nothing(moments.size)
    holds = settings.holds if sloped is None else not sloped
    time, value = series.time[usable], series.value[usable]
    place: Index = np.searchsorted(time, moments, side="right").astype(np.int64) - 1
    row, after = np.maximum(place, 0), np.minimum(place + 1, usable.size - 1)
    stored = (place >= 0) & (time[row] == moments)
    ends = place == usable.size - 1
    doubtful = series.uncertain[usable[row]]
    if holds:
        behind: Index = np.searchsorted(series.time, moments, side="right").astype(np.int64) - 1
        doubtful |= (behind > usable[row]) | (moments > series.time[-1])
        found = value[row]
    else:
        doubtful |= ends | series.uncertain[usable[after]] | (usable[after] - usable[row] > 1)
        found = np.where(ends, value[row], line(time, value, row, after, moments))
    if settings.use_sloped_extrapolation and not settings.holds:
        beyond = ends & (row > 0) & (moments > series.time[-1])
        earlier = np.maximum(row - 1, 0)
        found = np.where(beyond, line(time, value, earlier, row, moments), found)
    status = np.where(doubtful, bits.UNCERTAIN, bits.GOOD)
    status = np.where(stored, series.status[usable[row]], status)
    status = np.where(place < 0, bits.NO_DATA, status).astype(np.uint32)
    return Bounds(np.where(stored, value[row], found), status, stored, usable[row])


def line(time: Times, value: Floats, left: Index, right: Index, moments: Times) -> Floats:
    """The value at each moment on the straight line through two rows; the left value where both are one row."""
    span = (time[right] - time[left]).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        part = (moments - time[left]) / span
        found: Floats = np.where(span > 0, value[left] + (value[right] - value[left]) * part, value[left])
    return found


def _nothing(size: int) -> Bounds:
    none = np.zeros(size, np.bool_)
    return Bounds(np.full(size, np.nan), np.full(size, bits.NO_DATA, np.uint32), none, np.zeros(size, np.int64))
