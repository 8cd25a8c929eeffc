"""A window that is open: known since when, not yet until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omptool.model.vocabulary import GapReason


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
