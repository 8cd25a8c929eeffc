"""What analyses cost over a lake: processor time and peak memory, beside the plainest aggregate of the same rows.

    python -m tests.bench.bench_analyze [--machines N] [--only NAME,NAME] [--oee] [--keep DIR] [--markdown]

N machines with 100,000 values each in a day; 200 are 20 million rows. `--oee` is the goal of the OEE alone: 3,000
machines with 500 changes of state and 1,440 samples of a counter. Beside an analysis stands the same by hand (see
`by_hand`); both must give the same first. Each measurement is a process of its own; the floor is
`SELECT node_id, avg(value) … GROUP BY 1`.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omptool.analytics import catalog
from omptool.analytics.run import Request, analyse
from omptool.sources.lake import LakeSource
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
from tests.bench.by_hand import BY_HAND
from tests.bench.shopfloor import FAMILY, OEE, START_US, lake_of

START = datetime.fromtimestamp(START_US // 1_000_000, UTC)
END = START + timedelta(days=1)
FLOOR = "SELECT node_id, avg(value) AS mean FROM telemetry GROUP BY 1"
ANALYSES = (
    "oee", "teep", "kpi22400", "time_elements", "time_in_state", "mtbf_mttr", "downtime_pareto", "micro_stops",
    "cycle_time", "changeover", "bottleneck", "energy", "data_quality", "genealogy", "aggregate", "state_timeline",
    "i_mr", "xbar_r", "ewma", "cusum", "spc_rules", "capability", "drift", "tool_wear", "alarm_rate", "alarm_chatter",
)  # fmt: skip
_POWER = {"value": "Power"}
GIVEN: dict[str, tuple[Mapping[str, object], Mapping[str, str]]] = {
    "aggregate": ({"aggregate": "TimeAverage", "interval": "1h"}, {}),
    "capability": ({"lsl": 0.0, "usl": 100.0}, _POWER),
    "xbar_r": ({"size": 5}, _POWER),
    "tool_wear": ({}, {"value": "GoodCount"}),
    "alarm_rate": ({}, {"alarm": "StateReason"}),
    "alarm_chatter": ({}, {"alarm": "StateReason"}),
} | {name: ({}, _POWER) for name in ("i_mr", "ewma", "cusum", "spc_rules", "drift")}
"""Parameters and maps of what does not run without. Power is 70,000 values of each machine."""


def ours(engine: LocalEngine, name: str) -> pa.Table:
    recipe = catalog.load(name)
    given, maps = GIVEN.get(name, ({}, {}))
    return analyse(engine, recipe, Request(START, END, places=(recipe.by,), parameters=given, maps=maps)).rows


def by_hand(engine: LocalEngine, name: str) -> pa.Table:
    if name == "floor":
        return engine.run(FLOOR).read_all()
    return BY_HAND[name].run(engine, {"start": START, "end": END})


def child(way: str, name: str, lake: Path) -> None:
    """One measurement; `compare` says whether ours and that by hand give the same."""
    with LocalEngine([Named(LakeSource(lake))]) as engine:
        if way == "compare":
            say(str(int(same(name, ours(engine, name), by_hand(engine, name)))))
            return
        wall, cpu = time.perf_counter(), time.process_time()
        _ = ours(engine, name) if way == "ours" else by_hand(engine, name)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    say(f"{wall!r} {cpu!r} {peak!r}")


def same(name: str, one: pa.Table, other: pa.Table) -> bool:
    """Whether the rows by hand are ours, with the same numbers: energy is rounded piece by piece."""
    hand = BY_HAND[name]
    joined = other.select([*hand.keys, *hand.compared]).join(
        one.select([*hand.keys, *hand.compared]), list(hand.keys), join_type="left outer", right_suffix=" ours"
    )
    if joined.num_rows != other.num_rows or (not hand.part and one.num_rows != other.num_rows):
        say(f"{name}: {other.num_rows} rows by hand, {one.num_rows} of ours")
        return False
    differ = [each for each in hand.compared if not _equal(joined[each], joined[f"{each} ours"], hand.about)]
    if differ:
        say(f"{name}: {', '.join(differ)} differ")
    return not differ


def _equal(one: pa.ChunkedArray, other: pa.ChunkedArray, about: float) -> bool:
    if pa.types.is_string(one.type) or pa.types.is_large_string(one.type):
        return bool(pc.fill_null(one.cast(pa.string()), "").equals(pc.fill_null(other, "")))
    numbers = [pc.fill_null(column.cast(pa.float64()), 0.0).to_numpy() for column in (one, other)]
    return bool(np.allclose(*numbers, rtol=1e-7, atol=about))


class Cost(NamedTuple):
    """Seconds of the clock and of processors, peak in MB."""

    wall: float
    cpu: float
    peak: float


def measured(way: str, name: str, lake: Path) -> Cost:
    return Cost(*(float(text) for text in _child(way, name, lake).split()))


def _child(way: str, name: str, lake: Path) -> str:
    command = [sys.executable, "-m", "tests.bench.bench_analyze", "--child", way, name, str(lake)]
    return subprocess.check_output(command, text=True)


def differs(name: str, lake: Path) -> str:
    """In what ours and that by hand differ; empty: in nothing."""
    *told, verdict = _child("compare", name, lake).split("\n")[:-1]
    return "" if verdict == "1" else "; ".join(told)


_TITLES = (
    "analysis",
    "wall, s",
    "CPU, s",
    "peak, MB",
    "floors",
    "by hand: wall, s",
    "CPU, s",
    "peak, MB",
    "CPU to by hand",
)


def row(name: str, cost: Cost, floor: Cost, hand: Cost | None) -> tuple[str, ...]:
    found = (f"{name}", f"{cost.wall:.2f}", f"{cost.cpu:.2f}", f"{cost.peak:.0f}", f"{cost.cpu / floor.cpu:.1f}")
    if hand is None:
        return (*found, *[""] * 4)
    return (*found, f"{hand.wall:.2f}", f"{hand.cpu:.2f}", f"{hand.peak:.0f}", f"{cost.cpu / hand.cpu:.2f} x")


def shown(cells: Sequence[str], *, markdown: bool) -> str:
    if markdown:
        return f"| {' | '.join(cells)} |".replace("|  ", "| ")
    widths = (16, *[16 if title.startswith("by") else 9 if len(title) < 10 else 14 for title in _TITLES[1:]])
    return " ".join(
        cell.ljust(width) if not place else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ).rstrip()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def names(text: str) -> list[str]:
    """Raises ArgumentTypeError for one that is none."""
    found = [name for name in text.split(",") if name]
    if strange := [name for name in found if name not in ANALYSES]:
        raise argparse.ArgumentTypeError(f"no analysis {', '.join(strange)}; there are {', '.join(ANALYSES)}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=200)
    parser.add_argument("--only", type=names, metavar="NAME,NAME", help="instead of all analyses")
    parser.add_argument("--oee", action="store_true", help="the goal of OEE: 3,000 machines, and by hand")
    parser.add_argument("--keep", type=Path, help="folder of a lake that is made once")
    parser.add_argument("--markdown", action="store_true", help="as a table of a page")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.child[0], chosen.child[1], Path(chosen.child[2]))
        return
    with tempfile.TemporaryDirectory() as name:
        lake = lake_of(chosen.keep or Path(name), *((3_000, OEE) if chosen.oee else (chosen.machines, FAMILY)))
        table(lake, ["oee"] if chosen.oee else chosen.only or ANALYSES, markdown=chosen.markdown)


def table(lake: Path, analyses: Sequence[str], *, markdown: bool) -> None:
    """Measure and print, a row as soon as it is there."""
    say(shown(_TITLES, markdown=markdown))
    if markdown:
        say("|---" * len(_TITLES) + "|")
    floor = measured("floor", "floor", lake)
    say(shown(row("floor", floor, floor, None), markdown=markdown))
    wrong = []
    for name in analyses:
        if difference := differs(name, lake):
            wrong.append(difference)
            continue
        say(shown(row(name, measured("ours", name, lake), floor, measured("hand", name, lake)), markdown=markdown))
    if wrong:
        sys.exit("\n".join(["these do not give the same as by hand:", *wrong]))


if __name__ == "__main__":
    main()
