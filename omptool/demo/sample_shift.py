"""A sample's messages: what one OPC UA server sends of the signals that are recorded, and when it arrives. Pure.

What happens comes from the schedule of the simulated plant, how it is recorded and what goes wrong from `sample_plans`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from omptool.demo import sample_events, sample_packml
from omptool.demo.noise import key, uniforms
from omptool.demo.plant import SECOND
from omptool.demo.sample_plans import PUBLISHING, Recording, Session
from omptool.demo.schedule import Change, Channel, Plant


@dataclass(frozen=True)
class Tag:
    """A recorded signal as the server shows it: NodeId, path below the machine."""

    channel: Channel
    node_id: str
    name: str

    def shown(self, recording: Recording, change: Change) -> Change:
        """A change with the server's name, value and time."""
        value = sample_packml.value(self.channel.signal, change.value) if recording.packml else change.value
        return Change(recording.stamp(change.time_ns), self.node_id, value, change.status)


@dataclass(frozen=True)
class Message:
    """What one notification carries.

    Attributes:
        session: its connection.
        sequence: SequenceNumber, from 1 in each session.
        publish_ns, receive_ns: when it was sent and when it arrived, Unix nanoseconds.
        changes: in the order of time.
        events: likewise.
    """

    session: Session
    sequence: int
    publish_ns: int
    receive_ns: int
    changes: tuple[Change, ...]
    events: tuple[sample_events.Told, ...] = ()


def tags(plant: Plant, recording: Recording) -> list[Tag]:
    """The recorded signals; their handles count from 1 in this order."""
    found = []
    for channel in plant.channels.values():
        if channel.machine not in recording.machines or channel.signal.name in recording.left_out:
            continue
        if not recording.packml:
            found.append(Tag(channel, channel.node_id, channel.signal.name))
        elif name := sample_packml.tag(channel.signal):
            found.append(Tag(channel, sample_packml.node_id(channel), name))
    return found


def received(plant: Plant, recording: Recording, tag: Tag) -> list[Change]:
    """Every value of a signal that arrives, in the order of arrival: first values of each session, then changes."""
    return [
        tag.shown(recording, change)
        for session in recording.sessions
        for change in (_first(plant, tag, session), *_later(plant, recording, tag, session))
    ]


def messages(plant: Plant, recording: Recording, session: Session) -> Iterator[Message]:
    """What arrives in a session. Nothing to tell, no message."""
    due: dict[int, list[tuple[int, Change]]] = defaultdict(list)
    for tag in tags(plant, recording):
        first = _first(plant, tag, session)
        due[session.start].append((first.time_ns, tag.shown(recording, first)))
        for change in _later(plant, recording, tag, session):
            due[_published(change.time_ns)].append((change.time_ns, tag.shown(recording, change)))
    events: dict[int, list[sample_events.Told]] = defaultdict(list)
    for event in sample_events.told(plant, recording, session) if recording.events else ():
        events[_published(event.at_ns)].append(event)
    times = sorted(due.keys() | events.keys())
    delays = uniforms(key("sample", session.epoch, "delay"), np.arange(len(times), dtype=np.int64))
    for number, (publish, delay) in enumerate(zip(times, delays.tolist(), strict=True)):
        happened = due[publish] if publish == session.start else sorted(due[publish], key=lambda pair: pair[0])
        arrival = publish + (2_000 + int(6_000 * delay * delay)) * 1000
        told = tuple(change for _, change in happened)
        yield Message(session, number + 1, recording.stamp(publish), arrival, told, tuple(events[publish]))


def server_time(recording: Recording, change: Change, session: Session) -> int:
    """ServerTimestamp: the end of the control's cycle of 100 ms, or when monitoring began for a first value."""
    return max(-(-change.time_ns // (SECOND // 10)) * (SECOND // 10), recording.stamp(session.start))


def _first(plant: Plant, tag: Tag, session: Session) -> Change:
    """The value that the server sends because it is asked for the first time; its time is that of the last change."""
    return plant.value_at(tag.channel.node_id, session.start)


def _later(plant: Plant, recording: Recording, tag: Tag, session: Session) -> Iterable[Change]:
    changes = plant.changes_of(tag.channel.node_id, session.start + 1, session.end + 1)
    interval = recording.slowed.get(tag.channel.signal.name)
    return changes if interval is None else _sampled(changes, interval, _first(plant, tag, session))


def _sampled(changes: list[Change], interval: int, held: Change) -> Iterator[Change]:
    """What a server sees that looks once per interval: the last change of each, if it is one."""
    for _, group in groupby(changes, key=lambda change: change.time_ns // interval):
        *_, last = group
        if (last.value, last.status) != (held.value, held.status):
            yield last
            held = last


def _published(time_ns: int) -> int:
    return -(-time_ns // PUBLISHING) * PUBLISHING
