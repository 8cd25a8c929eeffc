"""Asks a server for what a recording missed: the one errand between a window in the capture and HistoryRead.

Runs beside the live values and never before them; whatever goes wrong leaves the window as it was, with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from omptool.errors import OmptoolError
from omptool.model.nodes import HISTORY_READ
from omptool.opcua.history import read_raw
from omptool.protocol.columns import ItemColumns

if TYPE_CHECKING:
    from omptool.capture.recording.filler import Filler
    from omptool.capture.recording.recorder import Recording
    from omptool.capture.recording.store import RecordingStore
    from omptool.model.nodes import Node
    from omptool.opcua.session import Session

NO_HISTORY = "the server keeps no history of it"


class Filling:
    """The errand of one server; a new one ends the one before."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._task: asyncio.Task[None] | None = None
        self._fill: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._store: RecordingStore | None = None

    async def start(
        self, session: Session, store: RecordingStore, nodes: Mapping[int, Node], publishing_ms: float
    ) -> None:
        """Fill with this session from now on; does not wait."""
        await self.stop()
        wait_s = 0.5 + 2 * publishing_ms / 1000
        self._store = store
        self._fill = lambda: fill(session, self._recording, store, nodes, wait_s)
        self.look()

    def look(self) -> None:
        """Begin, where a window waits; does not wait."""
        filler = self._store.filler if self._store is not None else None
        is_idle = self._task is None or self._task.done()
        if self._fill is not None and filler is not None and filler.is_waiting and is_idle:
            self._task = asyncio.create_task(self._fill())

    async def stop(self) -> None:
        """What was not fetched from history by now is not."""
        self._fill = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def fill(
    session: Session, recording: Recording, store: RecordingStore, nodes: Mapping[int, Node], wait_s: float
) -> None:
    """Fill the windows that wait.

    Args:
        nodes: monitored ones, by their handle.
        wait_s: until their first values have arrived.
    """
    filler = store.filler
    while filler is not None and filler.is_waiting:
        await asyncio.sleep(wait_s)
        if store.sub is None:
            return
        while await _fill_next(session, recording, store, filler, nodes, store.sub):
            pass


async def _fill_next(
    session: Session, recording: Recording, store: RecordingStore, filler: Filler, nodes: Mapping[int, Node], sub: int
) -> bool:
    """Ask for what is to be filled next; False where nothing was."""
    plan = await recording.in_thread(lambda: filler.begin(list(nodes)))
    if plan is None:
        return False
    handles = plan.handles
    historized = {handle for handle, node in nodes.items() if (node.access_level or 0) & HISTORY_READ}
    numbers = plan.asked(historized)
    endings = [NO_HISTORY] * len(handles)

    async def on_values(at: int, columns: ItemColumns) -> None:
        await recording.in_thread(lambda: filler.fill(numbers[at], columns, sub))

    try:
        ends = await read_raw(session, [nodes[handles[n]].node_id for n in numbers], *plan.span, on_values)
    except OmptoolError as error:
        ends = [error.message] * len(numbers)
    for number, end in zip(numbers, ends, strict=True):
        endings[number] = end
    await recording.in_thread(lambda: filler.end(endings, store.name, sub))
    return True
