"""The press line's sample shift: which signals are recorded how, and the messages in which they arrive. Pure.

Three machines behind one OPC UA server, so that the sample can be replayed as that server; what happens comes from the
schedule of the simulated plant. The connection is lost for some minutes, so that a sample shows what a gap looks like.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from omptool.demo.noise import key, uniforms
from omptool.demo.plant import LINES, MINUTE, SECOND, SHIFT
from omptool.demo.schedule import Change, Channel, Plant

SEED = 1
"""The plant that `omptool demo` serves without options."""

START = 1_794_808_800 * SECOND
"""Monday 2026-11-16 06:00 UTC, when the shift begins; Unix nanoseconds."""

END = START + SHIFT
CAPTURE_START, CAPTURE_END = START - 10 * SECOND, END + 10 * SECOND
"""Somebody starts a recording a little before the shift and ends it a little after."""

LINE = LINES[0]
MACHINES = LINE.machines

PUBLISHING = SECOND
"""Publishing interval; messages carry what happened since the one before."""

LAST_MESSAGE = START + 208 * MINUTE + 13 * SECOND
BACK = LAST_MESSAGE + 6 * MINUTE + 23 * SECOND
"""The connection breaks after 09:28:13; at 09:34:36 it is there again."""

GAP = (LAST_MESSAGE - PUBLISHING, BACK)
"""[start, end) in which values may be missing: from one publishing interval before the last message."""

LEFT_OUT = frozenset({"PressForce", "HydraulicPressure", "BeltSpeed", "AirPressure"})
"""Signals that nobody selected; with them a shift would be twenty times as large."""

SLOWED = {"Power": 5 * SECOND, "Vibration": 10 * SECOND, "VibrationSpectrum": MINUTE}
"""Sampling intervals that the servers grant for these; all else they report with every change."""


@dataclass(frozen=True)
class Session:
    """One connection to the server: messages from `start` to `end`, both included."""

    epoch: int
    start: int
    end: int


@dataclass(frozen=True)
class Message:
    """What one notification carries.

    Attributes:
        session: its connection.
        sequence: SequenceNumber, from 1 in each session.
        publish_ns, receive_ns: when it was sent and when it arrived, Unix nanoseconds.
        changes: in the order of time.
    """

    session: Session
    sequence: int
    publish_ns: int
    receive_ns: int
    changes: tuple[Change, ...]


SESSIONS = (Session(1, CAPTURE_START, LAST_MESSAGE), Session(2, BACK, CAPTURE_END))


def channels(plant: Plant) -> list[Channel]:
    """The recorded signals; their handles count from 1 in this order."""
    return [
        channel
        for channel in plant.channels.values()
        if channel.machine in MACHINES and channel.signal.name not in LEFT_OUT
    ]


def received(plant: Plant, channel: Channel) -> list[Change]:
    """Every value of a signal that arrives, in the order of arrival: first values of each session, then changes."""
    return [
        change for session in SESSIONS for change in (_first(plant, channel, session), *_later(plant, channel, session))
    ]


def messages(plant: Plant, session: Session) -> Iterator[Message]:
    """What arrives in a session. Nothing to tell, no message."""
    due: dict[int, list[Change]] = defaultdict(list)
    for channel in channels(plant):
        due[session.start].append(_first(plant, channel, session))
        for change in _later(plant, channel, session):
            due[_published(change.time_ns)].append(change)
    times = sorted(due)
    delays = uniforms(key("sample", session.epoch, "delay"), np.arange(len(times), dtype=np.int64))
    for number, (publish, delay) in enumerate(zip(times, delays.tolist(), strict=True)):
        changes = due[publish] if publish == session.start else sorted(due[publish], key=lambda change: change.time_ns)
        arrival = publish + (2_000 + int(6_000 * delay * delay)) * 1000
        yield Message(session, number + 1, publish, arrival, tuple(changes))


def server_time(change: Change, session: Session) -> int:
    """ServerTimestamp: the end of the control's cycle of 100 ms, or when monitoring began for a first value."""
    return max(-(-change.time_ns // (SECOND // 10)) * (SECOND // 10), session.start)


def _first(plant: Plant, channel: Channel, session: Session) -> Change:
    """The value that the server sends because it is asked for the first time; its time is that of the last change."""
    return plant.value_at(channel.node_id, session.start)


def _later(plant: Plant, channel: Channel, session: Session) -> Iterable[Change]:
    changes = plant.changes_of(channel.node_id, session.start + 1, session.end + 1)
    interval = SLOWED.get(channel.signal.name)
    return changes if interval is None else _sampled(changes, interval, _first(plant, channel, session))


def _sampled(changes: list[Change], interval: int, held: Change) -> Iterator[Change]:
    """What a server sees that looks once per interval: the last change of each, if it is one."""
    for _, group in groupby(changes, key=lambda change: change.time_ns // interval):
        *_, last = group
        if (last.value, last.status) != (held.value, held.status):
            yield last
            held = last


def _published(time_ns: int) -> int:
    return -(-time_ns // PUBLISHING) * PUBLISHING
