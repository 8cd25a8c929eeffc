"""Rows of a segment → the exact bytes of their Variants, the way back of `protocol.items`. Pure.

Most are rebuilt from the typed columns; where those do not hold a value exactly, the recording kept its bytes (`raw`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from uuid import UUID

import pyarrow as pa

from omptool.errors import Damaged
from omptool.model.builtin import BuiltinType
from omptool.opcua.serving.served import NULL_VARIANT, encode_variant

_K = BuiltinType
_COLUMNS = {_K.Boolean: "v_bool", _K.Float: "v_f64", _K.Double: "v_f64"}
_COLUMNS |= dict.fromkeys((_K.String, _K.XmlElement, _K.LocalizedText, _K.Guid), "v_str")
_COLUMNS |= dict.fromkeys(
    (_K.SByte, _K.Byte, _K.Int16, _K.UInt16, _K.Int32, _K.UInt32, _K.Int64, _K.UInt64, _K.DateTime, _K.StatusCode),
    "v_i64",
)
_NULLS = {kind: struct.pack("<Bi", kind, -1) for kind in (_K.String, _K.XmlElement)}
_NULLS[_K.LocalizedText] = bytes((_K.LocalizedText, 0))
_U64 = (1 << 64) - 1


def variants(batch: pa.RecordBatch) -> list[bytes]:
    """The Variant of every row.

    Raises:
        Damaged: a value that its type does not hold; omptool did not write that.
    """
    columns = {name: batch.column(name).to_pylist() for name in ("v_f64", "v_i64", "v_bool", "v_str")}
    raws = batch.column("raw").to_pylist()
    found = []
    for row, vtype in enumerate(batch.column("vtype").to_pylist()):
        raw = raws[row]
        if raw is None and vtype:
            column = _COLUMNS.get(vtype)
            raw = None if column is None else _encoded(vtype, columns[column][row])
            if raw is None:
                raise Damaged(f"a value does not fit its type {vtype}", "omptool verify says what is intact")
        found.append(raw or NULL_VARIANT)
    return found


def _encoded(vtype: int, value: object) -> bytes | None:
    """Variant bytes; None when the type does not hold the value."""
    kind = BuiltinType(vtype)
    if value is None:
        return _NULLS.get(kind)
    try:
        return _ENCODERS.get(kind, encode_variant)(kind, value)  # type: ignore[arg-type]  # each encoder takes the values of its kind
    except (struct.error, OverflowError, ValueError, TypeError):
        return None


def _guid(_: BuiltinType, value: object) -> bytes:
    return bytes((_K.Guid,)) + UUID(str(value)).bytes_le


def _unsigned(kind: BuiltinType, value: object) -> bytes:
    assert isinstance(value, int)
    return encode_variant(kind, value & _U64)


_ENCODERS: dict[BuiltinType, Callable[[BuiltinType, object], bytes]] = {_K.Guid: _guid, _K.UInt64: _unsigned}
