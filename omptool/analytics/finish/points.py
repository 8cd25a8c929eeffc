"""Values of one Variable → the points that a picture of its analysis is drawn of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.analytics.finish.drift import pointed
from omptool.analytics.spc.measured import Measured
from omptool.analytics.spc.periods import PERIOD
from omptool.model.contracts import TIME


def finish(measured: Measured, given: Mapping[str, Any]) -> pa.Table:
    """A row per point: means of `every` where the analysis has that parameter, else single values.

    Args:
        given: `every` of `drift`; `pieces`: of a longer line the least and the greatest of so many stretches, 0: all.
    """
    if "every" in given:
        found = pointed(measured, given)
        value, time = found.mean, found.time
    else:
        value, time = measured.value, measured.time
    kept = _kept(value, int(given["pieces"]))
    point = np.arange(1, value.size + 1) if kept is None else kept + 1
    if kept is not None:
        value, time = value[kept], None if time is None else time[kept]
    when = pa.nulls(value.size, TIME) if time is None else pa.array(time // 1000).cast(TIME)
    seen = {"coverage": measured.coverage, "percent_good": measured.percent_good}
    shares = {name: pa.array(np.full(value.size, share)) for name, share in seen.items()}
    table = pa.table({"point": pa.array(point), "time": when, "value": pa.array(value), **shares})
    if measured.cut is None or time is None:
        return table
    return table.append_column(PERIOD, pa.array(measured.cut.places(time)))


def _kept(value: np.ndarray[Any, Any], pieces: int) -> np.ndarray[Any, Any] | None:
    """Places of the first, the last, and of the least and the greatest of each piece; None: all are few enough."""
    if not pieces or value.size <= 2 * pieces:
        return None
    edges = np.linspace(0, value.size, pieces + 1).astype(np.int64)
    places = [
        edges[piece] + find(value[edges[piece] : edges[piece + 1]])
        for piece in range(pieces)
        for find in (np.argmin, np.argmax)
    ]
    return np.unique(np.array([0, *places, value.size - 1], np.int64))
