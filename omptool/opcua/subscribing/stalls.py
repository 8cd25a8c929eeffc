"""Notices when this process stood still: stopped, starved of its processor, or with an event loop that somebody kept.

The servers' queues hold the values meanwhile, but only so long; so it is measured and told. Knows no server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

EVERY_S = 0.25
STALLED_S = 1.0
"""A timer that fires so late says that this process did not run."""


async def watch(on_stall: Callable[[float], None], *, every_s: float = EVERY_S, stalled_s: float = STALLED_S) -> None:
    """Tell by how many seconds this process stood still, each time that it was much; runs until it is cancelled."""
    while True:
        due = time.monotonic() + every_s
        await asyncio.sleep(every_s)
        late = time.monotonic() - due
        if late >= stalled_s:
            on_stall(late)
