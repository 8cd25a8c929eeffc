"""What a subscription hands on: notifications as they came, what is missing between them, and how it ended.

Plain data and one bounded buffer, so that recorder, fakes in tests and a path for many machines share the same shapes.
Nothing here talks to a server or decodes a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from omptool.model.vocabulary import Origin
from omptool.protocol.publish import DataChange, Events
from omptool.protocol.statement import Statement

FLUSH_S = 0.25
FLUSH_BYTES = 1 << 20
FLUSH_ITEMS = 1 << 16
"""A batch is handed on after `FLUSH_S`, or as soon as one of the others is reached."""

STATEMENT_S = 30.0
"""An account is handed on at least this often, also when nothing but keep-alives came."""

MOST_FLUSHES_BEHIND = 8
"""With this many batches waiting for the disk no further PublishRequest is sent."""


@dataclass(frozen=True, slots=True)
class Received:
    """One data change or event notification of a NotificationMessage.

    Attributes:
        sub: SubscriptionId of the server.
        sequence: SequenceNumber of the message; several notifications of one message share it.
        publish_ticks: PublishTime, 100 ns ticks since 1601, clock of the server; 0 when the server sent none.
        receive_ns, receive_mono: our clock (Unix nanoseconds) and a clock that never steps, read together.
    """

    sub: int
    sequence: int
    publish_ticks: int
    receive_ns: int
    receive_mono: int
    origin: Origin
    notification: DataChange | Events


@dataclass(frozen=True, slots=True)
class SequenceGap:
    """Notifications that were sent, never arrived, and that the server could not send again.

    Attributes:
        first, last: sequence numbers, both included; may run over the wrap.
        before_ticks, after_ticks: PublishTime of the messages around the hole (server's clock); 0 when unknown.
        answer: what the server said to the last Republish; empty when it was not asked.
    """

    sub: int
    first: int
    last: int
    missing: int
    before_ticks: int
    after_ticks: int
    answer: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What is committed together; acknowledged to the server only after that.

    Attributes:
        statement: the account of all that came up to and with this batch.
    """

    server: str
    notifications: tuple[Received, ...]
    gaps: tuple[SequenceGap, ...] = ()
    statement: Statement | None = None


class EndKind(StrEnum):
    """How one life of a subscription ended."""

    STOPPED = "stopped"
    LOST = "lost"
    STALE = "stale"
    """Lost because nothing came any more, though the connection seemed to stand."""
    RESTARTED = "restarted"
    """Lost because the server began anew."""
    NOT_RUNNING = "not_running"
    """Another process had it, and ended without a word."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why `Subscriber.run` returned.

    Attributes:
        cause: for people, empty when asked to stop.
        last_ticks: PublishTime of the last message (server's clock), 0 when there was none.
        sub: SubscriptionId, 0 when none was created.
    """

    kind: EndKind
    cause: str = ""
    last_ticks: int = 0
    sub: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the subscription, for the journal.

    Attributes:
        kind: a journal kind (C3), e.g. `subscribe`, `revised`, `item_failed`.
        sub: SubscriptionId, None when it concerns the whole session.
    """

    kind: str
    sub: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


class Buffer:
    """Notifications and gaps waiting to be handed on, with their size."""

    def __init__(self) -> None:
        self.notifications: list[Received] = []
        self.gaps: list[SequenceGap] = []
        self.items = 0
        self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self.notifications or self.gaps)

    def add(self, received: Received) -> None:
        self.notifications.append(received)
        self.items += received.notification.count
        self.bytes += len(received.notification.items)

    @property
    def is_flush(self) -> bool:
        """Whether it should be handed on without waiting longer."""
        return self.bytes >= FLUSH_BYTES or self.items >= FLUSH_ITEMS

    @property
    def is_full(self) -> bool:
        """Whether no more should be asked for."""
        return self.bytes >= MOST_FLUSHES_BEHIND * FLUSH_BYTES or self.items >= MOST_FLUSHES_BEHIND * FLUSH_ITEMS

    def take(self, server: str, statement: Statement | None = None) -> Batch:
        """Everything held, as one batch; the buffer is empty afterwards."""
        batch = Batch(server, tuple(self.notifications), tuple(self.gaps), statement)
        self.notifications, self.gaps, self.items, self.bytes = [], [], 0, 0
        return batch


class StoreFailed(Exception):
    """A batch could not be stored; `error` says why."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(repr(error))
        self.error = error
