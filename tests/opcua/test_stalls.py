"""A process that stood still notices it, once, and how long it was."""

from __future__ import annotations

import asyncio
import contextlib
import time

from omptool.opcua.subscribing import stalls


async def watched(stand_still_s: float, *, stalled_s: float) -> list[float]:
    found: list[float] = []
    watching = asyncio.create_task(stalls.watch(found.append, every_s=0.01, stalled_s=stalled_s))
    await asyncio.sleep(0.05)
    time.sleep(stand_still_s)  # noqa: ASYNC251  it is what is tried
    await asyncio.sleep(0.05)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    return found


def test_standing_still_is_told_with_its_seconds() -> None:
    assert max(asyncio.run(watched(0.6, stalled_s=0.3))) >= 0.55


def test_a_process_that_runs_tells_nothing() -> None:
    assert asyncio.run(watched(0.0, stalled_s=30.0)) == []
