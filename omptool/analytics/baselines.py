"""Which values the limits of a chart come from: those that a column flags, those of a stretch of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from omptool.analytics.spc.measured import Times
from omptool.analytics.spc.sums import Mask
from omptool.errors import UsageError
from omptool.model.times import unix_us

_YES = ("true", "t", "1", "1.0", "yes", "y")


def flagged(column: pa.ChunkedArray) -> Mask | None:
    if column.null_count == len(column):
        return None
    found: Mask = pc.is_in(pc.utf8_lower(column.cast(pa.string())), pa.array(_YES)).to_numpy()
    return found


def no_baseline(column: pa.ChunkedArray) -> str:
    words = column.drop_null().unique().slice(0, 3).to_pylist()
    return f"the column of the baseline says {', '.join(words)}: true, 1 or yes is what limits come from"


def baseline(time: Times | None, first: Mask | None, given: Mapping[str, Any], name: str) -> Mask | None:
    """Values that the limits come from: those that a column names, in the stretch that parameters name."""
    for parameter in ("baseline_start", "baseline_end"):
        moment = given.get(parameter)
        if moment is None:
            continue
        if time is None:
            raise UsageError(f"--param {parameter}: {name} has no times", "--map time=COLUMN, or --param baseline=25")
        edge = unix_us(moment) * 1000
        mine = time >= edge if parameter == "baseline_start" else time < edge
        first = mine if first is None else first & mine
    return first
