"""The short way for PublishRequests and their answers: framed here, past asyncua's message classes, futures and tasks.

Only for SecurityPolicy None and messages as nearly all are. What is signed or encrypted, belongs to somebody else, or
is out of step goes the way of every other message, through asyncua, and so does everything where a release of asyncua
lacks a name that is used here. Checked on the short way are channel, token, sequence number and size, as asyncua does,
and both ways count with the same numbers.

Like `hooks` this module decides nothing: it knows no timeouts, no errors a user reads, no retries.
"""

from __future__ import annotations

import struct
import time
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.connection import SecureConnection
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import nodeid_to_binary

from omptool.model.times import unix_ns_to_ticks
from omptool.opcua.hooks import GuardedProtocol, protocol_of

SHORT_WAY_HOOKS: dict[type, tuple[str, ...]] = {
    SecureConnection: (
        "_sequence_number",  # of our last chunk
        "_peer_sequence_number",  # of the server's
        "_incoming_parts",  # chunks of a message that is not complete, on asyncua's way
        "security_token",
        "security_policy",
    ),
}
"""Attributes without which asyncua's way is taken."""

PUBLISH = int(ObjectIds.PublishRequest_Encoding_DefaultBinary)
_TYPE = struct.pack("<BBH", 1, 0, PUBLISH)
_REQUEST_HEADER = struct.Struct("<qIIiI3x")
"""Behind the AuthenticationToken: Timestamp, RequestHandle, no diagnostics, no AuditEntryId, TimeoutHint 0 (as long as
the session lives), no additional header."""
_FRAME = struct.Struct("<4s5I")
_SEQUENCE = struct.Struct("<4I")
_BODY = 24
_LAST = 0xFFFF_FFFF


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


class PublishProtocol(GuardedProtocol):
    """The guarded protocol with the short way.

    Attributes:
        missing: names that this asyncua lacks for the short way.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.missing = missing_in(self._connection)
        self._is_short: bool | None = None
        self._token: Any = None
        self._head = b""
        self._parts: list[bytes] = []
        self._parts_of = 0

    def publish(self, parameters: bytes, slot: Slot) -> None:
        """Send a PublishRequest; `slot` gets the answer.

        Raises:
            ConnectionError: there is no open connection.
        """
        if self.transport is None:
            raise ConnectionError("Connection is not open")
        if self._is_short is None:
            self._is_short = not self.missing and _is_plain(self._connection)
        self.revolve_security_token()
        if self._token is not self.authentication_token:
            self._token = self.authentication_token
            self._head = _TYPE + nodeid_to_binary(self._token)
        self._request_handle += 1
        self._request_id += 1
        header = _REQUEST_HEADER.pack(unix_ns_to_ticks(time.time_ns()), self._request_handle, 0, -1, 0)
        body = self._head + header + parameters
        message = (
            self._framed(body)
            if self._is_short
            else self._connection.message_to_binary(body, request_id=self._request_id)
        )
        self._callbackmap[self._request_id] = slot  # type: ignore[assignment]  # as good as a future to asyncua
        self.transport.write(message)

    def _framed(self, body: bytes) -> bytes:
        connection = self._connection
        number = connection._sequence_number
        number = connection._sequence_number = number + 1 if number < _LAST else 1
        token = connection.security_token
        size = _BODY + len(body)
        return _FRAME.pack(b"MSGF", size, token.ChannelId, token.TokenId, number, self._request_id) + body

    def _take(self, kind: bytes, final: bytes, chunk: bytes) -> None:
        if self._is_short and kind == b"MSG" and final != b"A" and len(chunk) > _BODY:
            channel, token, number, request = _SEQUENCE.unpack_from(chunk, 8)
            slot: Any = self._callbackmap.get(request)
            if isinstance(slot, Slot):
                if self._is_in_step(channel, token, number) and (not self._parts or request == self._parts_of):
                    self._receive(final, chunk, number, request, slot)
                    return
                if self._parts:
                    self.abandon("the chunks of a message are out of step")
                    return
        elif self._parts and kind == b"MSG":
            self._parts.clear()  # aborted; asyncua reads the reason
        super()._take(kind, final, chunk)

    def _is_in_step(self, channel: int, token: int, number: int) -> bool:
        connection = self._connection
        known = connection.security_token
        return (
            channel == known.ChannelId
            and token == known.TokenId
            and number == (connection._peer_sequence_number or 0) + 1
            and not connection._incoming_parts
        )

    def _receive(self, final: bytes, chunk: bytes, number: int, request: int, slot: Slot) -> None:
        self._connection._peer_sequence_number = number
        if not self._fits(final, len(chunk)):
            return
        if final == b"C":
            self._parts.append(chunk[_BODY:])
            self._parts_of = request
            return
        body = chunk[_BODY:]
        if self._parts:
            body = b"".join((*self._parts, body))
            self._parts.clear()
        del self._callbackmap[request]
        slot.set_result(body)


def missing_in(connection: Any) -> tuple[str, ...]:
    """What this asyncua lacks for the short way."""
    return tuple(name for name in SHORT_WAY_HOOKS[SecureConnection] if not hasattr(connection, name))


def _is_plain(connection: SecureConnection) -> bool:
    return bool(connection.security_policy.Mode == ua.MessageSecurityMode.None_)


def publish(client: Client, parameters: bytes, slot: Slot) -> None:
    """Send a PublishRequest on the client's channel.

    Raises:
        ConnectionError: there is no open connection.
    """
    protocol = protocol_of(client)
    if not isinstance(protocol, PublishProtocol):
        raise ConnectionError("Connection is not open")
    protocol.publish(parameters, slot)


def missing(client: Client) -> tuple[str, ...]:
    """Names of asyncua that the short way of an open connection lacks; empty where it is taken, or never could be."""
    protocol = protocol_of(client)
    return protocol.missing if isinstance(protocol, PublishProtocol) else ()
