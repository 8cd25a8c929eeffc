"""Many undecoded items to columns at once: the hot path from PublishResponse bytes to a capture.

Blocks of items arrive in small pieces; here they are joined and sorted by shape. Where a whole block is items of one
shape and size, a numpy view reads all of them, after every single row has been checked for that shape: a wrong row
would shift all that follow. Where shapes alternate, a walk finds each item by its plan (`plans`); rare shapes are only
measured, and kept as bytes.

Bytes are hostile: the result is columns or MalformedMessage; work and memory stay proportional to the bytes given.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omptool.errors import MalformedMessage
from omptool.protocol import skip
from omptool.protocol.columns import ItemColumns, Records, Rows, fill_tail, fill_value
from omptool.protocol.plans import DATA_VALUE_PLANS, NOTIFICATION_PLANS, Plan, Plans
from omptool.protocol.wire import I32, NO_DIAGNOSTICS, Reader, malformed

_LOCALIZED_TEXT = 21
_LOOK_AHEAD = 12
"""Equal items in a row after which numpy looks for the end of the run; below, its call costs more than it saves."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block inside the joined bytes: items [row, row + count) lie in bytes [start, end)."""

    start: int
    end: int
    count: int
    row: int


Runs = defaultdict[Plan, list[int]]
"""By plan, flat triples: (start, count, row) of equal items behind each other, or (start, end of value, row) of
measured ones."""


def decode_items(blocks: Sequence[tuple[bytes, int]]) -> ItemColumns:
    """Decode MonitoredItemNotifications.

    Args:
        blocks: (bytes, number of items) as `publish.DataChange` has them, in order of arrival.

    Returns:
        One row per item, in that order.

    Raises:
        MalformedMessage: a block is not that many items.
    """
    return _Decoder(blocks, NOTIFICATION_PLANS).columns


def decode_data_values(data: bytes, count: int) -> ItemColumns:
    """Decode the DataValues of a ReadResponse; `client_handle` is the index of the result.

    Raises:
        MalformedMessage: the bytes are not `count` DataValues.
    """
    columns = _Decoder([(data, count)], DATA_VALUE_PLANS).columns
    columns.client_handle[:] = np.arange(count)
    return columns


class _Decoder:
    """One batch on its way into columns."""

    def __init__(self, blocks: Sequence[tuple[bytes, int]], plans: Plans) -> None:
        self.plans = plans
        # One byte of padding: the encoding byte of an item without a value may be read, and is ignored.
        self.data = b"".join([*(block for block, _ in blocks), b"\0"])
        self.runs: Runs = defaultdict(list)
        self.measured: Runs = defaultdict(list)
        placed = list(_place(blocks, smallest=plans.head + 1))
        self.columns = ItemColumns.blank(sum(block.count for block in placed))
        try:
            for block in self._uniform(placed):
                self._walk(block)
        except (IndexError, struct.error):
            malformed("an item that is cut off or has an unknown mask", len(self.data))
        for plan, triples in self.runs.items():
            records, rows = self._records(plan, triples)
            self._fill(plan, records, rows)
        for plan, triples in self.measured.items():
            self._fill_measured(plan, triples)

    def _uniform(self, blocks: Iterable[Block]) -> list[Block]:
        """Settle the blocks of one shape; give back those that must be walked.

        The first item says what the shape would be. If the block's length fits, all its rows are checked, together
        with those of all other such blocks.
        """
        data, table, head = self.data, self.plans.table, self.plans.head
        rest: list[Block] = []
        candidates: dict[Plan, list[Block]] = {}
        for block in blocks:
            if not block.count:
                self._check_rest(block.start, block.end)
                continue
            at = block.start + head
            plan = table[data[at]][data[at + 1]] or self._make(at)
            if plan.size * block.count == block.end - block.start:
                candidates.setdefault(plan, []).append(block)
            else:
                rest.append(block)
        for plan, found in candidates.items():
            triples = [number for block in found for number in (block.start, block.count, block.row)]
            records, rows = self._records(plan, triples)
            wrong = _differs(plan, records)
            if wrong.any():
                counts = [block.count for block in found]
                bad = set(np.repeat(np.arange(len(found)), counts)[wrong].tolist())
                rest += [block for index, block in enumerate(found) if index in bad]
                good = [block for index, block in enumerate(found) if index not in bad]
                if good:
                    self.runs[plan] = [number for block in good for number in (block.start, block.count, block.row)]
            else:
                self._fill(plan, records, rows)
        return rest

    def _walk(self, block: Block) -> None:
        """Find every item of a block of mixed shapes. `at` is the place of an item's mask."""
        data, table, head, runs = self.data, self.plans.table, self.plans.head, self.runs
        at, row, last = block.start + head, block.row, block.row + block.count
        stop = block.end + head
        plan = table[data[at]][data[at + 1]] or self._make(at)
        while row < last:
            start, size = at - head, plan.size
            if not size:
                value_end = self._measure(plan, at + 1, block.end, row)
                self.measured[plan].extend((start, value_end, row))
                at = value_end + plan.tail_size + head
                row += 1
                if row < last:
                    plan = table[data[at]][data[at + 1]] or self._make(at)
                continue
            current, count = plan, 1
            at += size
            while row + count < last:
                plan = table[data[at]][data[at + 1]] or self._make(at)
                if plan is not current:
                    break
                count += 1
                at += size
                if count == _LOOK_AHEAD:
                    more = self._run_length(plan, at - head, min(last - row - count, (stop - at) // size))
                    count += more
                    at += more * size
            runs[current].extend((start, count, row))
            row += count
        if at != stop:
            self._check_rest(at - head, block.end)

    def _make(self, at: int) -> Plan:
        return self.plans.make(self.data[at], self.data[at + 1])

    def _run_length(self, plan: Plan, position: int, limit: int) -> int:
        """How many items from `position` on have this plan; at most `limit`. Looks ahead in growing steps, so that
        short runs in a long block do not make it quadratic."""
        done, step = 0, 64
        while done < limit:
            count = min(step, limit - done)
            ahead = np.ndarray((count,), plan.record, self.data, position + done * plan.size)
            wrong = _differs(plan, ahead)
            if wrong.any():
                return done + int(wrong.argmax())
            done += count
            step *= 4
        return done

    def _measure(self, plan: Plan, start: int, end: int, row: int) -> int:
        """Store text and bytes of a value of variable size whose Variant begins at `start`; return where it ends."""
        data, columns = self.data, self.columns
        unit = plan.unit
        if unit:
            length = I32(data, start + 1)[0]
            body = start + 5
            stop: int = body + length * unit if length > 0 else body
            if length < -1 or stop > end:
                malformed(f"a length of {length} where {end - body} bytes are left", start + 1)
            if not plan.is_text:
                columns.raw[row] = data[start:stop]
            elif length >= 0:
                try:
                    columns.text[row] = data[body:stop].decode()
                except UnicodeDecodeError:
                    columns.raw[row] = data[start:stop]
            return stop
        reader = Reader(data, start, end)
        skip.variant(reader)
        stop = reader.pos
        if plan.encoding == _LOCALIZED_TEXT:
            self._store_localized(start, stop, row)
        else:
            columns.raw[row] = data[start:stop]
        return stop

    def _store_localized(self, start: int, end: int, row: int) -> None:
        """LocalizedText: the text alone rebuilds it when there is no locale; the empty one (mask 0) is the null
        value."""
        data, columns = self.data, self.columns
        if data[start + 1]:
            text = Reader(data, start + 1, end).localized_text().text
            columns.text[row] = text
            if text is None or text.encode() != data[start + 6 : end]:
                columns.raw[row] = data[start:end]

    def _check_rest(self, position: int, end: int) -> None:
        """Bytes behind the last item: damage, or the diagnostics of a server that sends them unasked, less the four
        bytes that were cut off because they look like an empty array."""
        for cut in (b"", *NO_DIAGNOSTICS):
            rest = Reader(self.data[position:end] + cut)
            try:
                rest.skip_diagnostic_infos()
            except MalformedMessage:
                continue
            if rest.pos == rest.end > 4:
                return
        malformed(f"items end at byte {position} of {end}", position)

    def _records(self, plan: Plan, triples: list[int]) -> tuple[Records, Rows]:
        """Runs of one plan as one array of records, without a copy when they lie behind each other."""
        starts, counts, rows = _columns_of(triples)
        size = plan.size
        # Bytes behind each other are rows behind each other: blocks are joined in the order of their rows.
        if (starts[1:] == starts[:-1] + counts[:-1] * size).all():
            total = int(counts.sum())
            first = int(rows[0])
            return np.ndarray((total,), plan.record, self.data, int(starts[0])), slice(first, first + total)
        if int(counts.sum()) == len(counts):
            return self._gather(plan.record, starts), rows
        inner = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        offsets = np.repeat(starts, counts) + inner * size
        return self._gather(plan.record, offsets), np.repeat(rows, counts) + inner

    def _gather(self, record: np.dtype[np.void], offsets: NDArray[np.int64]) -> Records:
        """Copy records from any offsets; numpy checks each against the bounds."""
        size = record.itemsize
        anywhere = np.ndarray((len(self.data) - size + 1,), f"V{size}", self.data, 0, (1,))
        picked = anywhere[offsets]
        return np.ndarray(picked.shape, record, picked.data)

    def _fill(self, plan: Plan, records: Records, rows: Rows) -> None:
        if self.plans.head:
            self.columns.client_handle[rows] = records["handle"]
        fill_value(self.columns, plan, records, rows)
        fill_tail(self.columns, plan, records, rows)

    def _fill_measured(self, plan: Plan, triples: list[int]) -> None:
        starts, value_ends, rows = _columns_of(triples)
        if self.plans.head:
            handles = self._gather(np.dtype([("handle", "<u4")]), starts)
            self.columns.client_handle[rows] = handles["handle"]
        if plan.tail_size:
            fill_tail(self.columns, plan, self._gather(plan.record, value_ends), rows)
        else:
            self.columns.vtype[rows] = plan.vtype


def _place(blocks: Iterable[tuple[bytes, int]], smallest: int) -> Iterable[Block]:
    """Where each block lies once joined, those without bytes left out; the announced counts are checked against the
    bytes."""
    start = row = 0
    for data, count in blocks:
        size = len(data)
        if count < 0 or count * smallest > size:
            malformed(f"{count} items in {size} bytes", start)
        if size:
            yield Block(start, start + size, count, row)
        start += size
        row += count


def _differs(plan: Plan, records: Records) -> NDArray[np.bool_]:
    """Which records are not of this plan, whatever the bytes at their place are."""
    wrong: NDArray[np.bool_] = records["mask"] != plan.mask
    if plan.mask & 1:
        wrong |= records["encoding"] != plan.encoding
    return wrong


def _columns_of(triples: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    table = np.array(triples, np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]
