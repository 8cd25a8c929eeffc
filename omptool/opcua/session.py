"""One session with one server: connect, ask, hear that it is gone, close. Everything else in `opcua` talks through it.

asyncua opens channel and session; its polling watchdog, its reconnection and its publish loop never start, because they
lose data. `Session.call` hands out raw answers, so that decoding is ours. Every wait has a time limit, and whatever
fails comes out as a class of `omptool.errors`.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from omptool.errors import NotFound, OmptoolError, ServerRefused, Unreachable
from omptool.model.limits import Capacity, ServerLimits
from omptool.model.nearest import nearest
from omptool.model.nodeid import Identifier, NodeId, escape_uri
from omptool.opcua import faults, hooks, hooks_framing, hooks_session, requests
from omptool.opcua.channel import Line
from omptool.opcua.security import policies as security
from omptool.opcua.security.endpoints import NONE
from omptool.opcua.serverinfo import ServerInfo, read_server_info
from omptool.protocol import wire

if TYPE_CHECKING:
    from omptool.config import ServerConfig
    from omptool.model.datatypes import DataType
    from omptool.opcua.exploring.alike import Recording

_NOTHING = struct.pack("<i", 0)
_parsed = lru_cache(4096)(NodeId.parse)
"""Thousands of servers of one type have the same NodeIds."""

_STRING_NODE_ID = struct.Struct("<BHi")


class Session:
    """An activated session.

    Attributes:
        url: as typed.
        timeout_s: default time limit of a request.
        security: SecurityPolicy and mode of the channel.
        closed: set as soon as the connection is gone; `reason` then says why.
        resumed: whether the server still had the session that `connect(resume=…)` named.
        info: what the server said about itself when the session began.
        capacity: how much it takes at all, as its profile says.
        data_types: definitions that were asked for so far, by NodeId (`datatypes`).
        knows_all_structures: whether every structure type of the server is among them.
        recording: notes what is asked, while somebody wants that (`alike`).
    """

    def __init__(self, client: Client, url: str, timeout_s: float, security: tuple[str, str] = (NONE, NONE)) -> None:
        self._client = client
        self.url = url
        self.timeout_s = timeout_s
        self.security = security
        self.resumed = False
        self.info = ServerInfo()
        self.capacity = Capacity()
        self.data_types: dict[str, DataType] = {}
        self.knows_all_structures = False
        self.recording: Recording | None = None
        self._indexes: dict[str, int] = {}
        self._prefixes: dict[str, int] = {}
        protocol = hooks.protocol_of(client)
        assert protocol is not None
        self._protocol = protocol
        self.closed: asyncio.Event = protocol.closed

    @property
    def reason(self) -> str:
        """Why the connection is gone; empty while it stands."""
        return self._protocol.fault or ""

    @property
    def application_uri(self) -> str:
        return self.info.application_uri

    @property
    def namespaces(self) -> list[str]:
        return self.info.namespaces

    @property
    def limits(self) -> ServerLimits:
        return self.info.limits

    @property
    def build_info(self) -> dict[str, str]:
        return self.info.build_info

    @property
    def server_start_time(self) -> int | None:
        """Unix nanoseconds."""
        return self.info.start_time

    @property
    def key(self) -> hooks_session.SessionKey:
        """What a later `connect(resume=…)` needs to take up this session, its subscriptions and their queues."""
        return hooks_session.session_key(self._client, self.application_uri, self.security)

    def leave(self) -> None:
        """End the connection without CloseSession: session, subscriptions and queues wait for `connect(resume=…)`."""
        hooks_session.leave_session(self._client)

    async def call(self, request: Any, *, timeout_s: float | None = None) -> bytes:
        """Send one request; the raw body of the answer from its type NodeId on. The ServiceResult is not looked at.

        Args:
            request: one of asyncua's `ua.XxxRequest`, or a `hooks.RawRequest`.
            timeout_s: time limit; 0 waits as long as the connection lives (PublishRequests).

        Raises:
            Unreachable: no answer in time, or no connection any more.
        """
        limit = self.timeout_s if timeout_s is None else timeout_s
        what = hooks.service_name(request)
        if self.closed.is_set():
            raise self.lost(what)
        try:
            async with asyncio.timeout(limit or None):
                return bytes(await hooks.send(self._client, request, limit))
        except TimeoutError:
            raise faults.silent(self.url, what, limit) from None
        except (UaStatusCodeError, ConnectionError) as error:
            raise self.unanswered(error, what) from None

    def publish(self, sub: int, acknowledged: Sequence[int], slot: hooks_framing.Slot) -> None:
        """Send a PublishRequest; the raw answer, or the reason why there is none, goes to `slot`, without a time limit.

        Args:
            acknowledged: sequence numbers of the subscription `sub`.

        Raises:
            Unreachable: there is no connection any more.
        """
        if self.closed.is_set():
            raise self.lost("Publish")
        parameters = _NOTHING
        if acknowledged:
            numbers = [each for number in acknowledged for each in (sub, number)]
            parameters = struct.pack(f"<i{len(numbers)}I", len(acknowledged), *numbers)
        try:
            hooks_framing.publish(self._protocol, parameters, slot)
        except ConnectionError:
            raise self.lost("Publish") from None

    def unanswered(self, error: Exception, what: str) -> OmptoolError:
        """The error for a request of this name whose answer never came."""
        if isinstance(error, UaStatusCodeError):
            return faults.from_status(int(error.code), f"answer {what}", self.url)
        return self.lost(what)

    @property
    def lacks(self) -> tuple[str, ...]:
        """Names that this asyncua lacks, so that PublishRequests go the long way."""
        return hooks_framing.missing(self._client)

    async def checked(self, request: Any, *, timeout_s: float | None = None) -> bytes:
        """`call`, and raise when the ServiceResult is Bad.

        Raises:
            faults.ServiceRefused, faults.ServiceLost: with the StatusCode.
        """
        if self.recording is not None:
            if isinstance(request, hooks.RawRequest) and timeout_s is None:
                return await self.recording.checked(request, self._granted)
            self.recording.spoil()
        return await self._granted(request, timeout_s)

    async def _granted(self, request: Any, timeout_s: float | None = None) -> bytes:
        return self._good(request, await self.call(request, timeout_s=timeout_s))

    def _good(self, request: Any, body: bytes) -> bytes:
        code = wire.service_result(body)
        if code >> 31:
            raise faults.from_status(code, f"answer {hooks.service_name(request)}", self.url)
        return body

    async def all_checked(self, requests: Sequence[hooks.RawRequest]) -> list[bytes]:
        """`checked` for several requests, which are under way at once; the answers in their order."""
        what = hooks.service_name(requests[0])
        if self.closed.is_set():
            raise self.lost(what)
        try:
            async with asyncio.timeout(self.timeout_s):
                sent = [hooks.send(self._client, request, self.timeout_s) for request in requests]
                bodies = [bytes(body) for body in await asyncio.gather(*sent)]
        except TimeoutError:
            raise faults.silent(self.url, what, self.timeout_s) from None
        except (UaStatusCodeError, ConnectionError) as error:
            raise self.unanswered(error, what) from None
        return [self._good(request, body) for request, body in zip(requests, bodies, strict=True)]

    async def ask(self, request: Any, *, timeout_s: float | None = None) -> Any:
        """`checked`, decoded into asyncua's response class of the same name."""
        body = await self.checked(request, timeout_s=timeout_s)
        return hooks.decode(getattr(ua, f"{hooks.service_name(request)}Response"), body)

    def lost(self, during: str) -> Unreachable:
        """The error for a connection that is gone."""
        return faults.ended(self.url, during, self.reason or "the connection is gone", self._protocol.garbage)

    def describe(self, info: ServerInfo) -> None:
        """Take over what the server says about itself; NodeIds are resolved by its namespaces from now on."""
        self.info = info
        self._indexes = {uri: index for index, uri in reversed(list(enumerate(info.namespaces)))} | {"": 0}
        self._prefixes = {f"nsu={escape_uri(uri)}": index for uri, index in self._indexes.items() if index} | {"": 0}

    def resolve(self, node_id: str) -> tuple[int, Identifier]:
        """Namespace index and identifier of C1 text; `ns=<index>;…` is taken as this session's index.

        Raises:
            UsageError: not a NodeId.
            NotFound: of a namespace that this server does not have.
        """
        index, _, rest = node_id.removeprefix("ns=").partition(";")
        if node_id.startswith("ns=") and index.isdecimal():
            return int(index), _parsed(rest).identifier
        parsed = _parsed(node_id)
        found = self._indexes.get(parsed.namespace)
        if found is None:
            raise self._no_namespace(parsed.namespace)
        return found, parsed.identifier

    def _no_namespace(self, uri: str) -> NotFound:
        near = nearest(uri, self.namespaces)
        return NotFound(f"{self.url} has no namespace {uri!r}", f"nearest:  {near[0]}" if near else "")

    def encode(self, node_id: str) -> bytes:
        """C1 text as the bytes that stand for it in this session's requests."""
        prefix, _, rest = node_id.partition(";") if node_id.startswith("nsu=") else ("", "", node_id)
        index = self._prefixes.get(prefix)
        if index is not None and rest.startswith("s="):  # of most nodes, and quickly done
            text = rest[2:].encode()
            return _STRING_NODE_ID.pack(3, index, len(text)) + text
        if index is not None and rest.startswith("i=") and rest.isascii() and rest[2:].isdecimal():
            number = int(rest[2:])
            if number < 1 << 32:
                return requests.encode_node_id(index, number)
        return requests.encode_node_id(*self.resolve(node_id))

    def to_ua(self, node_id: str) -> ua.NodeId:
        """C1 text as asyncua's NodeId."""
        index, identifier = self.resolve(node_id)
        return ua.NodeId(identifier, index)  # type: ignore[arg-type]  # asyncua wraps plain integers

    def from_ua(self, node_id: ua.NodeId) -> str:
        """asyncua's NodeId as C1 text."""
        return wire.WireNodeId(node_id.NamespaceIndex, node_id.Identifier).to_text(self.namespaces)


@contextlib.asynccontextmanager
async def connect(
    server: ServerConfig,
    *,
    timeout_s: float | None = None,
    opening_s: float | None = None,
    resume: hooks_session.SessionKey | None = None,
) -> AsyncIterator[Session]:
    """Open a session, hand it out, and always close it again.

    Leaving the block sends CloseSession, which ends its subscriptions too; after `session.leave()`, or when the
    connection is lost, the server keeps the session, to be taken up with `resume=session.key` until it times out there.

    Args:
        server: whom to connect to, as the configuration says.
        timeout_s: time limit for connecting, and default for every request; the configuration's when None.
        opening_s: another time limit for connecting, each of channel and session.
        resume: a session to take up again, where the server still has it.

    Raises:
        Unreachable: nobody there, no OPC UA there, or no answer in time.
        ServerRefused: the server does not take this client, user or policy.
    """
    limit = server.timeout_s if timeout_s is None else timeout_s
    held = resume.security if resume else None
    async with security.opened(server, limit if opening_s is None else opening_s, held) as line:
        plan = line.plan
        assert plan is not None
        session = Session(line.client, server.url, limit, (plan.endpoint.policy, plan.endpoint.mode))
        async with line.translating():
            session.resumed = resume is not None and await _resumed(line, plan, resume)
            announced = resume.application_uri if resume and session.resumed else await security.create(line, plan)
        _check_name(server, announced)
        line.plan = plan = None  # all endpoints with their certificates: too much to keep for thousands of connections
        hooks.start_channel_renewal(line.client)
        try:
            info = await read_server_info(session, announced)
            limits = info.limits.within(server.limits).of_user(server.per_request)
            session.describe(replace(info, limits=limits))
            session.capacity = server.capacity
        except BaseException:
            if session.resumed:  # what is queued in it is still wanted: closing it would delete that
                session.leave()
            raise
        yield session


async def _resumed(line: Line, plan: security.Plan, key: hooks_session.SessionKey) -> bool:
    """Activate an older session on this channel; False when the server no longer has it.

    Raises:
        UaError: it cannot just now; the session, and what is queued in it, may still be there.
    """
    hooks_session.adopt_session(line.client, key)
    try:
        await security.activate(line, plan)
    except UaError as error:
        if int(getattr(error, "code", 0)) in faults.PASSING:
            raise
        hooks_session.forget_session(line.client)
        return False
    return True


def _check_name(server: ServerConfig, announced: str) -> None:
    if server.application_uri is not None and announced != server.application_uri:
        raise ServerRefused(
            f"{server.url} calls itself {announced or 'nothing'}, not {server.application_uri}",
            "another server has this address now, or application_uri in omptool.toml is an old one",
        )
