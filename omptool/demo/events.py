"""The signals that follow from what a machine does: states, counters, orders, the measurements of each part."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate

from omptool.demo.line import Interval, MachineShift
from omptool.demo.parts import Part
from omptool.demo.plant import FEED, ITEM_STATES, LAST_PART, OPERATION_MODES, SECOND, Outcome, State, shift_start
from omptool.model.times import unix_ns_to_ticks

Value = bool | int | float | str | tuple[float, ...] | Part | None
"""What a Variable can hold here; a DateTime is its ticks; None is no value."""

Points = tuple[list[int], list[Value]]
"""Times (Unix ns, ascending) and the values from then on; no value equals the one before."""

_DOOR_OPENS, _DOOR_CLOSES = 5 * SECOND, 8 * SECOND
_COUNTERS = {"GoodCount": Outcome.Good, "ScrapCount": Outcome.Scrap, "ReworkCount": Outcome.Rework}


def points(
    made: MachineShift, shift: int, before: dict[Outcome, int], ideal: Callable[[str], float]
) -> dict[str, Points]:
    """All event signals of a machine in a shift.

    Args:
        made: what the machine did.
        shift: number of the shift.
        before: parts counted since 06:00 when the shift begins.
        ideal: ideal cycle time in seconds of a product.
    """
    kind, intervals = made.machine.kind, made.intervals
    found = {
        "State": _steps(intervals, lambda one: int(one.state)),
        "StateReason": _steps(intervals, lambda one: one.reason),
        "MachineryItemState/CurrentState": _steps(intervals, lambda one: ITEM_STATES[one.state]),
        "MachineryOperationMode/CurrentState": _steps(intervals, lambda one: OPERATION_MODES[one.state]),
        "AlarmCode": _steps(intervals, lambda one: kind.alarm_code(one.reason)),
        "Product": _steps(intervals, lambda one: one.product),
        "Order": _steps(intervals, lambda one: one.order),
        "IdealCycleTime": _steps(intervals, lambda one: ideal(one.product)),
        "DoorClosed": _changed(_door(intervals)),
        "LastPartTime": _changed((at, unix_ns_to_ticks(at)) for at in made.finished),
        "CycleTime": _changed(zip(made.finished, made.cycles, strict=True)),
        kind.part_signal: _changed(zip(made.finished, made.measures, strict=True)),
        LAST_PART: _changed(_parts(made)),
        FEED: _steps(intervals, lambda one: float(round(100 * made.machine.cycle_s / ideal(one.product)))),
    }
    for name, outcome in _COUNTERS.items():
        counted = accumulate((one is outcome for one in made.outcomes), initial=before[outcome])
        found[name] = _changed(zip([shift_start(shift), *made.finished], counted, strict=True))
    return found


def _steps(intervals: Iterable[Interval], value: Callable[[Interval], Value]) -> Points:
    return _changed((one.start, value(one)) for one in intervals)


def _parts(made: MachineShift) -> Iterable[tuple[int, Value]]:
    starts = [one.start for one in made.intervals]
    for at, outcome, cycle, measure in zip(made.finished, made.outcomes, made.cycles, made.measures, strict=True):
        yield at, Part(made.intervals[bisect_right(starts, at) - 1].product, outcome, cycle, measure)


def _door(intervals: Iterable[Interval]) -> Iterable[tuple[int, Value]]:
    for place, one in enumerate(intervals):
        if place == 0:
            yield one.start, True
        if one.state in (State.Breakdown, State.Changeover) and one.end - one.start > 2 * (_DOOR_OPENS + _DOOR_CLOSES):
            yield one.start + _DOOR_OPENS, False
            yield one.end - _DOOR_CLOSES, True


def _changed(pairs: Iterable[tuple[int, Value]]) -> Points:
    times: list[int] = []
    values: list[Value] = []
    for time, value in pairs:
        if not values or values[-1] != value:
            times.append(time)
            values.append(value)
    return times, values
