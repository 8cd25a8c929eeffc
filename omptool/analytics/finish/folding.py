"""Raw values of one Variable that come in pieces → an aggregate of the whole window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.analytics import columns
from omptool.analytics.finish.aggregate import answered, laid
from omptool.analytics.part13.aggregates import computed
from omptool.analytics.part13.folded import Piece, fold, witnesses
from omptool.analytics.part13.frame import Frame
from omptool.analytics.part13.seen import Gaps, seen
from omptool.analytics.part13.series import Windows


def finish(number: int, tables: Iterable[tuple[Windows, pa.Table]], given: Mapping[str, Any]) -> pa.Table:
    """The row of a window.

    Args:
        number: of the Variable.
        tables: each piece of the window, which begins at a value, and what was fetched for it.
        given: as of `aggregate.finish`; `windows` has the one window.
    """
    whole: Windows = given["windows"]
    gaps: Gaps = given["gaps"].get(number, ())
    pieces, kept = [], []
    covered = good = 0
    for windows, table in tables:
        one = laid(number, table, given)
        raw = one.series
        if not raw.time.size:
            continue
        frame = Frame(raw, windows, one.settings)
        computed(given["chosen"].name, frame, None)
        pieces.append(Piece.of(frame))
        kept.append(table.filter(pa.array(np.isin(columns.nanoseconds(table), witnesses(frame)))))
        length = int(windows.length[0])
        shares = seen(raw.time, raw.status >> 30 == 0, gaps, windows)
        covered += round(float(shares[0][0]) * length)
        good += round(float(shares[1][0]) / 100 * length)
    table = pa.concat_tables(kept) if kept else given["empty"]
    table = table.take(np.argsort(columns.nanoseconds(table), kind="stable"))
    one = laid(number, table, given)
    frame = Frame(one.series, whole, one.settings)
    if pieces:
        fold(frame, pieces)
    length = int(whole.length[0])
    return answered(number, one, frame, given, (np.array([covered / length]), np.array([100 * good / length])))
