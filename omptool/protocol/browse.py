"""BrowseResponse and BrowseNextResponse: references, read without building the service's own classes.

Why an own reader: browsing 100,000 nodes is bound by decoding (asyncua: 56 µs a reference). Most bytes of a reference
are those of the one before: how it leads (ReferenceType, direction) and what it leads to (NodeClass, TypeDefinition)
are looked up by their bytes, a display name that repeats the browse name is not read again, and the NodeId stays bytes
until somebody asks.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import NamedTuple

from omptool.protocol.nodebytes import EXPANDED, shortest
from omptool.protocol.wire import I32, LocalizedText, Reader, WireName, WireNodeId

BROWSE_RESPONSE, BROWSE_NEXT_RESPONSE = 530, 536
_SMALLEST_RESULT, _SMALLEST_REFERENCE = 12, 18
_NAME = struct.Struct("<Hi").unpack_from
_HEADS = (3, 5, 8)
"""Bytes of a numeric ReferenceTypeId and IsForward, by the first byte."""
_WHATS = (6, 8, 11)
"""Bytes of NodeClass and a numeric TypeDefinition, by the first byte of the latter."""
_NODES = {0: 2, 1: 4, 2: 7, 4: 19}
"""Bytes of NodeIds of a fixed size, by the first one."""
_KEPT = 4096
"""Heads, and ends, kept by their bytes; a hostile server with more of them costs time, not memory."""

_NOTHINGS = re.compile(rb"(?:\0{4}(?:\xff{4}|\0{4}){2})*+").match
"""Results of leaves: Good, no continuation point, no references. Most of an address space are leaves."""
_NOTHING_SIZE = 12

_UNUSUAL = (KeyError, IndexError, ValueError, struct.error)
"""What reading the usual forms raises where the bytes are of another form, or end."""

_new = tuple.__new__
"""Makes a NamedTuple from its fields at half the cost of calling the class; used for what every reference has."""

Head = tuple[WireNodeId, bool]
What = tuple[int, WireNodeId]


class Reference(NamedTuple):
    """One ReferenceDescription, in the form that costs least to make; the properties are for who wants one field.

    Attributes:
        head: ReferenceType and IsForward.
        node: the node at the other end as bytes, equal for equal nodes (`nodebytes`); from `EXPANDED` on as sent.
        space, name: the BrowseName.
        shown: the DisplayName: just its text where it has no language.
        what: NodeClass bit (1 Object, 2 Variable, 4 Method, …; 0 when the server does not say) and TypeDefinition.
    """

    head: Head
    node: bytes
    space: int
    name: str
    shown: str | LocalizedText
    what: What

    @property
    def reference_type(self) -> WireNodeId:
        return self.head[0]

    @property
    def is_forward(self) -> bool:
        return self.head[1]

    @property
    def node_id(self) -> WireNodeId:
        """The node at the other end; with `server`, or a `uri` that is unknown here, it is on another server."""
        return Reader(self.node).node_id()

    @property
    def browse_name(self) -> WireName:
        return WireName(self.space, self.name)

    @property
    def display_name(self) -> LocalizedText:
        return LocalizedText(None, self.shown) if isinstance(self.shown, str) else self.shown

    @property
    def title(self) -> str:
        """What to call the node: its DisplayName, or its BrowseName where that is empty."""
        return (self.shown if isinstance(self.shown, str) else self.shown.text) or self.name

    @property
    def node_class(self) -> int:
        return self.what[0]

    @property
    def type_definition(self) -> WireNodeId:
        """Null (i=0) for everything but Objects and Variables."""
        return self.what[1]


class BrowseResult(NamedTuple):
    """What one BrowseDescription found.

    Attributes:
        status: StatusCode; Bad when this node cannot be browsed, while the others can.
        continuation: hand it to BrowseNext for the rest; empty when this is all.
    """

    status: int
    continuation: bytes
    references: Sequence[Reference]


NOTHING = BrowseResult(0, b"", ())


def parse_browse_response(body: bytes | memoryview) -> list[BrowseResult]:
    """One result per node of a Browse request, or per continuation point of a BrowseNext request.

    Raises:
        ServerRefused: a ServiceFault or a Bad ServiceResult.
        MalformedMessage: the bytes are not a BrowseResponse or BrowseNextResponse.
    """
    reader = _ReferenceReader(bytes(body))
    reader.expect((BROWSE_RESPONSE, BROWSE_NEXT_RESPONSE), "Browse")
    left = reader.length(_SMALLEST_RESULT)
    results: list[BrowseResult] = []
    while left > 0:
        if empty := min(reader.nothings(), left):
            reader.skip(empty * _NOTHING_SIZE)
            results += [NOTHING] * empty
            left -= empty
            continue
        status = reader.u32()
        continuation = reader.byte_string() or b""
        references = reader.references(reader.length(_SMALLEST_REFERENCE))
        results.append(BrowseResult(status, continuation, references))
        left -= 1
    return results


class _ReferenceReader(Reader):
    """Reader with the usual forms inlined: a call per field would cost more than the field."""

    __slots__ = ("heads", "whats")

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.heads: dict[bytes, Head] = {}
        self.whats: dict[bytes, What] = {}

    def nothings(self) -> int:
        """How many results of leaves lie here one behind the other."""
        found = _NOTHINGS(self.data, self.pos)
        return 0 if found is None else (found.end() - self.pos) // _NOTHING_SIZE

    def references(self, count: int) -> list[Reference]:
        """The next references. Whatever does not look as usual is read again, field by field, by `_reference`.

        A slice that the end of the bytes cuts short is never taken: it is no key of `heads` and `whats`, and behind a
        name there is a byte that must be there.
        """
        data, heads, whats, name_at, int_at = self.data, self.heads, self.whats, _NAME, I32
        found: list[Reference] = []
        position = self.pos
        for _ in range(count):
            try:
                at = position + _HEADS[data[position]]
                head = heads[data[position:at]]
                kind = data[at]
                end = at + (_NODES[kind] if kind != 3 else 7 + int_at(data, at + 3)[0])
                space, size = name_at(data, end)
                last = end + 6 + size
                text = last + 1 if data[last] == 2 else _behind_locale(data, last)
                if size < 0 or (kind == 3 and end < at + 7):
                    raise KeyError
                name = data[end + 6 : last].decode()
                stop = text + 4 + size
                shown: str | LocalizedText = name
                if data[text:stop] != data[end + 2 : last]:
                    stop = text + 4 + int_at(data, text)[0]
                    if stop < text + 4:
                        raise KeyError
                    shown = data[text + 4 : stop].decode()
                if data[last] == 3:
                    shown = _new(LocalizedText, (data[last + 5 : text].decode(), shown))
                of_type = data[stop + 4]
                after = stop + (_WHATS[of_type] if of_type < 3 else 11 + int_at(data, stop + 7)[0])
                what = whats[data[stop:after]]
                node = data[at:end]
                if (kind == 1 and not (node[1] or node[3])) or (kind == 2 and not (node[2] or node[5] or node[6])):
                    node = shortest(node)
                found.append(_new(Reference, (head, node, space, name, shown, what)))
                position = after
            except _UNUSUAL:
                self.pos = position
                found.append(self._reference())
                position = self.pos
        self.pos = position
        return found

    def _reference(self) -> Reference:
        """One reference of any form; how it leads and where to is remembered."""
        start = self.pos
        head = self.node_id(), self.data[self.skip(1)] != 0
        if len(self.heads) < _KEPT:
            self.heads[self.data[start : self.pos]] = head
        start = self.pos
        self.skip_node_id()
        sent = self.data[start : self.pos]
        space, name = self.name()
        text = self.localized_text()
        start = self.pos
        what = int(I32(self.data, self.skip(4))[0]), self.node_id()
        if len(self.whats) < _KEPT:
            self.whats[self.data[start : self.pos]] = what
        shown = text.text if text.locale is None and text.text is not None else text
        return Reference(head, sent if sent[0] >= EXPANDED else shortest(sent), space, name, shown, what)


def _behind_locale(data: bytes, at: int) -> int:
    """Where the text of a LocalizedText with language and text begins.

    Raises:
        KeyError: it is another one.
    """
    size = I32(data, at + 1)[0]
    if data[at] != 3 or size < 0:
        raise KeyError
    return at + 5 + int(size)
