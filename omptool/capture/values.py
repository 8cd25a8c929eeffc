"""Segment rows → the value columns of C2: value, value_exact, value_text, value_list, raw and the type's name.

Whole columns at a time; single rows are touched only where the bytes of a Variant must be read (arrays, structures),
for DateTimes and for enumeration names. Pure.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from omptool.capture.directory import Indexes, NodeDirectory
from omptool.capture.format import ARRAY
from omptool.errors import MalformedMessage
from omptool.model import status
from omptool.model.builtin import INTEGERS, NUMERIC, BuiltinType
from omptool.protocol.structure import Definitions, bit_names
from omptool.protocol.variant import FIRST_TICKS, LAST_TICKS, Variant, decode_variant, time_text, value_list
from omptool.protocol.wire import LocalizedText

EXACT_LIMIT = 2**53
"""Integers up to this size are exact as DOUBLE."""

_LISTS = pa.list_(pa.float64())
_DECIMAL = pa.decimal128(20, 0)
_DIMENSIONS = 0x40
_NAMES = [kind.name for kind in BuiltinType]
_TYPE_NAMES = [_NAMES[kind] if kind < len(_NAMES) else "ByteString" for kind in range(ARRAY)]
_TYPE_NAMES += [name + "[]" for name in _TYPE_NAMES]
"""By `vtype`; the reserved ids 26 to 31 are ByteStrings (Part 6, 5.2.2.16)."""

_UNREADABLE_TEXT = {BuiltinType.ByteString, BuiltinType.XmlElement, BuiltinType.String}
"""Scalars whose raw bytes have no text: bytes, and text that is no UTF-8."""

_ABSTRACT = frozenset({"i=22", "i=24"})
"""Structure and BaseDataType: a variable of these says nothing about the structure it holds."""

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]


@dataclass(slots=True)
class Values:
    """The columns, row for row; `types` by position in `type_names`."""

    value: pa.Array
    exact: pa.Array
    text: pa.Array
    lists: pa.Array
    raw: pa.Array
    types: npt.NDArray[np.int32]
    type_names: list[str]


def value_columns(batch: pa.RecordBatch, positions: Indexes, directory: NodeDirectory) -> Values:
    """Convert the values of a batch of `SEGMENT`; `positions` are those of its nodes in `directory`."""
    rows = batch.num_rows
    vtype = batch.column("vtype").to_numpy()
    values = Values(
        value=batch.column("v_f64"),
        exact=pa.nulls(rows, _DECIMAL),
        text=batch.column("v_str"),
        lists=pa.nulls(rows, _LISTS),
        raw=batch.column("raw"),
        types=vtype.astype(np.int32),
        type_names=_TYPE_NAMES,
    )
    present = set(np.flatnonzero(np.bincount(vtype, minlength=256)).tolist())
    if present - {BuiltinType.Null, *_FLOAT_TYPES, BuiltinType.String}:
        _numbers(batch, vtype, present, values)
        _texts(batch, vtype, present, values)
        _named_types(vtype, positions, directory, values)
    if values.raw.null_count < rows:
        _from_raw(vtype, positions, directory, values)
    return values


_FLOAT_TYPES = {BuiltinType.Float, BuiltinType.Double}


def _numbers(batch: pa.RecordBatch, vtype: npt.NDArray[np.uint8], present: set[int], values: Values) -> None:
    """Integers, Booleans and StatusCodes as DOUBLE, and exactly where a DOUBLE is too coarse."""
    numbers = values.value.fill_null(0.0).to_numpy().copy()
    valid = _is_valid(values.value)
    whole = batch.column("v_i64")
    integers = whole.fill_null(0).to_numpy()
    has_whole = _is_valid(whole) & _is_in(vtype, present & (INTEGERS | {BuiltinType.StatusCode}))
    unsigned = has_whole & (vtype == BuiltinType.UInt64)
    signed = has_whole & ~unsigned
    numbers[signed] = integers[signed]
    numbers[unsigned] = integers[unsigned].view(np.uint64)
    flags = batch.column("v_bool")
    booleans = _is_valid(flags) & (vtype == BuiltinType.Boolean)
    numbers[booleans] = flags.fill_null(False).to_numpy(zero_copy_only=False)[booleans]
    values.value = pa.array(numbers, mask=~(valid | has_whole | booleans))
    large_signed = signed & ((integers > EXACT_LIMIT) | (integers < -EXACT_LIMIT))
    large_unsigned = unsigned & (integers.view(np.uint64) > EXACT_LIMIT)
    if large_signed.any() or large_unsigned.any():
        exact = pa.array(integers, mask=~large_signed).cast(_DECIMAL)
        beyond = pa.array(integers.view(np.uint64), mask=~large_unsigned).cast(_DECIMAL)
        values.exact = pc.coalesce(exact, beyond)


def _texts(batch: pa.RecordBatch, vtype: npt.NDArray[np.uint8], present: set[int], values: Values) -> None:
    """DateTimes and names of StatusCodes; a time no RFC 3339 can write stays in `raw`."""
    if not present & {BuiltinType.DateTime, BuiltinType.StatusCode}:
        return
    numbers = batch.column("v_i64")
    valid = _is_valid(numbers)
    stamps = np.flatnonzero(valid & (vtype == BuiltinType.DateTime))
    codes = np.flatnonzero(valid & (vtype == BuiltinType.StatusCode))
    plain = numbers.fill_null(0).to_numpy()
    values.text = _put(values.text, stamps, [time_text(ticks) for ticks in plain[stamps].tolist()])
    values.text = _put(values.text, codes, [status.name(code & 0xFFFFFFFF) for code in plain[codes].tolist()])
    odd = stamps[(plain[stamps] < FIRST_TICKS) | (plain[stamps] > LAST_TICKS)]
    if len(odd):
        raw = [struct.pack("<Bq", BuiltinType.DateTime, ticks) for ticks in plain[odd].tolist()]
        values.raw = _put(values.raw, odd, raw)


def _named_types(vtype: npt.NDArray[np.uint8], positions: Indexes, directory: NodeDirectory, values: Values) -> None:
    """Enumerations and structures go by the name of their DataType; numbers also get the names that stand for them."""
    used = np.unique(positions).tolist()
    base = vtype & np.uint8(ARRAY - 1)
    values.type_names = list(values.type_names)
    enums = [at for at in used if directory.nodes[at].node.enum_names]
    rows = _rename(values, enums, _is_in(base, INTEGERS), vtype, positions, directory)
    scalars = rows[vtype[rows] < ARRAY]
    if len(scalars):
        numbers = values.value.take(pa.array(scalars)).to_pylist()
        names = {at: directory.nodes[at].node.enum_names or {} for at in enums}
        found = [names[at].get(int(n or 0)) for at, n in zip(positions[scalars].tolist(), numbers, strict=True)]
        values.text = _put(values.text, scalars, found)
    _option_sets(values, used, base, vtype, positions, directory)
    exact = [at for at in used if directory.nodes[at].node.data_type_id not in _ABSTRACT]
    _rename(values, exact, _is_in(base, {BuiltinType.ExtensionObject}), vtype, positions, directory)


def _option_sets(
    values: Values,
    used: Sequence[int],
    base: npt.NDArray[np.uint8],
    vtype: npt.NDArray[np.uint8],
    positions: Indexes,
    directory: NodeDirectory,
) -> None:
    """Numbers whose bits have names: the type's name, and the names of the bits that are set as JSON."""
    sets = {at: names for at in used if (names := directory.bit_names(at)) is not None}
    rows = _rename(values, list(sets), _is_in(base, INTEGERS), vtype, positions, directory)
    scalars = rows[vtype[rows] < ARRAY]
    if len(scalars):
        taken = pa.array(scalars)
        numbers = zip(values.value.take(taken).to_pylist(), values.exact.take(taken).to_pylist(), strict=True)
        bits = [int(number or 0) if exact is None else int(exact) for number, exact in numbers]
        texts = [_bits(sets[at], number) for at, number in zip(positions[scalars].tolist(), bits, strict=True)]
        values.text = _put(values.text, scalars, texts)


def _bits(names: dict[int, str], number: int) -> str | None:
    return None if number < 0 else json.dumps(bit_names(number, names), ensure_ascii=False, separators=(",", ":"))


def _rename(
    values: Values,
    nodes: Sequence[int],
    candidates: Mask,
    vtype: npt.NDArray[np.uint8],
    positions: Indexes,
    directory: NodeDirectory,
) -> npt.NDArray[np.intp]:
    """Give the rows of `nodes` among the `candidates` the name of their DataType; returns the rows of these nodes."""
    if not nodes or not candidates.any():
        return np.zeros(0, np.intp)
    first = np.full(len(directory.nodes), -1, np.int32)
    chosen = np.zeros(len(directory.nodes), bool)
    chosen[nodes] = True
    for at in nodes:
        name = directory.nodes[at].node.data_type
        if name is not None:
            first[at] = len(values.type_names)
            values.type_names += [name, name + "[]"]
    rows = np.flatnonzero(candidates & chosen[positions])
    named = rows[first[positions[rows]] >= 0]
    values.types[named] = first[positions[named]] + (vtype[named] >= ARRAY)
    return rows


def _from_raw(vtype: npt.NDArray[np.uint8], positions: Indexes, directory: NodeDirectory, values: Values) -> None:
    """Read the Variants of rows that have one."""
    rows = np.flatnonzero(_is_valid(values.raw))
    lists: list[Numbers | None] = []
    texts: list[str | None] = []
    kept: list[bytes | None] = []
    values.type_names = list(values.type_names)
    known = values.text.take(pa.array(rows)).to_pylist()
    raws = values.raw.take(pa.array(rows)).to_pylist()
    for row, raw, text in zip(rows.tolist(), raws, known, strict=True):
        at = int(positions[row])
        read = _read_raw(raw, int(vtype[row]), directory.namespaces[at], directory.definitions(at))
        lists.append(read.numbers)
        texts.append(text if text is not None else read.text)
        kept.append(None if read.numbers is not None and _is_rebuilt(raw, read.numbers) else raw)
        if read.type_name is not None or read.dimensions > 1:
            values.types[row] = _type_index(values, int(values.types[row]), read)
    values.text = _put(values.text, rows, texts)
    values.raw = _put(values.raw, rows, kept)
    if any(numbers is not None for numbers in lists):
        values.lists = _list_column(len(values.raw), rows, lists)


class _Read(NamedTuple):
    """What the bytes of a Variant say: elements of a numeric array, or a text; dimensions; a structure's own type."""

    numbers: Numbers | None = None
    text: str | None = None
    dimensions: int = 0
    type_name: str | None = None


def _type_index(values: Values, type_index: int, read: _Read) -> int:
    known = values.type_names[type_index]
    name = (read.type_name or known.removesuffix("[]")) + "[]" * (read.dimensions or known.endswith("[]"))
    if name not in values.type_names:
        values.type_names.append(name)
    return values.type_names.index(name)


def _read_raw(raw: bytes, vtype: int, namespaces: Sequence[str], definitions: Definitions) -> _Read:
    """Nothing of bytes that do not decode."""
    kind = vtype & (ARRAY - 1)
    try:
        if vtype >= ARRAY and kind in NUMERIC:
            found = value_list(raw)
            return _Read() if found is None else _Read(found[0], dimensions=found[1])
        if vtype < ARRAY and (kind in NUMERIC or kind in _UNREADABLE_TEXT or kind == BuiltinType.Boolean):
            return _Read()
        variant = decode_variant(raw, namespaces)
    except MalformedMessage:
        return _Read()
    plain, type_name = definitions.to_json(variant, namespaces)
    if plain is None:
        return _Read(type_name=type_name)
    return _Read(None, _text_of(variant, plain), len(variant.dimensions or ()), type_name)


def _text_of(variant: Variant, plain: object) -> str:
    """The text of a name or NodeId bare, of LocalizedText without its locale, everything else as JSON."""
    if isinstance(plain, str):
        return plain
    if isinstance(variant.value, LocalizedText) and variant.value.text is not None:
        return variant.value.text
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _is_rebuilt(raw: bytes, numbers: Numbers) -> bool:
    """Whether type and `value_list` give back the exact bytes: a plain array, no NaN, no rounded integer."""
    if raw[0] & _DIMENSIONS:
        return False
    if raw[0] & 0x3F in (BuiltinType.Int64, BuiltinType.UInt64):
        return bool((np.abs(numbers) < EXACT_LIMIT).all())
    return not np.isnan(numbers).any()


def _list_column(count: int, rows: npt.NDArray[np.intp], lists: Sequence[Numbers | None]) -> pa.Array:
    """`lists` at `rows` of a column of `count`, null elsewhere."""
    missing = np.ones(count, bool)
    lengths = np.zeros(count + 1, np.int64)
    for row, numbers in zip(rows.tolist(), lists, strict=True):
        if numbers is not None:
            missing[row] = False
            lengths[row + 1] = len(numbers)
    elements = np.concatenate([numbers for numbers in lists if numbers is not None])
    offsets = pa.array(np.cumsum(lengths).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(elements), type=_LISTS, mask=pa.array(missing))


def _is_valid(array: pa.Array) -> Mask:
    if not array.null_count:
        return np.ones(len(array), bool)
    valid: Mask = array.is_valid().to_numpy(zero_copy_only=False)
    return valid


def _is_in(vtype: npt.NDArray[np.uint8], kinds: set[int] | frozenset[BuiltinType] | set[BuiltinType]) -> Mask:
    table = np.zeros(256, bool)
    table[[int(kind) for kind in kinds]] = True
    return table[vtype]


def _put(array: pa.Array, rows: npt.NDArray[np.intp], values: Sequence[object]) -> pa.Array:
    """A copy of `array` with `values` at `rows`."""
    if not len(rows):
        return array
    mask = np.zeros(len(array), bool)
    mask[rows] = True
    return pc.replace_with_mask(array, pa.array(mask), pa.array(values, array.type))
