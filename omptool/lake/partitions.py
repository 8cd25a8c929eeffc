"""Which partition a row belongs to. Pure.

`date` is the UTC date of `time`. A stamp before 2000 or more than an hour after receipt is *clock-suspect*: it keeps
its value, but is filed under the date of receipt, so one wrong clock does not scatter rows over the calendar.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from omptool.lake import order
from omptool.model.plant import UNASSIGNED
from omptool.model.vocabulary import Origin

YEAR_2000_US = 946_684_800_000_000
HOUR_US = 3_600_000_000
DAY_US = 86_400_000_000

_EPOCH = date(1970, 1, 1)
_SENT = [Origin.LIVE.value, Origin.REPUBLISHED.value]
"""Origins of rows that a server sent because something changed; all others may be of long ago by their nature."""


@dataclass(frozen=True, slots=True)
class Filed:
    """Rows with the day that each is filed under.

    Attributes:
        suspect: how many rows are clock-suspect.
        late: how many live rows were received more than an hour after their time.
    """

    table: pa.Table
    days: order.Ints
    suspect: int
    late: int

    def split(self) -> Iterator[tuple[tuple[str, str], pa.Table]]:
        """The rows by partition: ((site, ISO date), rows in their order)."""
        if not self.table.num_rows:
            return
        sites = _encoded(self.table["site"])
        names = [name or UNASSIGNED for name in sites.dictionary.to_pylist()]
        site_of: order.Ints = sites.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        first, last = int(self.days.min()), int(self.days.max())
        keys = site_of * (last - first + 1) + (self.days - first)
        distinct, starts = (keys[:1], [0]) if (keys == keys[0]).all() else np.unique(keys, return_index=True)
        for key, start in zip(distinct, starts, strict=True):
            part = self.table if len(distinct) == 1 else self.table.filter(pa.array(keys == key))
            day = _EPOCH + timedelta(days=int(self.days[start]))
            yield (names[int(site_of[start])], day.isoformat()), part


def file(table: pa.Table) -> Filed:
    """Decide for each row the day it is filed under."""
    time = order.integers(table["time"])
    received = table["receive_time"]
    if received.null_count == len(received):
        return Filed(table, time // DAY_US, 0, 0)
    has = received.is_valid().to_numpy() if received.null_count else True
    receive = order.integers(pc.coalesce(received, table["time"]) if received.null_count else received)
    suspect = has & ((time < YEAR_2000_US) | (time > receive + HOUR_US))
    late = has & ~suspect & (receive - time > HOUR_US)
    count = _live(table, late) if bool(late.any()) else 0
    if not bool(suspect.any()):
        return Filed(table, time // DAY_US, 0, count)
    return Filed(table, np.where(suspect, receive, time) // DAY_US, int(np.count_nonzero(suspect)), count)


def _live(table: pa.Table, rows: npt.NDArray[np.bool_]) -> int:
    origins = table["origin"].filter(pa.array(rows)).cast(pa.string())
    return int(pc.sum(pc.is_in(origins, pa.array(_SENT))).as_py() or 0)


def _encoded(column: Any) -> Any:
    merged = (
        pa.chunked_array(column.chunks, column.type).unify_dictionaries()
        if pa.types.is_dictionary(column.type)
        else column
    )
    array = merged.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0)
    return array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
