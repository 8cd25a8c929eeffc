"""Undecoded notifications of one subscription → rows of a segment, with what only the order of arrival can tell.

That is: which value is an item's first one, which values an overflowing queue has swallowed and between which moments,
and which blocks do not decode. Pure: opens nothing, reads no clock; keeps a few numbers per node between calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from omptool.capture.encode import encode_items
from omptool.capture.format import Flag
from omptool.capture.rowclock import Anchor, RowClock
from omptool.errors import MalformedMessage
from omptool.model.status import INFO_TYPE_MASK, OVERFLOW, OVERFLOW_BIT
from omptool.protocol.columns import ItemColumns
from omptool.protocol.items import decode_items

Indexes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Block:
    """The values of one notification, undecoded.

    Attributes:
        count, items: as `protocol.publish.DataChange` has them.
        receive_ns, receive_mono: when it arrived, Unix nanoseconds and monotonic.
        sequence: of its message; `publish_ns` the server's clock when it was sent, None when unknown.
    """

    count: int
    items: bytes
    receive_ns: int
    receive_mono: int
    sequence: int
    publish_ns: int | None
    is_republished: bool = False


class Overflow(NamedTuple):
    """Values of a node that its queue discarded: they lay in [start_ns, end_ns)."""

    node: int
    start_ns: int
    end_ns: int


class Undecodable(NamedTuple):
    """Values of a block that are lost, because its bytes are not what they claim to be or name an item of nobody."""

    block: Block
    values: int
    error: str


class Encoded(NamedTuple):
    """Rows of `SEGMENT`, and what they say about rows that are not there."""

    rows: pa.RecordBatch | None
    overflows: tuple[Overflow, ...] = ()
    undecodable: tuple[Undecodable, ...] = ()


class RowEncoder:
    """Turns blocks into rows; one per subscription.

    Args:
        handles: ClientHandles are 1…handles.
        base: a node's handle in the capture is its ClientHandle plus this.
        sub: capture-local handle of the subscription.
        started_ns: Unix nanoseconds when its items were created; no value was missed before.
        slack_ns: one publishing interval.

    Attributes:
        clock: what PublishTimes mean on the clock of the rows.
    """

    def __init__(self, handles: int, *, sub: int, started_ns: int, slack_ns: int = 0, base: int = 0) -> None:
        self._sub = sub
        self._base = base
        self._nodes = np.arange(base, base + handles + 1, dtype=np.uint32)
        self._is_seen = np.zeros(handles + 1, dtype=np.bool_)
        self._last_ns = np.full(handles + 1, started_ns, dtype=np.int64)
        self.clock = RowClock(started_ns, slack_ns)

    def go_on(self, seen: Indexes, last_ns: npt.NDArray[np.int64], anchor: Anchor | None) -> None:
        """Rows of this subscription are in the capture already.

        Args:
            seen: the nodes they are of, as handles in the capture; `last_ns` the time of the last one of each.
            anchor: the last message, where rows run on a clock of their own.
        """
        self._is_seen[seen - self._base] = True
        self._last_ns[seen - self._base] = last_ns
        if anchor is not None:
            self.clock.note(*anchor)

    def encode(self, blocks: Sequence[Block], limit: int | None = None) -> Encoded:
        """Rows in order of arrival, at most `limit`.

        A block that does not decode is left out and named; it never takes others with it.
        """
        good, columns, undecodable = self._decode(blocks)
        picked, strangers = self._pick(good, columns.client_handle)
        undecodable += strangers
        picked = picked[:limit]
        if len(picked) < len(columns):
            columns = columns.take(picked)
        if not len(picked):
            return Encoded(None, (), undecodable)
        per_row = np.repeat(np.arange(len(good)), [block.count for block in good])[picked]
        flags = self._flags(good, per_row, columns.client_handle)
        rows = encode_items(
            columns,
            nodes=self._nodes,
            receive_time=np.array([block.receive_ns for block in good], np.int64)[per_row],
            receive_mono=np.array([block.receive_mono for block in good], np.int64)[per_row],
            sequence=np.array([block.sequence for block in good], np.uint32)[per_row],
            sub=self._sub,
            flags=flags,
        )
        times = _times(rows)
        overflows = self._overflows(columns.client_handle, columns.status, times)
        self._last_ns[columns.client_handle] = times
        self._note_clock(good, per_row, times, flags)
        return Encoded(rows, overflows, undecodable)

    def _pick(
        self, blocks: Sequence[Block], handles: npt.NDArray[np.uint32]
    ) -> tuple[Indexes, tuple[Undecodable, ...]]:
        """The values of our items, and who else was sent: one wrong handle costs no other value."""
        known = (handles > 0) & (handles < len(self._nodes))
        if known.all():
            return np.arange(len(handles)), ()
        starts = np.cumsum([0] + [block.count for block in blocks]).tolist()
        strangers = []
        for block, start, end in zip(blocks, starts, starts[1:], strict=False):
            odd = handles[start:end][~known[start:end]]
            if len(odd):
                error = f"ClientHandle {odd[0]} was never created"
                strangers.append(Undecodable(block, len(odd), error))
        return np.flatnonzero(known), tuple(strangers)

    def _decode(self, blocks: Sequence[Block]) -> tuple[list[Block], ItemColumns, tuple[Undecodable, ...]]:
        try:
            return list(blocks), _columns(blocks), ()
        except MalformedMessage:
            good, bad = [], []
        for block in blocks:
            try:
                _columns([block])
                good.append(block)
            except MalformedMessage as error:
                bad.append(Undecodable(block, block.count, error.message))
        return good, _columns(good), tuple(bad)

    def _flags(
        self, blocks: Sequence[Block], per_row: Indexes, handles: npt.NDArray[np.uint32]
    ) -> npt.NDArray[np.uint8]:
        flags = np.array([int(Flag.REPUBLISHED) if block.is_republished else 0 for block in blocks], np.uint8)[per_row]
        fresh = np.flatnonzero(~self._is_seen[handles])
        if len(fresh):
            _, first = np.unique(handles[fresh], return_index=True)
            flags[fresh[first]] |= int(Flag.INITIAL)
            self._is_seen[handles[fresh]] = True
        return flags

    def _overflows(
        self, handles: npt.NDArray[np.uint32], status: npt.NDArray[np.uint32], times: npt.NDArray[np.int64]
    ) -> tuple[Overflow, ...]:
        """The Overflow bit stands on the oldest value left: what was discarded lies between the one before and this."""
        marked = (status & np.uint32(INFO_TYPE_MASK | OVERFLOW_BIT)) == OVERFLOW
        if not marked.any():
            return ()
        order = np.argsort(handles, kind="stable")
        before = self._last_ns[handles[order]]
        same = handles[order][1:] == handles[order][:-1]
        before[1:] = np.where(same, times[order][:-1], before[1:])
        previous = np.empty_like(before)
        previous[order] = before
        return tuple(
            Overflow(
                self._base + int(handles[row]), int(min(previous[row], times[row])), int(max(previous[row], times[row]))
            )
            for row in np.flatnonzero(marked).tolist()
        )

    def _note_clock(
        self, blocks: Sequence[Block], per_row: Indexes, times: npt.NDArray[np.int64], flags: npt.NDArray[np.uint8]
    ) -> None:
        """Tell the clock the newest message, and the newest stamp in it."""
        changes = np.flatnonzero((flags & int(Flag.INITIAL)) == 0)
        rows = changes if len(changes) else np.arange(len(flags))
        newest = blocks[per_row[rows[-1]]]
        if newest.publish_ns is not None:
            stamps = times[rows[per_row[rows] == per_row[rows[-1]]]]
            self.clock.note(newest.publish_ns, int(stamps.max()), is_initial=not len(changes))


def _columns(blocks: Sequence[Block]) -> ItemColumns:
    return decode_items([(block.items, block.count) for block in blocks])


def _times(rows: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Source, else server, else receive time; Unix nanoseconds."""
    times = pc.coalesce(rows.column("source_time"), rows.column("server_time"), rows.column("receive_time"))
    result: npt.NDArray[np.int64] = times.cast(pa.int64()).to_numpy()
    return result
