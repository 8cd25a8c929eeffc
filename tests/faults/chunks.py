"""UA-TCP bytes as chunks with the names of their messages (Part 6, 7.1 and 6.7.2): what a fault needs to aim. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER = 8
"""Bytes of MessageType, IsFinal and MessageSize."""

REQUEST_ID = 20
"""Offset of the RequestId in an unsecured MSG chunk."""

TYPE_ID = 24
"""Offset of the type's NodeId in an unsecured MSG chunk."""

SERVICE_RESULT = TYPE_ID + 4 + 8 + 4
"""Offset of the ServiceResult: behind four-byte NodeId, Timestamp and RequestHandle."""

_MOST = 1 << 24
_NAMES = {
    461: "CreateSessionRequest", 464: "CreateSessionResponse", 467: "ActivateSessionRequest",
    470: "ActivateSessionResponse", 473: "CloseSessionRequest", 476: "CloseSessionResponse", 527: "BrowseRequest",
    530: "BrowseResponse", 533: "BrowseNextRequest", 536: "BrowseNextResponse", 631: "ReadRequest",
    634: "ReadResponse", 664: "HistoryReadRequest", 667: "HistoryReadResponse", 751: "CreateMonitoredItemsRequest",
    754: "CreateMonitoredItemsResponse", 787: "CreateSubscriptionRequest", 790: "CreateSubscriptionResponse",
    826: "PublishRequest", 829: "PublishResponse", 832: "RepublishRequest", 835: "RepublishResponse",
    841: "TransferSubscriptionsRequest", 844: "TransferSubscriptionsResponse", 847: "DeleteSubscriptionsRequest",
    850: "DeleteSubscriptionsResponse", 397: "ServiceFault",
}  # fmt: skip
"""Of the DefaultBinary encodings."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk, whole.

    Attributes:
        name: `HEL`, `OPN` …, or of a MSG the service, e.g. `PublishResponse`; `...` behind its first chunk; `?` where
            the bytes are no chunks.
    """

    name: str
    data: bytes


class Splitter:
    """Cuts a stream into chunks; bytes that are none are handed on as they come."""

    def __init__(self) -> None:
        self._held = b""
        self._is_first = True
        self._is_lost = False

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks that are whole now."""
        self._held += data
        found = []
        while (size := self._size()) is not None and len(self._held) >= size:
            found.append(self._take(size))
        return found

    def rest(self) -> bytes:
        """What was held when the stream ended."""
        return self._held

    def _size(self) -> int | None:
        if self._is_lost:
            return len(self._held) or None
        if len(self._held) < HEADER:
            return None
        size: int = struct.unpack_from("<I", self._held, 4)[0]
        if (
            self._held[:3] not in (b"HEL", b"ACK", b"ERR", b"RHE", b"OPN", b"MSG", b"CLO")
            or not HEADER <= size <= _MOST
        ):
            self._is_lost = True
            return len(self._held)
        return size

    def _take(self, size: int) -> Chunk:
        data, self._held = self._held[:size], self._held[size:]
        return Chunk("?" if self._is_lost else self._name(data), data)

    def _name(self, data: bytes) -> str:
        kind = data[:3].decode()
        if kind != "MSG":
            return kind
        was_first, self._is_first = self._is_first, data[3:4] in (b"F", b"A")
        if not was_first:
            return "..."
        if len(data) < TYPE_ID + 4 or data[TYPE_ID : TYPE_ID + 2] != b"\x01\x00":
            return kind
        number: int = struct.unpack_from("<H", data, TYPE_ID + 2)[0]
        return _NAMES.get(number, str(number))
