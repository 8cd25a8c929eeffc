"""Walks one segment file and says which intervals are good, which are broken and where the acknowledged part ends.

Nothing is decoded and nothing written. An interval counts only when its commit record is sealed, says where it lies and
its CRC fits. Behind damage the walk goes on at the next sealed commit, so damage costs the intervals it lies in and no
others. Memory stays proportional to the number of commits.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omptool.capture import commits, frames
from omptool.capture.batches import open_regular
from omptool.capture.commits import Commit
from omptool.capture.entries import GapEntry, JournalEntry, read_gaps, read_journal, read_until
from omptool.capture.format import KEY_CARRIED, KEY_COMMIT, KEY_GAP, KEY_JOURNAL, KEY_UNTIL
from omptool.capture.frames import Frame, FrameError

_CHUNK = 4 << 20
_COMMIT_SIZE = 64 << 10
"""Most bytes of a commit message; they are well below 4 KiB."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes [start, end) of a segment that were acknowledged once and are not what was written.

    `rows` lost and their times as far as a commit still tells; None = unknown.
    """

    start: int
    end: int
    reason: str
    rows: int | None = None
    t_min: int | None = None
    t_max: int | None = None


@dataclass(slots=True)
class SegmentIndex:
    """What one segment file holds.

    Attributes:
        items: in file order, commits whose interval is intact and what is broken between them.
        end: where the last sealed commit ends; what lies behind was never acknowledged, `torn` says how many bytes.
        size: bytes of the file when it was opened.
        is_ended: the end-of-stream mark follows the last commit.
        head: the schema message, when its interval is intact.
        until: by capture-local subscription, up to when nothing that it sent is missing for not having been written.
    """

    path: Path
    size: int = 0
    end: int = 0
    is_ended: bool = False
    head: bytes | None = None
    items: list[Commit | Broken] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)
    gaps: list[GapEntry] = field(default_factory=list)
    until: dict[int, int] = field(default_factory=dict)

    @property
    def good(self) -> list[Commit]:
        return [item for item in self.items if isinstance(item, Commit)]

    @property
    def broken(self) -> list[Broken]:
        return [item for item in self.items if isinstance(item, Broken)]

    @property
    def torn(self) -> int:
        return 0 if self.is_ended else self.size - self.end


class File:
    """Random access to a file that may grow or shrink meanwhile; never maps it."""

    def __init__(self, path: Path) -> None:
        fd = open_regular(path)
        if fd is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        self._file = os.fdopen(fd, "rb", buffering=0)
        self.size = os.fstat(fd).st_size
        self._start, self._chunk = 0, b""

    def close(self) -> None:
        self._file.close()

    def read(self, offset: int, count: int) -> memoryview:
        """`count` bytes at `offset`, fewer at the end of the file as it was when opened."""
        count = max(0, min(count, self.size - offset))
        at = offset - self._start
        if at < 0 or at + count > len(self._chunk):
            self._file.seek(offset)
            self._start, self._chunk, at = offset, self._fill(min(max(count, _CHUNK), self.size - offset)), 0
        return memoryview(self._chunk)[at : at + count]

    def _fill(self, count: int) -> bytes:
        parts = []
        while count > 0 and (part := self._file.read(count)):
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def find(self, needle: bytes, start: int) -> Iterator[int]:
        """Where `needle` occurs at or behind `start`."""
        while start < self.size:
            piece = bytes(self.read(start, _CHUNK))
            at = piece.find(needle)
            while at >= 0:
                yield start + at
                at = piece.find(needle, at + 1)
            start += max(len(piece) - len(needle) + 1, 1) if start + len(piece) < self.size else self.size


def frame_at(file: File, offset: int) -> Frame:
    """The message at `offset`, wholly inside the file.

    Raises:
        FrameError: none is there.
    """
    frame = frames.parse(file.read(offset, frames.header_size(file.read(offset, 8))))
    if offset + frame.size > file.size:
        raise FrameError("message goes beyond the end")
    return frame


def messages(data: memoryview) -> Iterator[tuple[memoryview, Frame]]:
    """The messages of an interval that was found intact.

    Raises:
        FrameError: it is not a row of messages.
    """
    at = 0
    while at < len(data):
        frame = frames.parse(data[at : at + frames.header_size(data[at : at + 8])])
        if at + frame.size > len(data):
            raise FrameError("message goes beyond the interval")
        yield data[at : at + frame.size], frame
        at += frame.size


def _frames(data: memoryview, offset: int) -> Iterator[tuple[int, Frame]]:
    """(offset in the file, frame) of the messages of an interval that starts at `offset`."""
    for message, frame in messages(data):
        yield offset, frame
        offset += len(message)


def index_segment(path: Path, capture_id: str) -> SegmentIndex:
    """Walk a segment file.

    Raises:
        FileNotFoundError: there is no such regular file.
    """
    file = File(path)
    try:
        return _Walk(file, SegmentIndex(path, file.size), commits.seed(capture_id, path.name)).run()
    finally:
        file.close()


def extend(index: SegmentIndex, capture_id: str) -> None:
    """Walk on where an earlier walk ended: a segment that is being written has more by now.

    Raises:
        FileNotFoundError: it is gone.
    """
    if index.is_ended:
        return
    file = File(index.path)
    try:
        index.size = file.size
        _Walk(file, index, commits.seed(capture_id, index.path.name)).run()
    finally:
        file.close()


class _Walk:
    def __init__(self, file: File, index: SegmentIndex, seed: int) -> None:
        self.file = file
        self.index = index
        self.seed = seed
        self._seen: list[tuple[int, Frame]] = []
        """Messages of the open interval as far as the walk got: (offset, frame)."""
        self._stale: set[int] = set()
        """Where messages start from which no walk got to a fitting commit; a second walk would fare no better."""

    def run(self) -> SegmentIndex:
        index = self.index
        while index.end < self.file.size:
            if self._is_end_mark():
                index.is_ended = True
                break
            self._seen.clear()
            found = self._next_commit() or self._search()
            if found is None:
                self._judge_tail()
                break
            self._take(*found)
        return index

    def _is_end_mark(self) -> bool:
        end = self.index.end
        return self.file.size - end == 8 and bytes(self.file.read(end, 8)) == frames.END_OF_STREAM

    def _next_commit(self) -> tuple[Commit, int] | None:
        """The commit that closes the interval at the current end, and where it ends; None when the walk breaks."""
        at = start = self.index.end
        try:
            while True:
                frame = frame_at(self.file, at)
                if KEY_COMMIT in frame.custom:
                    commit = self._sealed(at, frame)
                    if commit is not None and commit.offset == start:
                        return commit, at + frame.size
                    raise FrameError("a commit of something else")
                if at in self._stale:
                    return None
                self._seen.append((at, frame))
                at += frame.size
        except FrameError:
            self._stale.update(place for place, _ in self._seen)
            return None

    def _sealed(self, at: int, frame: Frame) -> Commit | None:
        """The commit in this message, if it is as written and lies where it says."""
        if frame.size > _COMMIT_SIZE or not commits.is_sealed(bytes(self.file.read(at, frame.size)), self.seed):
            return None
        commit = commits.from_json(frame.custom[KEY_COMMIT])
        return commit if commit is not None and commit.offset + commit.length == at else None

    def _candidates(self) -> Iterator[tuple[int, Frame]]:
        """Everything behind the current end that has the form of a commit message.

        Every place is looked at once, however often the key occurs: the bytes may be made to be slow.
        """
        done = self.index.end
        for key in self.file.find(KEY_COMMIT, done):
            low = max(done, key - _COMMIT_SIZE)
            piece = bytes(self.file.read(low, key - low + 4))
            at = piece.rfind(frames.CONTINUATION)
            while at >= 0:
                if (low + at) % 8 == 0 and (frame := self._commit_at(low + at)) is not None:
                    yield low + at, frame
                    break
                at = piece.rfind(frames.CONTINUATION, 0, at + 3)
            done = key

    def _commit_at(self, at: int) -> Frame | None:
        """The message at `at`, if it has the form and the size of a commit."""
        try:
            if frames.header_size(self.file.read(at, 8)) > _COMMIT_SIZE:
                return None
            frame = frame_at(self.file, at)
        except FrameError:
            return None
        return frame if KEY_COMMIT in frame.custom and frame.size <= _COMMIT_SIZE else None

    def _search(self) -> tuple[Commit, int] | None:
        self._seen.clear()
        for at, frame in self._candidates():
            commit = self._sealed(at, frame)
            if commit is not None and commit.offset >= self.index.end:
                return commit, at + frame.size
        return None

    def _take(self, commit: Commit, end: int) -> None:
        """Account for the interval of `commit`, and for what was skipped before it."""
        index = self.index
        if commit.offset > index.end:
            index.items.append(Broken(index.end, commit.offset, "the commit record is damaged"))
        reason = self._check(commit)
        if reason:
            rows = commit.rows + max(commit.lost or 0, 0)
            index.items.append(Broken(commit.offset, end, reason, rows, commit.t_min, commit.t_max))
        else:
            index.items.append(commit)
        index.end = end

    def _check(self, commit: Commit) -> str:
        """Why the interval cannot be used; empty when it can. Collects what is not rows."""
        data = self.file.read(commit.offset, commit.length)
        if len(data) < commit.length or zlib.crc32(data) != commit.crc32:
            return "the checksum does not fit"
        journal: list[JournalEntry] = []
        gaps: list[GapEntry] = []
        until: dict[int, int] = {}
        rows, head = 0, None
        try:
            for at, frame in self._seen or _frames(data, commit.offset):
                if frame.kind == frames.SCHEMA_MESSAGE:
                    head = bytes(data[at - commit.offset : at - commit.offset + frame.size])
                elif not frame.rows:
                    journal += read_journal(frame.custom.get(KEY_JOURNAL, b"[]"))
                    gaps += read_gaps(frame.custom.get(KEY_GAP, b"[]"))
                elif KEY_CARRIED not in frame.custom:
                    rows += frame.rows
                if frame.kind != frames.SCHEMA_MESSAGE:
                    until |= read_until(frame.custom.get(KEY_UNTIL, b""))
        except FrameError as error:
            return f"not written by omptool: {error}"
        if rows != commit.rows or (head is None) != (commit.offset > 0):
            return "the commit record does not fit its rows"
        self.index.head = head or self.index.head
        self.index.journal += journal
        self.index.gaps += gaps
        self.index.until |= until
        return ""

    def _judge_tail(self) -> None:
        """A tail without a sealed commit is torn, unless it shows that it once was whole."""
        end, size = self.index.end, self.file.size
        was_ended = size - end > 8 and bytes(self.file.read(size - 8, 8)) == frames.END_OF_STREAM
        if was_ended or next(self._candidates(), None) is not None:
            self.index.items.append(Broken(end, size, "the last commit record is damaged"))
