"""Messages between server and worker: a JSON head and a body of bytes, each after its length.

Both ends are this package, but a worker runs other people's statements: what it sends is bounded and never unpickled.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO, NamedTuple, Protocol

_LENGTHS = struct.Struct("<II")
_ORDER_LIMIT = 256 * 1024 * 1024
"""Of what the server sends: a request of its longest body has some eight bytes here for each of its own."""
_HEAD_LIMIT = 1024 * 1024
_BODY_LIMIT = 1024 * 1024 * 1024


class Frame(NamedTuple):
    """One message; `head["kind"]` says which."""

    head: dict[str, Any]
    body: bytes = b""


class _Reader(Protocol):
    async def readexactly(self, n: int, /) -> bytes: ...


def encode(frame: Frame) -> bytes:
    """The bytes of a message."""
    head = json.dumps(frame.head).encode()
    return _LENGTHS.pack(len(head), len(frame.body)) + head + frame.body


def fits(head: dict[str, Any]) -> bool:
    """Whether the server would take a message with this head."""
    return len(json.dumps(head)) <= _HEAD_LIMIT


def _sizes(prefix: bytes, limit: int) -> tuple[int, int]:
    head, body = _LENGTHS.unpack(prefix)
    if head > limit or body > _BODY_LIMIT:
        raise ValueError(f"a message of {head + body} bytes")
    return head, body


def read(stream: BinaryIO) -> Frame | None:
    """The next order of the server; None when it is gone."""
    prefix = stream.read(_LENGTHS.size)
    if len(prefix) < _LENGTHS.size:
        return None
    head_size, body_size = _sizes(prefix, _ORDER_LIMIT)
    head, body = stream.read(head_size), stream.read(body_size)
    if len(head) < head_size or len(body) < body_size:
        return None
    return Frame(json.loads(head), body)


async def receive(stream: _Reader) -> Frame:
    """The next message of a worker.

    Raises:
        asyncio.IncompleteReadError: the other end is gone.
        ValueError: bytes that are no message.
    """
    head_size, body_size = _sizes(await stream.readexactly(_LENGTHS.size), _HEAD_LIMIT)
    try:
        head = json.loads(await stream.readexactly(head_size))
    except RecursionError:
        head = None
    if not isinstance(head, dict):
        raise ValueError("a message without a head")
    return Frame(head, await stream.readexactly(body_size))
