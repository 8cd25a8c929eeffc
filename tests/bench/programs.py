"""Analyses by hand where SQL would be the slow way: the plainest program on columns out of one statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl
import pyarrow as pa

from omptool.sql.engine import LocalEngine

_POWER = """
SELECT machine, time, value FROM telemetry WHERE tag = 'Power' AND time >= $start AND time < $end
ORDER BY machine, time, seq"""
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
