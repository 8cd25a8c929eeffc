"""The events of one server in a recording: which of its items watch what, and their rows on the way into the capture.

Runs beside the `RecordingStore` of the same server, in the worker thread. Events are as safe as values: they are
acknowledged with the same commit, and a queue that ran over is a window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from omptool.capture.eventrows import Asked, EventEncoder
from omptool.capture.received import blocks
from omptool.model.vocabulary import GapReason, GapState
from omptool.protocol.publish import Events

if TYPE_CHECKING:
    from omptool.capture.store import RecordingStore
    from omptool.capture.writer import CaptureWriter
    from omptool.opcua.items import MonitoredItem
    from omptool.opcua.subscription_batch import Received


class Alarms:
    """Of one server.

    Attributes:
        rows: events stored.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._encoder: EventEncoder | None = None
        self._held: frozenset[int] = frozenset()

    def subscribed(
        self, items: Mapping[int, MonitoredItem], *, sub: int, namespaces: Sequence[str], started_ns: int
    ) -> None:
        """A subscription stands.

        Args:
            items: those that watch events, by the notifier's handle in the capture.
            sub: its handle in the capture.
        """
        asked = {
            item.requested.handle: Asked(node, wish.fields)
            for node, item in items.items()
            if (wish := item.requested.plain.events if item.unfiltered else item.requested.events) is not None
        }
        self._encoder = EventEncoder(asked, sub=sub, namespaces=namespaces, started_ns=started_ns) if asked else None
        self._held = frozenset()

    def held(self, numbers: frozenset[int]) -> None:
        """The events of these messages are in the capture, though they will be sent again: an earlier run died then."""
        self._held = numbers

    def write(self, writer: CaptureWriter, store: RecordingStore, notifications: Sequence[Received]) -> None:
        """Store what came."""
        came = [block for block in blocks(notifications, Events) if block.sequence not in self._held]
        if not came or self._encoder is None:
            return
        encoded = self._encoder.encode(came)
        if encoded.rows is not None:
            writer.append_events(encoded.rows)
            self.rows += encoded.rows.num_rows
        if encoded.refreshed:
            store.note("conditions_refreshed", {})
        for sequence, error in encoded.bad:
            store.note("undecodable", {"cause": "undecodable", "error": error, "sequence": sequence})
            block = next(block for block in came if block.sequence == sequence)
            at_ns = block.publish_ns or block.receive_ns
            self._window(
                writer, store, GapReason.SEQUENCE_LOST, None, at_ns, at_ns + 1, {"sequence": sequence, "error": error}
            )
        for overrun in encoded.overruns:
            cause = {"cause": "a queue of events ran over"}
            self._window(writer, store, GapReason.QUEUE_OVERFLOW, overrun.node, overrun.start_ns, overrun.end_ns, cause)

    def _window(
        self,
        writer: CaptureWriter,
        store: RecordingStore,
        reason: GapReason,
        node: int | None,
        start_ns: int,
        end_ns: int,
        detail: Mapping[str, object],
    ) -> None:
        store.gaps[str(reason)] += 1
        writer.gap(
            reason, server=store.name, start_ns=start_ns, end_ns=end_ns, state=GapState.EXPLAINED, node=node,
            sub=store.sub, missing=1, detail=detail,
        )  # fmt: skip
