"""What a recording asks of one server beside its subscription: history for windows, reads and repeats in cycles.

Begun anew with every session; what one of them fails at is its own. Knows when, not how.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from omptool.capture.recording.choosing import Found, beating, polled
from omptool.capture.recording.filling import Filling
from omptool.capture.recording.growing import Growing
from omptool.capture.recording.heartbeats import Heartbeats
from omptool.capture.recording.outcome import values_of
from omptool.capture.recording.polling import Polling, tell_unread
from omptool.opcua.session import Session
from omptool.opcua.subscribing.items import MonitoredItem
from omptool.opcua.subscribing.subscription_batch import Event

if TYPE_CHECKING:
    from omptool.capture.recording.recorder import Recording
    from omptool.capture.recording.store import RecordingStore
    from omptool.capture.resume import Left


class Errands:
    """Of one server."""

    def __init__(self, recording: Recording, is_capturing: Callable[[], bool], event: Callable[[Event], None]) -> None:
        self.growing = Growing(recording, event)
        self.polling = Polling(recording)
        self.heartbeats = Heartbeats(recording, is_capturing)
        self._filling = Filling(recording)

    async def fill(
        self,
        session: Session,
        store: RecordingStore,
        found: Found | None,
        items: Sequence[MonitoredItem],
        base: int,
        publishing_ms: float,
    ) -> None:
        """There are items again, so a window may have ended; the first node's handle is `base` + 1."""
        by_id = {node.node_id: node for node in found.chosen} if found else {}
        monitored = [item for item in values_of(items) if item.is_monitored]
        nodes = {base + item.requested.handle: by_id[item.requested.node_id] for item in monitored}
        await self._filling.start(session, store, nodes, publishing_ms)

    async def start_cycles(self, session: Session, store: RecordingStore, found: Found, base: int) -> None:
        """What is read and repeated in this session."""
        await self.polling.start(session, store, polled(found.chosen, found.asked, base))
        await self.heartbeats.start(store, beating(found.chosen, found.asked, base))

    @staticmethod
    def went_on(store: RecordingStore, found: Found, base: int, left: Left) -> None:
        """The subscription of an earlier run is ours; what is read in cycles was not read meanwhile. In the thread."""
        tell_unread(store, polled(found.chosen, found.asked, base), left, time.time_ns())

    def committed(self) -> None:
        """Something is on disk; perhaps a window, which history may fill."""
        self._filling.look()

    async def stop(self) -> None:
        """Nothing more is asked for."""
        await self.growing.stop()
        await self._filling.stop()
        await self.polling.stop()
        await self.heartbeats.stop()
