"""Notices when a clock was set: the server's by its PublishTimes, ours by a clock that nobody sets.

No value is missing because of it, but times before and after a step cannot be compared, so the journal says when and by
how much. Messages that are merely late must not look like a step. Pure: reads no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from omptool.capture.rows import Block

STEP_NS = 1_000_000_000
"""Smaller ones pass for delays and for a clock that is being corrected slowly."""

AWAY_STEP_NS = 5_000_000_000
"""The same while a server was away: what it says when it is back may have been on its way for some seconds."""

_SETTLED = 8
"""Messages in a row that must agree before they count as a clock that went back, not as messages that came late."""


class Reading(NamedTuple):
    """A message as it was received: its PublishTime, our clock, and how far that was ahead of one that nobody sets."""

    published_ns: int
    wall_ns: int
    own_ahead_ns: int


class OwnClock:
    """Steps of this computer's clock."""

    def __init__(self) -> None:
        self._ahead: int | None = None

    def recall(self, ahead_ns: int) -> None:
        """How far it was ahead in an earlier run."""
        self._ahead = ahead_ns

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
        self._recent: list[int] = []

    def recall(self, lead_ns: int) -> None:
        """How far it was ahead in an earlier run."""
        self._lead = lead_ns

    def note(self, published_ns: int, mono_ns: int) -> int:
        """A message; returns by how much the clock was set before it, in nanoseconds, mostly 0."""
        lead, last, self._published = published_ns - mono_ns, self._published, published_ns
        self._recent.append(lead)
        if len(self._recent) > _SETTLED:
            del self._recent[0]
        self._count += 1
        known = self._lead
        if known is None:
            self._lead = lead
            return 0
        if known - STEP_NS <= lead <= known and published_ns >= last:  # as nearly always
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

    def back(self, stated_ns: int, mono_ns: int) -> int:
        """The server is back and states its clock; returns by how much that was set while it was away, mostly 0."""
        lead, known = stated_ns - mono_ns, self._lead
        if known is None or abs(lead - known) < AWAY_STEP_NS:
            return 0
        self._lead, self._count = lead, 0
        self._recent.clear()
        return lead - known


class Clocks:
    """The server's clock and ours.

    Args:
        on_step: told whose was set (`server`, `client`) and by how many nanoseconds.

    Attributes:
        ahead_ns: how far the server's is ahead of ours; a message is on its way for a while, never less than that.
    """

    def __init__(self, on_step: Callable[[str, int], None]) -> None:
        self.ahead_ns = 0
        self._is_known = True
        self._on_step = on_step
        self._own, self._server = OwnClock(), ServerClock()

    def back(self, stated_ns: int, now_ns: int, mono_ns: int) -> int:
        """There is a subscription: what the server's clock said then, and ours; see `ServerClock.back`."""
        self.ahead_ns, self._is_known = stated_ns - now_ns, True
        if stated_ns == now_ns:  # it said nothing: ours stands for it
            return 0
        return self._told("server", self._server.back(stated_ns, mono_ns))

    def recall(self, last: Reading, now_ns: int, mono_ns: int) -> None:
        """What an earlier run read last; it says something where ours was not set since, nor begun anew."""
        if abs(now_ns - mono_ns - last.own_ahead_ns) < STEP_NS:
            self._own.recall(last.own_ahead_ns)
            self._server.recall(last.published_ns - (last.wall_ns - last.own_ahead_ns))

    def go_on(self) -> None:
        """A subscription of an earlier run goes on: what its server's clock says its first message tells."""
        self._is_known = False

    def note(self, blocks: Iterable[Block]) -> int | None:
        """Messages arrived; the newest PublishTime of those that came in their order."""
        newest = None
        for block in blocks:
            own = self._told("client", self._own.note(block.receive_ns, block.receive_mono))
            if block.publish_ns is not None and not block.is_republished:
                theirs = self._told("server", self._server.note(block.publish_ns, block.receive_mono))
                newest = block.publish_ns
                ahead = newest - block.receive_ns
                self.ahead_ns = ahead if own or theirs or not self._is_known else max(self.ahead_ns, ahead)
                self._is_known = True
        return newest

    def _told(self, clock: str, step_ns: int) -> int:
        if step_ns:
            self._on_step(clock, step_ns)
        return step_ns
