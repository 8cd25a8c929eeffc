"""One segment file being written: messages in memory, then one write, one sync, and only then acknowledged.

What could not be written stays in memory and the file is cut back to its last good byte, so a full disk costs nothing
that was acknowledged, and a later `flush` writes the same bytes again. Decides nothing about rotation or content.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from omptool.capture import commits, frames
from omptool.capture.commits import Commit
from omptool.capture.format import KEY_COMMIT
from omptool.errors import DiskFull, OutputFailed

NO_SPACE = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))


class Encoder:
    """Record batches of one schema → Arrow IPC message bytes, zstd-compressed unless told otherwise."""

    def __init__(self, schema: pa.Schema, *, is_compressed: bool = True) -> None:
        self.schema = schema
        self._sink = io.BytesIO()
        options = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", 1) if is_compressed else None)
        self._stream = pa.ipc.new_stream(self._sink, schema, options=options)
        self.head = schema.serialize().to_pybytes()
        """The schema message that starts a stream."""
        self._skip = len(self.head)

    @cached_property
    def empty(self) -> pa.RecordBatch:
        """A batch without rows, for messages that are all metadata."""
        return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in self.schema], schema=self.schema)

    def batch(self, batch: pa.RecordBatch, custom: Mapping[bytes, bytes] | None = None) -> bytes:
        """One message; batches of an equal schema with other metadata are fine."""
        self._stream.write_batch(batch, custom_metadata=dict(custom) if custom else None)
        message = self._sink.getvalue()[self._skip :]
        self._skip = 0  # pyarrow puts the schema before the first batch
        self._sink.seek(0)
        self._sink.truncate()
        return message


class SegmentFile:
    """Appends to one segment; the file is created by the first flush.

    Args:
        path: where; its name is part of every commit's check.
        encoder: for the schema, with the metadata of this segment.
        capture_id: C2 capture.
        sequence: of the next commit; `first_row` of the next counted row.
        good: bytes of an existing file to keep (0 for a new one); what lies behind is cut off.
        name: the name that the file will have in the end, when `path` is not it.
    """

    def __init__(
        self,
        path: Path,
        encoder: Encoder,
        capture_id: str,
        *,
        sequence: int,
        first_row: int,
        good: int = 0,
        name: str | None = None,
    ) -> None:
        self.path = path
        self.encoder = encoder
        self.good = good
        self.last: Commit | None = None
        self.next_sequence = sequence
        self.next_row = first_row
        self.good_row = first_row
        """`seq` that follows the last acknowledged row."""
        self._seed = commits.seed(capture_id, name or path.name)
        self._fd = -1
        self._pending: list[bytes] = []
        self._position = good
        self._interval: list[bytes] = []
        self._rows = 0
        self._span: tuple[int | None, int | None] = (None, None)
        if not good:
            self._interval.append(encoder.head)

    @property
    def has_open_interval(self) -> bool:
        """Whether anything waits to be sealed."""
        return bool(self._interval)

    @property
    def pending_bytes(self) -> int:
        return sum(map(len, self._pending)) + sum(map(len, self._interval))

    def add(
        self,
        batch: pa.RecordBatch | None = None,
        custom: Mapping[bytes, bytes] | None = None,
        *,
        counted: bool = True,
        span: tuple[int | None, int | None] = (None, None),
    ) -> None:
        """Put a message into the open interval; nothing is written yet."""
        self._interval.append(self.encoder.batch(self.encoder.empty if batch is None else batch, custom))
        if batch is not None and counted:
            self._rows += batch.num_rows
        self._span = widen(self._span, span)

    def add_encoded(self, data: bytes, rows: int, span: tuple[int | None, int | None]) -> None:
        """Put messages that already are bytes, of the same columns, into the open interval."""
        self._interval.append(data)
        self._rows += rows
        self._span = widen(self._span, span)

    def seal(self, time_ns: int, *, first_row: int | None = None, lost: int | None = None) -> Commit:
        """Close the open interval with a commit record; still in memory."""
        data = b"".join(self._interval)
        commit = Commit(
            sequence=self.next_sequence,
            offset=self._position,
            length=len(data),
            rows=self._rows,
            first_row=self.next_row if first_row is None else first_row,
            crc32=commits.crc(data),
            t_min=self._span[0],
            t_max=self._span[1],
            time=time_ns,
            lost=lost,
        )
        message = commits.seal(
            self.encoder.batch(self.encoder.empty, {KEY_COMMIT: commits.to_json(commit)}), self._seed
        )
        self._pending += [data, message]
        self._position += len(data) + len(message)
        self._interval.clear()
        self._rows, self._span = 0, (None, None)
        self.next_sequence += 1
        self.next_row = commit.end_row
        self.last = commit
        return commit

    def flush(self) -> None:
        """Write and sync every sealed interval.

        Raises:
            DiskFull: nothing was acknowledged, everything is still in memory; call again when there is room.
            OutputFailed: likewise, for another reason.
        """
        if not self._pending:
            return
        data = b"".join(self._pending)
        try:
            if self._fd < 0:
                self._open()
            write_all(self._fd, data)
            sync(self._fd)
        except OSError as error:
            self._roll_back()
            raise write_error(self.path, error) from None
        self.good += len(data)
        self.good_row = self.next_row
        self._pending.clear()

    def finish(self) -> None:
        """Close the file with the end-of-stream mark; what was not flushed is dropped."""
        try:
            if self._fd >= 0 and self.good:
                write_all(self._fd, frames.END_OF_STREAM)
                sync(self._fd)
        except OSError:
            self._roll_back()  # the mark is a courtesy to other readers
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file as it is."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._fd = os.open(self.path, flags | getattr(os, "O_NOFOLLOW", 0), 0o644)
        os.ftruncate(self._fd, self.good)
        os.lseek(self._fd, self.good, os.SEEK_SET)
        sync_folder(self.path.parent)

    def _roll_back(self) -> None:
        if self._fd < 0:
            return
        with contextlib.suppress(OSError):  # readers stop at the last commit anyway
            os.ftruncate(self._fd, self.good)
        os.lseek(self._fd, self.good, os.SEEK_SET)


def widen(one: tuple[int | None, int | None], other: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
    """The span that covers both."""
    lows = [t for t in (one[0], other[0]) if t is not None]
    highs = [t for t in (one[1], other[1]) if t is not None]
    return (min(lows) if lows else None, max(highs) if highs else None)


def write_all(fd: int, data: bytes) -> None:
    """Write everything; a short write goes on where it stopped until the system says why."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync(fd: int) -> None:
    """Data on disk, and its length."""
    getattr(os, "fdatasync", os.fsync)(fd)


def sync_folder(folder: Path) -> None:
    """A new name in a folder survives a power cut only when the folder is synced; not every system can."""
    try:
        fd = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):
            os.fsync(fd)
    finally:
        os.close(fd)


def write_error(path: Path, error: OSError) -> OutputFailed:
    """What a failed write means for the user."""
    if error.errno in NO_SPACE:
        return DiskFull(f"no space left for {path}", "everything acknowledged is on disk; free some space and go on")
    return OutputFailed(f"{path}: {error.strerror or error}")


def remove(files: Sequence[Path]) -> None:
    """Delete files of one folder, in order; what is gone already is fine.

    Raises:
        OutputFailed: one of them stays, and those behind it.
    """
    for path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise write_error(path, error) from None
    if files:
        sync_folder(files[0].parent)


def write_file(path: Path, data: bytes) -> None:
    """A whole file, or none: written beside, synced, renamed.

    Raises:
        DiskFull, OutputFailed: nothing changed.
    """
    write_whole(path, data)
    sync_folder(path.parent)


def write_whole(path: Path, data: bytes, *, is_synced: bool = True) -> None:
    """As `write_file`, but its name is not synced, and without `is_synced` nothing of it is."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.unlink(missing_ok=True)  # of a killed run, or a link to somebody's file
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        fd = os.open(partial, flags, 0o644)
        try:
            write_all(fd, data)
            if is_synced:
                sync(fd)
        finally:
            os.close(fd)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise write_error(path, error) from None
