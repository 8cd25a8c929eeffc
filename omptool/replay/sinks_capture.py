"""A recording into a new capture: a stretch of it, some of its nodes, or the same with other stamps.

What the old one knows goes along: servers, nodes, subscriptions, what the server granted, and the gaps that concern the
rows. The last values before the first row become its carried rows. OPC UA events are not copied.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from omptool.capture.format import SEGMENT
from omptool.capture.reader import Capture
from omptool.capture.writer import CaptureWriter
from omptool.model.contracts import GAPS
from omptool.model.nodes import MonitoredNode
from omptool.model.vocabulary import GapReason, GapState
from omptool.replay.player import Group, Player
from omptool.replay.timeline import Choice

COMMIT_ROWS = 65_536
_PLAIN_TIMES = pa.schema(
    [pa.field(field.name, pa.int64()) if pa.types.is_timestamp(field.type) else field for field in GAPS]
)
_COPIED = frozenset(
    {"connect", "revised", "overflow", "undecodable", "lost", "unreachable", "clock_step", "type_change", "marker"}
)


async def record(capture: Capture, choice: Choice, player: Player, output: Path, *, force: bool) -> int:
    """Play everything into a new capture; returns its rows. What is written when it is cancelled stays, whole.

    Raises:
        OutputExists, Busy, DiskFull, OutputFailed: as `CaptureWriter.create` and `commit`.
    """
    session = {"replay_of": capture.id, "stamp": str(player.options.stamp)}
    writer = CaptureWriter.create(output, force=force, session=session)
    ended = "cancelled"
    try:
        _describe(capture, choice, writer)
        if (opening := player.opening()) is not None and opening.num_rows:
            writer.carry(_carried(opening, player))
        waiting = 0
        async for group in player.groups():
            writer.append(_on_own_clock(group))
            waiting += group.rows.batch.num_rows
            if waiting >= COMMIT_ROWS or player.options.rate is not None:
                writer.commit()
                waiting = 0
        ended = "end of the recording"
    finally:
        _gaps(capture, choice, player, writer)
        writer.close(detail={"reason": ended})
    return writer.rows


def _describe(capture: Capture, choice: Choice, writer: CaptureWriter) -> None:
    """Servers, nodes and subscriptions; nodes that are not played are known, but not monitored."""
    for _, table in capture.tables.tables:
        writer.put_nodes(table.server, [_monitored(node, choice) for node in table.nodes])
    for entry in capture.journal_entries:
        if entry.kind == "subscribe":
            detail = dict(entry.detail)
            epoch, number = detail.pop("epoch", 0), detail.pop("subscription_id", 0)
            writer.subscription(entry.server or "", epoch=epoch, subscription_id=number, detail=detail)
        elif entry.kind in _COPIED:
            writer.journal(entry.kind, server=entry.server, sub=entry.sub, detail=entry.detail, time_ns=entry.time)


def _monitored(node: MonitoredNode, choice: Choice) -> MonitoredNode:
    if not node.handle or choice.handles is None or node.handle in choice.handles:
        return node
    return replace(node, handle=0, sampling_ms=None, publishing_ms=None, queue_size=None)


def _carried(opening: pa.RecordBatch, player: Player) -> pa.RecordBatch:
    """Of what holds at the start, the rows that are not played themselves; they come first."""
    return opening.slice(0, opening.num_rows - len(player.known.opened))


def _on_own_clock(group: Group) -> pa.RecordBatch:
    """Rows whose monotonic clock is that of the replayed recording: it goes on from round to round."""
    at = SEGMENT.get_field_index("receive_mono")
    return group.rows.batch.set_column(at, SEGMENT.field(at), pa.array(group.position))


def _gaps(capture: Capture, choice: Choice, player: Player, writer: CaptureWriter) -> None:
    """Windows in which values may be missing, as far as they lie in the stretch that is played, in every round."""
    handles = {(node.server, node.node.node_id): node.handle for node in capture.nodes()}
    played = {node.server for node in capture.nodes() if choice.handles is None or node.handle in choice.handles}
    for row in capture.gaps().cast(_PLAIN_TIMES).to_pylist():
        begin, end = row["start_time"], row["end_time"]
        node = None if row["node_id"] is None else handles.get((row["server"], row["node_id"]))
        if choice.end_us is not None and begin is not None and begin >= choice.end_us:
            continue
        if choice.start_us is not None and end is not None and end <= choice.start_us:
            continue
        if choice.handles is not None and row["server"] not in played:
            continue
        if node is not None and choice.handles is not None and node not in choice.handles:
            continue
        for number in range(player.rounds):
            writer.gap(
                GapReason(row["reason"]),
                server=row["server"],
                node=node,
                start_ns=player.moved((begin or 0) * 1000, number),
                end_ns=None if end is None else player.moved(end * 1000, number),
                state=GapState(row["state"]),
                missing=row["missing"],
                detail={"replay_of": capture.id},
            )
