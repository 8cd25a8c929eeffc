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


def merge(tables: list[pa.Table]) -> pa.Table:
    """Tables of the same columns as one, with one chunk and one dictionary per column."""
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


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


def sort(table: pa.Table) -> pa.Table:
    """Rows by machine, node_id, time, time_ns, seq."""
    if table.num_rows < 2:
        return table
    order = _order(node_keys(table), integers(table["time"]), integers(table["time_ns"]), integers(table["seq"]))
    return table if order is None else table.take(pa.array(order))


def node_keys(table: pa.Table) -> Ints:
    """One integer per row that orders rows by machine, then node_id."""
    nodes = ranks(table["node_id"])
    count = int(nodes.max(initial=0)) + 1
    return ranks(table["machine"]) * count + nodes


def _order(keys: Ints, time: Ints, time_ns: Ints, seq: Ints) -> Ints | None:
    """The sorted order of rows, None when they already are."""
    dense = _dense(keys)
    order: Ints = np.argsort(dense, kind="stable")
    if _sorted(dense[order], time[order], time_ns[order], seq[order]):
        return None if bool((order == np.arange(len(order))).all()) else order
    return np.lexsort((seq, time_ns, time, dense))


def _dense(keys: Ints) -> npt.NDArray[Any]:
    """Keys as the smallest numbers with the same order; 16-bit keys are sorted by radix, ten times faster."""
    distinct, dense = np.unique(keys, return_inverse=True)
    return dense.astype(np.uint16) if len(distinct) <= 1 << 16 else dense


def _sorted(keys: npt.NDArray[Any], time: Ints, time_ns: Ints, seq: Ints) -> bool:
    """Whether rows grouped by key are in order of time, time_ns, seq within each key."""
    same = keys[1:] == keys[:-1]
    later = np.diff(time)
    finer = np.diff(time_ns)
    after = (later > 0) | ((later == 0) & ((finer > 0) | ((finer == 0) & (np.diff(seq) >= 0))))
    return bool((after | ~same).all())
