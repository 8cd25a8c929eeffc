"""The account of a subscription in a capture: when it is written, and what it says beside the ledger's own figures.

Written as journal entries of kind `ledger`: with the first batch, every `EVERY_S`, at once when numbers are missing,
and when the subscription or the capture ends; so a kill at any moment leaves an account that is no older than that. It
stands behind the rows it counts, in the same commit. Pure: reads no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from omptool.capture.rows import Block, Encoded
from omptool.model.times import ticks_to_unix_ns
from omptool.protocol.statement import Open, Statement

EVERY_S = 30.0

KIND = "ledger"
"""Of the journal entries."""

_NAMED = 200
"""Missing ranges named in one entry; a server that skips a number in every message must not fill the disk."""


class EventCount(NamedTuple):
    """What became of events.

    Attributes:
        rows: stored; `row` is the `seq` of the newest one among all of the capture.
        undecodable: events in messages that did not decode.
        signals: events that speak of the subscription, and are no rows.
    """

    rows: int = 0
    undecodable: int = 0
    signals: int = 0
    row: int = 0

    def joined(self, more: EventCount) -> EventCount:
        """Both together; `more` came later."""
        return EventCount(
            self.rows + more.rows, self.undecodable + more.undecodable, self.signals + more.signals,
            max(self.row, more.row),
        )  # fmt: skip


Window = Callable[[int | None, int | None], tuple[int, int | None]]
"""PublishTimes around a hole (Unix nanoseconds) → the window on the clock of the rows."""


class Account:
    """The account of one subscription, kept up to date batch by batch.

    Args:
        is_heir: another process began it. What that one stored of the events nobody counts anew.

    Attributes:
        rows: of this subscription, stored.
        undecodable: values that did not decode; `left_out`: values beyond the asked number of rows.
    """

    def __init__(self, rows: int = 0, undecodable: int = 0, *, is_heir: bool = False) -> None:
        self.rows, self.undecodable, self.left_out = rows, undecodable, 0
        self._events = None if is_heir else EventCount()
        self._statement: Statement | None = None
        self._written: Statement | None = None
        self._written_s = 0.0
        self._is_closed = False

    def add(self, events: EventCount | None) -> None:
        """Take in what became of events; before the statement that counts them."""
        if self._events is not None and events is not None:
            self._events = self._events.joined(events)

    def book(self, blocks: Sequence[Block], encoded: Encoded, statement: Statement | None) -> None:
        """Take in what became of the values of these blocks, and the statement that came with them."""
        stored = encoded.stored
        undecodable = sum(bad.values for bad in encoded.undecodable)
        self.rows += stored
        self.undecodable += undecodable
        self.left_out += sum(block.count for block in blocks) - stored - undecodable
        self._statement = statement or self._statement

    def is_due(self, now_s: float, *, is_last: bool = False) -> bool:
        """Whether to write it now; `now_s` is monotonic, `is_last` when there is no later moment."""
        new, old = self._statement, self._written
        if new is None or is_last:
            return new is not None and not (self._is_closed and new == old)
        if old is None or self._is_closed:
            return new != old
        is_old = now_s - self._written_s >= EVERY_S
        return (is_old and new != old) or (new.missing, new.lost, new.bare) != (old.missing, old.lost, old.bare)

    def hasten(self) -> None:
        """It is due at the next moment, if anything came since: rows that it does not count yet are about to go."""
        self._written_s = float("-inf")

    def write(self, now_s: float, last_row: int, window: Window, *, is_last: bool) -> Mapping[str, Any]:
        """The entry's detail; `last_row` is the `seq` of the newest row of the capture."""
        statement = self._statement
        assert statement is not None
        self._written, self._written_s, self._is_closed = statement, now_s, is_last
        facts = statement._asdict()
        del facts["published_ticks"], facts["missing"]
        own = {"rows": self.rows, "undecodable": self.undecodable, "left_out": self.left_out, "row": last_row}
        facts = {name: value for name, value in (facts | own).items() if value or name in _ALWAYS}
        published = _unix_ns(statement.published_ticks)
        return {
            **facts,
            "end": is_last,
            "until": None if published is None or self.left_out else window(published, None)[0],
            **self._of_events(statement),
            "missing": [_missing(hole, window) for hole in statement.missing[:_NAMED]],
            **({"holes": len(statement.missing)} if len(statement.missing) > _NAMED else {}),
        }

    def _of_events(self, statement: Statement) -> dict[str, int]:
        counted = self._events
        if counted is None or not (statement.events or counted.row):
            return {}
        return {f"event_{name}": count for name, count in counted._asdict().items()}


_ALWAYS = frozenset(("first", "next", "received", "values", "rows", "row", "keep_alives"))


def _missing(hole: Open, window: Window) -> list[int | None]:
    start, end = window(_unix_ns(hole.before_ticks), _unix_ns(hole.after_ticks))
    return [hole.first, hole.last, start, end]


def _unix_ns(ticks: int) -> int | None:
    return ticks_to_unix_ns(ticks) if ticks > 0 else None
