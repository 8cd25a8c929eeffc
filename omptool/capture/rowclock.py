"""Which stamps the rows had that a message carried which never arrived: PublishTimes on the clock of the rows.

A window is found by PublishTimes (the server's clock) and must hold the stamps of the missing rows (the clock of a PLC,
of a simulation, of a replay). What arrived around it tells the one from the other. Pure: reads no clock.
"""

from __future__ import annotations

from typing import NamedTuple

FOREIGN_CLOCK_NS = 3_600_000_000_000
"""Rows further than this from the PublishTime of their message run on a clock of their own (simulation, replay)."""

_KEPT = 64
"""Messages remembered: a hole is only known for one after the server was asked for what is missing."""


class Anchor(NamedTuple):
    """A message that arrived: its PublishTime and the newest stamp in it, Unix nanoseconds."""

    published_ns: int
    rows_ns: int

    @property
    def ahead_ns(self) -> int:
        return self.rows_ns - self.published_ns

    @property
    def is_foreign(self) -> bool:
        return abs(self.ahead_ns) > FOREIGN_CLOCK_NS


class RowClock:
    """Follows the messages of one subscription.

    Args:
        started_ns: Unix nanoseconds when its items were created; nothing was missed before.
        slack_ns: one publishing interval. A value sampled just before a publish may only be sent with the next one; its
            stamp is then older than the message it was missing from.
    """

    def __init__(self, started_ns: int, slack_ns: int = 0) -> None:
        self._started = Anchor(started_ns, started_ns)
        self.slack_ns = slack_ns
        self._initial: Anchor | None = None
        self._changes: list[Anchor] = []

    @property
    def started_ns(self) -> int:
        return self._started.published_ns

    @property
    def has_changes(self) -> bool:
        """Whether more than initial values arrived."""
        return bool(self._changes)

    @property
    def is_foreign(self) -> bool:
        """Whether the rows run on a clock of their own, as far as is known."""
        return bool(self._changes) and self._changes[-1].is_foreign

    def note(self, published_ns: int, rows_ns: int, *, is_initial: bool = False) -> None:
        """A message arrived. Initial values may be as old as the machine: they count only where all stamps are odd."""
        if is_initial:
            self._initial = Anchor(published_ns, rows_ns)
            return
        self._changes.append(Anchor(published_ns, rows_ns))
        if len(self._changes) > (_KEPT if self.is_foreign else 2):  # on the server's clock the last ones tell all
            del self._changes[0]

    def since(self, publish_ns: int | None) -> int:
        """Where a window begins that begins after this PublishTime (None = before the first message)."""
        if self.is_foreign:
            earlier = [at for at in self._changes if publish_ns is not None and at.published_ns <= publish_ns]
            # one message further back: a simulated clock may run faster than the slack knows
            start = earlier[-2:][0] if earlier else self._initial or self._changes[0]
            return start.rows_ns - self.slack_ns
        if publish_ns is None:
            return self._started.published_ns - self.slack_ns
        last = self._changes[-1] if self._changes else self._started
        return publish_ns - max(self.slack_ns, -last.ahead_ns)

    def until(self, publish_ns: int | None) -> int | None:
        """Where a window ends that ends before this PublishTime; None = not known (yet)."""
        last = self._changes[-1] if self._changes else self._started
        if publish_ns is None:
            return None
        if last.is_foreign:
            return next((at.rows_ns for at in self._changes if at.published_ns >= publish_ns), None)
        return publish_ns + max(last.ahead_ns, 0)
