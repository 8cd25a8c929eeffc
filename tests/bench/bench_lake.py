"""What a lake of thousands of machines costs to open and to ask: 3,000 machines with ten tags each, a value a second.

    python -m tests.bench.bench_lake [--seconds S] [--keep DIR]

Files per site and date, how long the lake takes to open, how many of its row groups a question about one machine reads
(as DuckDB's EXPLAIN ANALYZE says), and a time-weighted average per tag and minute against the plain one over the same
rows; median of three. The goals are for --seconds 7200.
"""

from __future__ import annotations

import argparse
import re
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from omptool.lake import layout
from omptool.lake.convert import convert
from omptool.lake.parquet import conform, stored_schema
from omptool.lake.table import Table
from omptool.model.contracts import TELEMETRY
from omptool.sources.lake import LakeSource
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine

MACHINES, TAGS = 3000, 10
START_US = 1_790_000_000_000_000

PLAIN = """
SELECT machine, tag, date_trunc('minute', time) AS minute, avg(value) AS mean FROM telemetry GROUP BY ALL
"""
WEIGHTED = """
WITH held AS (
    SELECT machine, tag, time, value,
        epoch_us(lead(time) OVER (PARTITION BY machine, tag ORDER BY time)) - epoch_us(time) AS lasted
    FROM telemetry
)
SELECT machine, tag, date_trunc('minute', time) AS minute, sum(value * lasted) / sum(lasted) AS mean
FROM held GROUP BY ALL
"""


class Plant:
    """A recording that is made as it is read: at every second a value of every tag."""

    id = label = "bench"

    def __init__(self, seconds: int) -> None:
        self.last_seq = seconds * MACHINES * TAGS
        self._seconds = seconds
        node = np.arange(MACHINES * TAGS)
        names = {
            "machine": [f"M{n:04}" for n in range(MACHINES)],
            "tag": [f"Tag{n}" for n in range(TAGS)],
            "node_id": [f"nsu=urn:plant;s=Hall/M{n // TAGS:04}.Tag{n % TAGS}" for n in node],
            "path": [f"Hall/M{n // TAGS:04}/Tag{n % TAGS}" for n in node],
        }
        codes = {"machine": node // TAGS, "tag": node % TAGS, "node_id": node, "path": node}
        self._columns = {name: _words(codes[name], words) for name, words in names.items()}
        constant = {
            "site": "Leipzig", "server": "urn:plant", "type": "Double", "quality": "Good", "time_basis": "source",
            "origin": "live", "capture": self.id,
        }  # fmt: skip
        self._columns |= {name: _words(node * 0, [word]) for name, word in constant.items()}

    def telemetry(self, after_seq: int = 0) -> Iterator[pa.RecordBatch]:
        count = MACHINES * TAGS
        random = np.random.default_rng(1)
        level = random.uniform(20, 80, count)
        for second in range(self._seconds):
            level += random.normal(0, 0.05, count)
            stamp = pa.array(START_US + second * 1_000_000 + random.integers(0, 1000, count) * 1000)
            columns = self._columns | {
                "time": stamp.cast(pa.timestamp("us", "UTC")),
                "receive_time": pa.array(np.full(count, START_US + second * 1_000_000 + 1_200_000)).cast(
                    pa.timestamp("us", "UTC")
                ),
                "time_ns": pa.array(np.zeros(count, np.int16)),
                "value": pa.array(np.round(level * 40) / 40),
                "status": pa.array(np.zeros(count, np.int64)),
                "overflow": pa.array(np.zeros(count, bool)),
                "seq": pa.array(np.arange(second * count + 1, (second + 1) * count + 1)),
            }
            table = conform(pa.table(columns), stored_schema(TELEMETRY))
            yield table.combine_chunks().to_batches()[0]

    def table(self, view: str) -> pa.Table:
        return layout.SCHEMAS[view].empty_table()


def _words(codes: np.ndarray, words: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(words))


def asked(lake: Path, statement: str) -> pa.Table:
    with LocalEngine([Named(LakeSource(lake), None)]) as engine:
        return engine.run(statement).read_all()


def seconds(work: Callable[[], object]) -> float:
    """Median of three."""
    spent = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def groups(lake: Path) -> tuple[int, int]:
    """Row groups read for one machine, and how many there are."""
    plan = asked(lake, "EXPLAIN ANALYZE SELECT tag, avg(value) FROM telemetry WHERE machine = 'M1500' GROUP BY ALL")
    text = " ".join(str(value) for column in plan.columns for value in column.to_pylist())
    found = re.findall(r"Row Groups Scanned: (\d+) / (\d+)", text)
    return sum(int(read) for read, _ in found), sum(int(of) for _, of in found)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120, help="of plant time; 30,000 rows each")
    parser.add_argument("--keep", type=Path, help="folder of a lake that is made once")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        lake = (chosen.keep or Path(name)) / f"lake-{chosen.seconds}"
        if not lake.exists():
            start = time.process_time()
            convert([Plant(chosen.seconds)], lake)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
            say(f"converted in {time.process_time() - start:.1f} s of CPU, peak {peak:.0f} MB")
        table = Table(lake, "telemetry")
        parts = {tuple(entry.values.values()) for entry in table.entries()}
        size = sum(entry.size for entry in table.entries())
        say(f"{table.rows():,} rows, {size / table.rows():.2f} B/row")
        say(f"files per site and date: {len(table.files()) / len(parts):.1f}")
        say(f"opens in {seconds(lambda: asked(lake, 'SELECT 1')):.2f} s")
        read, of = groups(lake)
        say(f"one machine reads {read} of {of} row groups: {read / of:.1%}")
        plain, weighted = (seconds(lambda text=text: asked(lake, text)) for text in (PLAIN, WEIGHTED))
        say(f"time-weighted {weighted:.2f} s, plain average {plain:.2f} s: {weighted / plain:.2f} x")


if __name__ == "__main__":
    main()
