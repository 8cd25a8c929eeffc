"""The columns that values become, and the filling of them from records of equal shape.

A row's typed columns and `vtype` give its Variant back exactly; where they would not, `raw` holds the Variant's own
bytes. Nothing is rounded, replaced or judged here: times stay ticks, statuses stay codes, a null String stays apart
from an empty one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from omptool.protocol.plans import HAS_SERVER, HAS_SERVER_PICO, HAS_SOURCE, HAS_SOURCE_PICO, HAS_STATUS, Plan

Rows = slice | NDArray[np.int64]
Records = NDArray[np.void]

_BOOLEAN, _FLOAT, _DOUBLE, _GUID = 1, 10, 11, 14
_WIDENED_EXACTLY = (0x7FC00000, 0xFFC00000)
"""Quiet NaNs without payload, the second being the one that Part 6 (5.2.2.3) tells encoders to write."""


@dataclass(slots=True)
class ItemColumns:
    """Values as columns; row i is the i-th item in order of arrival. `n` rows each.

    Attributes:
        client_handle: u32; in a ReadResponse the index of the result.
        source_ticks, server_ticks: i64, 100 ns since 1601, valid where has_source, has_server.
        source_pico, server_pico: u16, units of 10 ps; 0 when absent.
        status: u32 StatusCode; 0 when absent.
        vtype: u8 built-in type id; + 128 for arrays and matrices; 0 for no value and for the null Variant.
        f64: Float (widened, exact) and Double, valid where has_f64. A Float NaN with a payload keeps `raw` too.
        i64: integers, DateTime ticks, StatusCodes, valid where has_i64; a UInt64 keeps its 64 bits and reads negative
        above 2**63 - 1. bool_: Boolean, valid where has_bool; a byte other than 0 and 1 is true and keeps `raw` too.
        text: String, XmlElement, Guid, LocalizedText's text. None with vtype 12, 16 or 21 and no raw is the null value.
        raw: exact Variant bytes where the columns above do not rebuild them: arrays, matrices, ByteString, NodeId,
            ExpandedNodeId, QualifiedName, ExtensionObject, DataValue, Variant, DiagnosticInfo, LocalizedText with a
            locale, text that is no UTF-8.
    """

    client_handle: NDArray[np.uint32]
    source_ticks: NDArray[np.int64]
    has_source: NDArray[np.bool_]
    server_ticks: NDArray[np.int64]
    has_server: NDArray[np.bool_]
    source_pico: NDArray[np.uint16]
    server_pico: NDArray[np.uint16]
    status: NDArray[np.uint32]
    vtype: NDArray[np.uint8]
    f64: NDArray[np.float64]
    has_f64: NDArray[np.bool_]
    i64: NDArray[np.int64]
    has_i64: NDArray[np.bool_]
    bool_: NDArray[np.bool_]
    has_bool: NDArray[np.bool_]
    text: list[str | None]
    raw: list[bytes | None]

    def __len__(self) -> int:
        return len(self.client_handle)

    def take(self, rows: NDArray[np.intp]) -> ItemColumns:
        """These rows, in this order."""
        indexes = rows.tolist()
        taken: dict[str, Any] = {}
        for field in fields(self):
            column = getattr(self, field.name)
            taken[field.name] = [column[row] for row in indexes] if isinstance(column, list) else column[rows]
        return ItemColumns(**taken)

    @classmethod
    def blank(cls, rows: int) -> ItemColumns:
        """`rows` rows without value, status 0, without times."""
        u32, i64, u16, flag = (np.dtype(kind) for kind in ("u4", "i8", "u2", "?"))
        return cls(
            client_handle=np.zeros(rows, u32),
            source_ticks=np.zeros(rows, i64),
            has_source=np.zeros(rows, flag),
            server_ticks=np.zeros(rows, i64),
            has_server=np.zeros(rows, flag),
            source_pico=np.zeros(rows, u16),
            server_pico=np.zeros(rows, u16),
            status=np.zeros(rows, u32),
            vtype=np.zeros(rows, np.uint8),
            f64=np.zeros(rows, np.float64),
            has_f64=np.zeros(rows, flag),
            i64=np.zeros(rows, i64),
            has_i64=np.zeros(rows, flag),
            bool_=np.zeros(rows, flag),
            has_bool=np.zeros(rows, flag),
            text=[None] * rows,
            raw=[None] * rows,
        )


def fill_tail(columns: ItemColumns, plan: Plan, records: Records, rows: Rows) -> None:
    """Type, status and times of rows that share `plan`; `records` is row-aligned and has the fields of the plan's
    tail."""
    columns.vtype[rows] = plan.vtype
    mask = plan.mask
    if mask & HAS_STATUS:
        columns.status[rows] = records["status"]
    if mask & HAS_SOURCE:
        columns.source_ticks[rows] = records["source"]
        columns.has_source[rows] = True
    if mask & HAS_SERVER:
        columns.server_ticks[rows] = records["server"]
        columns.has_server[rows] = True
    if mask & HAS_SOURCE_PICO:
        columns.source_pico[rows] = records["source_pico"]
    if mask & HAS_SERVER_PICO:
        columns.server_pico[rows] = records["server_pico"]


def fill_value(columns: ItemColumns, plan: Plan, records: Records, rows: Rows) -> None:
    """Values of rows whose type has a fixed size; nothing to do for null."""
    if not plan.kind:
        return
    values: NDArray[Any] = records["value"]
    if plan.kind == _DOUBLE:
        columns.f64[rows] = values
        columns.has_f64[rows] = True
    elif plan.kind == _FLOAT:
        _fill_floats(columns, values, rows)
    elif plan.kind == _BOOLEAN:
        columns.bool_[rows] = values != 0
        columns.has_bool[rows] = True
        _keep_raw(columns, plan, values, rows, values > 1)
    elif plan.kind == _GUID:
        for row, value in zip(_numbers(rows), values.tolist(), strict=True):
            columns.text[row] = str(UUID(bytes_le=value))
    else:
        columns.i64[rows] = values
        columns.has_i64[rows] = True


def _fill_floats(columns: ItemColumns, values: NDArray[np.float32], rows: Rows) -> None:
    odd = np.isnan(values)
    if odd.any():
        odd &= ~np.isin(np.ascontiguousarray(values).view(np.uint32), _WIDENED_EXACTLY)
        for row, value in zip(np.asarray(_numbers(rows))[odd].tolist(), values[odd], strict=True):
            columns.raw[row] = bytes((_FLOAT,)) + value.tobytes()
    with np.errstate(invalid="ignore"):  # a signalling NaN is no reason to warn
        columns.f64[rows] = values
    columns.has_f64[rows] = True


def _keep_raw(columns: ItemColumns, plan: Plan, values: NDArray[Any], rows: Rows, odd: NDArray[np.bool_]) -> None:
    if not odd.any():
        return
    for row, value in zip(np.asarray(_numbers(rows))[odd].tolist(), values[odd], strict=True):
        columns.raw[row] = bytes((plan.encoding,)) + value.tobytes()


def _numbers(rows: Rows) -> list[int]:
    return list(range(rows.start, rows.stop)) if isinstance(rows, slice) else rows.tolist()
