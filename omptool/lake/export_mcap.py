"""Telemetry as MCAP: a channel per node, its values as JSON with a schema, in the order of the rows.

`publish_time` is the time of the row, `log_time` its receipt, or the same where nobody knows it. Needs mcap.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import IO, Any

import pyarrow as pa

from omptool.errors import UsageError
from omptool.lake.export_rows import Row, check, rows

_NUMBER = {"type": ["number", "string", "null"]}
SCHEMA = {
    "title": "omptool.telemetry",
    "type": "object",
    "properties": {
        "value": _NUMBER,
        "value_exact": {"type": ["integer", "null"]},
        "value_text": {"type": ["string", "null"]},
        "value_list": {"type": ["array", "null"], "items": {"type": ["number", "string"]}},
        "status": {"type": "integer"},
        "type": {"type": "string"},
    },
}
"""Of every message; NaN, Infinity and -Infinity are strings."""

_ABOUT = ("server", "node_id", "path", "tag", "site", "area", "line", "machine", "unit")


def write(batches: Iterable[pa.RecordBatch], schema: pa.Schema, stream: IO[bytes]) -> int:
    """Write all rows; returns how many have a time that MCAP does not have: before 1970.

    Raises:
        UsageError: the package mcap is not installed.
    """
    check(schema, "mcap")
    try:
        from mcap.writer import CompressionType, Writer
    except ImportError:
        raise UsageError("MCAP needs the package mcap", "install it:  pip install 'omptool[mcap]'") from None
    left = 0
    writer: Any = Writer(stream, compression=CompressionType.ZSTD)
    writer.start(profile="", library="omptool")
    kind = writer.register_schema("omptool.telemetry", "jsonschema", json.dumps(SCHEMA).encode())
    channels: dict[tuple[str, str], int] = {}
    sequence = 0
    for row in rows(batches):
        if not 0 <= row.unix_ns < 2**64:
            left += 1
            continue
        key = (row.server, row.node_id)
        if key not in channels:
            about = {name: text for name in _ABOUT if (text := getattr(row, name)) is not None}
            topic = f"{row.machine}/{row.tag}"
            channels[key] = writer.register_channel(topic, "json", kind, metadata=about)
        sequence += 1
        received = row.receive_time * 1000 if row.receive_time is not None and row.receive_time >= 0 else row.unix_ns
        writer.add_message(
            channels[key], log_time=received, data=_message(row), publish_time=row.unix_ns, sequence=sequence % 2**32
        )
    writer.finish()
    return left


def _message(row: Row) -> bytes:
    found = {
        "value": None if row.value is None else _number(row.value),
        "value_exact": None if row.value_exact is None else int(row.value_exact),
        "value_text": row.value_text,
        "value_list": None if row.value_list is None else [_number(item) for item in row.value_list],
        "status": row.status,
        "type": row.type,
    }
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
