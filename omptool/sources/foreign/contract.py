"""Rows with the columns of `telemetry` as omptool itself writes them (C4): names and stamps are taken as they are.

Columns come as texts. What is no value of its column makes the row a wrong one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omptool.model import bounded_json
from omptool.model.contracts import TELEMETRY, TIME
from omptool.sources.foreign import stamps
from omptool.sources.foreign.context import Context
from omptool.sources.foreign.points import Known, Points
from omptool.sources.foreign.tables import Origin, take
from omptool.sources.foreign.values import Values

_NOT_FINITE = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
_OWN = frozenset(
    {"time", "time_ns", "type", "value", "value_exact", "value_text", "value_list", "status", *Known._fields}
)  # fmt: skip


def points(texts: Mapping[str, pa.Array], context: Context, origin: Origin) -> Iterator[Points]:
    """Rows of the contract from columns of strings; columns that nobody knows are left out."""
    rows = len(next(iter(texts.values())))
    wrong: dict[int, str] = {}
    columns = {
        field.name: column(texts.get(field.name, pa.nulls(rows, pa.string())), field, wrong) for field in TELEMETRY
    }
    yield from kept(columns, wrong, context, origin)


def kept(columns: Mapping[str, pa.Array], wrong: dict[int, str], context: Context, origin: Origin) -> Iterator[Points]:
    """Columns in their types as points; rows that are `wrong`, or lack what every row has, go to the rejects."""
    rows = len(columns["time"])
    for field in TELEMETRY:
        if not field.nullable and columns[field.name].null_count:
            for row in np.flatnonzero(columns[field.name].is_null().to_numpy(zero_copy_only=False)).tolist():
                wrong.setdefault(row, f"{field.name} is missing")
    codes = pc.fill_null(columns["status"], 0).to_numpy(zero_copy_only=False).astype(np.int64)
    for row in np.flatnonzero((codes < 0) | (codes >= 2**32)).tolist():
        wrong.setdefault(row, "status is no StatusCode")
    for row in sorted(wrong):
        place, text = origin(row)
        context.rejects.add(wrong[row], text, **place)
    found = of_columns(columns, context)
    if wrong:
        keep = np.ones(rows, bool)
        keep[list(wrong)] = False
        found = take(found, np.flatnonzero(keep))
    if len(found):
        yield found


def of_columns(columns: Mapping[str, pa.Array], context: Context) -> Points:
    """Columns in the types of the contract as points; rows with a null where none may be are meant to be cut."""
    rows = len(columns["time"])
    us = pc.fill_null(columns["time"].cast(pa.int64()), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    rest = pc.fill_null(columns["time_ns"], 0).to_numpy(zero_copy_only=False).astype(np.int64)
    lists = {name: columns[name].to_pylist() for name in Known._fields}
    known: dict[Known, int] = {}
    nodes = np.empty(rows, np.int32)
    for row, cells in enumerate(zip(*lists.values(), strict=True)):
        named = zip(lists, cells, strict=True)
        node = Known(*("" if cell is None and name in _NEEDED else cell for name, cell in named))
        position = known.get(node)
        if position is None:
            position = known[node] = context.nodes.exactly(node)
        nodes[row] = position
    values = Values(
        columns["type"], columns["value"], columns["value_exact"], columns["value_text"], columns["value_list"], {}
    )
    status = pc.fill_null(columns["status"], 0).to_numpy(zero_copy_only=False).astype(np.int64)
    more = {name: column for name, column in columns.items() if name not in _OWN}
    return Points(stamps.Stamps(us, rest, np.ones(rows, bool)), nodes, values, status, more=more)


COLUMNS = tuple(TELEMETRY.names)
_NEEDED = frozenset(("server", "node_id", "path", "tag", "site", "machine"))


def column(texts: pa.Array, field: pa.Field, wrong: dict[int, str]) -> pa.Array:
    """A column in its type; null where the text is no such value, which is then wrong."""
    kind = field.type
    if pa.types.is_string(kind):
        return texts
    if pa.types.is_timestamp(kind):
        found = stamps.column(texts)
        array = pa.array(found.us, pa.int64(), mask=~found.present).cast(TIME)
        _tell(texts, array, field.name, wrong)
        return array
    try:
        if pa.types.is_floating(kind):
            for word, plain in _NOT_FINITE.items():
                texts = pc.if_else(pc.fill_null(pc.equal(texts, word), False), plain, texts)
        if pa.types.is_primitive(kind) or pa.types.is_decimal(kind):
            return pc.cast(texts, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    array = pa.array([_cell(text, kind) for text in texts.to_pylist()], kind)
    _tell(texts, array, field.name, wrong)
    return array


def _tell(texts: pa.Array, array: pa.Array, name: str, wrong: dict[int, str]) -> None:
    bad = pc.and_not(pc.is_valid(texts), pc.is_valid(array)).to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(bad).tolist():
        wrong.setdefault(row, f"{name} is no {_KINDS.get(name, 'such value')}")


_KINDS = {"time": "time", "server_time": "time", "receive_time": "time", "value": "number", "value_list": "list",
          "value_exact": "integer", "status": "StatusCode", "raw": "base64"}  # fmt: skip


def _cell(text: str | None, kind: pa.DataType) -> Any:
    if text is None:
        return None
    try:
        return _reader(kind)(text)
    except (ValueError, TypeError, binascii.Error, OverflowError):
        return None


def _reader(kind: pa.DataType) -> Callable[[str], Any]:
    if pa.types.is_list(kind):
        return _list
    if pa.types.is_binary(kind):
        return lambda text: base64.b64decode(text, validate=True)
    return lambda text: pa.scalar(text).cast(kind).as_py()


def _list(text: str) -> list[float]:
    return [float(item) for item in bounded_json.loads(text)]
