"""Rows as JSON Lines, JSON, CSV and TSV, column by column: no Python object per value where Arrow can do the work.

The rules (docs/reference/output.md): times RFC 3339 in UTC with decimals only when needed; integers keep every digit;
NaN and the infinities are strings in JSON; bytes are base64; in CSV null is empty and an empty string is quoted.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from omptool.cli.output import Rows
from omptool.cli.terminal import UNSAFE, UNSAFE_RE2

_BATCH = 16_384
_TEXT = pa.string()


def json_text(value: object) -> str:
    """One Python value as JSON text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value) if math.isfinite(value) else f'"{_float(value)}"'
    if isinstance(value, (int, Decimal)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(json_text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(str(k))}:{json_text(v)}" for k, v in value.items()) + "}"
    return _quoted(plain_text(value))


def plain_text(value: object) -> str:
    """One Python value as it stands in CSV, before quoting."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, dt.datetime):
        return _datetime(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, dt.timedelta):
        return _duration(value)
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (bool, int, list, tuple, dict)):
        return json_text(value)
    return str(value)


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value).removesuffix(".0")


def _datetime(value: dt.datetime) -> str:
    aware = value.tzinfo is not None
    text = (value.astimezone(dt.UTC) if aware else value).replace(tzinfo=None).isoformat()
    if "." in text:
        text = text.rstrip("0")
    return text + "Z" * aware


def _duration(value: dt.timedelta) -> str:
    """ISO 8601, seconds only: `PT90.5S`."""
    whole, micro = divmod(round(value / dt.timedelta(microseconds=1)), 1_000_000)
    return f"PT{whole}{f'.{micro:06d}'.rstrip('0') if micro else ''}S"


def _quoted(text: str) -> str:
    """A JSON string; characters that could steer a terminal are escaped too, which changes no value."""
    return UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", json.dumps(text, ensure_ascii=False))


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
    quoted = pc.binary_join_element_wise('"', text, '"', "")
    if pa.types.is_floating(array.type):
        return pc.if_else(pc.is_finite(array), text, quoted)
    if pa.types.is_timestamp(array.type) or pa.types.is_date32(array.type):
        return quoted
    return _replace_matching(text, r'["\\]|' + UNSAFE_RE2, _quoted, quoted)


def _csv_column(array: pa.Array, delimiter: str) -> pa.Array:
    """The column as CSV fields; nulls stay null."""
    text = _text_of(array)
    if text is None:
        text = _per_value(array, plain_text)
    elif not pa.types.is_string(array.type) and not pa.types.is_large_string(array.type):
        return text
    return _replace_matching(text, f'^$|["\\r\\n{delimiter}]', _csv_quoted, text)


def _csv_quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _column_of(values: list[object]) -> pa.Array | list[object]:
    """Python values as an Arrow array where that changes nothing, else as they are (a column of mixed types)."""
    kinds = {type(v) for v in values if v is not None}
    if not kinds:
        return pa.nulls(len(values), _TEXT)
    if len(kinds) == 1 and kinds <= {str, int, float, bool}:
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
            return values
    return values


def _blocks(rows: pa.Table | pa.RecordBatchReader | Rows) -> Iterator[list[pa.Array | list[object]]]:
    """The result in blocks of columns."""
    if isinstance(rows, Rows):
        iterator = iter(rows.rows)
        while block := list(islice(iterator, _BATCH)):
            yield [_column_of(list(column)) for column in zip(*block, strict=True)]
        return
    for batch in rows.to_batches(max_chunksize=_BATCH) if isinstance(rows, pa.Table) else rows:
        for start in range(0, batch.num_rows, _BATCH):
            yield [_decoded(column) for column in batch.slice(start, _BATCH).columns]


def _decoded(array: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return pa.nulls(len(array), _TEXT) if array.null_count == len(array) else array


def _names(rows: Any) -> list[str]:
    return list(rows.columns) if isinstance(rows, Rows) else list(rows.schema.names)


def _mapped(
    column: pa.Array | list[object], whole: Callable[[pa.Array], pa.Array], one: Callable[[Any], str]
) -> pa.Array:
    if isinstance(column, list):
        return pa.array([None if v is None else one(v) for v in column], _TEXT)
    return whole(column)


def _bytes(text: pa.Array) -> memoryview:
    """The characters of all strings of `text`, one after the other, without a copy."""
    _, offsets, data = text.buffers()
    if data is None or not len(text):
        return memoryview(b"")
    edges = memoryview(offsets).cast("i")
    return memoryview(data)[edges[text.offset] : edges[text.offset + len(text)]]


def _json_blocks(rows: Any, separator: str) -> Iterator[memoryview]:
    keys = [_quoted(name) for name in _names(rows)]
    for columns in _blocks(rows):
        parts: list[Any] = []
        for place, (key, column) in enumerate(zip(keys, columns, strict=True)):
            text = _mapped(column, _json_column, json_text)
            parts += [f"{',' if place else '{'}{key}:", pc.fill_null(text, "null")]
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
    def field(text: str) -> str:
        return _csv_quoted(text) if not text or any(c in text for c in f'"\r\n{delimiter}') else text

    stream.write((delimiter.join(map(field, _names(rows))) + "\n").encode())
    for columns in _blocks(rows):
        texts = [
            pc.fill_null(_mapped(c, partial(_csv_column, delimiter=delimiter), lambda v: field(plain_text(v))), "")
            for c in columns
        ]
        joined = pc.binary_join_element_wise(*texts, delimiter)
        stream.write(_bytes(pc.binary_join_element_wise(joined, "\n", "")))


WRITERS: dict[str, Callable[[Any, IO[bytes]], None]] = {
    "jsonl": _write_jsonl,
    "json": _write_json,
    "csv": partial(_write_csv, ","),
    "tsv": partial(_write_csv, "\t"),
}
