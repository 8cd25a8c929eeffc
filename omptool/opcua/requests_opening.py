"""Encodes the requests that each connection begins with, and those that create its items.

For one server asyncua's encoder does; for thousands it is most of the time until values flow. Pure: values in, bytes
out. Signatures are not made here: on a secure channel asyncua opens the session.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from omptool.opcua.hooks import RawRequest
from omptool.opcua.requests import TIMESTAMPS_BOTH

GET_ENDPOINTS, CREATE_SESSION, ACTIVATE_SESSION, CREATE_SUBSCRIPTION, CREATE_ITEMS = 428, 461, 467, 787, 751
"""Ids of the binary encodings (Part 6, NodeIds.csv)."""

_CLIENT = 1
"""ApplicationType (Part 4, 7.2)."""
_NULL = struct.pack("<i", -1)
_NO_SIGNATURE = _NULL + _NULL
_ANONYMOUS = 321
_LANGUAGE = "en"
_REPORTING = 2
"""MonitoringMode (Part 4, 7.23)."""
NO_FILTER = b"\0\0\0"
"""Every change of value or status."""
_SUBSCRIPTION = struct.Struct("<dIII?B")
_ITEM_HEAD = struct.Struct("<IiHiiId")
"""Behind the NodeId: AttributeId, no IndexRange, default DataEncoding, MonitoringMode, ClientHandle, sampling."""
_ITEM_TAIL = struct.Struct("<I?")


class Client(NamedTuple):
    """Who asks for a session, as the server shows it to its own people."""

    application_uri: str
    product_uri: str
    name: str


class Item(NamedTuple):
    """One item to be created; `node_id` and `filter` are encoded."""

    node_id: bytes
    attribute: int
    handle: int
    sampling_ms: float
    filter: bytes
    queue_size: int
    discards_oldest: bool


def get_endpoints(url: str) -> RawRequest:
    """All endpoints of the server at this address."""
    return RawRequest(GET_ENDPOINTS, _string(url) + struct.pack("<ii", 0, 0))


def create_session(url: str, client: Client, nonce: bytes, timeout_ms: float) -> RawRequest:
    """A session of a client that shows no certificate; answers may be as long as they are."""
    description = (_string(client.application_uri), _string(client.product_uri), b"\x02", _string(client.name),
                   struct.pack("<iiii", _CLIENT, -1, -1, 0))  # fmt: skip
    asked = (_NULL, _string(url), _string(f"{client.name} Session1"), struct.pack("<i", len(nonce)), nonce, _NULL)
    return RawRequest(CREATE_SESSION, b"".join((*description, *asked, struct.pack("<dI", timeout_ms, 0))))


def activate_anonymously(policy_id: str) -> RawRequest:
    """Log in as nobody in particular, by this token policy."""
    head = struct.pack("<ii", 0, 1) + _string(_LANGUAGE)
    token = _structure(_ANONYMOUS, _string(policy_id))
    return RawRequest(ACTIVATE_SESSION, b"".join((_NO_SIGNATURE, head, token, _NO_SIGNATURE)))


def create_subscription(publishing_ms: float, lifetime_count: int, keep_alive_count: int, most: int) -> RawRequest:
    """An enabled subscription; `most` values in one message."""
    asked = _SUBSCRIPTION.pack(publishing_ms, lifetime_count, keep_alive_count, most, True, 0)
    return RawRequest(CREATE_SUBSCRIPTION, asked)


def create_items(sub: int, items: Sequence[Item]) -> RawRequest:
    """Reporting items, both timestamps."""
    head = struct.pack("<Iii", sub, TIMESTAMPS_BOTH, len(items))
    return RawRequest(CREATE_ITEMS, b"".join((head, *_pieces(items))))


def _pieces(items: Iterable[Item]) -> Iterable[bytes]:
    for node_id, attribute, handle, sampling_ms, wanted, queue_size, discards_oldest in items:
        yield node_id
        yield _ITEM_HEAD.pack(attribute, -1, 0, -1, _REPORTING, handle, sampling_ms)
        yield wanted
        yield _ITEM_TAIL.pack(queue_size, discards_oldest)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<i", len(data)) + data


def _structure(type_id: int, body: bytes) -> bytes:
    """An ExtensionObject with a binary body."""
    return struct.pack("<BBHBi", 1, 0, type_id, 1, len(body)) + body
