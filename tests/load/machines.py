"""The machines of the load server: sessions, subscriptions, and publishing what is due."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.load import encode
from tests.load.encode import Blocks, Layout
from tests.load.subscription import Message, Part, Subscription, now_ticks

if TYPE_CHECKING:
    from tests.load.connection import Connection

_AHEAD_BYTES = 1 << 20
"""Values made at once for a machine that answers without waiting."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When messages are sent; see `server.Options`."""

    is_at_once: bool
    queue: int
    swallow: int
    pause_after_s: float
    pause_s: float

    def is_paused(self, sub: Subscription, now: float) -> bool:
        return bool(self.pause_s) and 0 <= now - sub.begun - self.pause_after_s < self.pause_s


class Session:
    """A session: where its PublishRequests wait, and which subscriptions are its own."""

    def __init__(self, token: int, machine: Machine) -> None:
        self.token, self.machine = token, machine
        self.connection: Connection | None = None
        self.waiting: deque[tuple[int, int, Sequence[int]]] = deque()
        self.subs: dict[int, Subscription] = {}

    def attach(self, connection: Connection) -> None:
        """It goes on over this connection; what was asked over another one is not answered any more."""
        if self.connection is not connection:
            self.waiting.clear()
        self.connection = connection

    def publish(self, sub: Subscription) -> None:
        """Send what a subscription has, as long as there are PublishRequests."""
        counted = self.machine.counted
        while self.waiting and sub.has_values:
            message = sub.take()
            number = sub.keep(message)
            counted["messages"] += 1
            counted["sent"] += message.values
            if self.machine.is_swallowed(number):
                counted["swallowed"] += 1
                continue
            message.leaves()
            self.send(sub, number, sub.encoded(number, message), more=sub.has_values)
        sub.is_due = sub.has_values

    def send(self, sub: Subscription, number: int, message: bytes, *, more: bool = False) -> None:
        """Answer the oldest PublishRequest."""
        assert self.connection is not None
        handle, request_id, results = self.waiting.popleft()
        body = encode.publish_response(now_ticks(), handle, sub.number, tuple(sub.kept), more, message, results)
        self.connection.send(body, request_id)
        sub.sent = time.monotonic()

    def asked(self, handle: int, request_id: int, acknowledged: Sequence[tuple[int, int]]) -> None:
        """A PublishRequest came."""
        machine = self.machine
        results = [machine.acknowledged(sub, number) for sub, number in acknowledged]
        self.waiting.append((handle, request_id, results))
        now = time.monotonic()
        for sub in self.subs.values():
            sub.heard = now
            if machine.pace.is_at_once:
                machine.answer_at_once(self, sub)
            elif sub.is_due and not machine.pace.is_paused(sub, now):
                self.publish(sub)


class Machine:
    """One server: what it has granted."""

    def __init__(self, number: int, layout: Layout, counted: Counter[str], pace: Pace) -> None:
        self.number, self.layout, self.counted, self.pace = number, layout, counted, pace
        self.sessions: dict[int, Session] = {}
        self.subs: dict[int, tuple[Session, Subscription]] = {}
        self.ended: list[Subscription] = []
        self._ahead: dict[int, _Ahead] = {}

    def acknowledged(self, sub: int, number: int) -> int:
        """The StatusCode for an acknowledgement."""
        found = self.subs.get(sub)
        if found is None:
            return 0x80280000  # BadSubscriptionIdInvalid
        if found[1].acknowledge(number):
            self.counted["acknowledged"] += 1
            return 0
        self.counted["acknowledged_unknown"] += 1
        return 0x807A0000  # BadSequenceNumberUnknown

    def is_swallowed(self, number: int) -> bool:
        return bool(self.pace.swallow) and number % self.pace.swallow == 0

    def add(self, session: Session, sub: Subscription) -> None:
        session.subs[sub.number] = sub
        self.subs[sub.number] = session, sub

    def remove(self, number: int) -> bool:
        found = self.subs.pop(number, None)
        if found is None:
            return False
        session, sub = found
        session.subs.pop(number, None)
        self.ended.append(sub)
        self._ahead.pop(number, None)
        return True

    def transfer(self, number: int, session: Session) -> Subscription | None:
        """Make a subscription another session's."""
        found = self.subs.get(number)
        if found is None:
            return None
        found[0].subs.pop(number, None)
        self.add(session, found[1])
        self.counted["transferred"] += 1
        return found[1]

    def look_after(self, now: float) -> None:
        """Send keep-alives; end what nobody asks for any more."""
        for session, sub in list(self.subs.values()):
            if now - sub.heard > sub.lifetime_s:
                self.counted["expired"] += 1
                self.remove(sub.number)
            elif self.pace.is_paused(sub, now):
                continue
            elif sub.is_due:
                session.publish(sub)
            elif session.waiting and not sub.has_values and now - sub.sent >= sub.keep_alive_s:
                self.counted["keep_alives"] += 1
                session.send(sub, sub.sequence, encode.keep_alive(sub.sequence, now_ticks()))

    def answer_at_once(self, session: Session, sub: Subscription) -> None:
        """The next values, made in advance, for every PublishRequest."""
        group = sub.whole
        if group is None:
            return
        ahead = self._ahead.get(sub.number)
        if ahead is None:
            ahead = self._ahead[sub.number] = _Ahead(self.layout, self.number, group.handles)
        while session.waiting:
            tick = group.next
            group.next, group.newest, group.reached = tick + 1, tick, tick
            message = Message(now_ticks(), (Part(group, tick, tick, -1),))
            number = sub.keep(message)
            self.counted["messages"] += 1
            self.counted["sent"] += len(group.items)
            self.counted["queued"] += len(group.items)
            data = encode.notification(number, message.publish_ticks, len(group.items), (ahead.row(tick),))
            session.send(sub, number, data)

    def stories(self) -> Iterator[dict[str, Any]]:
        for sub in [*self.ended, *(sub for _, sub in self.subs.values())]:
            yield from sub.story()


class _Ahead:
    """Rows of the next ticks of a machine, made many at a time."""

    def __init__(self, layout: Layout, machine: int, handles: Sequence[int]) -> None:
        self._size, self._machine = layout.size, machine
        self._rows = max(min(_AHEAD_BYTES // layout.size, 1024), 1)
        self._blocks = Blocks(layout, self._rows)
        self._blocks.handles(slice(None), np.array(handles, np.uint32))
        self._first = -1
        self._data = memoryview(b"")

    def row(self, tick: int) -> memoryview:
        if not 0 <= tick - self._first < self._rows:
            self._first = tick
            self._data = self._blocks.fill(self._machine, np.arange(tick, tick + self._rows))
        at = (tick - self._first) * self._size
        return self._data[at : at + self._size]


class Slot:
    """Machines that tick at the same moment."""

    def __init__(self, machines: Sequence[Machine], layout: Layout) -> None:
        self._machines = machines
        self._numbers = np.array([machine.number for machine in machines])
        self._blocks = Blocks(layout, len(machines))
        self._size = layout.size
        self._known: list[Any] = [None] * len(machines)

    def tick(self, tick: int) -> None:
        """Sample, and publish where it is due."""
        plain: list[tuple[int, Session, Subscription]] = []
        now = time.monotonic()
        for place, machine in enumerate(self._machines):
            for session, sub in list(machine.subs.values()):
                sub.sample(tick, machine.counted)
                if tick % sub.every or machine.pace.is_paused(sub, now):
                    continue
                group = sub.whole
                if group is None or group.next != tick or group.marked == tick or not session.waiting:
                    session.publish(sub)
                    continue
                if self._known[place] is not group:
                    self._known[place] = group
                    self._blocks.handles(place, np.array(group.handles, np.uint32))
                plain.append((place, session, sub))
        if not plain:
            return
        data = self._blocks.fill(self._numbers, tick)
        for place, session, sub in plain:
            self._publish(session, sub, tick, data[place * self._size : (place + 1) * self._size])

    def _publish(self, session: Session, sub: Subscription, tick: int, row: memoryview) -> None:
        """The hot path: one tick of all items, none of them late."""
        if not session.waiting:
            session.publish(sub)
            return
        group, machine = sub.groups[0], session.machine
        message = Message(now_ticks(), (Part(group, tick, tick, -1),))
        group.next = tick + 1
        number = sub.keep(message)
        counted = machine.counted
        counted["messages"] += 1
        counted["sent"] += len(group.items)
        if machine.is_swallowed(number):
            counted["swallowed"] += 1
            return
        group.reached = tick
        session.send(sub, number, encode.notification(number, message.publish_ticks, len(group.items), (row,)))
