"""Values as other tools write them → the value columns of the contract. Pure.

A text without a type is a number, true or false, or a text; an integer too large for DOUBLE keeps its digits. Where the
file names a type, that type holds: "007" of a String stays a text, and a text of an Int32 is refused. A formula
is a text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from omptool.model.builtin import FLOATS, INTEGERS, BuiltinType

EXACT_LIMIT = 2**53
"""Integers up to this size are exact as DOUBLE."""

_DECIMAL = pa.decimal128(20, 0)
_LISTS = pa.list_(pa.float64())

_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_WHOLE = r"^[+-]?\d{16,40}$"
"""Integers that may be beyond DOUBLE and within 64 bits; those with more digits are numbers of type Double."""
_NOT_FINITE = {"nan": math.nan, "infinity": math.inf, "inf": math.inf, "+inf": math.inf, "+infinity": math.inf,
               "-infinity": -math.inf, "-inf": -math.inf}  # fmt: skip
_BOOLEANS = {"true": 1.0, "false": 0.0}
_TRUTH = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "t": 1.0, "f": 0.0}

_ALIASES = {
    "bool": "Boolean", "int8": "SByte", "uint8": "Byte", "char": "SByte", "short": "Int16", "int": "Int64",
    "integer": "Int64", "long": "Int64", "uint": "UInt64", "ushort": "UInt16", "ulong": "UInt64", "float32": "Float",
    "single": "Float", "float64": "Double", "real": "Double", "number": "Double", "str": "String", "text": "String",
    "bytestring": "ByteString", "datetime": "DateTime",
}  # fmt: skip
_BUILTIN = {kind.name.casefold(): kind.name for kind in BuiltinType} | _ALIASES
_INTEGER_NAMES = frozenset(kind.name for kind in INTEGERS)
_NUMBER_NAMES = _INTEGER_NAMES | {kind.name for kind in FLOATS}
_RANGES = {
    "SByte": (-(2**7), 2**7 - 1), "Byte": (0, 2**8 - 1), "Int16": (-(2**15), 2**15 - 1), "UInt16": (0, 2**16 - 1),
    "Int32": (-(2**31), 2**31 - 1), "UInt32": (0, 2**32 - 1), "Int64": (-(2**63), 2**63 - 1), "UInt64": (0, 2**64 - 1),
}  # fmt: skip

Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Values:
    """Value columns, row for row; `wrong`: row → why it cannot be taken."""

    types: pa.Array
    value: pa.Array
    exact: pa.Array
    text: pa.Array
    lists: pa.Array
    wrong: dict[int, str]


def type_name(text: str) -> str:
    """The contract's spelling of a type (`float64` is Double, `INT32` Int32); other names, e.g. of structures, stay."""
    base, brackets, rest = text.strip().partition("[")
    return _BUILTIN.get(base.casefold(), base) + brackets + rest


def of_texts(texts: pa.Array, types: pa.Array | None = None, *, comma: bool = False) -> Values:
    """A column of strings as values.

    Args:
        types: a type per row; null where the row says none.
        comma: numbers have a decimal comma.
    """
    read = _with_point(texts) if comma else texts
    values = _untyped(read)
    if types is not None and types.null_count < len(types):
        _typed(read, types, values, texts)
    return values


def _with_point(texts: pa.Array) -> pa.Array:
    has = pc.match_substring_regex(texts, r"^[+-]?\d*,\d+([eE][+-]?\d+)?$")
    return pc.if_else(pc.fill_null(has, False), pc.replace_substring(texts, ",", "."), texts)


def _untyped(texts: pa.Array) -> Values:
    count = len(texts)
    is_number = pc.fill_null(pc.match_substring_regex(texts, _NUMBER), False)
    numbers = pc.cast(pc.if_else(is_number, texts, pa.scalar(None, pa.string())), pa.float64())
    is_text = pc.and_not(pc.is_valid(texts), is_number)
    names = pa.repeat(pa.scalar("Double"), count)
    if texts.null_count:
        names = pc.if_else(pc.is_valid(texts), names, "Null")
    if pc.any(is_text).as_py():
        names = pc.if_else(is_text, "String", names)
        numbers, names, is_text = _words(texts, is_text, numbers, names)
    values = Values(
        types=names,
        value=numbers,
        exact=pa.nulls(count, _DECIMAL),
        text=pc.if_else(is_text, texts, pa.scalar(None, pa.string())),
        lists=pa.nulls(count, _LISTS),
        wrong={},
    )
    whole = pc.fill_null(pc.match_substring_regex(texts, _WHOLE), False).to_numpy(zero_copy_only=False)
    if whole.any():
        _large(texts, np.flatnonzero(whole), values)
    return values


def _words(texts: pa.Array, is_text: pa.Array, numbers: pa.Array, names: pa.Array) -> tuple[pa.Array, pa.Array, Any]:
    """true, false, NaN and Infinity among the texts, as numbers."""
    folded = pc.utf8_lower(texts)
    for words, name in ((_BOOLEANS, "Boolean"), (_NOT_FINITE, "Double")):
        at = pc.and_(is_text, pc.fill_null(pc.is_in(folded, pa.array(list(words))), False))
        if pc.any(at).as_py():
            found = pc.take(pa.array(list(words.values())), pc.index_in(folded, pa.array(list(words))))
            numbers, names = pc.if_else(at, found, numbers), pc.if_else(at, name, names)
            is_text = pc.and_not(is_text, at)
    return numbers, names, is_text


def _large(texts: pa.Array, rows: npt.NDArray[np.intp], values: Values) -> None:
    """Integers beyond what a DOUBLE holds keep their digits."""
    found = [int(text) for text in texts.take(pa.array(rows)).to_pylist()]
    exact = [number if abs(number) > EXACT_LIMIT and abs(number) < 10**20 else None for number in found]
    names = [_whole_type(number) for number in found]
    values.exact = _put(values.exact, rows, [None if number is None else Decimal(number) for number in exact])
    values.types = _put(values.types, rows, names)


def _whole_type(number: int) -> str:
    if -EXACT_LIMIT <= number <= EXACT_LIMIT:
        return "Double"
    return "Int64" if -(2**63) <= number < 2**63 else "UInt64" if 0 <= number < 2**64 else "Double"


def _typed(texts: pa.Array, types: pa.Array, values: Values, written: pa.Array) -> None:
    """Hold rows to the types that the file names; what is a text there is kept as it was `written`."""
    encoded = pc.dictionary_encode(types)
    kinds = [None if name is None else type_name(name) for name in encoded.dictionary.to_pylist()]
    positions = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    present = texts.is_valid().to_numpy(zero_copy_only=False)
    for position, kind in enumerate(kinds):
        rows = np.flatnonzero((positions == position) & present)
        if kind and len(rows):
            _hold(texts if kind in _NUMBER_NAMES else written, rows, kind, values)


def _hold(texts: pa.Array, rows: npt.NDArray[np.intp], kind: str, values: Values) -> None:
    taken = texts.take(pa.array(rows))
    base = kind.partition("[")[0]
    if kind.endswith("[]"):
        _arrays(taken, rows, kind, values)
        return
    if base == "Boolean":
        found = [_TRUTH.get(text.casefold()) for text in taken.to_pylist()]
        values.wrong |= {int(row): "no Boolean" for row, value in zip(rows, found, strict=True) if value is None}
        values.value, values.text = _put(values.value, rows, found), _put(values.text, rows, [None] * len(rows))
    elif base in _NUMBER_NAMES:
        _check_numbers(rows, kind, values, taken)
    elif base in _BUILTIN.values() or not _all_numbers(values, rows):
        values.text = _put(values.text, rows, taken.to_pylist())
        values.value = _put(values.value, rows, [None] * len(rows))
        values.exact = _put(values.exact, rows, [None] * len(rows))
    values.types = _put(values.types, rows, [kind] * len(rows))


def _all_numbers(values: Values, rows: npt.NDArray[np.intp]) -> bool:
    """Whether rows of a type that we do not know are numbers: an enumeration."""
    nulls: int = values.value.take(pa.array(rows)).null_count
    return nulls == 0


def _check_numbers(rows: npt.NDArray[np.intp], kind: str, values: Values, taken: pa.Array) -> None:
    numbers = values.value.take(pa.array(rows)).to_pylist()
    names = values.types.take(pa.array(rows)).to_pylist()
    limits = _RANGES.get(kind)
    for row, number, name, text in zip(rows.tolist(), numbers, names, taken.to_pylist(), strict=True):
        if number is None or name == "Boolean":
            values.wrong[row] = f"no {kind}"
        elif limits is not None and not _fits(text, number, limits):
            values.wrong[row] = f"beyond {kind}"


def _fits(text: str, number: float, limits: tuple[int, int]) -> bool:
    try:
        exact: float = int(text)
    except ValueError:
        exact = number
    return limits[0] <= exact <= limits[1]


def _arrays(taken: pa.Array, rows: npt.NDArray[np.intp], kind: str, values: Values) -> None:
    """Arrays stand in a cell as JSON."""
    from omptool.model import bounded_json

    found: list[Any] = []
    for row, text in zip(rows.tolist(), taken.to_pylist(), strict=True):
        try:
            item = bounded_json.loads(text)
            found.append(item if isinstance(item, list) else text)
        except ValueError:
            values.wrong[row] = f"no {kind}: arrays are JSON"
            found.append(None)
    parts = of_python(found, [kind] * len(found))
    for name in ("types", "value", "exact", "text", "lists"):
        setattr(values, name, _put(getattr(values, name), rows, getattr(parts, name).to_pylist()))


def of_python(items: Sequence[Any], types: Sequence[str | None]) -> Values:
    """JSON values as value columns; `types` in the contract's spelling, None where nobody says one."""
    names: list[str] = []
    numbers: list[float | None] = []
    exacts: list[Decimal | None] = []
    texts: list[str | None] = []
    lists: list[list[float] | None] = []
    wrong: dict[int, str] = {}
    for row, (item, kind) in enumerate(zip(items, types, strict=True)):
        name, number, text, items_of, reason = _one(item, kind)
        exact = None
        if isinstance(number, int):
            if abs(number) > EXACT_LIMIT and abs(number) < 10**20:
                exact = Decimal(number)
            try:
                number = float(number)
            except OverflowError:
                reason = "a number beyond every type"
                number = None
        if reason:
            wrong[row] = reason
        names.append(name)
        numbers.append(number)
        exacts.append(exact)
        texts.append(text)
        lists.append(items_of)
    return Values(
        pa.array(names, pa.string()), pa.array(numbers, pa.float64()), pa.array(exacts, _DECIMAL),
        pa.array(texts, pa.string()), pa.array(lists, _LISTS), wrong,
    )  # fmt: skip


_One = tuple[str, float | int | None, str | None, list[float] | None, str]


def _one(item: Any, kind: str | None) -> _One:
    """Type, number, text, list, and why not."""
    if item is None:
        return kind or "Null", None, None, None, ""
    if isinstance(item, bool):
        return kind or "Boolean", float(item), None, None, ""
    if isinstance(item, (int, float)):
        return _number(item, kind)
    if isinstance(item, str):
        return _text(item, kind)
    if isinstance(item, list):
        return _list(item, kind)
    return kind or "Structure", None, _json(item), None, ""


def _number(item: float, kind: str | None) -> _One:
    if kind is not None and kind in ("String", "LocalizedText", "Guid"):
        return kind, None, _json(item), None, ""
    if kind in _RANGES:
        low, high = _RANGES[kind]
        if not low <= item <= high:
            return kind, None, None, None, f"beyond {kind}"
    named = kind or (_whole_type(item) if isinstance(item, int) else "Double")
    return named, item, None, None, ""


def _text(item: str, kind: str | None) -> _One:
    if kind in _NUMBER_NAMES:
        number = _NOT_FINITE.get(item.casefold())
        if number is None:
            try:
                number = int(item) if kind in _INTEGER_NAMES else float(item)
            except ValueError:
                return str(kind), None, None, None, f"no {kind}"
        return _number(number, kind)
    if kind == "Boolean":
        truth = _TRUTH.get(item.casefold())
        return kind, truth, None, None, "" if truth is not None else "no Boolean"
    return kind or "String", None, item, None, ""


def _list(items: list[Any], kind: str | None) -> _One:
    """Numeric arrays as numbers; of matrices also the JSON, which keeps their shape."""
    flat: list[Any] = items
    depth = 1
    while flat and all(isinstance(item, list) for item in flat):
        flat = [inner for item in flat for inner in item]
        depth += 1
    base = (kind or "").partition("[")[0]
    numbers = [_element(item, base) for item in flat]
    if all(number is not None for number in numbers) and (numbers or base in _NUMBER_NAMES):
        listed = [number for number in numbers if number is not None]
        return (base or "Double") + "[]" * depth, None, _json(items) if depth > 1 else None, listed, ""
    if not base:
        base = "String" if all(isinstance(item, str) for item in flat) else "Boolean" if flat and all(
            isinstance(item, bool) for item in flat
        ) else "Variant"  # fmt: skip
    return base + "[]" * depth, None, _json(items), None, ""


def _element(item: Any, base: str) -> float | None:
    if isinstance(item, bool) or not isinstance(item, (int, float, str)):
        return None
    if isinstance(item, str):
        return _NOT_FINITE.get(item.casefold()) if base in ("Double", "Float") else None
    return float(item) if abs(item) < 1e308 else None


def _json(item: Any) -> str:
    return json.dumps(item, ensure_ascii=False, separators=(",", ":"))


def _put(array: pa.Array, rows: npt.NDArray[np.intp], values: Sequence[object]) -> pa.Array:
    """A copy of `array` with `values` at `rows`."""
    mask = np.zeros(len(array), bool)
    mask[rows] = True
    if pa.types.is_list(array.type):  # replace_with_mask knows no lists
        items = array.to_pylist()
        for row, value in zip(rows.tolist(), values, strict=True):
            items[row] = value
        return pa.array(items, array.type)
    return pc.replace_with_mask(array, pa.array(mask), pa.array(values, array.type))
