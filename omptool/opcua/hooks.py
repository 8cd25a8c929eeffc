"""Everything omptool touches inside asyncua that asyncua does not promise to keep, in one place; a test names all.

asyncua carries the secure channel, the session and the message encoding. Three things are ours and need hooks: requests
whose raw answer we decode ourselves, framing that cannot be made to buffer without bound, and the promise that omptool
only reads: `GuardedProtocol` is the only way onto the wire and refuses a service that is not in `ALLOWED_SERVICES`.

This module may never decide anything: it knows no timeouts, no errors a user reads, no retries.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
import time
from datetime import UTC, datetime
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UaClient, UASocketProtocol
from asyncua.client.ua_session import UaSession
from asyncua.common.connection import SecureConnection
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import extensionobject_to_binary, nodeid_to_binary, struct_from_binary
from asyncua.ua.uaerrors import UaStatusCodeError
from asyncua.ua.uaprotocol_auto import ReadResponse

from omptool.errors import MalformedMessage
from omptool.model.times import unix_ns_to_ticks
from omptool.opcua.hooks_tokens import OwnTimeConnection
from omptool.protocol.wire import service_result

PRIVATE_HOOKS: dict[type, tuple[str, ...]] = {
    UASocketProtocol: (
        "_send_request",  # sends one request and hands out the future of its raw answer
        "_process_received_data",  # takes one complete chunk
        "_process_received_message",  # takes one complete message
        "_fail_all_pending",  # wakes every waiting request
        "_setup_request_header",  # authentication token, request handle and TimeoutHint
        "_callbackmap",  # request id to future
        "_connection",  # SecureConnection: message_to_binary, _limits
        "_request_id",
    ),
    SecureConnection: ("_limits", "_check_sym_header", "set_channel", "prev_security_token", "next_security_token"),
    UaClient: ("_make_protocol",),
    UaSession: ("_set_state",),
    Client: ("_renew_channel_task", "_start_renew_loop", "_server_nonce", "_policy_ids"),
}
"""The attributes used here that asyncua may rename in any release."""

ALLOWED_SERVICES: frozenset[int] = frozenset(
    int(getattr(ObjectIds, f"{service}Request_Encoding_DefaultBinary"))
    for service in (
        "FindServers",
        "FindServersOnNetwork",
        "GetEndpoints",
        "OpenSecureChannel",
        "CloseSecureChannel",
        "CreateSession",
        "ActivateSession",
        "CloseSession",
        "Browse",
        "BrowseNext",
        "TranslateBrowsePathsToNodeIds",
        "Read",
        "HistoryRead",
        "CreateMonitoredItems",
        "ModifyMonitoredItems",
        "SetMonitoringMode",
        "DeleteMonitoredItems",
        "CreateSubscription",
        "ModifySubscription",
        "SetPublishingMode",
        "Publish",
        "Republish",
        "TransferSubscriptions",
        "DeleteSubscriptions",
    )
)
"""Services that read, watch, or keep the connection: nothing that changes a value, a node or a machine."""

CALL = int(ObjectIds.CallRequest_Encoding_DefaultBinary)
CONDITION_TYPE, CONDITION_REFRESH = int(ObjectIds.ConditionType), int(ObjectIds.ConditionType_ConditionRefresh)
"""The one method that may be called: it makes a server repeat what it said of its conditions (Part 9, 5.5.7)."""

MAX_CHUNK = 64 * 1024 * 1024
"""Largest chunk taken from a server: far above what servers send (64 KB), far below what would hurt."""

MAX_MESSAGE = 192 * 1024 * 1024
"""Largest message over all its chunks. One value may fill it, and must still fit what a capture gives back as one row:
better refused aloud than acknowledged and unreadable."""

_HEADER = struct.Struct("<3scI")
_RAW_NAMES = {527: "Browse", 533: "BrowseNext", 631: "Read", 664: "HistoryRead", 428: "GetEndpoints",
              461: "CreateSession", 467: "ActivateSession", 751: "CreateMonitoredItems",
              787: "CreateSubscription"}  # fmt: skip
_TYPE_ID = struct.Struct("<BBH")
REQUEST_HEADER = struct.Struct("<qIIiI3x")
"""Behind the AuthenticationToken: Timestamp (some servers refuse none), RequestHandle, TimeoutHint, nothing else."""
_ACK = struct.Struct("<5I")
_MESSAGE_TYPES = frozenset({b"ACK", b"ERR", b"OPN", b"MSG", b"CLO"})
_BODY_AFTER_HEADERS = 24
"""Where the body of a plain MSG chunk starts: header 8, channel, token, sequence number and request id 4 each."""


class ForbiddenServiceError(AssertionError):
    """Our own code tried to use a service that omptool promises not to use: a bug, never the user's fault."""


class RawRequest:
    """A request that is encoded behind its RequestHeader: asyncua's encoder costs more than the server's answer."""

    __slots__ = ("parameters", "service_id")

    def __init__(self, service_id: int, parameters: bytes) -> None:
        self.service_id = service_id
        self.parameters = parameters


class GuardedProtocol(UASocketProtocol):
    """asyncua's socket protocol with a guard on what goes out and a bound on what comes in.

    Attributes:
        fault: why the connection ended, in words for a person; None while it is open.
        fault_code: the StatusCode of the peer's Error message, 0 when there was none.
        garbage: the first bytes of a peer that does not speak OPC UA.
        closed: set once the connection is gone.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._connection = OwnTimeConnection(self._connection)
        self.fault: str | None = None
        self.fault_code = 0
        self.garbage = b""
        self.closed = asyncio.Event()
        self._incoming = bytearray()
        self._message_size = 0
        self._head_of: Any = None
        self._head = b""

    def _send_request(self, request: Any, timeout: float = 1, message_type: Any = ua.MessageType.SecureMessage) -> Any:
        if not is_allowed(request):
            service = service_id(request)
            raise ForbiddenServiceError(f"{type(request).__name__} (service {service}) is not a reading service")
        if not isinstance(request, RawRequest):
            return super()._send_request(request, timeout, message_type)
        if self.transport is None:
            raise ConnectionError("Connection is not open")
        future: asyncio.Future[Buffer] = asyncio.get_running_loop().create_future()
        self._send_raw(request, timeout, future)
        return future

    def _send_raw(self, request: RawRequest, timeout: float, answer: Any) -> None:
        """Send a request that is encoded already; `answer` stands for the future of its raw answer."""
        if self._head_of is not self.authentication_token:
            self._head_of = self.authentication_token
            self._head = nodeid_to_binary(self._head_of)
        self._request_handle += 1
        at, hint = unix_ns_to_ticks(time.time_ns()), int(timeout * 1000)
        header = REQUEST_HEADER.pack(at, self._request_handle, 0, -1, hint)
        body = b"".join((_TYPE_ID.pack(1, 0, request.service_id), self._head, header, request.parameters))
        self.revolve_security_token()
        self._request_id += 1
        self._callbackmap[self._request_id] = answer
        self._write(self._framed(body))

    def _write(self, frame: bytes) -> None:
        assert self.transport is not None
        self.transport.write(frame)

    def _framed(self, body: bytes) -> bytes:
        return self._connection.message_to_binary(body, request_id=self._request_id)

    def data_received(self, data: bytes) -> None:
        """Cut the stream into chunks: linear in its length, and never more than `MAX_CHUNK` held."""
        if self._incoming:
            self._incoming += data
            rest = self._cut(self._incoming)
            del self._incoming[:rest]
        else:  # nearly always: what arrives is whole chunks
            rest = self._cut(data)
            if rest < len(data) and self.fault is None:
                self._incoming += data[rest:]

    def _cut(self, data: bytes | bytearray) -> int:
        """Take the whole chunks; returns where the next one begins."""
        position, end = 0, len(data)
        while end - position >= 8 and self.fault is None:
            kind, final, size = _HEADER.unpack_from(data, position)
            if kind not in _MESSAGE_TYPES or not 8 <= size <= MAX_CHUNK:
                self.garbage = bytes(data[position : position + 64])
                self.abandon("what it sends is not OPC UA")
                return end
            if end - position < size:
                break
            is_all = size == end and isinstance(data, bytes)  # as nearly always: then nothing is copied
            chunk = bytes(data) if is_all else bytes(memoryview(data)[position : position + size])
            position += size
            self._take(kind, final, chunk)
        return position

    def _process_received_message(self, msg: Any) -> None:
        """asyncua cannot read a ServiceFault in answer to OpenSecureChannel: its reason is kept here."""
        if not self._connection.is_open() and isinstance(msg, ua.Message):
            with contextlib.suppress(MalformedMessage):  # then there is no reason to keep
                code = service_result(bytes(msg.body()))  # type: ignore[no-untyped-call]  # asyncua: untyped
                self.fault_code = code if code >> 31 else 0
        super()._process_received_message(msg)

    def eof_received(self) -> None:
        """Keep what a peer said before it hung up: fewer than 8 bytes are no header, but may tell what it speaks."""
        if self._incoming and self.fault is None:
            self.garbage = bytes(self._incoming[:64])

    def connection_lost(self, exc: Exception | None) -> None:
        if self.fault is None:
            self.fault = f"connection reset ({exc})" if exc else "the server closed the connection"
        self.closed.set()
        super().connection_lost(exc)

    def _take(self, kind: bytes, final: bytes, chunk: bytes) -> None:
        if not self._fits(final, len(chunk)):
            return
        if kind == b"ERR" and len(chunk) >= 12:
            (self.fault_code,) = struct.unpack_from("<I", chunk, 8)
        self._process_received_data(chunk)
        if kind == b"ACK" and len(chunk) >= 28:
            self._widen_receive_limit(chunk)
        if final == b"A":
            self._fail_aborted(chunk)
        if self.transport is not None and self.transport.is_closing() and self.fault is None and kind != b"ERR":
            self.abandon("it sent a message that does not decode")

    def _fits(self, final: bytes, size: int) -> bool:
        """Whether a message, with this chunk, is not too large; if it is, the connection is given up."""
        size += self._message_size
        self._message_size = size if final == b"C" else 0
        if size > MAX_MESSAGE:
            self.abandon(f"it sent a message of more than {MAX_MESSAGE >> 20} MiB")
        return size <= MAX_MESSAGE

    def _widen_receive_limit(self, chunk: bytes) -> None:
        """asyncua checks incoming chunks against the server's *receive* buffer; some servers send bigger ones."""
        _, receive, send, _, _ = _ACK.unpack_from(chunk, 8)
        self._connection._limits.max_recv_buffer = max(receive, send)

    def _fail_aborted(self, chunk: bytes) -> None:
        """An aborted answer carries its reason; without this the request would wait for its timeout.

        Only readable without encryption; with it the timeout stays the way out.
        """
        encrypted = self._connection.security_policy.Mode == ua.MessageSecurityMode.SignAndEncrypt
        if encrypted or len(chunk) < _BODY_AFTER_HEADERS + 4:
            return
        request_id, code = struct.unpack_from("<II", chunk, _BODY_AFTER_HEADERS - 4)
        future = self._callbackmap.pop(request_id, None)
        if future is not None and not future.done():
            future.set_exception(UaStatusCodeError(code))  # type: ignore[no-untyped-call]  # asyncua: untyped

    def abandon(self, fault: str) -> None:
        """Drop the connection at once, for a reason of ours."""
        self.fault = fault
        self._incoming.clear()
        self._fail_all_pending(ConnectionError(fault))
        if self.transport is not None:
            self.transport.abort()


def is_allowed(request: Any) -> bool:
    """Whether a request may go onto the wire: a reading service, or a Call of nothing but ConditionRefresh."""
    service = service_id(request)
    if service != CALL or not isinstance(request, ua.CallRequest):
        return service in ALLOWED_SERVICES
    methods = request.Parameters.MethodsToCall or ()
    return len(methods) > 0 and all(
        method.ObjectId == ua.NodeId(ua.Int32(CONDITION_TYPE))
        and method.MethodId == ua.NodeId(ua.Int32(CONDITION_REFRESH))
        for method in methods
    )


def install(client: Client, kind: type[GuardedProtocol] = GuardedProtocol) -> None:
    """Make `client` open its connections with this kind of protocol."""
    uaclient = client.uaclient
    original = uaclient._make_protocol

    def make_protocol() -> UASocketProtocol:
        plain = original()
        guarded = kind(plain.timeout, security_policy=uaclient.security_policy)
        guarded.pre_request_hook = plain.pre_request_hook
        guarded.on_connection_lost = plain.on_connection_lost
        guarded.is_session_closing = plain.is_session_closing
        uaclient.protocol = guarded
        return guarded

    uaclient._make_protocol = make_protocol  # type: ignore[method-assign]  # the hook itself


def service_id(request: Any) -> int:
    """The encoding id of a request, as it goes onto the wire."""
    if isinstance(request, RawRequest):
        return request.service_id
    type_id = request.TypeId
    return int(type_id.Identifier) if type_id.NamespaceIndex == 0 else -1


def send(client: Client, request: Any, timeout_s: float) -> asyncio.Future[Buffer]:
    """Send one request on the client's channel; the future holds the raw body, ServiceFault included.

    Raises:
        ConnectionError: there is no open connection.
    """
    protocol = client.uaclient.protocol
    if protocol is None:
        raise ConnectionError("Connection is not open")
    future: asyncio.Future[Buffer] = protocol._send_request(request, timeout_s)
    return future


def decode(response_type: type[Any], body: bytes) -> Any:
    """One of asyncua's response dataclasses from a raw body."""
    return struct_from_binary(response_type, Buffer(body))


def encode_structure(structure: Any) -> bytes:
    """One of asyncua's structures as an ExtensionObject."""
    return bytes(extensionobject_to_binary(structure))


def protocol_of(client: Client) -> GuardedProtocol | None:
    """The client's open connection, if there is one."""
    protocol = client.uaclient.protocol
    return protocol if isinstance(protocol, GuardedProtocol) else None


def decode_read(body: bytes) -> list[Any]:
    """asyncua's DataValues of a ReadResponse."""
    return list(decode(ReadResponse, body).Results or ())


def good_value(answer: Any) -> Any:
    """The Python value of one of asyncua's DataValues; None when it is Bad or has none."""
    is_bad = answer.StatusCode is not None and answer.StatusCode.value >> 31
    return None if is_bad or answer.Value is None else answer.Value.Value


def unix_ns(value: Any) -> int | None:
    """One of asyncua's datetimes as Unix nanoseconds; None for anything else, and for the null time 1601-01-01."""
    if not isinstance(value, datetime):
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return None if aware.year == 1601 else round(aware.timestamp() * 1_000_000) * 1000


def start_channel_renewal(client: Client) -> None:
    """Let asyncua renew the security token at 75 % of its lifetime; a renewal that fails ends the connection."""
    client._start_renew_loop()
    task, protocol = client._renew_channel_task, protocol_of(client)
    assert task is not None and protocol is not None

    def ended(finished: asyncio.Task[None]) -> None:
        if not finished.cancelled() and finished.exception() is not None:
            protocol.abandon("the secure channel could not be renewed")

    task.add_done_callback(ended)


def service_name(request: Any) -> str:
    """For messages: Read, Browse, …"""
    if isinstance(request, RawRequest):
        return _RAW_NAMES.get(request.service_id, str(request.service_id))
    return type(request).__name__.removesuffix("Request")


def quiet_asyncua() -> None:
    """Keep asyncua's log records, tracebacks included, off stderr; whatever matters becomes one of our errors."""
    logger = logging.getLogger("asyncua")
    logger.setLevel(logging.CRITICAL + 1)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
