"""What analyses cost over a lake: processor time and peak memory, beside the plainest aggregate of the same rows.

    python -m tests.bench.bench_analyze [--machines N] [--only NAME] [--oee] [--keep DIR]

N machines with 100,000 values each in a day; 200 are 20 million rows. `--oee` is the goal of the OEE alone: 3,000
machines with 500 changes of state and 1,440 samples of a counter. Beside an analysis stands the statement of the folder
by_hand, where there is one; both must give the same first. Each measurement is a process of its own; the floor is
`SELECT node_id, avg(value) … GROUP BY 1`.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
    statement = BY_HAND[name].statement if name in BY_HAND else FLOOR
    moments = {"start": START, "end": END}
    return engine.run(statement, {key: at for key, at in moments.items() if f"${key}" in statement}).read_all()


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
    """Whether the statement's rows are among ours, with the same numbers: energy is rounded piece by piece."""
    hand = BY_HAND[name]
    joined = other.select([*hand.keys, *hand.compared]).join(
        one.select([*hand.keys, *hand.compared]), list(hand.keys), join_type="left outer", right_suffix=" ours"
    )
    if joined.num_rows != other.num_rows or (name != "kpi22400" and one.num_rows != other.num_rows):  # four of its KPIs
        return False
    return all(_equal(joined[column], joined[f"{column} ours"]) for column in hand.compared)


def _equal(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    if pa.types.is_string(one.type):
        return bool(pc.fill_null(one, "").equals(pc.fill_null(other, "")))
    numbers = [pc.fill_null(column.cast(pa.float64()), 0.0).to_numpy() for column in (one, other)]
    return bool(np.allclose(*numbers, rtol=1e-7, atol=1e-9))


def measured(way: str, name: str, lake: Path) -> list[float]:
    """Wall and CPU seconds, peak in MB."""
    command = [sys.executable, "-m", "tests.bench.bench_analyze", "--child", way, name, str(lake)]
    return [float(text) for text in subprocess.check_output(command, text=True).split()]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=200)
    parser.add_argument("--only", choices=ANALYSES, action="append")
    parser.add_argument("--oee", action="store_true", help="the goal of OEE: 3,000 machines, and by hand")
    parser.add_argument("--keep", type=Path, help="folder of a lake that is made once")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.child[0], chosen.child[1], Path(chosen.child[2]))
        return
    with tempfile.TemporaryDirectory() as name:
        lake = lake_of(chosen.keep or Path(name), *((3_000, OEE) if chosen.oee else (chosen.machines, FAMILY)))
        floor = measured("hand", "floor", lake)
        say(f"{'floor':<16} {floor[0]:>7.2f} s wall {floor[1]:>7.2f} s CPU {floor[2]:>6.0f} MB")
        for name in ("oee",) if chosen.oee else chosen.only or ANALYSES:
            if name in BY_HAND and measured("compare", name, lake) != [1.0]:
                sys.exit(f"{name}: the two do not give the same")
            wall, cpu, peak = measured("ours", name, lake)
            line = f"{name:<16} {wall:>7.2f} s wall {cpu:>7.2f} s CPU {peak:>6.0f} MB {cpu / floor[1]:>6.1f} floors"
            if name in BY_HAND:
                hand = measured("hand", name, lake)
                line += f"   by hand {hand[1]:>6.2f} s CPU {hand[2]:>6.0f} MB: {cpu / hand[1]:.2f} x"
            say(line)


if __name__ == "__main__":
    main()
