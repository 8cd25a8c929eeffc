"""Finds where a Variant, a DataValue or a DiagnosticInfo ends, without building any of it.

Why it exists: rare shapes (arrays, structures, nested Variants) are kept as their exact bytes; to cut those out one
must know only their length. Bounded like all of `wire`: no length is believed before it is compared with the bytes
left.
"""

from __future__ import annotations

from collections.abc import Callable

from omptool.protocol.wire import MAX_NESTING, Reader, malformed

ARRAY, DIMENSIONS, TYPE_BITS = 0x80, 0x40, 0x3F
"""Bits of a Variant's encoding byte (Part 6, 5.2.2.16)."""

FIXED_SIZES = {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 4, 8: 8, 9: 8, 10: 4, 11: 8, 13: 8, 14: 16, 19: 4}
"""Bytes on the wire of the built-in types that always take the same number."""

LENGTH_PREFIXED = frozenset({12, 15, 16, *range(26, 32)})
"""Strings, ByteStrings, XmlElements; ids 26 to 31 are reserved and read as ByteString (Part 6, 5.2.2.16)."""

SMALLEST = {**FIXED_SIZES, **dict.fromkeys(LENGTH_PREFIXED, 4), 17: 2, 18: 2, 20: 6, 21: 1, 22: 3, 23: 1, 24: 1, 25: 1}
"""Least bytes that one value of a type can take: what an announced array length is checked against."""

_HAS_VALUE, _KNOWN_MASK = 0x01, 0x3F
_FIELD_BITS = ((0x02, 4), (0x04, 8), (0x10, 2), (0x08, 8), (0x20, 2))
TAIL_SIZES = tuple(sum(size for bit, size in _FIELD_BITS if mask & bit) for mask in range(_KNOWN_MASK + 1))
"""Bytes behind the value of a DataValue by its mask: status, source time, its picoseconds, server time, its
picoseconds."""


def variant(reader: Reader, depth: int = 0) -> None:
    """Step over a Variant.

    Raises:
        MalformedMessage: it is not one, or nested deeper than `MAX_NESTING`.
    """
    if depth > MAX_NESTING:
        malformed(f"values nested deeper than {MAX_NESTING}", reader.pos)
    encoding = reader.u8()
    kind = encoding & TYPE_BITS
    if encoding & ARRAY:
        _array(reader, kind, depth)
    elif kind:
        _scalar(reader, kind, depth)
    if encoding & DIMENSIONS:
        reader.skip(4 * max(reader.length(4), 0))


def data_value(reader: Reader, depth: int = 0) -> None:
    """Step over a DataValue."""
    mask = reader.u8()
    if mask > _KNOWN_MASK:
        malformed(f"an unknown DataValue mask 0x{mask:02X}", reader.pos - 1)
    if mask & _HAS_VALUE:
        variant(reader, depth + 1)
    reader.skip(TAIL_SIZES[mask])


def _array(reader: Reader, kind: int, depth: int) -> None:
    size = SMALLEST.get(kind)
    if size is None:
        if reader.length() > 0:
            malformed(f"an array of the unknown type {kind}", reader.pos)
        return
    count = max(reader.length(size), 0)
    if kind in FIXED_SIZES:
        reader.skip(count * size)
        return
    for _ in range(count):
        _scalar(reader, kind, depth)


def _scalar(reader: Reader, kind: int, depth: int) -> None:
    size = FIXED_SIZES.get(kind)
    if size is not None:
        reader.skip(size)
    elif kind in LENGTH_PREFIXED:
        reader.skip_string()
    elif kind == 23:
        data_value(reader, depth)
    elif kind == 24:
        variant(reader, depth + 1)
    elif kind in _OTHERS:
        _OTHERS[kind](reader)
    else:
        malformed(f"the unknown type {kind}", reader.pos)


def _qualified_name(reader: Reader) -> None:
    reader.skip(2)
    reader.skip_string()


_OTHERS: dict[int, Callable[[Reader], None]] = {
    17: Reader.skip_node_id,
    18: Reader.skip_node_id,
    20: _qualified_name,
    21: Reader.skip_localized_text,
    22: Reader.skip_structure,
    25: Reader.skip_diagnostic_info,
}
