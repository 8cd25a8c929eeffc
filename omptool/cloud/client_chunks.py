"""The bytes of a chunk → record batches, or the reason why they are none.

A chunk counts only with its end-of-stream mark: what a connection lost is not taken for less data. Bytes from outside
state sizes, so these are looked at before pyarrow allocates anything, and what it reads is validated before anybody
follows an offset.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import pyarrow as pa

from omptool.capture import frames
from omptool.capture.frames import FrameError

MEDIA_TYPE: Final = "application/vnd.apache.arrow.stream"
LIMIT: Final = 128 << 20
"""Bytes of a chunk as it is sent, and decompressed. Servers make chunks of some MiB; one long row may be more."""
_END: Final = frames.END_OF_STREAM


class Truncated(Exception):
    """The chunk ends before its mark; asking again may help."""


class NotArrow(Exception):
    """These bytes are no chunk, however often they are asked for."""


class Chunk(NamedTuple):
    """What a chunk holds; there may be no batch."""

    schema: pa.Schema
    batches: list[pa.RecordBatch]


def read(data: bytes) -> Chunk:
    """Schema and batches of a chunk.

    Raises:
        Truncated: without its end.
        NotArrow: not an Arrow stream, larger than `LIMIT` when decompressed, or with values that lie elsewhere.
    """
    _walk(memoryview(data))
    try:
        with pa.ipc.open_stream(data) as stream:
            batches = list(stream)
            for batch in batches:
                _validate(batch)
            return Chunk(stream.schema, batches)
    except (pa.ArrowException, OSError, MemoryError) as error:
        raise NotArrow(str(error).partition("\n")[0][:200]) from None


def _validate(batch: pa.RecordBatch) -> None:
    """Raise ArrowInvalid where an offset, a length or a text is wrong."""
    batch.validate()
    for column in batch.columns:
        plain = _without_decimals(column.type)
        (column if plain.equals(column.type) else column.view(plain)).validate(full=True)


def _without_decimals(kind: pa.DataType) -> pa.DataType:
    """The same layout with bytes for DECIMAL: a HUGEINT of 39 digits is right, and no valid DECIMAL(38)."""
    if pa.types.is_decimal128(kind):
        return pa.binary(16)
    if pa.types.is_map(kind):
        return pa.map_(_without_decimals(kind.key_type), _field(kind.item_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_field(kind.value_field), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(_field(kind.value_field))
    if pa.types.is_struct(kind):
        return pa.struct([_field(field) for field in kind])
    if pa.types.is_union(kind) and kind.mode == "sparse":
        return pa.sparse_union([_field(kind.field(n)) for n in range(kind.num_fields)], kind.type_codes)
    return kind


def _field(field: pa.Field) -> pa.Field:
    return field.with_type(_without_decimals(field.type))


def _walk(data: memoryview) -> None:
    """See that messages follow each other up to the mark, and what they would decompress to."""
    at, total = 0, 0
    while bytes(data[at : at + 8]) != _END:
        if at + 8 > len(data):
            raise Truncated
        try:
            head = frames.header_size(data[at : at + 8])
            if at + head > len(data):
                raise Truncated
            frame = frames.parse(data[at : at + head], dictionaries=True)
            if at + frame.size > len(data):
                raise Truncated
            total += frames.decoded_size(frame, data[at + head : at + frame.size])
        except FrameError as error:
            raise NotArrow(f"at byte {at}: {error}") from None
        if total > LIMIT:
            raise NotArrow(f"more than {LIMIT >> 20} MiB when decompressed")
        at += frame.size
    if at + 8 != len(data):
        raise NotArrow(f"{len(data) - at - 8} bytes behind its end")
