"""Rows as few numbers while they wait, are sorted and merged: texts that go together are one number per row.

Where a node stands and what it is called are nine columns that follow from the node, and how a row came five with few
combinations, so a row moves as a handful of numbers and gets its texts back when it is written. Columns that are null
throughout are left out on the way. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omptool.lake.order import REPEATED, Ints
from omptool.lake.words import Words, whole

NODE = "_omp_node"
"""Column of packed rows: the number of what a row says of its node."""

_TOGETHER = {
    NODE: ("site", "area", "line", "machine", "tag", "path", "server", "node_id", "unit"),
    "_omp_kind": ("time_basis", "type", "quality", "origin", "capture"),
}
_ROOM = 1 << 62
_SMALL = 1 << 20


class Packing:
    """The texts of one conversion; all rows have the same columns."""

    def __init__(self) -> None:
        self._groups: dict[str, _Together] = {}
        self._words: dict[str, Words] = {}
        self._fields: dict[str, pa.DataType] = {}
        self._ranks: Ints = np.empty(0, np.int64)

    def pack(self, rows: pa.RecordBatch | pa.Table) -> pa.Table:
        """The rows in their order, texts as numbers."""
        columns = {name: _column(name, column) for name, column in zip(rows.schema.names, rows.columns, strict=True)}
        if not self._fields:
            self._fields = {name: column.type for name, column in columns.items()}
            present = {name: [each for each in names if each in columns] for name, names in _TOGETHER.items()}
            self._groups = {name: _Together(names) for name, names in present.items() if names}
        packed = {}
        for name, group in self._groups.items():
            packed[name] = group.numbers([columns.pop(member) for member in group.names])
        for name, column in columns.items():
            if column.null_count < len(column) or not len(column):
                is_text = pa.types.is_dictionary(column.type)
                packed[name] = self._words.setdefault(name, Words()).numbers(column) if is_text else column
        return pa.table(packed)

    def unpack(self, packed: pa.Table) -> pa.Table:
        """The columns that the rows had, each dictionary with no more words than they use."""
        found: dict[str, Any] = {}
        for name, group in self._groups.items():
            found |= group.columns(integers32(packed[name]))
        have = set(packed.schema.names)
        for name, kind in self._fields.items():
            if name in found:
                continue
            if name not in have:
                found[name] = pa.nulls(packed.num_rows, kind)
            else:
                words = self._words.get(name)
                found[name] = packed[name] if words is None else words.column(whole(packed[name]))
        return pa.table([found[name] for name in self._fields], names=list(self._fields))

    def ranks(self) -> Ints:
        """By the number in `NODE`, the rank of (machine, node_id), bytewise."""
        group = self._groups[NODE]
        if len(self._ranks) != len(group):
            names = list(zip(group.texts("machine"), group.texts("node_id"), strict=True))
            distinct = sorted(set(names), key=lambda name: (name[0].encode(), name[1].encode()))
            rank_of = {name: rank for rank, name in enumerate(distinct)}
            self._ranks = np.array([rank_of[name] for name in names], np.int64)
        return self._ranks


def integers32(column: Any) -> Any:
    """A column of packed numbers."""
    return whole(column).to_numpy(zero_copy_only=False)


def _column(name: str, column: Any) -> Any:
    array = whole(column)
    is_plain = name in REPEATED and not pa.types.is_dictionary(array.type)
    return pc.dictionary_encode(array) if is_plain else array


class _Together:
    """Columns of texts that are one number: the combinations that were met, in that order."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._known: dict[tuple[int, ...], int] = {}
        self._words = [Words() for _ in names]
        self._codes: list[Any] = []
        self._last: tuple[list[Any], Any] | None = None

    def __len__(self) -> int:
        return len(self._known)

    def numbers(self, columns: Sequence[pa.DictionaryArray]) -> pa.Array:
        """One number per row."""
        if _share_indices(columns):  # as a capture gives them: every dictionary has an entry per node
            dictionaries = [column.dictionary for column in columns]
            if self._last is None or not _are_same(self._last[0], dictionaries):
                self._last = dictionaries, self._given([_words(each) for each in dictionaries])
            return pa.array(self._last[1][columns[0].indices.to_numpy()], pa.int32())
        codes = [_codes(column) for column in columns]
        varying = [code for code in codes if code[1] > 1]
        count = len(columns[0])
        if not count or not varying:
            return pa.array(np.repeat(self._at(columns, np.zeros(min(count, 1), np.int64)), count), pa.int32())
        starts = _stretches([code for code, _ in varying])
        if 4 * len(starts) > count:
            firsts, positions = _distinct(varying)
            return pa.array(self._at(columns, firsts)[positions], pa.int32())
        firsts, positions = _distinct([(code[starts], size) for code, size in varying])
        given = self._at(columns, starts[firsts])[positions]
        return pa.array(np.repeat(given, np.diff(np.append(starts, count))), pa.int32())

    def _at(self, columns: Sequence[pa.DictionaryArray], rows: Ints) -> Any:
        at = pa.array(rows)
        return self._given([column.take(at).cast(pa.string()).to_pylist() for column in columns])

    def _given(self, texts: Sequence[list[str | None]]) -> Any:
        """The number of each combination."""
        known = self._known
        coded = [words.coded(each) for words, each in zip(self._words, texts, strict=True)]
        return np.array([known.setdefault(key, len(known)) for key in zip(*coded, strict=True)], np.int32)

    def texts(self, name: str) -> list[str]:
        """The words of a column by number; empty where there is none."""
        position = self.names.index(name) if name in self.names else None
        if position is None:
            return [""] * len(self)
        words = [*self._words[position].array.to_pylist(), ""]
        return [words[key[position]] for key in self._known]

    def columns(self, numbers: Any) -> dict[str, pa.DictionaryArray]:
        """The columns of such numbers."""
        if not self._codes or len(self._codes[0]) != len(self._known):
            keys = np.array(list(self._known), np.int32).reshape(len(self._known), len(self.names))
            self._codes = [np.ascontiguousarray(keys[:, position]) for position in range(len(self.names))]
        starts = _stretches([numbers])
        lengths = np.diff(np.append(starts, len(numbers)))
        firsts = numbers[starts]
        return {
            name: words.spread(codes[firsts], lengths)
            for name, words, codes in zip(self.names, self._words, self._codes, strict=True)
        }


def _words(dictionary: pa.Array) -> list[str | None]:
    found: list[str | None] = dictionary.to_pylist()
    return found


def _share_indices(columns: Sequence[pa.DictionaryArray]) -> bool:
    """Whether all columns point at their words by the same numbers, without a null."""
    if len(columns) < 2 or any(column.null_count for column in columns):
        return False
    places = {(column.indices.offset, column.indices.buffers()[1].address) for column in columns}
    return len(places) == 1 and len({len(column.dictionary) for column in columns}) == 1


def _are_same(known: Sequence[pa.Array], dictionaries: Sequence[pa.Array]) -> bool:
    return all(old.equals(new) for old, new in zip(known, dictionaries, strict=True))


def _codes(column: pa.DictionaryArray) -> tuple[Ints, int]:
    """The positions of words, null behind the last, and how many there may be."""
    size = len(column.dictionary)
    indices = column.indices
    if indices.null_count:
        return indices.fill_null(size).to_numpy(zero_copy_only=False), size + 1
    return indices.to_numpy(zero_copy_only=False), max(size, 1)


def _stretches(codes: Sequence[Any]) -> Ints:
    """Where rows begin that differ from the one before."""
    if not len(codes[0]):
        return np.empty(0, np.int64)
    differs = np.ones(len(codes[0]), bool)
    differs[1:] = codes[0][1:] != codes[0][:-1]
    for code in codes[1:]:
        differs[1:] |= code[1:] != code[:-1]
    return np.flatnonzero(differs)


def _distinct(codes: Sequence[tuple[Ints, int]]) -> tuple[Ints, Any]:
    """Of rows of codes: one row of every combination, and by row the position of its own among these."""
    keys: Ints = codes[0][0].astype(np.int64)
    size = codes[0][1]
    for code, count in codes[1:]:
        if size > _ROOM // count:
            keys, size = _dense(keys, size)
        keys, size = keys * count + code, size * count
    keys, size = _dense(keys, size)
    firsts = np.empty(size, np.int64)
    firsts[keys[::-1]] = np.arange(len(keys))[::-1]
    return firsts, keys


def _dense(keys: Ints, size: int) -> tuple[Ints, int]:
    """The same rows told apart by numbers without holes."""
    if size <= max(_SMALL, len(keys)):
        is_used = np.zeros(size, bool)
        is_used[keys] = True
        return (np.cumsum(is_used) - 1)[keys], int(np.count_nonzero(is_used))
    encoded = pc.dictionary_encode(pa.array(keys))
    return encoded.indices.to_numpy(zero_copy_only=False), len(encoded.dictionary)
