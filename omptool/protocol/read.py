"""ReadResponse: where its DataValues lie. They are decoded like the items of a subscription, by
`items.decode_data_values`."""

from __future__ import annotations

from omptool.protocol.wire import NO_DIAGNOSTICS, Reader

READ_RESPONSE = 634


def parse_read_response(body: bytes | memoryview) -> tuple[int, bytes]:
    """Find the results of a ReadResponse: how many DataValues, and their bytes, for `decode_data_values`.

    The end of the last DataValue is only known once all are walked; an empty DiagnosticInfos array, which is what a
    server sends that was not asked for diagnostics, is cut off here, any other is recognised when the values are
    decoded.

    Raises:
        ServerRefused: a ServiceFault or a Bad ServiceResult.
        MalformedMessage: the bytes are not a ReadResponse.
    """
    reader = Reader(bytes(body))
    reader.expect((READ_RESPONSE,), "Read")
    count = max(reader.length(), 0)
    data = reader.data[reader.pos :]
    return count, data[:-4] if data[-4:] in NO_DIAGNOSTICS else data
