"""Fuzz targets of `omptool.protocol`: messages of a hostile server."""

from __future__ import annotations

import contextlib
import json
import struct

from asyncua import ua

from omptool.errors import ProtocolError, ServerRefused
from omptool.model.datatypes import DataType, Field, Kind, Member
from omptool.opcua.exploring.definitions import Told, classify, definition_of
from omptool.protocol import skip
from omptool.protocol.browse import parse_browse_response
from omptool.protocol.columns import ItemColumns
from omptool.protocol.dictionary import DictionaryError, read_dictionary
from omptool.protocol.items import decode_data_values, decode_items
from omptool.protocol.publish import (
    DataChange,
    Events,
    PublishAnswer,
    event_fields,
    parse_publish_response,
    parse_republish_response,
)
from omptool.protocol.read import parse_read_response
from omptool.protocol.structure import Definitions
from omptool.protocol.variant import Structure, decode_variant, to_json, value_list
from omptool.protocol.wire import Reader
from tests.protocol.messages import NAMESPACES, response

_refused = contextlib.suppress(ProtocolError, ServerRefused)


def publish(data: bytes) -> None:
    with _refused:
        _notifications(parse_publish_response(data))


def republish(data: bytes) -> None:
    with _refused:
        _notifications(parse_republish_response(data))


def _notifications(answer: PublishAnswer) -> None:
    for found in answer.notifications:
        with _refused:
            match found:
                case DataChange(count, block):
                    _readable(decode_items([(block, count)]))
                case Events(count, block):
                    for _, fields in event_fields(block, count):
                        for field in fields:
                            json.dumps(to_json(decode_variant(field, NAMESPACES)), allow_nan=False)


def browse(data: bytes) -> None:
    with _refused:
        for result in parse_browse_response(data):
            for reference in result.references:
                reference.node_id.to_text(NAMESPACES).encode()
                reference.browse_name.to_text(NAMESPACES).encode()


def read(data: bytes) -> None:
    with _refused:
        count, block = parse_read_response(data)
        columns = decode_data_values(block, count)
        assert len(columns) == count
        _readable(columns)


def items(data: bytes) -> None:
    """The first two bytes say how many items; the block stands between two others, which it must not reach."""
    if len(data) < 2:
        return
    count, block = struct.unpack_from("<H", data)[0], data[2:]
    before, behind = (b"\1\0\0\0\1\x0b" + b"\x11" * 8, 1), (b"\2\0\0\0\1\x0b" + b"\x22" * 8, 1)
    try:
        alone = decode_items([(block, count)])
    except ProtocolError:
        alone = None
    try:
        between = decode_items([before, (block, count), behind])
    except ProtocolError:
        between = None
    assert (alone is None) == (between is None), "neighbours decide whether a block is well-formed"
    if alone is not None and between is not None:
        _readable(alone)
        assert between.text[1:-1] == alone.text and between.raw[1:-1] == alone.raw
        assert (between.i64[1:-1] == alone.i64).all() and (between.status[1:-1] == alone.status).all()
        assert between.f64[1:-1].tobytes() == alone.f64.tobytes()
        assert between.f64[0] == struct.unpack("<d", b"\x11" * 8)[0] and between.client_handle[-1] == 2


def _readable(columns: ItemColumns) -> None:
    """What was kept as bytes is a Variant, of the type that the row says."""
    for kind, raw in zip(columns.vtype.tolist(), columns.raw, strict=True):
        if raw is not None:
            found = decode_variant(raw, NAMESPACES)
            assert found.type == kind & 0x7F
            assert found.is_array == bool(kind & 0x80) or not kind  # an array of no type is no value
    for text in columns.text:
        assert text is None or text.encode() is not None


def variant(data: bytes) -> None:
    """Decoder and measurer agree on what is a Variant and where it ends."""
    try:
        found = decode_variant(data, NAMESPACES)
    except ProtocolError:
        found = None
    reader = Reader(b"\xff" + data + b"\xff\xff\xff\xff", 1, 1 + len(data))
    try:
        skip.variant(reader)
        measured = reader.pos == reader.end
    except ProtocolError:
        measured = False
    assert measured == (found is not None)
    with _refused:
        value_list(data)
    if found is not None:
        json.dumps(to_json(found), allow_nan=False).encode()


def structure(data: bytes) -> None:
    """The first byte chooses the type; what is read can be written as JSON, and is bounded by its bytes."""
    if not data:
        return
    kind = _TYPES[data[0] % len(_TYPES)]
    definitions = Definitions(_TYPES)
    value = Structure(kind.encoding_id or kind.node_id, data[1:], False)
    with contextlib.suppress(ProtocolError):
        json.dumps(definitions.decode(value, NAMESPACES), allow_nan=False).encode()
    raw = b"\x16\x02\0\0\x01\0\0\0" + b"\x01" + struct.pack("<i", len(data) - 1) + data[1:]
    with _refused:
        plain, _ = definitions.to_json(decode_variant(raw, NAMESPACES), NAMESPACES)
        json.dumps(plain, allow_nan=False).encode()


def _type(number: int, kind: Kind, *fields: Field, base: str = "i=22") -> DataType:
    encoding = f"i={9000 + number}" if base == "i=22" else None
    members = (Member(0, "a"), Member(1, "b\x1b"), Member(5, "c")) if base != "i=22" else ()
    return DataType(f"i={8000 + number}", f"T{number}", kind, base, encoding, fields=fields, members=members)


_TYPES = [
    _type(0, Kind.STRUCTURE),
    _type(1, Kind.STRUCTURE, Field("class", "i=11"), Field("inner", "i=8001", 1), Field("none", "i=8000", 1)),
    _type(2, Kind.OPTIONAL_FIELDS, Field("a", "i=12", -1, True), Field("b", "i=8003"), Field("c", "i=8001", 2, True)),
    _type(3, Kind.ENUMERATION, base="i=29"),
    _type(4, Kind.OPTION_SET, base="i=7"),
    _type(5, Kind.UNION, Field("x", "i=8004"), Field("y", "i=8005", 1), Field("z", "i=24")),
    _type(6, Kind.SUBTYPED_VALUES, Field("any", "i=8001", -1, True), Field("ext", "i=22", 1), Field("v", "i=26", 2)),
    _type(7, Kind.STRUCTURE, Field("dv", "i=23"), Field("text", "i=21", 1), Field("id", "i=17"), Field("m", "i=1", 3)),
]


def structure_seeds() -> list[bytes]:
    double = struct.pack("<d", 1.5)
    leaf = double + b"\0\0\0\0" + b"\3\0\0\0"
    return [
        b"\0",
        b"\1" + double + b"\1\0\0\0" + leaf + b"\xff" * 4,
        b"\2" + b"\1\0\0\0" + b"\2\0\0\0hi" + b"\1\0\0\0",
        b"\5" + b"\1\0\0\0\7\0\0\0",
        b"\7" + b"\1\1\1" + b"\1\0\0\0\2\1\0\0\0x" + b"\0\x55" + b"\3\0\0\0" + b"\1\0\0\0" * 3 + b"\1",
    ]


def dictionary(data: bytes) -> None:
    """Type dictionaries of older servers."""
    with contextlib.suppress(DictionaryError):
        for kind in read_dictionary(data).values():
            DataType.from_plain(json.loads(json.dumps(kind.to_plain())))


def dictionary_seeds() -> list[bytes]:
    types = "http://opcfoundation.org/BinarySchema/"
    head = f'<opc:TypeDictionary xmlns:opc="{types}" xmlns:ua="http://opcfoundation.org/UA/" xmlns:tns="urn:t"'
    head += ' TargetNamespace="urn:t">'
    plain = '<opc:StructuredType Name="A" BaseType="ua:ExtensionObject"><opc:Field Name="x" TypeName="opc:Double"/>'
    plain += '<opc:Field Name="N" TypeName="opc:Int32"/><opc:Field Name="v" TypeName="tns:E" LengthField="N"/>'
    plain += "</opc:StructuredType>"
    bits = '<opc:Field Name="hasY" TypeName="opc:Bit"/><opc:Field Name="R" TypeName="opc:Bit" Length="31"/>'
    optional = f'<opc:StructuredType Name="B" BaseType="tns:A">{bits}'
    optional += '<opc:Field Name="y" TypeName="ua:LocalizedText" SwitchField="hasY"/></opc:StructuredType>'
    enum = '<opc:EnumeratedType Name="E" LengthInBits="32"><opc:EnumeratedValue Name="on" Value="1"/>'
    return [f"{head}{plain}{optional}{enum}</opc:EnumeratedType></opc:TypeDictionary>".encode()]


def definition(data: bytes) -> None:
    """The attribute DataTypeDefinition, and what is made of it."""
    found = definition_of(data or None, NAMESPACES)
    if isinstance(found, DataType):
        told = Told("i=9999", "x")
        told.define(found)
        for kind in classify({"i=9999": told}, {}).values():
            with contextlib.suppress(ValueError):
                json.dumps(kind.to_plain())


def definition_seeds() -> list[bytes]:
    from tests.protocol.messages import raw

    field = ua.StructureField(Name="a", DataType=ua.NodeId(11), ValueRank=-1, IsOptional=True)
    structure = ua.StructureDefinition(
        DefaultEncodingId=ua.NodeId(5, 2),
        BaseDataType=ua.NodeId(22),
        StructureType=ua.StructureType.StructureWithOptionalFields,
        Fields=[field],
    )
    enum = ua.EnumDefinition(Fields=[ua.EnumField(Value=1, DisplayName=ua.LocalizedText("on"), Name="on")])
    return [raw(ua.Variant(value, ua.VariantType.ExtensionObject)) for value in (structure, enum)]


def _variants() -> list[ua.Variant]:
    T = ua.VariantType  # noqa: N806  as asyncua writes it
    structure = ua.ExtensionObject(ua.NumericNodeId(5, 2), b"\1\2\3")
    inner = ua.DataValue(ua.Variant([1.5, 2.5], T.Double), ua.StatusCode(0x80000000))
    return [
        ua.Variant(1.5, T.Double),
        ua.Variant([1, 2, 3], T.Int16),
        ua.Variant([[1, 2], [3, 4]], T.Int32, [2, 2], is_array=True),
        ua.Variant("wär", T.String),
        ua.Variant(["a", None], T.String),
        ua.Variant(True, T.Boolean),
        ua.Variant(b"\xff", T.ByteString),
        ua.Variant(ua.LocalizedText("an", "de"), T.LocalizedText),
        ua.Variant(ua.QualifiedName("x", 2), T.QualifiedName),
        ua.Variant(ua.StringNodeId("s", 2), T.NodeId),
        ua.Variant(ua.ExpandedNodeId("s", 2, ua.NodeIdType.String, "urn:x", 1), T.ExpandedNodeId),
        ua.Variant([structure, structure], T.ExtensionObject),
        ua.Variant(inner, T.DataValue),
        ua.Variant([ua.Variant([inner], T.DataValue), ua.Variant(7, T.Byte)], T.Variant),
        ua.Variant(),
    ]


def variant_seeds() -> list[bytes]:
    from tests.protocol.messages import raw

    return [*map(raw, _variants()), b"\x99\x01\0\0\0\x7f" + b"\1\0\0\0" * 4 + b"\1\0\0\0x" + b"\0" * 5]


def _data_values() -> list[ua.DataValue]:
    from datetime import UTC, datetime

    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    return [ua.DataValue(value, ua.StatusCode(n), now, now) for n, value in enumerate(_variants())] + [ua.DataValue()]


def _message() -> ua.NotificationMessage:
    from datetime import UTC, datetime

    changes = [ua.MonitoredItemNotification(n, value) for n, value in enumerate(_data_values())]
    events = [ua.EventFieldList(3, _variants()[:5])]
    data = [
        ua.DataChangeNotification(changes, []),
        ua.EventNotificationList(events),
        ua.StatusChangeNotification(ua.StatusCode(5)),
    ]
    return ua.NotificationMessage(7, datetime(2026, 11, 22, tzinfo=UTC), data)


def publish_seeds() -> list[bytes]:
    answer = ua.PublishResponse()
    kind = ua.ObjectIds.PublishResponse_Encoding_DefaultBinary
    empty = response(answer, kind)
    answer.Parameters.AvailableSequenceNumbers = [1, 2]
    answer.Parameters.Results = [ua.StatusCode(0)]
    answer.Parameters.NotificationMessage = _message()
    return [empty, response(answer, kind)]


def republish_seeds() -> list[bytes]:
    answer = ua.RepublishResponse(NotificationMessage=_message())
    return [response(answer, ua.ObjectIds.RepublishResponse_Encoding_DefaultBinary)]


def browse_seeds() -> list[bytes]:
    nodes = [ua.NumericNodeId(5, 2), ua.StringNodeId("a/b", 2), ua.TwoByteNodeId(85), ua.ByteStringNodeId(b"x", 1)]
    references = [
        ua.ReferenceDescription(
            ua.TwoByteNodeId(35),
            True,
            ua.ExpandedNodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType),
            ua.QualifiedName("name", 2),
            ua.LocalizedText("text", locale),
            ua.NodeClass.Variable,
            ua.ExpandedNodeId(63),
        )
        for node in nodes
        for locale in (None, "en")
    ]
    answer = ua.BrowseResponse()
    answer.Results = [ua.BrowseResult(ua.StatusCode(0), b"more", references), ua.BrowseResult()]
    return [response(answer, ua.ObjectIds.BrowseResponse_Encoding_DefaultBinary)]


def read_seeds() -> list[bytes]:
    return [response(ua.ReadResponse(Results=_data_values()), ua.ObjectIds.ReadResponse_Encoding_DefaultBinary)]


def items_seeds() -> list[bytes]:
    from asyncua.ua.ua_binary import struct_to_binary

    changes = [struct_to_binary(ua.MonitoredItemNotification(n, v)) for n, v in enumerate(_data_values())]
    doubles = changes[0] * 20
    return [
        struct.pack("<H", len(changes)) + b"".join(changes),
        struct.pack("<H", 20) + doubles,
        struct.pack("<H", 1) + b"\0\0\0\0\1\x80\0\0\0\0",
        struct.pack("<H", 22) + doubles + changes[3] + changes[0],
    ]
