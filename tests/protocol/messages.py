"""Random valid OPC UA messages for the tests of `omptool.protocol`, encoded by asyncua, and what they have to decode
to.

Two things asyncua 2.1 gets wrong are encoded here by hand, from Part 6: a DataValue with picoseconds (asyncua puts
SourcePicoseconds behind ServerTimestamp) and DiagnosticInfo (it swaps the bits of Locale and LocalizedText).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary, variant_to_binary
from hypothesis import strategies as st

from omptool.model.builtin import BuiltinType
from omptool.model.nodeid import IdKind, NodeId, QualifiedName
from omptool.protocol.columns import ItemColumns
from omptool.protocol.variant import DataValue, DiagnosticInfo, Structure, Variant
from omptool.protocol.wire import LocalizedText

NAMESPACES = ("http://opcfoundation.org/UA/", "urn:server", "http://example.org/a;b%", "urn:machine")
FORMATS = {2: "b", 3: "B", 4: "h", 5: "H", 6: "i", 7: "I", 8: "q", 9: "Q", 13: "q", 19: "I"}
T = ua.VariantType

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
blobs = st.binary(max_size=12)
u16, u32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
numbers = st.integers(1, 2**32 - 1)
"""Of NodeIds that asyncua does not take for none at all."""

ticks = st.integers(0, 2_650_467_743_990_000_000)
indexes = st.integers(0, len(NAMESPACES) - 1)
times = st.datetimes(datetime(1601, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
node_ids = st.one_of(
    st.integers(0, 255).map(ua.TwoByteNodeId),
    st.builds(ua.FourByteNodeId, u16, indexes),
    st.builds(ua.NumericNodeId, u32, indexes),
    st.builds(ua.StringNodeId, texts, indexes),
    st.builds(ua.GuidNodeId, st.uuids(), indexes),
    st.builds(ua.ByteStringNodeId, blobs, indexes),
)
names = st.builds(ua.QualifiedName, texts, indexes)


def integers(kind: int) -> st.SearchStrategy[int]:
    bits = 8 * struct.calcsize(FORMATS[kind])
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if kind in (2, 4, 6, 8) else st.integers(0, 2**bits - 1)


@st.composite
def expanded_node_ids(draw: st.DrawFn) -> ua.ExpandedNodeId:
    node = draw(node_ids)
    uri, server = draw(st.one_of(st.none(), texts.filter(bool))), draw(st.integers(0, 3))
    return ua.ExpandedNodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType, uri, server)


SCALARS: dict[int, st.SearchStrategy[Any]] = {kind: integers(kind) for kind in range(2, 10)} | {
    1: st.booleans(),
    10: st.floats(width=32),
    11: st.floats(),
    12: st.one_of(st.none(), texts),
    13: times,
    14: st.uuids(),
    15: st.one_of(st.none(), blobs),
    16: texts.map(ua.XmlElement),
    17: node_ids,
    18: expanded_node_ids(),
    19: u32.map(ua.StatusCode),
    20: names,
    21: st.builds(ua.LocalizedText, st.one_of(st.none(), texts), st.one_of(st.none(), texts)),
    22: st.builds(ua.ExtensionObject, st.builds(ua.NumericNodeId, numbers, st.just(2)), st.one_of(st.none(), blobs)),
}


@st.composite
def variants(draw: st.DrawFn, kinds: Sequence[int] = tuple(SCALARS), depth: int = 1) -> ua.Variant:
    """A scalar, array or matrix of any type; arrays of Variant and DataValue too, one level deep."""
    nested = [23, 24] if depth > 0 else []
    kind = draw(st.sampled_from([*kinds, *nested]))
    element = SCALARS[kind] if kind in SCALARS else nested_values(kind, depth - 1)
    shape = draw(st.sampled_from(["scalar", "array", "matrix"])) if kind != 24 else "array"
    if shape == "scalar":
        return ua.Variant(draw(element), T(kind), is_array=False)
    if shape == "array":
        return ua.Variant(draw(st.lists(element, max_size=4)), T(kind), is_array=True)
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    row = st.lists(element, min_size=columns, max_size=columns)
    return ua.Variant(draw(st.lists(row, min_size=rows, max_size=rows)), T(kind), [rows, columns], is_array=True)


def nested_values(kind: int, depth: int) -> st.SearchStrategy[Any]:
    inner = variants(depth=depth)
    if kind == 24:
        return inner
    return st.builds(
        ua.DataValue, inner, u32.map(ua.StatusCode), st.one_of(st.none(), times), st.one_of(st.none(), times)
    )


def by_asyncua(cls: type, data: bytes | Buffer) -> Any:
    """What asyncua's own reader makes of the same bytes."""
    return struct_from_binary(cls, data if isinstance(data, Buffer) else Buffer(data))


def raw(variant: ua.Variant) -> bytes:
    """Exact bytes of a Variant, by asyncua."""
    return variant_to_binary(variant)


def flat(value: Any) -> list[Any]:
    """Elements of an array or matrix, row-major."""
    return [leaf for item in value for leaf in (flat(item) if isinstance(item, list) else [item])]


def expected(variant: ua.Variant) -> Variant:
    """What `decode_variant` has to make of it."""
    kind = BuiltinType(variant.VariantType.value)
    if not variant.is_array:
        return Variant(kind, None, plain(variant.Value))
    dimensions = tuple(variant.Dimensions) if variant.Dimensions else None
    return Variant(kind, dimensions, [plain(item) for item in flat(variant.Value)], is_array=True)


def plain(value: Any) -> Any:
    match value:
        case datetime():
            return to_ticks(value)
        case ua.ExpandedNodeId():
            return expanded_text(value)
        case ua.NodeId():
            return node_text(value)
        case ua.StatusCode():
            return value.value
        case ua.QualifiedName():
            return str(QualifiedName(uri(value.NamespaceIndex), value.Name))
        case ua.LocalizedText():
            return LocalizedText(value.Locale, value.Text)
        case ua.XmlElement():
            return value.Value
        case ua.ExtensionObject():
            return Structure(node_text(value.TypeId), value.Body, False)
        case ua.Variant():
            return expected(value)
        case ua.DataValue():
            source, server = plain(value.SourceTimestamp), plain(value.ServerTimestamp)
            return DataValue(expected(value.Value), value.StatusCode.value, source, 0, server, 0)
    return value


def uri(index: int) -> str:
    return NAMESPACES[index] if index else ""


def node_text(node: ua.NodeId) -> str:
    kinds: dict[type, IdKind] = {int: "i", str: "s", UUID: "g", bytes: "b"}
    return str(NodeId(uri(node.NamespaceIndex), kinds[type(node.Identifier)], node.Identifier))


def expanded_text(node: ua.ExpandedNodeId | ua.NodeId) -> str:
    """Either, because asyncua reads one with neither URI nor server as a NodeId."""
    local = node_text(node)
    if not isinstance(node, ua.ExpandedNodeId):
        return local
    prefix = f"svr={node.ServerIndex};" if node.ServerIndex else ""
    if node.NamespaceUri:
        kind_and_id = local.split(";", 1)[1] if node.NamespaceIndex else local
        escaped = node.NamespaceUri.replace("%", "%25").replace(";", "%3B")
        local = f"nsu={escaped};{kind_and_id}"
    return prefix + local


def to_ticks(moment: datetime) -> int:
    return int(ua.uatypes.datetime_to_win_epoch(moment))


def bits(value: Any) -> Any:
    """The same with floats as their bits, so that NaN equals NaN and -0.0 does not equal 0.0."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, list):
        return [bits(item) for item in value]
    if isinstance(value, Variant):
        return (value.type, value.dimensions, bits(value.value), value.is_array)
    if isinstance(value, DataValue):
        return (bits(value.value), *value[1:])
    return value


@dataclass(frozen=True)
class Item:
    """A MonitoredItemNotification; `value` is the exact Variant or None for no value."""

    handle: int
    value: bytes | None
    status: int | None = None
    source: int | None = None
    source_pico: int | None = None
    server: int | None = None
    server_pico: int | None = None

    def data_value(self) -> bytes:
        fields = (
            (0x02, "<I", self.status),
            (0x04, "<q", self.source),
            (0x10, "<H", self.source_pico),
            (0x08, "<q", self.server),
            (0x20, "<H", self.server_pico),
        )
        mask = sum(bit for bit, _, value in fields if value is not None) | (self.value is not None)
        tail = b"".join(struct.pack(form, value) for _, form, value in fields if value is not None)
        return bytes((mask,)) + (self.value or b"") + tail

    def encode(self) -> bytes:
        return struct.pack("<I", self.handle) + self.data_value()


def items(values: st.SearchStrategy[bytes | None] | None = None) -> st.SearchStrategy[Item]:
    value = values if values is not None else st.one_of(st.none(), st.just(b"\0"), variants().map(raw))
    some = [st.one_of(st.none(), field) for field in (u32, ticks, u16, ticks, u16)]
    return st.builds(Item, u32, value, *some)


def block(notifications: Sequence[Item]) -> tuple[bytes, int]:
    return b"".join(item.encode() for item in notifications), len(notifications)


def rebuild(columns: ItemColumns, row: int) -> bytes:
    """The Variant that a row's columns stand for; the null Variant where there is no value."""
    exact = columns.raw[row]
    if exact is not None:
        return exact
    kind, text = int(columns.vtype[row]), columns.text[row]
    head = bytes((kind,))
    match kind:
        case 0:
            return head
        case 1:
            assert columns.has_bool[row]
            return head + bytes((bool(columns.bool_[row]),))
        case 10 | 11:
            assert columns.has_f64[row]
            value = columns.f64[row]
            return head + (value.astype(np.float32) if kind == 10 else value).tobytes()
        case 12 | 16:
            data = None if text is None else text.encode()
            return head + struct.pack("<i", -1 if data is None else len(data)) + (data or b"")
        case 14:
            assert text is not None
            return head + UUID(text).bytes_le
        case 21:
            return head + (b"\0" if text is None else b"\2" + struct.pack("<i", len(text.encode())) + text.encode())
    assert columns.has_i64[row]
    number = int(columns.i64[row])
    return head + struct.pack("<" + FORMATS[kind], number % 2**64 if kind == 9 else number)


def diagnostic_info(info: DiagnosticInfo) -> bytes:
    """DiagnosticInfo by Part 6, 5.2.2.12: Locale comes before LocalizedText, their bits the other way round."""
    numbers = ((1, info.symbolic_id), (2, info.namespace_uri), (8, info.locale), (4, info.localized_text))
    mask = sum(bit for bit, value in numbers if value is not None)
    body = b"".join(struct.pack("<i", value) for _, value in numbers if value is not None)
    if info.additional_info is not None:
        mask |= 0x10
        data = info.additional_info.encode()
        body += struct.pack("<i", len(data)) + data
    if info.inner_status is not None:
        mask |= 0x20
        body += struct.pack("<I", info.inner_status)
    if info.inner is not None:
        mask |= 0x40
        body += diagnostic_info(info.inner)
    return bytes((mask,)) + body


def response(answer: Any, type_id: int, *, service_result: int = 0, handle: int = 7) -> bytes:
    """A whole answer of a server, by asyncua."""
    answer.TypeId = ua.FourByteNodeId(type_id)
    answer.ResponseHeader.Timestamp = datetime(2026, 1, 1, tzinfo=UTC)
    answer.ResponseHeader.RequestHandle = handle
    answer.ResponseHeader.ServiceResult = ua.StatusCode(service_result)
    return struct_to_binary(answer)


def fault(code: int) -> bytes:
    return response(ua.ServiceFault(), ua.ObjectIds.ServiceFault_Encoding_DefaultBinary, service_result=code)
