"""The small tables of a lake, whose rows are compared instead of counted on: node descriptions and gaps. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from omptool.capture import retired
from omptool.errors import LakeError
from omptool.lake import layout
from omptool.lake.parquet import conform
from omptool.lake.table import Table
from omptool.model.contracts import VIEWS
from omptool.model.times import datetime_of
from omptool.model.vocabulary import GapReason
from omptool.store.location import Location, readable

_ROW = {"nodes": ["server", "node_id", "valid_from"], "servers": ["server", "path", "valid_from"]}
"""What names a row: these tables have one per thing and change."""


def new_rows(table: Table, found: Sequence[pa.Table]) -> list[pa.Table]:
    """The rows of `found` that the lake does not have."""
    row = _ROW[table.view]
    parts = (part for path in table.files() for part in _parts(path, row))
    known = {named for part in parts for named in _rows(part)}
    fresh = []
    for nodes in found:
        keep = []
        for named in _rows(nodes.select(row)):
            keep.append(named not in known)
            known.add(named)
        fresh.append(nodes.filter(pa.array(keep, pa.bool_())))
    return fresh


def changed_gaps(table: Table, capture: str, gaps: pa.Table, done: int) -> pa.Table | None:
    """The gaps of a capture when the lake has others for it, None when it has the same.

    What retention deleted after the lake had it is missing in the capture only: of such windows the lake gets what it
    lacks, and keeps what it lacked before.

    Args:
        done: `seq` up to which the lake has the rows already.
    """
    folder = f"capture={layout.escape(capture)}"
    files = [path for path in table.files() if path.parent.name == folder]
    columns = [name for name in VIEWS["gaps"].names if name != "capture"]
    before = [row for path in files for part in _parts(path, columns) for row in part.to_pylist()]
    found = conform(gaps, VIEWS["gaps"])
    if GapReason.RETENTION in found["reason"].to_pylist():
        rows = list(_lacking(found.to_pylist(), done))
        told = {(row["server"], row["start_time"]) for row in rows if row["reason"] == GapReason.RETENTION}
        lacked = [row | {"capture": capture} for row in before if row["reason"] == GapReason.RETENTION]
        rows += [row for row in lacked if (row["server"], row["start_time"]) not in told]
        found = gaps = pa.Table.from_pylist(rows, schema=VIEWS["gaps"])
    after = found.select(columns).to_pylist()
    return None if _canonical(before) == _canonical(after) else gaps


def _lacking(gaps: list[dict[str, Any]], done: int) -> Iterator[dict[str, Any]]:
    """The windows that concern somebody who has the rows up to `done`."""
    for gap in gaps:
        if gap["reason"] != GapReason.RETENTION:
            yield gap
            continue
        since = retired.lacking_since(gap["detail"], done)
        if since is None:
            continue
        start = gap["start_time"] if since == 0 else max(gap["start_time"], datetime_of(since // 1000))
        yield gap | {"start_time": start}


def _canonical(rows: list[dict[str, object]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


def all_rows(table: Table) -> Iterator[dict[str, Any]]:
    """Every row of a small table."""
    for path in table.files():
        for part in _parts(path, layout.file_schema(table.view).names):
            yield from part.to_pylist()


def gap_states(table: Table) -> Iterator[pa.RecordBatch]:
    """Reason and state of every gap, in pieces."""
    for path in table.files():
        yield from _parts(path, ["reason", "state"])


def _parts(path: Location, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Rows in pieces: a small file may state more rows than memory holds.

    Raises:
        LakeError: no Parquet file of these columns.
    """
    try:
        yield from pq.ParquetFile(readable(path)).iter_batches(65_536, columns=columns)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise LakeError(f"cannot read {path}: {str(error).partition(chr(10))[0]}") from error


def _rows(table: pa.Table | pa.RecordBatch) -> list[tuple[object, ...]]:
    columns = [
        column.cast(pa.int64()).to_pylist() if pa.types.is_timestamp(column.type) else column.to_pylist()
        for column in table.columns
    ]
    return list(zip(*columns, strict=True))
