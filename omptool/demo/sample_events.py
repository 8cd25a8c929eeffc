"""A sample's alarms: what its server tells of conditions, as the events that `capture --events` asks for. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from omptool.capture.eventrows import REFRESH_END, REFRESH_START
from omptool.capture.selecting.selection import SERVER_OBJECT
from omptool.demo.alarms import SIGNAL, standing, with_alarms
from omptool.demo.nodes import NAMESPACES
from omptool.demo.plant import SECOND
from omptool.demo.sample_plans import Recording, Session
from omptool.demo.schedule import Plant
from omptool.model.builtin import BuiltinType
from omptool.model.eventfields import CONDITION_ID, EventWish
from omptool.model.nodeid import NodeId
from omptool.model.times import unix_ns_to_ticks
from omptool.opcua.serving.served import NULL_VARIANT, ServedAlarm, encode_variant
from omptool.protocol.nodebytes import encode_node_id

FIELDS = EventWish().fields
"""What is asked of every event, in order."""

_ALARM = "i=2915"
_CYCLE = SECOND // 10
"""Of the control: what happened in one is received by the server at its end."""


class Told(NamedTuple):
    """An event, or the start or end of a refresh (`alarm` is None).

    Attributes:
        at_ns: true time at which the server has it.
        kind: EventType.
    """

    at_ns: int
    kind: str
    alarm: ServedAlarm | None = None


def told(plant: Plant, recording: Recording, session: Session) -> Iterator[Told]:
    """What a connection hears: what stands when it is made, as ConditionRefresh has it said, then what happens."""
    names = [
        name
        for name, channel in plant.channels.items()
        if channel.signal.name == SIGNAL and channel.machine in recording.machines
    ]
    sources = {name.removesuffix(f".{SIGNAL}") for name in names}
    start = session.start
    yield Told(start, REFRESH_START)
    yield from (Told(start, _ALARM, alarm) for alarm in standing(plant, start) if alarm.source in sources)
    yield Told(start, REFRESH_END)
    changes = [change for name in names for change in plant.changes_of(name, start + 1, session.end + 1)]
    for each in with_alarms(plant, start, sorted(changes)):
        if isinstance(each, ServedAlarm) and each.source in sources:
            yield Told(each.time_ns, _ALARM, each)


def fields(recording: Recording, one: Told) -> bytes:
    """The event on the wire, one Variant per field asked for; what it has not is a null."""
    alarm, stamped = one.alarm, recording.stamp(one.at_ns)
    event_id = uuid5(NAMESPACE_URL, f"{recording.uri}:{one.kind}:{alarm and (alarm.source, alarm.time_ns)}:{one.at_ns}")
    said = {
        "EventId": encode_variant(BuiltinType.ByteString, event_id.bytes),
        "EventType": _node(one.kind),
        "SourceNode": _node(SERVER_OBJECT if alarm is None else alarm.source),
        "SourceName": _text("Server" if alarm is None else alarm.source_name),
        "Time": _time(stamped if alarm is None else recording.stamp(alarm.time_ns)),
        "ReceiveTime": _time(-(-stamped // _CYCLE) * _CYCLE),
        "Severity": encode_variant(BuiltinType.UInt16, 1 if alarm is None else alarm.severity),
    }
    if alarm is not None:
        yes_or_no = {
            "Retain": alarm.is_active or not alarm.is_acked, "AckedState/Id": alarm.is_acked,
            "ActiveState/Id": alarm.is_active, "SuppressedOrShelved": False,
        }  # fmt: skip
        said |= {
            "Message": encode_variant(BuiltinType.LocalizedText, alarm.message),
            CONDITION_ID: _node(alarm.condition),
            "ConditionName": _text(alarm.name),
        } | {name: encode_variant(BuiltinType.Boolean, is_so) for name, is_so in yes_or_no.items()}
    return struct.pack("<i", len(FIELDS)) + b"".join(said.get(name, NULL_VARIANT) for name in FIELDS)


def _node(text: str) -> bytes:
    node = NodeId.parse(text)
    index = NAMESPACES.index(node.namespace) if node.namespace else 0
    return bytes((BuiltinType.NodeId,)) + encode_node_id(index, node.identifier)


def _text(text: str) -> bytes:
    return encode_variant(BuiltinType.String, text)


def _time(ns: int) -> bytes:
    return encode_variant(BuiltinType.DateTime, unix_ns_to_ticks(ns))
