"""BrowseResponse and BrowseNextResponse: references, read without building the service's own classes.

Why an own reader: browsing 100,000 nodes is bound by decoding (asyncua: 56 µs a reference). ReferenceTypes and
TypeDefinitions repeat all the time, so their NodeIds are kept by their bytes; node ids and names are read where they
lie.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from omptool.protocol.wire import I32, U16, LocalizedText, Reader, WireName, WireNodeId, malformed, text_of

BROWSE_RESPONSE, BROWSE_NEXT_RESPONSE = 530, 536
_SMALLEST_RESULT, _SMALLEST_REFERENCE = 12, 18
_NUMERIC = struct.Struct("<HI").unpack_from
_NUMERIC_SIZES = {0: 2, 1: 4, 2: 7}
_KEPT = 4096
"""Types kept by their bytes; a hostile server with more of them costs time, not memory."""


_new = tuple.__new__
"""Makes a NamedTuple from its fields at half the cost of calling the class; used for what every reference has."""


class Reference(NamedTuple):
    """One ReferenceDescription.

    Attributes:
        node_id: the node at the other end; `node_id.server` or an unknown `node_id.uri` means it is on another server.
        node_class: NodeClass bit (1 Object, 2 Variable, 4 Method, …); 0 when the server does not say.
        type_definition: null NodeId (i=0) for everything but Objects and Variables.
    """

    reference_type: WireNodeId
    is_forward: bool
    node_id: WireNodeId
    browse_name: WireName
    display_name: LocalizedText
    node_class: int
    type_definition: WireNodeId


class BrowseResult(NamedTuple):
    """What one BrowseDescription found.

    Attributes:
        status: StatusCode; Bad when this node cannot be browsed, while the others can.
        continuation: hand it to BrowseNext for the rest; empty when this is all.
    """

    status: int
    continuation: bytes
    references: list[Reference]


def parse_browse_response(body: bytes | memoryview) -> list[BrowseResult]:
    """One result per node of a Browse request, or per continuation point of a BrowseNext request.

    Raises:
        ServerRefused: a ServiceFault or a Bad ServiceResult.
        MalformedMessage: the bytes are not a BrowseResponse or BrowseNextResponse.
    """
    reader = _ReferenceReader(bytes(body))
    reader.expect((BROWSE_RESPONSE, BROWSE_NEXT_RESPONSE), "Browse")
    results = []
    for _ in range(reader.length(_SMALLEST_RESULT)):
        status = reader.u32()
        continuation = reader.byte_string() or b""
        references = [reader.reference() for _ in range(reader.length(_SMALLEST_REFERENCE))]
        results.append(BrowseResult(status, continuation, references))
    return results


class _ReferenceReader(Reader):
    """Reader with the common forms inlined: a call per field would cost more than the field."""

    __slots__ = ("kept",)

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.kept: dict[bytes, WireNodeId] = {}

    def reference(self) -> Reference:
        reference_type = self._repeated()
        is_forward = self.data[self.skip(1)] != 0
        node_id = self._node_id()
        browse_name = self._name()
        display_name = self._localized()
        node_class: int = I32(self.data, self.skip(4))[0]
        return _new(
            Reference,
            (reference_type, is_forward, node_id, browse_name, display_name, node_class, self._repeated()),
        )

    def _repeated(self) -> WireNodeId:
        """A type's NodeId."""
        data, start = self.data, self.pos
        size = _NUMERIC_SIZES.get(data[start], 0) if start < self.end else 0
        key = data[start : start + size]
        found = self.kept.get(key)
        if found is not None:
            self.pos = start + size
            return found
        found = self.node_id()
        if size and len(self.kept) < _KEPT:
            self.kept[key] = found
        return found

    def _node_id(self) -> WireNodeId:
        """A node's NodeId: numeric and string ones without detour."""
        data, start, end = self.data, self.pos, self.end
        encoding = data[start] if start < end else malformed("the end of the bytes instead of a NodeId", start)
        if encoding == 3 and start + 7 <= end:
            length = I32(data, start + 3)[0]
            stop = start + 7 + length
            if length >= 0 and stop <= end:
                self.pos = stop
                return _new(WireNodeId, (U16(data, start + 1)[0], text_of(data[start + 7 : stop]), None, 0))
        elif encoding == 2 and start + 7 <= end:
            self.pos = start + 7
            return _new(WireNodeId, (*_NUMERIC(data, start + 1), None, 0))
        elif encoding == 1 and start + 4 <= end:
            self.pos = start + 4
            return _new(WireNodeId, (data[start + 1], U16(data, start + 2)[0], None, 0))
        return self.node_id()

    def _name(self) -> WireName:
        data, start = self.data, self.pos
        if start + 6 <= self.end:
            length = I32(data, start + 2)[0]
            stop = start + 6 + length
            if length >= 0 and stop <= self.end:
                self.pos = stop
                return _new(WireName, (U16(data, start)[0], text_of(data[start + 6 : stop])))
        return self.name()

    def _localized(self) -> LocalizedText:
        data, start = self.data, self.pos
        if start + 5 <= self.end and data[start] == 2:
            length = I32(data, start + 1)[0]
            stop = start + 5 + length
            if length >= 0 and stop <= self.end:
                self.pos = stop
                return _new(LocalizedText, (None, text_of(data[start + 5 : stop])))
        return self.localized_text()
