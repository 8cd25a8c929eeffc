"""Exact Variant bytes (the column `raw`) to Python values, to JSON and to lists of numbers.

Why it exists: arrays, structures and other rare values travel through a capture as the bytes the server sent; here
they become readable, when somebody looks. Whatever `items` accepted as a Variant decodes here too: one odd value never
stops a table of a million.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from omptool.model.builtin import NUMERIC, BuiltinType
from omptool.model.times import EPOCH_TICKS, datetime_of
from omptool.protocol.skip import ARRAY, DIMENSIONS, FIXED_SIZES, LENGTH_PREFIXED, SMALLEST, TYPE_BITS
from omptool.protocol.wire import MAX_NESTING, LocalizedText, Reader, malformed, text_of

Opener = Callable[["Structure", int], Any]
"""Makes a plain value of a structure that lies so many levels deep."""

_NULL_ID = "i=0"

MAX_DIMENSIONS = 5
"""A matrix of more is given as a flat list: nested lists inside nested values have to end somewhere."""

MAX_ELEMENTS = 1 << 21
"""Texts, structures and other objects in the arrays of one value. One byte can stand for one, which takes a hundred."""

_FORMATS = {2: "b", 3: "B", 4: "h", 5: "H", 6: "i", 7: "I", 8: "q", 9: "Q", 10: "f", 11: "d", 13: "q", 19: "I"}
FIRST_TICKS, LAST_TICKS = -504_911_232_000_000_000, 2_650_467_743_999_999_999
"""Years 1 to 9999: what RFC 3339 can write."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A value with its type.

    Attributes:
        type: built-in type of the value or of the elements; the reserved ids 26 to 31 are ByteString.
        dimensions: of a matrix; None for scalars and plain arrays, and where they contradict the number of elements.
        value: Boolean bool; numbers int and float; DateTime int (ticks of 100 ns since 1601); String, XmlElement str;
            Guid UUID; ByteString bytes; NodeId, ExpandedNodeId, QualifiedName their text with namespace URIs;
            StatusCode int; `LocalizedText`; `Structure`; `DataValue`; `Variant`; `DiagnosticInfo`; None for null.
            Arrays: a flat, row-major list of these.
        is_array: tells a null array from a null value.
    """

    type: BuiltinType
    dimensions: tuple[int, ...] | None
    value: Any
    is_array: bool = False


class Structure(NamedTuple):
    """ExtensionObject: a structure whose fields only its type definition explains.

    Attributes:
        type_id: text of the *encoding's* NodeId.
        body: encoded fields; None when there is no body.
        is_xml: the body is XML text, not binary.
    """

    type_id: str
    body: bytes | None
    is_xml: bool

    @property
    def is_null(self) -> bool:
        """Neither a type nor a body: no value at all."""
        return self.body is None and self.type_id == _NULL_ID


class DataValue(NamedTuple):
    """A value with status and times inside another value; times are ticks, absent ones None."""

    value: Variant | None
    status: int
    source_ticks: int | None
    source_pico: int
    server_ticks: int | None
    server_pico: int


class DiagnosticInfo(NamedTuple):
    """Vendor's words on a status. The four numbers index the string table of the answer it came with, which is gone
    here."""

    symbolic_id: int | None
    namespace_uri: int | None
    locale: int | None
    localized_text: int | None
    additional_info: str | None
    inner_status: int | None
    inner: DiagnosticInfo | None


def decode_variant(raw: bytes, namespaces: Sequence[str]) -> Variant:
    """Decode one Variant.

    Args:
        raw: its exact bytes.
        namespaces: the server's NamespaceArray at the time.

    Raises:
        MalformedMessage: the bytes are not one Variant.
    """
    reader = ValueReader(raw, namespaces)
    variant = reader.variant(0)
    if reader.pos != reader.end:
        malformed("something behind the value", reader.pos)
    return variant


def to_json(variant: Variant, opener: Opener | None = None, depth: int = 0) -> Any:
    """The value as `json.dumps` takes it; a matrix as nested lists.

    NaN and infinities are strings, ByteStrings base64, DateTimes RFC 3339 with seven decimals, integers keep all
    digits. LocalizedText, DataValue and DiagnosticInfo are objects. A Variant in a Variant is its bare value.

    Args:
        opener: reads structures; without one they are objects that hold their bytes (`opaque`).
        depth: how deep the value itself lies.
    """
    if not isinstance(variant.value, list):
        return plain_value(variant.type, variant.value, opener, depth)
    values = [plain_value(variant.type, value, opener, depth) for value in variant.value]
    return nested_lists(values, variant.dimensions or ())


def nested_lists(values: list[Any], dimensions: Sequence[int]) -> list[Any]:
    """A flat, row-major list as lists in lists; the list itself without a second dimension."""
    for size in reversed(dimensions[1:]):
        values = [values[start : start + size] for start in range(0, len(values), size)] if size else []
    return values


def value_list(raw: bytes) -> tuple[NDArray[np.float64], int] | None:
    """Elements of a numeric array or matrix (SByte to Double), row-major, as the column `value_list` has them, and the
    number of its dimensions. Never a Python object per element: an array may have as many as a message has bytes.

    Returns:
        None for everything else: scalars, the null array, Booleans, texts. Integers beyond 2**53 are rounded to the
        nearest double.

    Raises:
        MalformedMessage: the bytes are no such array.
    """
    kind = raw[0] & TYPE_BITS if raw else 0
    if not raw or not raw[0] & ARRAY or kind not in NUMERIC:
        return None
    reader = ValueReader(raw, ())
    reader.pos = 1
    count = reader.length(FIXED_SIZES[kind])
    start = reader.skip(max(count, 0) * FIXED_SIZES[kind])
    dimensions = reader.dimensions() if raw[0] & DIMENSIONS else ()
    if reader.pos != reader.end:
        malformed("something behind the value", reader.pos)
    if count < 0:
        return None
    with np.errstate(invalid="ignore"):  # a signalling NaN is no reason to warn
        values = np.frombuffer(raw, f"<{_FORMATS[kind]}", count, start).astype(np.float64)
    return values, len(_fitting(dimensions, count) or (1,))


class ValueReader(Reader):
    """Reader that knows what namespace indexes mean, and how many objects it may still make."""

    __slots__ = ("elements", "namespaces")

    def __init__(self, data: bytes, namespaces: Sequence[str]) -> None:
        super().__init__(data)
        self.namespaces = namespaces
        self.elements = MAX_ELEMENTS

    def variant(self, depth: int) -> Variant:
        if depth > MAX_NESTING:
            malformed(f"values nested deeper than {MAX_NESTING}", self.pos)
        encoding = self.u8()
        kind = encoding & TYPE_BITS
        is_array = bool(encoding & ARRAY)
        value = self._array(kind, depth) if is_array else self.scalar(kind, depth)
        dimensions = self.dimensions() if encoding & DIMENSIONS else ()
        builtin = BuiltinType.ByteString if kind > BuiltinType.DiagnosticInfo else BuiltinType(kind)
        count = len(value) if isinstance(value, list) else -1
        return Variant(builtin, _fitting(dimensions, count), value, is_array)

    def dimensions(self) -> tuple[int, ...]:
        count = max(self.length(4), 0)
        return struct.unpack_from(f"<{count}i", self.data, self.skip(4 * count))

    def _array(self, kind: int, depth: int) -> list[Any] | None:
        if kind not in SMALLEST:
            if self.length() > 0:
                malformed(f"an array of the unknown type {kind}", self.pos)
            return None
        count = self.length(SMALLEST[kind])
        if count < 0:
            return None
        if kind in _FORMATS:
            start = self.skip(count * FIXED_SIZES[kind])
            return list(struct.unpack_from(f"<{count}{_FORMATS[kind]}", self.data, start))
        self.elements -= count
        if self.elements < 0:
            malformed(f"a value of more than {MAX_ELEMENTS:,} elements", self.pos)
        return [self.scalar(kind, depth) for _ in range(count)]

    def scalar(self, kind: int, depth: int) -> Any:
        if kind in _FORMATS:
            return struct.unpack_from("<" + _FORMATS[kind], self.data, self.skip(FIXED_SIZES[kind]))[0]
        if kind == BuiltinType.Variant:
            return self.variant(depth + 1)
        if kind == BuiltinType.DataValue:
            return self.data_value(depth)
        if kind in _SIMPLE:
            return _SIMPLE[kind](self)
        if kind in LENGTH_PREFIXED:
            return self.byte_string()
        if kind:
            malformed(f"the unknown type {kind}", self.pos)
        return None

    def data_value(self, depth: int) -> DataValue:
        mask = self.u8()
        if mask > 0x3F:
            malformed(f"an unknown DataValue mask 0x{mask:02X}", self.pos - 1)
        return DataValue(
            value=self.variant(depth + 1) if mask & 0x01 else None,
            status=self.u32() if mask & 0x02 else 0,
            source_ticks=self.i64() if mask & 0x04 else None,
            source_pico=self.u16() if mask & 0x10 else 0,
            server_ticks=self.i64() if mask & 0x08 else None,
            server_pico=self.u16() if mask & 0x20 else 0,
        )

    def boolean(self) -> bool:
        return self.u8() != 0

    def node_text(self) -> str:
        return self.node_id().to_text(self.namespaces)

    def name_text(self) -> str:
        return self.name().to_text(self.namespaces)

    def structure(self) -> Structure:
        type_id = self.node_text()
        encoding = self.structure_encoding()
        return Structure(type_id, self.byte_string() if encoding else None, encoding == 2)

    def diagnostic_info(self) -> DiagnosticInfo:
        end = Reader(self.data, self.pos)
        end.skip_diagnostic_info()  # checks masks and nesting
        levels: list[tuple[int | None, int | None, int | None, int | None, str | None, int | None]] = []
        while self.pos < end.pos:
            mask = self.u8()
            symbol, uri, locale, text = (self.i32() if mask & bit else None for bit in (1, 2, 8, 4))
            info = self.string() if mask & 0x10 else None
            levels.append((symbol, uri, locale, text, info, self.u32() if mask & 0x20 else None))
        found: DiagnosticInfo | None = None
        for level in reversed(levels):
            found = DiagnosticInfo(*level, found)
        assert found is not None  # the check above read at least one mask
        return found


_SIMPLE: dict[int, Callable[[ValueReader], Any]] = {
    BuiltinType.Boolean: ValueReader.boolean,
    BuiltinType.String: ValueReader.string,
    BuiltinType.Guid: ValueReader.guid,
    BuiltinType.XmlElement: ValueReader.string,
    BuiltinType.NodeId: ValueReader.node_text,
    BuiltinType.ExpandedNodeId: ValueReader.node_text,
    BuiltinType.QualifiedName: ValueReader.name_text,
    BuiltinType.LocalizedText: ValueReader.localized_text,
    BuiltinType.ExtensionObject: ValueReader.structure,
    BuiltinType.DiagnosticInfo: ValueReader.diagnostic_info,
}


def _fitting(dimensions: tuple[int, ...], count: int) -> tuple[int, ...] | None:
    """Dimensions that `count` elements fill exactly; others say nothing (Part 6 calls them an error, the values are
    not)."""
    if not 0 < len(dimensions) <= MAX_DIMENSIONS or min(dimensions) < 0:
        return None
    return dimensions if math.prod(dimensions) == count else None


def plain_value(kind: BuiltinType, value: Any, opener: Opener | None = None, depth: int = 0) -> Any:
    """One element of `kind`, as in `to_json`."""
    match value:
        case float():
            return value if math.isfinite(value) else _not_finite(value)
        case int() if kind is BuiltinType.DateTime:
            return time_text(value)
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case UUID():
            return str(value)
        case Variant():
            return to_json(value, opener, depth + 1)
        case Structure():
            return opaque(value) if opener is None else opener(value, depth + 1)
        case DataValue():
            return _data_value(value, opener, depth)
        case LocalizedText():
            return value._asdict()
        case DiagnosticInfo():
            inner = None if value.inner is None else plain_value(kind, value.inner)
            return {**value._asdict(), "inner": inner}
    return value


def opaque(value: Structure) -> dict[str, Any]:
    """A structure that nobody can read: its encoding's NodeId and its bytes (base64), or its XML."""
    return {"type_id": value.type_id, "body": _body(value), "is_xml": value.is_xml}


def _body(value: Structure) -> str | None:
    if value.body is None:
        return None
    return text_of(value.body) if value.is_xml else base64.b64encode(value.body).decode("ascii")


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _data_value(value: DataValue, opener: Opener | None, depth: int) -> dict[str, Any]:
    return {
        "value": None if value.value is None else to_json(value.value, opener, depth + 1),
        "type": "Null" if value.value is None else value.value.type.name,
        "status": value.status,
        "source_time": None if value.source_ticks is None else time_text(value.source_ticks),
        "source_picoseconds": value.source_pico * 10,
        "server_time": None if value.server_ticks is None else time_text(value.server_ticks),
        "server_picoseconds": value.server_pico * 10,
    }


def time_text(ticks: int) -> str:
    """A DateTime value in RFC 3339 with all seven digits; beyond the years 1 to 9999 their first or last moment."""
    us, rest = divmod(min(max(ticks, FIRST_TICKS), LAST_TICKS) - EPOCH_TICKS, 10)
    moment = datetime_of(us)
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}.{moment.microsecond:06d}{rest}Z"
