"""Undecoded notifications of many subscriptions → rows of a segment, with what only the order of arrival can tell.

That is: which value is an item's first one, which values an overflowing queue has swallowed and between which moments,
and which blocks do not decode. Values of all servers are decoded together, because numpy and Arrow cost as much for ten
values as for thousands. Pure: opens nothing, reads no clock; keeps a few numbers per node between calls, and none of
them changes when a call fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.capture.encode import encode_items, times_of
from omptool.capture.format import Flag
from omptool.capture.order import Order, is_steady
from omptool.capture.rowclock import Anchor, RowClock
from omptool.errors import MalformedMessage
from omptool.model.status import INFO_TYPE_MASK, OVERFLOW, OVERFLOW_BIT
from omptool.model.times import ticks_to_unix_ns
from omptool.protocol.columns import ItemColumns
from omptool.protocol.items import decode_items
from omptool.protocol.ledger import LAST, step
from omptool.protocol.statement import Statement

Indexes = npt.NDArray[np.intp]
T = TypeVar("T", bound=np.generic)
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Block:
    """The values or events of one notification, undecoded.

    Attributes:
        count, items: as `protocol.publish.DataChange` and `Events` have them.
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

    @property
    def stored(self) -> int:
        return 0 if self.rows is None else int(self.rows.num_rows)


class Together(NamedTuple):
    """Rows of several subscriptions, those of one behind each other, and by subscription what they say.

    Attributes:
        starts: where the rows of each begin, and where the last one's end.
    """

    rows: pa.RecordBatch | None
    starts: list[int]
    overflows: list[tuple[Overflow, ...]]
    undecodable: list[tuple[Undecodable, ...]]

    def of(self, number: int) -> Encoded:
        """Those of one subscription."""
        start, end = self.starts[number], self.starts[number + 1]
        rows = None if self.rows is None or start == end else self.rows.slice(start, end - start)
        return Encoded(rows, self.overflows[number], self.undecodable[number])


class NodeMemory:
    """By a node's handle in the capture: whether a value of it has come, and the time of its last one."""

    def __init__(self) -> None:
        self.is_seen = np.zeros(0, dtype=np.bool_)
        self.last_ns = np.zeros(0, dtype=np.int64)

    def begin(self, handles: range, started_ns: int) -> None:
        """New items exist for these nodes; nothing of them was missed before."""
        more = handles.stop - len(self.is_seen)
        if more > 0:
            more = max(more, len(self.is_seen))
            self.is_seen = np.concatenate((self.is_seen, np.zeros(more, np.bool_)))
            self.last_ns = np.concatenate((self.last_ns, np.zeros(more, np.int64)))
        self.is_seen[handles.start : handles.stop] = False
        self.last_ns[handles.start : handles.stop] = started_ns


class RowEncoder:
    """What turns blocks of one subscription into rows.

    Args:
        handles: ClientHandles are 1…handles.
        base: a node's handle in the capture is its ClientHandle plus this.
        sub: capture-local handle of the subscription.
        started_ns: Unix nanoseconds when its items were created; no value was missed before.
        slack_ns: one publishing interval.
        memory: shared by all who are encoded together.

    Attributes:
        clock: what PublishTimes mean on the clock of the rows.
        order: which message was the last one, and what was skipped.
    """

    def __init__(
        self,
        handles: int,
        *,
        sub: int,
        started_ns: int,
        slack_ns: int = 0,
        base: int = 0,
        memory: NodeMemory | None = None,
    ) -> None:
        self.sub = sub
        self.base = base
        self.handles = handles
        self.memory = memory or NodeMemory()
        self.memory.begin(range(base + 1, base + handles + 1), started_ns)
        self.clock = RowClock(started_ns, slack_ns)
        self.order = Order()

    def go_on(self, seen: Indexes, last_ns: npt.NDArray[np.int64], anchor: Anchor | None, said: Statement) -> None:
        """Rows of this subscription are in the capture already.

        Args:
            seen: the nodes they are of, as handles in the capture; `last_ns` the time of the last one of each.
            anchor: the last message, where rows run on a clock of their own.
            said: the account of all that came.
        """
        self.memory.is_seen[seen] = True
        self.memory.last_ns[seen] = last_ns
        if anchor is not None:
            self.clock.note(*anchor)
        self.order.newest = step(said.next, -1) if said.received else 0
        for hole in said.missing:
            before_ns = ticks_to_unix_ns(hole.before_ticks) if hole.before_ticks else None
            self.order.skipped(hole.first, np.minimum(self.last_times()[1], self.clock.since(before_ns)))

    def last_times(self) -> tuple[int, npt.NDArray[np.int64]]:
        """The first handle, and from it on the time of the last value of each node, else when its item was created."""
        first = self.base + 1
        return first, self.memory.last_ns[first : first + self.handles].copy()

    def before(self, number: int) -> tuple[int, npt.NDArray[np.int64]]:
        """Likewise, as it was before this message, which comes late; where that is forgotten, since the beginning."""
        first = self.base + 1
        known = self.order.before(number)
        return first, np.full(self.handles, self.clock.started_ns) if known is None else known

    def encode(self, blocks: Sequence[Block], limit: int | None = None) -> Encoded:
        """Rows in order of arrival, at most `limit`; see `encode_together`."""
        return encode_together([(self, blocks)], limit).of(0)


Part = tuple[RowEncoder, Sequence[Block]]


def encode_together(parts: Sequence[Part], limit: int | None = None) -> Together:
    """Rows of several subscriptions with one memory, each in order of arrival, at most `limit` of all.

    A block that does not decode is left out and named; it never takes others with it.
    """
    batch = _Batch(parts)
    batch.pick(limit)
    undecodable = batch.undecodable()
    if not len(batch.columns):
        nothing: list[tuple[Overflow, ...]] = [() for _ in parts]
        return Together(None, [0] * (len(parts) + 1), nothing, undecodable)
    return batch.encode(undecodable)


class _Batch:
    """Blocks of several subscriptions on their way into rows."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self.memory = parts[0][0].memory
        blocks = [block for _, blocks in parts for block in blocks]
        part_of = [number for number, (_, blocks) in enumerate(parts) for _ in blocks]
        self.bad: list[tuple[int, Undecodable]] = []
        good, self.columns = self._decode(list(zip(part_of, blocks, strict=True)))
        self.blocks = [block for _, block in good]
        self.part_of = np.array([number for number, _ in good], np.intp)
        self.counts = np.array([block.count for block in self.blocks], np.intp)
        """Rows of each block; they lie behind each other."""

    def _decode(self, numbered: list[tuple[int, Block]]) -> tuple[list[tuple[int, Block]], ItemColumns]:
        try:
            return numbered, _columns([block for _, block in numbered])
        except MalformedMessage as error:
            if len(numbered) == 1:
                [(number, block)] = numbered
                self.bad.append((number, Undecodable(block, block.count, error.message)))
                return [], _columns([])
        half = len(numbered) // 2
        good = self._decode(numbered[:half])[0] + self._decode(numbered[half:])[0]
        return good, _columns([block for _, block in good])

    def pick(self, limit: int | None) -> None:
        """Keep the values of our items, at most `limit`, and note who else was sent: one wrong handle costs no other
        value."""
        handles = self.columns.client_handle
        limits = np.array([encoder.handles for encoder, _ in self.parts], np.int64)
        if len(handles) and not (handles.min() > 0 and handles.max() <= limits.min()):
            known = (handles > 0) & (handles <= self._spread(limits[self.part_of]))
            if not known.all():
                self._leave_out(known)
        if limit is not None and limit < len(self.columns):
            self._keep(np.arange(limit))

    def _leave_out(self, known: npt.NDArray[np.bool_]) -> None:
        handles, block_of = self.columns.client_handle, self._spread(np.arange(len(self.blocks)))
        for at in np.unique(block_of[~known]).tolist():
            odd = handles[(block_of == at) & ~known]
            error = f"ClientHandle {odd[0]} was never created"
            self.bad.append((int(self.part_of[at]), Undecodable(self.blocks[at], len(odd), error)))
        self._keep(np.flatnonzero(known))

    def _keep(self, rows: Indexes) -> None:
        block_of = self._spread(np.arange(len(self.blocks)))[rows]
        self.counts = np.bincount(block_of, minlength=len(self.blocks))
        self.columns = self.columns.take(rows)

    def _spread(self, of_blocks: npt.NDArray[T]) -> npt.NDArray[T]:
        """What is said of each block, for each of its rows."""
        return np.repeat(of_blocks, self.counts)

    def _of_parts(self, said: list[int]) -> npt.NDArray[np.uint32] | int:
        """What is said of each part, for each row; a single number where there is but one."""
        if len(said) == 1:
            return said[0]
        return self._spread(np.array(said, np.uint32)[self.part_of])

    def undecodable(self) -> list[tuple[Undecodable, ...]]:
        """By part, those that do not decode before those of strangers."""
        found: list[list[Undecodable]] = [[] for _ in self.parts]
        for number, bad in self.bad:
            found[number].append(bad)
        return [tuple(each) for each in found]

    def encode(self, undecodable: list[tuple[Undecodable, ...]]) -> Together:
        columns, spread = self.columns, self._spread
        handles = columns.client_handle + np.uint32(self._of_parts([encoder.base for encoder, _ in self.parts]))
        flags = self._flags(handles)
        rows = encode_items(
            columns,
            nodes=handles,
            receive_time=spread(np.array([block.receive_ns for block in self.blocks], np.int64)),
            receive_mono=spread(np.array([block.receive_mono for block in self.blocks], np.int64)),
            sequence=spread(np.array([block.sequence for block in self.blocks], np.uint32)),
            sub=self._of_parts([encoder.sub for encoder, _ in self.parts]),
            flags=0 if flags is None else flags,
        )
        times = times_of(rows)
        in_parts = np.bincount(self.part_of, self.counts, len(self.parts)).astype(np.intp)
        starts = [0, *np.cumsum(in_parts).tolist()]
        late = self._late(handles, times)
        overflows = self._overflows(handles, columns.status, times, starts, late)
        in_order = slice(None) if late is None else ~self._spread(late)
        self.memory.last_ns[handles[in_order]] = times[in_order]
        self._note_clocks(times, flags)
        return Together(rows, starts, overflows, undecodable)

    def _flags(self, handles: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8] | None:
        """None, as nearly always: no row has any."""
        seen = self.memory.is_seen[handles]
        republished = [int(Flag.REPUBLISHED) * block.is_republished for block in self.blocks]
        if seen.all() and not any(republished):
            return None
        flags = self._spread(np.array(republished, np.uint8))
        fresh = np.flatnonzero(~seen)
        _, first = np.unique(handles[fresh], return_index=True)
        flags[fresh[first]] |= int(Flag.INITIAL)
        self.memory.is_seen[handles[fresh]] = True
        return flags

    def _late(self, handles: npt.NDArray[np.uint32], times: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_] | None:
        """The blocks that come behind later ones of their subscription; None, as nearly always: none does."""
        sequences = np.array([block.sequence for block in self.blocks], np.int64)
        firsts = np.flatnonzero(np.diff(self.part_of, prepend=-1))
        orders = [self.parts[number][0].order for number in self.part_of[firsts].tolist()]
        before = np.roll(sequences, 1)
        before[firsts] = [order.newest or LAST for order in orders]
        ends = [*firsts[1:].tolist(), len(self.blocks)]
        if is_steady(sequences, before):
            for order, end in zip(orders, ends, strict=True):
                order.newest = self.blocks[end - 1].sequence
            return None
        late, per_row = np.zeros(len(self.blocks), np.bool_), self._spread(np.arange(len(self.blocks)))
        for order, start, end in zip(orders, firsts.tolist(), ends, strict=True):
            encoder = self.parts[int(self.part_of[start])][0]

            def last_before(place: int, start: int = start, encoder: RowEncoder = encoder) -> npt.NDArray[np.int64]:
                first, last_ns = encoder.last_times()
                rows = np.flatnonzero((per_row >= start) & (per_row < start + place) & ~late[per_row])
                last_ns[handles[rows] - first] = times[rows]
                return last_ns

            order.follow(self.blocks[start:end], last_before, late[start:end])
        return late

    def _overflows(
        self,
        handles: npt.NDArray[np.uint32],
        status: npt.NDArray[np.uint32],
        times: npt.NDArray[np.int64],
        starts: list[int],
        late: npt.NDArray[np.bool_] | None,
    ) -> list[tuple[Overflow, ...]]:
        """The Overflow bit stands on the oldest value left: what was discarded lies between the one before and this."""
        found: list[list[Overflow]] = [[] for _ in self.parts]
        if late is None and not status.any():
            return [() for _ in self.parts]
        marked = (status & np.uint32(INFO_TYPE_MASK | OVERFLOW_BIT)) == OVERFLOW
        if late is None and not marked.any():
            return [() for _ in self.parts]
        previous, per_row = np.empty_like(times), self._spread(np.arange(len(self.blocks)))
        rows = np.arange(len(times)) if late is None else np.flatnonzero(~late[per_row])
        previous[rows] = _previous(handles[rows], times[rows], self.memory.last_ns)
        for at in () if late is None else np.flatnonzero(late).tolist():
            rows = np.flatnonzero(per_row == at)
            encoder = self.parts[int(self.part_of[at])][0]
            first, last_ns = encoder.before(self.blocks[at].sequence)
            previous[rows] = _previous(handles[rows] - first, times[rows], last_ns)
            last_ns[handles[rows] - first] = times[rows]
        rows = np.flatnonzero(marked)
        parts = np.searchsorted(starts, rows, side="right") - 1
        for part, row in zip(parts.tolist(), rows.tolist(), strict=True):
            ends = int(previous[row]), int(times[row])
            found[part].append(Overflow(int(handles[row]), min(ends), max(ends)))
        return [tuple(each) for each in found]

    def _note_clocks(self, times: npt.NDArray[np.int64], flags: npt.NDArray[np.uint8] | None) -> None:
        """Tell the clock of each part its newest message, and the newest stamp in it; changes before initial values."""
        numbers = np.flatnonzero(self.counts)
        first = (np.cumsum(self.counts) - self.counts)[numbers]
        newest_change = newest = np.maximum.reduceat(times, first)
        if flags is not None:
            newest_change = np.maximum.reduceat(np.where(flags & int(Flag.INITIAL), _NEVER, times), first)
        told: dict[int, tuple[bool, int, int]] = {}
        for at, part, change, any_ in zip(
            numbers.tolist(), self.part_of[numbers].tolist(), newest_change.tolist(), newest.tolist(), strict=True
        ):
            is_change = change != _NEVER
            if is_change or not told.get(part, (False,))[0]:
                told[part] = (is_change, at, change if is_change else any_)
        for part, (is_change, at, stamp) in told.items():
            publish_ns = self.blocks[at].publish_ns
            if publish_ns is not None:
                self.parts[part][0].clock.note(publish_ns, stamp, is_initial=not is_change)


def _previous(
    handles: npt.NDArray[np.uint32], times: npt.NDArray[np.int64], last_ns: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """For each row, in order, the time of the value of its node before it; `last_ns` by handle before the first."""
    order = np.argsort(handles, kind="stable")
    before = last_ns[handles[order]]
    same = handles[order][1:] == handles[order][:-1]
    before[1:] = np.where(same, times[order][:-1], before[1:])
    previous = np.empty_like(before)
    previous[order] = before
    return previous


def _columns(blocks: Sequence[Block]) -> ItemColumns:
    return decode_items([(block.items, block.count) for block in blocks])
