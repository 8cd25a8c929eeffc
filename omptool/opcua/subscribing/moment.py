"""The wall clock and one that nobody sets, read at one moment.

Between two readings a starved process may stand still for seconds, which would look as if a clock had been set.
"""

from __future__ import annotations

import time

_APART_NS = 1_000_000
"""Readings that lie further apart than this are made again; they take a microsecond."""

_TRIES = 5


def moment() -> tuple[int, int]:
    """Unix nanoseconds, and monotonic nanoseconds."""
    best, found = -1, (0, 0)
    for _ in range(_TRIES):
        before, wall = time.monotonic_ns(), time.time_ns()
        apart = time.monotonic_ns() - before
        if best < 0 or apart < best:
            best, found = apart, (wall, before)
        if best <= _APART_NS:
            break
    return found
