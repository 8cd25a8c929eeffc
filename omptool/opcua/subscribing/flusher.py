"""One beat for all subscriptions: what has gathered in any of them is handed on together, and acknowledged after that.

With a beat of its own each of 3,000 servers would cause four commits a second. Here whoever has data is taken with the
next beat, and there is one commit for all. When storing is slow nothing is taken meanwhile, so data stays in the
subscriptions; where these hold too much together, `is_full` says so, and they ask their servers for nothing more.
Knows no server and no file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol

from omptool.opcua.subscribing.subscription_batch import FLUSH_S, Batch
from omptool.opcua.subscribing.waiting import wait_at_most

MOST_BYTES = 48 << 20
"""Undecoded values that all subscriptions may hold together before nobody asks for more."""


class Source(Protocol):
    """Somebody who has data at times."""

    owner: Any
    """Whom its batches belong to; for whoever stores them."""

    def take(self) -> Batch:
        """Everything held."""

    def stored(self, batch: Batch, error: BaseException | None) -> None:
        """A batch of `take` is safe, or could not be stored."""


class Due(NamedTuple):
    """A batch to be stored."""

    source: Source
    batch: Batch


Store = Callable[[Sequence[Due]], Awaitable[Sequence[BaseException | None]]]
"""Makes batches durable; by batch what went wrong with it alone. What it raises went wrong with all."""


class Flusher:
    """Takes what sources have, every `FLUSH_S` while there is any, sooner when one of them asks for it.

    Args:
        store: never called before its last call has ended.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[Source, None] = {}
        self._held = 0
        self._urgent = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether nobody should ask for more, because all together hold as much as is bearable."""
        return self._held >= MOST_BYTES

    def has_data(self, source: Source, *, size: int = 0, urgent: bool = False) -> None:
        """Take this source with the next beat; it holds `size` bytes more than before."""
        self._waiting[source] = None
        self._held += size
        if urgent:
            self._urgent.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def forget(self, source: Source) -> None:
        """It has nothing any more."""
        self._waiting.pop(source, None)

    async def _run(self) -> None:
        while self._waiting:
            await wait_at_most(self._urgent, FLUSH_S)
            self._urgent.clear()
            due = [Due(source, source.take()) for source in self._waiting]
            self._waiting.clear()
            self._held = 0
            if due:
                await self._flush(due)

    async def _flush(self, due: Sequence[Due]) -> None:
        [outcome] = await asyncio.gather(self._store(due), return_exceptions=True)
        errors = [outcome] * len(due) if isinstance(outcome, BaseException) else outcome
        for (source, batch), error in zip(due, errors, strict=True):
            source.stored(batch, error)
