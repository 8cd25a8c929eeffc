"""Telemetry in the formats of other tools: InfluxDB line protocol, OPC UA PubSub JSON, MCAP."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

import pyarrow as pa

from omptool.cli.render_arrow import reader
from omptool.lake import export_lines, export_mcap, export_pubsub


def _writer(write: Callable[[Any, pa.Schema, IO[bytes]], int]) -> Callable[[Any, IO[bytes]], int]:
    def run(rows: Any, stream: IO[bytes]) -> int:
        batches = reader(rows)
        return write(batches, batches.schema, stream)

    return run


WRITERS = {
    "line-protocol": _writer(export_lines.write),
    "pubsub": _writer(export_pubsub.write),
    "mcap": _writer(export_mcap.write),
}
