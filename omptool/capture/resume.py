"""Takes up a capture that an earlier process left, killed or stopped: where its numbering stands, and what is open.

Reading and locking only; whoever writes on (`CaptureWriter.resume`) cuts the torn tails first. Damage is not worked
around: what `recover` has to decide is not decided here. Knows no server.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.capture import cache, evidence, recover
from omptool.capture.carried import LastValues
from omptool.capture.damage import Damage
from omptool.capture.encode import trusted_times
from omptool.capture.entries import GapEntry, JournalEntry
from omptool.capture.format import EVENTS_KIND, FREE_HANDLES, TELEMETRY_KIND, UNSENT, Flag, segment_file
from omptool.capture.lastheard import last_reading
from omptool.capture.lock import Lock
from omptool.capture.nodetable import ServerIdentity
from omptool.capture.placing import SegmentLine
from omptool.capture.position import Position, positions
from omptool.capture.reader import Capture
from omptool.capture.rowclock import FOREIGN_CLOCK_NS
from omptool.capture.segment import remove
from omptool.capture.steps import Reading
from omptool.capture.story import counted_until, last_recorded
from omptool.config import ServerConfig
from omptool.errors import Damaged, NotACapture
from omptool.model.nodes import MonitoredNode
from omptool.model.vocabulary import GapReason

_ENDED = frozenset({GapReason.CLIENT_STOPPED, GapReason.DISK_FULL})
"""Reasons of a window that an end of the recording itself opened."""


@dataclass(frozen=True, slots=True)
class Left:
    """What earlier runs left of one server.

    Attributes:
        identity, nodes: as last described.
        since_ns: everything the server sent before is in the capture; `by_our_clock` where its own was never heard.
        recorded_ns: when anything was committed last, our clock.
        is_foreign: its rows run on a clock of their own, as far as the last ones tell.
        sub, epoch: of its last subscription; None and 0 when it never had one. `room`: the handles that it has, of
            which those behind its nodes are free.
        reading: of its clock and ours, when it was heard last; None where its rows do not tell.
        windows: still without an end: of the whole server, then of single nodes.
        last_values: rows of `SEGMENT`, the newest of each node.
    """

    identity: ServerIdentity
    nodes: tuple[MonitoredNode, ...]
    since_ns: int
    recorded_ns: int
    by_our_clock: bool
    is_foreign: bool
    sub: int | None
    epoch: int
    windows: tuple[GapEntry, ...]
    last_values: pa.RecordBatch
    room: range
    reading: Reading | None

    @property
    def handles(self) -> dict[str, int]:
        """NodeId → handle of the monitored nodes, in the order of the handles."""
        numbered = sorted((node.handle, node.node.node_id) for node in self.nodes if node.handle)
        return {node_id: handle for handle, node_id in numbered}

    @property
    def handle_range(self) -> range:
        """The same as numbers; empty where they are not dense, as no omptool leaves them."""
        return _dense(list(self.handles.values()))

    @property
    def ended(self) -> GapEntry | None:
        """The window that the end of an earlier run opened, if it was written."""
        return next((gap for gap in self.windows if gap.node is None and gap.reason in _ENDED), None)

    def is_of(self, server: ServerConfig) -> bool:
        """Whether this is the server that the configuration means."""
        if server.name is not None and self.identity.name is not None:
            return server.name == self.identity.name
        return server.url == self.identity.url


@dataclass(frozen=True, slots=True)
class Standing:
    """A capture that is locked and can be written on.

    Attributes:
        capture: as it was found.
        lock: held; belongs to the writer as soon as there is one.
        next_entry: `seq` of the next journal entry; `next_handle` of nodes; `run` counts the times it was taken up.
        positions: by server where its subscription stands, or why nobody can go on with it.
        facts: what the journal says about the end of the run before.
    """

    path: Path
    capture: Capture
    lock: Lock
    telemetry: SegmentLine
    events: SegmentLine
    next_entry: int
    subs: int
    next_handle: int
    run: int
    node_tables: tuple[dict[str, Any], ...]
    last_values: LastValues
    left: Mapping[str, Left]
    positions: Mapping[str, Position | str]
    facts: Mapping[str, Any]

    @property
    def capture_id(self) -> str:
        return self.capture.id

    def left_of(self, server: ServerConfig) -> Left | None:
        """What was left of this server; None when it is new to the capture."""
        return next((left for left in self.left.values() if left.is_of(server)), None)

    def cut_tails(self) -> int:
        """Cut off what was never acknowledged, and delete what retention had given up; returns bytes cut.

        Raises:
            DiskFull, OutputFailed: not (all) cut; call again.
        """
        remove([self.capture.path / name for name in self.capture.leftover])
        numbers = {(part.kind, part.number) for part in self.capture.parts}
        return sum(
            recover.cut(part.index, is_last=(part.kind, part.number + 1) not in numbers) for part in self.capture.parts
        )


def take_up(path: Path) -> Standing:
    """Lock a capture and find out where it stands; nothing but the lock's text is written.

    Raises:
        Busy: another process writes it.
        NotACapture, UnsupportedFormat: it is none, or of a newer omptool.
        Damaged: more than a torn tail.
    """
    if not path.is_dir() or not cache.is_capture(path):
        raise NotACapture(f"{path} is not a capture, so it cannot be resumed", "choose another name")
    lock = Lock(path)
    try:
        capture = Capture.open(path)
        if capture.damage:
            raise _damaged(path, capture.damage[0])
        return _standing(path, capture, lock)
    except BaseException:
        lock.release()
        raise


def _damaged(path: Path, first: Damage) -> Damaged:
    """Rows can be taken out by `recover`; node tables cannot be made up."""
    hint = "record into another folder" if first.kind == "nodes" else f"omptool recover {path}"
    return Damaged(f"{path} is damaged, so it cannot be resumed: {first.file}: {first.reason}", hint)


def _standing(path: Path, capture: Capture, lock: Lock) -> Standing:
    entries = capture.journal_entries
    last_values, foreign = _last_values(capture)
    recorded = last_recorded(capture)
    left = _lefts(capture, recorded or 0, foreign, last_values)
    return Standing(
        path=path,
        capture=capture,
        lock=lock,
        telemetry=_line(capture, TELEMETRY_KIND),
        events=_line(capture, EVENTS_KIND),
        next_entry=max((entry.seq for entry in entries), default=0) + 1,
        subs=max((entry.sub for entry in entries if entry.sub is not None), default=0),
        next_handle=_newest_handle(capture) + 1,
        run=sum(entry.kind == "resume" for entry in entries) + 1,
        node_tables=tuple(
            {"file": table.file, "first_row": first, "server": table.server.server}
            for first, table in capture.tables.tables
        ),
        last_values=last_values,
        left=left,
        positions=positions(capture, left.values()),
        facts={"last_commit": recorded, "stopped": capture.finished},
    )


def _line(capture: Capture, kind: str) -> SegmentLine:
    """Where the segments of one kind stand; one without a commit will be gone when the tails are cut."""
    parts = [part for part in capture.parts if part.kind == kind and part.index.good]
    if not parts:
        return SegmentLine(kind)
    last = parts[-1].index.good[-1]
    closed = [
        {"file": segment_file(kind, part.number), "kind": kind, "bytes": part.index.end, "end_row": end.end_row}
        for part in parts
        for end in part.index.good[-1:]
    ]
    start = capture.starts[kind]
    return SegmentLine(kind, parts[-1].number, last.sequence + 1, last.end_row, start=start, earlier=closed)


def _last_values(capture: Capture) -> tuple[LastValues, frozenset[int]]:
    """What every node was last, and the subscriptions whose rows run on a clock of their own."""
    last_values = LastValues()
    foreign: dict[int, bool] = {}
    for _, batch in capture.newest_batches():
        last_values.note(batch)
        flags = batch.column("flags").to_numpy()
        live = np.flatnonzero((flags & (int(Flag.INITIAL | Flag.CARRIED) | UNSENT)) == 0)
        if len(live):
            received = batch.column("receive_time").cast("int64").to_numpy()[live]
            subs = batch.column("sub").to_numpy()[live]
            is_foreign = np.abs(received - trusted_times(batch)[live]) > FOREIGN_CLOCK_NS
            foreign |= dict(zip(subs.tolist(), is_foreign.tolist(), strict=True))
    return last_values, frozenset(sub for sub, is_foreign in foreign.items() if is_foreign)


def _lefts(capture: Capture, recorded: int, foreign: frozenset[int], last_values: LastValues) -> dict[str, Left]:
    """What was left of each server, by its name."""
    until, accounts = counted_until(capture), evidence.newest(capture)
    bound: dict[str | None, list[JournalEntry]] = defaultdict(list)
    for entry in capture.journal_entries:
        if entry.kind == "subscribe":
            bound[entry.server].append(entry)
    return {
        one.server: _left(capture, one, recorded, until, accounts, foreign, last_values, bound[one.server])
        for one in capture.servers
    }


def _left(
    capture: Capture,
    identity: ServerIdentity,
    recorded: int,
    counted: Mapping[int, int],
    accounts: Mapping[int, evidence.Entry],
    foreign: frozenset[int],
    last_values: LastValues,
    bound: Sequence[JournalEntry],
) -> Left:
    sub = bound[-1].sub if bound else None
    epochs = [epoch for entry in bound if type(epoch := entry.detail.get("epoch")) is int]
    until = None if sub is None else counted.get(sub)
    nodes = _nodes(capture, identity.server)
    values = last_values.of({node.handle for node in nodes})
    handles = _dense(sorted(node.handle for node in nodes if node.handle))
    room = _room(bound[-1], max(handles, default=0)) if bound else handles
    return Left(
        identity=identity,
        nodes=nodes,
        since_ns=recorded if until is None else until,
        recorded_ns=recorded,
        by_our_clock=until is None,
        is_foreign=sub in foreign,
        sub=sub,
        epoch=max(epochs, default=0),
        windows=_open_windows(capture.gap_entries, identity.server),
        last_values=values,
        reading=None if sub in foreign else last_reading(capture, bound[-1] if bound else None, accounts, values),
        room=room if handles and room.start == handles.start and room.stop >= handles.stop else handles,
    )


def _dense(numbers: Sequence[int]) -> range:
    """Of numbers in order; empty where some are missing between them."""
    found = range(numbers[0], numbers[-1] + 1) if numbers else range(0)
    return found if len(found) == len(numbers) else range(0)


def _newest_handle(capture: Capture) -> int:
    """The last that any node has or was promised."""
    newest = max((node.handle for _, table in capture.tables.tables for node in table.nodes), default=0)
    for entry in capture.journal_entries:
        if entry.kind == "subscribe":
            newest = max(newest, _room(entry, newest).stop - 1)
    return newest


def _room(bound: JournalEntry, newest: int) -> range:
    """The handles that a subscription has; empty where that is not said as any omptool says it.

    Args:
        newest: handle that is known; nobody keeps more free behind it than `FREE_HANDLES` says.
    """
    said = bound.detail.get("handles")
    if not (isinstance(said, list) and len(said) == 2 and all(type(each) is int for each in said)):
        return range(0)
    first, last = said
    return range(first, last + 1) if 0 < first <= last <= newest + max(FREE_HANDLES, newest) else range(0)


def _nodes(capture: Capture, server: str) -> tuple[MonitoredNode, ...]:
    tables = [table for _, table in capture.tables.tables if table.server.server == server]
    return tables[-1].nodes if tables else ()


def _open_windows(gaps: Sequence[GapEntry], server: str) -> tuple[GapEntry, ...]:
    """Those that can be written again."""
    known = set(GapReason)
    found = [g for g in gaps if g.server == server and g.end_ns is None and g.key is not None and g.reason in known]
    return tuple(sorted(found, key=lambda gap: gap.node is not None))
