"""Opens a capture for reading, whatever happened to it, and never writes.

The position is fixed when it is opened: a capture that still grows ends at its last commit, a torn tail behind that is
not damage. What was acknowledged and is not intact is a `Damage`, with offsets, rows and times as far as known; every
other row comes back exactly. Files are hostile: nothing is followed, allocated or trusted before it was checked.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from omptool.capture import batches as record_batches
from omptool.capture import cache, commits, frames, story, tables
from omptool.capture.commits import Commit
from omptool.capture.damage import Damage, Segment, account, beginnings, retained
from omptool.capture.entries import GapEntry, JournalEntry, current_gaps
from omptool.capture.format import (
    EVENTS_KIND,
    FORMAT,
    KEY_CAPTURE,
    KEY_CARRIED,
    KEY_FORMAT,
    SCHEMAS,
    SEGMENT_NAME,
    TELEMETRY_KIND,
)
from omptool.capture.index import File, SegmentIndex, index_segment, messages
from omptool.capture.lock import is_held
from omptool.capture.nodetable import ServerIdentity
from omptool.capture.retired import BEGINNING, Start, in_order
from omptool.capture.tables import NodeTables
from omptool.errors import Damaged, NotACapture, NotFound, UnsupportedFormat
from omptool.model.nodes import MonitoredNode
from omptool.protocol.structure import Kept

_ATTEMPTS = 5
_WHOLE = dict.fromkeys(SCHEMAS, BEGINNING)


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """A segment file as found: `rows` that come back, bytes, times as its commits state them."""

    file: str
    kind: str
    number: int
    bytes: int
    rows: int
    first_row: int | None
    t_min: int | None
    t_max: int | None
    torn_bytes: int


class Capture:
    """A capture at the moment it was opened. Use `open`."""

    def __init__(
        self, path: Path, capture_id: str, segments: list[Segment], damage: list[Damage], starts: Mapping[str, Start]
    ) -> None:
        self.path = path
        self.id = capture_id
        self.damage = damage
        """Everything acknowledged that is not intact, in file order."""
        self.kept: Kept = Counter()
        """Structures that stayed bytes when views were read."""
        self.is_being_written = is_held(path)
        self.starts = starts
        """By kind, where the segments begin that retention has kept."""
        self._segments, given_up = retained(segments, starts)
        self.leftover: list[str] = [segment.index.path.name for segment in given_up]
        """Files that retention gave up and, killed meanwhile, did not delete; they are not read."""
        telemetry = [segment for segment in self._segments if segment.kind == TELEMETRY_KIND]
        entries = [entry for segment in telemetry for entry in segment.index.journal]
        self.journal_entries: list[JournalEntry] = in_order(entries) if starts != _WHOLE else entries
        self.gap_entries: list[GapEntry] = current_gaps(e for segment in telemetry for e in segment.index.gaps)
        self.until: dict[int, int] = {sub: ns for segment in telemetry for sub, ns in segment.index.until.items()}
        """By capture-local subscription, up to when (Unix nanoseconds) nothing it sent was still to be written."""
        schemas = [segment.schema for segment in telemetry]
        self.tables: NodeTables = tables.load(path, schemas, self.journal_entries, is_damaged=bool(damage))
        self.damage += [Damage(name, reason, rows=0, kind="nodes") for name, reason in self.tables.missing]

    @classmethod
    def open(cls, path: Path) -> Capture:
        """Open a capture folder; once more where retention deleted files meanwhile.

        Raises:
            NotFound: nothing is there.
            NotACapture: something else is there.
            UnsupportedFormat: written in a newer format.
            Damaged: not one segment header and no capture.json tells what this is.
        """
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(FileNotFoundError):
                return cls._open(path)
        return cls._open(path)

    @classmethod
    def _open(cls, path: Path) -> Capture:
        _check_folder(path)
        cached = cache.read(path)  # before the names: a growing capture may have more files than it says, never fewer
        names = _segment_names(path)
        if cached is not None and cached.format > FORMAT:
            raise _newer(path, cached.format)
        if not names and cached is None:
            raise NotACapture(
                f"{path} is not a capture: it has no segments", "a capture is a folder that holds seg-….arrows"
            )
        regular = [name for name in names if record_batches.is_regular(path / name)]
        heads = {name: _peek(path / name) for name in regular}
        candidates = _candidate_ids(heads, cached)
        if not candidates and any((path / name).lstat().st_size for name in regular):
            raise Damaged(
                f"{path}: no segment has a readable header and capture.json is missing",
                "restore capture.json from a copy",
            )
        best: tuple[str, list[SegmentIndex]] = ("", [])
        for candidate in candidates:
            indexes = [index_segment(path / name, candidate) for name in regular]
            if not best[0] or any(index.good for index in indexes):
                best = (candidate, indexes)
            if any(index.good for index in indexes):
                break
        capture_id, indexes = best
        _check_format(path, indexes, heads)
        segments = [segment_of(index) for index in indexes]
        known = cached.segments if cached is not None and cached.capture_id == capture_id else {}
        starts = beginnings(segments, cached if known else None)
        damage = [
            found
            for kind in SCHEMAS
            for found in account(
                kind, [s for s in retained(segments, starts)[0] if s.kind == kind], known, starts[kind]
            )
        ]
        damage += [Damage(name, "is a link or no file, and was not opened") for name in names if name not in heads]
        if any(not (path / name).is_symlink() and not (path / name).exists() for name in names):
            raise FileNotFoundError(path)
        return cls(path, capture_id, segments, damage, starts)

    @property
    def rows(self) -> int:
        """Telemetry rows that come back."""
        return sum(commit.rows for _, commit in self._commits(TELEMETRY_KIND))

    @property
    def event_rows(self) -> int:
        return sum(commit.rows for _, commit in self._commits(EVENTS_KIND))

    @property
    def first_row(self) -> int:
        """`seq` of the oldest row that retention has kept."""
        return self.starts.get(TELEMETRY_KIND, BEGINNING).row

    @property
    def last_row(self) -> int:
        """`seq` of the newest row; larger than `rows` when some were lost."""
        return max((commit.end_row - 1 for _, commit in self._commits(TELEMETRY_KIND)), default=0)

    @property
    def first_time(self) -> int | None:
        """Earliest time of a live row, Unix nanoseconds."""
        return min((c.t_min for _, c in self._commits(TELEMETRY_KIND) if c.t_min is not None), default=None)

    @property
    def last_time(self) -> int | None:
        return max((c.t_max for _, c in self._commits(TELEMETRY_KIND) if c.t_max is not None), default=None)

    @property
    def last_commit_time(self) -> int | None:
        """The writer's clock at the newest commit, Unix nanoseconds."""
        return max((commit.time for kind in SCHEMAS for _, commit in self._commits(kind)), default=None)

    @property
    def finished(self) -> bool:
        """Whether the journal has a `stop`, and no `resume` behind it."""
        ends = [entry.kind for entry in self.journal_entries if entry.kind in ("stop", "resume")]
        return ends[-1:] == ["stop"]

    @property
    def state(self) -> str:
        """`being written`, `finished`, or `not finished` (the writer ended without a `stop`)."""
        if self.is_being_written:
            return "being written"
        return "finished" if self.finished else "not finished"

    @property
    def torn_bytes(self) -> int:
        """Bytes behind the last commits; never acknowledged."""
        return sum(segment.index.torn for segment in self._segments)

    @property
    def patches(self) -> list[tuple[str, Commit]]:
        """Commits that `recover` put where damage was, with their file."""
        found = (pair for kind in SCHEMAS for pair in self._commits(kind))
        return [(segment.index.path.name, commit) for segment, commit in found if commit.lost is not None]

    @property
    def parts(self) -> list[Segment]:
        """The segments with their indexes, as `recover` needs them."""
        return self._segments

    @property
    def segments(self) -> list[SegmentInfo]:
        return [_info(segment) for segment in self._segments]

    @property
    def servers(self) -> list[ServerIdentity]:
        """The servers as last described."""
        return self.tables.servers

    def nodes(self) -> list[MonitoredNode]:
        """Every node as last described; those not monitored have handle 0."""
        return self.tables.nodes()

    def batches(self, after_row: int = 0) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Telemetry rows with `seq` > `after_row`: (`seq` of the first row, batch of `SEGMENT`)."""
        return self._batches(TELEMETRY_KIND, after_row)

    def replay_batches(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        """All telemetry rows, and before those of a segment its carried ones: (0, batch), for they have no `seq`."""
        return self._batches(TELEMETRY_KIND, 0, carried=True)

    def newest_batches(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        """As `replay_batches`, of the newest segment: the last known value of every node is in them."""
        numbers = [
            segment.number for segment in self._segments if segment.kind == TELEMETRY_KIND and segment.index.good
        ]
        return self._batches(TELEMETRY_KIND, 0, carried=True, since=max(numbers, default=0))

    def event_batches(self, after_row: int = 0) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Event rows likewise, batches of `EVENT_SEGMENT`."""
        return self._batches(EVENTS_KIND, after_row)

    def journal(self) -> pa.Table:
        """The view `journal` (C3)."""
        return story.journal(self)

    def gaps(self) -> pa.Table:
        """The view `gaps` (C3): those recorded, one per server where `stop` is missing, one per damage."""
        return story.gaps(self)

    def _commits(self, kind: str) -> Iterator[tuple[Segment, Commit]]:
        return (
            (segment, commit) for segment in self._segments if segment.kind == kind for commit in segment.index.good
        )

    def _batches(
        self, kind: str, after_row: int, *, carried: bool = False, since: int = 0
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        for segment in self._segments:
            wanted = [
                c for c in segment.index.good if (c.rows and c.end_row - 1 > after_row) or (carried and not c.offset)
            ]
            if segment.kind != kind or segment.number < since or not wanted:
                continue
            try:
                file = File(segment.index.path)
            except FileNotFoundError:
                raise Damaged(f"{segment.index.path.name} went while it was read", "run the command again") from None
            try:
                for commit in wanted:
                    for first, batch in _decode(file, segment, commit, carried):
                        if not first:
                            yield first, batch
                            continue
                        skip = max(0, after_row + 1 - first)
                        if skip < batch.num_rows:
                            yield first + skip, batch.slice(skip)
            finally:
                file.close()


def _decode(file: File, segment: Segment, commit: Commit, carried: bool) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Rows of one interval, checked once more: the file may have changed since it was opened. Carried ones have 0."""
    data = file.read(commit.offset, commit.length)
    name = segment.index.path.name
    if len(data) < commit.length or commits.crc(data) != commit.crc32:
        raise Damaged(f"{name} changed while it was read, at byte {commit.offset}", "run the command again")
    first = commit.first_row
    for message, frame in messages(data):
        is_carried = KEY_CARRIED in frame.custom
        if frame.rows and (carried or not is_carried):
            try:
                yield (
                    0 if is_carried else first,
                    record_batches.decode(message, frame, segment.schema, SCHEMAS[segment.kind]),
                )
            except record_batches.BatchError as error:
                raise Damaged(
                    f"{name} at byte {commit.offset}: {error}", "its checksum fits: omptool did not write this"
                ) from None
            first += 0 if is_carried else frame.rows


def _segment_names(path: Path) -> list[str]:
    """Names of the segment files in order; links and folders of that name included, to be reported."""
    found = [match for entry in path.iterdir() if (match := SEGMENT_NAME.fullmatch(entry.name))]
    return [m.group() for m in sorted(found, key=lambda m: (m.group(1) == "evt", int(m.group(2))))]


def _check_folder(path: Path) -> None:
    if not path.exists():
        raise NotFound(f"there is no {path}", "a capture is the folder that `omptool capture -o` made")
    if not path.is_dir():
        raise NotACapture(f"{path} is not a capture: it is a file", "a capture is a folder that holds seg-….arrows")


def _peek(path: Path) -> dict[bytes, bytes]:
    """Metadata of a segment's schema, nothing of it proven."""
    try:
        file = File(path)
    except FileNotFoundError:
        return {}
    try:
        size = frames.header_size(file.read(0, 8))
        return dict(record_batches.read_schema(bytes(file.read(0, size))).metadata or {})
    except (frames.FrameError, record_batches.BatchError):
        return {}
    finally:
        file.close()


def _candidate_ids(heads: dict[str, dict[bytes, bytes]], cached: cache.Cached | None) -> list[str]:
    """Capture ids worth trying, most often named first."""
    named = [head[KEY_CAPTURE].decode(errors="replace") for head in heads.values() if KEY_CAPTURE in head]
    named += [cached.capture_id] if cached is not None else []
    return sorted(set(named), key=lambda name: -named.count(name))


def _check_format(path: Path, indexes: list[SegmentIndex], heads: dict[str, dict[bytes, bytes]]) -> None:
    """Refuse a newer format; a header whose own checksum fails proves nothing about it, unless nothing else reads."""
    for index in indexes:
        stated = heads[index.path.name].get(KEY_FORMAT, b"")
        if stated.isdigit() and int(stated) > FORMAT and (index.head is not None or not index.good):
            raise _newer(path, int(stated))


def _newer(path: Path, stated: int) -> UnsupportedFormat:
    return UnsupportedFormat(
        f"{path} is written in capture format {stated}; this omptool reads up to {FORMAT}",
        "pip install --upgrade omptool",
    )


def segment_rows(index: SegmentIndex) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows of one telemetry segment: (`seq` of the first row, batch)."""
    segment, file = segment_of(index), File(index.path)
    try:
        for commit in index.good:
            yield from _decode(file, segment, commit, carried=False)
    finally:
        file.close()


def segment_of(index: SegmentIndex) -> Segment:
    match = SEGMENT_NAME.fullmatch(index.path.name)
    assert match is not None
    kind = EVENTS_KIND if match.group(1) == "evt" else TELEMETRY_KIND
    schema = SCHEMAS[kind]
    if index.head is not None:
        with contextlib.suppress(record_batches.BatchError):  # its rows will say so
            schema = record_batches.read_schema(index.head)
    return Segment(kind, int(match.group(2)), schema, index)


def _info(segment: Segment) -> SegmentInfo:
    index = segment.index
    good = index.good
    times = [(c.t_min, c.t_max) for c in good if c.t_min is not None and c.t_max is not None]
    return SegmentInfo(
        file=index.path.name,
        kind=segment.kind,
        number=segment.number,
        bytes=index.size,
        rows=sum(commit.rows for commit in good),
        first_row=next((commit.first_row for commit in good), None),
        t_min=min((low for low, _ in times), default=None),
        t_max=max((high for _, high in times), default=None),
        torn_bytes=index.torn,
    )
