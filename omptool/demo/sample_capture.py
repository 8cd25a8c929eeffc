"""The sample shift as a capture: the messages of a server through the decoder, encoder and writer of a recording.

Clocks, ids and names are given, so the same bytes come out every time. Two things differ from what somebody recorded:
commits are a quarter of an hour apart instead of a second, which makes it small, and nothing tells of the computer it
was made on.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from omptool.capture.format import LOCK_FILE
from omptool.capture.nodetable import ServerIdentity
from omptool.capture.rows import Block, RowEncoder
from omptool.capture.writer import CaptureWriter
from omptool.demo import nodes
from omptool.demo.plant import MINUTE, SECOND, SITE
from omptool.demo.sample_shift import (
    BACK,
    CAPTURE_END,
    CAPTURE_START,
    LAST_MESSAGE,
    LINE,
    PUBLISHING,
    SESSIONS,
    SLOWED,
    Message,
    Session,
    channels,
    messages,
    server_time,
)
from omptool.demo.schedule import Change, Channel, Plant
from omptool.model.nodes import MonitoredNode, Node
from omptool.model.times import unix_ns_to_ticks
from omptool.model.vocabulary import GapReason, GapState
from omptool.opcua.serving.served import ServedValue
from omptool.opcua.serving.values import EncodedValue

CAPTURE_ID = "20261116T055950Z-7d0c2e91ab54"
MADE_WITH = "0.1.0"
"""Version in the session record: the first that made the sample, or every release would change its bytes."""

_HOST = "line1.riverside.example"
_URI = f"urn:{_HOST}:LineServer"
SERVER = ServerIdentity(
    server=_URI,
    application_uri=_URI,
    url=f"opc.tcp://{_HOST}:4840",
    name="line1",
    namespaces=nodes.NAMESPACES,
    build_info={
        "product_uri": "urn:omptool:demo", "manufacturer_name": "Example Controls", "product_name": "Line server",
        "software_version": "4.2.1", "build_number": "1177",
    },
)  # fmt: skip

_SESSION = {"omptool": MADE_WITH, "host": "collector.riverside.example", "pid": 2817}
_COMMIT = 15 * MINUTE
_SEGMENT_S = 7200.0
_QUEUE = 4000
_SWITCHED_ON = CAPTURE_START - 1440 * MINUTE
"""When the monotonic clock of the collector was 0."""

_HANDLE = struct.Struct("<I")
_CAUSE = "connection reset by peer"


def write(plant: Plant, path: Path) -> None:
    """Write the capture to the new folder `path`.

    Raises:
        OutputExists, DiskFull, OutputFailed: as `CaptureWriter`.
    """
    clock = _Clock()
    writer = CaptureWriter.create(
        path, capture_id=CAPTURE_ID, session=_SESSION, rotate_seconds=_SEGMENT_S, clock=clock, mono=clock.mono
    )
    recordings: list[_Recording] = []
    for now in _moments():
        clock.now = now
        if recordings:
            recordings[-1].bring(now)
        for session in SESSIONS:
            if session.start == now:
                if recordings:
                    recordings[-1].lost(now)
                recordings.append(_Recording(plant, session, writer))
        writer.commit()
    writer.close(detail={"reason": "until"})
    (path / LOCK_FILE).unlink()  # names the process that wrote, and nobody writes any more


def _moments() -> list[int]:
    """When the recording commits, in order."""
    return sorted({*range(CAPTURE_START, CAPTURE_END, _COMMIT), BACK, CAPTURE_END + SECOND})


class _Clock:
    """What the writer takes for the time."""

    def __init__(self) -> None:
        self.now = CAPTURE_START

    def __call__(self) -> int:
        return self.now

    def mono(self) -> int:
        return self.now - _SWITCHED_ON


class _Recording:
    """One session: its subscription, and its messages on their way into the capture."""

    def __init__(self, plant: Plant, session: Session, writer: CaptureWriter) -> None:
        self._session = session
        self._writer = writer
        self._channels = channels(plant)
        names = [*(channel.node_id for channel in self._channels), *(level.node_id for level in _levels())]
        self._handles = {name: handle for handle, name in enumerate(names, 1)}
        self._signals = {channel.node_id: channel.signal for channel in self._channels}
        self._messages = list(messages(plant, session))
        self._sub = self._open()
        self._encoder = RowEncoder(len(self._handles), sub=self._sub, started_ns=session.start, slack_ns=PUBLISHING)

    def bring(self, until: int) -> None:
        """Append the messages that have arrived by now."""
        arrived = [message for message in self._messages if message.receive_ns < until]
        del self._messages[: len(arrived)]
        rows = self._encoder.encode([self._block(message) for message in arrived]).rows
        if rows is not None:
            self._writer.append(rows)

    def lost(self, back_ns: int) -> None:
        """The connection broke, and is there again."""
        name, detail = SERVER.server, {"cause": _CAUSE}
        self._writer.journal("lost", server=name, sub=self._sub, detail=detail, time_ns=LAST_MESSAGE + SECOND // 2)
        self._writer.gap(
            GapReason.CONNECTION_LOST, server=name, start_ns=self._encoder.clock.since(LAST_MESSAGE), end_ns=back_ns,
            state=GapState.EXPLAINED, sub=self._sub, detail=detail,
        )  # fmt: skip

    def _open(self) -> int:
        """Write what a recording knows once its items are created; returns the subscription's handle."""
        writer, name, epoch = self._writer, SERVER.server, self._session.epoch
        writer.journal("connect", server=name, detail={"url": SERVER.url, "application_uri": name})
        writer.put_nodes(SERVER, self._node_table())
        interval_ms = PUBLISHING / 1e6
        facts = {
            "publishing_ms": interval_ms, "asked_publishing_ms": interval_ms, "asked_sampling_ms": 0.0,
            "keep_alive_count": 10, "lifetime_count": 100, "items": len(self._handles), "failed": 0,
        }  # fmt: skip
        sub = writer.subscription(name, epoch=epoch, subscription_id=40 + 7 * epoch, detail=facts)
        revised = [self._revision(channel) for channel in self._channels if channel.signal.name in SLOWED]
        writer.journal("revised", server=name, sub=sub, detail={"items": revised})
        return sub

    def _node_table(self) -> Sequence[MonitoredNode]:
        """All nodes of the server below Objects, monitored or not."""
        found = []
        for node in _nodes():
            handle = self._handles.get(node.node_id, 0)
            entry = MonitoredNode(node, handle, SERVER.server, CAPTURE_START)
            if handle:
                signal = self._signals.get(node.node_id)
                sampling_ms = SLOWED.get(signal.name, 0) / 1e6 if signal else 0.0
                entry = MonitoredNode(node, handle, SERVER.server, CAPTURE_START, sampling_ms, PUBLISHING / 1e6, _QUEUE)
            found.append(entry)
        return found

    def _revision(self, channel: Channel) -> dict[str, object]:
        return {
            "handle": self._handles[channel.node_id], "node_id": channel.node_id, "asked_sampling_ms": 0.0,
            "sampling_ms": SLOWED[channel.signal.name] / 1e6, "asked_queue_size": _QUEUE, "queue_size": _QUEUE,
            "sampled": True,
        }  # fmt: skip

    def _block(self, message: Message) -> Block:
        """A message as the network brings it."""
        items = [self._item(change) for change in message.changes]
        if message.sequence == 1:
            items += [self._first_of(level) for level in _levels()]
        mono = message.receive_ns - _SWITCHED_ON
        return Block(len(items), b"".join(items), message.receive_ns, mono, message.sequence, message.publish_ns)

    def _item(self, change: Change) -> bytes:
        variant = nodes.variant_of(self._signals[change.node_id], change.value)
        ticks = unix_ns_to_ticks(change.time_ns), unix_ns_to_ticks(server_time(change, self._session))
        return self._notification(change.node_id, EncodedValue(variant, change.status, ticks[0], 0, ticks[1]))

    def _first_of(self, level: ServedValue) -> bytes:
        """A value that never changes; many servers stamp it with the time at which they were asked."""
        asked = unix_ns_to_ticks(self._session.start)
        return self._notification(level.node_id, EncodedValue(level.variant, 0, asked, 0, asked))

    def _notification(self, node_id: str, value: EncodedValue) -> bytes:
        """A MonitoredItemNotification; the ClientHandle is the handle of the node."""
        return _HANDLE.pack(self._handles[node_id]) + value.data


def _nodes() -> Iterator[Node]:
    """The plant's nodes as the server of the line has them: the line's machines, and the equipment they stand in."""
    line = f"{SITE}/{LINE.area}/{LINE.name}"
    above = {SITE, f"{SITE}/{LINE.area}", line}
    levels = {f"{path}/EquipmentLevel" for path in above}
    for node in nodes.build():
        if node.path in above | levels | {"Machines"} or node.path.startswith(f"{line}/"):
            yield node


def _levels() -> list[ServedValue]:
    """What site, area and line are, in the terms of ISA-95: recorded too, or a replay would not know it."""
    wanted = {node.node_id for node in _nodes() if node.path.endswith("/EquipmentLevel")}
    return [value for value in nodes.constants() if value.node_id in wanted]
