"""Looks for new nodes now and then while a server is recorded, and for nodes that are gone.

A look costs what browsing costs, so it runs beside everything else and takes its turn like a server that connects. New
nodes are monitored on the subscription that stands; what is gone is only said, since its server tells what that means
for its value. A look that fails is said too, and the next one comes all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from omptool.capture.recording.choosing import Found, Grown, grown, named
from omptool.capture.recording.terms import Selection
from omptool.errors import OmptoolError, OutputFailed
from omptool.opcua.session import Session
from omptool.opcua.subscribing.subscription_batch import Event

if TYPE_CHECKING:
    from omptool.capture.recording.recorder import Recording

Take = Callable[[Session, Grown], Awaitable[None]]
"""Have new nodes monitored."""


class Growing:
    """Of one server."""

    def __init__(self, recording: Recording, event: Callable[[Event], None]) -> None:
        self._recording = recording
        self._event = event
        self._task: asyncio.Task[None] | None = None
        self._gone: set[str] = set()
        self._is_full = False

    async def start(
        self,
        session: Session,
        selection: Selection,
        now: Callable[[], tuple[Found | None, int]],
        take: Take,
        every_s: float,
    ) -> None:
        """Begin, where that was asked for; does not wait. What ran before ends.

        Args:
            now: what is monitored, and how many handles are free.
        """
        await self.stop()
        self._is_full = False
        if every_s:
            self._task = asyncio.create_task(self._run(session, selection, now, take, every_s))

    async def stop(self) -> None:
        """Nobody looks any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(
        self,
        session: Session,
        selection: Selection,
        now: Callable[[], tuple[Found | None, int]],
        take: Take,
        every_s: float,
    ) -> None:
        while True:
            await asyncio.sleep(every_s)
            found, free = now()
            if session.closed.is_set() or found is None:
                return
            try:
                async with self._recording.gate.turn():
                    seen = await grown(session, selection, found)
                self._tell(seen, free)
                if seen.new and free:
                    await take(session, seen.at_most(free))
            except OutputFailed:
                return  # whoever stores values is told the same
            except OmptoolError as error:
                if not session.closed.is_set():
                    self._event(Event("look_failed", None, {"cause": error.message}))

    def _tell(self, seen: Grown, free: int) -> None:
        gone, self._gone = seen.gone - self._gone, set(seen.gone)
        if gone:
            self._event(named("nodes_gone", sorted(gone)))
        taken = [node.node_id for node in seen.new[:free]]
        left = len(seen.new) - len(taken)
        if taken or (left and not self._is_full):
            self._is_full = bool(left)
            told = named("nodes_new", taken)
            self._event(Event(told.kind, None, {**told.detail, "later": left}) if left else told)
