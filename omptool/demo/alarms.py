"""The alarms of the plant: what stops a machine is an active condition until the machine runs again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from omptool.demo.plant import SECOND, Machine
from omptool.demo.schedule import Change, Plant
from omptool.opcua.serving.served import ServedAlarm

SIGNAL = "AlarmCode"
BREAKDOWN, MICRO_STOP = 800, 300
"""Severities (Part 5, 6.4.2: 1 to 1000)."""

_FIRST_MICRO_STOP = 200


def with_alarms(plant: Plant, start_ns: int, changes: Iterable[Change]) -> Iterator[Change | ServedAlarm]:
    """Changes after `start_ns` in their order, what they mean for the alarms behind each, and who acknowledges them.

    `due_ns` of an alarm is the time of the plant at which it is told.
    """
    waiting = [each for alarm in standing(plant, start_ns) if (each := _acknowledged(alarm)) is not None]
    for change in changes:
        for told in sorted(each for each in waiting if each.due_ns <= change.time_ns):
            waiting.remove(told)
            yield told
        yield change
        if (alarm := alarm_of(plant, change)) is not None:
            yield alarm
            waiting = [each for each in waiting if each.source != alarm.source]  # it went before anybody looked
            waiting += [each for each in [_acknowledged(alarm)] if each is not None]


def alarm_of(plant: Plant, change: Change) -> ServedAlarm | None:
    """The alarm that a change is about; None for a change of anything but an AlarmCode."""
    channel = plant.channels[change.node_id]
    if channel.signal.name != SIGNAL or not isinstance(change.value, int):
        return None
    code, source = change.value, change.node_id.removesuffix(f".{SIGNAL}")
    severity = 1 if not code else MICRO_STOP if code >= _FIRST_MICRO_STOP else BREAKDOWN
    return ServedAlarm(
        change.time_ns, source, channel.machine.name, f"{source}.Stopped", "Stopped", _message(channel.machine, code),
        severity, bool(code), not code, change.time_ns,
    )  # fmt: skip


def standing(plant: Plant, time_ns: int) -> Iterator[ServedAlarm]:
    """The alarms that are active at a time, as they were last told."""
    for name, channel in plant.channels.items():
        if channel.signal.name == SIGNAL:
            alarm = alarm_of(plant, plant.value_at(name, time_ns))
            if alarm is not None and alarm.is_active:
                told = _acknowledged(alarm)
                yield told if told is not None and told.time_ns <= time_ns else alarm


def _acknowledged(alarm: ServedAlarm) -> ServedAlarm | None:
    """The same when somebody has seen it, after 20 to 80 s; of what goes by itself nobody takes note."""
    if alarm.is_acked or alarm.severity < BREAKDOWN:
        return None
    seen = alarm.time_ns + (20 + alarm.time_ns // SECOND % 61) * SECOND
    return alarm._replace(due_ns=seen, time_ns=seen, is_acked=True)


def _message(machine: Machine, code: int) -> str:
    """Why the machine stands, by the number that its kind gives the reason."""
    reasons = {
        machine.kind.alarm_code(reason): reason for reason in (*machine.kind.breakdowns, *machine.kind.micro_stops)
    }
    return reasons.get(code, "runs again")
