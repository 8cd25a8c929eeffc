"""The signals that a sensor measures: a level for what the machine does, noise, lag, drift, and one sensor that fails.

A sample depends on its number alone, so any stretch can be computed by itself. What leaves here is rounded to the
sensor's resolution; that, not the last bit of an exponential, is the value of the plant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from omptool.demo.line import MachineShift
from omptool.demo.noise import Floats, Ints, Stream, key, normals
from omptool.demo.plant import (
    SECOND,
    SHIFT,
    SHIFT_OFFSET,
    SHIFTS_PER_DAY,
    Machine,
    Sampled,
    Signal,
    State,
    shift_of,
    shift_start,
)
from omptool.model.builtin import BuiltinType
from omptool.model.status import code_of

FAULTY = ("Packer1", "TemperatureSeal")
"""The sensor whose cable breaks once a shift: first Uncertain with its last value, then Bad without one."""

UNCERTAIN = code_of("UncertainLastUsableValue")
BAD = code_of("BadSensorFailure")

_STOPPED = {State.PlannedStop, State.Breakdown}
_PROFILE = tuple(round(1.0 / (1 + abs(band - 3)) + 0.4 / (1 + abs(band - 9)), 3) for band in range(16))
"""Shape of the vibration spectrum: the machine's own frequency and a harmonic."""


@dataclass(frozen=True)
class Samples:
    """A stretch of samples: times (Unix ns), values (n, or n × length for an array), statuses."""

    times: Ints
    values: Floats
    statuses: Ints

    def changed(self) -> Sequence[bool]:
        """For each sample but the first: whether it differs from the one before."""
        values = self.values if self.values.ndim == 2 else self.values[:, None]
        same = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
        differs: list[bool] = (~same.all(axis=1) | (self.statuses[1:] != self.statuses[:-1])).tolist()
        return differs


class Sensor:
    """One measured signal of one machine.

    Args:
        made: what the machine did in a given shift.
    """

    def __init__(self, seed: int, machine: Machine, signal: Signal, made: Callable[[int], MachineShift]) -> None:
        assert signal.sampled is not None
        self._seed, self._machine, self._signal, self._made = seed, machine, signal, made
        self.how: Sampled = signal.sampled
        self._noise = key(seed, machine.name, signal.name, "noise")
        self.phase_ns = key(machine.name, signal.name) % self.how.period_ns // 100 * 100
        self._levels: dict[int, _Levels] = {}

    def number_at(self, time_ns: int) -> int:
        """Number of the first sample at or after a time."""
        return -((self.phase_ns - time_ns) // self.how.period_ns)

    def samples(self, first: int, end: int) -> Samples:
        """Samples with numbers in [first, end)."""
        pieces = []
        while first < end:
            shift = shift_of(first * self.how.period_ns + self.phase_ns)
            until = min(end, self.number_at(shift_start(shift + 1)))
            pieces.append(self._in_shift(shift, first, until))
            first = until
        if len(pieces) == 1:
            return pieces[0]
        return Samples(
            np.concatenate([piece.times for piece in pieces]),
            np.concatenate([piece.values for piece in pieces]),
            np.concatenate([piece.statuses for piece in pieces]),
        )

    def _in_shift(self, shift: int, first: int, end: int) -> Samples:
        numbers = np.arange(first, end, dtype=np.int64)
        times = numbers * self.how.period_ns + self.phase_ns
        statuses = np.zeros(len(times), dtype=np.int64)
        if self._signal.length:
            return Samples(times, self._spectrum(shift, numbers, times), statuses)
        values = self._scalar(shift, numbers, times)
        if (self._machine.name, self._signal.name) == FAULTY:
            self._break(shift, times, values, statuses)
        return Samples(times, values, statuses)

    def _scalar(self, shift: int, numbers: Ints, times: Ints) -> Floats:
        levels = self._levels_of(shift)
        place = np.searchsorted(levels.starts, times, side="right") - 1
        values = levels.target[place]
        if self.how.lag_s:
            elapsed = (times - levels.starts[place]) / (self.how.lag_s * SECOND)
            values = values + (levels.initial[place] - values) * np.exp(-elapsed)
        values = values + levels.sigma[place] * normals(self._noise, numbers)
        if self.how.drift and self._machine.wears:
            day = SHIFTS_PER_DAY * SHIFT
            values = values + self.how.drift * (((times - SHIFT_OFFSET) % day) / day)
        return self._as_sensor_shows(values)

    def _spectrum(self, shift: int, numbers: Ints, times: Ints) -> Floats:
        levels = self._levels_of(shift)
        level = levels.target[np.searchsorted(levels.starts, times, side="right") - 1]
        length = self._signal.length
        noise = normals(self._noise, (numbers[:, None] * length + np.arange(length)).ravel()).reshape(-1, length)
        return self._as_sensor_shows(level[:, None] * np.array(_PROFILE) * (1.0 + self.how.noise * noise))

    def _as_sensor_shows(self, values: Floats) -> Floats:
        shown = np.round(np.maximum(values, 0.0), self.how.decimals) + 0.0
        if self._signal.type is BuiltinType.Float:
            shown = shown.astype(np.float32)
        return np.asarray(shown, dtype=np.float64)

    def _break(self, shift: int, times: Ints, values: Floats, statuses: Ints) -> None:
        uncertain, bad, well = fault(self._seed, shift)
        held = (times >= uncertain) & (times < bad)
        if held.any():
            last = self.number_at(uncertain) - 1
            numbers = np.array([last], dtype=np.int64)
            values[held] = self._scalar(shift, numbers, numbers * self.how.period_ns + self.phase_ns)[0]
            statuses[held] = UNCERTAIN
        gone = (times >= bad) & (times < well)
        values[gone] = np.nan
        statuses[gone] = BAD

    def _levels_of(self, shift: int) -> _Levels:
        if shift not in self._levels:
            if len(self._levels) > 8:
                self._levels.clear()
            before = self._made(shift - 1) if self.how.lag_s else None
            self._levels[shift] = _Levels.of(self.how, self._made(shift), before)
        return self._levels[shift]


@dataclass(frozen=True)
class _Levels:
    """Per interval of a shift: start, level aimed at, value at its start (of a lagging signal), noise."""

    starts: Ints
    target: Floats
    initial: Floats
    sigma: Floats

    @classmethod
    def of(cls, how: Sampled, made: MachineShift, before: MachineShift | None) -> _Levels:
        states = [interval.state for interval in made.intervals]
        initial: list[float] = []
        if before is not None:
            _, at_end = _follow(how, before, how.waiting)
            initial, _ = _follow(how, made, at_end)
        return cls(
            np.array([interval.start for interval in made.intervals], dtype=np.int64),
            np.array([_level(how, state) for state in states]),
            np.array(initial or [0.0] * len(states)),
            np.array([_sigma(how, state) for state in states]),
        )


def fault(seed: int, shift: int) -> tuple[int, int, int]:
    """When the faulty sensor of a shift becomes uncertain, fails, and is well again."""
    chance = Stream(seed, "sensor fault", shift)
    uncertain = shift_start(shift) + int(chance.uniform(0.5, 7.5) * 3600) * SECOND
    bad = uncertain + int(chance.uniform(30, 60)) * SECOND
    return uncertain, bad, bad + int(chance.uniform(120, 360)) * SECOND


def _level(how: Sampled, state: State) -> float:
    if state is State.Producing:
        return how.producing
    return how.stopped if state in _STOPPED else how.waiting


def _sigma(how: Sampled, state: State) -> float:
    if state is State.Producing:
        return how.noise
    if how.always_noisy:
        return 0.3 * how.noise
    return 0.0 if state in _STOPPED else 0.1 * how.noise


def _follow(how: Sampled, made: MachineShift, value: float) -> tuple[list[float], float]:
    """Value at the start of each interval and at the end of the shift, following the levels with the signal's lag."""
    starts = []
    for interval in made.intervals:
        starts.append(value)
        aim = _level(how, interval.state)
        value = aim + (value - aim) * math.exp(-(interval.end - interval.start) / (how.lag_s * SECOND))
    return starts, value
