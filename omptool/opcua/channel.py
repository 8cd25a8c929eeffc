"""The way to a server up to its secure channel: socket, Hello, OpenSecureChannel; shared by sessions and by discovery.

Names every failure on the way by the stage it happened in. It opens no session and asks nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import platform
import socket
from collections.abc import AsyncIterator, Coroutine
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaStatusCodeError

from omptool.errors import MalformedMessage, OmptoolError, UsageError
from omptool.opcua import faults, hooks, hooks_framing, requests_opening
from omptool.opcua.security import refusals
from omptool.opcua.subscribing.waiting import limited
from omptool.protocol.opening import Description, parse_endpoints
from omptool.protocol.wire import service_result

if TYPE_CHECKING:
    from omptool.opcua.security.policies import Plan

DEFAULT_PORT = 4840
"""Registered for opc.tcp."""

SESSION_TIMEOUT_S = 120.0
"""Asked of the server: long enough to come back after a pulled cable, short enough to free a killed client's place."""

LIFETIME_S = 3600.0
"""Asked of the server for the security token, which is renewed after three quarters of it."""

CLOSE_TIMEOUT_S = 1.5
"""A server that does not answer CloseSession is left alone after this."""


class Line:
    """A connection on its way up.

    Attributes:
        url: as the user typed it; the host a server announces instead is never used, because it is often not reachable.
        stage: what is being tried just now.
        plan: how the server is talked to, once that is decided.
    """

    def __init__(self, url: str, timeout_s: float, plan: Plan | None = None) -> None:
        self.url = url
        self.timeout_s = timeout_s
        self.host, self.port = host_and_port(url)
        self.client = _new_client(url, timeout_s, plan)
        self.plan = plan
        self.stage = "connect"

    @contextlib.asynccontextmanager
    async def translating(self) -> AsyncIterator[None]:
        """Bound a part of the way in time and turn whatever interrupts it into an error of ours."""
        try:
            async with limited(self.timeout_s):
                yield
        except MalformedMessage as cause:
            raise await self._error(cause) from None
        except OmptoolError:
            raise
        except Exception as cause:  # noqa: BLE001 - asyncua raises bare AssertionError and Exception too
            raise await self._error(cause) from None

    async def open(self) -> None:
        """Socket, Hello, secure channel."""
        self.stage = "connect"
        await self._open_socket()
        self.stage = "hello"
        await self._unless_closed(self.client.send_hello())
        self.stage = "OpenSecureChannel"
        await self.client.open_secure_channel()

    async def ask(self, request: hooks.RawRequest) -> bytes:
        """The raw answer to a request, within `translating`.

        Raises:
            UaStatusCodeError: the server refuses it.
        """
        body = bytes(await hooks.send(self.client, request, self.timeout_s))
        code = service_result(body)
        if code >> 31:
            raise UaStatusCodeError(code)  # type: ignore[no-untyped-call]  # asyncua: untyped
        return body

    async def endpoints(self) -> tuple[Description, ...]:
        """What GetEndpoints says."""
        return parse_endpoints(await self.ask(requests_opening.get_endpoints(self.client.server_url.geturl())))

    async def _unless_closed(self, step: Coroutine[Any, Any, None]) -> None:
        """A peer that hangs up before our first byte would leave asyncua waiting for an answer until the time limit."""
        protocol = hooks.protocol_of(self.client)
        assert protocol is not None
        task, closed = asyncio.ensure_future(step), asyncio.ensure_future(protocol.closed.wait())
        try:
            await asyncio.wait({task, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ConnectionError(protocol.fault)
            task.result()
        finally:
            task.cancel()
            closed.cancel()

    async def _open_socket(self) -> None:
        """Try every address of the host in turn; asyncua alone would lose which one failed and why."""
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        for number, (*_, address) in enumerate(addresses, start=1):
            try:
                async with asyncio.timeout(self.timeout_s / len(addresses)):
                    await self.client.uaclient.connect_socket(str(address[0]), self.port)
                return
            except (OSError, TimeoutError):
                if number == len(addresses):
                    raise

    async def _error(self, cause: Exception) -> OmptoolError:
        if self.stage == "connect":
            return faults.connecting(cause, self.url, self.host, self.port)
        protocol = hooks.protocol_of(self.client)
        if not isinstance(cause, TimeoutError | UaStatusCodeError):
            await asyncio.sleep(0)  # the reason arrives with connection_lost, one turn of the loop later
        code = protocol.fault_code if protocol else 0
        if code or isinstance(cause, UaStatusCodeError):
            return refusals.by_status(code or int(getattr(cause, "code", 0)), self.stage, self.url, self.plan)
        if protocol and protocol.garbage:
            return faults.ended(self.url, self.stage, "", protocol.garbage)
        if isinstance(cause, TimeoutError):
            return faults.silent(self.url, self.stage, self.timeout_s)
        if isinstance(cause, ConnectionError):
            fault = (protocol and protocol.fault) or "the connection broke"
            hung_up = refusals.by_hanging_up(fault, self.stage, self.url, self.plan)
            return hung_up or faults.ended(self.url, self.stage, fault, b"")
        return refusals.by_proof(cause, self.stage, self.url, self.plan)

    async def close(self) -> None:
        """End session, channel and socket as far as they stand; a server that does not play along is left alone."""
        protocol = hooks.protocol_of(self.client)
        with contextlib.suppress(Exception):
            async with limited(CLOSE_TIMEOUT_S):
                await self.client.close_session()
                if protocol is not None and not protocol.is_closed:
                    await self.client.close_secure_channel()
        self.client.disconnect_socket()
        if protocol is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await protocol.closed.wait()


@contextlib.asynccontextmanager
async def opened(url: str, timeout_s: float, plan: Plan | None = None) -> AsyncIterator[Line]:
    """A channel to `url`, secure as `plan` says, without a session; closed again on the way out.

    Raises:
        UsageError: not an `opc.tcp://` URL.
        Unreachable: nobody there, no OPC UA there, or no answer in time.
        ServerRefused: the server does not take this client or policy.
    """
    hooks.quiet_asyncua()
    line = Line(url, timeout_s, plan)
    try:
        async with line.translating():
            await line.open()
        yield line
    finally:
        await line.close()


def application_uri() -> str:
    """What this computer's omptool calls itself, unless its certificate says otherwise."""
    return f"urn:{platform.node() or 'localhost'}:omptool"


def host_and_port(url: str) -> tuple[str, int]:
    """Whom an endpoint URL names.

    Raises:
        UsageError: not an `opc.tcp://` URL.
    """
    hint = "write opc.tcp://HOST:PORT, or the name of a server in omptool.toml"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is not the URL of an OPC UA server: {error}", hint) from None
    if parts.scheme != "opc.tcp" or not host:
        raise UsageError(f"{url!r} is not the URL of an OPC UA server", hint)
    return host, port or DEFAULT_PORT


def _new_client(url: str, timeout_s: float, plan: Plan | None) -> Client:
    """An unconnected asyncua client with our protocol, our name and none of its background tasks."""
    client = Client(url, timeout=timeout_s, watchdog_intervall=1e9)
    hooks.install(client, hooks_framing.FramingProtocol)
    client.name = client.description = "omptool"
    client.application_uri = application_uri()
    client.product_uri = "urn:omptool"
    client.session_timeout = int(SESSION_TIMEOUT_S * 1000)
    client.secure_channel_timeout = int(LIFETIME_S * 1000)
    client.max_messagesize = hooks.MAX_MESSAGE
    client.nodes = None  # type: ignore[assignment]  # 27 objects that nobody uses, and there may be 3,000 clients
    if plan is not None:
        plan.secure(client)
    return client
