"""Whether the rows of a capture are in a lake: counted, and compared by a sum that every row has a part in. Reads only.

The sum covers everything that a row says but where it stands in the plant, which a model may change. It does not depend
on the order of rows, so a sorted lake and a capture in order of arrival are compared without sorting either.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from omptool.lake import layout, order
from omptool.lake.compact import read
from omptool.lake.table import Table

if TYPE_CHECKING:
    from omptool.lake.convert import Recording
    from omptool.store.location import Location

Hashes = npt.NDArray[np.uint64]

COLUMNS = (
    "time", "time_ns", "time_basis", "server_time", "server_time_ns", "receive_time", "server", "node_id", "type",
    "value", "value_exact", "value_text", "value_list", "raw", "status", "unit", "origin", "capture", "seq",
)  # fmt: skip
"""What is compared."""


@dataclass(slots=True)
class Sum:
    """Rows of one capture: how many, and their hashes added up."""

    rows: int = 0
    total: int = 0
    seqs: list[order.Ints] | None = field(default=None, repr=False)

    def add(self, hashes: Hashes, seq: order.Ints) -> None:
        self.rows += len(hashes)
        self.total = (self.total + int(hashes.sum(dtype=np.uint64))) & (2**64 - 1)
        if self.seqs is not None:
            self.seqs.append(seq)


@dataclass(frozen=True, slots=True)
class Compared:
    """A capture held against a lake.

    Attributes:
        expected: its rows up to what the lake says it took; `more` those behind that.
        found: its rows in the lake; `removed` those that compaction removed as duplicates.
        is_equal: whether the rows in the lake are those of the capture.
        is_cut: it let its first rows go, by age or size: rows in the lake from before those it has do not count here.
    """

    capture: str
    label: str
    expected: int
    more: int
    found: int
    removed: int
    is_equal: bool
    is_cut: bool = False

    @property
    def is_counted(self) -> bool:
        """Whether as many rows are there as must be; what was removed may be of the rows that the capture let go."""
        if not self.is_cut:
            return self.found + self.removed == self.expected
        return self.found <= self.expected <= self.found + self.removed

    @property
    def is_whole(self) -> bool:
        """Whether every row up to where the lake took it is there, or was removed because another one is equal."""
        return self.is_equal and self.is_counted


def compare(lake: Location, recording: Recording) -> Compared:
    """Hold a capture against a lake, row by row.

    Raises:
        LakeError: a file cannot be read.
        CaptureError: likewise of the capture.
    """
    table = Table(lake, "telemetry")
    done, removed = table.done(recording.id), table.done(layout.DUPLICATES_OF + recording.id)
    first = recording.first_seq
    found = Sum(seqs=[] if removed else None)
    for entry in table.entries():
        for part in read(entry.path, "telemetry", COLUMNS):
            is_mine = pc.equal(part["capture"].cast(pa.string()), recording.id)
            mine = part.filter(pc.and_(is_mine, pc.greater_equal(part["seq"], first)) if first > 1 else is_mine)
            if mine.num_rows:
                found.add(_hashes(mine), order.integers(mine["seq"]))
    expected, kept, more = Sum(), Sum(), 0
    present = None
    if found.seqs is not None:
        present = np.zeros(done + 1, bool)
        for seqs in found.seqs:
            present[seqs[seqs <= done]] = True
    for batch in recording.telemetry():
        rows = order.compact(batch.select(list(COLUMNS)))
        seq = order.integers(rows["seq"])
        more += int(np.count_nonzero(seq > done))
        if int(seq.max(initial=0)) > done:
            rows, seq = rows.filter(pa.array(seq <= done)), seq[seq <= done]
        hashes = _hashes(rows)
        expected.add(hashes, seq)
        if present is not None:
            kept.add(hashes[present[seq]], seq[present[seq]])
    same = kept if present is not None else expected
    is_equal = (same.rows, same.total) == (found.rows, found.total)
    return Compared(recording.id, recording.label, expected.rows, more, found.rows, removed, is_equal, first > 1)


def counts(table: Table, entries: Iterable[Any]) -> dict[str, int]:
    """Rows by capture."""
    found: dict[str, int] = {}
    for entry in entries:
        for part in read(entry.path, table.view, ["capture"]):
            for row in pc.value_counts(part["capture"].combine_chunks()).to_pylist():
                found[row["values"]] = found.get(row["values"], 0) + row["counts"]
    return found


def _hashes(table: pa.Table) -> Hashes:
    """A number per row that follows from the values of `COLUMNS`."""
    result: Hashes = np.zeros(table.num_rows, np.uint64)
    with np.errstate(over="ignore"):
        for number, name in enumerate(COLUMNS):
            codes = _numbers(table[name]) + np.uint64(number + 1)
            result = (result ^ codes) * np.uint64(0x9E3779B97F4A7C15)
            result ^= result >> np.uint64(29)
    return result


def _numbers(column: pa.ChunkedArray) -> Hashes:
    """A column as numbers: equal where the values are, whatever dictionary they stand in."""
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_timestamp(kind):
        valid = column.is_valid().to_numpy() if column.null_count else None
        plain = (column.cast(pa.int64()) if pa.types.is_timestamp(kind) else column).fill_null(0).to_numpy()
        numbers = plain.astype(np.float64 if pa.types.is_floating(kind) else np.int64, copy=False).view(np.uint64)
        return numbers if valid is None else np.where(valid, numbers, np.uint64(_NULL))
    return _words(column)


_NULL = 0x6E756C6C


def _words(column: pa.ChunkedArray) -> Hashes:
    """Texts, bytes, decimals and lists by the checksum of each distinct value."""
    if column.null_count == len(column):
        return np.full(len(column), _NULL, np.uint64)
    if pa.types.is_list(column.type):
        rows = [None if row is None else np.array(row, np.float64).tobytes() for row in column.to_pylist()]
        column = pa.chunked_array([pa.array(rows, pa.binary())])
    array = column.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    encoded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
    sums = np.array([*map(_checksum, encoded.dictionary.to_pylist()), _NULL], np.uint64)
    indices = encoded.indices.fill_null(len(sums) - 1).to_numpy(zero_copy_only=False)
    found: Hashes = sums[indices]
    return found


def _checksum(value: object) -> int:
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    return zlib.crc32(data) << 32 | len(data)
