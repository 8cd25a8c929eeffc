"""Arrow IPC messages as bytes: where one starts, how long it is, what it would decompress to.

Own reader of the message header (a flatbuffer, Arrow's Message.fbs) for two reasons. Walking a segment needs no
column, only lengths and custom metadata; and a hostile file states sizes, so they are checked here before pyarrow
allocates anything. Every offset is checked against the buffer; anything odd raises `FrameError`. Opens nothing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from omptool.capture.format import MAX_METADATA

CONTINUATION = b"\xff\xff\xff\xff"
END_OF_STREAM = CONTINUATION + b"\x00\x00\x00\x00"
SCHEMA_MESSAGE, DICTIONARY_BATCH, RECORD_BATCH = 1, 2, 3
"""MessageHeader union of Message.fbs. A capture holds no dictionaries."""

_MAX_PAIRS = 1000
"""Entries of custom metadata in one message; omptool writes two."""

_U16 = struct.Struct("<H").unpack_from
_I32 = struct.Struct("<i").unpack_from
_U32 = struct.Struct("<I").unpack_from
_I64 = struct.Struct("<q").unpack_from
_BUFFERS = struct.Struct("<qq").iter_unpack


class FrameError(Exception):
    """These bytes are no Arrow message; never leaves the package."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message.

    Attributes:
        kind: `SCHEMA_MESSAGE`, `RECORD_BATCH`, or `DICTIONARY_BATCH` where it is allowed.
        header_size: bytes before the body, prefix included.
        body_size: bytes of the body.
        rows: of a record batch or dictionary.
        custom: custom metadata.
        buffers: of a record batch, pairs of int64: offset and length in the body.
        compressed: whether buffers start with their decompressed length.
    """

    kind: int
    header_size: int
    body_size: int
    rows: int
    custom: dict[bytes, bytes]
    buffers: bytes
    compressed: bool

    @property
    def size(self) -> int:
        return self.header_size + self.body_size


def header_size(prefix: bytes | memoryview) -> int:
    """Bytes from the start of a message to its body, from its first eight bytes.

    Raises:
        FrameError: not the start of a message, the end-of-stream mark, or more than `MAX_METADATA`.
    """
    if len(prefix) < 8 or bytes(prefix[:4]) != CONTINUATION:
        raise FrameError("no message starts here")
    size: int = _I32(prefix, 4)[0]
    if not 16 <= size <= MAX_METADATA or size % 8:
        raise FrameError(f"header of {size} bytes")
    return 8 + size


def parse(header: bytes | memoryview, *, dictionaries: bool = False) -> Frame:
    """Read a message header of exactly `header_size` bytes.

    Raises:
        FrameError: an offset outside the header, an unknown kind of message, a negative size.
    """
    try:
        return _message(memoryview(header)[8:], len(header), dictionaries)
    except (struct.error, IndexError, RecursionError):
        raise FrameError("offset outside the header") from None


def decoded_size(frame: Frame, body: bytes | memoryview) -> int:
    """Bytes that the body takes after decompression, as it states itself.

    Raises:
        FrameError: a buffer outside the body, or a negative length.
    """
    total = 0
    for offset, length in _BUFFERS(frame.buffers):
        if offset < 0 or length < 0 or offset + length > frame.body_size:
            raise FrameError("buffer outside the body")
        if frame.compressed and length:
            if length < 8:
                raise FrameError("compressed buffer without its length")
            stated = _I64(body, offset)[0]
            if stated < -1:
                raise FrameError("negative decompressed length")
            total += length - 8 if stated == -1 else stated
        else:
            total += length
    return total


def _message(data: memoryview, header: int, dictionaries: bool) -> Frame:
    table = _Table(data, _u32(data, 0))
    kind = table.u8(1)
    body = table.i64(3)
    allowed = kind in (SCHEMA_MESSAGE, RECORD_BATCH) or (dictionaries and kind == DICTIONARY_BATCH)
    if not allowed or body < 0 or body % 8:
        raise FrameError(f"message of kind {kind} with {body} bytes")
    custom = dict(table.pairs(4))
    if kind == SCHEMA_MESSAGE:
        return Frame(kind, header, body, 0, custom, b"", False)
    batch = table.table(2)
    if kind == DICTIONARY_BATCH:
        batch = batch.table(1)
    rows = batch.i64(0)
    if rows < 0:
        raise FrameError("negative row count")
    return Frame(kind, header, body, rows, custom, batch.buffers(2), batch.has(3))


def _u32(data: memoryview, at: int) -> int:
    if at < 0:
        raise FrameError("offset outside the header")
    value: int = _U32(data, at)[0]
    return value


class _Table:
    """A flatbuffer table; fields are asked for by their number in the schema."""

    def __init__(self, data: memoryview, at: int) -> None:
        self.data = data
        self.at = at
        vtable = at - _I32(data, at)[0]
        if vtable < 0:
            raise FrameError("offset outside the header")
        self.vtable = vtable
        self.slots = (_U16(data, vtable)[0] - 4) // 2

    def _where(self, field: int) -> int:
        """Position of a field, 0 when it is absent."""
        if field >= self.slots:
            return 0
        offset: int = _U16(self.data, self.vtable + 4 + 2 * field)[0]
        return self.at + offset if offset else 0

    def has(self, field: int) -> bool:
        return bool(self._where(field))

    def u8(self, field: int) -> int:
        at = self._where(field)
        return self.data[at] if at else 0

    def i64(self, field: int) -> int:
        at = self._where(field)
        return int(_I64(self.data, at)[0]) if at else 0

    def table(self, field: int) -> _Table:
        at = self._where(field)
        if not at:
            raise FrameError("message without its content")
        return _Table(self.data, at + _u32(self.data, at))

    def _vector(self, field: int, width: int) -> tuple[int, int]:
        """Start and length of a vector whose elements take `width` bytes."""
        at = self._where(field)
        if not at:
            return 0, 0
        start = at + _u32(self.data, at)
        count = _u32(self.data, start)
        if start + 4 + count * width > len(self.data):
            raise FrameError("vector outside the header")
        return start + 4, count

    def buffers(self, field: int) -> bytes:
        start, count = self._vector(field, 16)
        return bytes(self.data[start : start + 16 * count])

    def pairs(self, field: int) -> list[tuple[bytes, bytes]]:
        start, count = self._vector(field, 4)
        if count > _MAX_PAIRS:
            raise FrameError(f"{count} entries of custom metadata")
        found, room = [], len(self.data)
        for at in range(start, start + 4 * count, 4):
            pair = _Table(self.data, at + _u32(self.data, at))
            found.append((pair.text(0), pair.text(1)))
            room -= len(found[-1][0]) + len(found[-1][1])
            if room < 0:  # the same bytes, named again and again
                raise FrameError("more custom metadata than the header holds")
        return found

    def text(self, field: int) -> bytes:
        start, count = self._vector(field, 1)
        return bytes(self.data[start : start + count])
