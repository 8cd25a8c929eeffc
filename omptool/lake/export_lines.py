"""Telemetry as InfluxDB line protocol: measurement `telemetry`, the node as tags, one field per kind of value.

A measurement has one type per field, so numbers stand in `value`, texts in `text`, integers beyond DOUBLE and numbers
that line protocol does not have (NaN, Infinity) in `exact`, arrays as JSON in `list`, and a status that is not Good in
`status`. Server time, receive time and raw bytes have no place in it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import IO

import pyarrow as pa

from omptool.lake.export_rows import Row, check, rows
from omptool.model.times import MAX_NS, MIN_NS

_TAGS = ("site", "area", "line", "machine", "tag", "path", "server", "node_id", "type", "unit")
_SPECIAL = re.compile(r"([,= ])")
_BREAKS = {"\n": "\\n", "\r": "\\r"}


def write(batches: Iterable[pa.RecordBatch], schema: pa.Schema, stream: IO[bytes]) -> int:
    """Write every row as a line; returns how many have no place: no value and nothing to say, or a time beyond 2262."""
    check(schema, "line-protocol")
    left = 0
    lines: list[str] = []
    for row in rows(batches):
        fields = _fields(row)
        if not fields or not MIN_NS <= row.unix_ns <= MAX_NS:
            left += 1
            continue
        lines.append(f"{_series(*(getattr(row, name) for name in _TAGS))} {fields} {row.unix_ns}\n")
        if len(lines) >= 4096:
            stream.write("".join(lines).encode())
            lines.clear()
    stream.write("".join(lines).encode())
    return left


@lru_cache(maxsize=65_536)
def _series(*values: str | None) -> str:
    """Measurement and tags; an empty tag is none."""
    tags = (f",{name}={_escaped(value)}" for name, value in sorted(zip(_TAGS, values, strict=True)) if value)
    return "telemetry" + "".join(tags)


def _escaped(text: str) -> str:
    """A tag's value; line ends, which it cannot have, as `\\n`, and no backslash at its end."""
    for character, shown in _BREAKS.items():
        text = text.replace(character, shown)
    escaped = _SPECIAL.sub(r"\\\1", text)
    return escaped + "\\ " if escaped.endswith("\\") else escaped


def _fields(row: Row) -> str:
    fields = []
    if row.value_exact is not None:
        fields.append(f'exact="{row.value_exact}"')
    if row.value is not None:
        if math.isfinite(row.value):
            fields.append(f"value={row.value!r}")
        else:
            fields.append(f'exact="{"NaN" if math.isnan(row.value) else "Infinity" if row.value > 0 else "-Infinity"}"')
    if row.value_text is not None:
        fields.append(f"text={_string(row.value_text)}")
    if row.value_list is not None:
        items = [item if math.isfinite(item) else str(item) for item in row.value_list]
        fields.append(f"list={_string(json.dumps(items))}")
    if row.status or not fields:
        fields.append(f"status={row.status}i")
    return ",".join(fields)


def _string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
