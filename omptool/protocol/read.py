"""ReadResponse: where its DataValues lie. They are decoded like the items of a subscription, by
`items.decode_data_values`; a handful of odd ones, for which columns would cost more than they hold, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omptool.protocol.variant import ValueReader
from omptool.protocol.wire import NO_DIAGNOSTICS, Reader

READ_RESPONSE = 634
_SMALLEST = 1


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


def parse_plain_values(body: bytes, namespaces: Sequence[str] = ()) -> list[Any]:
    """The values of a ReadResponse as `variant.Variant` has them; None for those that are Bad or have none.

    Raises:
        ServerRefused, MalformedMessage: as `parse_read_response`.
    """
    reader = ValueReader(body, namespaces)
    reader.expect((READ_RESPONSE,), "Read")
    found = [reader.data_value(0) for _ in range(reader.length(_SMALLEST))]
    return [None if one.status >> 31 or one.value is None else one.value.value for one in found]
