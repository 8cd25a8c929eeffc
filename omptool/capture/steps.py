"""Notices when a clock was set: the server's by its PublishTimes, ours by a clock that nobody sets.

No value is missing because of it, but times before and after a step cannot be compared, so the journal says when and by
how much. Messages that are merely late must not look like a step. Pure: reads no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

STEP_NS = 1_000_000_000
"""Smaller ones pass for delays and for a clock that is being corrected slowly."""

_SETTLED = 8
"""Messages in a row that must agree before they count as a clock that went back, not as messages that came late."""


class OwnClock:
    """Steps of this computer's clock."""

    def __init__(self) -> None:
        self._ahead: int | None = None

    def note(self, wall_ns: int, mono_ns: int) -> int:
        """Both clocks at one moment; returns by how much ours was set since the last time, in nanoseconds, mostly 0."""
        before, self._ahead = self._ahead, wall_ns - mono_ns
        step = 0 if before is None else self._ahead - before
        return step if abs(step) >= STEP_NS else 0


class ServerClock:
    """Steps of a server's clock.

    A message may be late, never early: the largest lead of PublishTime over arrival holds, until the clock is set.
    """

    def __init__(self) -> None:
        self._lead: int | None = None
        self._published = 0
        self._count = 0
        self._recent: deque[int] = deque(maxlen=_SETTLED)

    def note(self, published_ns: int, mono_ns: int) -> int:
        """A message; returns by how much the clock was set before it, in nanoseconds, mostly 0."""
        lead, last, self._published = published_ns - mono_ns, self._published, published_ns
        self._recent.append(lead)
        self._count += 1
        known = self._lead
        if known is None:
            self._lead = lead
            return 0
        settled = len(self._recent) == _SETTLED and max(self._recent) - min(self._recent) < STEP_NS // 2
        is_back = published_ns < last - STEP_NS or (settled and max(self._recent) < known - STEP_NS)
        is_ahead = lead > known + STEP_NS and self._count > _SETTLED  # the first messages may all have been late
        if not is_back and not is_ahead:
            self._lead = max(known, lead)
            return 0
        new = max(self._recent) if settled else lead
        self._lead = new
        self._recent.clear()
        return new - known


class Step(NamedTuple):
    """A clock (`client` or `server`) was set by so many nanoseconds."""

    clock: str
    by_ns: int


class Clocks:
    """Both clocks of one connection, and how they stand to each other.

    Attributes:
        published_ns: PublishTime of the newest message; None before the first.
        ahead_ns: by how much the server's clock is ahead of ours, as far as is known: a message is on its way for a
            while, never less than that.
    """

    def __init__(self) -> None:
        self.published_ns: int | None = None
        self.ahead_ns = 0
        self._is_ahead_known = False
        self._own, self._server = OwnClock(), ServerClock()

    def begin(self, ahead_ns: int | None) -> None:
        """A subscription begins, or goes on; None where its server has said nothing of its clock yet."""
        self.published_ns = None
        self._is_ahead_known = ahead_ns is not None
        self.ahead_ns = ahead_ns or 0

    def note(self, receive_ns: int, receive_mono: int, published_ns: int | None) -> Iterator[Step]:
        """A message that came; None where it says nothing of the server's clock now, as one that is sent again."""
        own = self._own.note(receive_ns, receive_mono)
        if own:
            yield Step("client", own)
        if published_ns is None:
            return
        theirs = self._server.note(published_ns, receive_mono)
        if theirs:
            yield Step("server", theirs)
        ahead = published_ns - receive_ns
        self.published_ns = published_ns
        self.ahead_ns = ahead if own or theirs or not self._is_ahead_known else max(self.ahead_ns, ahead)
        self._is_ahead_known = True
