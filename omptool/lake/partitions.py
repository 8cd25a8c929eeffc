"""Which partition a row belongs to. Pure.

`date` is the UTC date of `time`. A stamp before 2000 or more than an hour after receipt is *clock-suspect*: it keeps
its value, but is filed under the date of receipt, so one wrong clock does not scatter rows over the calendar.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from omptool.lake import order
from omptool.model.plant import UNASSIGNED

YEAR_2000_US = 946_684_800_000_000
HOUR_US = 3_600_000_000
DAY_US = 86_400_000_000

_EPOCH = date(1970, 1, 1)


def suspects(table: pa.Table) -> int:
    """How many rows are clock-suspect."""
    return int(np.count_nonzero(_clock(table)[1]))


def split(table: pa.Table) -> Iterator[tuple[tuple[str, str], pa.Table]]:
    """The rows of a table by partition: ((site, ISO date), rows in their order)."""
    if not table.num_rows:
        return
    basis, _ = _clock(table)
    days = basis // DAY_US
    sites = _encoded(table["site"])
    names = [name or UNASSIGNED for name in sites.dictionary.to_pylist()]
    site_of: order.Ints = sites.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    first = int(days.min())
    keys = site_of * (int(days.max()) - first + 1) + (days - first)
    distinct, starts = np.unique(keys, return_index=True)
    for key, start in zip(distinct, starts, strict=True):
        part = table if len(distinct) == 1 else table.filter(pa.array(keys == key))
        day = _EPOCH + timedelta(days=int(days[start]))
        yield (names[int(site_of[start])], day.isoformat()), part


def _clock(table: pa.Table) -> tuple[order.Ints, npt.NDArray[np.bool_]]:
    """Microseconds that decide the date, and which rows are clock-suspect."""
    time = order.integers(table["time"])
    received = table["receive_time"]
    has = received.is_valid().to_numpy()
    receive = order.integers(pc.coalesce(received, table["time"]))
    suspect = has & ((time < YEAR_2000_US) | (time > receive + HOUR_US))
    return np.where(suspect, receive, time), suspect


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
