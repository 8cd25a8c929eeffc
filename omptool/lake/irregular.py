"""Rows that are not as one expects: late, out of order, twice, or with a clock that cannot be right. Pure.

None of them is dropped here. They are told apart so that whoever converts knows what came, and so that compacting finds
the duplicates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from omptool.lake import layout, order
from omptool.lake.runs import Piece
from omptool.model.vocabulary import Origin

Mask = npt.NDArray[np.bool_]

SAME = ("server", "node_id", "status", "type", "value", "value_exact", "value_text", "value_list", "raw")
"""Besides the time: two rows that are equal in these columns are duplicates (C2)."""


@dataclass(slots=True)
class Irregular:
    """How many rows of a conversion are how.

    Attributes:
        clock_suspect: stamped before 2000 or more than an hour after receipt; filed by the date of receipt.
        late: live, and received more than an hour after their time.
        out_of_order: their time lies before that of a row of the same node that came earlier, within a site and date.
        duplicates: equal to another row of the same conversion in everything but how they came.
    """

    clock_suspect: int = 0
    late: int = 0
    out_of_order: int = 0
    duplicates: int = 0


class Watched:
    """Rows on their way into a file, counted as they pass: sorted, and equal times not cut apart.

    With `drops`, duplicates do not pass; `dropped` says how many, by capture.
    """

    def __init__(self, pieces: Iterable[Piece], irregular: Irregular, *, drops: bool = False) -> None:
        self._pieces = pieces
        self._irregular = irregular
        self._drops = drops
        self._left = 0
        self.dropped: Counter[str] = Counter()

    def __iter__(self) -> Iterator[pa.Table]:
        for piece in self._pieces:
            table, keys = piece.table, piece.keys
            self._irregular.out_of_order += out_of_order(table, keys)
            found = duplicates(table, keys)
            if found is None:
                yield table
                continue
            count = int(np.count_nonzero(found))
            self._irregular.duplicates += count
            if self._drops:
                self.dropped.update(_plain(table["capture"]).filter(pa.array(found)).to_pylist())
                table = table.filter(pa.array(~found))
            else:
                self._left += count
            yield table

    def facts(self) -> dict[str, str]:
        """What the file says of itself, when everything has passed."""
        return {layout.DUPLICATES_KEY: str(self._left)}


def out_of_order(table: pa.Table, keys: order.Ints) -> int:
    """How many rows, of those sorted by node and time, came after a row of the same capture with a later time."""
    seq = order.integers(table["seq"])
    same = keys[1:] == keys[:-1]
    if not bool((same & (np.diff(seq) < 0)).any()):
        return 0
    captures = order.ranks(table["capture"])
    if bool((captures == captures[0]).all()):
        return _behind(seq, keys)
    return sum(_behind(seq[mine], keys[mine]) for each in np.unique(captures) for mine in [captures == each])


def _behind(seq: order.Ints, keys: order.Ints) -> int:
    """Rows with a smaller `seq` somewhere behind them, within their node."""
    if len(seq) < 2:
        return 0
    group = np.concatenate(([0], np.cumsum(keys[1:] != keys[:-1])))
    # each node lies above the one before it, so that the running minimum from the end starts anew at every node
    lifted = seq + group * (int(seq.max()) + 1)
    least = np.minimum.accumulate(lifted[::-1])[::-1]
    return int(np.count_nonzero(least[1:] < lifted[:-1]))


def duplicates(table: pa.Table, keys: order.Ints) -> Mask | None:
    """Which rows, of those sorted by node and time, repeat another one; None when none does.

    Of equal rows the first of the first capture stays, one from a server's history only when all are from there.
    """
    time, fine = order.integers(table["time"]), order.integers(table["time_ns"])
    same = (keys[1:] == keys[:-1]) & (time[1:] == time[:-1]) & (fine[1:] == fine[:-1])
    if not bool(same.any()):
        return None
    begins = np.concatenate(([True], ~same))
    suspects = np.flatnonzero(~begins | np.concatenate((same, [False])))
    moment = np.cumsum(begins)[suspects]
    rows = table.take(pa.array(suspects))
    is_history = order.ranks(pc.equal(_plain(rows["origin"]), Origin.HISTORY.value).cast(pa.string()))
    equal = [moment, *(_codes(rows[name]) for name in SAME)]
    ordered = np.lexsort((np.arange(len(suspects)), order.ranks(rows["capture"]), is_history, *equal))
    repeats = np.ones(len(suspects) - 1, bool)
    for column in equal:
        column = column[ordered]
        repeats &= column[1:] == column[:-1]
    if not bool(repeats.any()):
        return None
    found = np.zeros(table.num_rows, bool)
    found[suspects[ordered[1:][repeats]]] = True
    return found


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _codes(column: pa.ChunkedArray) -> order.Ints:
    """A number per distinct value, the same for all nulls."""
    column = _plain(column)
    if pa.types.is_list(column.type):  # nothing in Arrow numbers lists; they are few
        rows = [None if row is None else np.array(row, np.float64).tobytes() for row in column.to_pylist()]
        column = pa.chunked_array([pa.array(rows, pa.binary())])
    encoded = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
    array = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    codes: order.Ints = array.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes
