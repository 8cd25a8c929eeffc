"""The events of one server in a recording: which of its items watch what, and their rows on the way into the capture.

Runs beside the `RecordingStore` of the same server, in the worker thread. Events are as safe as values: they are
acknowledged with the same commit, and a queue that ran over is a window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from omptool.capture.account import EventCount
from omptool.capture.eventrows import Asked, EventEncoder
from omptool.capture.recording.received import blocks
from omptool.model.vocabulary import GapReason, GapState
from omptool.protocol.publish import Events

if TYPE_CHECKING:
    from omptool.capture.recording.store import RecordingStore
    from omptool.capture.rows import Block
    from omptool.capture.writer import CaptureWriter
    from omptool.opcua.subscribing.items import MonitoredItem
    from omptool.opcua.subscribing.subscription_batch import Received


class Alarms:
    """Of one server.

    Attributes:
        rows: events stored.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._heard_ns = 0
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
        self._heard_ns = started_ns
        self._encoder = EventEncoder(asked, sub=sub, namespaces=namespaces, started_ns=started_ns)
        self._held = frozenset()

    def held(self, numbers: frozenset[int]) -> None:
        """The events of these messages are in the capture, though they will be sent again: an earlier run died then."""
        self._held = numbers

    def write(
        self, writer: CaptureWriter, store: RecordingStore, notifications: Sequence[Received]
    ) -> EventCount | None:
        """Store what came; what became of it."""
        came = [block for block in blocks(notifications, Events) if block.sequence not in self._held]
        if not came or self._encoder is None:
            return None
        encoded = self._encoder.encode(came)
        stored = 0 if encoded.rows is None else encoded.rows.num_rows
        if encoded.rows is not None:
            writer.append_events(encoded.rows)
            self.rows += stored
        if encoded.refreshed:
            store.note("conditions_refreshed", {})
        self._undecodable(writer, store, came, dict(encoded.bad))
        for overrun in encoded.overruns:
            cause = {"cause": "a queue of events ran over"}
            ends = overrun.start_ns, overrun.end_ns
            self._window(writer, store, GapReason.QUEUE_OVERFLOW, overrun.node, *ends, missing=1, detail=cause)
        return EventCount(stored, encoded.undecodable, encoded.signals, writer.event_rows)

    def _undecodable(
        self, writer: CaptureWriter, store: RecordingStore, came: Sequence[Block], bad: Mapping[int, str]
    ) -> None:
        """Windows of the messages whose events nobody can read: they happened since the message before."""
        for block in came:
            at_ns = block.publish_ns or block.receive_ns
            if block.sequence in bad:
                detail = {"cause": "undecodable", "error": bad[block.sequence], "sequence": block.sequence}
                store.note("undecodable", detail)
                ends = min(self._heard_ns, at_ns), at_ns + 1
                self._window(writer, store, GapReason.SEQUENCE_LOST, None, *ends, missing=block.count, detail=detail)
            self._heard_ns = max(self._heard_ns, at_ns)

    def _window(
        self,
        writer: CaptureWriter,
        store: RecordingStore,
        reason: GapReason,
        node: int | None,
        start_ns: int,
        end_ns: int,
        *,
        missing: int,
        detail: Mapping[str, object],
    ) -> None:
        store.gaps[str(reason)] += 1
        writer.gap(
            reason, server=store.name, start_ns=start_ns, end_ns=end_ns, state=GapState.EXPLAINED, node=node,
            sub=store.sub, missing=missing, detail=detail,
        )  # fmt: skip
