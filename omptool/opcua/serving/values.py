"""A value on its way out of our server: encoded once, exact to the tick, shared by every subscription that wants it.

asyncua's own path keeps times as Python datetimes (microseconds, so the last digit of an OPC UA time is lost), copies
every value deeply per monitored item and encodes it again for each. Here the DataValue is bytes from the start, for
subscribers and readers; asyncua's own classes are only built for who looks inside.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import (
    Primitives,
    nodeid_from_binary,
    struct_to_binary,
    variant_from_binary,
    variant_to_binary,
)
from asyncua.ua.uaerrors import UaError

from omptool.errors import MalformedMessage
from omptool.model.builtin import BuiltinType
from omptool.model.status import overflow as has_overflow
from omptool.model.times import EPOCH_TICKS
from omptool.opcua.serving.served import NULL_VARIANT
from omptool.protocol.skip import ARRAY, DIMENSIONS, TYPE_BITS
from omptool.protocol.wire import Reader

OVERFLOW = 0x480
"""InfoType DataValue with the Overflow bit (Part 4, 7.39.1)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HAS_VALUE, _HAS_STATUS, _HAS_SOURCE, _HAS_SERVER, _HAS_SOURCE_PICO = 0x01, 0x02, 0x04, 0x08, 0x10
_HAS_SERVER_PICO = 0x20
_STATUS = struct.Struct("<I")
_TIME = struct.Struct("<q")
_TIMES = struct.Struct("<qq")
_PICO = struct.Struct("<H")
_MIN_YEAR_TICKS, _MAX_YEAR_TICKS = 0, 2_650_467_743_990_000_000


class TickTime(ua.DateTime):
    """A datetime that asyncua encodes with the ticks it was made from; the microseconds are for everybody else."""

    ticks: int

    @classmethod
    def of(cls, ticks: int) -> TickTime:
        """From 100 ns ticks since 1601; what a datetime cannot hold is clipped for readers, not on the wire."""
        shown = min(max(ticks, _MIN_YEAR_TICKS), _MAX_YEAR_TICKS)
        moment = _EPOCH + timedelta(microseconds=(shown - EPOCH_TICKS) // 10)
        made = cls(
            moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond, UTC
        )
        made.ticks = ticks
        return made

    def __sub__(self, other: Any) -> Any:  # the one operation asyncua encodes with: 10 * ((t - 1601) // microsecond)
        return _Ticks(self.ticks)


class _Ticks:
    def __init__(self, ticks: int) -> None:
        self._ticks = ticks

    def __floordiv__(self, _: timedelta) -> _Ticks:
        return self

    def __rmul__(self, _: int) -> int:
        return self._ticks


class EncodedValue:
    """A DataValue as bytes.

    Attributes:
        variant: Variant bytes, `NULL_VARIANT` when there is no value.
        status: 32-bit StatusCode.
        source_ticks, source_pico, server_ticks, server_pico: as on the wire; a time that is None is left out.
        data: the encoded DataValue.
    """

    __slots__ = ("data", "server_pico", "server_ticks", "source_pico", "source_ticks", "status", "variant")

    def __init__(
        self,
        variant: bytes,
        status: int,
        source_ticks: int | None,
        source_pico: int,
        server_ticks: int | None,
        server_pico: int = 0,
    ) -> None:
        self.variant = variant
        self.status = status
        self.source_ticks = source_ticks
        self.source_pico = source_pico
        self.server_ticks = server_ticks
        self.server_pico = server_pico
        self.data = self._encode()

    def _encode(self) -> bytes:
        mask = _HAS_VALUE if self.variant != NULL_VARIANT else 0
        parts = [b"", self.variant if mask else b""]
        if self.status:
            mask |= _HAS_STATUS
            parts.append(_STATUS.pack(self.status))
        if self.source_ticks is not None and self.server_ticks is not None and not self.source_pico:
            mask |= _HAS_SOURCE | _HAS_SERVER
            parts.append(_TIMES.pack(self.source_ticks, self.server_ticks))
        else:
            if self.source_ticks is not None:
                mask |= _HAS_SOURCE
                parts.append(_TIME.pack(self.source_ticks))
            if self.source_pico:
                mask |= _HAS_SOURCE_PICO
                parts.append(_PICO.pack(self.source_pico))
            if self.server_ticks is not None:
                mask |= _HAS_SERVER
                parts.append(_TIME.pack(self.server_ticks))
        if self.server_pico:
            mask |= _HAS_SERVER_PICO
            parts.append(_PICO.pack(self.server_pico))
        parts[0] = bytes((mask,))
        return b"".join(parts)

    def overflowed(self) -> EncodedValue:
        """The same value, saying that others before or after it were lost in a queue."""
        if has_overflow(self.status):
            return self
        return EncodedValue(
            self.variant,
            self.status | OVERFLOW,
            self.source_ticks,
            self.source_pico,
            self.server_ticks,
            self.server_pico,
        )

    def to_data_value(self) -> ExactDataValue:
        """What asyncua's Read service answers with."""
        return ExactDataValue(self)

    def decoded(self) -> ua.DataValue:
        """The value as asyncua's own classes hold it: good to look at, not always what was recorded.

        What they cannot hold (a DiagnosticInfo with text) is a value of none.
        """
        try:
            variant = _opaque(self.variant) or variant_from_binary(Buffer(self.variant or NULL_VARIANT))
        except (ValueError, struct.error, UaError):
            variant = ua.Variant()
        if variant.VariantType is ua.VariantType.DateTime and not variant.is_array:
            variant = ua.Variant(TickTime.of(_TIME.unpack_from(self.variant, 1)[0]), ua.VariantType.DateTime)
        return ua.DataValue(
            variant,
            ua.StatusCode(ua.UInt32(self.status)),
            SourceTimestamp=None if self.source_ticks is None else TickTime.of(self.source_ticks),
            ServerTimestamp=None if self.server_ticks is None else TickTime.of(self.server_ticks),
        )

    def number(self) -> float | None:
        """The value as a number, for a deadband; None when it is none."""
        value = variant_from_binary(Buffer(self.variant)).Value if self.variant != NULL_VARIANT else None
        return float(value) if isinstance(value, (int, float)) else None


def _opaque(raw: bytes) -> ua.Variant | None:
    """A Variant with structures whose bytes stay what they are, also of types that asyncua would take apart.

    None for every other type, and for bodies of XML, which asyncua cannot hold.
    """
    if not raw or raw[0] & TYPE_BITS != BuiltinType.ExtensionObject:
        return None
    reader = Reader(raw, 1)
    try:
        count = reader.length(3) if raw[0] & ARRAY else 1
        values = [_extension(reader) for _ in range(count)]
        sizes = [ua.Int32(reader.i32()) for _ in range(reader.length(4))] if raw[0] & DIMENSIONS else None
    except (MalformedMessage, ValueError):
        return None
    if not raw[0] & ARRAY:
        return ua.Variant(values[0], ua.VariantType.ExtensionObject)
    return ua.Variant(None if count < 0 else values, ua.VariantType.ExtensionObject, sizes, is_array=True)


def _extension(reader: Reader) -> ua.ExtensionObject:
    start = reader.pos
    reader.skip_node_id()
    type_id = nodeid_from_binary(Buffer(reader.data[start : reader.pos]))
    encoding = reader.structure_encoding()
    if encoding > 1:
        raise ValueError("a body of XML")
    body = reader.byte_string() if encoding else None
    return ua.ExtensionObject(type_id, None if body is None else ua.ByteString(body))


class ExactBytes:
    """The type of a field whose value is its own encoding; known to asyncua's encoder by its name (`server_hooks`)."""

    @staticmethod
    def pack(data: bytes) -> bytes:
        return data


setattr(Primitives, ExactBytes.__name__, ExactBytes)  # where asyncua's encoder looks for the encoders of fields


@dataclass
class ExactDataValue:
    """A DataValue that asyncua sends as the bytes it is made of, and reads like one of its own."""

    data: ExactBytes

    def __init__(self, value: EncodedValue) -> None:
        self.data = value.data  # type: ignore[assignment]  # bytes, and they stay bytes
        self._value = value

    @cached_property
    def _decoded(self) -> ua.DataValue:
        return self._value.decoded()

    @property
    def Value(self) -> ua.Variant | None:  # noqa: N802  # asyncua's spelling
        return self._decoded.Value

    @property
    def StatusCode(self) -> ua.StatusCode | None:  # noqa: N802
        return self._decoded.StatusCode

    @property
    def SourceTimestamp(self) -> datetime | None:  # noqa: N802
        return self._decoded.SourceTimestamp

    @property
    def ServerTimestamp(self) -> datetime | None:  # noqa: N802
        return self._decoded.ServerTimestamp


class ForeignValue(EncodedValue):
    """A value that asyncua itself wrote (server status, current time), in the same clothes."""

    __slots__ = ()

    def __init__(self, value: ua.DataValue) -> None:
        self.variant = variant_to_binary(value.Value) if value.Value is not None else NULL_VARIANT
        self.status = 0 if value.StatusCode is None else value.StatusCode.value
        self.source_ticks, self.source_pico = _ticks(value.SourceTimestamp), 0
        self.server_ticks, self.server_pico = _ticks(value.ServerTimestamp), 0
        self.data = struct_to_binary(value)


def _ticks(moment: datetime | None) -> int | None:
    return None if moment is None else int(ua.datetime_to_win_epoch(moment))
