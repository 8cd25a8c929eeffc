"""What analyses cost over a lake: processor time and peak memory, beside the plainest aggregate of the same rows.

    python -m tests.bench.bench_analyze [--machines N] [--only NAME] [--oee] [--keep DIR]

N machines with 100,000 values each in a day; 200 are 20 million rows. `--oee` is the goal of the OEE alone: 3,000
machines with 500 changes of state and 1,440 samples of a counter, beside one hand-written statement whose result is
compared first. Each measurement is a process of its own; the floor is `SELECT node_id, avg(value) … GROUP BY 1`.
"""

from __future__ import annotations

import argparse
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from omptool.analytics import catalog
from omptool.analytics.run import Request, analyse
from omptool.sources.lake import LakeSource
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
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
HAND = """
WITH states AS (
  SELECT machine, value_text AS state,
         epoch_us(lead(time, 1, $end) OVER (PARTITION BY machine ORDER BY time, seq)) - epoch_us(time) AS us
  FROM telemetry WHERE tag = 'State' AND time < $end
),
times AS (
  SELECT machine, sum(us) FILTER (WHERE state <> 'NotAvailable') AS pbt
  FROM states GROUP BY 1
),
counts AS (
  SELECT machine, time, value, value - lag(value) OVER (PARTITION BY machine ORDER BY time, seq) AS step
  FROM telemetry WHERE tag = 'GoodCount' AND time < $end
),
ideals AS (SELECT machine, time, value AS pri FROM telemetry WHERE tag = 'IdealCycleTime' AND time < $end),
made AS (
  SELECT c.machine, CASE WHEN c.step > 0 THEN c.step ELSE c.value END AS parts, i.pri
  FROM counts c ASOF LEFT JOIN ideals i ON i.machine = c.machine AND i.time <= c.time
  WHERE c.step > 0 OR (c.step < 0 AND c.value > 0)
)
SELECT t.machine, 1000000 * sum(m.parts * m.pri) / any_value(t.pbt) AS oee_index
FROM times t JOIN made m ON m.machine = t.machine GROUP BY 1 ORDER BY 1
"""


def work(engine: LocalEngine, name: str) -> list[float]:
    """One measurement; the indices where there are any."""
    if name == "floor":
        engine.run(FLOOR).read_all()
        return []
    if name == "hand":
        return [float(value) for value in engine.run(HAND, {"end": END}).read_all()["oee_index"].to_pylist()]
    recipe = catalog.load(name)
    given, maps = GIVEN.get(name, ({}, {}))
    rows = analyse(engine, recipe, Request(START, END, places=(recipe.by,), parameters=given, maps=maps)).rows
    return [float(value) for value in rows["oee_index"].to_pylist()] if name == "oee" else []


def child(name: str, lake: Path) -> None:
    with LocalEngine([Named(LakeSource(lake))]) as engine:
        wall, cpu = time.perf_counter(), time.process_time()
        indices = work(engine, name)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    say(" ".join(map(repr, (wall, cpu, peak, *indices))))


def measured(name: str, lake: Path) -> list[float]:
    """Wall and CPU seconds, peak in MB, indices."""
    command = [sys.executable, "-m", "tests.bench.bench_analyze", "--child", name, str(lake)]
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
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.child[0], Path(chosen.child[1]))
        return
    with tempfile.TemporaryDirectory() as name:
        lake = lake_of(chosen.keep or Path(name), *((3_000, OEE) if chosen.oee else (chosen.machines, FAMILY)))
        names = ("floor", "hand", "oee") if chosen.oee else ("floor", *(chosen.only or ANALYSES))
        found = {}
        for each in names:
            found[each] = measured(each, lake)
            wall, cpu, peak = found[each][:3]
            floors = cpu / found["floor"][1]
            say(f"{each:<16} {wall:>7.2f} s wall {cpu:>7.2f} s CPU {peak:>6.0f} MB {floors:>6.1f} floors")
        if chosen.oee:
            pairs = zip(found["hand"][3:], found["oee"][3:], strict=True)
            if not all(math.isclose(one, other, rel_tol=1e-9) for one, other in pairs):
                sys.exit("the two do not give the same")
            say(f"oee is {found['oee'][1] / found['hand'][1]:.2f} x the statement by hand (CPU)")


if __name__ == "__main__":
    main()
