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

from omptool.capture.format import NO_TICKS, NS, OLD, RAW_TIME, SEGMENT
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
    source, odd_sources = _stamps(columns.source_ticks, columns.has_source, columns.source_pico)
    server, odd_servers = _stamps(columns.server_ticks, columns.has_server, columns.server_pico)
    arrays = [
        _numbers(nodes, count, np.uint32),
        source,
        server,
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
        _raw_times(columns, np.union1d(odd_sources, odd_servers)),
        _numbers(flags, count, np.uint8),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SEGMENT)


def span(batch: pa.RecordBatch) -> tuple[int | None, int | None]:
    """First and last time of the rows, in Unix nanoseconds, as a commit states them.

    Rows flagged initial or polled may be as old as the machine and do not count.
    """
    counted = trusted_times(batch)[(batch.column("flags").to_numpy() & OLD) == 0]
    return (int(counted.min()), int(counted.max())) if len(counted) else (None, None)


def trusted_times(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """When the rows happened, Unix nanoseconds: source, else server, else receive time.

    Receive time also where the stamp is before 2000 or more than an hour after receipt.
    """
    at, received = times_of(batch), _plain(batch.column("receive_time"))
    suspect = (at < _YEAR_2000_NS) | (at - received > _HOUR_NS)
    if not suspect.any():
        return at
    trusted: npt.NDArray[np.int64] = np.where(suspect, received, at)
    return trusted


def times_of(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Source, else server, else receive time; of events their own. Unix nanoseconds."""
    names = ("event_time",) if "event_time" in batch.schema.names else ("source_time", "server_time")
    stamped = [batch.column(name) for name in (*names, "receive_time")]
    return _plain(pc.coalesce(*stamped) if stamped[0].null_count else stamped[0])


def _plain(times: pa.Array) -> npt.NDArray[np.int64]:
    plain: npt.NDArray[np.int64] = times.cast(pa.int64()).to_numpy()
    return plain


def _stamps(
    ticks: npt.NDArray[np.int64], present: npt.NDArray[np.bool_], pico: npt.NDArray[np.uint16]
) -> tuple[pa.Array, npt.NDArray[np.intp]]:
    """Times of those that are present and fit; the rows of those that a time alone does not tell."""
    if len(ticks) and present.all() and ticks.min() >= _MIN_TICKS and ticks.max() <= _MAX_TICKS:
        return pa.array((ticks - EPOCH_TICKS) * 100).cast(NS), np.flatnonzero(pico)
    if not present.any():
        return pa.nulls(len(ticks), NS), np.zeros(0, np.intp)
    fits = present & (ticks >= _MIN_TICKS) & (ticks <= _MAX_TICKS)
    times = pa.array(np.where(fits, (ticks - EPOCH_TICKS) * 100, 0), pa.int64(), mask=~fits).cast(NS)
    return times, np.flatnonzero(present & (~fits | (pico != 0)))


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
