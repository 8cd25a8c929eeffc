"""Telemetry as OPC UA PubSub JSON (Part 14, 7.2.5): delta frames with reversible values, metadata first.

A machine is a data set writer, a node a field of it, named by its path. Metadata says NodeId, place, type and unit of
every field in its properties. A field occurs once per data set message, so every repetition begins a new one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, Any

import pyarrow as pa

from omptool.lake.export_rows import Row, check, rows
from omptool.model.builtin import BuiltinType
from omptool.model.times import format_time

_PROPERTIES = ("node_id", "tag", "path", "site", "area", "line", "machine", "type", "unit")
_LARGE = frozenset({"Int64", "UInt64"})
MESSAGES = 64
"""Data set messages in a network message."""


@dataclass(slots=True)
class _Writer:
    """A data set writer: its number, its fields by node, and the messages that wait."""

    publisher: str
    name: str
    number: int
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    is_told: bool = True
    sequence: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)


def write(batches: Iterable[pa.RecordBatch], schema: pa.Schema, stream: IO[bytes]) -> int:
    """Write all rows, a network message a line; returns 0: every row has a place."""
    check(schema, "pubsub")
    output = _Output(stream)
    for row in rows(batches):
        output.row(row)
    output.flush()
    return 0


class _Output:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._writers: dict[tuple[str, str], _Writer] = {}
        self._count = 0

    def row(self, row: Row) -> None:
        key = (row.server, row.machine)
        writer = self._writers.get(key)
        if writer is None:
            writer = self._writers[key] = _Writer(row.server, row.machine, len(self._writers) + 1)
        described = writer.fields.get(row.node_id)
        if described is None:
            described = writer.fields[row.node_id] = _describe(row, writer)
            writer.is_told = False
        name = described["Name"]
        if not writer.messages or name in writer.messages[-1]["Payload"]:
            if len(writer.messages) >= MESSAGES:
                self._send(writer)
            writer.sequence += 1
            writer.messages.append(
                {
                    "DataSetWriterId": writer.number,
                    "DataSetWriterName": writer.name,
                    "SequenceNumber": writer.sequence,
                    "MetaDataVersion": {"MajorVersion": 1, "MinorVersion": len(writer.fields)},
                    "MessageType": "ua-deltaframe",
                    "Timestamp": format_time(row.time, row.time_ns),
                    "Payload": {},
                }
            )
        writer.messages[-1]["Payload"][name] = _data_value(row)

    def flush(self) -> None:
        for writer in self._writers.values():
            self._send(writer)

    def _send(self, writer: _Writer) -> None:
        if not writer.messages:
            return
        if not writer.is_told:
            writer.is_told = True
            version = {"MajorVersion": 1, "MinorVersion": len(writer.fields)}
            about = {"Name": writer.name, "Fields": list(writer.fields.values()), "ConfigurationVersion": version}
            key = {"DataSetWriterId": writer.number, "DataSetWriterName": writer.name}
            self._message("ua-metadata", writer, key | {"MetaData": about})
        self._message("ua-data", writer, {"Messages": writer.messages})
        writer.messages = []

    def _message(self, kind: str, writer: _Writer, body: dict[str, Any]) -> None:
        self._count += 1
        message = {"MessageId": str(self._count), "MessageType": kind, "PublisherId": writer.publisher} | body
        self._stream.write(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def _describe(row: Row, writer: _Writer) -> dict[str, Any]:
    name = row.path or row.node_id
    while name in writer.names:  # two nodes of one path
        name += "'"
    writer.names.add(name)
    told = [(key, text) for key in _PROPERTIES if (text := getattr(row, key))]
    return {
        "Name": name,
        "BuiltInType": _builtin(row.type) or int(BuiltinType.Int32 if _is_named(row) else BuiltinType.Variant),
        "ValueRank": 1 if row.value_list is not None else -1,
        "Properties": [{"Key": {"Name": key}, "Value": {"Type": "String", "Body": text}} for key, text in told],
    }


def _is_named(row: Row) -> bool:
    """Whether the value is one of an enumeration, which Part 6 writes as `name_number`."""
    return not _builtin(row.type) and row.value is not None and row.value.is_integer() and row.value_text is not None


def _builtin(name: str) -> int:
    return BuiltinType[name] if name in BuiltinType.__members__ else 0


def _data_value(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    body = _body(row)
    if body is not None:
        kind = row.type.partition("[")[0]
        found["Value"] = {"Type": kind, "Body": body} if _builtin(kind) else body
    if row.status:
        found["StatusCode"] = row.status
    found["SourceTimestamp"] = format_time(row.time, row.time_ns)
    if row.server_time is not None:
        found["ServerTimestamp"] = format_time(row.server_time, row.server_time_ns or 0)
    return found


def _body(row: Row) -> Any:
    """The value as Part 6 writes it: 64-bit integers and what is not finite as texts."""
    if _is_named(row):
        return f"{row.value_text}_{int(row.value or 0)}"
    if row.value_list is not None and row.value_text is None:
        return [_number(item) for item in row.value_list]
    if row.type == "Boolean" and row.value is not None:
        return bool(row.value)
    if row.value is None:
        return row.value_text
    if row.value_exact is not None:
        return str(row.value_exact)
    if row.type in _LARGE:
        return str(int(row.value))
    return int(row.value) if "Int" in row.type and row.value.is_integer() else _number(row.value)


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
