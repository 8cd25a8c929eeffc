"""From wire bytes into a segment and back: the same bytes, for every kind of value."""

from __future__ import annotations

import struct

import pyarrow as pa
import pytest

from omptool.errors import Damaged
from omptool.protocol.items import decode_data_values
from omptool.replay.variants import variants
from tests.capture import build

VALUES = [
    b"\x00",
    b"\x01\x01",
    b"\x01\x02",
    b"\x02\xff",
    b"\x03\xff",
    struct.pack("<Bh", 4, -2),
    struct.pack("<BH", 5, 65535),
    struct.pack("<Bi", 6, -7),
    struct.pack("<BI", 7, 2**32 - 1),
    struct.pack("<Bq", 8, -(2**63)),
    struct.pack("<BQ", 9, 2**64 - 1),
    struct.pack("<Bf", 10, 0.1),
    struct.pack("<BI", 10, 0x7FC00001),
    struct.pack("<BI", 10, 0xFFC00000),
    struct.pack("<Bd", 11, float("-inf")),
    struct.pack("<BQ", 11, 0x7FF8000000000001),
    struct.pack("<Bi", 12, -1),
    struct.pack("<Bi", 12, 0),
    struct.pack("<Bi", 12, 2) + "°".encode(),
    struct.pack("<Bi", 12, 1) + b"\xff",
    struct.pack("<Bq", 13, 0),
    struct.pack("<Bq", 13, 134_000_000_000_000_001),
    b"\x0e" + bytes(range(16)),
    struct.pack("<Bi", 15, 3) + b"abc",
    struct.pack("<Bi", 16, -1),
    struct.pack("<BI", 19, 0x80AB0000),
    b"\x15\x00",
    b"\x15\x02" + struct.pack("<i", 2) + b"hi",
    b"\x15\x03" + struct.pack("<i", 2) + b"en" + struct.pack("<i", 2) + b"hi",
    struct.pack("<Biii", 0x86, 2, 1, 2),
]


def test_every_variant_comes_back_bit_for_bit() -> None:
    data = b"".join(b"\x01" + value for value in VALUES)
    assert variants(build.rows_of(decode_data_values(data, len(VALUES)))) == VALUES


def test_a_value_that_its_type_cannot_hold_is_damage() -> None:
    batch = build.rows_of(build.doubles([1.0]))
    at = batch.schema.get_field_index("vtype")
    for wrong in (3, 10 + 16, 17):
        with pytest.raises(Damaged):
            variants(batch.set_column(at, batch.schema.field(at), pa.array([wrong], pa.uint8())))
