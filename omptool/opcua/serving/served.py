"""What a served address space is fed with: values as bytes, with the moment they are due. Pure, and free of asyncua.

A value is handed over as the exact bytes of its Variant (Part 6, 5.2.2.16), so whoever has recorded or computed one
gets it out on the wire unchanged. `encode_variant` makes those bytes from Python values for the types the plant uses.
This module may never look at a clock: the server waits, the source says until when.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

from omptool.model.builtin import BuiltinType

VariantValue = (
    bool | int | float | str | bytes | None | Sequence[bool] | Sequence[int] | Sequence[float] | Sequence[str]
)
"""A Python value as `encode_variant` takes it; DateTime and StatusCode are integers (ticks, code)."""


GIVEN_OUT = -(2**63)
"""As a ServerTimestamp: the server's own clock. No DateTime on the wire can have this value as a time."""


class ServedValue(NamedTuple):
    """One value of one node.

    Attributes:
        due_ns: Unix nanoseconds of the wall clock at which the server gives it out; in the past means at once.
        node_id: C1 text.
        variant: exact Variant bytes; `NULL_VARIANT` for no value.
        status: 32-bit StatusCode.
        source_ticks: SourceTimestamp in 100 ns since 1601; None leaves it out.
        source_pico: SourcePicoseconds, in 10 ps.
        server_ticks: ServerTimestamp likewise; `GIVEN_OUT` is the moment at which the server gives the value out.
        server_pico: ServerPicoseconds, in 10 ps.
    """

    due_ns: int
    node_id: str
    variant: bytes
    status: int
    source_ticks: int | None
    source_pico: int = 0
    server_ticks: int | None = GIVEN_OUT
    server_pico: int = 0


class ServedAlarm(NamedTuple):
    """A change of a condition.

    Attributes:
        due_ns: as for a value.
        source, condition: C1 texts of the node it is about and of the condition; neither needs to exist.
        time_ns: when it happened, Unix nanoseconds.
    """

    due_ns: int
    source: str
    source_name: str
    condition: str
    name: str
    message: str
    severity: int
    is_active: bool
    is_acked: bool
    time_ns: int


ValueSource = AsyncIterator[ServedValue | ServedAlarm]
"""What happens, in the order of `due_ns`. When it ends, the server goes on answering with the last values."""


class History(Protocol):
    """What a historian keeps of some nodes.

    Attributes:
        nodes: C1 texts of the nodes it keeps.
    """

    @property
    def nodes(self) -> Collection[str]: ...

    def values(self, node_id: str, start_ns: int, end_ns: int, *, newest_first: bool) -> Iterator[ServedValue]:
        """Every value of a node in [start, end), Unix nanoseconds of the SourceTimestamp, in order of it."""
        ...


NULL_VARIANT = b"\x00"
"""A Variant without a value."""

_ARRAY = 0x80
_SCALARS: dict[BuiltinType, struct.Struct] = {
    kind: struct.Struct("<" + code)
    for kind, code in (
        (BuiltinType.Boolean, "?"),
        (BuiltinType.SByte, "b"),
        (BuiltinType.Byte, "B"),
        (BuiltinType.Int16, "h"),
        (BuiltinType.UInt16, "H"),
        (BuiltinType.Int32, "i"),
        (BuiltinType.UInt32, "I"),
        (BuiltinType.Int64, "q"),
        (BuiltinType.UInt64, "Q"),
        (BuiltinType.Float, "f"),
        (BuiltinType.Double, "d"),
        (BuiltinType.DateTime, "q"),
        (BuiltinType.StatusCode, "I"),
    )
}
_HEADED: dict[BuiltinType, struct.Struct] = {
    kind: struct.Struct("<B" + form.format[1:]) for kind, form in _SCALARS.items()
}
_HAS_TEXT = 0x02


def encode_variant(kind: BuiltinType, value: VariantValue) -> bytes:
    """Variant bytes of a scalar or a one-dimensional array (list or tuple); None gives a null Variant.

    LocalizedText takes the text alone, without locale.

    Raises:
        ValueError: a type that only a recording can hold (NodeId, ExtensionObject, …).
        struct.error: a number that the type does not hold.
    """
    if value is None:
        return NULL_VARIANT
    if isinstance(value, (list, tuple)):
        body = b"".join(_encode(kind, item) for item in value)
        return struct.pack("<Bi", kind | _ARRAY, len(value)) + body
    headed = _HEADED.get(kind)
    if headed is not None:
        return headed.pack(kind, value)
    return bytes((kind,)) + _encode(kind, value)


def _encode(kind: BuiltinType, value: object) -> bytes:
    scalar = _SCALARS.get(kind)
    if scalar is not None:
        return scalar.pack(value)
    if kind is BuiltinType.LocalizedText:
        return bytes((_HAS_TEXT,)) + _counted(str(value).encode())
    if kind in (BuiltinType.String, BuiltinType.XmlElement):
        return _counted(str(value).encode())
    if kind is BuiltinType.ByteString and isinstance(value, bytes):
        return _counted(value)
    raise ValueError(f"no way to encode {value!r} as {kind.name}")


def _counted(data: bytes) -> bytes:
    return struct.pack("<i", len(data)) + data
