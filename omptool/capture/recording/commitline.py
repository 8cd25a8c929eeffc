"""The one way to the disk for everybody who records: one thread, work in the order it came, one sync for all that wait.

A slow disk makes servers wait together instead of one after the other: whatever has gathered while the disk was busy is
written with the next sync, and nobody's work is taken twice before everybody's was taken once. Knows no server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

_SLOW_S = 1.0
"""A commit that takes longer is worth telling, once for all who wait."""


class _Waiting(NamedTuple):
    work: Callable[[], Any]
    done: asyncio.Future[Any]


class CommitLine:
    """Runs work in one thread and syncs behind it.

    Args:
        sync: makes everything done so far durable; called in the thread.
        on_slow: told when work and its sync took longer than a second together: seconds, and how many waited for it.
    """

    def __init__(self, sync: Callable[[], object], on_slow: Callable[[float, int], object]) -> None:
        self._sync = sync
        self._on_slow = on_slow
        self._thread = ThreadPoolExecutor(1, "capture-writer")
        self._waiting: list[_Waiting] = []
        self._drainer: asyncio.Task[None] | None = None

    async def commit(self, work: Callable[[], T]) -> T:
        """The result of `work`, as soon as it is on disk.

        Raises:
            Exception: what `work` raised, for its own caller only; or what the sync raised, for all who waited for it.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(work, done))
        if self._drainer is None or self._drainer.done():
            self._drainer = asyncio.create_task(self._drain())
        return await done

    async def close(self) -> None:
        """Wait for what is under way, and end the thread."""
        if self._drainer is not None:
            await self._drainer
        self._thread.shutdown()

    async def _drain(self) -> None:
        while self._waiting:
            together, self._waiting = self._waiting, []
            begun = time.monotonic()
            outcomes = await self._in_thread([waiting.work for waiting in together])
            [synced] = await self._in_thread([self._sync])
            if (seconds := time.monotonic() - begun) >= _SLOW_S:
                self._on_slow(seconds, len(together))
            for waiting, outcome in zip(together, outcomes, strict=True):
                if waiting.done.done():  # whoever waited was cancelled; the work is done all the same
                    continue
                error = next((each for each in (outcome, synced) if isinstance(each, BaseException)), None)
                if error is not None:
                    waiting.done.set_exception(error)
                else:
                    waiting.done.set_result(outcome)

    async def _in_thread(self, works: list[Callable[[], Any]]) -> list[Any]:
        """Results or exceptions, in order; there is one thread, so nothing overtakes."""
        loop = asyncio.get_running_loop()
        running = [loop.run_in_executor(self._thread, work) for work in works]
        return await asyncio.gather(*running, return_exceptions=True)
