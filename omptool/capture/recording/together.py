"""What several servers sent goes into the capture as one batch of rows: the shared half of writing.

A batch costs the same work for ten values as for thousands, and with 3,000 servers there is a commit four times a
second. Whatever is particular to one server is its `RecordingStore`'s, and what one of them fails at is its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from omptool.capture.account import EventCount
from omptool.capture.recording.outage import Hole
from omptool.capture.recording.terms import Quota
from omptool.capture.recording.typechanges import TypeMemory
from omptool.capture.rows import Block, NodeMemory, Together, encode_together
from omptool.capture.writer import CaptureWriter
from omptool.errors import OutputFailed
from omptool.protocol.statement import Statement

if TYPE_CHECKING:
    from omptool.capture.recording.store import RecordingStore

MOST_VALUES = 1 << 16
"""Values decoded at once: enough that the fixed costs vanish, few enough that columns take a few megabytes."""


class Books:
    """What all servers of one capture write into.

    Args:
        quota: how many rows it may take; any number when None.
    """

    def __init__(self, writer: CaptureWriter, quota: Quota | None = None) -> None:
        self.writer = writer
        self.quota = quota or Quota(None)
        self.nodes = NodeMemory()
        self.types = TypeMemory()


class Entry(NamedTuple):
    """What came from one server: values, where messages are missing, and the account of all up to and with these.

    `events` says what became of the events that came with them, which are stored already.
    """

    store: RecordingStore
    blocks: Sequence[Block]
    holes: Sequence[Hole] = ()
    statement: Statement | None = None
    events: EventCount | None = None

    @property
    def values(self) -> int:
        return sum(block.count for block in self.blocks)


def append_together(books: Books, entries: Sequence[Entry]) -> list[Exception | None]:
    """Store the values of these entries, up to the asked number of rows; what went wrong with each.

    Raises:
        OutputFailed: the capture cannot be written.
    """
    outcomes: list[Exception | None] = []
    for group in _groups(entries):
        if books.quota.is_full:  # what arrives on the way out was not asked for
            outcomes += [None for _ in group]
        else:
            outcomes += _append(books, group)
    return outcomes


def _groups(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Neighbours, as many as are decoded at once."""
    ends, total = [], 0
    for entry in entries:
        total += entry.values
        ends.append((total - 1) // MOST_VALUES)
    for _, group in groupby(zip(ends, entries, strict=True), key=lambda pair: pair[0]):
        yield [entry for _, entry in group]


def _append(books: Books, entries: Sequence[Entry]) -> list[Exception | None]:
    limit = books.quota.left
    try:
        rows = encode_together([(entry.store.encoder, entry.blocks) for entry in entries], limit)
    except Exception as error:
        if isinstance(error, OutputFailed):
            raise
        if len(entries) > 1:  # nothing was stored yet, so each can be tried alone
            return [outcome for entry in entries for outcome in _append(books, [entry])]
        return [error]
    first_seq = books.writer.rows + 1
    if rows.rows is not None:
        is_cut = rows.rows.num_rows == limit  # then not all of these blocks is stored
        moments = {} if is_cut else dict(filter(None, (entry.store.covered(entry.blocks) for entry in entries)))
        books.writer.append(rows.rows, moments)
        books.quota.take(rows.rows.num_rows)
        _note_types(books, entries, rows, first_seq)
    return [_book(entry, rows, number) for number, entry in enumerate(entries)]


def _note_types(books: Books, entries: Sequence[Entry], rows: Together, first_seq: int) -> None:
    """Journal where a node's values change their type."""
    assert rows.rows is not None
    changes = books.types.changes(rows.rows)
    if changes:
        times = rows.rows.column("receive_time").cast(pa.int64())
        for number, group in groupby(changes, key=lambda change: bisect_right(rows.starts, change.row) - 1):
            told = [(change, first_seq + change.row, times[change.row].as_py()) for change in group]
            entries[number].store.types_changed(told)


def _book(entry: Entry, rows: Together, number: int) -> Exception | None:
    try:
        entry.store.account.add(entry.events)
        entry.store.booked(rows.of(number), entry.blocks, entry.holes, entry.statement)
    except Exception as error:
        if isinstance(error, OutputFailed):
            raise
        return error
    return None
