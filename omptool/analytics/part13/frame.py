"""What aggregates share: which raw values lie in which window, and sums over them that no cumulative sum blurs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from omptool.analytics.part13 import bits
from omptool.analytics.part13.series import MILLISECOND, Codes, Floats, Index, Mask, Series, Settings, Times, Windows


class Frame:
    """One Variable's values laid into windows. Rows are indices of raw values, results one per window."""

    def __init__(self, series: Series, windows: Windows, settings: Settings) -> None:
        self.series = series
        self.windows = windows
        self.settings = settings
        self.lo, self.hi = windows.bounds(series.time)
        self.count: Index = self.hi - self.lo
        self.sums: dict[str, Any] = {}

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """A sum per window that aggregates share, computed at its first use."""
        if name not in self.sums:
            self.sums[name] = compute()
        return self.sums[name]

    def told(self, numbers: Mapping[str, Index], sums: Mapping[str, Any]) -> None:
        """Take over numbers of values and sums of windows of whose values only some are here."""
        self.count, self.good, self.bad, self.uncertain = (
            numbers[name] for name in ("count", "good", "bad", "uncertain")
        )
        self.sums.update(sums)

    @cached_property
    def known(self) -> Mask:
        """Windows that data overlaps; outside of it there is nothing to say."""
        time = self.series.time
        if not time.size:
            return np.zeros(len(self.windows), np.bool_)
        early, late = self.windows.early, self.windows.late
        found: Mask = (late > time[0]) & (early <= time[-1])
        if self.windows.backward:
            found = (late >= time[0]) & (early < time[-1])
        return found

    def partial(self, extrapolates: bool = False) -> Mask:
        """Windows that are not complete: data begins or ends in them, or the range asked for does (5.3.3.2)."""
        time = self.series.time
        if not time.size:
            return np.zeros(len(self.windows), np.bool_)
        early, late = self.windows.early, self.windows.late
        found: Mask = (time[0] > early) & (time[0] < late)
        if not extrapolates:
            found |= (time[-1] >= early) & (time[-1] < late)
        return found | (self.windows.cut & self.known)

    def counts(self, rows: Mask) -> Index:
        """How many of the chosen rows lie in each window."""
        total = np.concatenate(([0], np.cumsum(rows)))
        found: Index = total[self.hi] - total[self.lo]
        return found

    @cached_property
    def good(self) -> Index:
        return self.counts(self.series.good)

    @cached_property
    def bad(self) -> Index:
        return self.counts(self.series.bad)

    @cached_property
    def uncertain(self) -> Index:
        return self.counts(self.series.uncertain)

    def reduce(self, how: Any, values: Any, empty: Any) -> Any:
        """`how` (a ufunc) over the values of each window; `empty` where there are none."""
        return reduce(how, values, self.lo, self.hi, empty)

    def spread(self, per_window: Any) -> Any:
        """A value per window, repeated for each of its rows; aligned with rows lo[0]…hi[-1]."""
        return np.repeat(per_window, self.hi - self.lo)

    @property
    def rows(self) -> slice:
        """All rows in any window."""
        return slice(int(self.lo[0]), int(self.hi[-1]))

    def percent(self, good: Floats, bad: Floats, whole: Floats, uncertain: Mask) -> Codes:
        """The StatusCode calculation of 5.4.3.2, from parts of a whole: numbers of values, or nanoseconds.

        Shares would be rounded, and miss a limit that they meet; so is a limit with decimals.
        """
        settings = self.settings
        least = whole * (1 - 1e-12)
        wholly = (bad <= 0) & ~uncertain
        is_bad = (bad > 0) & (bad * 100 >= settings.percent_data_bad * least)
        enough = ~uncertain & (good * 100 >= settings.percent_data_good * least)
        found: Codes = np.where(is_bad, bits.BAD, np.where(wholly | enough, bits.GOOD, bits.UNCERTAIN)).astype(
            np.uint32
        )
        return found

    def percent_values(self) -> Codes:
        """By the number of values."""
        total, bad = np.maximum(self.count, 1).astype(np.float64), self.bad.astype(np.float64)
        return self.percent(total - bad, bad, total, self.uncertain > 0)

    def blemished(self) -> Codes:
        """Good, or Uncertain when any value of the window is not Good."""
        found: Codes = np.where(self.bad + self.uncertain > 0, bits.UNCERTAIN, bits.GOOD).astype(np.uint32)
        return found


def reduce(how: Any, values: Any, lo: Index, hi: Index, empty: Any) -> Any:
    """A ufunc over rows lo…hi of each window; windows follow each other without rows between them."""
    found = np.full(lo.size, empty, dtype=np.asarray(values).dtype)
    filled = hi > lo
    if filled.any():
        found[filled] = how.reduceat(values[: hi[-1]], lo[filled])
    return found


def mark(status: Codes, chosen: Mask, bit: np.uint32) -> Codes:
    """The statuses with an info bit set where it is chosen."""
    found: Codes = np.where(chosen, status | bit, status).astype(np.uint32)
    return found


def end_of_data(time: Times) -> int:
    """The moment until which the last value counts where nothing is extrapolated (5.4.2.4: one unit of time)."""
    return int(time[-1]) + MILLISECOND
