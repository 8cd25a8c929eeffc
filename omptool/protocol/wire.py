"""Reads OPC UA Binary (Part 6, section 5.2) from bytes that a stranger sent.

Why it exists: asyncua builds Python objects at some 20 µs a value and trusts lengths. Here every length is held
against the bytes that are left *before* anything is allocated, nesting ends at `MAX_NESTING`, and whatever does not
decode raises `MalformedMessage`, nothing else. Nothing here knows what a message means; that is for publish, browse
and read.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple, NoReturn
from uuid import UUID

from omptool.errors import MalformedMessage, ServerRefused
from omptool.model import status
from omptool.model.nodeid import OPC_UA, Identifier, IdKind, NodeId, QualifiedName

MAX_NESTING = 100
"""Levels of Variant, DataValue or DiagnosticInfo inside each other (Part 6, 5.2.2.12 asks decoders for 100)."""

SERVICE_FAULT = 397
"""Binary encoding id of ServiceFault: the answer of a server that refuses a request."""

NO_DIAGNOSTICS = (b"\xff\xff\xff\xff", b"\0\0\0\0")
"""A null and an empty array: what stands where DiagnosticInfos would be, when nobody asked for them."""

PLAIN_HEADER_ENDS = (b"\0\0\0\0\0\0\0\0", b"\0\xff\xff\xff\xff\0\0\0")
"""No diagnostics, empty or null string table, no additional header: how nearly every ResponseHeader ends."""
_PLAIN_TYPE, _PLAIN_END = b"\x01\x00", 28
"""How the type NodeId of nearly every answer begins, and where its plain header ends."""

U16 = struct.Struct("<H").unpack_from
U32 = struct.Struct("<I").unpack_from
I32 = struct.Struct("<i").unpack_from
I64 = struct.Struct("<q").unpack_from
F64 = struct.Struct("<d").unpack_from
_PLAIN_HEADER = struct.Struct("<HqII").unpack_from
_GUID_SIZE = 16
_HAS_URI, _HAS_SERVER = 0x80, 0x40


def malformed(what: str, position: int) -> NoReturn:
    """Refuse the message: `what` is wrong at byte `position`."""
    raise MalformedMessage(
        f"a message from the server does not decode: {what} at byte {position}",
        "if the server works with other clients, this is worth a bug report with the server's product and version",
    )


class WireNodeId(NamedTuple):
    """NodeId or ExpandedNodeId as sent: a namespace *index*, valid in one session only. Hashable, compared by value.

    Attributes:
        namespace: index into the server's NamespaceArray.
        identifier: int, str, UUID or bytes; a null string reads as empty.
        uri: namespace URI of an ExpandedNodeId; unless null or empty it wins over the index.
        server: index into the ServerArray; 0 is the server itself.
    """

    namespace: int
    identifier: Identifier
    uri: str | None = None
    server: int = 0

    @property
    def kind(self) -> IdKind:
        """`i`, `s`, `g` or `b`."""
        match self.identifier:
            case int():
                return "i"
            case str():
                return "s"
            case UUID():
                return "g"
        return "b"

    def to_text(self, namespaces: Sequence[str]) -> str:
        """C1 text (`nsu=<uri>;i=5`). An index that the NamespaceArray lacks stays `ns=<index>;…`: honest, and no
        identity.

        A node of another server is prefixed with `svr=<index>;` as Part 6, 5.1.12 writes it.
        """
        prefix = f"svr={self.server};" if self.server else ""
        uri = self.uri or namespace_uri(self.namespace, namespaces)
        if uri is None:
            return f"{prefix}ns={self.namespace};{NodeId('', self.kind, self.identifier)}"
        return prefix + str(NodeId("" if uri == OPC_UA else uri, self.kind, self.identifier))


class WireName(NamedTuple):
    """QualifiedName as sent."""

    namespace: int
    name: str

    def to_text(self, namespaces: Sequence[str]) -> str:
        """`nsu=<uri>;Name`, or just `Name` in namespace 0; an unknown index becomes `<index>:Name` (Part 6's old
        form)."""
        uri = namespace_uri(self.namespace, namespaces)
        return f"{self.namespace}:{self.name}" if uri is None else str(QualifiedName(uri, self.name))


class LocalizedText(NamedTuple):
    """Text with an optional language; both may be null."""

    locale: str | None
    text: str | None


class ResponseHeader(NamedTuple):
    """What all answers begin with.

    Attributes:
        type_id: encoding id in namespace 0 (397 is ServiceFault); -1 for a type of another namespace.
        service_result: StatusCode of the whole call.
    """

    type_id: int
    timestamp_ticks: int
    request_handle: int
    service_result: int


def namespace_uri(index: int, namespaces: Sequence[str]) -> str | None:
    """URI of a namespace index, "" for namespace 0 as C1 leaves it out.

    None when the array has no URI for it, or has it at a smaller index too: it would name another namespace's node.
    """
    if index == 0:
        return ""
    uri = namespaces[index] if index < len(namespaces) else ""
    return uri if uri and uri != OPC_UA and namespaces.index(uri) == index else None


def text_of(data: bytes) -> str:
    """Text for people and names. Bytes that are no UTF-8 show as `\\xe9`: distinct names stay distinct and
    encodable."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "backslashreplace")


class Reader:
    """A cursor over bytes. Every method reads at `pos`, moves it, and raises MalformedMessage when the bytes do not
    suffice."""

    __slots__ = ("data", "end", "pos")

    def __init__(self, data: bytes, pos: int = 0, end: int | None = None) -> None:
        self.data = data
        self.pos = pos
        self.end = len(data) if end is None else end

    def skip(self, size: int) -> int:
        """Move on by `size` bytes (>= 0) and return where they began."""
        start = self.pos
        if size > self.end - start:
            malformed(f"{size} bytes are announced where {self.end - start} are left", start)
        self.pos = start + size
        return start

    def u8(self) -> int:
        return self.data[self.skip(1)]

    def u16(self) -> int:
        return int(U16(self.data, self.skip(2))[0])

    def u32(self) -> int:
        return int(U32(self.data, self.skip(4))[0])

    def i32(self) -> int:
        return int(I32(self.data, self.skip(4))[0])

    def i64(self) -> int:
        return int(I64(self.data, self.skip(8))[0])

    def f64(self) -> float:
        return float(F64(self.data, self.skip(8))[0])

    def length(self, smallest: int = 1) -> int:
        """Length of an array or string whose elements take at least `smallest` bytes; -1 is null."""
        start = self.pos
        left = self.end - start - 4
        if left < 0:
            malformed("the end of the bytes instead of a length", start)
        count: int = I32(self.data, start)[0]
        if count < -1 or count * smallest > left:
            malformed(f"a length of {count} where {left} bytes are left", start)
        self.pos = start + 4
        return count

    def byte_string(self) -> bytes | None:
        size = self.length()
        if size < 0:
            return None
        start = self.skip(size)
        return self.data[start : start + size]

    def string(self) -> str | None:
        data = self.byte_string()
        return None if data is None else text_of(data)

    def skip_string(self) -> None:
        """String, ByteString, XmlElement: step over it."""
        self.skip(max(self.length(), 0))

    def guid(self) -> UUID:
        start = self.skip(_GUID_SIZE)
        return UUID(bytes_le=self.data[start : start + _GUID_SIZE])

    def node_id(self) -> WireNodeId:
        """NodeId or ExpandedNodeId: the flags of the latter tell them apart."""
        start = self.pos
        encoding = self.u8()
        namespace = 0
        identifier: Identifier
        match encoding & 0x3F:
            case 0:
                identifier = self.u8()
            case 1:
                namespace, identifier = self.u8(), self.u16()
            case 2:
                namespace, identifier = self.u16(), self.u32()
            case 3:
                namespace, identifier = self.u16(), self.string() or ""
            case 4:
                namespace, identifier = self.u16(), self.guid()
            case 5:
                namespace, identifier = self.u16(), self.byte_string() or b""
            case _:
                malformed(f"an unknown NodeId encoding 0x{encoding:02X}", start)
        if not encoding & (_HAS_URI | _HAS_SERVER):
            return WireNodeId(namespace, identifier)
        uri = self.string() if encoding & _HAS_URI else None
        return WireNodeId(namespace, identifier, uri, self.u32() if encoding & _HAS_SERVER else 0)

    def skip_node_id(self) -> None:
        start = self.pos
        encoding = self.u8()
        match encoding & 0x3F:
            case 0:
                self.skip(1)
            case 1:
                self.skip(3)
            case 2:
                self.skip(6)
            case 3 | 5:
                self.skip(2)
                self.skip_string()
            case 4:
                self.skip(18)
            case _:
                malformed(f"an unknown NodeId encoding 0x{encoding:02X}", start)
        if encoding & _HAS_URI:
            self.skip_string()
        if encoding & _HAS_SERVER:
            self.skip(4)

    def name(self) -> WireName:
        return WireName(self.u16(), self.string() or "")

    def localized_text(self) -> LocalizedText:
        mask = self._localized_mask()
        locale = self.string() if mask & 1 else None
        return LocalizedText(locale, self.string() if mask & 2 else None)

    def skip_localized_text(self) -> None:
        mask = self._localized_mask()
        for bit in (1, 2):
            if mask & bit:
                self.skip_string()

    def _localized_mask(self) -> int:
        mask = self.u8()
        if mask > 3:
            malformed(f"an unknown LocalizedText mask 0x{mask:02X}", self.pos - 1)
        return mask

    def skip_structure(self) -> None:
        self.skip_node_id()
        if self.structure_encoding():
            self.skip_string()

    def structure_encoding(self) -> int:
        """What an ExtensionObject has as body: 0 nothing, 1 bytes, 2 XML."""
        encoding = self.u8()
        if encoding > 2:
            malformed(f"an unknown ExtensionObject encoding 0x{encoding:02X}", self.pos - 1)
        return encoding

    def skip_diagnostic_info(self) -> None:
        """DiagnosticInfo; inner ones follow at the end, so a loop does what the nesting would."""
        for _ in range(MAX_NESTING + 1):
            mask = self.u8()
            if mask & 0x80:
                malformed(f"an unknown DiagnosticInfo mask 0x{mask:02X}", self.pos - 1)
            self.skip(4 * (mask & 0x0F).bit_count())
            if mask & 0x10:
                self.skip_string()
            if mask & 0x20:
                self.skip(4)
            if not mask & 0x40:
                return
        malformed(f"DiagnosticInfo nested deeper than {MAX_NESTING}", self.pos)

    def skip_diagnostic_infos(self) -> None:
        for _ in range(self.length()):
            self.skip_diagnostic_info()

    def response_header(self) -> ResponseHeader:
        """The answer's type NodeId and its ResponseHeader, up to the first field of its own."""
        data, at = self.data, self.pos
        if data[at : at + 2] == _PLAIN_TYPE and data[at + 20 : at + _PLAIN_END] in PLAIN_HEADER_ENDS:
            self.skip(_PLAIN_END)
            return ResponseHeader(*_PLAIN_HEADER(data, at + 2))
        type_id = self.node_id()
        timestamp, handle, result = self.i64(), self.u32(), self.u32()
        self.skip_diagnostic_info()
        for _ in range(self.length(4)):
            self.skip_string()
        self.skip_structure()
        known = type_id.namespace == 0 and isinstance(type_id.identifier, int)
        return ResponseHeader(int(str(type_id.identifier)) if known else -1, timestamp, handle, result)

    def expect(self, type_ids: tuple[int, ...], service: str) -> ResponseHeader:
        """The header of a granted answer of one of these types.

        Raises:
            ServerRefused: a ServiceFault, or a Bad ServiceResult.
            MalformedMessage: an answer to another question.
        """
        header = self.response_header()
        if header.service_result >> 31:
            raise ServerRefused(f"the server refused {service}: {status.name(header.service_result)}")
        if header.type_id not in type_ids:
            malformed(f"an answer of type i={header.type_id} to {service}", 0)
        return header


def service_result(body: bytes) -> int:
    """ServiceResult of any answer, read from its header alone."""
    if body[:2] == _PLAIN_TYPE and body[20:_PLAIN_END] in PLAIN_HEADER_ENDS:
        return int(U32(body, 16)[0])
    return Reader(bytes(body)).response_header().service_result


def body_start(body: bytes) -> int:
    """Where the fields of an answer begin, behind its header."""
    if body[:2] == _PLAIN_TYPE and body[20:_PLAIN_END] in PLAIN_HEADER_ENDS:
        return _PLAIN_END
    reader = Reader(body)
    reader.response_header()
    return reader.pos
