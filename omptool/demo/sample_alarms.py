"""Which alarms a sample tells of, counted from the schedule of the plant: by events, else by numbers. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from omptool.demo import sample_shift
from omptool.demo.alarms import SIGNAL
from omptool.demo.plant import SECOND
from omptool.demo.sample_plans import Recording
from omptool.demo.schedule import Plant

_Spans = Mapping[str, list[tuple[int, int | None]]]
"""By alarm: [since, till) on the server's clock; None: it still stands when the recording ends."""


def alarms(plant: Plant, recording: Recording) -> list[Mapping[str, object]]:
    """Per machine and alarm, the most frequent first: how often it came in the window, and how long it stood."""
    told = dict(_by_event(plant, recording) if recording.events else _by_number(plant, recording))
    found: list[Mapping[str, object]] = []
    for machine in sorted(told):
        mine = {
            alarm: [till - since for since, till in spans if till is not None and _is_inside(recording, since)]
            for alarm, spans in told[machine].items()
        }
        came = {alarm: sum(_is_inside(recording, since) for since, _ in told[machine][alarm]) for alarm in mine}
        for alarm in sorted(mine, key=lambda one: (-came[one], -max(mine[one], default=0), one)):
            if came[alarm]:
                found.append({
                    "machine": machine, "alarm": alarm, "alarms": came[alarm],
                    "mean_s": sum(mine[alarm]) / len(mine[alarm]) / SECOND,
                    "longest_s": max(mine[alarm]) / SECOND,
                })  # fmt: skip
    return found


def _is_inside(recording: Recording, time_ns: int) -> bool:
    return recording.start <= time_ns < recording.end


def _by_number(plant: Plant, recording: Recording) -> Iterator[tuple[str, _Spans]]:
    """As the tag with the alarm's number says: one number stands until the next."""
    for tag in sample_shift.tags(plant, recording):
        if tag.channel.signal.name == SIGNAL:
            spans: dict[str, list[tuple[int, int | None]]] = defaultdict(list)
            changes = sorted(sample_shift.received(plant, recording, tag), key=lambda change: change.time_ns)
            for change, end in zip(changes, [*(after.time_ns for after in changes[1:]), None], strict=True):
                if change.value:
                    spans[f"{tag.name} {change.value}"].append((change.time_ns, end))
            yield tag.channel.machine.name, spans


class _Heard(NamedTuple):
    time_ns: int
    is_active: bool
    message: str


def _by_event(plant: Plant, recording: Recording) -> Iterator[tuple[str, _Spans]]:
    """As the events say, by their messages: one stands from the first word of it until it is told to have gone."""
    for machine, heard in _conditions(plant, recording).items():
        spans: dict[str, list[tuple[int, int | None]]] = defaultdict(list)
        began: _Heard | None = None
        for one in sorted(heard, key=lambda each: each.time_ns):
            if one.is_active and began is None:
                began = one
            elif not one.is_active and began is not None:
                spans[began.message].append((began.time_ns, one.time_ns))
                began = None
        if began is not None:
            spans[began.message].append((began.time_ns, None))
        yield machine, spans


def _conditions(plant: Plant, recording: Recording) -> Mapping[str, list[_Heard]]:
    """What is heard of the condition of each machine. What a new connection does not hear of has gone meanwhile."""
    heard: dict[str, list[_Heard]] = {machine.name: [] for machine in recording.machines}
    for session in recording.sessions:
        first = True
        for message in sample_shift.messages(plant, recording, session):
            said = [event.alarm for event in message.events if event.alarm is not None]
            if first and message.events:
                first = False
                known = {alarm.source_name for alarm in said}
                for name, mine in heard.items():
                    if mine and mine[-1].is_active and name not in known:
                        mine.append(_Heard(message.receive_ns // 1000 * 1000, False, ""))
            for alarm in said:
                mine = heard[alarm.source_name]
                mine.append(_Heard(recording.stamp(alarm.time_ns), alarm.is_active, alarm.message))
    return heard
