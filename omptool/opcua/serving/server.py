"""An OPC UA server over a node table and a stream of values: the simulated plant today, a replayed capture as well.

asyncua's server carries transport, sessions and namespace 0; address space, values and data subscriptions are ours
(`address_space`, `server_values`, `server_subscription`). It listens on the loopback interface only: it is a source for
tools on the same computer, never a gateway; with security (`server_security`) it is one to try certificates on. Clients
may read, subscribe and write what the table calls writable, nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from asyncua import ua
from asyncua.server.internal_server import InternalServer
from asyncua.server.server import Server
from asyncua.ua.object_ids import ObjectIds

from omptool import __version__
from omptool.errors import UsageError, cannot_listen
from omptool.model.datatypes import DataType
from omptool.model.nodes import Node
from omptool.model.times import ticks_to_unix_ns, unix_ns_to_ticks
from omptool.opcua.serving import events as server_events
from omptool.opcua.serving.address_space import AddressSpaceBuilder, Slot
from omptool.opcua.serving.events import Alarms
from omptool.opcua.serving.history import ServedHistory
from omptool.opcua.serving.security import SecureServer, ServerSecurity
from omptool.opcua.serving.served import GIVEN_OUT, History, ServedAlarm, ServedValue, ValueSource
from omptool.opcua.serving.subscription import ServedSubscriptions
from omptool.opcua.serving.values import EncodedValue

OPC_UA = "http://opcfoundation.org/UA/"
MIN_QUEUE_SIZE = 1000
"""Queues longer than one hold at least this many values: what a fast replay brings within one publishing interval."""

_TOGETHER_S = 0.002
"""Values due within this time go out in one turn; a shorter sleep is not kept by operating systems anyway."""
_BURST = 200
"""Values pushed before clients get a turn when the server is behind."""


class Served:
    """A running server.

    Attributes:
        url: where it listens.
        finished: done when the value source has ended; carries its error.
        served: values handed out so far.
        reached_ns: newest SourceTimestamp among them, and among those that held at the start; Unix nanoseconds.
    """

    def __init__(
        self, server: Server, subscriptions: ServedSubscriptions, slots: dict[str, Slot], alarms: Alarms, url: str
    ) -> None:
        self.url = url
        self.served = 0
        self._server = server
        self._subscriptions = subscriptions
        self._slots = slots
        self._alarms = alarms
        self.reached_ns = 0
        self.finished: asyncio.Task[None] | None = None

    def start(self, values: ValueSource) -> None:
        """Begin to hand out `values`, each when it is due."""
        self.finished = asyncio.create_task(self._feed(values))

    def prime(self, values: Iterable[ServedValue]) -> None:
        """Set values that hold before anybody looks."""
        now = unix_ns_to_ticks(time.time_ns())
        for value in values:
            slot = self._slots.get(value.node_id)
            if slot is not None:
                slot.value = _encoded(value, now)
                self._note(value)

    def _note(self, value: ServedValue) -> None:
        if value.source_ticks is not None:
            self.reached_ns = max(self.reached_ns, ticks_to_unix_ns(value.source_ticks))

    async def _feed(self, values: ValueSource) -> None:
        clock_ns = time.time_ns() - time.monotonic_ns()  # one offset for good: a stepped wall clock must not stall us
        burst = 0
        async for value in values:
            wait = (value.due_ns - clock_ns - time.monotonic_ns()) / 1e9
            if wait > _TOGETHER_S:
                await asyncio.sleep(wait)
                burst = 0
            elif (burst := burst + 1) >= _BURST:
                await asyncio.sleep(0)
                burst = 0
            if isinstance(value, ServedAlarm):
                await self._alarms.put(value)
                continue
            slot = self._slots.get(value.node_id)
            if slot is not None:
                await slot.put(_encoded(value, unix_ns_to_ticks(time.time_ns())))
                self.served += 1
                self._note(value)

    async def roomy(self, values: int) -> None:
        """Wait until every queue longer than one has room for so many values more."""
        await self._subscriptions.roomy(values)

    async def drained(self, timeout_s: float | None) -> bool:
        """Wait until every subscriber has fetched and acknowledged what it was owed; False when that takes too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._subscriptions.settle()
                return True
        return False

    @property
    def clients(self) -> int:
        """Open connections."""
        binary = self._server.bserver
        return 0 if binary is None else len(binary.clients)

    async def stop(self) -> None:
        """Stop the values, close every connection and release the port."""
        if self.finished is not None:
            self.finished.cancel()
            await asyncio.wait([self.finished])
        internal = self._server.iserver
        if internal.time_task is not None:  # asyncua waits for it, up to a second
            internal.time_task.cancel()
            await asyncio.wait([internal.time_task])
            internal.time_task = None
        for session in list(internal._external_sessions.values()):
            await session.close_session(True)
        connections = list(internal.asyncio_transports)
        await self._server.stop()
        for connection in connections:
            connection.abort()  # closing waits for a peer that may never read what is left
        await asyncio.sleep(0)


async def serve(
    nodes: Sequence[Node],
    values: ValueSource,
    *,
    initial: Iterable[ServedValue] = (),
    data_types: Iterable[DataType] = (),
    namespaces: Sequence[str],
    application_uri: str,
    product: str = "omptool",
    host: str = "127.0.0.1",
    port: int = 0,
    min_queue_size: int = MIN_QUEUE_SIZE,
    every_value: bool = False,
    security: ServerSecurity | None = None,
    history: History | None = None,
) -> Served:
    """Serve `nodes` and feed them from `values`; returns once connections are accepted.

    Args:
        nodes: the table; nodes of namespace 0's standard address space are taken as they are.
        values: what happens, in order of `due_ns`; consumed by a task of its own.
        initial: what holds at the start.
        data_types: definitions of structures and enumerations, for clients that have never seen them.
        namespaces: the namespace array; index 0 is OPC UA's, without any other index 1 is `application_uri`.
        application_uri: the server's identity.
        product: name for people.
        host: a loopback address.
        port: 0 takes a free one.
        min_queue_size: see `MIN_QUEUE_SIZE`.
        security: what to ask of clients; None asks nothing, and protects nothing.
        history: answers HistoryRead; without one no node has history.
        every_value: report values equal to the one before too, as a recording has them.

    Raises:
        UsageError: `host` is not a loopback address.
        Busy: the port is taken.
        OutputFailed: the operating system does not let us listen.
    """
    host = _loopback(host)
    _refuse_taken(host, port)
    _quiet()
    with _without_collector():
        internal = InternalServer()
        subscriptions = _install(internal, min_queue_size, every_value)
        historian = internal.history_manager = ServedHistory(internal)
        server = Server(iserver=internal) if security is None else SecureServer(security, iserver=internal)
        await server.init()
        array = [OPC_UA, *(namespaces[1:] or (application_uri,))]
        builder = AddressSpaceBuilder(server.iserver.aspace, array)
        builder.add_types(data_types)
        builder.add(nodes)
        await _introduce(server, array, application_uri, product)
        await server_events.install(internal, subscriptions)
    server.socket_address = (host, port)
    server.set_endpoint(f"opc.tcp://{_bracketed(host)}:{port}")
    await _listen(server, host, port)
    assert server.bserver is not None
    url = f"opc.tcp://{_bracketed(host)}:{server.bserver.port}"
    served = Served(server, subscriptions, builder.slots, Alarms(subscriptions, builder.to_ua), url)
    served.prime(initial)
    if history is not None:
        historian.keep(history, builder.keep_history(history.nodes), lambda: served.reached_ns)
    served.start(values)
    return served


def _install(internal: InternalServer, min_queue_size: int, every_value: bool) -> ServedSubscriptions:
    """Our subscriptions in the place of asyncua's; no administrator, no passwords."""
    subscriptions = ServedSubscriptions(
        internal.aspace, internal, min_queue_size=min_queue_size, every_value=every_value
    )
    internal.subscription_service = subscriptions
    internal.isession.subscription_service = subscriptions
    internal.allow_remote_admin = False
    internal.supported_tokens = (ua.AnonymousIdentityToken,)  # type: ignore[assignment]  # asyncua types it as exactly three
    return subscriptions


async def _introduce(server: Server, namespaces: Sequence[str], application_uri: str, product: str) -> None:
    _hide_empty(server)
    server.set_server_name(product)
    server.product_uri = "urn:omptool"
    server.manufacturer_name = "omptool"
    server.application_type = ua.ApplicationType.Server
    if not isinstance(server, SecureServer):
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.set_application_uri(application_uri)
    await server.get_node(ua.NodeId(ua.Int32(ObjectIds.Server_NamespaceArray))).write_value(list(namespaces))
    await server.set_build_info(
        server.product_uri, server.manufacturer_name, product, __version__, "", datetime(2026, 1, 1, tzinfo=UTC)
    )


def _hide_empty(server: Server) -> None:
    """Take two optional folders of namespace 0 out of Objects: nothing is in them, and people browse."""
    empty = {ua.NodeId(ua.Int32(number)) for number in (ObjectIds.Locations, ObjectIds.Aliases)}
    objects = server.iserver.aspace[ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))]
    objects.references = [reference for reference in objects.references if reference.NodeId not in empty]


async def _listen(server: Server, host: str, port: int) -> None:
    try:
        await server.start()
    except OSError as error:
        raise cannot_listen(error, host, port) from None


def _refuse_taken(host: str, port: int) -> None:
    """Say at once that we cannot listen, instead of after building an address space."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise cannot_listen(error, host, port) from None


def _encoded(value: ServedValue, server_ticks: int) -> EncodedValue:
    """The value on its way out; `server_ticks` is now."""
    stated = server_ticks if value.server_ticks == GIVEN_OUT else value.server_ticks
    return EncodedValue(
        value.variant, value.status, value.source_ticks, value.source_pico, stated, server_pico=value.server_pico
    )


def _loopback(host: str) -> str:
    """An address that only this computer reaches; `localhost` may be two of them, with two different free ports."""
    with contextlib.suppress(ValueError):
        if host == "localhost":
            return "127.0.0.1"
        if ipaddress.ip_address(host).is_loopback:
            return host
    raise UsageError(
        f"{host} can be reached from other computers, and this server is for this one only",
        "listen on 127.0.0.1, and let an SSH tunnel bring others here",
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _quiet() -> None:
    """asyncua logs what peers do wrong, with tracebacks; nobody asked, and stderr is for the person at the terminal."""
    for name in ("asyncua", "asyncua.server"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Building namespace 0 makes many thousand objects that stay: collecting among them doubles the start-up."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
