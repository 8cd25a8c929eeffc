"""Rows of a view, narrowed to nodes and a window, as a stream that ends early when enough was printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from omptool.errors import UsageError
from omptool.model import status


@dataclass(frozen=True, slots=True)
class Filter:
    """What to keep of a view: `nodes` are (server, node_id), `servers` names, None = all; windows are [start, end)."""

    view: str
    start: datetime | None = None
    end: datetime | None = None
    nodes: set[tuple[str, str]] | None = None
    servers: set[str] | None = None

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of `batch` that are wanted.

        Raises:
            UsageError: the view has no such column.
        """
        if self.servers is not None:
            wanted = pa.array(sorted(self.servers), pa.string())
            batch = batch.filter(pc.is_in(batch.column("server").cast(pa.string()), wanted))
        if self.nodes is not None:
            batch = batch.filter(self._of_nodes(batch))
        if self.start is not None:
            column = self._column(batch, "end_time" if self.view == "gaps" else "time")
            batch = batch.filter(pc.fill_null(pc.greater_equal(column, _scalar(self.start, column)), True))
        if self.end is not None:
            column = self._column(batch, "start_time" if self.view == "gaps" else "time")
            batch = batch.filter(pc.less(column, _scalar(self.end, column)))
        return batch

    def _of_nodes(self, batch: pa.RecordBatch) -> pa.Array:
        """A gap of a whole subscription concerns every node."""
        node_ids = self._column(batch, "node_id")
        servers = batch.column("server")
        assert self.nodes is not None
        mask = pa.repeat(pa.scalar(False), batch.num_rows)
        for server in {server for server, _ in self.nodes}:
            wanted = pa.array([node for owner, node in self.nodes if owner == server], pa.string())
            of_server = pc.and_(pc.equal(servers, server), pc.is_in(node_ids, wanted))
            mask = pc.or_(mask, pc.fill_null(of_server, False))
        return pc.or_(mask, pc.is_null(node_ids))

    def _column(self, batch: pa.RecordBatch, name: str) -> pa.Array:
        if name not in batch.schema.names:
            flag = "--select" if name == "node_id" else "--start and --end"
            raise UsageError(f"{self.view} has no {name}, so {flag} cannot narrow it", f"leave {flag} out")
        return batch.column(name)


def stream(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], wanted: Filter, limit: int | None
) -> pa.RecordBatchReader:
    """The wanted rows, at most `limit`; a status gets its name beside it (C4)."""
    wanted.apply(_empty(schema))  # a filter that cannot apply is said before the first row
    shown = with_status_name(_empty(schema)).schema
    return pa.RecordBatchReader.from_batches(shown, map(with_status_name, _narrowed(batches, wanted, limit)))


def _narrowed(batches: Iterable[pa.RecordBatch], wanted: Filter, limit: int | None) -> Iterator[pa.RecordBatch]:
    left = limit
    for batch in batches:
        if left == 0:
            return
        found = wanted.apply(batch)
        if left is not None:
            found = found.slice(0, left)
            left -= found.num_rows
        if found.num_rows:
            yield found


def with_status_name(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with the name of a status beside it, where there is one."""
    at = batch.schema.get_field_index("status")
    if at < 0:
        return batch
    codes = pc.dictionary_encode(batch.column(at))
    names = pa.array([status.name(code) for code in codes.dictionary.to_pylist()], pa.string())
    return batch.add_column(at + 1, pa.field("status_name", pa.string(), nullable=False), names.take(codes.indices))


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


def _scalar(moment: datetime, column: pa.Array) -> pa.Scalar:
    return pa.scalar(moment, column.type)
