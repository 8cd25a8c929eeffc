"""What can go wrong on the way between client and server, said as plain data: which fault, when, how long."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum, Flag, auto


class Way(Flag):
    """Which bytes are hit."""

    UP = auto()
    """From the client to the server."""
    DOWN = auto()
    """From the server to the client."""
    BOTH = UP | DOWN


class Kind(Enum):
    """What happens."""

    RESET = "reset"
    """Connections are reset (RST), and so is every new one while it lasts."""
    CLOSE = "close"
    """Connections are closed (FIN), and so is every new one while it lasts."""
    REFUSE = "refuse"
    """Connections are reset, and nobody listens while it lasts."""
    HOLE = "hole"
    """Black hole: bytes vanish, nothing is closed; a connection that lost bytes stays half open for good."""
    FREEZE = "freeze"
    """Bytes are held, connections stand; in the end everything arrives, late."""
    DELAY = "delay"
    """Every message takes longer."""
    TRUNCATE = "truncate"
    """A message is cut off in the middle, then the connection is closed."""
    CORRUPT = "corrupt"
    """A byte of a message is another one."""
    DRIP = "drip"
    """Bytes come a few at a time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        seconds: how long it lasts; RESET, CLOSE, REFUSE of 0 s hit the open connections only.
        message, count: it begins with the count-th message of this name (`chunks`) after it was asked for, which is
            the first that it hits; without a name it begins at once.
        offset: the byte of the message that TRUNCATE cuts before and CORRUPT changes.
        delay_s: of DELAY. `drip_bytes` go every `drip_s` in a DRIP.
        pause_s: good time, since data flow, before it begins.
    """

    kind: Kind
    seconds: float = 0.0
    way: Way = Way.BOTH
    message: str = ""
    count: int = 1
    offset: int = 8
    delay_s: float = 0.3
    drip_bytes: int = 16
    drip_s: float = 0.01
    pause_s: float = 0.5

    def __str__(self) -> str:
        way = "" if self.way is Way.BOTH else f" {str(self.way.name).lower()}"
        where = f" at {self.message} {self.count}" if self.message else ""
        return f"{self.kind.value}{way} {self.seconds:g} s{where}"


@dataclass(slots=True)
class Moment:
    """A clock that nobody steps, and the wall clock, read together; nanoseconds."""

    mono_ns: int
    unix_ns: int


@dataclass(slots=True)
class Incident:
    """A fault that was asked for, with the evidence of when it was. Set in the proxy's thread, waited for in any."""

    fault: Fault
    seen: int = 0
    begun: Future[Moment] = field(default_factory=Future)
    ended: Future[Moment] = field(default_factory=Future)

    @property
    def is_on(self) -> bool:
        return self.begun.done() and not self.ended.done()
