"""The plant as a stream of values for the server: the only module of the demo with a clock, and that is a parameter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

from omptool.demo.alarms import standing, with_alarms
from omptool.demo.nodes import constants, variant_of
from omptool.demo.plant import SHIFT
from omptool.demo.schedule import Change, Plant
from omptool.model.times import unix_ns_to_ticks
from omptool.opcua.serving.served import ServedAlarm, ServedValue

SAMPLES_AT_ONCE = 1000
"""Of a measured signal's history: about what a client asks for in one go."""

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
    for told in with_alarms(plant, start_ns, plant.changes(start_ns + 1, 1 << 62 if end_ns is None else end_ns)):
        yield told if isinstance(told, ServedAlarm) else _served(plant, told, told.time_ns)


async def simulated(
    plant: Plant, start_ns: int, end_ns: int | None, *, speed: float, clock: Clock
) -> AsyncIterator[ServedValue | ServedAlarm]:
    """The plant from `start_ns` (exclusive) to `end_ns` at `speed` times its own pace, beginning with the first call.

    It ends before a SourceTimestamp would be later than the moment it is served: a plant cannot know its future.
    """
    begin = clock()
    for alarm in standing(plant, start_ns):
        yield alarm
    for told in with_alarms(plant, start_ns, plant.changes(start_ns + 1, 1 << 62 if end_ns is None else end_ns)):
        due = begin + int((told.time_ns - start_ns) / speed)
        if told.time_ns > due:
            return
        yield told._replace(due_ns=due) if isinstance(told, ServedAlarm) else _served(plant, told, due)


class Kept:
    """The plant's history, as a historian has it that keeps every value: known is what the schedule knows."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self.nodes = frozenset(plant.channels)

    def values(self, node_id: str, start_ns: int, end_ns: int, *, newest_first: bool) -> Iterator[ServedValue]:
        """Every value of a Variable in [start, end), computed stretch by stretch as it is asked for."""
        sampled = self._plant.channels[node_id].signal.sampled
        stretch = SHIFT if sampled is None else sampled.period_ns * SAMPLES_AT_ONCE
        while start_ns < end_ns:
            cut = max(end_ns - stretch, start_ns) if newest_first else min(start_ns + stretch, end_ns)
            first, last = (cut, end_ns) if newest_first else (start_ns, cut)
            changes = self._plant.changes_of(node_id, first, last)
            for change in reversed(changes) if newest_first else changes:
                ticks = unix_ns_to_ticks(change.time_ns)
                yield _served(self._plant, change, 0)._replace(server_ticks=ticks)
            start_ns, end_ns = (start_ns, cut) if newest_first else (cut, end_ns)


def _served(plant: Plant, change: Change, due_ns: int) -> ServedValue:
    variant = variant_of(plant.channels[change.node_id].signal, change.value)
    return ServedValue(due_ns, change.node_id, variant, change.status, unix_ns_to_ticks(change.time_ns))
