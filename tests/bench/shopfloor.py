"""A day of machines for the benchmark of analyses: states, counters, products, serial numbers, power.

Values come at random moments, counters start again at noon, a few machines a line. Always the same rows for the same
numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from omptool.lake import layout
from omptool.lake.convert import convert
from omptool.lake.parquet import conform, stored_schema
from omptool.model.contracts import NODES, TELEMETRY, TIME

START_US = 1_790_035_200_000_000
"""A midnight."""
DAY_US = 86_400_000_000
STATES = ("Executing", "Setup", "NotExecuting", "OutOfService", "NotAvailable")
REASONS = ("no material", "jam", "tool", "waiting", "unknown")
PRODUCTS = ("A", "B", "C")
FAMILY = {
    "State": 1_500, "StateReason": 500, "GoodCount": 20_000, "ScrapCount": 1_000, "IdealCycleTime": 12, "Product": 12,
    "SerialNumber": 6_976, "Power": 70_000,
}  # fmt: skip
"""Values of a machine in a day: 100,000."""
OEE = {"State": 500, "GoodCount": 1_440, "IdealCycleTime": 1}
"""The goal: 500 changes of state and 1,440 samples of the counter."""


class Shopfloor:
    """A recording that is made as it is read, one machine after another."""

    id = label = "bench"

    def __init__(self, machines: int, values: Mapping[str, int]) -> None:
        self.machines, self.values = machines, dict(values)
        self.last_seq = machines * sum(values.values())
        self.first_seq = 1

    def telemetry(self, after_seq: int = 0) -> Iterator[pa.RecordBatch]:
        seq = 1
        for machine in range(self.machines):
            for tag, count in self.values.items():
                table = conform(self._values(machine, tag, count, seq), stored_schema(TELEMETRY))
                yield table.combine_chunks().to_batches()[0]
                seq += count

    def table(self, view: str) -> pa.Table:
        if view != "nodes":
            return layout.SCHEMAS[view].empty_table()
        rows = [
            dict.fromkeys(NODES.names)
            | _place(machine)
            | {"tag": tag, "path": f"Hall/M{machine:04}/{tag}", "server": "urn:plant", "node_id": _node(machine, tag)}
            | {"browse_name": tag, "node_class": "Variable", "sampling_ms": 0.0, "valid_from": 0}
            for machine in range(self.machines)
            for tag in self.values
        ]
        return conform(pa.Table.from_pylist(rows, schema=NODES), layout.SCHEMAS["nodes"])

    def _values(self, machine: int, tag: str, count: int, seq: int) -> pa.Table:
        random = np.random.default_rng([machine, len(tag), count])
        time = START_US + np.sort(random.integers(0, DAY_US, count)) // 10 * 10
        time[0] = START_US
        value, text = _content(tag, time, random)
        words = _place(machine) | {"tag": tag, "path": f"Hall/M{machine:04}/{tag}", "node_id": _node(machine, tag)}
        words |= {"server": "urn:plant", "type": "x", "quality": "Good", "time_basis": "source", "origin": "live"}
        columns = {
            name: pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), [word])
            for name, word in (words | {"capture": self.id}).items()
        }
        columns |= {
            "time": pa.array(time).cast(TIME),
            "receive_time": pa.array(time + 1000).cast(TIME),
            "time_ns": pa.array(np.zeros(count, np.int16)),
            "value": value,
            "value_text": text,
            "status": pa.array(np.zeros(count, np.int64)),
            "overflow": pa.array(np.zeros(count, bool)),
            "seq": pa.array(np.arange(seq, seq + count)),
        }
        return pa.table(columns)


def _place(machine: int) -> dict[str, str]:
    return {"site": "Leipzig", "area": "Hall", "line": f"L{machine // 5:03}", "machine": f"M{machine:04}"}


def _node(machine: int, tag: str) -> str:
    return f"nsu=urn:plant;s=Hall/M{machine:04}.{tag}"


def _content(tag: str, time: np.ndarray, random: np.random.Generator) -> tuple[pa.Array, pa.Array]:
    """The columns value and value_text."""
    count = time.size
    if tag in ("State", "StateReason", "Product"):
        words = {"State": STATES, "StateReason": REASONS, "Product": PRODUCTS}[tag]
        code = random.choice(len(words), count, p=_WEIGHTS[tag])
        texts = pa.array(words).take(pa.array(code))
        return (pa.array(code.astype(float)) if tag == "State" else pa.nulls(count, pa.float64())), texts
    if tag == "SerialNumber":
        return pa.nulls(count, pa.float64()), pa.array([f"P{number:06}" for number in range(count)])
    if tag == "IdealCycleTime":
        return pa.array(np.round(random.uniform(3, 4, count), 1)), pa.nulls(count, pa.string())
    if tag == "Power":
        return pa.array(np.round(random.uniform(1, 12, count), 2)), pa.nulls(count, pa.string())
    number = np.arange(count)
    noon = np.searchsorted(time, START_US + DAY_US // 2)
    return pa.array(np.where(number < noon, number, number - noon).astype(float)), pa.nulls(count, pa.string())


_WEIGHTS = {"State": (0.7, 0.1, 0.1, 0.08, 0.02), "StateReason": (0.2,) * 5, "Product": (0.5, 0.3, 0.2)}


def lake_of(folder: Path, machines: int, values: Mapping[str, int]) -> Path:
    """The lake, made when it is not there yet."""
    lake = folder / f"floor-{machines}-{sum(values.values())}"
    if not lake.exists():
        convert([Shopfloor(machines, values)], lake)
    return lake
