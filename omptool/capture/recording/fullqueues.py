"""Queues that ran over in silence: a server that discards values and does not set the Overflow bit.

After a pause (a session that was taken up again, or a time in which omptool asked for nothing) a server sends what
waited. An item of which exactly as many values come as its queue holds, in one message or up to the end of another,
had a full queue, and what a full queue discards without a mark nobody knows. Only looked at after a pause; a server
that ever marks is believed. Pure: reads no clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.capture.encode import times_of
from omptool.capture.rows import Block, Overflow
from omptool.model.status import INFO_TYPE_MASK, OVERFLOW, OVERFLOW_BIT

CAUSE = "its queue was full and the server marked nothing"

_LONGEST_NS = 5_000_000_000
"""After a pause and two publishing intervals: what waited has come by then."""

_NOTHING = slice(0, 0)
_Times = npt.NDArray[np.int64]


class FullQueues:
    """Of one subscription, after one pause.

    Args:
        sizes: of the queues that discard the oldest value, by handle.
        last_ns: the time of the last value of each node from the handle `first` on; is kept and changed.
        published_ns: PublishTime of the last message with values; None = unknown.
        paused_ns: end of the pause, our clock.
        publishing_ns: the interval.
    """

    def __init__(
        self,
        sizes: Mapping[int, int],
        last_ns: _Times,
        published_ns: int | None,
        *,
        first: int,
        paused_ns: int,
        publishing_ns: int,
    ) -> None:
        self._sizes = sizes
        self._last_ns, self._first = last_ns, first
        self._published_ns = published_ns
        self._publishing_ns = publishing_ns
        self._until_ns = paused_ns + _LONGEST_NS + 2 * publishing_ns
        self._began_ns: int | None = None
        self._found: list[tuple[Any, Any]] = []
        self.is_over = False

    def follow(self, rows: pa.RecordBatch, blocks: Sequence[Block]) -> list[Overflow]:
        """Rows were stored, of these blocks; the nodes whose queue was full, once that is known."""
        nodes, times = rows.column("node").to_numpy(), times_of(rows)
        sequences, status = rows.column("sequence").to_numpy(), rows.column("status").to_numpy()
        runs = _runs(sequences)
        for sequence, group in groupby(blocks, key=lambda block: block.sequence):
            at = runs.get(sequence, _NOTHING)
            if is_marked(status[at]):
                self.is_over = True  # it marks
                return []
            ended = self._message(next(group), nodes[at], times[at])
            if self.is_over:
                return ended
        return []

    def end(self) -> list[Overflow]:
        """Nothing more comes of what waited."""
        self.is_over = True
        came: Counter[int] = Counter()
        first_ns: dict[int, int] = {}
        full: set[int] = set()
        for nodes, times in self._found:
            found = (each.tolist() for each in np.unique(nodes, return_index=True, return_counts=True))
            for node, first, count in zip(*found, strict=True):
                first_ns.setdefault(node, int(times[first]))
                came[node] += count
                if self._sizes.get(node) == came[node] > 1:  # the next message may bring what is new already
                    full.add(node)
        return [self._window(node, first_ns[node]) for node in sorted(full)]

    def _message(self, block: Block, nodes: Any, times: _Times) -> list[Overflow]:
        if block.is_republished or block.publish_ns is None:  # was sent before
            np.maximum.at(self._last_ns, nodes - self._first, times)
            return []
        if self._began_ns is None and not self._is_late(block.publish_ns):
            self._last_ns[nodes - self._first] = times
            self._published_ns = block.publish_ns
            self.is_over = block.receive_ns > self._until_ns
            return []
        self._began_ns = self._began_ns or block.publish_ns
        if block.publish_ns - self._began_ns > self._publishing_ns // 2:
            return self.end()
        self._found.append((nodes, times))
        return []

    def _is_late(self, publish_ns: int) -> bool:
        """Whether the server could send nothing before this message: then it brings what waited."""
        return self._published_ns is None or 2 * (publish_ns - self._published_ns) > 3 * self._publishing_ns

    def _window(self, node: int, first_ns: int) -> Overflow:
        ends = int(self._last_ns[node - self._first]), first_ns
        return Overflow(node, min(ends), max(ends))


def _runs(sequences: npt.NDArray[np.uint32]) -> dict[int, Any]:
    """By the number of a message where its rows are; they nearly always lie behind each other."""
    starts = np.flatnonzero(np.diff(sequences, prepend=0))
    starts = starts if len(starts) and not starts[0] else np.concatenate(([0], starts))
    runs: dict[int, Any] = {}
    for start, end in pairwise([*starts.tolist(), len(sequences)]):
        number = int(sequences[start]) if len(sequences) else 0
        runs[number] = slice(start, end) if number not in runs else np.flatnonzero(sequences == number)
    return runs


def is_marked(status: Any) -> bool:
    """Whether one of these has the Overflow bit."""
    return bool(((status & np.uint32(INFO_TYPE_MASK | OVERFLOW_BIT)) == OVERFLOW).any())
