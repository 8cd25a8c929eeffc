"""Repairs a capture: torn tails are cut off, damage is taken out and recorded; segments are plain Arrow streams again.

The only code besides the writer that changes a capture. It holds the lock, keeps what it removes in files of their own,
and does nothing the second time. No row that a reader could read before is lost or changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from omptool.capture import cache
from omptool.capture.damage import Damage, Segment
from omptool.capture.entries import Entries
from omptool.capture.format import BLOCK, EVENTS_KIND, PREFIXES, SCHEMAS, SEGMENT_NAME, TELEMETRY_KIND, segment_file
from omptool.capture.index import File, SegmentIndex
from omptool.capture.lock import Lock, is_held
from omptool.capture.reader import Capture
from omptool.capture.repair import free_name, rewrite
from omptool.capture.segment import Encoder, SegmentFile, remove, sync, sync_folder, write_error, write_file
from omptool.capture.story import last_recorded
from omptool.errors import Busy


@dataclass(frozen=True, slots=True)
class Action:
    """One repair.

    Attributes:
        file: what was repaired.
        what: `cut` (torn tail), `removed` (no commit at all), `rewritten` (damage taken out), `unrepairable`.
        bytes: torn or damaged bytes.
        rows: lost rows; None = unknown, 0 for tails, which were never acknowledged.
        kept: file that holds the removed bytes, empty when none does.
        reason: what was wrong.
    """

    file: str
    what: str
    bytes: int
    rows: int | None
    kept: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What recover did, or would do.

    Attributes:
        actions: empty when the capture was whole.
        rows, event_rows: that the capture has, before and after.
        is_marked: a `recovered` entry was (would be) written to the journal.
    """

    capture: str
    actions: tuple[Action, ...]
    rows: int
    event_rows: int
    is_marked: bool

    @property
    def has_loss(self) -> bool:
        """Whether something acknowledged is gone."""
        return any(action.rows != 0 or action.what == "unrepairable" for action in self.actions)


def recover(path: Path, *, dry_run: bool = False, clock: Callable[[], int] = time.time_ns) -> RecoveryReport:
    """Repair a capture.

    Args:
        path: the capture folder.
        dry_run: only say what would be done.
        clock: Unix nanoseconds, for the journal.

    Raises:
        Busy: it is being written.
        NotFound, NotACapture, UnsupportedFormat, Damaged: it cannot be opened.
        DiskFull, OutputFailed: a repair could not be written; run again when it can.
    """
    capture = Capture.open(path)
    if dry_run:
        if is_held(path):
            raise Busy(f"{path} is being written", "wait until it ends")
        return _report(capture, tuple(_plan(capture, dry_run=True)))
    lock = Lock(path)
    try:
        capture = Capture.open(path)
        report = _report(capture, tuple(_plan(capture, dry_run=False)))
        if report.is_marked:
            _mark(Capture.open(path), report, clock(), last_recorded(capture))
            _renew_cache(Capture.open(path))
    finally:
        lock.release()
    return report


def _report(capture: Capture, actions: tuple[Action, ...]) -> RecoveryReport:
    repaired = any(action.what != "unrepairable" for action in actions)
    last = capture.journal_entries[-1].kind if capture.journal_entries else ""
    is_marked = repaired or (not capture.finished and last != "recovered" and capture.last_commit_time is not None)
    return RecoveryReport(capture.id, actions, capture.rows, capture.event_rows, is_marked)


def _plan(capture: Capture, *, dry_run: bool) -> Iterator[Action]:
    """Do the repairs, or only name them."""
    parts = {part.index.path.name: part for part in capture.parts}
    nodes = [{"file": t.file, "first_row": first, "server": t.server.server} for first, t in capture.tables.tables]
    for name, part in parts.items():
        damage = [found for found in capture.damage if found.file == name]
        if damage:
            kept = "" if dry_run else rewrite(part, damage, capture.id, nodes).name
            yield _rewritten(damage, kept)
        elif part.index.torn:
            is_last = segment_file(part.kind, part.number + 1) not in parts
            yield _cut(part.index, is_last=is_last, dry_run=dry_run)
    for name in capture.leftover:
        yield _given_up(capture.path / name, dry_run=dry_run)
    for found in capture.damage:
        if found.file not in parts:
            yield _replace(capture, found, nodes, dry_run=dry_run)


def _given_up(path: Path, *, dry_run: bool) -> Action:
    """A segment that retention had given up, when it was killed."""
    size = path.lstat().st_size
    if not dry_run:
        remove([path])
    return Action(path.name, "removed", size, 0, "", "given up by retention, which did not end")


def _rewritten(damage: Sequence[Damage], kept: str) -> Action:
    counts = [found.rows for found in damage]
    rows = None if None in counts else sum(count or 0 for count in counts)
    size = sum(found.end - found.start for found in damage)
    return Action(damage[0].file, "rewritten", size, rows, kept, "; ".join(dict.fromkeys(d.reason for d in damage)))


def _replace(capture: Capture, damage: Damage, nodes: Sequence[dict[str, object]], *, dry_run: bool) -> Action:
    """A missing segment gets a stand-in that says what is missing; a missing node table cannot be made up."""
    match = SEGMENT_NAME.fullmatch(damage.file)
    path = capture.path / damage.file
    if match is None or path.exists() or path.is_symlink():
        return Action(damage.file, "unrepairable", 0, damage.rows, "", damage.reason)
    kind = EVENTS_KIND if match.group(1) == PREFIXES[EVENTS_KIND] else TELEMETRY_KIND
    if not dry_run:
        stand_in = Segment(kind, int(match.group(2)), SCHEMAS[kind], SegmentIndex(path))
        rewrite(stand_in, [damage], capture.id, nodes)
    return Action(damage.file, "rewritten", 0, damage.rows, "", damage.reason)


def cut(index: SegmentIndex, *, is_last: bool) -> int:
    """Cut a torn tail off a segment that somebody goes on with, who holds the lock; returns its bytes.

    Raises:
        DiskFull, OutputFailed: nothing is lost; call again when there is room.
    """
    return _cut(index, is_last=is_last, dry_run=False).bytes if index.torn else 0


def _cut(index: SegmentIndex, *, is_last: bool, dry_run: bool) -> Action:
    """Cut a torn tail; keep it when it is more than a block."""
    removed = index.end == 0 and is_last
    kept = free_name(index.path, "torn") if index.torn > BLOCK else None
    if not dry_run:
        if kept is not None:
            _save(index, kept)
        try:
            if removed:
                index.path.unlink()
            else:
                _truncate(index.path, index.end)
        except OSError as error:
            raise write_error(index.path, error) from None
        sync_folder(index.path.parent)
    what, reason = ("removed", "no commit in it") if removed else ("cut", "a torn tail, never acknowledged")
    return Action(index.path.name, what, index.torn, 0, kept.name if kept else "", reason)


def _save(index: SegmentIndex, kept: Path) -> None:
    file = File(index.path)
    try:
        write_file(kept, bytes(file.read(index.end, index.torn)))
    finally:
        file.close()


def _truncate(path: Path, size: int) -> None:
    fd = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    try:
        os.ftruncate(fd, size)
        sync(fd)
    finally:
        os.close(fd)


def _mark(capture: Capture, report: RecoveryReport, now: int, last_commit: int | None) -> None:
    """Write `recovered` behind the last commit."""
    telemetry = [part for part in capture.parts if part.kind == TELEMETRY_KIND and part.index.good]
    if not telemetry:
        return
    part = telemetry[-1]
    last = part.index.good[-1]
    file = SegmentFile(
        part.index.path, Encoder(part.schema), capture.id, sequence=last.sequence + 1, first_row=last.end_row,
        good=part.index.end,
    )  # fmt: skip
    entries = Entries(max((entry.seq for entry in capture.journal_entries), default=0) + 1)
    rows = [action.rows for action in report.actions]
    detail = {
        "torn_bytes": sum(action.bytes for action in report.actions if action.what in ("cut", "removed")),
        "lost_rows": None if None in rows else sum(count or 0 for count in rows),
        "files": [action.file for action in report.actions],
        "last_commit": last_commit,
    }
    entries.journal("recovered", None, None, detail, now)
    try:
        for custom in entries.drain():
            file.add(None, custom)
        file.seal(now)
        file.flush()
    finally:
        file.finish()


def _renew_cache(capture: Capture) -> None:
    segments = [
        {
            "file": part.index.path.name,
            "kind": part.kind,
            "bytes": part.index.end,
            "end_row": part.index.good[-1].end_row,
        }
        for part in capture.parts
        if part.index.good
    ]
    nodes = [{"file": t.file, "first_row": first, "server": t.server.server} for first, t in capture.tables.tables]
    cache.write(capture.path, capture.id, state="recovered", segments=segments, nodes=nodes, starts=capture.starts)
