"""Arrow as JSON Lines, JSON, CSV and TSV, column by column: no Python object per value where Arrow can do the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from omptool.cli.terminal import UNSAFE_RE2
from omptool.cli.values import NEGATIVE_ZERO, csv_field, csv_quoted, json_text, plain_text, quoted

_BATCH = 16_384
_TEXT = pa.string()


def _text_of(array: pa.Array) -> pa.Array | None:
    """A string array of the values, for the types that Arrow writes as we want them; else None."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return array.cast(_TEXT)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_date32(kind):
        return array.cast(_TEXT)
    if pa.types.is_floating(kind):
        return _floats(array)
    if pa.types.is_timestamp(kind):
        return _times(array)
    return None


def _floats(array: pa.Array) -> pa.Array:
    text = array.cast(pa.float64()).cast(_TEXT)
    text = pc.if_else(pc.equal(text, "-0"), NEGATIVE_ZERO, text)
    if pc.all(pc.is_finite(array)).as_py() is not False:
        return text
    text = pc.if_else(pc.is_nan(array), "NaN", text)
    return pc.if_else(pc.is_inf(array), pc.if_else(pc.less(array, 0), "-Infinity", "Infinity"), text)


def _times(array: pa.Array) -> pa.Array:
    aware = array.type.tz is not None
    text = pc.strftime(array.cast(pa.timestamp(array.type.unit)), format="%Y-%m-%dT%H:%M:%S")
    if array.type.unit != "s":
        text = pc.replace_substring_regex(text, r"\.?0+$", "")  # every text has all decimals of the unit here
    return pc.binary_join_element_wise(text, "Z", "") if aware else text


def _per_value(array: pa.Array, convert: Callable[[Any], str]) -> pa.Array:
    return pa.array([None if v is None else convert(v) for v in array.to_pylist()], _TEXT)


def _replace_matching(text: pa.Array, pattern: str, convert: Callable[[str], str], otherwise: pa.Array) -> pa.Array:
    """`otherwise`, except where `text` matches: there `convert` (Python, slow, rare) decides."""
    mask = pc.fill_null(pc.match_substring_regex(text, pattern), False)
    if not pc.any(mask).as_py():
        return otherwise
    converted = pa.array([convert(v) for v in text.filter(mask).to_pylist()], _TEXT)
    return pc.replace_with_mask(otherwise, mask, converted)


def _is_bare(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind))


def _json_column(array: pa.Array) -> pa.Array:
    """The column as JSON texts; nulls stay null."""
    text = _text_of(array)
    if text is None:
        return _per_value(array, json_text)
    if _is_bare(array.type):
        return text
    in_quotes = pc.binary_join_element_wise('"', text, '"', "")
    if pa.types.is_floating(array.type):
        return pc.if_else(pc.is_finite(array), text, in_quotes)
    if pa.types.is_timestamp(array.type) or pa.types.is_date32(array.type):
        return in_quotes
    return _replace_matching(text, r'["\\]|' + UNSAFE_RE2, quoted, in_quotes)


def _csv_column(array: pa.Array, delimiter: str) -> pa.Array:
    """The column as CSV fields; nulls stay null."""
    text = _text_of(array)
    if text is None:
        text = _per_value(array, plain_text)
    elif not pa.types.is_string(array.type) and not pa.types.is_large_string(array.type):
        return text
    return _replace_matching(text, f'^$|["\\r\\n{delimiter}]', csv_quoted, text)


def _blocks(rows: pa.Table | pa.RecordBatchReader) -> Iterator[list[pa.Array]]:
    """The result in blocks of columns."""
    for batch in rows.to_batches(max_chunksize=_BATCH) if isinstance(rows, pa.Table) else rows:
        for start in range(0, batch.num_rows, _BATCH):
            yield [_decoded(column) for column in batch.slice(start, _BATCH).columns]


def _decoded(array: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return pa.nulls(len(array), _TEXT) if array.null_count == len(array) else array


def _bytes(text: pa.Array) -> memoryview:
    """The characters of all strings of `text`, one after the other, without a copy."""
    _, offsets, data = text.buffers()
    if data is None or not len(text):
        return memoryview(b"")
    edges = memoryview(offsets).cast("i")
    return memoryview(data)[edges[text.offset] : edges[text.offset + len(text)]]


def _json_blocks(rows: Any, separator: str) -> Iterator[memoryview]:
    keys = [quoted(name) for name in rows.schema.names]
    for columns in _blocks(rows):
        parts: list[Any] = []
        for place, (key, column) in enumerate(zip(keys, columns, strict=True)):
            parts += [f"{',' if place else '{'}{key}:", pc.fill_null(_json_column(column), "null")]
        yield _bytes(pc.binary_join_element_wise(*parts, "}" + separator, ""))


def _write_jsonl(rows: Any, stream: IO[bytes]) -> None:
    for block in _json_blocks(rows, "\n"):
        stream.write(block)


def _write_json(rows: Any, stream: IO[bytes]) -> None:
    opened = False
    for block in _json_blocks(rows, ",\n"):
        stream.write(b",\n" if opened else b"[\n")
        stream.write(block[:-2])
        opened = True
    stream.write(b"\n]\n" if opened else b"[]\n")


def _write_csv(delimiter: str, rows: Any, stream: IO[bytes]) -> None:
    stream.write((delimiter.join(csv_field(name, delimiter) for name in rows.schema.names) + "\n").encode())
    for columns in _blocks(rows):
        texts = [pc.fill_null(_csv_column(column, delimiter), "") for column in columns]
        joined = pc.binary_join_element_wise(*texts, delimiter)
        stream.write(_bytes(pc.binary_join_element_wise(joined, "\n", "")))


WRITERS: dict[str, Callable[[Any, IO[bytes]], None]] = {
    "jsonl": _write_jsonl,
    "json": _write_json,
    "csv": partial(_write_csv, ","),
    "tsv": partial(_write_csv, "\t"),
}
