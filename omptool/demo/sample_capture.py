"""A sample as a capture: the messages of a server through the decoder, encoder and writer of a recording.

Clocks, ids and names are given, so the same bytes come out every time. Two things differ from what somebody recorded:
commits are a quarter of an hour apart instead of a second, which makes it small, and nothing tells of the computer it
was made on.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from omptool.capture.eventrows import Asked, EventEncoder
from omptool.capture.format import LOCK_FILE
from omptool.capture.nodetable import ServerIdentity
from omptool.capture.rows import Block, RowEncoder
from omptool.capture.selecting.selection import SERVER_OBJECT
from omptool.capture.writer import CaptureWriter
from omptool.demo import nodes, sample_events, sample_packml
from omptool.demo.plant import MINUTE, SECOND, SITE
from omptool.demo.sample_plans import PUBLISHING, Outage, Recording, Session
from omptool.demo.sample_shift import Message, messages, server_time, tags
from omptool.demo.schedule import Change, Plant
from omptool.model.nodes import MonitoredNode, Node
from omptool.model.times import datetime_of, unix_ns_to_ticks
from omptool.model.vocabulary import GapState
from omptool.opcua.serving.served import ServedValue
from omptool.opcua.serving.values import EncodedValue

MADE_WITH = "0.1.0"
"""Version in the session record: the first that made the sample, or every release would change its bytes."""

_BUILD = {
    "product_uri": "urn:omptool:demo", "manufacturer_name": "Example Controls", "product_name": "Line server",
    "software_version": "4.2.1", "build_number": "1177",
}  # fmt: skip

_SESSION = {"omptool": MADE_WITH, "host": "collector.riverside.example", "pid": 2817}
_COMMIT = 15 * MINUTE
_SEGMENT_S = 7200.0
_QUEUE = 4000
_UP = 1440 * MINUTE
"""How long the collector's monotonic clock has been running when the recording starts."""

_HANDLE = struct.Struct("<I")


def write(plant: Plant, recording: Recording, path: Path) -> None:
    """Write the capture to the new folder `path`.

    Raises:
        OutputExists, DiskFull, OutputFailed: as `CaptureWriter`.
    """
    clock = _Clock(recording)
    writer = CaptureWriter.create(
        path, capture_id=capture_id(recording), session=_SESSION, rotate_seconds=_SEGMENT_S, clock=clock,
        mono=clock.mono,
    )  # fmt: skip
    connections: list[_Connection] = []
    outages = {outage.back: outage for outage in recording.outages}
    for now in _moments(recording):
        clock.now = now
        if connections:
            connections[-1].bring(now)
        for session in recording.sessions:
            if session.start == now:
                if connections:
                    connections[-1].lost(outages[now])
                connections.append(_Connection(plant, recording, session, writer))
        writer.commit()
    writer.close(detail={"reason": "until"})
    (path / LOCK_FILE).unlink()  # names the process that wrote, and nobody writes any more


def capture_id(recording: Recording) -> str:
    """When it started, and a random part."""
    started = datetime_of(recording.capture_start // 1000)
    return f"{started:%Y%m%dT%H%M%SZ}-{recording.token}"


def _moments(recording: Recording) -> list[int]:
    """When the recording commits, in order."""
    start, end = recording.capture_start, recording.capture_end
    step = {recording.clock_ahead[1]} & set(range(start, end, SECOND)) if recording.clock_ahead[0] else set()
    return sorted({*range(start, end, _COMMIT), *(outage.back for outage in recording.outages), *step, end + SECOND})


class _Clock:
    """What the writer takes for the time."""

    def __init__(self, recording: Recording) -> None:
        self.now = recording.capture_start
        self._on = recording.capture_start - _UP

    def __call__(self) -> int:
        return self.now

    def mono(self) -> int:
        return self.now - self._on


class _Connection:
    """One session: its subscription, and its messages on their way into the capture."""

    def __init__(self, plant: Plant, recording: Recording, session: Session, writer: CaptureWriter) -> None:
        self._recording = recording
        self._session = session
        self._writer = writer
        self._tags = tags(plant, recording)
        self._server = _identity(recording)
        names = [*(tag.node_id for tag in self._tags), *(level.node_id for level in _levels(recording))]
        names += [SERVER_OBJECT] if recording.events else []
        self._handles = {name: handle for handle, name in enumerate(names, 1)}
        self._signals = {tag.node_id: tag.channel.signal for tag in self._tags}
        self._messages = list(messages(plant, recording, session))
        self._sub = self._open()
        started = recording.stamp(session.start)
        self._encoder = RowEncoder(len(self._handles), sub=self._sub, started_ns=started, slack_ns=PUBLISHING)
        asked = {handle: Asked(handle, sample_events.FIELDS) for handle in self._notifiers()}
        self._events = EventEncoder(asked, sub=self._sub, namespaces=nodes.NAMESPACES, started_ns=started)

    def bring(self, until: int) -> None:
        """Append the messages that have arrived by now."""
        arrived = [message for message in self._messages if message.receive_ns < until]
        del self._messages[: len(arrived)]
        rows = self._encoder.encode([self._block(message) for message in arrived if message.changes]).rows
        if rows is not None:
            self._writer.append(rows)
        self._hear(arrived, until)
        ahead, set_ns = self._recording.clock_ahead
        if ahead and set_ns == until:
            detail = {"clock": "server", "seconds": -ahead / SECOND}
            self._writer.journal("clock_step", server=self._server.server, sub=self._sub, detail=detail, time_ns=until)

    def _hear(self, arrived: Sequence[Message], until: int) -> None:
        """Append their events."""
        found = self._events.encode([self._events_of(message) for message in arrived if message.events])
        if found.rows is not None:
            self._writer.append_events(found.rows)
        for _ in range(found.refreshed):
            at_ns = next(message.receive_ns for message in arrived if message.events)
            name = self._server.server
            self._writer.journal("conditions_refreshed", server=name, sub=self._sub, detail={}, time_ns=at_ns)

    def lost(self, outage: Outage) -> None:
        """The connection broke, and is there again."""
        name, detail = self._server.server, {"cause": outage.cause}
        self._writer.journal("lost", server=name, sub=self._sub, detail=detail, time_ns=outage.last + SECOND // 2)
        start, end = outage.gap
        self._writer.gap(
            outage.reason, server=name, start_ns=start, end_ns=end, state=GapState.EXPLAINED, sub=self._sub,
            detail=detail,
        )  # fmt: skip

    def _open(self) -> int:
        """Write what a recording knows once its items are created; returns the subscription's handle."""
        writer, name, epoch = self._writer, self._server.server, self._session.epoch
        writer.journal("connect", server=name, detail={"url": self._server.url, "application_uri": name})
        writer.put_nodes(self._server, self._node_table())
        interval_ms = PUBLISHING / 1e6
        facts = {
            "publishing_ms": interval_ms, "asked_publishing_ms": interval_ms, "asked_sampling_ms": 0.0,
            "keep_alive_count": 10, "lifetime_count": 100, "items": len(self._handles), "failed": 0,
        }  # fmt: skip
        sub = writer.subscription(name, epoch=epoch, subscription_id=40 + 7 * epoch, detail=facts)
        revised = [
            self._revision(tag.node_id, slow)
            for tag in self._tags
            if (slow := self._recording.slowed.get(tag.channel.signal.name))
        ]
        writer.journal("revised", server=name, sub=sub, detail={"items": revised})
        if self._notifiers():
            writer.journal("condition_refresh", server=name, sub=sub, detail={"status_name": "Good"})
        return sub

    def _notifiers(self) -> list[int]:
        """Handles of what is watched for events."""
        return [handle for name, handle in self._handles.items() if name == SERVER_OBJECT]

    def _node_table(self) -> Sequence[MonitoredNode]:
        """All nodes of the server below Objects, monitored or not."""
        found = []
        name, since = self._server.server, self._recording.capture_start
        server = Node(SERVER_OBJECT, "Server", "Server", "Server", node_class="Object")
        for node in (*[server for _ in self._notifiers()], *_nodes(self._recording)):
            handle = self._handles.get(node.node_id, 0)
            entry = MonitoredNode(node, handle, name, since)
            if handle:
                signal = self._signals.get(node.node_id)
                sampling_ms = self._recording.slowed.get(signal.name, 0) / 1e6 if signal else 0.0
                entry = MonitoredNode(node, handle, name, since, sampling_ms, PUBLISHING / 1e6, _QUEUE)
            found.append(entry)
        return found

    def _revision(self, node_id: str, interval: int) -> dict[str, object]:
        return {
            "handle": self._handles[node_id], "node_id": node_id, "asked_sampling_ms": 0.0,
            "sampling_ms": interval / 1e6, "asked_queue_size": _QUEUE, "queue_size": _QUEUE, "sampled": True,
        }  # fmt: skip

    def _block(self, message: Message) -> Block:
        """A message as the network brings it."""
        items = [self._item(change) for change in message.changes]
        if message.sequence == 1:
            items += [self._first_of(level) for level in _levels(self._recording)]
        return self._of(message, items)

    def _events_of(self, message: Message) -> Block:
        """Its events: EventFieldLists for the one item that watches them."""
        (handle,) = self._notifiers()
        events = [_HANDLE.pack(handle) + sample_events.fields(self._recording, one) for one in message.events]
        return self._of(message, events)

    def _of(self, message: Message, items: Sequence[bytes]) -> Block:
        mono = message.receive_ns - self._recording.capture_start + _UP
        return Block(len(items), b"".join(items), message.receive_ns, mono, message.sequence, message.publish_ns)

    def _item(self, change: Change) -> bytes:
        variant = nodes.variant_of(self._signals[change.node_id], change.value)
        ticks = unix_ns_to_ticks(change.time_ns), unix_ns_to_ticks(server_time(self._recording, change, self._session))
        return self._notification(change.node_id, EncodedValue(variant, change.status, ticks[0], 0, ticks[1]))

    def _first_of(self, level: ServedValue) -> bytes:
        """A value that never changes; many servers stamp it with the time at which they were asked."""
        asked = unix_ns_to_ticks(self._recording.stamp(self._session.start))
        return self._notification(level.node_id, EncodedValue(level.variant, 0, asked, 0, asked))

    def _notification(self, node_id: str, value: EncodedValue) -> bytes:
        """A MonitoredItemNotification; the ClientHandle is the handle of the node."""
        return _HANDLE.pack(self._handles[node_id]) + value.data


def _identity(recording: Recording) -> ServerIdentity:
    return ServerIdentity(
        server=recording.uri, application_uri=recording.uri, url=f"opc.tcp://{recording.host}:4840",
        name=recording.server, namespaces=nodes.NAMESPACES, build_info=_BUILD,
    )  # fmt: skip


def _nodes(recording: Recording) -> Iterator[Node]:
    """The plant's nodes as the server of the line has them: its machines, and the equipment they stand in."""
    if recording.packml:
        yield from sample_packml.build(recording.line, recording.machines)
        return
    line = f"{SITE}/{recording.line.area}/{recording.line.name}"
    above = {SITE, f"{SITE}/{recording.line.area}", line}
    levels = {f"{path}/EquipmentLevel" for path in above}
    others = [f"{line}/{machine.name}" for machine in recording.line.machines if machine not in recording.machines]
    for node in nodes.build():
        if any(f"{node.path}/".startswith(f"{other}/") for other in others):
            continue
        if node.path in above | levels | {"Machines"} or node.path.startswith(f"{line}/"):
            yield node


def _levels(recording: Recording) -> list[ServedValue]:
    """What site, area and line are, in the terms of ISA-95: recorded too, or a replay would not know it."""
    if recording.packml:
        return sample_packml.levels()
    wanted = {node.node_id for node in _nodes(recording) if node.path.endswith("/EquipmentLevel")}
    return [value for value in nodes.constants() if value.node_id in wanted]
