"""The time columns of C2 from the stamps of a segment: source, else server, else receive time, in µs and the rest.

A stamp counts when it is a moment: ticks 0 (no time) and those at or beyond the end of the year 9999 (no end) are none
(Part 6, 5.2.2.5). Stamps that do not fit nanoseconds are read from `raw_time`. Pure.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.capture.format import RAW_TIME
from omptool.model.contracts import TIME
from omptool.model.times import EPOCH_TICKS
from omptool.model.vocabulary import TimeBasis

BASES = (TimeBasis.SOURCE, TimeBasis.SERVER, TimeBasis.RECEIVE)

_LAST_TICKS = 2_650_467_743_990_000_000
"""9999-12-31T23:59:59Z."""

_RAW_SIZE = struct.calcsize(RAW_TIME)
_RAW_DTYPE = np.dtype([("source", "<i8"), ("source_pico", "<u2"), ("server", "<i8"), ("server_pico", "<u2")])

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Times:
    """The columns, row for row; `basis` by position in `BASES`."""

    time: pa.Array
    time_ns: pa.Array
    basis: npt.NDArray[np.int32]
    server_time: pa.Array
    server_time_ns: pa.Array
    receive_time: pa.Array


def time_columns(batch: pa.RecordBatch) -> Times:
    """Times of a batch of `SEGMENT`."""
    source_us, source_ns, has_source = _split(batch.column("source_time"))
    server_us, server_ns, has_server = _split(batch.column("server_time"))
    receive_us, receive_ns, _ = _split(batch.column("receive_time"))
    raw = batch.column("raw_time")
    if raw.null_count < len(raw):
        rows, exact = _exact(raw)
        for name, us, ns, present in (
            ("source", source_us, source_ns, has_source),
            ("server", server_us, server_ns, has_server),
        ):
            _overlay(exact[name], rows, us, ns, present)
    has_source &= _is_moment(source_us, source_ns)
    has_server &= _is_moment(server_us, server_ns)
    if has_source.all():
        at, rest, basis = source_us, source_ns, np.zeros(len(source_us), np.int32)
    else:
        at = np.where(has_source, source_us, np.where(has_server, server_us, receive_us))
        rest = np.where(has_source, source_ns, np.where(has_server, server_ns, receive_ns))
        basis = np.where(has_source, 0, np.where(has_server, 1, 2)).astype(np.int32)
    return Times(
        time=_stamps(at),
        time_ns=_rests(rest),
        basis=basis,
        server_time=_stamps(server_us, ~has_server),
        server_time_ns=_rests(server_ns, ~has_server),
        receive_time=_stamps(receive_us),
    )


def event_columns(batch: pa.RecordBatch) -> Times:
    """Times of a batch of `EVENT_SEGMENT`: the event's own, else receive time. It has no server time."""
    event_us, event_ns, has_event = _split(batch.column("event_time"))
    receive_us, receive_ns, _ = _split(batch.column("receive_time"))
    nothing = pa.nulls(batch.num_rows, TIME)
    return Times(
        time=_stamps(np.where(has_event, event_us, receive_us)),
        time_ns=_rests(np.where(has_event, event_ns, receive_ns)),
        basis=np.where(has_event, 0, 2).astype(np.int32),
        server_time=nothing,
        server_time_ns=pa.nulls(batch.num_rows, pa.int16()),
        receive_time=_stamps(receive_us),
    )


def _split(column: pa.Array) -> tuple[Numbers, Numbers, Mask]:
    """Microseconds, the ticks below them in nanoseconds, and which rows have a stamp."""
    ns = column.cast(pa.int64())
    present = np.ones(len(ns), bool) if not ns.null_count else ns.is_valid().to_numpy(zero_copy_only=False).copy()
    plain = (ns.fill_null(0) if ns.null_count else ns).to_numpy()
    us = plain // 1000
    return us, (plain - us * 1000) // 100 * 100, present


def _exact(raw: pa.Array) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.void]]:
    """Rows that carry exact stamps, and those; a value of another size says nothing."""
    rows, parts = [], []
    for row, value in enumerate(raw.to_pylist()):
        if value is not None and len(value) == _RAW_SIZE:
            rows.append(row)
            parts.append(value)
    return np.array(rows, np.intp), np.frombuffer(b"".join(parts), _RAW_DTYPE)


def _overlay(ticks: Numbers, rows: npt.NDArray[np.intp], us: Numbers, ns: Numbers, present: Mask) -> None:
    """Put exact stamps in place; the sentinel for none lies outside every range and so stays none."""
    since = np.clip(ticks, -(2**62), 2**62) - EPOCH_TICKS
    us[rows] = since // 10
    ns[rows] = since % 10 * 100
    present[rows] = True


def _is_moment(us: Numbers, ns: Numbers) -> Mask:
    ticks = us * 10 + ns // 100
    return (ticks > -EPOCH_TICKS) & (ticks < _LAST_TICKS - EPOCH_TICKS)


def _stamps(us: Numbers, missing: Mask | None = None) -> pa.Array:
    return pa.array(us, pa.int64(), mask=missing).cast(TIME)


def _rests(ns: Numbers, missing: Mask | None = None) -> pa.Array:
    return pa.array(ns.astype(np.int16), mask=missing)
