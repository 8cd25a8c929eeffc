"""What the analyses must say about a sample, counted from the schedule of the simulated plant.

No measurement and no analysis takes part: times come from what the simulator planned, as the server stamped it, parts
from its lists, and only the time in which nobody listened is taken out. Times are summed as whole nanoseconds.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

from omptool.demo import sample_alarms, sample_packml
from omptool.demo.line import ideal_cycle
from omptool.demo.plant import (
    ITEM_STATES,
    LINES,
    OPERATION_MODES,
    SECOND,
    Line,
    Machine,
    State,
    shift_of,
    shift_start,
    wear,
)
from omptool.demo.sample_plans import CNC_CELL, FAULT_DAY, Recording
from omptool.demo.sample_shift import Tag, received, tags
from omptool.demo.schedule import Change, Plant, Stretch
from omptool.demo.truth import time_text

UNSEEN = "UNASSIGNED"
"""State of a machine while nobody listens, as the analyses call it."""

_NEEDED = ("State", "GoodCount", "IdealCycleTime")
"""Without a first value of each nothing is known of a machine's OEE."""

Row = Mapping[str, object]


class _Piece(NamedTuple):
    """A machine in one state, or unseen (None), in [start, end)."""

    state: State | None
    start: int
    end: int

    @property
    def ns(self) -> int:
        return self.end - self.start


def write(plant: Plant, recording: Recording, folder: Path) -> None:
    """Write one CSV file per question into the new folder."""
    folder.mkdir()
    asked: dict[str, Callable[[Plant, Recording], list[Row]]] = {
        "oee": oee, "time_in_state": time_in_state, "data_quality": data_quality, "parts": parts, "stops": stops,
    }  # fmt: skip
    if (
        recording == FAULT_DAY
    ):  # with a clock that is set and counters seen once a minute, stops and parts have no exact time
        asked = {"oee": oee, "time_in_state": time_in_state, "data_quality": data_quality, "gaps": gaps}
    if recording == CNC_CELL:
        asked["tools"] = tools
    asked["alarms"] = sample_alarms.alarms
    for name, answer in asked.items():
        rows = answer(plant, recording)
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def coverage(recording: Recording, first_ns: int) -> float:
    """Part of the window in which somebody listened, from the first value on."""
    return _seen(recording, first_ns, recording.end) / (recording.end - recording.start)


def time_in_state(plant: Plant, recording: Recording) -> list[Row]:
    """Per machine and state, the longest first: seconds, share of the window, visits, longest visit."""
    found: list[Row] = []
    for machine in _by_name(recording):
        by_state: dict[str, list[int]] = defaultdict(list)
        seen = coverage(recording, _states(plant, recording, machine)[0].time_ns)
        for label, ns in _visits(plant, recording, machine):
            by_state[label].append(ns)
        for state, visits in sorted(by_state.items(), key=lambda entry: (-sum(entry[1]), entry[0])):
            found.append({
                "machine": machine.name, "state": state, "seconds": sum(visits) / SECOND,
                "share": sum(visits) / (recording.end - recording.start), "visits": len(visits),
                "longest_s": max(visits) / SECOND, "coverage": seen,
            })  # fmt: skip
    return found


def oee(plant: Plant, recording: Recording) -> list[Row]:
    """Per machine: OEE, its factors and the time elements, as OPC 40501-1 C.2.3 reads the states.

    Parts are those of the whole window, because a counter goes on while nobody listens; times are those that were seen.
    Where the server's clock is wrong, parts are those that its counters said with a time in the window.
    """
    found: list[Row] = []
    for machine in _by_name(recording):
        first = max(told[0].time_ns for name in _NEEDED if (told := _told(plant, recording, machine, name)))
        times: dict[str, int] = defaultdict(int)
        for piece in _pieces(plant, recording, machine):
            seen = max(0, piece.end - max(first, piece.start))
            times[_element(piece.state)] += seen
            times["unassigned_s"] += piece.ns - seen
        made = _stretches(plant, recording, machine)
        good, scrap, rework = (sum(getattr(one, kind) for one in made) for kind in ("good", "scrap", "rework"))
        ideal = sum((_parts(one) * _ideal(machine, one.product) for one in made), Fraction(0))
        if recording.clock_ahead[0]:
            (good, scrap, rework), ideal = _counted(plant, recording, machine)
        planned = sum(times[name] for name in ("apt", "aust", "adet", "adot"))
        availability, quality = Fraction(times["apt"], planned), Fraction(good, good + scrap + rework)
        effectiveness = ideal * SECOND / times["apt"]
        found.append({
            "machine": machine.name, "availability": float(availability), "effectiveness": float(effectiveness),
            "quality_ratio": float(quality), "oee_index": float(availability * effectiveness * quality),
            "pbt": planned / SECOND,
            **{name: times[name] / SECOND for name in ("apt", "aust", "adet", "adot", "unplanned_s", "unassigned_s")},
            "ideal_s": float(ideal), "pq": good + scrap + rework, "gq": good, "sq": scrap, "rq": rework,
            "coverage": coverage(recording, first),
        })  # fmt: skip
    return found


def _counted(plant: Plant, recording: Recording, machine: Machine) -> tuple[list[int], Fraction]:
    """Good, scrap and rework by the rises of the counters as they came, and the ideal time of all."""
    ideals = _by_stamp(_told(plant, recording, machine, "IdealCycleTime"))
    counts, ideal = [], Fraction(0)
    for name in ("GoodCount", "ScrapCount", "ReworkCount"):
        counts.append(0)
        for before, change in pairwise(_told(plant, recording, machine, name)):
            last, now = int(str(before.value)), int(str(change.value))
            if recording.start <= change.time_ns < recording.end:
                rise = now - last if now >= last else now
                counts[-1] += rise
                held = [each.value for each in ideals if each.time_ns <= change.time_ns]
                ideal += rise * Fraction(str(held[-1])) if rise else 0
    return counts, ideal


def parts(plant: Plant, recording: Recording) -> list[Row]:
    """Per machine and product: parts by outcome, and the ideal cycle time."""
    found: list[Row] = []
    for machine in _by_name(recording):
        made: dict[str, list[Stretch]] = defaultdict(list)
        for stretch in _stretches(plant, recording, machine):
            made[stretch.product].append(stretch)
        for product, stretches in made.items():
            counts = {kind: sum(getattr(one, kind) for one in stretches) for kind in ("good", "scrap", "rework")}
            found.append({
                "machine": machine.name, "product": product, **counts,
                "ideal_cycle_s": float(_ideal(machine, product)),
            })  # fmt: skip
    return found


def stops(plant: Plant, recording: Recording) -> list[Row]:
    """Every breakdown, changeover and planned stop, whether somebody listened or not."""
    kinds = {State.Breakdown, State.Changeover, State.PlannedStop}
    return [
        {
            "machine": machine.name, "state": _label(recording, State[one.state]), "reason": one.reason,
            "start": time_text(one.start), "end": time_text(one.end), "seconds": (one.end - one.start) / SECOND,
        }
        for machine in _by_name(recording)
        for one in _stretches(plant, recording, machine)
        if State[one.state] in kinds
    ]  # fmt: skip


def gaps(plant: Plant, recording: Recording) -> list[Row]:
    """When nobody listened, and why."""
    return [
        {
            "reason": str(outage.reason), "start": time_text(outage.gap[0]), "end": time_text(outage.gap[1]),
            "seconds": (outage.gap[1] - outage.gap[0]) / SECOND,
        }
        for outage in recording.outages
    ]  # fmt: skip


def tools(plant: Plant, recording: Recording) -> list[Row]:
    """Machines whose tool wears: when it is changed, and how fast it wears."""
    first = shift_of(recording.start)
    starts = [shift_start(shift) for shift in range(first, first + 4)]
    changed = next(at for at in starts if at > recording.start and wear(at) == 0)
    return [
        {"machine": each.name, "changed": time_text(changed), "grows_mm_per_h": each.kind.part_drift / 24}
        for each in _by_name(recording)
        if each.wears
    ]


def data_quality(plant: Plant, recording: Recording) -> list[Row]:
    """Per recorded tag: values that arrived with a time in the window, by quality, and how long the value was Good."""
    found: list[Row] = []
    for machine in _by_name(recording):
        mine = [tag for tag in tags(plant, recording) if tag.channel.machine == machine]
        for tag in sorted(mine, key=lambda one: one.name):
            values = received(plant, recording, tag)
            kinds = [change.status >> 30 for change in values if recording.start <= change.time_ns < recording.end]
            good_ns = sum(_seen(recording, *span) for span in _good(_by_stamp(values), recording.end))
            found.append({
                "machine": machine.name, "tag": tag.name, "rows": len(kinds), "good": kinds.count(0),
                "uncertain": kinds.count(1), "bad": kinds.count(2),
                "coverage": coverage(recording, min(change.time_ns for change in values)),
                "percent_good": float(Fraction(100 * good_ns, recording.end - recording.start)),
            })  # fmt: skip
    return found


def _by_stamp(changes: Iterable[Change]) -> list[Change]:
    """In the order of the server's clock; the sort keeps what has one time as it came."""
    return sorted(changes, key=lambda change: change.time_ns)


def _good(values: Sequence[Change], end_ns: int) -> Iterator[tuple[int, int]]:
    """When the last value that arrived was Good: it holds until the next one, and the newest to the end."""
    ends = [*(change.time_ns for change in values[1:]), end_ns]
    for change, end in zip(values, ends, strict=True):
        if not change.status >> 30:
            yield change.time_ns, end


def _seen(recording: Recording, start: int, end: int) -> int:
    """How much of a stretch lies in the window and in no gap."""
    low, high = max(start, recording.start), min(end, recording.end)
    lost = sum(max(0, min(high, until) - max(low, since)) for since, until in recording.gaps)
    return max(0, high - low) - lost if low < high else 0


def _by_name(recording: Recording) -> list[Machine]:
    return sorted(recording.machines, key=lambda machine: machine.name)


def _of_signal(plant: Plant, recording: Recording, signal: str) -> list[Tag]:
    """The tags of a signal, by machine."""
    mine = [tag for tag in tags(plant, recording) if tag.channel.signal.name == signal]
    return sorted(mine, key=lambda tag: tag.channel.machine.name)


def _stretches(plant: Plant, recording: Recording, machine: Machine) -> list[Stretch]:
    return [one for one in plant.stretches(recording.start, recording.end) if one.machine == machine.name]


def _told(plant: Plant, recording: Recording, machine: Machine, signal: str) -> list[Change]:
    """Values of a machine's signal, as they came; none where it has no such signal."""
    mine = [tag for tag in _of_signal(plant, recording, signal) if tag.channel.machine == machine]
    return received(plant, recording, mine[0]) if mine else []


def _states(plant: Plant, recording: Recording, machine: Machine) -> list[Change]:
    """Values of the machine's state."""
    return _by_stamp(_told(plant, recording, machine, "State"))


def _pieces(plant: Plant, recording: Recording, machine: Machine) -> Iterator[_Piece]:
    """What was seen of a machine, without holes and in order."""
    plain = {number: state for state, number in sample_packml.STATES.items()} if recording.packml else {}
    changes = _states(plant, recording, machine)
    if changes[0].time_ns > recording.start:
        yield _Piece(None, recording.start, changes[0].time_ns)
    for change, end in zip(changes, [*(after.time_ns for after in changes[1:]), recording.end], strict=True):
        number = int(str(change.value))
        state = plain[number] if recording.packml else State(number)
        low, high = max(change.time_ns, recording.start), min(end, recording.end)
        cuts = sorted({low, high, *(cut for gap in recording.gaps for cut in gap if low < cut < high)})
        for start, until in pairwise(cuts):
            is_unseen = any(since <= start < till for since, till in recording.gaps)
            yield _Piece(None if is_unseen else state, start, until)


def _visits(plant: Plant, recording: Recording, machine: Machine) -> Iterator[tuple[str, int]]:
    """Name of the state and length, with pieces of one name that follow each other as one."""
    pieces = _pieces(plant, recording, machine)
    for label, group in groupby(pieces, key=lambda piece: _label(recording, piece.state)):
        yield label, sum(piece.ns for piece in group)


def _label(recording: Recording, state: State | None) -> str:
    if state is None:
        return UNSEEN
    return sample_packml.state_name(state) if recording.packml else state.name


def _element(state: State | None) -> str:
    if state is None:
        return "unassigned_s"
    item, mode = ITEM_STATES[state], OPERATION_MODES[state]
    if item == "Executing":
        return "aust" if mode == "Setup" else "apt"
    return {"OutOfService": "adet", "NotExecuting": "adot", "NotAvailable": "unplanned_s"}[item]


def _parts(stretch: Stretch) -> int:
    return stretch.good + stretch.scrap + stretch.rework


def _ideal(machine: Machine, product: str) -> Fraction:
    """Seconds, as the machine's control says them."""
    return Fraction(str(ideal_cycle(_line(machine), machine, product)))


def _line(machine: Machine) -> Line:
    return next(line for line in LINES if line.name == machine.line)
