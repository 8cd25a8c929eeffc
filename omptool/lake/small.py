"""The small tables of a lake, whose rows are compared instead of counted on: node descriptions and gaps. Reads only."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from omptool.lake import layout
from omptool.lake.parquet import conform
from omptool.lake.table import Table
from omptool.model.contracts import VIEWS

_NODE_ROW = ["server", "node_id", "valid_from"]


def new_nodes(table: Table, found: Sequence[pa.Table]) -> list[pa.Table]:
    """The rows of `found` that the lake does not have: a row per server, node and change."""
    known = {row for part in _read(table, _NODE_ROW) for row in _rows(part)}
    fresh = []
    for nodes in found:
        keep = []
        for row in _rows(nodes.select(_NODE_ROW)):
            keep.append(row not in known)
            known.add(row)
        fresh.append(nodes.filter(pa.array(keep, pa.bool_())))
    return fresh


def changed_gaps(table: Table, capture: str, gaps: pa.Table) -> pa.Table | None:
    """The gaps of a capture when the lake has others for it, None when it has the same."""
    folder = f"capture={layout.escape(capture)}"
    files = [path for path in table.files() if path.parent.name == folder]
    columns = [name for name in VIEWS["gaps"].names if name != "capture"]
    before = [row for path in files for row in pq.ParquetFile(path).read(columns).to_pylist()]
    after = conform(gaps, VIEWS["gaps"]).select(columns).to_pylist()
    return None if _canonical(before) == _canonical(after) else gaps


def _canonical(rows: list[dict[str, object]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


def _read(table: Table, columns: list[str]) -> list[pa.Table]:
    return [pq.ParquetFile(path).read(columns) for path in table.files()]


def _rows(table: pa.Table) -> list[tuple[object, ...]]:
    columns = [
        column.cast(pa.int64()).to_pylist() if pa.types.is_timestamp(column.type) else column.to_pylist()
        for column in table.columns
    ]
    return list(zip(*columns, strict=True))
