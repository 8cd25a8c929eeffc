"""What the analyses must say about the sample shift, counted from the schedule of the simulated plant.

No measurement and no analysis takes part: times come from the intervals that the simulator planned, parts from its
lists, and only the minutes in which nobody listened are taken out. Times are summed as whole nanoseconds.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

from omptool.demo.line import ideal_cycle
from omptool.demo.plant import ITEM_STATES, OPERATION_MODES, SECOND, Machine, State
from omptool.demo.sample_shift import END, GAP, LINE, MACHINES, START, channels, received
from omptool.demo.schedule import Change, Plant, Stretch
from omptool.demo.truth import time_text

UNSEEN = "UNASSIGNED"
"""State of a machine while nobody listens, as the analyses call it."""

COVERAGE = (END - START - (GAP[1] - GAP[0])) / (END - START)
"""Part of the shift in which somebody listened."""

Row = Mapping[str, object]


class _Piece(NamedTuple):
    """A machine in one state, or unseen, in [start, end)."""

    state: str
    start: int
    end: int

    @property
    def ns(self) -> int:
        return self.end - self.start


def write(plant: Plant, folder: Path) -> None:
    """Write one CSV file per question into the new folder."""
    folder.mkdir()
    for name, rows in {
        "oee": oee(plant), "time_in_state": time_in_state(plant), "data_quality": data_quality(plant),
        "parts": parts(plant), "stops": stops(plant),
    }.items():  # fmt: skip
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def time_in_state(plant: Plant) -> list[Row]:
    """Per machine and state, the longest first: seconds, share of the shift, visits, longest visit."""
    found: list[Row] = []
    for machine in _by_name():
        by_state: dict[str, list[int]] = defaultdict(list)
        for piece in _visits(plant, machine):
            by_state[piece.state].append(piece.ns)
        for state, visits in sorted(by_state.items(), key=lambda entry: (-sum(entry[1]), entry[0])):
            found.append({
                "machine": machine.name, "state": state, "seconds": sum(visits) / SECOND,
                "share": sum(visits) / (END - START), "visits": len(visits), "longest_s": max(visits) / SECOND,
                "coverage": COVERAGE,
            })  # fmt: skip
    return found


def oee(plant: Plant) -> list[Row]:
    """Per machine: OEE, its factors and the time elements, as OPC 40501-1 C.2.3 reads the states.

    Parts are those of the whole shift, because a counter goes on while nobody listens; times are those that were seen.
    """
    found: list[Row] = []
    for machine in _by_name():
        times: dict[str, int] = defaultdict(int)
        for piece in _pieces(plant, machine):
            times[_element(piece.state)] += piece.ns
        made = _stretches(plant, machine)
        good, scrap, rework = (sum(getattr(one, kind) for one in made) for kind in ("good", "scrap", "rework"))
        ideal = sum((_parts(one) * _ideal(machine, one.product) for one in made), Fraction(0))
        planned = sum(times[name] for name in ("apt", "aust", "adet", "adot"))
        availability, quality = Fraction(times["apt"], planned), Fraction(good, good + scrap + rework)
        effectiveness = ideal * SECOND / times["apt"]
        found.append({
            "machine": machine.name, "availability": float(availability), "effectiveness": float(effectiveness),
            "quality_ratio": float(quality), "oee_index": float(availability * effectiveness * quality),
            "pbt": planned / SECOND,
            **{name: times[name] / SECOND for name in ("apt", "aust", "adet", "adot", "unplanned_s", "unassigned_s")},
            "ideal_s": float(ideal), "pq": good + scrap + rework, "gq": good, "sq": scrap, "rq": rework,
            "coverage": COVERAGE,
        })  # fmt: skip
    return found


def parts(plant: Plant) -> list[Row]:
    """Per machine and product: parts by outcome, and the ideal cycle time."""
    found: list[Row] = []
    for machine in _by_name():
        made: dict[str, list[Stretch]] = defaultdict(list)
        for stretch in _stretches(plant, machine):
            made[stretch.product].append(stretch)
        for product, stretches in made.items():
            counts = {kind: sum(getattr(one, kind) for one in stretches) for kind in ("good", "scrap", "rework")}
            found.append({
                "machine": machine.name, "product": product, **counts,
                "ideal_cycle_s": float(_ideal(machine, product)),
            })  # fmt: skip
    return found


def stops(plant: Plant) -> list[Row]:
    """Every breakdown, changeover and planned stop, whether somebody listened or not."""
    kinds = {State.Breakdown.name, State.Changeover.name, State.PlannedStop.name}
    return [
        {
            "machine": machine.name, "state": one.state, "reason": one.reason, "start": time_text(one.start),
            "end": time_text(one.end), "seconds": (one.end - one.start) / SECOND,
        }
        for machine in _by_name()
        for one in _stretches(plant, machine)
        if one.state in kinds
    ]  # fmt: skip


def data_quality(plant: Plant) -> list[Row]:
    """Per recorded tag: values that arrived with a time in the shift, by quality, and how long the value was Good."""
    found: list[Row] = []
    for machine in _by_name():
        mine = [channel for channel in channels(plant) if channel.machine == machine]
        for channel in sorted(mine, key=lambda one: one.signal.name):
            values = received(plant, channel)
            kinds = [change.status >> 30 for change in values if START <= change.time_ns < END]
            good_ns = sum(_overlap(*span, START, GAP[0]) + _overlap(*span, GAP[1], END) for span in _good(values))
            found.append({
                "machine": machine.name, "tag": channel.signal.name, "rows": len(kinds), "good": kinds.count(0),
                "uncertain": kinds.count(1), "bad": kinds.count(2), "coverage": COVERAGE,
                "percent_good": float(Fraction(100 * good_ns, END - START)),
            })  # fmt: skip
    return found


def _good(values: Sequence[Change]) -> Iterator[tuple[int, int]]:
    """When the last value that arrived was Good: it holds until the next one, and the newest to the end."""
    ends = [*(change.time_ns for change in values[1:]), END]
    for change, end in zip(values, ends, strict=True):
        if not change.status >> 30:
            yield change.time_ns, end


def _overlap(start: int, end: int, low: int, high: int) -> int:
    return max(0, min(end, high) - max(start, low))


def _by_name() -> list[Machine]:
    return sorted(MACHINES, key=lambda machine: machine.name)


def _stretches(plant: Plant, machine: Machine) -> list[Stretch]:
    return [stretch for stretch in plant.stretches(START, END) if stretch.machine == machine.name]


def _pieces(plant: Plant, machine: Machine) -> Iterator[_Piece]:
    """What was seen of a machine, without gaps and in order."""
    for one in _stretches(plant, machine):
        cuts = [one.start, *(cut for cut in GAP if one.start < cut < one.end), one.end]
        for start, end in pairwise(cuts):
            is_unseen = GAP[0] <= start < GAP[1]
            yield _Piece(UNSEEN if is_unseen else one.state, start, end)


def _visits(plant: Plant, machine: Machine) -> Iterator[_Piece]:
    """The same, with pieces of one state that follow each other as one."""
    for state, group in groupby(_pieces(plant, machine), key=lambda piece: piece.state):
        pieces: Iterable[_Piece] = list(group)
        yield _Piece(state, min(piece.start for piece in pieces), max(piece.end for piece in pieces))


def _element(state: str) -> str:
    if state == UNSEEN:
        return "unassigned_s"
    item, mode = ITEM_STATES[State[state]], OPERATION_MODES[State[state]]
    if item == "Executing":
        return "aust" if mode == "Setup" else "apt"
    return {"OutOfService": "adet", "NotExecuting": "adot", "NotAvailable": "unplanned_s"}[item]


def _parts(stretch: Stretch) -> int:
    return stretch.good + stretch.scrap + stretch.rework


def _ideal(machine: Machine, product: str) -> Fraction:
    """Seconds, as the machine's control says them."""
    return Fraction(str(ideal_cycle(LINE, machine, product)))
