"""Stretches of which a capture may lack values, from when one opens until its end is known. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from omptool.model.vocabulary import GapReason

_REMEMBERED = 16
"""Pauses that are looked at; what a queue lost is known soon after."""


class Hole(NamedTuple):
    """Messages between two PublishTimes (Unix nanoseconds, None = unknown) that never arrived."""

    before_ns: int | None
    after_ns: int | None
    missing: int
    detail: Mapping[str, Any]


class Pauses:
    """When this process asked servers for nothing, because it was stopped or too busy; on our clock."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []

    def note(self, end_ns: int, seconds: float) -> None:
        """One that ended just now."""
        self._spans = [*self._spans[1 - _REMEMBERED :], (end_ns - round(seconds * 1e9), end_ns)]

    def seconds(self, start_ns: int, end_ns: int) -> float:
        """The longest that met this stretch; 0 = we did ask."""
        met = [end - start for start, end in self._spans if start <= end_ns and start_ns <= end]
        return max(met, default=0) / 1e9


@dataclass(slots=True)
class Outage:
    """A stretch without a subscription, or of one node without an item; written when it begins and when it ends.

    Attributes:
        sub: the subscription that was lost.
        by_our_clock: whether `start_ns` is a moment of our clock, because the server's was never heard.
        is_held: whether it is held back from the capture, because it may yet be made good.
        is_foreign: whether it is one of the rows' own clock; only for a window of an earlier run.
        attempts, last: failed ones since it began, and the cause of the last.
    """

    key: str
    reason: GapReason
    start_ns: int
    detail: Mapping[str, Any]
    sub: int | None = None
    by_our_clock: bool = False
    is_held: bool = False
    is_foreign: bool = False
    attempts: int = 0
    last: str = ""

    @property
    def evidence(self) -> dict[str, Any]:
        more: dict[str, Any] = {"attempts": self.attempts} if self.attempts else {}
        if self.last and self.last != self.detail.get("cause"):
            more["last_attempt"] = self.last
        return {**self.detail, **more}
