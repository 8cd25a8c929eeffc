"""The writing half of a recording: what was received goes in, and stays in, in the order it came.

Runs in one worker thread and is the only thing there that touches the writer. Knows no server and no event loop;
whoever receives hands in blocks, gaps and journal entries, and may acknowledge after `commit`.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from omptool.capture.nodetable import ServerIdentity
from omptool.capture.rows import Block, Encoded, RowEncoder
from omptool.capture.writer import CaptureWriter
from omptool.errors import OutputFailed
from omptool.model import status
from omptool.model.nodes import MonitoredNode
from omptool.model.vocabulary import GapReason, GapState


class Hole(NamedTuple):
    """Messages between two PublishTimes (Unix nanoseconds, None = unknown) that never arrived."""

    before_ns: int | None
    after_ns: int | None
    missing: int
    detail: Mapping[str, Any]


_NAMED = 20
"""Nodes named in one journal entry about overflows; the gaps name all."""

_REVISED_PER_ENTRY = 200


class RecordingStore:
    """One server's part of a capture being written.

    Attributes:
        rows: telemetry rows stored, committed or not.
        gaps: gap rows written, by reason.
        overflows: values that carried the Overflow bit.
        is_full: whether the asked number of rows is reached; further rows are left out.
    """

    def __init__(self, writer: CaptureWriter, server: ServerIdentity, *, count: int | None = None) -> None:
        self._writer = writer
        self._server = server
        self._count = count
        self._sub: int | None = None
        self._encoder: RowEncoder | None = None
        self._published_ns: int | None = None
        self.rows = self.overflows = 0
        self.gaps: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        return self._count is not None and self.rows >= self._count

    @property
    def bytes(self) -> int:
        """Acknowledged bytes on disk."""
        return self._writer.bytes_written

    def open(
        self,
        nodes: Sequence[MonitoredNode],
        *,
        epoch: int,
        subscription_id: int,
        publishing_ms: float,
        facts: Mapping[str, Any],
    ) -> None:
        """Record the server's nodes and the subscription; before the first block."""
        facts = {"publishing_ms": publishing_ms, **facts}
        self._writer.put_nodes(self._server, nodes)
        self._sub = self._writer.subscription(
            self._server.server, epoch=epoch, subscription_id=subscription_id, detail=facts
        )
        handles = max((node.handle for node in nodes), default=0)
        self._encoder = RowEncoder(
            handles, sub=self._sub, started_ns=time.time_ns(), slack_ns=round(publishing_ms * 1e6)
        )

    def note(self, kind: str, detail: Mapping[str, Any], time_ns: int | None = None) -> None:
        """Add a journal entry."""
        self._writer.journal(kind, server=self._server.server, sub=self._sub, detail=detail, time_ns=time_ns)

    def revised(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Journal where the server granted something else than was asked for."""
        for start in range(0, len(items), _REVISED_PER_ENTRY):
            self.note("revised", {"items": items[start : start + _REVISED_PER_ENTRY]})

    def item_failed(self, handle: int, node_id: str, code: int, since_ns: int) -> None:
        """An item that the server would not create: nothing of it is in the capture."""
        detail = {"node_id": node_id, "status": code, "status_name": status.name(code)}
        self.note("item_failed", detail)
        self._gap(GapReason.ITEM_FAILED, since_ns, None, node=handle, detail=detail)

    def append(self, blocks: Sequence[Block], holes: Sequence[Hole] = ()) -> None:
        """Store the values of these blocks, up to the asked number of rows, and where messages are missing.

        A hole may lie before, between or behind the blocks: its window spans what arrived around all of them.
        """
        assert self._encoder is not None
        if self.is_full:
            return
        encoded = self._encoder.encode(blocks, None if self._count is None else self._count - self.rows)
        if encoded.rows is not None:
            self._writer.append(encoded.rows)
            self.rows += encoded.rows.num_rows
        self._note_overflows(encoded)
        for hole in holes:
            self._lost(hole)
        for bad in encoded.undecodable:
            detail = {"cause": "undecodable", "error": bad.error, "sequence": bad.block.sequence}
            self.note("undecodable", detail)
            self._lost(Hole(self._published_ns, bad.block.publish_ns, bad.values, detail))
        if blocks:
            self._published_ns = blocks[-1].publish_ns

    def connection_lost(self, last_ns: int | None, cause: str) -> None:
        """Nothing is known after the last message."""
        self.note("lost", {"cause": cause})
        self._gap(GapReason.CONNECTION_LOST, self._since(last_ns), None, detail={"cause": cause})

    def stopped_early(self, reason: GapReason, last_ns: int | None, cause: str) -> None:
        """The recording could not go on for a reason on our side."""
        self._gap(reason, self._since(last_ns), None, detail={"cause": cause})

    def commit(self) -> None:
        """Make everything so far durable.

        Raises:
            DiskFull, OutputFailed: nothing of it may be acknowledged.
        """
        self._writer.commit()

    def close(self, reason: str, detail: Mapping[str, Any] | None = None) -> None:
        """End the capture in good order.

        Raises:
            DiskFull, OutputFailed: what was committed before is safe.
        """
        self._writer.close("stop", {"reason": reason, **(detail or {})})

    def close_anyway(self, reason: str, detail: Mapping[str, Any]) -> None:
        """End the capture as well as a full disk allows; files and lock are released in any case."""
        with contextlib.suppress(OutputFailed):
            self.close(reason, detail)

    def _note_overflows(self, encoded: Encoded) -> None:
        if not encoded.overflows:
            return
        self.overflows += len(encoded.overflows)
        nodes = sorted({overflow.node for overflow in encoded.overflows})
        self.note("overflow", {"values": len(encoded.overflows), "handles": nodes[:_NAMED], "nodes": len(nodes)})
        for overflow in encoded.overflows:
            self._gap(GapReason.QUEUE_OVERFLOW, overflow.start_ns, overflow.end_ns, node=overflow.node, missing=1)

    def _lost(self, hole: Hole) -> None:
        assert self._encoder is not None
        start, end = self._since(hole.before_ns), self._encoder.clock.until(hole.after_ns)
        if end is not None:
            start, end = min(start, end), max(start, end)
        self._gap(GapReason.SEQUENCE_LOST, start, end, missing=hole.missing, detail=hole.detail)

    def _since(self, publish_ns: int | None) -> int:
        """Where a window begins after this PublishTime."""
        if self._encoder is None:
            return time.time_ns() if publish_ns is None else publish_ns
        return self._encoder.clock.since(publish_ns)

    def _gap(
        self,
        reason: GapReason,
        start_ns: int,
        end_ns: int | None,
        *,
        node: int | None = None,
        missing: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        self.gaps[str(reason)] += 1
        self._writer.gap(
            reason, server=self._server.server, start_ns=start_ns, end_ns=end_ns, state=GapState.EXPLAINED,
            node=node, sub=self._sub, missing=missing, detail=detail,
        )  # fmt: skip
