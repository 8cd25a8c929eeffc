"""HistoryReadResponse: the raw values of each node, where they lie and what is still to come; decoded like those of
Read, by `items.decode_data_values`."""

from __future__ import annotations

from typing import NamedTuple

from omptool.protocol.wire import Reader, malformed

HISTORY_READ_RESPONSE = 667
_HISTORY_DATA = 658
_SMALLEST_RESULT = 11
"""StatusCode, null continuation point, null NodeId and encoding of an ExtensionObject without body."""


class HistoryResult(NamedTuple):
    """What one node's history answered.

    Attributes:
        status: full StatusCode.
        continuation: to be sent again for the values that follow; empty when there are none.
        values, items: how many DataValues, and their bytes.
    """

    status: int
    continuation: bytes
    values: int
    items: bytes


def parse_history_read_response(body: bytes | memoryview) -> list[HistoryResult]:
    """Take a HistoryReadResponse apart, one result per node in the order asked.

    Raises:
        ServerRefused: a ServiceFault or a Bad ServiceResult.
        MalformedMessage: the bytes are not a HistoryReadResponse.
    """
    reader = Reader(bytes(body))
    reader.expect((HISTORY_READ_RESPONSE,), "HistoryRead")
    return [_result(reader) for _ in range(max(reader.length(_SMALLEST_RESULT), 0))]


def _result(reader: Reader) -> HistoryResult:
    status, continuation = reader.u32(), reader.byte_string() or b""
    type_id = reader.node_id()
    encoding = reader.structure_encoding()
    size = max(reader.length(), 0) if encoding else 0
    start = reader.skip(size)
    if not size:
        return HistoryResult(status, continuation, 0, b"")
    if encoding != 1 or (type_id.namespace, type_id.identifier) != (0, _HISTORY_DATA):
        malformed(f"history of type {type_id.to_text(())}", start)
    part = Reader(reader.data, start, reader.pos)
    count = max(part.length(), 0)
    return HistoryResult(status, continuation, count, reader.data[part.pos : part.end])
