"""The plant as a stream of values for the server: the only module of the demo with a clock, and that is a parameter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

from omptool.demo.alarms import alarm_of, standing
from omptool.demo.nodes import constants
from omptool.demo.schedule import Change, Plant
from omptool.model.times import unix_ns_to_ticks
from omptool.opcua.served import ServedAlarm, ServedValue, encode_variant

Clock = Callable[[], int]
"""Unix nanoseconds of the wall clock."""


def initial(plant: Plant, time_ns: int) -> Iterator[ServedValue]:
    """What every Variable holds at a time."""
    yield from constants()
    for name in plant.channels:
        yield _served(plant, plant.value_at(name, time_ns), 0)


async def live(plant: Plant, start_ns: int, end_ns: int | None) -> AsyncIterator[ServedValue | ServedAlarm]:
    """The plant from `start_ns` (exclusive) to `end_ns`, each value due at its own time."""
    for alarm in standing(plant, start_ns):
        yield alarm
    for change in plant.changes(start_ns + 1, 1 << 62 if end_ns is None else end_ns):
        yield _served(plant, change, change.time_ns)
        if (told := alarm_of(plant, change, change.time_ns)) is not None:
            yield told


async def simulated(
    plant: Plant, start_ns: int, end_ns: int | None, *, speed: float, clock: Clock
) -> AsyncIterator[ServedValue | ServedAlarm]:
    """The plant from `start_ns` (exclusive) to `end_ns` at `speed` times its own pace, beginning with the first call.

    It ends before a SourceTimestamp would be later than the moment it is served: a plant cannot know its future.
    """
    begin = clock()
    for alarm in standing(plant, start_ns):
        yield alarm
    for change in plant.changes(start_ns + 1, 1 << 62 if end_ns is None else end_ns):
        due = begin + int((change.time_ns - start_ns) / speed)
        if change.time_ns > due:
            return
        yield _served(plant, change, due)
        if (told := alarm_of(plant, change, due)) is not None:
            yield told


def _served(plant: Plant, change: Change, due_ns: int) -> ServedValue:
    kind = plant.channels[change.node_id].signal.type
    variant = encode_variant(kind, change.value)
    return ServedValue(due_ns, change.node_id, variant, change.status, unix_ns_to_ticks(change.time_ns))
