"""Analyses by hand where SQL would be the slow way: the plainest program on columns out of one statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import polars as pl
import pyarrow as pa

from omptool.sql.engine import LocalEngine

_POWER = """
SELECT machine, time, value FROM telemetry WHERE tag = 'Power' AND time >= $start AND time < $end
ORDER BY machine, time, seq"""
_COUNTS = """
SELECT machine, time, value, sum(reset::INT) OVER told + 1 AS tool
FROM (
  SELECT machine, time, seq, value, coalesce(value < lag(value) OVER node, false) AS reset
  FROM telemetry WHERE tag = 'GoodCount' AND time >= $start AND time < $end
  WINDOW node AS (PARTITION BY machine ORDER BY time, seq)
) counts
WINDOW told AS (PARTITION BY machine ORDER BY time, seq ROWS UNBOUNDED PRECEDING) ORDER BY machine, time, seq"""
_MOST = 4000
_WEIGHT = 0.2
_D2 = 1.1283791670955126


def ewma(engine: LocalEngine, moments: Mapping[str, datetime]) -> pa.Table:
    """polars has the recursion, which no window of SQL has; it begins at the first value, ours at the center."""
    value, point = pl.col("value"), pl.col("point")
    kept = 1 - _WEIGHT
    rows = (
        pl.from_arrow(engine.run(_POWER, moments).read_all())
        .lazy()
        .with_columns(
            point=pl.int_range(1, pl.len() + 1).over("machine"),
            center=value.mean().over("machine"),
            sigma=value.diff().abs().mean().over("machine") / _D2,
            sd_overall=value.std().over("machine"),
            ewma=value.ewm_mean(alpha=_WEIGHT, adjust=False).over("machine"),
            first=value.first().over("machine"),
        )
        .with_columns(
            ewma=pl.col("ewma") + kept**point * (pl.col("center") - pl.col("first")),
            error=3 * pl.col("sigma") * (_WEIGHT / (2 - _WEIGHT) * (1 - kept ** (2 * point))).sqrt(),
        )
        .with_columns(lcl=pl.col("center") - pl.col("error"), ucl=pl.col("center") + pl.col("error"))
        .with_columns(
            violations=pl.when(pl.col("ewma") > pl.col("ucl"))
            .then(pl.lit("above"))
            .when(pl.col("ewma") < pl.col("lcl"))
            .then(pl.lit("below"))
        )
        .drop("first", "error")
        .collect()
    )
    found: pa.Table = rows.to_arrow()
    return found.cast(pa.schema([(each.name, _plain(each.type)) for each in found.schema]))


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else kind


def tool_wear(engine: LocalEngine, moments: Mapping[str, datetime]) -> pa.Table:
    """SQL finds the tools; the slopes between all pairs of a tool's values would be billions of rows of a join."""
    found = engine.run(_COUNTS, moments).read_all()
    machine, tool = found["machine"].combine_chunks().dictionary_encode(), found["tool"].cast(pa.int64()).to_numpy()
    time, value = found["time"].cast(pa.int64()).to_numpy(), found["value"].to_numpy()
    begins = np.flatnonzero(np.diff(machine.indices.to_numpy() * 1000 + tool, prepend=-1))
    rows = []
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), tool.size], strict=True):
        slope, low, high, level = _theil_sen(value[begin:end])
        rows.append({
            "machine": machine[begin].as_py(), "tool": int(tool[begin]), "values": end - begin,
            "hours": float(time[end - 1] - time[begin]) / 3.6e9, "first": level,
            "last": level + slope * (end - begin - 1), "wear_per_value": slope, "wear_low": low, "wear_high": high,
        })  # fmt: skip
    return pa.Table.from_pylist(rows)


def _theil_sen(value: np.ndarray) -> tuple[float, float, float, float]:
    """Slope, its interval of 95 % (Sen) and level of values in a row; of many, neighbours count as their mean."""
    together = -(-value.size // _MOST)
    begins = np.arange(0, value.size, together)
    sizes = np.diff(np.append(begins, value.size))
    x, y = (np.add.reduceat(each, begins) / sizes for each in (np.arange(value.size, dtype=np.float64), value))
    one, other = np.triu_indices(x.size, 1)
    slopes = (y[other] - y[one]) / (x[other] - x[one])
    n = x.size
    below = int((slopes.size - 1.959963984540054 * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)) // 2)
    middle = [(slopes.size - 1) // 2, slopes.size // 2]
    slopes.partition([*middle, below - 1, slopes.size - below])
    slope = float(slopes[middle].mean())
    return slope, float(slopes[below - 1]), float(slopes[-below]), float(np.median(y - slope * x))
