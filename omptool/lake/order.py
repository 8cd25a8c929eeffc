"""The order of rows in a data file: machine, node, time, so that one node is one contiguous stretch. Pure.

Sorting is the dearest part of a conversion (two thirds of it when done on strings), so names become ranks once per
dictionary value, a stable sort of ranks comes first, and the times are sorted only where they arrived out of order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]

REPEATED = frozenset(
    {
        "time_basis", "site", "area", "line", "machine", "tag", "path", "server", "node_id", "type", "quality", "unit",
        "origin", "capture", "event_type", "source_name", "condition_id", "condition_name",
    }
)  # fmt: skip
"""Text columns with few different values: kept as dictionaries while rows wait in memory."""


def compact(batch: pa.RecordBatch | pa.Table) -> pa.Table:
    """A batch as a table whose repeated text columns are dictionaries (a fifth of the memory)."""
    columns = [
        _encoded(_whole(column)) if name in REPEATED else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.table(columns, names=batch.schema.names)


def _whole(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _encoded(column: pa.Array) -> pa.DictionaryArray:
    """A text column as a dictionary whose values are distinct and not null, as ranks and Parquet need it."""
    if not pa.types.is_dictionary(column.type):
        return pc.dictionary_encode(column)
    words = pc.dictionary_encode(column.dictionary)
    return pa.DictionaryArray.from_arrays(words.indices.take(column.indices), words.dictionary)


def ranks(column: Any) -> Ints:
    """The rank of each value of a text column among its distinct values, bytewise."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
    if not pa.types.is_dictionary(array.type):
        array = pc.dictionary_encode(array)
    names = array.dictionary.to_pylist()
    rank = np.empty(len(names), np.int64)
    rank[np.array(sorted(range(len(names)), key=lambda index: names[index].encode()), dtype=np.int64)] = np.arange(
        len(names)
    )
    indices: Ints = array.indices.to_numpy(zero_copy_only=False)
    return rank[indices] if len(names) else np.empty(0, np.int64)


def integers(column: Any) -> Ints:
    """A column of integers or times without nulls as int64."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = array.type
    if pa.types.is_timestamp(kind):
        array = array.cast(pa.int64())
    result: Ints = array.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return result


def ticks(table: pa.Table) -> Ints:
    """Time in units of 100 ns since 1970."""
    return integers(table["time"]) * 10 + integers(table["time_ns"]) // 100


def taken(table: pa.Table, found: Ints | None) -> pa.Table:
    """The rows at these positions; columns that have one value only need not be moved."""
    if found is None:
        return table
    at = pa.array(found)
    columns = [column if _is_constant(column) else column.take(at) for column in table.columns]
    return pa.table(columns, names=table.schema.names)


def _is_constant(column: pa.ChunkedArray) -> bool:
    if column.null_count:
        return bool(column.null_count == len(column))
    if not pa.types.is_integer(column.type) and not pa.types.is_boolean(column.type):
        return False
    if not len(column) or column[0] != column[-1]:
        return False
    extremes = pc.min_max(column)
    return bool(extremes["min"] == extremes["max"])


def positions(keys: Ints, moments: Ints, seq: Ints) -> Ints | None:
    """Where the rows stand that come first, second … by key, moment and seq; None when they stand in order."""
    if len(keys) < 2:
        return None
    span = int(moments.max()) - (first := int(moments.min())) + 1
    if span < _ROOM // (int(keys.max()) + 1):
        together = keys * span + (moments - first)  # one number, which processors sort many times faster
        step = np.diff(together)
        if bool((step > 0).all()) or (bool((step >= 0).all()) and bool((np.diff(seq)[step == 0] >= 0).all())):
            return None
        found: Ints = np.argsort(together)
        ordered = together[found]
        return found if bool((ordered[1:] != ordered[:-1]).all()) else np.lexsort((seq, together))
    return np.lexsort((seq, moments, keys))


_ROOM = 1 << 62
