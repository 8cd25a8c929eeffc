"""What is asked of a recording, how far it is, and what became of it: the words between command line and recorder.

Plain data; opens nothing and knows no server.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from omptool.model.nodes import Node


@dataclass(frozen=True, slots=True)
class Selection:
    """What to capture; see `selection.select`."""

    globs: tuple[str, ...] = ()
    listed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Intervals:
    """Asked of the server, in milliseconds; sampling 0 is the fastest it has."""

    publishing_ms: float
    sampling_ms: float


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop by itself; None = not for this reason.

    Attributes:
        seconds: after the items were created.
        until_ns: Unix nanoseconds.
        count: rows; the capture holds exactly so many, the rest of the last message is left out.
    """

    seconds: float | None = None
    until_ns: int | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """What `capture` would ask for one node."""

    node: Node
    sampling_ms: float
    queue_size: int


@dataclass(slots=True)
class Progress:
    """How far a recording is; one object, changing.

    Attributes:
        phase: connecting, browsing, subscribing, capturing.
        nodes: found so far while browsing, then monitored.
        keep_alive_s: longest silence that the server promised; `silence` is the present one.
        lag_s: between the arrival of the oldest value of the last batch and its being safe on disk.
    """

    phase: str = "connecting"
    nodes: int = 0
    rows: int = 0
    gaps: int = 0
    bytes: int = 0
    lag_s: float = 0.0
    started: float = field(default_factory=time.monotonic)
    keep_alive_s: float = 0.0
    silence: Callable[[], float] = lambda: 0.0

    @property
    def is_connected(self) -> bool:
        """Whether messages, if only keep-alives, still come when they are due."""
        return self.silence() <= 1.5 * self.keep_alive_s + 1.0


@dataclass(frozen=True, slots=True)
class FailedItem:
    """A selected node that the server would not monitor."""

    path: str
    status_name: str


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """What became of a recording.

    Attributes:
        nodes: monitored ones.
        gaps: gap rows written, by reason; none = complete.
        seconds: from the creation of the items to the end.
        reason: why it ended: `stopped`, `for`, `until`, `count`, `connection_lost`.
        cause: for people, why the connection was lost.
        sampled: monitored nodes of which changes may go unseen: sampled more slowly than asked, or a queue of one.
        sampled_ms: shortest and longest sampling interval of these.
    """

    server: str
    rows: int
    nodes: int
    gaps: dict[str, int]
    seconds: float
    bytes: int
    reason: str
    cause: str = ""
    failed: tuple[FailedItem, ...] = ()
    sampled: int = 0
    sampled_ms: tuple[float, float] = (0.0, 0.0)
    overflows: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether every notification of every selected node was received."""
        return not self.gaps
