"""Telemetry on its way into formats of other tools: rows as plain values, with what every exporter needs of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pyarrow as pa

from omptool.errors import UsageError

_COLUMNS = (
    "time", "time_ns", "server_time", "server_time_ns", "receive_time", "site", "area", "line", "machine", "tag",
    "path", "server", "node_id", "type", "value", "value_exact", "value_text", "value_list", "status", "unit",
)  # fmt: skip
_TIMES = frozenset({"time", "server_time", "receive_time"})


class Row(NamedTuple):
    """A row of telemetry; times in microseconds since 1970."""

    time: int
    time_ns: int
    server_time: int | None
    server_time_ns: int | None
    receive_time: int | None
    site: str
    area: str | None
    line: str | None
    machine: str
    tag: str
    path: str
    server: str
    node_id: str
    type: str
    value: float | None
    value_exact: Any
    value_text: str | None
    value_list: list[float] | None
    status: int
    unit: str | None

    @property
    def unix_ns(self) -> int:
        return self.time * 1000 + self.time_ns


def check(schema: pa.Schema, name: str) -> None:
    """Refuse rows that are no telemetry.

    Raises:
        UsageError: a column is missing.
    """
    missing = [column for column in _COLUMNS if column not in schema.names]
    if missing:
        raise UsageError(
            f"{name} holds telemetry only: there is no column {missing[0]}",
            "write telemetry whole (from telemetry), or take --format csv, jsonl, arrow or parquet",
        )


def rows(batches: Iterable[pa.RecordBatch]) -> Iterator[Row]:
    """The rows one by one."""
    for batch in batches:
        columns = []
        for name in _COLUMNS:
            column = batch.column(batch.schema.get_field_index(name))
            columns.append((column.cast(pa.int64()) if name in _TIMES else column).to_pylist())
        yield from map(Row._make, zip(*columns, strict=True))
