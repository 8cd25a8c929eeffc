"""What a capture says, in the terms of the judge."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from omptool.capture import view
from omptool.capture.reader import Capture
from omptool.model.times import unix_us
from tests.faults.judge import Row, Window
from tests.faults.ticking import NODES, Tick, node_id

_NAMES = {node_id(name): name for name in NODES}
_COLUMNS = ["node_id", "time", "time_ns", "value", "status", "receive_time", "origin", "seq"]


def rows_of(folder: Path) -> list[Row]:
    """Every row, as `cat` shows it."""
    capture, found = Capture.open(folder), []
    subs = {first + n: sub for first, batch in capture.batches() for n, sub in enumerate(batch["sub"].to_pylist())}
    for batch in view.telemetry(capture):
        for row in batch.select(_COLUMNS).to_pylist():
            tick = Tick(_NAMES[row["node_id"]], unix_us(row["time"]) * 1000 + row["time_ns"], row["value"])
            assert row["status"] == 0, row
            found.append(Row(tick, unix_us(row["receive_time"]) * 1000, subs[row["seq"]], row["origin"] == "initial"))
    return found


def windows_of(folder: Path) -> list[Window]:
    """The view `gaps`."""
    table: pa.Table = Capture.open(folder).gaps()
    return [
        Window(
            unix_us(row["start_time"]) * 1000,
            None if row["end_time"] is None else unix_us(row["end_time"]) * 1000,
            None if row["node_id"] is None else _NAMES[row["node_id"]],
            row["reason"],
        )
        for row in table.to_pylist()
    ]
