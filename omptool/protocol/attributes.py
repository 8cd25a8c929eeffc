"""ReadResponse to the Variants in it, as bytes: for attributes, which are the same for thousands of nodes.

DataTypes, ranks, access levels and units repeat: whoever reads them decodes each distinct one once. So does this
module: a DataValue that begins with the bytes of the one before is that one.
"""

from __future__ import annotations

from omptool.protocol import skip
from omptool.protocol.read import READ_RESPONSE
from omptool.protocol.wire import Reader, malformed

_HAS_VALUE, _HAS_STATUS = 0x01, 0x02


def parse_attributes(body: bytes | memoryview) -> list[bytes | None]:
    """Variant bytes of each result; None where it is Bad or has no value. Equal neighbours are one object.

    Raises:
        ServerRefused: a ServiceFault or a Bad ServiceResult.
        MalformedMessage: the bytes are not a ReadResponse.
    """
    reader = Reader(bytes(body))
    reader.expect((READ_RESPONSE,), "Read")
    data = reader.data
    found: list[bytes | None] = []
    last, size = b"", 0
    value: bytes | None = None
    count = reader.length()
    position = reader.pos
    for _ in range(count):
        if size and data.startswith(last, position):
            position += size
        else:
            reader.pos = position
            value = _value(reader)
            last = data[position : reader.pos]
            size = len(last)
            position = reader.pos
        found.append(value)
    return found


def _value(reader: Reader) -> bytes | None:
    """Step over a DataValue; its Variant."""
    start = reader.pos
    mask = reader.u8()
    if mask >= len(skip.TAIL_SIZES):
        malformed(f"an unknown DataValue mask 0x{mask:02X}", start)
    if mask & _HAS_VALUE:
        skip.variant(reader, 1)
    end = reader.pos
    reader.skip(skip.TAIL_SIZES[mask])
    is_bad = mask & _HAS_STATUS and reader.data[end + 3] >> 7
    return reader.data[start + 1 : end] if mask & _HAS_VALUE and not is_bad else None
