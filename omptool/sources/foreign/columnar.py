"""Tables whose columns have types of their own: Parquet, Arrow, SQLite, DuckDB → points.

A number keeps its type, a text is a text, a time is a time. What a wide or a long table is, its column names tell, as
in CSV. Wrong rows are told by their number.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omptool.errors import Damaged
from omptool.model.contracts import TELEMETRY
from omptool.sources.foreign import contract, stamps, tables, values
from omptool.sources.foreign.context import Context
from omptool.sources.foreign.points import Points
from omptool.sources.foreign.stamps import NO_TIME, Stamps
from omptool.sources.foreign.tables import Layout
from omptool.sources.foreign.values import Values

ROWS = 16_384
_AGAIN = "get it again from where it came"

_TYPES = {
    pa.bool_(): "Boolean", pa.int8(): "SByte", pa.uint8(): "Byte", pa.int16(): "Int16", pa.uint16(): "UInt16",
    pa.int32(): "Int32", pa.uint32(): "UInt32", pa.int64(): "Int64", pa.uint64(): "UInt64", pa.float32(): "Float",
    pa.float64(): "Double", pa.float16(): "Float",
}  # fmt: skip


def read(batches: Iterable[pa.RecordBatch], how: Layout, context: Context) -> Iterator[Points]:
    """The rows of batches, however large these are."""
    first = 1
    for whole in batches:
        for start in range(0, whole.num_rows, ROWS):
            batch = whole.slice(start, ROWS)
            yield from _points(batch, first, how, context)
            first += batch.num_rows


def parquet(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file.

    Raises:
        Damaged: it cannot be read to its end.
    """
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS):
                batch.validate(full=True)
                yield batch
    except (pa.ArrowException, OSError) as error:
        raise Damaged(f"{path} is damaged: {str(error).splitlines()[0]}", _AGAIN) from error


def sqlite_columns(path: Path) -> dict[str, list[str]]:
    """Table or view → its columns.

    Raises:
        Damaged: no SQLite database.
    """
    with _sqlite(path) as database:
        names = [
            name
            for (name,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
                "AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name"
            )
        ]
        return {name: [row[1] for row in database.execute(f"PRAGMA table_info({_quoted(name)})")] for name in names}


def sqlite(path: Path, table: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows of a table; values of any type, column by column as texts or as objects of Python."""
    with _sqlite(path) as database:
        listed = ", ".join(map(_quoted, columns))
        cursor = database.execute(f"SELECT {listed} FROM {_quoted(table)}")
        while rows := cursor.fetchmany(ROWS):
            yield _batch(columns, rows)


@contextlib.contextmanager
def _sqlite(path: Path) -> Iterator[sqlite3.Connection]:
    database = None
    try:
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        yield database
    except (sqlite3.Error, OverflowError) as error:
        raise Damaged(f"{path} cannot be read as SQLite: {error}", _AGAIN) from error
    finally:
        if database is not None:
            database.close()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _batch(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> pa.RecordBatch:
    """Rows of a database without types: a column of one kind has its type, a mixed one is JSON."""
    arrays = []
    for column in zip(*rows, strict=True):
        kinds = {type(value) for value in column if value is not None}
        if kinds <= {int}:
            arrays.append(pa.array(column, pa.int64()))
        elif kinds <= {int, float}:
            arrays.append(pa.array([None if value is None else float(value) for value in column], pa.float64()))
        elif kinds <= {str}:
            arrays.append(pa.array(column, pa.string()))
        else:
            arrays.append(pa.array([tables.text_of(value) for value in column], MIXED))
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


MIXED = pa.large_string()
"""Type of a column whose values had several: each is told by what it looks like."""


def _points(batch: pa.RecordBatch, first: int, how: Layout, context: Context) -> Iterator[Points]:
    def origin(row: int) -> tuple[dict[str, int], str]:
        cut = zip(batch.schema.names, batch.slice(row, 1).columns, strict=True)
        cells = {name: _python(column)[0] for name, column in cut}
        return {"entry": first + row}, tables.text_of(cells) or ""

    if how.is_contract:
        yield from _contract(batch, context, origin)
        return
    plain = {name: _plain(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    wanted = {*how.roles.values(), *how.tags}
    texts = {name: _texts(column) for name, column in plain.items() if name in wanted}
    times = {name: _stamps(column) for name, column in plain.items() if pa.types.is_timestamp(column.type)}
    bare = sum(pa.types.is_timestamp(plain[name].type) and plain[name].type.tz is None for name in how.roles.values())
    context.bare_times += len(batch) if bare else 0
    if how.tags:
        yield from _wide(plain, texts, times, how, context, origin)
        return
    kinds = texts[how.roles["type"]] if "type" in how.roles else None
    yield from tables.points(texts, how, context, origin, _values(plain[how.roles["value"]], kinds), times=times)


def _wide(
    plain: dict[str, pa.Array],
    texts: dict[str, pa.Array],
    times: dict[str, Stamps],
    how: Layout,
    context: Context,
    origin: tables.Origin,
) -> Iterator[Points]:
    """A row per cell that has a value; a row without a time is told once."""
    name = how.roles["time"]
    time = times.get(name) or stamps.column(texts[name], context.zone)
    for row in np.flatnonzero(~time.present).tolist():
        place, text = origin(row)
        is_missing = not plain[name][row].is_valid
        context.rejects.add(f"the time is {'missing' if is_missing else NO_TIME}", text, **place)
    for tag in how.tags:
        rows = np.flatnonzero(time.present & plain[tag].is_valid().to_numpy(zero_copy_only=False))
        if not len(rows):
            continue
        at = pa.array(rows)
        named = {other: column.take(at) for other, column in texts.items() if other not in how.tags}
        named[""] = pa.repeat(pa.scalar(tag), len(rows))
        own = {**times, name: time}
        cut = {other: Stamps(column.us[rows], column.rest[rows], column.present[rows]) for other, column in own.items()}
        one = Layout({**how.roles, "value": tag, "tag": ""})
        yield from tables.points(named, one, context, origin, _values(plain[tag].take(at), None), times=cut)


def _contract(batch: pa.RecordBatch, context: Context, origin: tables.Origin) -> Iterator[Points]:
    """Rows of the contract, in its types; what is no value of its column makes the row a wrong one."""
    given = {name: _plain(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    wrong: dict[int, str] = {}
    columns = {field.name: _typed(given.get(field.name), field, len(batch), wrong) for field in TELEMETRY}
    for name in ("time", "server_time"):
        finer = given.get(name)
        if finer is not None and finer.type in (pa.timestamp("ns"), pa.timestamp("ns", "UTC")):
            own = columns[f"{name}_ns"]
            below = pa.array(_stamps(finer).rest, pa.int64()).cast(own.type)
            is_finer = pc.and_(pc.greater(below, 0), pc.equal(pc.fill_null(own, 0), 0))
            columns[f"{name}_ns"] = pc.if_else(is_finer, below, own)
    if len(batch):
        yield from contract.kept(columns, wrong, context, origin)


def _typed(column: pa.Array | None, field: pa.Field, rows: int, wrong: dict[int, str]) -> pa.Array:
    """A column in the type of the contract; null where it is no such value, which is then wrong."""
    if column is None or column.null_count == rows:  # without a value it may be of any type
        return pa.nulls(rows, field.type)
    if pa.types.is_timestamp(field.type):
        if not pa.types.is_timestamp(column.type):
            return contract.column(_texts(column), field, wrong)
        found = _stamps(column)
        for row in np.flatnonzero(~found.present & column.is_valid().to_numpy(zero_copy_only=False)).tolist():
            wrong.setdefault(row, f"{field.name} is no time")
        return pa.array(found.us, pa.int64(), mask=~found.present).cast(field.type)
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return contract.column(_texts(column), field, wrong)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _texts(column: pa.Array) -> pa.Array:
    """A column as CSV has it."""
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_integer(column.type) or pa.types.is_large_string(column.type):
        return column.cast(pa.string())
    return pa.array([tables.text_of(value) for value in _python(column)], pa.string())


def _python(column: pa.Array) -> list[Any]:
    """Values as objects of Python; times that Python has none for (nanoseconds, the year 10000) as texts."""
    try:
        found: list[Any] = column.to_pylist()
        return found
    except (OverflowError, ValueError):
        if pa.types.is_timestamp(column.type):
            return list(column.cast(pa.string()).to_pylist())
        return [column.slice(row, 1).to_string(indent=0).strip("[]\n ") for row in range(len(column))]


def _stamps(column: pa.Array) -> Stamps:
    """A column of times; those without a zone are UTC."""
    unit = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[column.type.unit]
    present = column.is_valid().to_numpy(zero_copy_only=False)
    numbers = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return stamps.of_counts(numbers, unit, present)


def _values(column: pa.Array, kinds: pa.Array | None) -> Values:
    """A column of values in the type that it has."""
    name = _TYPES.get(column.type)
    if pa.types.is_large_string(column.type) or (kinds is not None and name is None):
        return values.of_texts(_texts(column), kinds)
    if name is None:
        items = [_json(value) for value in _python(column)]
        return values.of_python(items, [None] * len(items))
    count = len(column)
    numbers = column.cast(pa.float64(), safe=False) if name != "Boolean" else column.cast(pa.int8()).cast(pa.float64())
    exact = pa.nulls(count, pa.decimal128(20, 0))
    if name in ("Int64", "UInt64"):
        large = pc.greater(column, pa.scalar(values.EXACT_LIMIT, column.type))
        if name == "Int64":
            large = pc.or_(large, pc.less(column, -values.EXACT_LIMIT))
        if pc.any(large).as_py():
            found = [
                Decimal(value) if is_large else None
                for value, is_large in zip(column.to_pylist(), large.to_pylist(), strict=True)
            ]
            exact = pa.array(found, exact.type)
    types = pc.if_else(column.is_valid(), pa.scalar(name), pa.scalar("Null"))
    nothing = pa.nulls(count, pa.string())
    return Values(types, numbers, exact, nothing, pa.nulls(count, pa.list_(pa.float64())), {})


def _json(value: Any) -> Any:
    """What Arrow gives, as JSON has it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (dict, list, str, int, float, bool)) or value is None:
        return value
    return tables.text_of(value)
