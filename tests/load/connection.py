"""One connection to the load server: chunks in and out, secure channel without security, and who answers what."""

from __future__ import annotations

import asyncio
import itertools
import struct
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from tests.load import encode
from tests.load.machines import Machine, Session
from tests.load.services import Services, service_id
from tests.load.subscription import Subscription, group, now_ticks
from tests.load.truth import machine_name

_HEADER = struct.Struct("<3scI").unpack_from
_SEQUENCE = struct.Struct("<IIII").unpack_from
_U32 = struct.Struct("<I").unpack_from
_I32 = struct.Struct("<i").unpack_from
_NODE_ID_SIZES = {0: 2, 1: 4, 2: 7}
_FIRST_TOKEN = 1_000_000
"""Large enough for the longest of the numeric NodeIds, so that all answers have one length."""
_TOKENS = itertools.count(_FIRST_TOKEN)
_SUBSCRIPTIONS = itertools.count(1)
_LARGEST = 1 << 20
_PUBLISH = service_id("Publish")
_UNKNOWN_SUBSCRIPTION, _NO_MESSAGE = 0x80280000, 0x807B0000
_NO_SESSION, _UNSUPPORTED, _NOTHING_TO_DO = 0x80250000, 0x800B0000, 0x800F0000


class Connection(asyncio.Protocol):
    """A client's connection; the machine is the one that Hello names."""

    def __init__(self, services: Services, machines: Sequence[Machine], counted: Counter[str], channel: int) -> None:
        self._services, self._machines, self._counted = services, machines, counted
        self._channel, self._token = channel, 0
        self._sent = self._received = 0
        self._rest = b""
        self._parts: list[bytes] = []
        self._largest = 8192
        self._session: Session | None = None
        self._machine = machines[0]
        self._transport: Any = None
        self._handlers: dict[int, Callable[[bytes, int, int, int], bytes]] = {
            service_id(name): handler
            for name, handler in {
                "CreateSession": self._create_session,
                "ActivateSession": self._activate_session,
                "CloseSession": self._close_session,
                "CreateSubscription": self._create_subscription,
                "CreateMonitoredItems": self._create_items,
                "ModifyMonitoredItems": self._modify_items,
                "DeleteSubscriptions": self._delete_subscriptions,
                "TransferSubscriptions": self._transfer,
                "Republish": self._republish,
            }.items()
        }

    # bytes

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._counted["connections"] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._counted["disconnections"] += 1
        if self._session is not None and self._session.connection is self:
            self._session.connection = None
            self._session.waiting.clear()

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        while end - at >= 8:
            kind, final, size = _HEADER(data, at)
            if end - at < size:
                break
            self._take(kind, final, data[at : at + size])
            at += size
        self._rest = data[at:]

    def _take(self, kind: bytes, final: bytes, chunk: bytes) -> None:
        if kind == b"MSG":
            self._message(final, chunk)
        elif kind == b"HEL":
            self._hello(chunk)
        elif kind == b"OPN":
            self._open(chunk)
        else:
            self._transport.close()

    def _hello(self, chunk: bytes) -> None:
        self._largest = min(_U32(chunk, 12)[0], 1 << 16)
        name = chunk[32:].decode().rstrip("/").rpartition("/")[2]
        number = int(name[1:]) if name[1:].isdecimal() and name == machine_name(int(name[1:])) else 0
        self._machine = self._machines[min(number, len(self._machines) - 1)]
        self._transport.write(b"ACKF" + struct.pack("<6I", 28, 0, _LARGEST, _LARGEST, 0, 0))

    def _open(self, chunk: bytes) -> None:
        buffer = Buffer(chunk[12:])
        struct_from_binary(ua.AsymmetricAlgorithmHeader, buffer)
        security = chunk[12 : len(chunk) - len(buffer)]
        self._received, request_id = struct.unpack("<II", buffer.read(8))
        request = struct_from_binary(ua.OpenSecureChannelRequest, buffer)
        self._token += 1
        response = ua.OpenSecureChannelResponse()
        token = response.Parameters.SecurityToken
        token.ChannelId, token.TokenId, token.CreatedAt = self._channel, self._token, datetime.now(UTC)
        token.RevisedLifetime = request.Parameters.RequestedLifetime
        response.Parameters.ServerNonce = b"\0"
        response.ResponseHeader.RequestHandle = request.RequestHeader.RequestHandle
        body = bytes(struct_to_binary(response))
        self._sent += 1
        size = 12 + len(security) + 8 + len(body)
        head = struct.pack("<4sII", b"OPNF", size, self._channel)
        self._transport.write(b"".join((head, security, struct.pack("<II", self._sent, request_id), body)))

    def _message(self, final: bytes, chunk: bytes) -> None:
        channel, token, number, request_id = _SEQUENCE(chunk, 8)
        if channel != self._channel or token > self._token or number != self._received + 1:
            self._counted["wrong_chunks"] += 1
        self._received = number
        if final != b"F" or self._parts:
            self._parts.append(chunk[24:])
            if final == b"F":
                body, self._parts = b"".join(self._parts), []
                self._request(body, request_id)
            return
        self._request(chunk[24:], request_id)

    def send(self, body: bytes, request_id: int) -> None:
        """A message of the channel."""
        parts = encode.chunks(self._channel, self._token, self._sent + 1, request_id, body, self._largest)
        self._sent += len(parts) // 2
        self._transport.write(b"".join(parts))

    # requests

    def _request(self, body: bytes, request_id: int) -> None:
        """Body: type id (4 bytes), AuthenticationToken, Timestamp, RequestHandle, …"""
        service = body[2] | body[3] << 8
        token_size = _NODE_ID_SIZES[body[4]]
        at = 4 + token_size + 8
        (handle,) = _U32(body, at)
        audit = max(_I32(body, at + 8)[0], 0)
        parameters = at + 8 + 4 + audit + 4 + 3
        token = _U32(body, 4 + 3)[0] if token_size == 7 else 0
        if service == _PUBLISH:
            self._publish(body, parameters, token, handle, request_id)
            return
        answer = self._services.answer(service, body, parameters, self._machine.number)
        if answer is None:
            handler = self._handlers.get(service)
            answer = handler(body, parameters, token, handle) if handler else _fault(_UNSUPPORTED)
        stamped = struct.pack("<qI", now_ticks(), handle)
        self.send(answer[:4] + stamped + answer[16:], request_id)

    def _publish(self, body: bytes, at: int, token: int, handle: int, request_id: int) -> None:
        session = self._session
        if session is None or session.token != token:
            self.send(_stamped(_fault(_NO_SESSION), handle), request_id)
            return
        self._counted["publish_requests"] += 1
        count = max(_I32(body, at)[0], 0)
        numbers = struct.unpack_from(f"<{2 * count}I", body, at + 4)
        session.asked(handle, request_id, list(zip(numbers[::2], numbers[1::2], strict=True)))

    def _create_session(self, body: bytes, at: int, token: int, handle: int) -> bytes:
        number = next(_TOKENS)
        self._machine.sessions[number] = Session(number, self._machine)
        self._counted["sessions"] += 1
        (timeout_ms,) = struct.unpack_from("<d", body, len(body) - 12)  # MaxResponseMessageSize follows
        return self._services.create_session(self._machine.number, number, timeout_ms)

    def _activate_session(self, body: bytes, at: int, token: int, handle: int) -> bytes:
        session = self._machine.sessions.get(token)
        if session is None:
            return _fault(_NO_SESSION)
        session.attach(self)
        self._session = session
        return _encoded(ua.ActivateSessionResponse())

    def _close_session(self, body: bytes, at: int, token: int, handle: int) -> bytes:
        session = self._machine.sessions.pop(token, None)
        if session is None:
            return _fault(_NO_SESSION)
        for number in list(session.subs):
            self._machine.remove(number)
        self._session = None
        return _encoded(ua.CloseSessionResponse())

    def _create_subscription(self, body: bytes, at: int, token: int, handle: int) -> bytes:
        if self._session is None:
            return _fault(_NO_SESSION)
        asked = struct_from_binary(ua.CreateSubscriptionRequest, Buffer(body)).Parameters
        period_ms = self._machine.layout.plan.period_ns / 1e6
        every = 1 if self._machine.pace.is_at_once else max(round(asked.RequestedPublishingInterval / period_ms), 1)
        publishing_ms = max(asked.RequestedPublishingInterval, 1.0)
        if every > 1:
            publishing_ms = every * period_ms
        sub = Subscription(
            next(_SUBSCRIPTIONS), self._machine.number, self._machine.layout, every=every,
            keep_alive_s=asked.RequestedMaxKeepAliveCount * publishing_ms / 1000,
            lifetime_s=asked.RequestedLifetimeCount * publishing_ms / 1000, most=asked.MaxNotificationsPerPublish,
        )  # fmt: skip
        self._machine.add(self._session, sub)
        self._counted["subscriptions"] += 1
        response = ua.CreateSubscriptionResponse()
        response.Parameters.SubscriptionId = sub.number
        response.Parameters.RevisedPublishingInterval = publishing_ms
        response.Parameters.RevisedLifetimeCount = asked.RequestedLifetimeCount
        response.Parameters.RevisedMaxKeepAliveCount = asked.RequestedMaxKeepAliveCount
        return _encoded(response)

    def _create_items(self, body: bytes, at: int, token: int, handle: int) -> bytes:
        (number,) = _U32(body, at)
        found = self._machine.subs.get(number)
        if found is None:
            return _fault(_UNKNOWN_SUBSCRIPTION)
        granted = self._services.create_items(body, at + 4, self._machine.pace.queue)
        plan = self._machine.layout.plan
        tick = time.time_ns() // plan.period_ns
        tick -= int(plan.due_ns(self._machine.number, tick)) > time.time_ns()
        for queue, items, handles in granted.groups:
            made = group(items, handles, queue, tick, self._machine.layout)
            found[1].add(made, merges=self._machine.pace.is_at_once)
            self._counted["items"] += len(items)
            self._counted["queued"] += len(items)
        found[1].is_due = True
        if self._machine.pace.is_at_once:
            self._machine.answer_at_once(*found)
        return granted.answer

    def _modify_items(self, body: bytes, at: int, token: int, handle: int) -> bytes:
        """Nothing changes: what was granted stays."""
        asked = struct_from_binary(ua.ModifyMonitoredItemsRequest, Buffer(body)).Parameters
        found = self._machine.subs.get(asked.SubscriptionId)
        if found is None:
            return _fault(_UNKNOWN_SUBSCRIPTION)
        response = ua.ModifyMonitoredItemsResponse()
        response.Results = [
            ua.MonitoredItemModifyResult(
                RevisedSamplingInterval=one.RequestedParameters.SamplingInterval,
                RevisedQueueSize=found[1].groups[0].queue,
            )
            for one in asked.ItemsToModify
        ]
        return _encoded(response)

    def _delete_subscriptions(self, body: bytes, at: int, token: int, handle: int) -> bytes:
        asked = struct_from_binary(ua.DeleteSubscriptionsRequest, Buffer(body)).Parameters.SubscriptionIds
        results = [0 if self._machine.remove(number) else _UNKNOWN_SUBSCRIPTION for number in asked]
        return _encoded(ua.DeleteSubscriptionsResponse(Results=[ua.StatusCode(code) for code in results]))

    def _transfer(self, body: bytes, at: int, token: int, handle: int) -> bytes:
        if self._session is None:
            return _fault(_NO_SESSION)
        asked = struct_from_binary(ua.TransferSubscriptionsRequest, Buffer(body)).Parameters.SubscriptionIds
        response = ua.TransferSubscriptionsResponse()
        for number in asked:
            result = ua.TransferResult()
            if number in self._session.subs:
                result.StatusCode = ua.StatusCode(_NOTHING_TO_DO)
            else:
                sub = self._machine.transfer(number, self._session)
                result.StatusCode = ua.StatusCode(0 if sub else _UNKNOWN_SUBSCRIPTION)
                result.AvailableSequenceNumbers = list(sub.kept) if sub else []
            response.Parameters.Results.append(result)
        return _encoded(response)

    def _republish(self, body: bytes, at: int, token: int, handle: int) -> bytes:
        number, sequence = struct.unpack_from("<II", body, at)
        sub = self._session.subs.get(number) if self._session else None
        if sub is None:
            return _fault(_UNKNOWN_SUBSCRIPTION)
        message = sub.kept.get(sequence)
        if message is None:
            self._counted["republish_refused"] += 1
            return _fault(_NO_MESSAGE)
        self._counted["republished"] += 1
        return encode.republish_response(0, handle, sub.encoded(sequence, message))


def _encoded(response: Any) -> bytes:
    return bytes(struct_to_binary(response))


def _fault(code: int) -> bytes:
    response = ua.ServiceFault()
    response.ResponseHeader.ServiceResult = ua.StatusCode(code)
    return _encoded(response)


def _stamped(answer: bytes, handle: int) -> bytes:
    return answer[:4] + struct.pack("<qI", now_ticks(), handle) + answer[16:]
