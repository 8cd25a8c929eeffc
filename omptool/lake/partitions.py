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
from omptool.lake.words import whole
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
        sites: of each row.
        suspect: how many rows are clock-suspect.
        late: how many live rows were received more than an hour after their time.
    """

    sites: pa.DictionaryArray
    days: order.Ints
    suspect: int
    late: int

    def split(self, table: pa.Table) -> Iterator[tuple[tuple[str, str], pa.Table]]:
        """Rows that were filed, in any form, by partition: ((site, ISO date), rows in their order)."""
        if not len(self.days):
            return
        words = pc.dictionary_encode(self.sites.dictionary, null_encoding="encode")
        names = [name or UNASSIGNED for name in words.dictionary.to_pylist()]
        first, last = int(self.days.min()), int(self.days.max())
        if len(names) == 1 and first == last:
            yield (names[0], _iso(first)), table
            return
        site_of = words.indices.to_numpy()[self.sites.indices.to_numpy(zero_copy_only=False)].astype(np.int64)
        keys = site_of * (last - first + 1) + (self.days - first)
        distinct, starts = np.unique(keys, return_index=True)
        for key, start in zip(distinct, starts, strict=True):
            part = table if len(distinct) == 1 else table.filter(pa.array(keys == key))
            yield (names[int(site_of[start])], _iso(int(self.days[start]))), part


def _iso(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()


def file(table: pa.RecordBatch | pa.Table) -> Filed:
    """Decide for each row the day it is filed under."""
    sites = _encoded(table["site"])
    time = order.integers(table["time"])
    received = table["receive_time"]
    if received.null_count == len(received):
        return Filed(sites, time // DAY_US, 0, 0)
    has = received.is_valid().to_numpy() if received.null_count else True
    receive = order.integers(pc.coalesce(received, table["time"]) if received.null_count else received)
    suspect = has & ((time < YEAR_2000_US) | (time > receive + HOUR_US))
    late = has & ~suspect & (receive - time > HOUR_US)
    count = _live(table, late) if bool(late.any()) else 0
    if not bool(suspect.any()):
        return Filed(sites, time // DAY_US, 0, count)
    return Filed(sites, np.where(suspect, receive, time) // DAY_US, int(np.count_nonzero(suspect)), count)


def _live(table: pa.RecordBatch | pa.Table, rows: npt.NDArray[np.bool_]) -> int:
    origins = table["origin"].filter(pa.array(rows)).cast(pa.string())
    return int(pc.sum(pc.is_in(origins, pa.array(_SENT))).as_py() or 0)


def _encoded(column: Any) -> Any:
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column
        column = whole(column)
    if not pa.types.is_dictionary(column.type):
        return pc.dictionary_encode(column, null_encoding="encode")
    if not column.null_count:
        return column
    words = pa.concat_arrays([column.dictionary, pa.nulls(1, column.dictionary.type)])
    return pa.DictionaryArray.from_arrays(column.indices.fill_null(len(words) - 1), words)
