"""How one node is to be recorded, where that differs from the rest: the words that flags, settings and lists share.

Pure. Nothing here is a default: what is None is as for all nodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from omptool.errors import UsageError
from omptool.model.eventfields import EventWish
from omptool.model.times import parse_duration

MOST_MS = 24 * 3600 * 1000.0
"""Longest interval taken: a day."""

MOST_QUEUE = 1_000_000


class Trigger(StrEnum):
    """What a server reports of a value (DataChangeTrigger, Part 4, 7.10)."""

    STATUS = "status"
    STATUS_VALUE = "status-value"
    STATUS_VALUE_TIMESTAMP = "status-value-timestamp"


class Discard(StrEnum):
    """What a server drops when the queue of a node runs over."""

    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Deadband:
    """How far a number must move to be reported: absolute, or in percent of its EURange (Part 8, 7.2)."""

    value: float
    is_percent: bool = False

    def __str__(self) -> str:
        return f"{self.value:g}{'%' * self.is_percent}"


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Settings of one node; None = as for all.

    Attributes:
        sampling_ms: how often the server looks; 0 is the fastest it has.
        queue_size: values that wait at the server; None is computed from the intervals.
        poll_ms: read it so often instead of subscribing; 0 = do subscribe.
        events: it is an object, and these events of it are wanted instead of a value.
        heartbeat_ms: repeat the last value when nothing came for so long; 0 = never.
    """

    sampling_ms: float | None = None
    queue_size: int | None = None
    discard: Discard | None = None
    trigger: Trigger | None = None
    deadband: Deadband | None = None
    poll_ms: float | None = None
    heartbeat_ms: float | None = None
    events: EventWish | None = None

    def over(self, below: Monitoring) -> Monitoring:
        """These settings, and those of `below` for what they leave open."""
        if self == AS_ALL:
            return below
        return replace(below, **self.said())

    def said(self) -> dict[str, Any]:
        """What is set, by name."""
        found = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in found if value is not None}


AS_ALL = Monitoring()


def parse_interval(text: str) -> float:
    """Milliseconds of `0` or a duration such as `250ms`, `5s`.

    Raises:
        UsageError: neither, or longer than a day.
    """
    if text.strip() == "0":
        return 0.0
    milliseconds = parse_duration(text.strip()) / timedelta(milliseconds=1)
    if milliseconds > MOST_MS:
        raise UsageError(f"{text!r} is longer than a day", "write a duration such as 250ms, 5s or 10m")
    return milliseconds


def parse_queue(text: str) -> int:
    """Number of values.

    Raises:
        UsageError: no number from 1 to `MOST_QUEUE`.
    """
    plain = text.strip()
    if not (plain.isascii() and plain.isdigit() and len(plain) <= 9 and 1 <= int(plain) <= MOST_QUEUE):
        raise UsageError(f"{text!r} is no queue size", f"write a number from 1 to {MOST_QUEUE}")
    return int(plain)


def parse_deadband(text: str, *, is_percent: bool | None = None) -> Deadband:
    """`0.5` is absolute, `2%` of the node's EURange; `is_percent` says it where the text need not.

    Raises:
        UsageError: not a number, negative, or more than 100 %.
    """
    plain = text.strip()
    percent = plain.endswith("%") or bool(is_percent)
    try:
        value = float(plain.removesuffix("%"))
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf or (percent and value > 100) or (is_percent is False and plain.endswith("%")):
        raise UsageError(f"{text!r} is no deadband", "write a number such as 0.5, or a share of the range such as 2%")
    return Deadband(value, percent)


def parse_trigger(text: str) -> Trigger:
    """One of `Trigger`; case, spaces, `-` and `_` do not matter, so OPC UA's own spelling is fine.

    Raises:
        UsageError: none of them.
    """
    wanted = _letters(text)
    for trigger in Trigger:
        if _letters(trigger) == wanted:
            return trigger
    raise UsageError(f"{text!r} is no trigger", f"write {', '.join(Trigger)}")


def parse_discard(text: str) -> Discard:
    """One of `Discard`.

    Raises:
        UsageError: none of them.
    """
    try:
        return Discard(text.strip().lower())
    except ValueError:
        raise UsageError(f"{text!r} is no discard policy", f"write {' or '.join(Discard)}") from None


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
