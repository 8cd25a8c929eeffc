"""Columns that say the same over and over, in memory once: limits of a chart stand in each of its rows."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

_CHUNK = 1 << 13
"""Rows that share memory with the next ones."""
_RUNS = 8
"""Stretches of one value up to which a column is made of them."""


def repeated(value: pa.Scalar, size: int) -> pa.ChunkedArray:
    """The same number or text many times."""
    known = value.as_py()
    if known is None or isinstance(known, str):
        chunk = _text(known, value.type)
    else:
        chunk = pa.array(np.full(min(size, _CHUNK), known)).cast(value.type)
    whole, rest = divmod(size, _CHUNK)
    return pa.chunked_array([chunk] * whole + [chunk.slice(0, rest)] * (rest > 0), value.type)


@lru_cache(64)  # charts have constants, notes and names of tags in common
def _text(value: str | None, kind: pa.DataType) -> pa.Array:
    return pa.array([value], kind).take(pa.array(np.zeros(_CHUNK, np.int8)))


def shortened(column: np.ndarray[Any, Any]) -> pa.ChunkedArray:
    """Numbers of 64 bits as a column, NaN as null; where they seldom change, each stretch is there once."""
    plain = pa.array(column, from_pandas=True)
    if column.size <= _CHUNK:
        return pa.chunked_array([plain])
    said = column.view(np.int64)  # 0 and -0 differ
    changes = np.flatnonzero(said[1:] != said[:-1]) + 1
    if changes.size >= _RUNS:
        return pa.chunked_array([plain])
    edges = itertools.pairwise([0, *changes.tolist(), column.size])
    stretches = [repeated(plain[first], last - first) for first, last in edges]
    return pa.chunked_array([chunk for stretch in stretches for chunk in stretch.chunks], plain.type)
