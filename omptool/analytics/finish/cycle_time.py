"""Cycles of every group and period → their distribution."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

_PERCENTILES = {"p5_s": 5, "p50_s": 50, "p95_s": 95}


def finish(table: pa.Table, given: Mapping[str, Any]) -> pa.Table:
    """Percentiles of cycles.

    Args:
        table: g, p, cycle_s (null: none), pri, coverage, percent_good; sorted by g and p.
        given: `slow`, the multiple of the ideal cycle time from which a cycle is slow.
    """
    keys = list(zip(table["g"].to_pylist(), table["p"].to_pylist(), strict=True))
    cycle = np.array([np.nan if value is None else value for value in table["cycle_s"].to_pylist()], np.float64)
    ideal = np.array([np.nan if value is None else value for value in table["pri"].to_pylist()], np.float64)
    seen = [table[name].to_pylist() for name in ("coverage", "percent_good")]
    rows, first = [], 0
    for (group, period), same in groupby(keys):
        last = first + len(list(same))
        row = {"g": group, "p": period, "coverage": seen[0][first], "percent_good": seen[1][first]}
        rows.append(row | _distribution(cycle[first:last], ideal[first:last], given["slow"]))
        first = last
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _distribution(cycle: Any, ideal: Any, slow: float) -> dict[str, object]:
    there = ~np.isnan(cycle)
    cycle, ideal = cycle[there], ideal[there]
    if not cycle.size:
        return {"cycles": 0}
    median = float(np.median(cycle))
    found = {name: float(np.percentile(cycle, percent)) for name, percent in _PERCENTILES.items()}
    found |= {"mean_s": float(np.mean(cycle)), "mad_s": float(np.median(np.abs(cycle - median)))}
    known = ~np.isnan(ideal)
    if known.any():
        found["ideal_s"] = float(np.mean(ideal[known]))
        found["slow_share"] = float(np.mean(cycle[known] > slow * ideal[known]))
    return {"cycles": int(cycle.size), "fastest_s": float(cycle.min()), **found}


_SCHEMA = pa.schema(
    [("g", pa.int32()), ("p", pa.int32()), ("cycles", pa.int64())]
    + [(name, pa.float64()) for name in (*_PERCENTILES, "mean_s", "mad_s", "fastest_s", "ideal_s", "slow_share")]
    + [("coverage", pa.float64()), ("percent_good", pa.float64())]
)
