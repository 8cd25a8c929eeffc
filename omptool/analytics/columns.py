"""Columns of a result → arrays to compute with: moments, values as numbers, StatusCodes.

Plain tables bring columns of any type. What cannot be meant is refused here with the column's name; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omptool.analytics.part13.series import Codes, Floats, Mask, Times
from omptool.errors import UsageError
from omptool.model.status import code_of


class Values(NamedTuple):
    """Column `value` as numbers; of texts the places in `words`."""

    number: Floats
    missing: Mask
    words: Sequence[str] | None
    discrete: bool


def nanoseconds(table: pa.Table) -> Times:
    """Unix nanoseconds of the columns `time` and, where it is there, `time_ns`."""
    micro = table["time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    rest = table["time_ns"].cast(pa.int64()).to_numpy() if "time_ns" in table.column_names else 0
    found: Times = micro * 1000 + rest
    return found


def values(table: pa.Table) -> Values:
    """The values; null and NaN are missing: nothing can be computed from them.

    Raises:
        UsageError: a column of something else than numbers, Booleans and texts.
    """
    column, texts = _plain(table["value"], "value"), None
    if "value_text" in table.column_names:
        texts = table["value_text"]
    if _is_text(column.type):
        return _of_text(column)
    missing = pc.is_null(column).to_numpy(zero_copy_only=False)
    if texts is not None and missing.size and missing.all() and texts.null_count < missing.size:
        return _words(texts)
    discrete = (
        pa.types.is_boolean(column.type) or (texts is not None and texts.null_count < len(texts)) or _boolean(table)
    )
    return _numbers(column, discrete)


def _plain(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """The column as numbers, Booleans or texts."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):  # what other tools write instead of text
        try:
            return column.cast(pa.string())
        except pa.ArrowInvalid:
            raise _unusable(name, "bytes that are no text") from None
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not (number or pa.types.is_boolean(kind) or pa.types.is_null(kind) or _is_text(kind)):
        raise _unusable(name, str(kind))
    return column


def _unusable(name: str, what: str) -> UsageError:
    wanted = "a StatusCode as a number or a name" if name == "status" else "numbers, Booleans or text"
    return UsageError(f"the column for the role {name} has {what}; it takes {wanted}", f"--map {name}=COLUMN")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _numbers(column: pa.ChunkedArray, discrete: bool) -> Values:
    number = pc.fill_null(column.cast(pa.float64(), safe=False), np.nan).to_numpy()
    return Values(number, np.isnan(number), None, discrete)


def _boolean(table: pa.Table) -> bool:
    """Whether any value says so: the first one may have come without a type."""
    return "type" in table.column_names and bool(pc.any(pc.equal(table["type"], "Boolean")).as_py())


def _of_text(column: pa.ChunkedArray) -> Values:
    """A column of texts in a plain table: numbers, true and false, or words."""
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    lower = pc.utf8_lower(texts)
    missing = pc.is_null(texts).to_numpy(zero_copy_only=False)
    if missing.size and (pc.all(pc.is_in(lower, pa.array(["true", "false"]))).as_py() or missing.all()):
        return _numbers(pc.equal(lower, "true"), True)
    try:
        return _numbers(texts.cast(pa.float64()), False)
    except pa.ArrowInvalid:
        return _words(texts)


def _words(texts: pa.ChunkedArray) -> Values:
    encoded = pc.dictionary_encode(texts.combine_chunks())
    missing = pc.is_null(texts).to_numpy(zero_copy_only=False)
    places = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False).astype(np.float64)
    return Values(places, missing, encoded.dictionary.to_pylist() or [""], True)


def statuses(table: pa.Table) -> Codes:
    """StatusCodes from numbers or names in the column `status`; where there is none, Good.

    Raises:
        UsageError: neither.
    """
    column = _plain(table["status"], "status") if "status" in table.column_names else pa.nulls(table.num_rows)
    if pa.types.is_null(column.type):
        return np.zeros(table.num_rows, np.uint32)
    if pa.types.is_boolean(column.type):
        raise _unusable("status", "bool")
    if not _is_text(column.type):
        return _codes(column)
    encoded = pc.dictionary_encode(pc.fill_null(column.cast(pa.string()), "Good").combine_chunks())
    codes = np.array([_code(text) for text in encoded.dictionary.to_pylist()] or [0], np.uint32)
    found: Codes = codes[encoded.indices.to_numpy(zero_copy_only=False)]
    return found


def _codes(column: pa.ChunkedArray) -> Codes:
    """Numbers; those of a signed type are below 0 where the code is Bad."""
    number = pc.fill_null(column.cast(pa.float64(), safe=False), 0.0).to_numpy()
    wrong = ~((number >= -(2**31)) & (number < 2**32) & (number % 1 == 0))
    if wrong.any():
        raise _unusable("status", f"{number[wrong][0]:.15g}")
    found: Codes = number.astype(np.int64).astype(np.uint32)
    return found


def _code(text: str) -> int:
    return code_of(text.split(",")[0].strip().replace("_", "")) if text.strip() else 0
