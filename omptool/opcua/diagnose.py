"""Walks the way to a server step by step, to say where it ends and why; then measures how much the server takes.

Gentle: one request at a time, a bounded number of them, one subscription for two seconds, removed again. Every step
that fails carries the error that the other commands would show, so that cause and fix are told in the same words.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING

from asyncua.ua.object_ids import ObjectIds

from omptool.errors import OmptoolError, ServerRefused
from omptool.model import status
from omptool.model.limits import SAFE_CHUNK, Capacity, ServerLimits
from omptool.model.times import format_time
from omptool.opcua import batch, channel, discover, faults, hooks, requests, trial
from omptool.opcua.exploring.browsing import HIERARCHICAL_REFERENCES, browse_all
from omptool.opcua.exploring.landmarks import OBJECTS
from omptool.opcua.serverinfo import read_capacity
from omptool.opcua.session import Session, connect
from omptool.protocol.browse import parse_browse_response

if TYPE_CHECKING:
    from omptool.config import ServerConfig

OK, NOTE, FAILED = "ok", "note", "failed"
STEPS = (
    "name", "tcp", "hello", "endpoints", "certificate", "session", "namespaces", "read", "browse", "subscribe",
    "history",
)  # fmt: skip
"""The way, in this order; the first that fails ends it."""

_CURRENT_TIME = requests.encode_node_id(0, ObjectIds.Server_ServerStatus_CurrentTime)
_OBJECTS = requests.encode_node_id(0, 85)
_VALUE = 13
_ROUND_TRIPS = 20
_RATE_S = 1.0
"""How long values are read one request after the other to see how many come in a second."""
_CLOCK_S = 5.0
"""Clocks that differ by more are told: times of values and of this computer do not compare then."""
_EXPIRES_DAYS = 30


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way.

    Attributes:
        state: `ok`, `note` (goes on, but somebody should know) or `failed`.
        detail: what was found, or what went wrong.
        hint: what to do about it.
    """

    step: str
    state: str
    detail: str
    hint: str = ""
    milliseconds: float = 0.0


@dataclass(slots=True)
class Diagnosis:
    """What was found, as far as the way led.

    Attributes:
        limits: the smaller of what the server states and what it was seen to take.
        capacity: what it says that it takes at all.
        values_per_s: read one request after the other; `changes_per_s` came of `items` that were subscribed to.
        error: why the way ended; None when it did not.
    """

    steps: list[Step] = field(default_factory=list)
    limits: ServerLimits = field(default_factory=ServerLimits)
    application_uri: str = ""
    round_trip_ms: float | None = None
    values_per_s: float | None = None
    changes_per_s: float | None = None
    items: int = 0
    capacity: Capacity = field(default_factory=Capacity)
    error: OmptoolError | None = None


Found = tuple[str, str, str]
"""State, detail, hint."""
OnStep = Callable[[Step], None]


class _Failed(Exception):
    """A step failed; the diagnosis has it."""


async def diagnose(server: ServerConfig, *, timeout_s: float | None = None, on_step: OnStep | None = None) -> Diagnosis:
    """Walk the way to `server`; what goes wrong is in the result."""
    limit = server.timeout_s if timeout_s is None else timeout_s
    walk = _Walk(server, limit, on_step or (lambda step: None))
    with contextlib.suppress(_Failed):
        await walk.run()
    return walk.found


class _Walk:
    def __init__(self, server: ServerConfig, timeout_s: float, on_step: OnStep) -> None:
        self.server, self.timeout_s, self.on_step = server, timeout_s, on_step
        self.found = Diagnosis()
        self.offers: list[discover.Offer] = []
        self.sample = trial.Sample()

    async def run(self) -> None:
        host, port = channel.host_and_port(self.server.url)
        await self.step("name", lambda: self._name(host, port))
        await self.step("tcp", lambda: self._tcp(host, port))
        await self.step("hello", self._hello)
        await self.step("endpoints", self._endpoints)
        await self.step("certificate", self._certificate)
        started = time.perf_counter()
        try:
            async with connect(self.server, timeout_s=self.timeout_s) as session:
                self._told("session", (OK, _identity(session), ""), started)
                await self._inside(session)
        except OmptoolError as error:
            self._failed("session", error, started)

    async def _inside(self, session: Session) -> None:
        self.found.limits, self.found.application_uri = session.limits, session.application_uri
        await self.step("namespaces", lambda: _namespaces(session))
        await self.step("read", lambda: self._read(session))
        await self.step("browse", lambda: self._browse(session))
        await self.step("subscribe", lambda: self._subscribe(session))
        await self.step("history", lambda: self._history(session))

    async def step(self, name: str, work: Callable[[], Awaitable[Found]]) -> None:
        started = time.perf_counter()
        try:
            self._told(name, await work(), started)
        except OmptoolError as error:
            self._failed(name, error, started)

    def _told(self, name: str, found: Found, started: float) -> None:
        step = Step(name, *found, milliseconds=round((time.perf_counter() - started) * 1000, 1))
        self.found.steps.append(step)
        self.on_step(step)

    def _failed(self, name: str, error: OmptoolError, started: float) -> None:
        self.found.error = error
        self._told(name, (FAILED, error.message, error.hint), started)
        raise _Failed from None

    async def _name(self, host: str, port: int) -> Found:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.timeout_s):
                answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError) as cause:
            raise faults.connecting(cause, self.server.url, host, port) from None
        return OK, ", ".join(dict.fromkeys(str(address[0]) for *_, address in answers)), ""

    async def _tcp(self, host: str, port: int) -> Found:
        try:
            async with asyncio.timeout(self.timeout_s):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError) as cause:
            raise faults.connecting(cause, self.server.url, host, port) from None
        writer.close()
        return OK, f"port {port} is open", ""

    async def _hello(self) -> Found:
        async with channel.opened(self.server.url, self.timeout_s):
            return OK, "it speaks OPC UA", ""

    async def _endpoints(self) -> Found:
        found = await discover.discover(self.server, timeout_s=self.timeout_s)
        self.offers = [offer for offer in found.offers if offer.kind == "endpoint"]
        if not self.offers:
            raise ServerRefused(f"{self.server.url} offers no endpoint", "look into the server's own configuration")
        policies = dict.fromkeys(f"{offer.security_policy} {offer.security_mode}" for offer in self.offers)
        others = discover.elsewhere(self.offers, self.server.url)
        if others:
            return NOTE, f"{', '.join(policies)}; it announces itself as {others[0]}", "the address you typed is used"
        return OK, ", ".join(policies), ""

    async def _certificate(self) -> Found:
        dated = [offer for offer in self.offers if offer.certificate_expires is not None]
        if not dated:
            return NOTE, "it shows no certificate: only connections without security are possible", ""
        soonest = min(dated, key=lambda offer: offer.certificate_expires or datetime.max.replace(tzinfo=UTC))
        assert soonest.certificate_expires is not None
        days = (soonest.certificate_expires - datetime.now(UTC)).days
        detail = f"{soonest.certificate_subject}, until {soonest.certificate_expires:%Y-%m-%d}"
        if days < 0:
            return NOTE, f"{detail}: expired", "give the server a new certificate; clients may refuse this one"
        if days < _EXPIRES_DAYS:
            return NOTE, f"{detail}: {days} days left", "give the server a new certificate before it expires"
        return OK, detail, ""

    async def _read(self, session: Session) -> Found:
        trips, server_time = [], None
        for _ in range(_ROUND_TRIPS):
            started = time.perf_counter()
            body = await session.checked(requests.read([(_CURRENT_TIME, _VALUE)]))
            trips.append((time.perf_counter() - started) * 1000)
            server_time = hooks.good_value(hooks.decode_read(body)[0])
        self.found.round_trip_ms = round(median(trips), 2)
        most = await _largest(session, session.limits.max_nodes_per_read, _read_many)
        self.found.limits = replace(self.found.limits, max_nodes_per_read=most)
        self.found.values_per_s = await _rate(session, most or SAFE_CHUNK)
        detail = f"round trip {self.found.round_trip_ms:g} ms, {self.found.values_per_s:,.0f} values/s"
        late = _clock(server_time)
        if late is not None and abs(late) > _CLOCK_S:
            word = "behind" if late > 0 else "ahead of"
            return (
                NOTE,
                f"{detail}; its clock is {abs(late):,.0f} s {word} ours",
                "let both follow the same time server",
            )
        return OK, detail, ""

    async def _browse(self, session: Session) -> Found:
        (result,) = await browse_all(session, [OBJECTS])
        if result.status >> 31:
            raise ServerRefused(
                f"{session.url} does not let this user browse ({status.name(result.status)})", "give it another user"
            )
        most = await _largest(session, session.limits.max_nodes_per_browse, _browse_many)
        self.found.limits = replace(self.found.limits, max_nodes_per_browse=most)
        return OK, f"{len(result.references)} nodes in Objects", ""

    async def _subscribe(self, session: Session) -> Found:
        """A short subscription, and what the server made of what was asked."""
        self.sample = await trial.look(session)
        got = await trial.subscribe(session, self.sample)
        self.found.capacity = await read_capacity(session)
        self.found.changes_per_s, self.found.items = round(got.values_per_s, 1), got.items
        detail = (
            f"publishes every {got.publishing_ms:g} ms (asked 100), samples every {got.sampling_ms:g} ms"
            f" (asked for the fastest), queues {got.queue_size} (asked 100);"
            f" {_count(got.items, 'item')} sent {got.values_per_s:,.0f} values/s"
        )
        if got.refused:
            hint = "it may have no room for more items: close other clients, or capture fewer nodes"
            return NOTE, f"{detail}; it refused {_count(got.refused, 'other')}", hint
        if got.overflows:
            hint = "its queues are too short for such values: capture with --publishing-interval 100ms or less"
            return NOTE, f"{detail}; queues ran over {got.overflows:,} times", hint
        return OK, detail, ""

    async def _history(self, session: Session) -> Found:
        """Whether the server says that it keeps values, and whether it gives some."""
        keeps = await trial.says_it_keeps(session)
        old = await trial.read_history(session, self.sample)
        if old is None:
            words = {
                True: "it says that it keeps values",
                False: "it keeps no values",
                None: "it says nothing of keeping values",
            }
            seen = f"; none of the {self.sample.seen:,} Variables looked at has a history" if self.sample.seen else ""
            return NOTE, words[keeps] + seen, ""
        if old.problem:
            return NOTE, f"it says that {old.path} has a history, and does not give it ({old.problem})", ""
        if old.newest_ns is None:
            return OK, f"it reads the history of {old.path}, which is empty", ""
        newest = format_time(old.newest_ns // 1_000_000_000 * 1_000_000)
        return OK, f"{old.path} gave {_count(old.values, 'old value')}, the newest of {newest}", ""


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _identity(session: Session) -> str:
    build = session.build_info
    words = (build.get("manufacturer_name"), build.get("product_name"), build.get("software_version"))
    return " ".join(word for word in words if word) or session.application_uri or "activated"


async def _namespaces(session: Session) -> Found:
    doubled = len(session.namespaces) - len(set(session.namespaces))
    detail = f"{len(session.namespaces)} namespaces"
    if doubled:
        return NOTE, f"{detail}, {doubled} of them twice", "their NodeIds are taken for those of the first"
    return OK, detail, ""


async def _read_many(session: Session, count: int) -> None:
    await session.checked(requests.read([(_CURRENT_TIME, _VALUE)] * count))


async def _browse_many(session: Session, count: int) -> None:
    request = requests.browse([_OBJECTS] * count, reference_type=HIERARCHICAL_REFERENCES, max_references=1)
    results = parse_browse_response(await session.checked(request))
    points = [result.continuation for result in results if result.continuation]
    if points:
        await session.call(requests.browse_next(points, release=True))


async def _largest(session: Session, stated: int, ask: Callable[[Session, int], Awaitable[None]]) -> int:
    """How many operations the server takes in one request: what it states, or less where it refuses that; 0: enough."""
    size = session.limits.chunk(stated)
    while size > 1:
        try:
            await ask(session, size)
        except OmptoolError as error:
            if faults.fault_code(error) not in batch.TOO_MUCH:
                raise
            size //= 2
        else:
            break
    return size if stated or size < SAFE_CHUNK else 0


async def _rate(session: Session, size: int) -> float:
    """Values read in a second, one request at a time."""
    count, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < _RATE_S:
        await _read_many(session, min(size, 100))
        count += min(size, 100)
    return count / spent


def _clock(server_time: object) -> float | None:
    """Seconds that the server's clock is behind ours."""
    if not isinstance(server_time, datetime):
        return None
    aware = server_time if server_time.tzinfo else server_time.replace(tzinfo=UTC)
    return (datetime.now(UTC) - aware).total_seconds()
