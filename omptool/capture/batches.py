"""Record batches from bytes that nobody vouches for: sizes checked before pyarrow decompresses, contents after.

The writer's side of the same limits is `split`. Reads whole small files, never follows a symbolic link.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from omptool.capture import frames
from omptool.capture.format import MAX_DECODED, MAX_JSON, MAX_RATIO, MAX_ROWS, SPLIT_BYTES

_LEAST_ROOM = 16 << 20


class BatchError(Exception):
    """Bytes that are not the record batch they should be; never leaves the package."""


def split(batch: pa.RecordBatch, limit: int = SPLIT_BYTES) -> Iterator[pa.RecordBatch]:
    """The batch in pieces of at most `limit` bytes in memory (a single row may be larger)."""
    if batch.nbytes <= limit or batch.num_rows <= 1:
        yield batch
        return
    half = batch.num_rows // 2
    yield from split(batch.slice(0, half), limit)
    yield from split(batch.slice(half), limit)


def read_schema(message: bytes | memoryview) -> pa.Schema:
    """The schema of a schema message.

    Raises:
        BatchError: pyarrow does not accept it.
    """
    try:
        schema = pa.ipc.read_schema(pa.py_buffer(message))
        _ = schema.names, schema.types  # not all that the header may say can be turned into Python
        return schema
    except (pa.ArrowException, OSError, ValueError, UnicodeError) as error:
        raise BatchError(f"unreadable schema: {error}") from None


def decode(message: bytes | memoryview, frame: frames.Frame, schema: pa.Schema, wanted: pa.Schema) -> pa.RecordBatch:
    """Decode one record batch message and return the `wanted` columns.

    Columns that `wanted` does not name are ignored; nullable ones that the file lacks come back null.

    Raises:
        BatchError: too large, contents that do not validate, a column of another type or missing.
    """
    try:
        size = frames.decoded_size(frame, memoryview(message)[frame.header_size :])
    except frames.FrameError as error:
        raise BatchError(str(error)) from None
    if size > MAX_DECODED or frame.rows > MAX_ROWS:
        raise BatchError(f"a batch of {size} bytes and {frame.rows} rows, more than any writer makes")
    try:
        batch = pa.ipc.read_record_batch(pa.py_buffer(message), schema)
        batch.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, UnicodeError) as error:
        raise BatchError(f"unreadable batch: {error}") from None
    return conform(batch, wanted)


def conform(batch: pa.RecordBatch, wanted: pa.Schema) -> pa.RecordBatch:
    """The `wanted` columns of a batch."""
    if batch.schema.names == wanted.names and batch.schema.types == wanted.types:
        columns = batch.columns
    else:
        columns = [_column(batch, field) for field in wanted]
    for field, column in zip(wanted, columns, strict=True):
        if not field.nullable and column.null_count:
            raise BatchError(f"nulls in column {field.name}")
    return pa.RecordBatch.from_arrays(columns, schema=wanted)


def _column(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    index = batch.schema.get_field_index(field.name)
    if index < 0:
        if not field.nullable:
            raise BatchError(f"column {field.name} is missing")
        return pa.nulls(batch.num_rows, field.type)
    column = batch.column(index)
    if column.type != field.type:
        raise BatchError(f"column {field.name} is {column.type}, not {field.type}")
    return column


def read_stream(data: bytes, wanted: pa.Schema) -> tuple[pa.Schema, list[pa.RecordBatch]]:
    """A whole small Arrow stream.

    Raises:
        BatchError: anything in it is not as it should be.
    """
    view, at = memoryview(data), 0
    room = MAX_RATIO * len(data) + _LEAST_ROOM
    schema: pa.Schema | None = None
    parts = []
    while at < len(data) and view[at : at + 8] != frames.END_OF_STREAM:
        try:
            frame = frames.parse(view[at : at + frames.header_size(view[at : at + 8])])
        except frames.FrameError as error:
            raise BatchError(f"at byte {at}: {error}") from None
        message = view[at : at + frame.size]
        if len(message) < frame.size or (schema is None) != (frame.kind == frames.SCHEMA_MESSAGE):
            raise BatchError(f"at byte {at}: cut off, or out of order")
        if schema is None:
            schema = read_schema(message)
        else:
            parts.append(decode(message, frame, schema, wanted))
            room -= parts[-1].nbytes
            if room < 0:
                raise BatchError(f"at byte {at}: {len(data)} bytes that unpack to more than {MAX_RATIO} times as many")
        at += frame.size
    if schema is None:
        raise BatchError("no schema")
    return schema, parts


def is_regular(path: Path) -> bool:
    """Whether a regular file, and no link to one, is there."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def open_regular(path: Path) -> int | None:
    """File descriptor of a regular file; None when it is missing or something else (a link, a device, a folder)."""
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        seen = path.lstat()
        if not stat.S_ISREG(seen.st_mode):
            return None
        fd = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):  # it became a link in between
            return None
        raise
    opened = os.fstat(fd)
    if stat.S_ISREG(opened.st_mode) and (opened.st_dev, opened.st_ino) == (seen.st_dev, seen.st_ino):
        return fd
    os.close(fd)  # somebody put something else there in between
    return None


def read_small_file(path: Path, limit: int = MAX_JSON) -> bytes | None:
    """Contents of a regular file of at most `limit` bytes, else None."""
    fd = open_regular(path)
    if fd is None:
        return None
    with os.fdopen(fd, "rb") as file:
        size = os.fstat(fd).st_size  # asked for more, Python allocates more
        data = file.read(min(size, limit) + 1)
    return data if len(data) <= limit else None
