"""The columns that captures, lakes, the cloud and every result share, as Arrow schemas (C2, C3).

Column order is part of the contract; later changes only add. Times are microseconds UTC; what lies below is in the
`…_ns` column beside them. No unsigned and no nanosecond types: Spark and Delta have neither.
"""

from __future__ import annotations

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")


def columns(*columns: tuple[str, pa.DataType, str]) -> pa.Schema:
    """A schema from (name, type, `null` where a value may be absent)."""
    return pa.schema([pa.field(name, kind, nullable=null == "null") for name, kind, null in columns])


TELEMETRY: pa.Schema = columns(
    ("time", TIME, ""),
    ("time_ns", pa.int16(), ""),
    ("time_basis", pa.string(), ""),
    ("server_time", TIME, "null"),
    ("server_time_ns", pa.int16(), "null"),
    ("receive_time", TIME, "null"),
    ("site", pa.string(), ""),
    ("area", pa.string(), "null"),
    ("line", pa.string(), "null"),
    ("machine", pa.string(), ""),
    ("tag", pa.string(), ""),
    ("path", pa.string(), ""),
    ("server", pa.string(), ""),
    ("node_id", pa.string(), ""),
    ("type", pa.string(), ""),
    ("value", pa.float64(), "null"),
    ("value_exact", pa.decimal128(20, 0), "null"),
    ("value_text", pa.string(), "null"),
    ("value_list", pa.list_(pa.float64()), "null"),
    ("raw", pa.binary(), "null"),
    ("status", pa.int64(), ""),
    ("quality", pa.string(), ""),
    ("overflow", pa.bool_(), ""),
    ("unit", pa.string(), "null"),
    ("origin", pa.string(), ""),
    ("capture", pa.string(), ""),
    ("seq", pa.int64(), ""),
)
"""One row per value change."""

NODES: pa.Schema = columns(
    ("server", pa.string(), ""),
    ("node_id", pa.string(), ""),
    ("valid_from", TIME, ""),
    ("site", pa.string(), ""),
    ("area", pa.string(), "null"),
    ("line", pa.string(), "null"),
    ("machine", pa.string(), ""),
    ("tag", pa.string(), ""),
    ("path", pa.string(), ""),
    ("browse_name", pa.string(), ""),
    ("display_name", pa.string(), "null"),
    ("description", pa.string(), "null"),
    ("node_class", pa.string(), ""),
    ("data_type", pa.string(), "null"),
    ("data_type_id", pa.string(), "null"),
    ("type_definition", pa.string(), "null"),
    ("value_rank", pa.int32(), "null"),
    ("array_dimensions", pa.list_(pa.int32()), "null"),
    ("access_level", pa.int32(), "null"),
    ("unit", pa.string(), "null"),
    ("unit_id", pa.int32(), "null"),
    ("eu_low", pa.float64(), "null"),
    ("eu_high", pa.float64(), "null"),
    ("enum_names", pa.string(), "null"),
    ("role", pa.string(), "null"),
    ("stepped", pa.bool_(), "null"),
    ("sampling_ms", pa.float64(), "null"),
    ("publishing_ms", pa.float64(), "null"),
    ("queue_size", pa.int64(), "null"),
    ("parents", pa.list_(pa.string()), "null"),
)
"""One row per node and change of its description."""

EVENTS: pa.Schema = columns(
    ("time", TIME, ""),
    ("time_ns", pa.int16(), ""),
    ("receive_time", TIME, "null"),
    ("server", pa.string(), ""),
    ("node_id", pa.string(), ""),
    ("site", pa.string(), ""),
    ("area", pa.string(), "null"),
    ("line", pa.string(), "null"),
    ("machine", pa.string(), ""),
    ("event_id", pa.binary(), "null"),
    ("event_type", pa.string(), "null"),
    ("source_name", pa.string(), "null"),
    ("message", pa.string(), "null"),
    ("severity", pa.int32(), "null"),
    ("condition_id", pa.string(), "null"),
    ("condition_name", pa.string(), "null"),
    ("active", pa.bool_(), "null"),
    ("acked", pa.bool_(), "null"),
    ("confirmed", pa.bool_(), "null"),
    ("suppressed", pa.bool_(), "null"),
    ("retain", pa.bool_(), "null"),
    ("fields", pa.string(), "null"),
    ("origin", pa.string(), ""),
    ("capture", pa.string(), ""),
    ("seq", pa.int64(), ""),
)
"""One row per OPC UA event or alarm notification."""

GAPS: pa.Schema = columns(
    ("server", pa.string(), ""),
    ("node_id", pa.string(), "null"),
    ("sub", pa.int64(), "null"),
    ("start_time", TIME, ""),
    ("end_time", TIME, "null"),
    ("reason", pa.string(), ""),
    ("missing", pa.int64(), "null"),
    ("state", pa.string(), ""),
    ("detail", pa.string(), "null"),
    ("capture", pa.string(), ""),
)
"""One row per window [start_time, end_time) in which values may be missing."""

JOURNAL: pa.Schema = columns(
    ("time", TIME, ""),
    ("server", pa.string(), "null"),
    ("sub", pa.int64(), "null"),
    ("kind", pa.string(), ""),
    ("detail", pa.string(), "null"),
    ("capture", pa.string(), ""),
    ("seq", pa.int64(), ""),
)
"""One row per thing that happened to the capture itself."""

VIEWS: dict[str, pa.Schema] = {
    "telemetry": TELEMETRY,
    "nodes": NODES,
    "events": EVENTS,
    "gaps": GAPS,
    "journal": JOURNAL,
}
