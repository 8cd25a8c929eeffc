"""A subscriber at work on a scripted server, with what it handed on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from omptool.opcua.subscribing.flusher import Due, Flusher
from omptool.opcua.subscribing.granted import Subscription
from omptool.opcua.subscribing.items import MonitoredItem, RequestedItem
from omptool.opcua.subscribing.subscription import Subscriber
from omptool.opcua.subscribing.subscription_batch import Batch, Ending, Event
from tests.opcua.subscription_script import ScriptedServer


class Noted(Subscriber):
    """A subscriber of which a test sees what was acknowledged."""

    on_stored: Callable[[Batch, BaseException | None], None]

    def stored(self, batch: Batch, error: BaseException | None) -> None:
        super().stored(batch, error)
        self.on_stored(batch, error)


class Run:
    """A subscriber at work, with what it handed on."""

    def __init__(self, server: ScriptedServer, *, in_flight: int = 3, items: int = 1) -> None:
        self.server = server
        self.batches: list[Batch] = []
        self.events: list[Event] = []
        self.created: Subscription | None = None
        self.came: list[tuple[int, int]] = []
        self.stop = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.told = asyncio.Event()
        self.told.set()
        self.failure: Exception | None = None
        self._changed = asyncio.Condition()
        self.subscriber = Noted(
            server,  # type: ignore[arg-type]
            [RequestedItem(f"ns=2;i={number}", number) for number in range(1, items + 1)],
            publishing_ms=20.0,
            flusher=Flusher(self._store),
            owner=self,
            on_created=self._on_created,
            on_event=self.events.append,
            on_items=self._on_items,
            in_flight=in_flight,
        )
        self.subscriber.on_stored = self._note
        self.task = asyncio.create_task(self.subscriber.run(self.stop))

    async def _on_created(self, subscription: Subscription) -> None:
        self.created = subscription
        await self.told.wait()

    async def _on_items(self, subscription: Subscription, items: Sequence[MonitoredItem]) -> None:
        self.came += [(item.requested.handle, len(subscription.items)) for item in items]

    async def _store(self, due: Sequence[Due]) -> Sequence[Exception | None]:
        await self.gate.wait()
        return [self.failure for _ in due]

    def _note(self, batch: Batch, error: BaseException | None) -> None:
        if error is None:
            self.batches.append(batch)
            self._telling = asyncio.ensure_future(self._tell())

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    @property
    def numbers(self) -> list[int]:
        return [received.sequence for batch in self.batches for received in batch.notifications]

    @property
    def gaps(self) -> list[tuple[int, int]]:
        return [(gap.first, gap.last) for batch in self.batches for gap in batch.gaps]

    def kinds(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]

    async def holds(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(condition)

    async def finish(self) -> Ending:
        self.stop.set()
        return await self.task


def scripted(
    script: Callable[[Run], Awaitable[None]], *, in_flight: int = 3, items: int = 1, **options: Any
) -> Coroutine[Any, Any, None]:
    async def main() -> None:
        run = Run(ScriptedServer(**options), in_flight=in_flight, items=items)
        try:
            async with asyncio.timeout(60):
                await script(run)
        finally:
            run.task.cancel()
            await asyncio.gather(run.task, return_exceptions=True)

    return main()
