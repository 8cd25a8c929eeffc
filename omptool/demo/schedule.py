"""The plant's schedule: what every Variable does at every moment, and what every machine did, from seed and time alone.

`Plant.changes` and `Plant.value_at` are two views of the same facts: between two changes nothing happens. Nothing here
reads a clock, so the same question always has the same answer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from omptool.demo import events, line
from omptool.demo.events import Points, Value
from omptool.demo.line import MachineShift
from omptool.demo.measured import BAD, Samples, Sensor
from omptool.demo.plant import (
    LINES,
    MINUTE,
    NAMESPACE,
    SHIFT,
    SHIFTS_PER_DAY,
    Line,
    Machine,
    Outcome,
    Signal,
    shift_of,
)
from omptool.model.nodeid import NodeId

CHUNK_NS = MINUTE
"""Stretch computed at once by `changes`."""

_SHIFTS_KEPT = 32
_TIME = itemgetter(0)


class Change(NamedTuple):
    """A Variable takes a value.

    Attributes:
        time_ns: Unix nanoseconds, a multiple of 100: the SourceTimestamp.
        node_id: C1 text.
        value: see `events.Value`; None is no value.
        status: 32-bit StatusCode.
    """

    time_ns: int
    node_id: str
    value: Value
    status: int


class Stretch(NamedTuple):
    """What a machine did in [start, end), cut to the window asked for; parts counted in it."""

    machine: str
    state: str
    reason: str
    product: str
    start: int
    end: int
    good: int
    scrap: int
    rework: int


@dataclass(frozen=True)
class Channel:
    """A signal of a machine under its NodeId."""

    node_id: str
    line: Line
    machine: Machine
    signal: Signal


def node_id(machine: Machine, tag: str) -> str:
    """NodeId of a machine's Variable, in C1 text."""
    return str(NodeId(NAMESPACE, "s", f"{machine.line}.{machine.name}.{tag.replace('/', '.')}"))


class Plant:
    """The simulated plant of one seed."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        self.channels = {
            channel.node_id: channel
            for one in LINES
            for machine in one.machines
            for signal in machine.kind.signals
            for channel in [Channel(node_id(machine, signal.name), one, machine, signal)]
        }
        self._lines = lru_cache(_SHIFTS_KEPT)(self._simulate)
        self._points = lru_cache(_SHIFTS_KEPT * 3)(self._compute_points)
        self._sensors = {
            name: Sensor(seed, channel.machine, channel.signal, self._maker(channel))
            for name, channel in self.channels.items()
            if channel.signal.sampled
        }

    def changes(self, start_ns: int, end_ns: int) -> Iterator[Change]:
        """Every change of every Variable in [start, end), by time, then in the order of `channels`."""
        while start_ns < end_ns:
            until = min(start_ns - start_ns % CHUNK_NS + CHUNK_NS, end_ns)
            found = [change for name in self.channels for change in self.changes_of(name, start_ns, until)]
            found.sort(key=_TIME)  # keeps the order of the channels where times are equal
            yield from found
            start_ns = until

    def changes_of(self, name: str, start_ns: int, end_ns: int) -> list[Change]:
        """Every change of one Variable in [start, end)."""
        if start_ns >= end_ns:
            return []
        return self._sampled(name, start_ns, end_ns) if name in self._sensors else self._stepped(name, start_ns, end_ns)

    def value_at(self, name: str, time_ns: int) -> Change:
        """The last change of a Variable at or before a time."""
        if name not in self._sensors:
            return self._held(name, time_ns)
        end, back = time_ns + 1, MINUTE // 4
        while not (found := self._sampled(name, end - back, end)):
            end -= back
            back = min(back * 4, SHIFT)
        return found[-1]

    def stretches(self, start_ns: int, end_ns: int) -> Iterator[Stretch]:
        """What every machine did in [start, end), machine by machine in time order; cut at shifts and at the window."""
        if start_ns >= end_ns:
            return
        for one in LINES:
            for machine in one.machines:
                for shift in range(shift_of(start_ns), shift_of(end_ns - 1) + 1):
                    yield from _cut(self._lines(one.name, shift)[machine.name], start_ns, end_ns)

    def _simulate(self, name: str, shift: int) -> dict[str, MachineShift]:
        return line.simulate(next(one for one in LINES if one.name == name), self.seed, shift)

    def _maker(self, channel: Channel) -> _Made:
        return _Made(self, channel.line.name, channel.machine.name)

    def made(self, line_name: str, machine_name: str, shift: int) -> MachineShift:
        """Everything a machine does in a shift."""
        return self._lines(line_name, shift)[machine_name]

    def _compute_points(self, line_name: str, machine_name: str, shift: int) -> dict[str, Points]:
        one = next(each for each in LINES if each.name == line_name)
        made = self.made(line_name, machine_name, shift)
        today = [
            self.made(line_name, machine_name, earlier) for earlier in range(shift - shift % SHIFTS_PER_DAY, shift)
        ]
        before = {outcome: sum(each.outcomes.count(outcome) for each in today) for outcome in Outcome}
        return events.points(made, shift, before, lambda product: line.ideal_cycle(one, made.machine, product))

    def _of_shift(self, name: str, shift: int) -> Points:
        channel = self.channels[name]
        return self._points(channel.line.name, channel.machine.name, shift)[channel.signal.name]

    def _stepped(self, name: str, start_ns: int, end_ns: int) -> list[Change]:
        found: list[Change] = []
        for shift in range(shift_of(start_ns), shift_of(end_ns - 1) + 1):
            times, values = self._of_shift(name, shift)
            first, last = bisect_left(times, start_ns), bisect_left(times, end_ns)
            if first == 0 and last and values[0] == self._of_shift(name, shift - 1)[1][-1]:
                first = 1  # nothing changed with the shift
            found.extend(Change(times[place], name, values[place], 0) for place in range(first, last))
        return found

    def _held(self, name: str, time_ns: int) -> Change:
        shift = shift_of(time_ns)
        times, values = self._of_shift(name, shift)
        place = bisect_right(times, time_ns) - 1
        while place < 1:  # nothing yet in this shift, or what it began with: was that so before?
            shift -= 1
            times_before, values_before = self._of_shift(name, shift)
            if place == 0 and values[0] != values_before[-1]:
                break
            times, values, place = times_before, values_before, len(times_before) - 1
        return Change(times[place], name, values[place], 0)

    def _sampled(self, name: str, start_ns: int, end_ns: int) -> list[Change]:
        sensor = self._sensors[name]
        first, end = sensor.number_at(start_ns), sensor.number_at(end_ns)
        if first >= end:
            return []
        samples = sensor.samples(first - 1, end)
        return list(_changes(name, samples))


class _Made:
    """Gives a sensor the shifts of its machine."""

    def __init__(self, plant: Plant, line_name: str, machine_name: str) -> None:
        self._plant, self._line, self._machine = plant, line_name, machine_name

    def __call__(self, shift: int) -> MachineShift:
        return self._plant.made(self._line, self._machine, shift)


def _changes(name: str, samples: Samples) -> Iterator[Change]:
    times, statuses = samples.times.tolist(), samples.statuses.tolist()
    values = [tuple(row) for row in samples.values.tolist()] if samples.values.ndim == 2 else samples.values.tolist()
    for place, changed in enumerate(samples.changed(), 1):
        if changed:
            status = statuses[place]
            yield Change(times[place], name, None if status == BAD else values[place], status)


def _cut(made: MachineShift, start_ns: int, end_ns: int) -> Iterator[Stretch]:
    first = max(bisect_right(made.intervals, start_ns, key=lambda interval: interval.start) - 1, 0)
    for interval in islice(made.intervals, first, None):
        if interval.start >= end_ns:
            return
        start, end = max(interval.start, start_ns), min(interval.end, end_ns)
        if start < end:
            counts = (made.count(outcome, start, end) for outcome in (Outcome.Good, Outcome.Scrap, Outcome.Rework))
            yield Stretch(
                made.machine.name, interval.state.name, interval.reason, interval.product, start, end, *counts
            )
