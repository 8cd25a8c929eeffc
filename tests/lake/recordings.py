"""Recordings of the contract's shape made from nothing, so that the lake is tested without a capture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from omptool.lake import layout
from omptool.model.contracts import GAPS, JOURNAL, NODES, TELEMETRY

DAY_US = 86_400_000_000
START_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""


def telemetry(
    capture: str,
    first: int,
    count: int,
    *,
    nodes: int = 5,
    site: str = "plant",
    start_us: int = START_US,
    step_us: int = 1_000_000,
    receive_us: int | None = None,
) -> pa.Table:
    """Rows first+1 … first+count of a capture: node = row modulo `nodes`, time rising by `step_us`."""
    seq = np.arange(first + 1, first + count + 1)
    node = seq % nodes
    time = start_us + seq * step_us
    columns: dict[str, object] = {
        "time": time,
        "time_ns": (seq % 10) * 100,
        "time_basis": ["source"] * count,
        "server_time": time,
        "server_time_ns": np.zeros(count, np.int64),
        "receive_time": time + 1000 if receive_us is None else np.full(count, receive_us),
        "site": [site] * count,
        "machine": [f"Press{n // 2}" for n in node],
        "tag": [f"Tag{n}" for n in node],
        "path": [f"Line/Press{n // 2}/Tag{n}" for n in node],
        "server": ["urn:test:server"] * count,
        "node_id": [f"nsu=urn:test;s=Tag{n}" for n in node],
        "type": ["Double"] * count,
        "value": seq * 0.5,
        "status": np.zeros(count, np.int64),
        "quality": ["Good"] * count,
        "overflow": [False] * count,
        "unit": ["°C"] * count,
        "origin": ["live"] * count,
        "capture": [capture] * count,
        "seq": seq,
    }
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in TELEMETRY
    ]
    return pa.table(arrays, schema=TELEMETRY)


@dataclass
class FakeRecording:
    """A recording whose rows are given."""

    id: str
    data: pa.Table
    batch_rows: int = 1000
    gap_rows: list[dict[str, object]] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{self.id}.omcap"

    @property
    def first_seq(self) -> int:
        return 1

    @property
    def last_seq(self) -> int:
        return int(self.data.num_rows)

    def telemetry(self, after_seq: int = 0) -> Iterator[pa.RecordBatch]:
        yield from self.data.slice(after_seq).to_batches(max_chunksize=self.batch_rows)

    def table(self, view: str) -> pa.Table:
        if view == "nodes":
            return self._nodes()
        if view == "gaps":
            return pa.Table.from_pylist(self.gap_rows, schema=GAPS)
        if view == "journal":
            row = {"time": START_US, "kind": "start", "capture": self.id, "seq": 1}
            return pa.Table.from_pylist([row], schema=JOURNAL)
        return layout.SCHEMAS[view].empty_table()

    def _nodes(self) -> pa.Table:
        rows = [
            {
                "server": "urn:test:server", "node_id": f"nsu=urn:test;s=Tag{n}",
                "valid_from": START_US, "site": "plant",
                "machine": f"Press{n // 2}", "tag": f"Tag{n}", "path": f"Line/Press{n // 2}/Tag{n}",
                "browse_name": f"Tag{n}", "node_class": "Variable", "array_dimensions": [2, 3], "parents": ["i=85"],
            }
            for n in range(5)
        ]  # fmt: skip
        return pa.Table.from_pylist(rows, schema=NODES)


def gap(capture: str, end_us: int | None = None) -> dict[str, object]:
    """A gap row."""
    return {
        "server": "urn:test:server", "sub": 7, "start_time": START_US, "end_time": end_us, "reason": "connection_lost",
        "state": "explained", "capture": capture,
    }  # fmt: skip
