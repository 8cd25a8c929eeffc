"""Rows as Arrow IPC stream or Parquet, with the types they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa

from omptool.cli.output import Rows
from omptool.errors import UsageError


def reader(rows: pa.Table | pa.RecordBatchReader | Rows) -> pa.RecordBatchReader:
    """Any result as a stream of record batches; a column of mixed Python values becomes JSON text."""
    if isinstance(rows, Rows):
        return _table(rows).to_reader()
    return rows.to_reader(max_chunksize=65_536) if isinstance(rows, pa.Table) else rows


def _table(rows: Rows) -> pa.Table:
    from omptool.cli.values import json_text

    listed = [list(row) for row in rows.rows]
    arrays = []
    for place in range(len(rows.columns)):
        values = [row[place] for row in listed]
        try:
            array = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            array = pa.array(
                [None if v is None else v if isinstance(v, str) else json_text(v) for v in values], pa.string()
            )
        arrays.append(array.cast(pa.string()) if pa.types.is_null(array.type) else array)
    return pa.table(arrays, names=list(rows.columns))


def _write_arrow(rows: Any, stream: IO[bytes]) -> None:
    batches = reader(rows)
    with pa.ipc.new_stream(stream, batches.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_parquet(rows: Any, stream: IO[bytes]) -> None:
    import pyarrow.parquet as pq

    batches = _storable(reader(rows))
    try:
        writer = pq.ParquetWriter(stream, batches.schema, compression="zstd")
    except pa.ArrowNotImplementedError as error:
        kind = str(error).rpartition(": ")[2]
        raise UsageError(f"Parquet has no type for {kind}", "cast the column to VARCHAR, or write .arrow") from error
    with writer:
        for table in _grouped(batches):
            writer.write_table(table)


def _storable(batches: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """INTERVAL columns as text, because Parquet files cannot hold them."""
    from omptool.cli.values import plain_text

    fields = list(batches.schema)
    places = [i for i, field in enumerate(fields) if field.type == pa.month_day_nano_interval()]
    if not places:
        return batches
    for i in places:
        fields[i] = fields[i].with_type(pa.string())
    schema = pa.schema(fields)

    def texts(batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = list(batch.columns)
        for i in places:
            columns[i] = pa.array([None if v is None else plain_text(v) for v in columns[i].to_pylist()], pa.string())
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, map(texts, batches))


def _grouped(batches: pa.RecordBatchReader, rows: int = 262_144) -> Iterator[pa.Table]:
    """Row groups of a size that readers like, whatever the size of the batches."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        if count >= rows:
            yield pa.Table.from_batches(held)
            held, count = [], 0
    if held:
        yield pa.Table.from_batches(held)


WRITERS = {"arrow": _write_arrow, "parquet": _write_parquet}
