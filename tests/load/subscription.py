"""Subscriptions of the load server: bounded queues, sequence numbers, acknowledgement, retransmission, Overflow.

All items of one CreateMonitoredItems are sampled at the same ticks and leave their queues together, so the queues of a
group are one range of ticks; values are made when they are sent, and again when they are sent again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from omptool.model.times import EPOCH_TICKS
from tests.load import encode
from tests.load.encode import Blocks, Layout

KEPT_MESSAGES = 100
"""Sent and not acknowledged messages a subscription keeps for Republish; older ones are dropped."""


def now_ticks() -> int:
    return time.time_ns() // 100 + EPOCH_TICKS


@dataclass(slots=True)
class Group:
    """Items created together: they have the same queue.

    Attributes:
        first: tick of the initial value.
        next, newest: what is queued, both included; nothing when next > newest.
        marked: the tick whose values carry the Overflow bit.
        reached: the last tick that left in a message, rather than being swallowed.
        discarded: ranges of ticks that the queue lost, both ends included.
    """

    items: list[int]
    handles: list[int]
    queue: int
    first: int
    next: int
    newest: int
    is_whole: bool
    marked: int = -1
    reached: int = -1
    discarded: list[list[int]] = field(default_factory=list)

    def sample(self, tick: int) -> int:
        """Queue the values of the ticks up to this one; how many ticks were discarded for them."""
        self.newest = tick
        excess = self.newest - self.next + 1 - self.queue
        if excess <= 0:
            return 0
        last = self.next + excess - 1
        if self.discarded and self.discarded[-1][1] == self.next - 1:
            self.discarded[-1][1] = last
        else:
            self.discarded.append([self.next, last])
        self.next = last + 1
        if self.queue > 1:
            self.marked = self.next
        return excess


@dataclass(frozen=True, slots=True)
class Part:
    """Ticks of a group in a message, both ends included."""

    group: Group
    first: int
    last: int
    marked: int

    @property
    def count(self) -> int:
        return (self.last - self.first + 1) * len(self.group.items)


@dataclass(frozen=True, slots=True)
class Message:
    """What was sent under a sequence number, so that it can be made again."""

    publish_ticks: int
    parts: tuple[Part, ...]

    @property
    def values(self) -> int:
        return sum(part.count for part in self.parts)

    def leaves(self) -> None:
        """It is on its way to the client."""
        for part in self.parts:
            part.group.reached = part.last


class Subscription:
    """One subscription of a machine.

    Attributes:
        every: publishes at every so many ticks.
        is_due: a publishing cycle passed and found nobody waiting.
        sequence: number of the next message.
        kept: messages that may be asked for again, by number.
    """

    def __init__(
        self,
        number: int,
        machine: int,
        layout: Layout,
        *,
        every: int,
        keep_alive_s: float,
        lifetime_s: float,
        most: int,
    ) -> None:
        self.number, self.machine, self.every = number, machine, every
        self.keep_alive_s, self.lifetime_s = keep_alive_s, lifetime_s
        self.most = most or 1 << 30
        self.groups: list[Group] = []
        self.is_due = False
        self.sequence = 1
        self.kept: dict[int, Message] = {}
        self.heard = self.sent = time.monotonic()
        self.begun = self.sent
        self._layout = layout

    @property
    def has_values(self) -> bool:
        return any(group.next <= group.newest for group in self.groups)

    @property
    def whole(self) -> Group | None:
        """The group, where it is the only one and has all items in their order."""
        return self.groups[0] if len(self.groups) == 1 and self.groups[0].is_whole else None

    def add(self, new: Group, *, merges: bool) -> None:
        """Items of another request; `merges` them with those before, where nothing was sent yet."""
        if merges and self.groups and self.groups[0].reached < 0:
            before = self.groups.pop()
            new = group(
                [*before.items, *new.items], [*before.handles, *new.handles], new.queue, new.first, self._layout
            )
        self.groups.append(new)

    def sample(self, tick: int, counted: Counter[str]) -> None:
        """One more tick for every queue."""
        for group in self.groups:
            if tick > group.newest:
                counted["queued"] += (tick - group.newest) * len(group.items)
                discarded = group.sample(tick) * len(group.items)
                counted["discarded"] += discarded

    def take(self) -> Message:
        """The oldest values out of the queues, as many as the client takes in one message."""
        parts, room = [], self.most
        for group in self.groups:
            ticks = min(group.newest - group.next + 1, max(room // len(group.items), not parts))
            if ticks > 0:
                parts.append(Part(group, group.next, group.next + ticks - 1, group.marked))
                group.next += ticks
                room -= parts[-1].count
        return Message(now_ticks(), tuple(parts))

    def keep(self, message: Message) -> int:
        """Give a message its sequence number, and keep it until it is acknowledged."""
        number = self.sequence
        self.sequence = number % 0xFFFFFFFF + 1
        self.kept[number] = message
        if len(self.kept) > KEPT_MESSAGES:
            del self.kept[next(iter(self.kept))]
        return number

    def acknowledge(self, number: int) -> bool:
        return self.kept.pop(number, None) is not None

    def encoded(self, number: int, message: Message) -> bytes:
        """The NotificationMessage, also for messages that are not the plain ones of the hot path."""
        items = [data for part in message.parts for data in self._items(part)]
        return encode.notification(number, message.publish_ticks, message.values, items)

    def _items(self, part: Part) -> Iterator[bytes]:
        ticks = np.arange(part.first, part.last + 1)
        rows = Blocks(self._layout, len(ticks)).fill(self.machine, ticks)
        size = self._layout.size
        for number, tick in enumerate(ticks.tolist()):
            row = rows[number * size : (number + 1) * size]
            yield encode.picked(row, self._layout, part.group.items, part.group.handles, tick == part.marked)

    def story(self) -> Iterator[dict[str, Any]]:
        """What a checker must know, group by group: which ticks were sent, which were discarded."""
        for group in self.groups:
            yield {
                "machine": self.machine,
                "sub": self.number,
                "first": group.first,
                "last": group.reached,
                "discarded": group.discarded,
                "items": None if group.is_whole else group.items,
            }


def group(items: Sequence[int], handles: Sequence[int], queue: int, tick: int, layout: Layout) -> Group:
    """Items that begin with the value of `tick`."""
    is_whole = list(items) == list(range(layout.plan.items))
    return Group(list(items), list(handles), max(queue, 1), tick, tick, tick, is_whole)
