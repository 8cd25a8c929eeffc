"""NodeIds as they lie in messages, and their C1 text: the two forms in which many of them are handled at once.

A crawl of 100,000 nodes knows each by its bytes: what an answer names goes into the next request as it is, and equal
nodes have equal bytes, because numbers are brought into their shortest form. Pure: values in, values out.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from uuid import UUID

from omptool.model.nodeid import Identifier
from omptool.protocol.wire import I32, Reader, WireNodeId, text_of

EXPANDED = 0x40
"""The first byte of an ExpandedNodeId that names a server or a namespace by its URI is at least this."""


def encode_node_id(namespace: int, identifier: Identifier) -> bytes:
    """A NodeId in the shortest of the encodings of Part 6, 5.2.2.9."""
    match identifier:
        case int():
            if namespace == 0 and identifier < 256:
                return bytes((0, identifier))
            if namespace < 256 and identifier < 65536:
                return struct.pack("<BBH", 1, namespace, identifier)
            return struct.pack("<BHI", 2, namespace, identifier)
        case str():
            text = identifier.encode()
            return struct.pack("<BHi", 3, namespace, len(text)) + text
        case UUID():
            return struct.pack("<BH", 4, namespace) + identifier.bytes_le
    return struct.pack("<BHi", 5, namespace, len(identifier)) + identifier


def shortest(node: bytes) -> bytes:
    """A NodeId as sent in its shortest encoding; an ExpandedNodeId stays as it is."""
    kind = node[0]
    if kind < 3:
        wire = Reader(node).node_id()
        return encode_node_id(wire.namespace, wire.identifier)
    if kind in (3, 5) and I32(node, 3)[0] < 0:
        return node[:3] + bytes(4)  # a null text is an empty one
    return node


class NodeTexts:
    """C1 texts of NodeIds of one session: what stands in front of the identifier is worked out once."""

    def __init__(self, namespaces: Sequence[str]) -> None:
        self._namespaces = namespaces
        self._heads: dict[bytes, str] = {}

    def __call__(self, node: bytes) -> str:
        """Text of a NodeId in its shortest encoding."""
        kind = node[0]
        if kind == 3:
            head = node[:3]
            text = node[7:]
            try:
                return (self._heads.get(head) or self._head(head)) + text.decode()
            except UnicodeDecodeError:
                return self._heads[head] + text_of(text)
        if kind == 1:
            head = node[:2]
            return (self._heads.get(head) or self._head(head)) + str(node[2] | node[3] << 8)
        if kind == 2:
            head = node[:3]
            return (self._heads.get(head) or self._head(head)) + str(int.from_bytes(node[3:], "little"))
        return Reader(node).node_id().to_text(self._namespaces)

    def _head(self, head: bytes) -> str:
        namespace = int.from_bytes(head[1:], "little")
        whole = WireNodeId(namespace, "" if head[0] == 3 else 0).to_text(self._namespaces)
        text = self._heads[head] = whole if head[0] == 3 else whole[:-1]
        return text
