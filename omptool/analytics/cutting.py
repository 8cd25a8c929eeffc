"""`--by hour|day|shift` for analyses of single Variables: where windows are cut, and what was seen of each period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.analytics.part13.seen import Gaps, seen
from omptool.analytics.part13.series import Windows
from omptool.analytics.periods import Cuts
from omptool.analytics.requested import Request, periods_of
from omptool.analytics.spc.measured import Cut, Times
from omptool.analytics.spc.periods import PERIOD
from omptool.analytics.spc.sums import Mask
from omptool.model.contracts import TIME
from omptool.model.shifts import Calendar
from omptool.model.times import unix_us


@dataclass(frozen=True, slots=True)
class Periods:
    """The periods of a window.

    Attributes:
        edges: unix nanoseconds, one more than periods.
    """

    cuts: Cuts
    end: datetime
    edges: Times

    @classmethod
    def of(cls, request: Request, start: datetime, end: datetime) -> Periods | None:
        """None where nobody asked for them.

        Raises:
            UsageError: shifts that nobody knows, too many periods.
        """
        if request.period is None:
            return None
        found = periods_of(request, request.plant.calendar if request.plant else Calendar(), start, end)
        edges = np.array([unix_us(moment) * 1000 for moment in (*found.starts, end)], np.int64)
        return cls(found, end, edges)

    def of_values(self, time: Times, usable: Mask, gaps: Gaps) -> Cut:
        """What was seen of each period, by the values of a Variable."""
        whole = Windows(self.edges[:-1], self.edges[1:], np.zeros(self.edges.size - 1, np.bool_))
        return Cut(self.edges, *seen(time, usable, gaps, whole))

    def of_rows(self, time: Times, usable: Mask) -> Cut:
        """A table knows no gaps; Good are its rows that say a number. A period without rows lacks nothing."""
        size = self.edges.size - 1
        place = np.searchsorted(self.edges, time, side="right") - 1
        known = (place >= 0) & (place < size)
        rows, good = (np.bincount(place[which], minlength=size) for which in (known, known & usable))
        share = np.where(rows > 0, 100.0 * good / np.maximum(rows, 1), 100.0)
        return Cut(self.edges, np.ones(size), share)

    def columns(self, table: pa.Table) -> dict[str, Any]:
        """Columns `start` and `end`, of shifts also `shift`, for rows with the number of their period."""
        period = table[PERIOD].combine_chunks()
        ends = [*self.cuts.starts[1:], self.end]
        found: dict[str, Any] = {}
        if self.cuts.names:
            found["shift"] = pa.array(self.cuts.names, pa.string()).take(period)
        return found | {
            name: pa.array(moments, TIME).take(period) for name, moments in (("start", self.cuts.starts), ("end", ends))
        }
