"""One dictionary of words per text column for a whole conversion: rows carry numbers, and no dictionaries are merged.

Pure. Numbers are given in the order in which words are met; they order nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from omptool.lake.order import Ints

_SMALL = 64
"""Dictionaries up to this size are left as they are: their unused words cost less than looking for them."""


class Words:
    """The words of one column."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._array: pa.Array | None = None

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def array(self) -> pa.Array:
        """All words, by number."""
        if self._array is None or len(self._array) != len(self._numbers):
            self._array = pa.array(self._numbers, pa.string())
        return self._array

    def numbers(self, column: pa.DictionaryArray) -> pa.Array:
        """The column with the number of its words instead of the words; nulls stay."""
        known = self._numbers
        words = column.dictionary.to_pylist()
        given = np.fromiter((known.setdefault(word, len(known)) for word in words), np.int32, len(words))
        if len(words) and bool((given == np.arange(len(words))).all()):
            return column.indices
        return pa.array(given, pa.int32()).take(column.indices)

    def column(self, numbers: pa.Array) -> pa.DictionaryArray:
        """The words of such numbers."""
        return pa.DictionaryArray.from_arrays(numbers, self.array)


def numbered(table: pa.Table, words: dict[str, Words]) -> pa.Table:
    """A table of one chunk per column, its dictionaries replaced by numbers."""
    columns = []
    for name, column in zip(table.schema.names, table.columns, strict=True):
        array = whole(column)
        is_text = pa.types.is_dictionary(array.type)
        columns.append(words.setdefault(name, Words()).numbers(array) if is_text else array)
    return pa.table(columns, names=table.schema.names)


def worded(table: pa.Table, words: dict[str, Words]) -> pa.Table:
    """The opposite."""
    columns = [
        words[name].column(whole(column)) if name in words else column
        for name, column in zip(table.schema.names, table.columns, strict=True)
    ]
    return pa.table(columns, names=table.schema.names)


def narrowed(column: Any) -> Any:
    """A dictionary column with only the words that it uses."""
    array = whole(column)
    if len(array.dictionary) <= _SMALL:
        return array
    filled = array.indices.fill_null(0) if array.null_count else array.indices
    indices: Ints = filled.to_numpy(zero_copy_only=False)
    is_used = np.zeros(len(array.dictionary), bool)
    is_used[indices] = True
    used = np.flatnonzero(is_used)
    if len(used) == len(array.dictionary):
        return array
    new = (np.cumsum(is_used, dtype=np.int32) - 1)[indices]
    mask = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    return pa.DictionaryArray.from_arrays(pa.array(new, pa.int32(), mask=mask), array.dictionary.take(pa.array(used)))


def whole(column: Any) -> Any:
    """A column as one array."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
    return array
