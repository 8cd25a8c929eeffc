"""The short way for messages: framed here, past asyncua's message classes, and for PublishRequests past futures.

Only for SecurityPolicy None. What is signed or encrypted, or out of step, goes the long way through asyncua, and so
does everything where a release of asyncua lacks a name that is used here. Checked on the short way are channel, token,
sequence number and size, as asyncua does, and both ways count with the same numbers.

Like `hooks` this module decides nothing: it knows no timeouts, no errors a user reads, no retries.
"""

from __future__ import annotations

import struct
import time
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.connection import SecureConnection
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIds

from omptool.model.times import unix_ns_to_ticks
from omptool.opcua.hooks import REQUEST_HEADER, GuardedProtocol, RawRequest, protocol_of

SHORT_WAY_HOOKS: dict[type, tuple[str, ...]] = {
    SecureConnection: (
        "_sequence_number",  # of our last chunk
        "_peer_sequence_number",  # of the server's
        "_incoming_parts",  # chunks of a message that is not complete, on asyncua's way
        "security_token",
        "security_policy",
    ),
}
"""Attributes without which the long way is taken."""

PUBLISH = int(ObjectIds.PublishRequest_Encoding_DefaultBinary)
_PUBLISH_TYPE = struct.pack("<BBH", 1, 0, PUBLISH)
_BEFORE_PARAMETERS = len(_PUBLISH_TYPE) + REQUEST_HEADER.size
_FRAME = struct.Struct("<4s5I")
_SEQUENCE = struct.Struct("<4I")
_BODY = 24
_LAST = 0xFFFF_FFFF
_ONE_CHUNK = 8192
"""Every server takes chunks of this size (Part 6, 7.1.2.3); asyncua, which knows the limit, cuts longer messages."""


class Slot:
    """Takes one answer; asyncua treats it as the future that it would make itself."""

    __slots__ = ()

    def done(self) -> bool:
        return False

    def cancel(self) -> bool:
        return False

    def set_result(self, body: bytes) -> None:
        """The raw answer, from its type NodeId on; called from the socket, must not raise."""
        raise NotImplementedError

    def set_exception(self, error: Exception) -> None:
        """There will be none."""
        raise NotImplementedError


class FramingProtocol(GuardedProtocol):
    """The guarded protocol with the short way.

    Attributes:
        missing: names that this asyncua lacks for it.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.missing = missing_in(self._connection)
        self._is_short: bool | None = None
        self._parts: list[bytes] = []
        self._parts_of = 0
        self._held: list[bytes] | None = None

    @property
    def is_short(self) -> bool:
        """Whether the short way is taken; known once the channel is open."""
        if self._is_short is None:
            policy = None if self.missing else self._connection.security_policy
            self._is_short = policy is not None and policy.Mode == ua.MessageSecurityMode.None_
        return self._is_short

    def publish(self, parameters: bytes, slot: Slot) -> None:
        """Send a PublishRequest; `slot` gets the answer.

        Raises:
            ConnectionError: there is no open connection.
        """
        if self.transport is None:
            raise ConnectionError("Connection is not open")
        connection, size = self._connection, _BODY + len(self._head) + _BEFORE_PARAMETERS + len(parameters)
        if self._head_of is not self.authentication_token or not self.is_short or size > _ONE_CHUNK:
            self._send_raw(RawRequest(PUBLISH, parameters), 0, slot)
            return
        self.revolve_security_token()
        self._request_handle += 1
        self._request_id += 1
        self._callbackmap[self._request_id] = slot  # type: ignore[assignment]  # stands for a future
        number = connection._sequence_number
        number = connection._sequence_number = number + 1 if number < _LAST else 1
        token, at = connection.security_token, unix_ns_to_ticks(time.time_ns())
        frame = _FRAME.pack(b"MSGF", size, token.ChannelId, token.TokenId, number, self._request_id)
        header = REQUEST_HEADER.pack(at, self._request_handle, 0, -1, 0)
        self._write(b"".join((frame, _PUBLISH_TYPE, self._head, header, parameters)))

    def data_received(self, data: bytes) -> None:
        """As before; what is sent because of it goes out at once, and together."""
        held: list[bytes] = []
        self._held = held
        try:
            super().data_received(data)
        finally:
            self._held = None
            if held and self.transport is not None:
                self.transport.write(held[0] if len(held) == 1 else b"".join(held))

    def _write(self, frame: bytes) -> None:
        if self._held is None:
            super()._write(frame)
        else:
            self._held.append(frame)

    def _framed(self, body: bytes) -> bytes:
        size = _BODY + len(body)
        if size > _ONE_CHUNK or not self.is_short:
            return super()._framed(body)
        connection = self._connection
        number = connection._sequence_number
        number = connection._sequence_number = number + 1 if number < _LAST else 1
        token = connection.security_token
        return _FRAME.pack(b"MSGF", size, token.ChannelId, token.TokenId, number, self._request_id) + body

    def _take(self, kind: bytes, final: bytes, chunk: bytes) -> None:
        if kind == b"MSG" and len(chunk) > _BODY and final != b"A" and self.is_short:
            channel, token, number, request = _SEQUENCE.unpack_from(chunk, 8)
            if self._is_in_step(channel, token, number, request):
                self._receive(final, chunk, number, request)
                return
        if self._parts and kind == b"MSG":
            self._parts.clear()
            if final != b"A":  # else it is aborted, and asyncua reads the reason
                self.abandon("the chunks of a message are out of step")
                return
        super()._take(kind, final, chunk)

    def _is_in_step(self, channel: int, token: int, number: int, request: int) -> bool:
        connection = self._connection
        known = connection.security_token
        return (
            channel == known.ChannelId
            and token == known.TokenId
            and number == (connection._peer_sequence_number or 0) + 1
            and not connection._incoming_parts
            and request in self._callbackmap
            and (not self._parts or request == self._parts_of)
        )

    def _receive(self, final: bytes, chunk: bytes, number: int, request: int) -> None:
        self._connection._peer_sequence_number = number
        if not self._fits(final, len(chunk)):
            return
        body = chunk[_BODY:]
        if final == b"C":
            self._parts.append(body)
            self._parts_of = request
            return
        if self._parts:
            body = b"".join((*self._parts, body))
            self._parts.clear()
        answer: Any = self._callbackmap.pop(request)
        if isinstance(answer, Slot):
            answer.set_result(body)
        elif not answer.done():
            answer.set_result(Buffer(body))


def missing_in(connection: Any) -> tuple[str, ...]:
    """What this asyncua lacks for the short way."""
    return tuple(name for name in SHORT_WAY_HOOKS[SecureConnection] if not hasattr(connection, name))


def publish(protocol: GuardedProtocol, parameters: bytes, slot: Slot) -> None:
    """Send a PublishRequest on a channel.

    Raises:
        ConnectionError: there is no open connection.
    """
    if not isinstance(protocol, FramingProtocol):
        raise ConnectionError("Connection is not open")
    protocol.publish(parameters, slot)


def missing(client: Client) -> tuple[str, ...]:
    """Names of asyncua that an open connection lacks for the short way."""
    protocol = protocol_of(client)
    return protocol.missing if isinstance(protocol, FramingProtocol) else ()
