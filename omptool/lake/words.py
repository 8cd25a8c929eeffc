"""One dictionary of words per text column for a whole conversion: rows carry numbers, and no dictionaries are merged.

Pure. Numbers are given in the order in which words are met; they order nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    @property
    def array(self) -> pa.Array:
        """All words, by number."""
        if self._array is None or len(self._array) != len(self._numbers):
            self._array = pa.array(self._numbers, pa.string())
        return self._array

    def coded(self, words: Sequence[str | None]) -> list[int]:
        """The number of each word; -1 for none."""
        known = self._numbers
        return [-1 if word is None else known.setdefault(word, len(known)) for word in words]

    def numbers(self, column: pa.DictionaryArray) -> pa.Array:
        """The column with the number of its words instead of the words; nulls stay."""
        given = np.array(self.coded(column.dictionary.to_pylist()), np.int32)
        if len(given) and bool((given == np.arange(len(given))).all()):
            return column.indices
        numbers = pa.array(given, pa.int32(), mask=given < 0)
        return numbers.take(column.indices)

    def column(self, numbers: pa.Array) -> pa.DictionaryArray:
        """The words of such numbers."""
        return pa.DictionaryArray.from_arrays(numbers, self.array)

    def spread(self, numbers: Any, lengths: Ints) -> pa.DictionaryArray:
        """Each word (-1 for none) so many times, in a dictionary of these words only."""
        is_used = np.zeros(len(self._numbers) + 1, bool)  # the last one is that of -1
        is_used[numbers] = True
        used = np.flatnonzero(is_used[:-1])
        places = np.empty(len(is_used), np.int32)
        places[used] = np.arange(len(used))
        indices = np.repeat(places[numbers], lengths)
        mask = np.repeat(numbers < 0, lengths) if is_used[-1] else None
        return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32(), mask=mask), self.array.take(pa.array(used)))


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
