"""What is asked of a recording, how far it is, and what became of it: the words between command line and recorder.

Plain data; opens nothing and knows no server.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from omptool.capture.recording.naming import Shared
from omptool.capture.selecting.nodelist import EventsOf, Listed
from omptool.config import ServerConfig
from omptool.model.limits import Capacity
from omptool.model.monitoring import AS_ALL, Monitoring
from omptool.model.nodes import Node


@dataclass(frozen=True, slots=True)
class Rule:
    """Settings for the nodes whose path matches; of several rules for a node the first one says more."""

    glob: str
    monitoring: Monitoring


@dataclass(frozen=True, slots=True)
class Selection:
    """What to capture, and how; see `selection.select` and `asked.settings`.

    Attributes:
        events: None = none are wanted.
        monitoring: for all nodes; what stands beside a node in the list wins, `rules` come last.
    """

    globs: tuple[str, ...] = ()
    listed: tuple[Listed, ...] | None = None
    monitoring: Monitoring = AS_ALL
    rules: tuple[Rule, ...] = ()
    events: EventsOf | None = None


@dataclass(frozen=True, slots=True)
class Intervals:
    """Asked of the server, in milliseconds; sampling 0 is the fastest it has.

    Attributes:
        rebrowse_s: how often to look for new nodes; 0 = only when the server began anew.
    """

    publishing_ms: float
    sampling_ms: float
    rebrowse_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A server to be recorded, and at which intervals.

    Attributes:
        selection: of its own; None takes the one of all servers.
    """

    server: ServerConfig
    intervals: Intervals
    selection: Selection | None = None

    @property
    def label(self) -> str:
        return self.server.name or self.server.url


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop by itself; None = not for this reason.

    Attributes:
        seconds: after the items were created.
        until_ns: Unix nanoseconds.
        count: rows of all servers; the capture holds exactly so many, the rest of the last message is left out.
    """

    seconds: float | None = None
    until_ns: int | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """What may stay; None = no bound.

    Attributes:
        age_s: seconds since a segment was closed.
        size: bytes of all segments of the capture.
        free: bytes that must be free on its disk.
    """

    age_s: float | None = None
    size: int | None = None
    free: int | None = None

    @property
    def is_bounded(self) -> bool:
        return any(bound is not None for bound in (self.age_s, self.size, self.free))


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How a capture is kept in order: when a segment ends (None: by the format's own measure), and what may stay."""

    rotate_bytes: int | None = None
    rotate_seconds: float | None = None
    keep: Keep = Keep()

    @property
    def rotation(self) -> dict[str, Any]:
        """As the writer takes it."""
        asked = {"rotate_bytes": self.rotate_bytes, "rotate_seconds": self.rotate_seconds}
        return {name: value for name, value in asked.items() if value is not None}


class Quota:
    """How many rows the whole capture may still take; None = any number. Shared by all of its servers."""

    def __init__(self, rows: int | None) -> None:
        self._left = rows

    @property
    def left(self) -> int | None:
        return self._left

    @property
    def is_full(self) -> bool:
        return self._left is not None and self._left <= 0

    def take(self, rows: int) -> None:
        if self._left is not None:
            self._left -= rows


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """What `capture` would ask for one node."""

    server: str
    node: Node
    sampling_ms: float
    queue_size: int
    monitoring: Monitoring = AS_ALL


class PlannedServer(NamedTuple):
    """What `capture` would ask of one server, and how much that takes."""

    label: str
    items: list[PlannedItem]
    publishing_ms: float
    capacity: Capacity


@dataclass(slots=True)
class ServerProgress:
    """How far one server of a recording is; one object, changing.

    Attributes:
        label: its name in omptool.toml, else its address.
        phase: connecting, browsing, subscribing, capturing, waiting (for the next attempt).
        nodes: found so far while browsing, then monitored.
        gaps: windows in which values may be missing.
        keep_alive_s: longest silence that the server promised; `silence` is the present one.
        lag_s: between the arrival of the oldest value of the last batch and its being safe on disk.
        reasons: the same windows by reason; the recording's own counter.
        connects: how often it was connected; `slow` how often omptool asked for nothing for too long.
        cause: why it is not connected.
        lost_ns: since when; `attempts` failed since then, the next comes in `retry_in` seconds.
    """

    label: str
    phase: str = "connecting"
    nodes: int = 0
    rows: int = 0
    gaps: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    connects: int = 0
    slow: int = 0
    lag_s: float = 0.0
    keep_alive_s: float = 0.0
    cause: str = ""
    lost_ns: int | None = None
    silence: Callable[[], float] = lambda: 0.0
    attempts: Callable[[], int] = lambda: 0
    retry_in: Callable[[], float] = lambda: 0.0

    def connected(self) -> None:
        """Its items exist."""
        self.phase, self.cause, self.lost_ns = "capturing", "", None
        self.connects += 1

    def disconnected(self, cause: str) -> None:
        """The next attempt is waited for."""
        self.phase, self.cause = "waiting", cause
        self.lost_ns = self.lost_ns or time.time_ns()

    @property
    def is_connected(self) -> bool:
        """Whether messages, if only keep-alives, still come when they are due."""
        return self.phase == "capturing" and self.silence() <= 1.5 * self.keep_alive_s + 1.0


@dataclass(slots=True)
class Progress:
    """How far a recording is; one object, changing.

    Attributes:
        servers: one each, in the order in which they were asked for.
        started: monotonic seconds when values began to count, before that when it was begun.
        is_capturing: whether values count.
    """

    servers: list[ServerProgress] = field(default_factory=list)
    bytes: int = 0
    started: float = field(default_factory=time.monotonic)
    is_capturing: bool = False

    @property
    def phase(self) -> str:
        """capturing, or what is being done to get there."""
        phases = [server.phase for server in self.servers if server.phase != "waiting"]
        return "capturing" if self.is_capturing else phases[0] if phases else "connecting"

    @property
    def nodes(self) -> int:
        return sum(server.nodes for server in self.servers)

    @property
    def rows(self) -> int:
        return sum(server.rows for server in self.servers)

    @property
    def gaps(self) -> int:
        return sum(server.gaps for server in self.servers)

    @property
    def lag_s(self) -> float:
        """Of the server that waits longest."""
        return max((server.lag_s for server in self.servers), default=0.0)


@dataclass(frozen=True, slots=True)
class FailedItem:
    """A selected node that the server would not monitor."""

    path: str
    status_name: str


@dataclass(frozen=True, slots=True)
class ServerResult:
    """What became of one server of a recording.

    Attributes:
        server: what its rows call it (C1); its label where it was never reached.
        label: its name in omptool.toml, else its address.
        nodes: monitored ones, when it was last connected.
        gaps: windows, by reason; none = complete.
        was_reached: whether anything of it could be captured.
        cause: for people, why its connection was last lost, or never stood; empty = it was always connected.
        away: why it was not connected at the end; empty = it was.
        sampled: monitored nodes of which changes may go unseen: sampled more slowly than asked, or a queue of one.
        filled: windows that the server's history returned whole.
        events: OPC UA events stored.
        polled: nodes that were read in cycles; `missed` ones of these.
        unfiltered: nodes whose deadband or trigger the server does not take: every change of them is recorded.
        sampled_ms: shortest and longest sampling interval of these.
        unknown_types: DataTypes that the server did not explain; their structures stay bytes.
    """

    server: str
    label: str
    rows: int
    nodes: int
    gaps: dict[str, int]
    was_reached: bool = True
    cause: str = ""
    away: str = ""
    failed: tuple[FailedItem, ...] = ()
    sampled: int = 0
    sampled_ms: tuple[float, float] = (0.0, 0.0)
    overflows: int = 0
    unknown_types: tuple[str, ...] = ()
    filled: int = 0
    unfiltered: tuple[FailedItem, ...] = ()
    events: int = 0
    polled: int = 0
    missed: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether every notification of every selected node was received."""
        return not self.gaps


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """What became of a recording.

    Attributes:
        servers: one each, in the order in which they were asked for.
        seconds: from the creation of the first items to the end.
        reason: why it ended: `stopped`, `for`, `until`, `count`.
        shared: ApplicationUris that several servers share, with the names by which their rows go.
    """

    servers: tuple[ServerResult, ...]
    seconds: float
    bytes: int
    reason: str
    shared: tuple[Shared, ...] = ()

    @property
    def rows(self) -> int:
        return sum(server.rows for server in self.servers)

    @property
    def nodes(self) -> int:
        return sum(server.nodes for server in self.servers)

    @property
    def events(self) -> int:
        """OPC UA events stored."""
        return sum(server.events for server in self.servers)

    @property
    def gaps(self) -> dict[str, int]:
        """Windows of all servers, by reason."""
        total: Counter[str] = Counter()
        for server in self.servers:
            total.update(server.gaps)
        return dict(total)

    @property
    def reached(self) -> int:
        """Servers of which something could be captured."""
        return sum(server.was_reached for server in self.servers)

    @property
    def is_complete(self) -> bool:
        return all(server.is_complete for server in self.servers)
