"""What a capture says, in the terms of the judge."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa

from omptool.capture import view
from omptool.capture.reader import Capture
from omptool.model.status import OVERFLOW
from omptool.model.times import unix_us
from tests.faults.judge import Row, Window
from tests.faults.ticking import NODES, Tick, node_id

_NAMES = {node_id(name): name for name in NODES}
_COLUMNS = ["node_id", "time", "time_ns", "value", "status", "origin", "seq"]
_STATUSES = (0, OVERFLOW)
"""Every value is good; the first one behind those that its queue dropped says that, and there is a window for it."""


def rows_of(folder: Path) -> list[Row]:
    """Every row, as `cat` shows it; when it came, by the clock that nobody sets."""
    capture, found = Capture.open(folder), []
    ahead_ns = time.time_ns() - time.monotonic_ns()
    came: dict[int, tuple[int, int, int]] = {}
    for first, batch in capture.batches():
        how = zip(*(batch[name].to_pylist() for name in ("sub", "sequence", "receive_mono")), strict=True)
        came |= {first + n: (sub, sequence, mono + ahead_ns) for n, (sub, sequence, mono) in enumerate(how)}
    for batch in view.telemetry(capture):
        for row in batch.select(_COLUMNS).to_pylist():
            tick = Tick(_NAMES[row["node_id"]], unix_us(row["time"]) * 1000 + row["time_ns"], row["value"])
            assert row["status"] in _STATUSES, row
            sub, sequence, received_ns = came[row["seq"]]
            found.append(Row(tick, received_ns, sub, row["origin"] == "initial", sequence))
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
