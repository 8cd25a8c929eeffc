"""Fills a window from the server's history: which rows are new, and whether they are all that belongs there.

History proves nothing by itself: it may be sampled, late, or lost with a restart. What can be checked is checked: it
must come without an error, and hold the value that the capture has just before the window and the one just after it.
Where a node has the same value with the same stamp on both sides, nothing happened to it. Pure: asks nobody.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from omptool.capture.encode import encode_items, times_of
from omptool.capture.format import Flag
from omptool.model import status
from omptool.protocol.columns import ItemColumns

MARGIN_NS = 60_000_000_000
"""So far before and behind a window the values on either side of it are asked for too."""

_NO_VALUE = np.array(
    [status.code_of(name) for name in ("BadBoundNotFound", "BadBoundNotSupported", "BadNoData")], np.uint32
)
_SAID = ["status", "vtype", "v_f64", "v_i64", "v_bool", "v_str", "raw"]
_CAUSES = 5
"""Different causes named in one window."""


class Edge(NamedTuple):
    """A row that the capture has beside a window: its time (Unix nanoseconds, source else server), and what it says."""

    at_ns: int
    key: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch that may be filled.

    Attributes:
        key, sub, reason, detail: of the gap, which is written again.
        start_ns, end_ns: Unix nanoseconds, clock of the rows.
        node: the handle of the only one concerned; None = all.
        missing: of the gap.
    """

    key: str
    sub: int | None
    reason: str
    detail: Mapping[str, Any]
    start_ns: int
    end_ns: int
    node: int | None = None
    missing: int | None = None


class Fill:
    """Nodes and their windows: one of all of them, or one of each.

    Args:
        windows: by the handle of a node, in the order in which they are asked for.
        before: last rows before the windows; `after` the first ones behind, as far as there are any.
        known: what was received in windows of a subscription that stood; None = there was none.
    """

    def __init__(
        self,
        windows: Mapping[int, Window],
        before: pa.RecordBatch,
        after: pa.RecordBatch,
        known: pa.RecordBatch | None = None,
    ) -> None:
        self.windows = windows
        self.handles = list(windows)
        self.rows: Counter[int] = Counter()
        self.duplicates: Counter[int] = Counter()
        self._before, self._after = edges(before), edges(after)
        self._is_part = known is not None
        self._known = set() if known is None else set(_said(known))
        self._begins: set[int] = set()
        self._ends: set[int] = set()

    @property
    def span(self) -> tuple[int, int]:
        """What to ask for: the windows, and the values beside them where they are near."""
        start = min(window.start_ns for window in self.windows.values())
        end = max(window.end_ns for window in self.windows.values())
        firsts = [edge.at_ns for edge in self._before.values() if edge.at_ns >= start - MARGIN_NS]
        lasts = [edge.at_ns for edge in self._after.values() if edge.at_ns <= end + MARGIN_NS]
        return min([start, *firsts]), max([end, *lasts]) + 100

    def is_unchanged(self, handle: int) -> bool:
        """Whether nothing happened to a node in the window: the value on both sides is the same one."""
        before = self._before.get(handle)
        return before is not None and before == self._after.get(handle)

    def asked(self, historized: Set[int]) -> list[int]:
        """The numbers of the nodes whose history is needed, and that have one."""
        return [n for n, handle in enumerate(self.handles) if handle in historized and self._is_needed(handle)]

    def _is_needed(self, handle: int) -> bool:
        # without the value before a part, nobody knows any more what was received in it
        return not self.is_unchanged(handle) and (handle in self._before or not self._is_part)

    def take(self, number: int, columns: ItemColumns, *, sub: int, receive_ns: int, mono_ns: int) -> pa.RecordBatch:
        """The rows of `SEGMENT` that the capture lacks, of some values of the node with this number."""
        handle = self.handles[number]
        rows = encode_items(
            columns,
            nodes=handle,
            receive_time=receive_ns,
            receive_mono=mono_ns,
            sequence=0,
            sub=sub,
            flags=int(Flag.HISTORY),
        )
        rows = rows.filter(pa.array(~np.isin(columns.status, _NO_VALUE)))
        times = times_of(rows)
        before, after = self._before.get(handle), self._after.get(handle)
        self._begins |= {handle} & _holding(rows, times, before, handle)
        self._ends |= {handle} & _holding(rows, times, after, handle)
        low = self.windows[handle].start_ns - 1 if before is None else before.at_ns
        high = self.windows[handle].end_ns if after is None else after.at_ns
        kept = rows.filter(pa.array((times > low) & (times < high)))
        if self._is_part:
            is_new = [self._is_new(said) for said in _said(kept)]
            self.duplicates[handle] += len(is_new) - sum(is_new)
            kept = kept.filter(pa.array(is_new, pa.bool_()))
        self.rows[handle] += kept.num_rows
        return kept

    def _is_new(self, said: tuple[Any, ...]) -> bool:
        known = len(self._known)
        self._known.add(said)
        return len(self._known) > known

    def missing(self, number: int, ending: str) -> str:
        """Why the window of a node is not filled; empty when all of it is."""
        handle = self.handles[number]
        if self.is_unchanged(handle):
            return ""
        if ending:
            return ending
        if handle not in self._before or handle not in self._after:
            return "there is no value beside the window to compare with"
        if handle not in self._begins:
            return "the value before the window is not in it"
        return "" if handle in self._ends else "the value after the window is not in it"

    def evidence(self, causes: Mapping[int, str]) -> dict[str, Any]:
        """What a gap says of its history: `missing` of each of its nodes, by handle."""
        named = Counter(cause for cause in causes.values() if cause)
        rows, dropped = (sum(each[handle] for handle in causes) for each in (self.rows, self.duplicates))
        return {
            "nodes": len(causes),
            "filled": len(causes) - named.total(),
            "rows": rows,
            **({"duplicates": dropped} if dropped else {}),
            "not_filled": dict(named.most_common(_CAUSES)),
        }


def edges(rows: pa.RecordBatch) -> dict[int, Edge]:
    """By handle, the row of each; of several the last."""
    times = times_of(rows)
    found = zip(rows.column("node").to_pylist(), times.tolist(), rows.select(_SAID).to_pylist(), strict=True)
    return {handle: Edge(at_ns, _key(row)) for handle, at_ns, row in found}


def _holding(rows: pa.RecordBatch, times: Any, edge: Edge | None, handle: int) -> set[int]:
    if edge is None:
        return set()
    same = rows.filter(pa.array(times == edge.at_ns)).select(_SAID).to_pylist()
    return {handle} if any(_key(row) == edge.key for row in same) else set()


def _said(rows: pa.RecordBatch) -> list[tuple[Any, ...]]:
    """Of each row the node, the time and what it says."""
    found = zip(rows.column("node").to_pylist(), times_of(rows).tolist(), rows.select(_SAID).to_pylist(), strict=True)
    return [(handle, at_ns, *_key(row)) for handle, at_ns, row in found]


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Value and status of a row; of the status the upper half, for history and subscription have flags of their own."""
    number = row["v_f64"]
    bits = None if number is None else struct.pack("<d", number)
    return row["status"] >> 16, row["vtype"], bits, row["v_i64"], row["v_bool"], row["v_str"], row["raw"]
