"""Writes a capture: rows, journal, gaps and node tables go in, and what `commit` returned for is on disk.

One writer per capture (`LOCK`), not a thread of its own, not thread-safe. It decides when a segment is full; what the
rows mean is none of its business. docs/reference/capture-format.md describes the result.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from omptool.capture import batches, cache, encode, oplog
from omptool.capture.carried import LastValues
from omptool.capture.commits import Commit
from omptool.capture.entries import Entries, until_text
from omptool.capture.format import (
    EVENTS_KIND,
    KEY_CARRIED,
    KEY_UNTIL,
    ROTATE_BYTES,
    ROTATE_SECONDS,
    SCHEMAS,
    TELEMETRY_KIND,
    segment_file,
)
from omptool.capture.fresh import FreshFiles
from omptool.capture.lock import Lock
from omptool.capture.nodecolumns import NodeColumns
from omptool.capture.nodetable import ServerIdentity, write_nodes, write_types
from omptool.capture.placing import SegmentLine, check_free, make_folder, new_id, session_facts
from omptool.capture.retired import Start, Story
from omptool.capture.segment import Encoder, SegmentFile
from omptool.errors import OutputFailed
from omptool.model.nodes import MonitoredNode
from omptool.model.vocabulary import GapReason, GapState

if TYPE_CHECKING:
    from omptool.capture.resume import Standing

Clock = Callable[[], int]


class CaptureWriter:
    """An open capture.

    Rows get `seq` in the order of `append`, dense from 1. Nothing is acknowledged before `commit` returned.
    """

    def __init__(
        self,
        path: Path,
        capture_id: str,
        lock: Lock,
        session: Mapping[str, Any],
        rotate: tuple[int, float],
        clock: Clock,
        mono: Clock,
    ) -> None:
        """Use `create` or `resume`."""
        self.path = path
        self.id = capture_id
        self._lock = lock
        self._clock, self._mono = clock, mono
        self._rotate_bytes, self._rotate_ns = rotate[0], int(rotate[1] * 1e9)
        self._session = {**session_facts(clock()), **session}
        self._telemetry, self._events = SegmentLine(TELEMETRY_KIND), SegmentLine(EVENTS_KIND)
        self.entries = Entries()
        self._fresh, self._columns = FreshFiles(path), NodeColumns()
        self._marks: dict[int, int] = {}
        self._last_values = LastValues()
        self._node_tables: list[dict[str, Any]] = []
        self._subs = 0
        self._closed = False

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        force: bool = False,
        session: Mapping[str, Any] | None = None,
        rotate_bytes: int = ROTATE_BYTES,
        rotate_seconds: float = ROTATE_SECONDS,
        clock: Clock = time.time_ns,
        mono: Clock = time.monotonic_ns,
        capture_id: str | None = None,
        story: Story | None = None,
    ) -> CaptureWriter:
        """Start a capture in the folder `path` and write its `start` to the journal (with the first commit).

        Args:
            force: replace a capture that is already there, never anything else.
            session: facts for the session record; JSON.
            rotate_bytes, rotate_seconds: a segment ends when it is as large or as old.
            clock, mono: Unix nanoseconds; of the wall, and of a clock that nobody sets.
            capture_id: C2 capture; default a new one. Two captures must never have the same.
            story: keeps copies of all entries, so that segments can go; see `retired`.

        Raises:
            OutputExists: something is there and `force` does not apply.
            Busy: another process writes this capture.
            DiskFull, OutputFailed: the folder cannot be made or written.
        """
        check_free(path, force)
        make_folder(path)
        lock = Lock(path)
        try:
            check_free(path, force)  # another process may have been here in between
            cache.clear(path)
            rotate = (rotate_bytes, rotate_seconds)
            writer = cls(path, capture_id or new_id(clock()), lock, session or {}, rotate, clock, mono)
            writer.entries.story = story
            writer._write_cache("recording", strict=True)
        except BaseException:
            lock.release()
            raise
        writer.journal("start", detail=writer._session)
        return writer

    @classmethod
    def resume(
        cls,
        standing: Standing,
        *,
        session: Mapping[str, Any] | None = None,
        rotate_bytes: int = ROTATE_BYTES,
        rotate_seconds: float = ROTATE_SECONDS,
        clock: Clock = time.time_ns,
        mono: Clock = time.monotonic_ns,
        story: Story | None = None,
    ) -> CaptureWriter:
        """Go on with a capture: cut its torn tails, and write `resume` to its journal (with the first commit).

        Args:
            standing: of `take_up`; its lock is the writer's from now on, its numbering goes on.
            session and further: as for `create`; `story` with what the segments hold already.

        Raises:
            DiskFull, OutputFailed: a tail cannot be cut; the lock is still held.
        """
        cut = standing.cut_tails()
        rotate = (rotate_bytes, rotate_seconds)
        writer = cls(standing.path, standing.capture_id, standing.lock, session or {}, rotate, clock, mono)
        writer._telemetry, writer._events = standing.telemetry, standing.events
        writer.entries = Entries(standing.next_entry, story)
        writer._last_values = standing.last_values
        writer._node_tables = list(standing.node_tables)
        writer._subs = standing.subs
        writer._write_cache("recording")
        writer.journal("resume", detail={**writer._session, **standing.facts, "torn_bytes": cut})
        return writer

    @property
    def rows(self) -> int:
        """Telemetry rows appended so far, committed or not, by all who wrote this capture."""
        return self._telemetry.next_row - 1

    @property
    def event_rows(self) -> int:
        return self._events.next_row - 1

    @property
    def lines(self) -> tuple[SegmentLine, SegmentLine]:
        """The segments of each kind."""
        return self._telemetry, self._events

    def forget_before(self, starts: Mapping[str, Start]) -> None:
        """Closed segments before these are gone, by kind."""
        for line in self.lines:
            line.retire(starts[line.name])
        self._write_cache("recording")

    @property
    def pending_bytes(self) -> int:
        """Encoded bytes in memory that no commit has acknowledged."""
        return sum(line.file.pending_bytes for line in self.lines if line.file is not None)

    @property
    def bytes_written(self) -> int:
        """Acknowledged bytes of all segments that this writer began."""
        return sum(line.written_bytes for line in self.lines)

    def put_nodes(self, server: ServerIdentity, nodes: Sequence[MonitoredNode]) -> None:
        """Record a server and its nodes; before the first row that uses their handles.

        Give every node known below Objects, not only monitored ones (the others have handle 0): places (C5) are found
        from the objects above a variable. A later call for the same server describes rows appended after it. When the
        namespace array changed, use new handles.

        Raises:
            DiskFull, OutputFailed: nothing is recorded; call again.
        """
        types_file = write_types(self._fresh, server)
        name = write_nodes(self._fresh, server, types_file, nodes, self._columns)
        entry = {"file": name, "first_row": self._telemetry.next_row, "server": server.server}
        self._node_tables.append(entry)
        self.journal("nodes", server=server.server, detail=entry | {"types": types_file, "nodes": len(nodes)})

    def subscription(
        self, server: str, *, epoch: int, subscription_id: int, detail: Mapping[str, Any] | None = None
    ) -> int:
        """Bind a new capture-local `sub` handle to (server, session epoch, SubscriptionId) and journal `subscribe`."""
        self._subs += 1
        bound = {"epoch": epoch, "subscription_id": subscription_id}
        self.journal("subscribe", server=server, sub=self._subs, detail={**(detail or {}), **bound})
        return self._subs

    def journal(
        self,
        kind: str,
        *,
        server: str | None = None,
        sub: int | None = None,
        detail: Mapping[str, Any] | None = None,
        time_ns: int | None = None,
    ) -> None:
        """Add an entry, ordered with the rows around it; on disk with the next commit.

        Args:
            kind: see the reference; `sub` is the handle from `subscription`, `detail` JSON.
            time_ns: Unix nanoseconds; default now.
        """
        self.entries.journal(kind, server, sub, detail, self._clock() if time_ns is None else time_ns)
        oplog.entry(kind, server, detail)

    def gap(
        self,
        reason: GapReason,
        *,
        server: str,
        start_ns: int,
        end_ns: int | None,
        state: GapState,
        node: int | None = None,
        sub: int | None = None,
        missing: int | None = None,
        detail: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> None:
        """Add a window [start, end) in which values may be missing (C3 `gaps`); on disk with the next commit.

        Args:
            node: handle of the one node concerned; None = all nodes of the subscription or server.
            end_ns: None = until unknown.
            key: names a window that is written again when more is known; the last one written holds.
        """
        again = {} if key is None else {"key": key}
        self.entries.gap(
            server=server, node=node, sub=sub, start_ns=start_ns, end_ns=end_ns, reason=str(reason), missing=missing,
            state=str(state), detail=detail, **again,
        )  # fmt: skip
        oplog.window(str(reason), server, start_ns, end_ns, missing, detail)

    def append(self, batch: pa.RecordBatch, until: Mapping[int, int] | None = None) -> int:
        """Add rows of `SEGMENT`; returns the `seq` of the first one.

        Args:
            until: by `sub` handle, the moment (Unix nanoseconds, clock of the rows) up to which nothing that it sent
                is still to be written; where a window begins if the writer dies after this.
        """
        moments = {**self._marks, **(until or {})}
        self._marks.clear()
        first = self._append(self._telemetry, batch, {KEY_UNTIL: until_text(moments)} if moments else None)
        self._last_values.note(batch)
        return first

    def mark(self, sub: int, ns: int) -> None:
        """Say `until` of `append` where there are no rows; on disk with the next commit."""
        self._marks[sub] = ns

    def last_values(self, handles: range) -> pa.RecordBatch:
        """The last known value of each of these nodes that has one."""
        rows = self._last_values.rows()
        nodes = rows.column("node").to_numpy()
        return rows.filter(pa.array((nodes >= handles.start) & (nodes < handles.stop)))

    def forget(self, handles: Iterable[int]) -> None:
        """These handles get no rows any more: their last values are not carried into further segments."""
        self._last_values.forget(handles)

    def carry(self, batch: pa.RecordBatch) -> None:
        """Take in values that held before the first row: not counted, carried at the start of each segment.

        Before the first `append` or `commit`.
        """
        self._last_values.note(batch)

    def append_events(self, batch: pa.RecordBatch) -> int:
        """Add rows of `EVENT_SEGMENT`; returns the `seq` of the first one (events count on their own)."""
        return self._append(self._events, batch)

    def commit(self) -> Commit | None:
        """Write and sync everything added so far; returns the newest commit of the telemetry segments.

        Raises:
            DiskFull, OutputFailed: the files end at the last good commit, everything since is still in memory.
        """
        self._fresh.sync()
        self._put_entries()
        if self._marks:
            self._open(self._telemetry).add(None, {KEY_UNTIL: until_text(self._marks)})
            self._marks.clear()
        for kind in (self._events, self._telemetry):
            file = kind.file
            if file is None:
                continue
            if file.has_open_interval:
                file.seal(self._clock())
            file.flush()
            kind.sequence = file.next_sequence
        last = self._telemetry.file.last if self._telemetry.file else None
        self._rotate_when_due()
        return last

    def close(self, kind: str = "stop", detail: Mapping[str, Any] | None = None) -> None:
        """End the capture: journal `kind`, commit, end-of-stream marks, capture.json, lock released.

        Raises:
            DiskFull, OutputFailed: what was not committed is lost and the journal has no `stop`; everything
                acknowledged is safe, files and lock are released all the same.
        """
        if self._closed:
            return
        self.journal(kind, detail={"rows": self.rows, "event_rows": self.event_rows, **(detail or {})})
        try:
            self.commit()
        finally:
            self._closed = True
            for each in self.lines:
                self._finish(each)
            self._write_cache("closed")
            self._lock.release()

    def _append(self, kind: SegmentLine, batch: pa.RecordBatch, custom: Mapping[bytes, bytes] | None = None) -> int:
        schema = SCHEMAS[kind.name]
        if not batch.schema.equals(schema):
            raise ValueError(f"not a batch of the {kind.name} schema: {batch.schema}")
        self._put_entries()
        file = self._open(kind)
        first = kind.next_row
        pieces = list(batches.split(batch))
        for number, piece in enumerate(pieces, 1):
            file.add(piece, custom if number == len(pieces) else None, span=encode.span(piece))
        kind.next_row += batch.num_rows
        return first

    def _put_entries(self) -> None:
        for custom in self.entries.drain():
            self._open(self._telemetry).add(None, custom)
        if self.entries.story is not None:
            self.entries.story.settle(self._telemetry.number)

    def _open(self, kind: SegmentLine) -> SegmentFile:
        if kind.file is None:
            kind.number += 1
            encoder = Encoder(
                SCHEMAS[kind.name].with_metadata(kind.metadata(self.id, self._node_tables, self._session))
            )
            path = self.path / segment_file(kind.name, kind.number)
            kind.file = SegmentFile(path, encoder, self.id, sequence=kind.sequence, first_row=kind.next_row)
            if kind.name == TELEMETRY_KIND:
                self._carry(kind.file)
            kind.file.seal(self._clock())
            kind.opened_mono = self._mono()
        return kind.file

    def _carry(self, file: SegmentFile) -> None:
        rows = self._last_values.rows()
        if rows.num_rows:
            for piece in batches.split(rows):
                file.add(piece, {KEY_CARRIED: str(piece.num_rows).encode()}, counted=False)

    def _rotate_when_due(self) -> None:
        for kind in (self._events, self._telemetry):
            file = kind.file
            age = self._mono() - kind.opened_mono
            if file is not None and (file.good >= self._rotate_bytes or age >= self._rotate_ns):
                self._finish(kind)
                oplog.entry("rotated", None, kind.done[-1])
                self._write_cache("recording")

    def _finish(self, kind: SegmentLine) -> None:
        file = kind.file
        if file is None:
            return
        file.finish()
        kind.close()

    def _write_cache(self, state: str, *, strict: bool = False) -> None:
        segments = [entry for line in self.lines for entry in line.closed]
        starts = {line.name: line.start for line in self.lines}
        with contextlib.suppress(*(() if strict else (OutputFailed,))):
            cache.write(self.path, self.id, state=state, segments=segments, nodes=self._node_tables, starts=starts)
