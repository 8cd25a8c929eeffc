"""How one kind of item lies in the bytes: worked out once for each (DataValue mask, Variant encoding byte) and kept.

Servers use a handful of kinds and send millions of items of each, so the walk in `items` only looks a plan up and adds
its size. The tables are bounded: 64 masks times 256 encodings, and an encoding that OPC UA does not define is refused,
not remembered.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from omptool.protocol.skip import ARRAY, FIXED_SIZES, LENGTH_PREFIXED, SMALLEST, TAIL_SIZES, TYPE_BITS
from omptool.protocol.wire import malformed

HAS_VALUE, HAS_STATUS, HAS_SOURCE, HAS_SERVER, HAS_SOURCE_PICO, HAS_SERVER_PICO = 1, 2, 4, 8, 16, 32
"""Bits of a DataValue's mask (Part 6, 5.2.2.17)."""

HANDLE_SIZE = 4
"""A MonitoredItemNotification is a ClientHandle and a DataValue; a ReadResponse has the DataValues alone."""

_BYTE_STRING = 15
_TEXTS = (12, 16)
_TAIL_FIELDS = (
    (HAS_STATUS, "status", "<u4"),
    (HAS_SOURCE, "source", "<i8"),
    (HAS_SOURCE_PICO, "source_pico", "<u2"),
    (HAS_SERVER, "server", "<i8"),
    (HAS_SERVER_PICO, "server_pico", "<u2"),
)
# UInt64 is read as Int64: the column is 64 signed bits, and the type id says how to read them back.
_NUMPY_TYPES = {1: "u1", 2: "i1", 3: "u1", 4: "<i2", 5: "<u2", 6: "<i4", 7: "<u4", 8: "<i8", 9: "<i8"} | {
    10: "<f4",
    11: "<f8",
    13: "<i8",
    14: "V16",
    19: "<u4",
}


class Plan:
    """One kind of item.

    Attributes:
        mask, encoding: what makes the kind; encoding is 0 without a value.
        kind: built-in type id of the value, or of an array's elements; 0 without a value.
        vtype: the id as the column `vtype` has it: plus 128 for arrays, reserved ids as ByteString.
        size: bytes of the whole item when it is always the same; 0 when the value has to be measured.
        unit: bytes per element of a value that is a length and so many elements; 0 when it must be parsed.
        tail_size: bytes behind the value.
        is_text: one String or XmlElement, the commonest values without a fixed size.
        record: numpy type of the whole item (`size` > 0) or of what follows the value.
    """

    __slots__ = ("encoding", "is_text", "kind", "mask", "record", "size", "tail_size", "unit", "vtype")

    def __init__(self, head: int, mask: int, encoding: int) -> None:
        self.mask = mask
        self.encoding = encoding
        self.kind = encoding & TYPE_BITS
        self.vtype = _vtype(encoding)
        self.tail_size = TAIL_SIZES[mask]
        fields: list[tuple[str, str]] = [("handle", "<u4")] if head else []
        fields.append(("mask", "u1"))
        if mask & HAS_VALUE:
            fields.append(("encoding", "u1"))
        if self.kind and encoding == self.kind and self.kind in FIXED_SIZES:
            fields.append(("value", _NUMPY_TYPES[self.kind]))
        tail = [(name, kind) for bit, name, kind in _TAIL_FIELDS if mask & bit]
        fixed = encoding == 0 or (encoding == self.kind and self.kind in FIXED_SIZES)
        self.record: np.dtype[Any] = np.dtype(fields + tail if fixed else tail)
        self.size = self.record.itemsize if fixed else 0
        self.unit = _unit(encoding)
        self.is_text = encoding in _TEXTS


class Plans:
    """All plans of one kind of message, made when first met.

    Attributes:
        head: bytes before each DataValue.
        table: plan by mask and by the byte behind it, None until `make` was called for it. Two plain lists are three
            times as quick as a dict here. Without a value the second byte means nothing: one plan for all.
    """

    def __init__(self, head: int) -> None:
        self.head = head
        self.table: list[list[Plan | None]] = [[None] * 256 for _ in TAIL_SIZES]

    def make(self, mask: int, encoding: int) -> Plan:
        """The plan for a kind that the table does not have yet.

        Raises:
            MalformedMessage: OPC UA does not define this kind.
        """
        row = self.table[mask]
        if not mask & HAS_VALUE:
            plan = Plan(self.head, mask, 0)
            row[:] = [plan] * len(row)
            return plan
        if encoding & TYPE_BITS and encoding & TYPE_BITS not in SMALLEST:
            malformed(f"the unknown type {encoding & TYPE_BITS}", 0)
        plan = row[encoding] = Plan(self.head, mask, encoding)
        return plan


NOTIFICATION_PLANS = Plans(HANDLE_SIZE)
DATA_VALUE_PLANS = Plans(0)


def _unit(encoding: int) -> int:
    if encoding in LENGTH_PREFIXED:
        return 1
    return FIXED_SIZES.get(encoding ^ ARRAY, 0)


def _vtype(encoding: int) -> int:
    kind = encoding & TYPE_BITS
    if not kind:
        return 0
    if kind > _BYTE_STRING and kind in LENGTH_PREFIXED and kind != 16:
        kind = _BYTE_STRING
    return kind | (128 if encoding & ARRAY else 0)
