"""Waiting that ends early, by a stop or by an error: what reaches work that knows nothing of it. Knows no server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of `work`, or None when `stop` came first."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for pending in (task, stopped):
            pending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(task, stopped, return_exceptions=True)


async def settled(work: Coroutine[Any, Any, T]) -> T | BaseException:
    """The result of `work`, or what it failed with, without a task of its own; cancelled is only who is meant."""
    try:
        return await work
    except (Exception, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        return error


@contextlib.asynccontextmanager
async def limited(seconds: float | None) -> AsyncIterator[None]:
    """`asyncio.timeout` around what asyncua does: TimeoutError when the time is over.

    Where an answer comes in the very moment in which the time is over, asyncua's `wait_for` (wait_for2, before Python
    3.12) raises a kind of CancelledError of its own, which asyncio.timeout does not know for what it asked for. On a
    busy computer that moment lasts.
    """
    async with asyncio.timeout(seconds):
        try:
            yield
        except asyncio.CancelledError as error:
            raise asyncio.CancelledError from error


async def pass_on(event: asyncio.Event, to: asyncio.Event) -> None:
    """Set one event when another is set."""
    await event.wait()
    to.set()


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Until an event is set, but no longer than this."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
