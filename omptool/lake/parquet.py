"""Writes one Parquet file the way every file of a lake is written.

Sorted rows, delta-coded times and counters, byte-split floats, dictionaries for names, zstd 3, row groups of 131,072:
measured as the smallest and fastest of the layouts tried, and readable by every Parquet reader since format 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from omptool.lake import order
from omptool.lake.words import narrowed

ROW_GROUP = 131_072
_SKIPPED_BY = frozenset({"machine", "tag", "path", "node_id", "event_type", "source_name"})
"""Texts whose bounds let readers leave row groups out; those of all others cost as much as writing them does."""

_STATS_TEXT = 32
"""Longest text that goes into the log's statistics."""


@dataclass(slots=True)
class Written:
    """What a finished file holds."""

    rows: int = 0
    size: int = 0
    stats: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Bounds of whole columns without nulls: readers leave files out by them."""


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """The columns as the writer takes them: repeated text as dictionaries."""
    return pa.schema(
        [
            field.with_type(pa.dictionary(pa.int32(), pa.string())) if field.name in order.REPEATED else field
            for field in schema
        ]
    )


def write(
    path: Path,
    tables: Iterable[pa.Table],
    schema: pa.Schema,
    facts: Callable[[], Mapping[str, str]] = dict,
    *,
    compat: bool = False,
) -> Written:
    """Write tables, already in order, to `path`; the caller syncs and names the file.

    Args:
        compat: only encodings that readers of every age know; larger by a third.
        facts: asked when all rows are written; what the file's metadata shall say.
    """
    stored = stored_schema(schema)
    written = Written()
    known: dict[str, tuple[str, str] | None] = {}
    with pq.ParquetWriter(path, stored, **_options(stored, compat)) as writer:
        for piece in tables:
            table = conform(piece, stored)
            for start in range(0, table.num_rows, ROW_GROUP):
                group = _narrow(table.slice(start, ROW_GROUP))
                writer.write_table(group, row_group_size=ROW_GROUP)
                _widen(known, group)
            written.rows += table.num_rows
        writer.add_key_value_metadata(dict(facts()))
    written.size = path.stat().st_size
    written.stats = {name: bounds for name, bounds in known.items() if bounds is not None}
    return written


def _narrow(table: pa.Table) -> pa.Table:
    """Dictionaries without the words of other row groups, which would be written, and read, with this one."""
    columns = [narrowed(column) if pa.types.is_dictionary(column.type) else column for column in table.columns]
    return pa.table(columns, schema=table.schema)


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of `schema`, in its order and types; missing nullable ones are null."""
    columns = []
    for wanted in schema:
        index = table.schema.get_field_index(wanted.name)
        if index < 0:
            columns.append(pa.nulls(table.num_rows, wanted.type))
            continue
        column = table.column(index)
        columns.append(column if column.type == wanted.type else column.cast(wanted.type))
    return pa.table(columns, schema=schema)


def _has_bounds(column: pa.Field) -> bool:
    return column.name in _SKIPPED_BY or not pa.types.is_dictionary(column.type)


def _options(schema: pa.Schema, compat: bool) -> dict[str, Any]:
    if compat:
        return {"compression": "snappy", "use_dictionary": True, "data_page_version": "1.0", "store_schema": False}
    encodings = {}
    for column in schema:
        if pa.types.is_timestamp(column.type) or (pa.types.is_integer(column.type) and column.type.bit_width >= 32):
            encodings[column.name] = "DELTA_BINARY_PACKED"
        elif pa.types.is_floating(column.type):
            encodings[column.name] = "BYTE_STREAM_SPLIT"
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": [column.name for column in schema if column.name not in encodings],
        "column_encoding": encodings,
        "write_statistics": [column.name for column in schema if _has_bounds(column)],
        "write_batch_size": 65_536,
        "store_schema": False,  # or pyarrow readers get dictionaries where the contract says text
    }


def _widen(known: dict[str, tuple[str, str] | None], table: pa.Table) -> None:
    """Take a part of the file into the bounds; a column that once had none (None) gets none any more."""
    for name in ("time", "machine", "node_id"):
        if name not in table.schema.names or not table.num_rows:
            continue
        bounds = _bounds(table[name])
        before = known.get(name, bounds)
        if bounds is None or before is None:
            known[name] = None
        else:
            known[name] = (min(before[0], bounds[0]), max(before[1], bounds[1]))


def _bounds(column: Any) -> tuple[str, str] | None:
    """Smallest and largest value as the Delta log writes them: times in ms, rounded outwards.

    None when a text is too long, a time beyond what a log can say, or a value null: whoever asks for nulls must find
    the file.
    """
    if column.null_count:
        return None
    if pa.types.is_dictionary(column.type):
        values = [name for name in column.unify_dictionaries().chunk(0).dictionary.to_pylist() if name is not None]
        if not values or max(len(name) for name in values) > _STATS_TEXT:
            return None
        return min(values), max(values)
    if not pa.types.is_timestamp(column.type):
        return None
    extremes = pc.min_max(column)
    low = _millis(extremes["min"].cast(pa.int64()).as_py(), 0)
    high = _millis(extremes["max"].cast(pa.int64()).as_py(), 999)
    return None if low is None or high is None else (low, high)


def _millis(micros: int, up: int) -> str | None:
    """None beyond the years 1 to 9999, as rounding the last millisecond of them up gives."""
    try:
        stamp = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=(micros + up) // 1000)
    except OverflowError:
        return None
    # %Y writes the years before 1000 with fewer digits than the log's format has
    return f"{stamp.year:04d}-{stamp:%m-%dT%H:%M:%S}.{stamp.microsecond // 1000:03d}Z"
