"""The alarms of the plant: what stops a machine is an active condition until the machine runs again. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from omptool.demo.plant import Machine
from omptool.demo.schedule import Change, Plant
from omptool.opcua.serving.served import ServedAlarm

SIGNAL = "AlarmCode"
BREAKDOWN, MICRO_STOP = 800, 300
"""Severities (Part 5, 6.4.2: 1 to 1000)."""

_FIRST_MICRO_STOP = 200


def alarm_of(plant: Plant, change: Change, due_ns: int) -> ServedAlarm | None:
    """The alarm that a change is about; None for a change of anything but an AlarmCode."""
    channel = plant.channels[change.node_id]
    if channel.signal.name != SIGNAL or not isinstance(change.value, int):
        return None
    code, source = change.value, change.node_id.removesuffix(f".{SIGNAL}")
    return ServedAlarm(
        due_ns,
        source,
        channel.machine.name,
        f"{source}.Stopped",
        "Stopped",
        _message(channel.machine, code),
        1 if not code else MICRO_STOP if code >= _FIRST_MICRO_STOP else BREAKDOWN,
        bool(code),
        change.time_ns,
    )


def standing(plant: Plant, time_ns: int) -> Iterator[ServedAlarm]:
    """The alarms that are active at a time."""
    for name, channel in plant.channels.items():
        if channel.signal.name == SIGNAL:
            alarm = alarm_of(plant, plant.value_at(name, time_ns), 0)
            if alarm is not None and alarm.is_active:
                yield alarm


def _message(machine: Machine, code: int) -> str:
    """Why the machine stands, by the number that its kind gives the reason."""
    reasons = {
        machine.kind.alarm_code(reason): reason for reason in (*machine.kind.breakdowns, *machine.kind.micro_stops)
    }
    return reasons.get(code, "runs again")
