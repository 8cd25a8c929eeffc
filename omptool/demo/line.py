"""One shift of one line: when each part is finished, and what each machine does in between.

Parts flow through the machines one after the other with a buffer between two of them, so a stop upstream starves and a
stop downstream blocks: the slowest machine really is the bottleneck. A waiting machine starts again only when some
parts have gathered, as line controls do. A shift knows nothing of the shift before but the order it continues with,
which is what makes any moment reachable without simulating all before it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from omptool.demo.noise import Stream, key, normals, uniforms
from omptool.demo.plant import (
    HOUR,
    LINES,
    MINUTE,
    SECOND,
    SHIFT,
    Line,
    Machine,
    Outcome,
    State,
    shift_start,
    wear,
)

BUFFER = 24
AT_START = 12
RESTART = 8
"""Parts a buffer holds, holds when a shift begins, and must gain before a waiting machine starts again (2·8-1 < 24)."""

NOTICE = 300_000_000
"""How long a machine waits before it calls itself starved or blocked."""

CHANGEOVERS_PER_SHIFT = 2
_NEVER = 1 << 62
_TICK = 100


@dataclass(frozen=True)
class Stop:
    """A time in which a machine does not work, whatever arrives."""

    start: int
    end: int
    state: State
    reason: str


@dataclass(frozen=True)
class Interval:
    """One state of one machine, [start, end) in Unix nanoseconds."""

    start: int
    end: int
    state: State
    reason: str
    product: str
    order: str


@dataclass
class MachineShift:
    """All that a machine does in a shift. The part lists run in parallel; `finished` ascends."""

    machine: Machine
    intervals: list[Interval] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    cycles: list[float] = field(default_factory=list)
    measures: list[float] = field(default_factory=list)

    def count(self, outcome: Outcome, start: int, end: int) -> int:
        """Parts with this outcome finished in [start, end)."""
        return self.outcomes[bisect_left(self.finished, start) : bisect_left(self.finished, end)].count(outcome)


def ticks(seconds: float) -> int:
    """Seconds as nanoseconds, on the 100 ns grid that OPC UA times have."""
    return round(seconds * SECOND / _TICK) * _TICK


def orders_at(line: Line, seed: int, shift: int) -> list[int]:
    """When the line changes to the next order, twice per shift."""
    chance = Stream(seed, line.name, shift, "orders")
    start = shift_start(shift)
    return [start + ticks(chance.uniform(0.6, 2.8) * 3600), start + ticks(chance.uniform(4.7, 6.9) * 3600)]


def order_number(shift: int, changes: int) -> int:
    """Running number of the order after so many changes in the shift."""
    return CHANGEOVERS_PER_SHIFT * shift + changes


def product_of(line: Line, order: int) -> str:
    """What an order makes: the products take turns."""
    names = list(line.products)
    return names[order % len(names)]


def ideal_cycle(line: Line, machine: Machine, product: str) -> float:
    """Ideal cycle time in seconds."""
    return round(machine.cycle_s * line.products[product], 2)


def simulate(line: Line, seed: int, shift: int) -> dict[str, MachineShift]:
    """Everything the machines of a line do in a shift."""
    changes = orders_at(line, seed, shift)
    stations = [_Station(line, machine, place, seed, shift, changes) for place, machine in enumerate(line.machines)]
    for upstream, downstream in pairwise(stations):
        upstream.downstream, downstream.upstream = downstream, upstream
    while sum(station.advance() for station in stations):  # a sum, because every one of them has to move
        pass
    return {station.machine.name: station.result() for station in stations}


def stops_of(line: Line, machine: Machine, seed: int, shift: int, changeovers: list[int]) -> list[Stop]:
    """Planned stops, changeovers, breakdowns and micro-stops of a shift in time order, none overlapping."""
    start, end = shift_start(shift), shift_start(shift) + SHIFT
    chance = Stream(seed, machine.name, shift, "stops")
    stops = [
        Stop(start, start + 5 * MINUTE, State.PlannedStop, "Shift handover"),
        Stop(start + 4 * HOUR, start + 4 * HOUR + 20 * MINUTE, State.PlannedStop, "Break"),
    ]
    for number, begin in enumerate(changeovers, 1):
        product = product_of(line, order_number(shift, number))
        length = ticks(60 * chance.uniform(*machine.kind.changeover_min))
        stops.append(Stop(begin, begin + length, State.Changeover, f"Set up for {product}"))
    stops.sort(key=lambda stop: stop.start)
    _scatter(
        stops, chance, end, machine.breakdown_h * 3600, (180.0, 540.0, 2400.0), State.Breakdown, machine.kind.breakdowns
    )
    _scatter(
        stops, chance, end, machine.micro_stop_min * 60, (4.0, 20.0, 110.0), State.MicroStop, machine.kind.micro_stops
    )
    return stops


def _scatter(
    stops: list[Stop],
    chance: Stream,
    end: int,
    mean_s: float,
    lengths: tuple[float, float, float],
    state: State,
    reasons: tuple[str, ...],
) -> None:
    """Add chance stops (shortest, mean beyond that, longest, in seconds) where nothing else stops the machine."""
    shortest, more, longest = lengths
    at = stops[0].start
    while (at := at + ticks(chance.exponential(mean_s))) < end:
        length = ticks(min(shortest + chance.exponential(more), longest))
        stop = Stop(at, min(at + length, end), state, chance.choice(reasons))
        place = bisect_left(stops, stop.start, key=lambda other: other.start)
        before_ok = place == 0 or stops[place - 1].end < stop.start
        if before_ok and (place == len(stops) or stop.end < stops[place].start):
            stops.insert(place, stop)
        at = stop.end


@dataclass
class _Part:
    cycle_ns: int
    outcome: Outcome
    measure: float


class _Chance:
    """Everything left to chance about the parts of a machine in a shift, drawn at once: by far the cheapest way."""

    def __init__(self, seed: int, machine: Machine, shift: int) -> None:
        most = round(SHIFT / SECOND / machine.cycle_s / min(min(line.products.values()) for line in LINES)) + 1
        numbers = np.arange(most, dtype=np.int64)
        slow = uniforms(key(seed, machine.name, shift, "slow"), numbers)
        jitter = np.abs(normals(key(seed, machine.name, shift, "jitter"), numbers))
        self.slowness: list[float] = (1.02 + 0.10 * slow * slow * slow + 0.01 * jitter).tolist()
        self.share: list[float] = uniforms(key(seed, machine.name, shift, "share"), numbers).tolist()
        self.scatter: list[float] = (0.7 * normals(key(seed, machine.name, shift, "scatter"), numbers)).tolist()


class _Station:
    """A machine at work. `advance` makes as many parts as the neighbours' known times allow."""

    upstream: _Station | None = None
    downstream: _Station | None = None

    def __init__(self, line: Line, machine: Machine, place: int, seed: int, shift: int, changes: list[int]) -> None:
        self.line, self.machine, self.shift = line, machine, shift
        self.start, self.end = shift_start(shift), shift_start(shift) + SHIFT
        self.changeovers = [change + place * 3 * MINUTE for change in changes]
        self.stops = stops_of(line, machine, seed, shift, self.changeovers)
        self.chance = _Chance(seed, machine, shift)
        self.free = self.start
        self.done = False
        self.starts: list[int] = []
        self.departures: list[int] = []
        self.waits: list[Stop] = []
        self.pending: _Part | None = None
        self.made = MachineShift(machine)
        self._next_stop = 0

    def advance(self) -> bool:
        """Make parts until a neighbour has to move first; whether any was made."""
        moved = False
        while not self.done and self._one_part():
            moved = True
        return moved

    def _one_part(self) -> bool:
        start = self._start()
        if start is None:
            return False
        begin = self._past_stops(start)
        if begin >= self.end:
            return self._finish_shift(start)
        part = self.pending = self.pending or self._draw(begin)
        finish = self._after(begin, part.cycle_ns)
        if finish >= self.end:
            self._wait(self.free, start, State.Starved)
            self.starts.append(begin)
            self.done = True
            return True
        leaves = self._departure(finish) if part.outcome is Outcome.Good else finish
        if leaves is None:
            return False
        self._wait(self.free, start, State.Starved)
        self.starts.append(begin)
        self._keep(part, finish)
        if part.outcome is Outcome.Good:
            self.departures.append(leaves)
            self._wait(finish, min(leaves, self.end), State.Blocked)
        self.free, self.pending = leaves, None
        self.done = leaves >= self.end
        return True

    def _finish_shift(self, start: int) -> bool:
        self._wait(self.free, min(start, self.end), State.Starved)
        self.done = True
        return True

    def _start(self) -> int | None:
        """When the next part can begin: at once, or when enough parts have gathered; None when not yet known."""
        number = len(self.starts)
        arrival = self._arrival(number)
        if arrival is None or arrival <= self.free:
            return None if arrival is None else self.free
        return self._arrival(number + RESTART - 1)

    def _arrival(self, number: int) -> int | None:
        if self.upstream is None or number < AT_START:
            return self.start
        departures = self.upstream.departures
        if number - AT_START < len(departures):
            return departures[number - AT_START]
        return _NEVER if self.upstream.done else None

    def _departure(self, finish: int) -> int | None:
        """When a good part leaves: at once, or when the full buffer has room again; None when not yet known."""
        if self.downstream is None:
            return finish
        behind = len(self.departures) + AT_START - BUFFER
        taken = self.downstream._taken(behind)
        if taken is None or taken <= finish:
            return None if taken is None else finish
        return self.downstream._taken(behind + RESTART - 1)

    def _taken(self, number: int) -> int | None:
        if number < 0:
            return self.start
        if number < len(self.starts):
            return self.starts[number]
        return _NEVER if self.done else None

    def _draw(self, begin: int) -> _Part:
        machine, kind, number = self.machine, self.machine.kind, len(self.starts)
        ideal = ideal_cycle(self.line, machine, self._order(begin)[0])
        cycle = ideal * self.chance.slowness[number]
        worn = wear(begin) if machine.wears else 0.0
        share = self.chance.share[number]
        scrap = machine.scrap * (1.0 + 4.0 * worn)
        outcome = Outcome.Scrap if share < scrap else Outcome.Rework if share < scrap + machine.rework else Outcome.Good
        off = (0.0, 4.0, 2.5)[outcome] + self.chance.scatter[number]
        measure = kind.part_nominal + kind.part_drift * worn + kind.part_noise * off
        return _Part(ticks(cycle), outcome, round(measure, kind.part_decimals))

    def _keep(self, part: _Part, finish: int) -> None:
        self.made.finished.append(finish)
        self.made.outcomes.append(part.outcome)
        self.made.cycles.append(round(part.cycle_ns / SECOND, 3))
        self.made.measures.append(part.measure)

    def _past_stops(self, time: int) -> int:
        """The first moment from `time` on at which the machine is not stopped."""
        while self._next_stop < len(self.stops) and self.stops[self._next_stop].end <= time:
            self._next_stop += 1
        place = self._next_stop
        while place < len(self.stops) and self.stops[place].start <= time:
            time = max(time, self.stops[place].end)
            place += 1
        return time

    def _after(self, begin: int, work: int) -> int:
        """When `work` is done that begins at `begin` and rests during stops."""
        finish, place = begin + work, self._next_stop
        while place < len(self.stops) and self.stops[place].start <= finish:
            stop = self.stops[place]
            if stop.start >= begin:
                finish += stop.end - stop.start
            place += 1
        return finish

    def _wait(self, since: int, until: int, state: State) -> None:
        if min(until, self.end) - since <= NOTICE:
            return
        neighbour = self.upstream if state is State.Starved else self.downstream
        name = neighbour.machine.name if neighbour else "stock"
        reason = f"No parts from {name}" if state is State.Starved else f"Buffer to {name} full"
        self.waits.append(Stop(since + NOTICE, min(until, self.end), state, reason))

    def _order(self, time: int) -> tuple[str, str]:
        number = order_number(self.shift, bisect_right(self.changeovers, time))
        return product_of(self.line, number), f"WO-{number}"

    def result(self) -> MachineShift:
        """The finished shift with its intervals."""
        for start, end, state, reason in self._states():
            product, order = self._order(start)
            before = self.made.intervals[-1] if self.made.intervals else None
            if before and (before.state, before.reason, before.order) == (state, reason, order):
                self.made.intervals[-1] = Interval(before.start, end, state, reason, product, order)
            else:
                self.made.intervals.append(Interval(start, end, state, reason, product, order))
        return self.made

    def _states(self) -> list[tuple[int, int, State, str]]:
        """Stops first, then waiting, then producing: each moment of the shift once."""
        bounds = {self.start, self.end}
        for piece in (*self.stops, *self.waits):
            bounds.update((piece.start, min(piece.end, self.end)))
        moments = sorted(bounds)
        states = []
        for start, end in pairwise(moments):
            covering = _covering(self.stops, start) or _covering(self.waits, start)
            state, reason = (covering.state, covering.reason) if covering else (State.Producing, "")
            states.append((start, end, state, reason))
        return states


def _covering(pieces: list[Stop], time: int) -> Stop | None:
    place = bisect_right(pieces, time, key=lambda piece: piece.start) - 1
    return pieces[place] if place >= 0 and time < pieces[place].end else None
