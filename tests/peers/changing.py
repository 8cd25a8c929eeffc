"""The schedule of `plant_changing.mjs`, told a second time: tick k is due at k periods since 1970, and value and status
follow from k."""

from __future__ import annotations

import struct
from collections.abc import Callable

from omptool.model import status
from tests.peers.rebuild import EPOCH_TICKS


def tick_of(source_ticks: int, period_ms: int) -> int:
    """k of a SourceTimestamp, which is exactly on the schedule."""
    k, rest = divmod(source_ticks - EPOCH_TICKS, period_ms * 10_000)
    assert rest == 0
    return k


def status_of(k: int) -> int:
    name = "BadSensorFailure" if k % 13 == 0 else "UncertainLastUsableValue" if k % 11 == 0 else "Good"
    return status.code_of(name)


def _text(text: str) -> bytes:
    return struct.pack("<Bi", 12, len(text)) + text.encode()


def _profile(k: int) -> bytes:
    values = [i + k % 1000 for i in range(k % 5)]
    return struct.pack(f"<Bi{len(values)}f", 0x8A, len(values), *values)


def _anything(k: int) -> bytes:
    return (
        struct.pack("<Bi", 6, k % 1000),
        struct.pack("<Bd", 11, k / 4),
        _text(str(k)),
        struct.pack("<B?", 1, True),
        struct.pack("<Bii", 0x86, 1, k % 10),
    )[k % 5]


CHANGING: dict[str, Callable[[int], bytes]] = {
    "Counter": lambda k: struct.pack("<Bq", 8, k * 1000003),
    "Ratio": lambda k: struct.pack("<Bd", 11, float("nan") if k % 7 == 0 else k * 0.1),
    "Text": lambda k: _text(f"tick {k}\0\x1b[31m"),
    "Flag": lambda k: struct.pack("<B?", 1, k % 3 == 0),
    "Profile": _profile,
    "Image": lambda k: struct.pack("<Bi4Hi2i", 0xC5, 4, k % 65536, 1, 2, 3, 2, 2, 2),
    "Moment": lambda k: struct.pack("<Bq", 13, k * 50 * 10_000 + EPOCH_TICKS),
    "Anything": _anything,
}
"""Variant bytes of tick k, by the name below Changing."""


def changes(name: str, first: int, last: int) -> list[int]:
    """The ticks from `first` to `last` that are changes of value or status; a server reports no other."""
    due = range(first + 1, last + 1)
    changed = (k for k in due if (CHANGING[name](k), status_of(k)) != (CHANGING[name](k - 1), status_of(k - 1)))
    return [first, *changed]
