"""Decoded monitored items → rows of a telemetry segment, exact: what a column cannot hold stays in `raw` or `raw_time`.

Pure: opens nothing, reads no clock.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from omptool.capture.format import NO_TICKS, NS, RAW_TIME, SEGMENT, Flag
from omptool.model.times import EPOCH_TICKS, MAX_NS, MIN_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omptool.protocol.columns import ItemColumns

Ints = npt.NDArray[np.integer] | int
"""One number per row, or one for all rows."""

_MIN_TICKS = EPOCH_TICKS + -(-MIN_NS // 100)
_MAX_TICKS = EPOCH_TICKS + MAX_NS // 100
_YEAR_2000_NS = 946_684_800_000_000_000
_HOUR_NS = 3_600_000_000_000


def encode_items(
    columns: ItemColumns,
    *,
    nodes: Ints,
    receive_time: Ints,
    receive_mono: Ints,
    sequence: Ints,
    sub: Ints,
    flags: Ints = 0,
) -> pa.RecordBatch:
    """Rows of `SEGMENT` for decoded items, in their order.

    Args:
        columns: n decoded DataValues.
        nodes: capture-local node handle of each row.
        receive_time: Unix nanoseconds at which the message arrived.
        receive_mono: the same moment on the monotonic clock.
        sequence: sequence number of the message.
        sub: capture-local subscription handle.
        flags: bits of `format.Flag`.
    """
    count = len(columns.client_handle)
    source, source_fits = _stamps(columns.source_ticks, columns.has_source)
    server, server_fits = _stamps(columns.server_ticks, columns.has_server)
    odd = (columns.has_source & (~source_fits | (columns.source_pico != 0))) | (
        columns.has_server & (~server_fits | (columns.server_pico != 0))
    )
    arrays = [
        _numbers(nodes, count, np.uint32),
        pa.array(source, pa.int64(), mask=~source_fits).cast(NS),
        pa.array(server, pa.int64(), mask=~server_fits).cast(NS),
        _numbers(receive_time, count, np.int64).cast(NS),
        _numbers(receive_mono, count, np.int64),
        _numbers(sequence, count, np.uint32),
        _numbers(sub, count, np.uint32),
        pa.array(columns.status, pa.uint32()),
        pa.array(columns.vtype, pa.uint8()),
        _masked(columns.f64, columns.has_f64, pa.float64()),
        _masked(columns.i64, columns.has_i64, pa.int64()),
        _masked(columns.bool_, columns.has_bool, pa.bool_()),
        _objects(columns.text, pa.string()),
        _objects(columns.raw, pa.binary()),
        _raw_times(columns, np.flatnonzero(odd)),
        _numbers(flags, count, np.uint8),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SEGMENT)


def span(batch: pa.RecordBatch) -> tuple[int | None, int | None]:
    """First and last time of the rows, in Unix nanoseconds, as a commit states them.

    Rows flagged initial or polled may be as old as the machine and do not count.
    """
    counted = trusted_times(batch)[(batch.column("flags").to_numpy() & int(Flag.INITIAL | Flag.POLLED)) == 0]
    return (int(counted.min()), int(counted.max())) if len(counted) else (None, None)


def trusted_times(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """When the rows happened, Unix nanoseconds: source, else server, else receive time.

    Receive time also where the stamp is before 2000 or more than an hour after receipt.
    """
    receive = batch.column("receive_time")
    if "event_time" in batch.schema.names:
        times = pc.coalesce(batch.column("event_time"), receive)
    else:
        times = pc.coalesce(batch.column("source_time"), batch.column("server_time"), receive)
    at, received = times.cast(pa.int64()).to_numpy(), receive.cast(pa.int64()).to_numpy()
    suspect = (at < _YEAR_2000_NS) | (at - received > _HOUR_NS)
    trusted: npt.NDArray[np.int64] = np.where(suspect, received, at)
    return trusted


def _stamps(
    ticks: npt.NDArray[np.int64], present: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Unix nanoseconds, and which of them are present and fit."""
    fits = present & (ticks >= _MIN_TICKS) & (ticks <= _MAX_TICKS)
    return np.where(fits, (ticks - EPOCH_TICKS) * 100, 0), fits


def _numbers(values: Ints, count: int, kind: type[np.integer]) -> pa.Array:
    return pa.array(np.broadcast_to(np.asarray(values, dtype=kind), (count,)))


def _masked(values: npt.NDArray[np.generic], present: npt.NDArray[np.bool_], kind: pa.DataType) -> pa.Array:
    if present.all():
        return pa.array(values, kind)
    if not present.any():
        return pa.nulls(len(values), kind)
    return pa.array(values, kind, mask=~present)


def _objects(values: Sequence[str | bytes | None], kind: pa.DataType) -> pa.Array:
    if values.count(None) == len(values):
        return pa.nulls(len(values), kind)
    return pa.array(values, kind)


def _raw_times(columns: ItemColumns, odd: npt.NDArray[np.intp]) -> pa.Array:
    """Exact stamps of the rows in `odd`, null elsewhere."""
    if not len(odd):
        return pa.nulls(len(columns.status), pa.binary())
    exact: list[bytes | None] = [None] * len(columns.status)
    for row in odd.tolist():
        exact[row] = struct.pack(
            RAW_TIME,
            columns.source_ticks[row] if columns.has_source[row] else NO_TICKS,
            columns.source_pico[row],
            columns.server_ticks[row] if columns.has_server[row] else NO_TICKS,
            columns.server_pico[row],
        )
    return pa.array(exact, pa.binary())
