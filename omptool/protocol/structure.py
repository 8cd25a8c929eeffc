"""Bytes of a structure and the definition of its type → a plain value for JSON.

Why it exists: a structure on the wire is its fields behind each other (Part 6, 5.2.6 and 5.2.7), without names or
types; only the definition makes them readable. Definitions and bytes both come from strangers: depth, lengths and the
size of what becomes of them are bounded before anything is built, and bytes that do not fit their definition to the
last one raise MalformedMessage. Whoever shows values then keeps the bytes; nothing is guessed.

What a value looks like is said in docs/reference/columns.md: an object with a key per field, an absent optional field
null, a union an object with the one field it has, an enumeration its name, an option set the names of its bits.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from omptool.errors import MalformedMessage
from omptool.model.builtin import BuiltinType
from omptool.model.datatypes import DataType, Field, Kind, standard_types
from omptool.protocol.skip import SMALLEST
from omptool.protocol.variant import (
    MAX_DIMENSIONS,
    Structure,
    ValueReader,
    Variant,
    nested_lists,
    opaque,
    plain_value,
    to_json,
)
from omptool.protocol.wire import MAX_NESTING, malformed

TYPE_KEY = "@type"
"""Key that names the type of a structure where its place leaves that open."""

_BUILTIN = {f"i={int(kind)}": kind for kind in BuiltinType if kind} | {
    "i=26": BuiltinType.Variant,  # Number, Integer, UInteger: abstract, so the value brings its type along
    "i=27": BuiltinType.Variant,
    "i=28": BuiltinType.Variant,
}
_ENUMERATION = "i=29"
_BUDGET, _BUDGET_PER_BYTE = 1 << 16, 256
"""Characters of names that one value may repeat: arrays of structures without fields cost no bytes at all."""

_OBJECT = 128
"""What one structure costs of that, whatever it holds."""

_MAX_CHAIN = 100
"""Supertypes above a simple type."""

Kept = Counter[tuple[str, str]]
"""Values that stayed bytes: how many of which type (its name, or the NodeId it states), and why."""

Read = Callable[["_FieldReader", int], Any]
"""Reads one value; the number is how deep it lies."""


class UnknownTypeError(MalformedMessage):
    """A type that no definition explains; `type_id` is its NodeId, or that of its encoding."""

    def __init__(self, type_id: str) -> None:
        super().__init__(f"no definition of {type_id} is known")
        self.type_id = type_id


class Definitions:
    """The DataTypes of one server, ready to read values with; those of namespace 0 are known to everybody.

    Args:
        kept: counts the values that stay bytes; shared when several servers count together.
    """

    def __init__(self, types: Iterable[DataType] = (), kept: Kept | None = None) -> None:
        self.kept: Kept = Counter() if kept is None else kept
        self._types = {kind.node_id: kind for kind in types}
        self._encodings = {kind.encoding_id: kind for kind in self._types.values() if kind.encoding_id}
        self._plans: dict[tuple[str, bool], _Plan] = {}

    def by_id(self, node_id: str) -> DataType | None:
        """The DataType with this NodeId."""
        return self._types.get(node_id) or standard_types().get(node_id)

    def of_encoding(self, type_id: str) -> DataType | None:
        """The structure whose binary encoding an ExtensionObject states; some servers state the DataType itself."""
        found = self._encodings.get(type_id) or _standard_encodings().get(type_id) or self.by_id(type_id)
        return found if found is not None and found.is_structure else None

    def to_json(self, variant: Variant, namespaces: Sequence[str]) -> tuple[Any, str | None]:
        """A value as `json.dumps` takes it, and the name of its structure type.

        The name is None for everything but structures, for those that are not known, and for an array of several types;
        then each element names its own.
        """
        common = None
        if variant.type is BuiltinType.ExtensionObject:
            elements = variant.value if isinstance(variant.value, list) else [variant.value]
            stated = {element.type_id for element in elements if element is not None and not element.is_null}
            common = self.of_encoding(stated.pop()) if len(stated) == 1 else None
        opener = partial(self._open, namespaces=namespaces, declared=common)
        return to_json(variant, opener), None if common is None else common.name

    def decode(self, value: Structure, namespaces: Sequence[str], depth: int = 0) -> dict[str, Any]:
        """The fields of one structure.

        Raises:
            UnknownTypeError: it, or a type that it needs, is not defined.
            MalformedMessage: its bytes are not what the definition says.
        """
        kind = self.of_encoding(value.type_id)
        if kind is None:
            raise UnknownTypeError(value.type_id)
        if value.is_xml:
            malformed("XML where bytes are defined", 0)
        try:
            return self._decode(kind, value.body or b"", namespaces, depth, flat=False)
        except UnknownTypeError:
            raise
        except MalformedMessage as error:
            if not self._has_matrix(kind.node_id):
                raise
            try:  # encoders exist that write the matrix in a field as an array, without its dimensions
                return self._decode(kind, value.body or b"", namespaces, depth, flat=True)
            except MalformedMessage:
                raise error from None

    def _decode(
        self, kind: DataType, body: bytes, namespaces: Sequence[str], depth: int, *, flat: bool
    ) -> dict[str, Any]:
        reader = _FieldReader(body, namespaces, self, flat)
        fields: dict[str, Any] = self._plan(kind.node_id, flat).read(reader, depth)
        if reader.pos != reader.end:
            malformed(f"{reader.end - reader.pos} bytes behind the last field of {kind.name}", reader.pos)
        return fields

    def _open(self, value: Structure, depth: int, *, namespaces: Sequence[str], declared: DataType | None) -> Any:
        """A structure inside a value; one that cannot be read stays bytes, and the others are read nevertheless."""
        if value.is_null:
            return None
        try:
            if depth > MAX_NESTING:
                malformed(f"values nested deeper than {MAX_NESTING}", 0)
            fields = self.decode(value, namespaces, depth)
        except (MalformedMessage, RecursionError) as error:
            self._keep(value, error)
            return opaque(value)
        kind = self.of_encoding(value.type_id)
        if kind is None or kind is declared or TYPE_KEY in fields:
            return fields
        return {TYPE_KEY: kind.name, **fields}

    def _keep(self, value: Structure, error: Exception) -> None:
        kind = self.of_encoding(value.type_id)
        if isinstance(error, UnknownTypeError):
            missing = self.by_id(error.type_id)
            why = (
                "its definition is not known" if kind is None else f"it has a field of the unknown type {error.type_id}"
            )
            why = f"{why} ({missing.problem})" if missing is not None and missing.problem else why
        else:
            why = "its bytes do not fit its definition" if not value.is_xml else "it came as XML"
        self.kept[value.type_id if kind is None else kind.name, why] += 1

    def _plan(self, node_id: str, flat: bool) -> _Plan:
        key = (node_id, flat)
        if key not in self._plans:
            kind = self.by_id(node_id)
            assert kind is not None  # asked for only after it was found
            self._plans[key] = self._make(kind, flat)
        return self._plans[key]

    def _make(self, kind: DataType, flat: bool) -> _Plan:
        steps = tuple(
            _Step(field.name, self._field(kind, field, flat), _is_absentable(kind, field)) for field in kind.fields
        )
        cost = _OBJECT + sum(len(field.name) for field in kind.fields)
        is_union = kind.kind in (Kind.UNION, Kind.UNION_OF_SUBTYPED)
        return _Plan(
            kind.name, _read_union if is_union else _read_fields, steps, cost, kind.kind is Kind.OPTIONAL_FIELDS
        )

    def _field(self, owner: DataType, field: Field, flat: bool) -> Read:
        allows_subtypes = field.is_optional and owner.kind in (Kind.SUBTYPED_VALUES, Kind.UNION_OF_SUBTYPED)
        read, smallest = self._scalar(field.data_type, allows_subtypes, flat)
        if field.value_rank < 1:
            return read
        if field.value_rank == 1 or flat:
            return partial(_read_array, read, smallest)
        return partial(_read_matrix, read, smallest)

    def _scalar(self, type_id: str, allows_subtypes: bool, flat: bool) -> tuple[Read, int]:
        """How to read one value of a type, and the least bytes it takes."""
        kind = self.by_id(type_id)
        if kind is not None and (kind.is_structure or (kind.is_abstract and kind.kind is Kind.UNKNOWN)):
            if allows_subtypes or kind.is_abstract:
                return partial(_read_extension, kind), SMALLEST[BuiltinType.ExtensionObject]
            return partial(_read_inline, kind.node_id, flat), 1
        builtin, named = self._builtin(type_id)
        if allows_subtypes:
            return partial(_read_builtin, BuiltinType.Variant), SMALLEST[BuiltinType.Variant]
        smallest = SMALLEST[builtin]
        if named is None or not named.members:
            return partial(_read_builtin, builtin), smallest
        names = {member.value: member.name for member in named.members}
        return partial(_read_enum if named.kind is Kind.ENUMERATION else _read_bits, builtin, names), smallest

    def _builtin(self, type_id: str) -> tuple[BuiltinType, DataType | None]:
        """The built-in type that carries a type, and the first type on the way there that names its values."""
        named: DataType | None = None
        at = type_id
        for _ in range(_MAX_CHAIN):
            if (builtin := _BUILTIN.get(at)) is not None:
                return builtin, named
            kind = self.by_id(at)
            if kind is None or kind.kind is Kind.UNKNOWN or (not kind.base and kind.kind is not Kind.ENUMERATION):
                raise UnknownTypeError(type_id)
            if named is None and kind.kind in (Kind.ENUMERATION, Kind.OPTION_SET):
                named = kind
            if kind.kind is Kind.ENUMERATION or at == _ENUMERATION:
                return BuiltinType.Int32, named
            at = kind.base
        raise UnknownTypeError(type_id)

    def _has_matrix(self, node_id: str) -> bool:
        """Whether a matrix lies in the fields of a structure, at any depth."""
        seen, waiting = {node_id}, [node_id]
        while waiting:
            kind = self.by_id(waiting.pop())
            for field in () if kind is None else kind.fields:
                if field.value_rank > 1:
                    return True
                if field.data_type not in seen:
                    seen.add(field.data_type)
                    waiting.append(field.data_type)
        return False

    def option_set(self, type_id: str | None) -> DataType | None:
        """The option set that a type is, or is a subtype of; None for every other type."""
        try:
            named = None if type_id is None else self._builtin(type_id)[1]
        except UnknownTypeError:
            return None
        return named if named is not None and named.kind is Kind.OPTION_SET else None


class _Step(NamedTuple):
    name: str
    read: Read
    is_optional: bool


class _Plan(NamedTuple):
    """How to read one structure type; `cost` in characters of names."""

    name: str
    function: Callable[[_Plan, _FieldReader, int], dict[str, Any]]
    steps: tuple[_Step, ...]
    cost: int
    has_mask: bool

    def read(self, reader: _FieldReader, depth: int) -> dict[str, Any]:
        if depth > MAX_NESTING:
            malformed(f"values nested deeper than {MAX_NESTING}", reader.pos)
        reader.spend(self.cost)
        return self.function(self, reader, depth)


class _FieldReader(ValueReader):
    """A reader of one structure's body, with what it may still spend."""

    __slots__ = ("budget", "definitions", "flat")

    def __init__(self, body: bytes, namespaces: Sequence[str], definitions: Definitions, flat: bool) -> None:
        super().__init__(body, namespaces)
        self.definitions = definitions
        self.flat = flat
        self.budget = _BUDGET + _BUDGET_PER_BYTE * len(body)

    def spend(self, characters: int) -> None:
        self.budget -= characters
        if self.budget < 0:
            malformed(f"more names than {len(self.data)} bytes can stand for", self.pos)

    def opener(self, declared: DataType | None) -> Callable[[Structure, int], Any]:
        return partial(self.definitions._open, namespaces=self.namespaces, declared=declared)


def _read_fields(plan: _Plan, reader: _FieldReader, depth: int) -> dict[str, Any]:
    mask = reader.u32() if plan.has_mask else 0
    fields: dict[str, Any] = {}
    bit = 1
    for name, read, is_optional in plan.steps:
        if not is_optional:
            fields[name] = read(reader, depth)
            continue
        fields[name] = read(reader, depth) if mask & bit else None
        bit <<= 1
    if mask >= bit:
        malformed(f"optional fields that {plan.name} does not have (mask 0x{mask:X})", reader.pos)
    return fields


def _read_union(plan: _Plan, reader: _FieldReader, depth: int) -> dict[str, Any]:
    chosen = reader.u32()
    if chosen > len(plan.steps):
        malformed(f"field {chosen} of {plan.name}, which has {len(plan.steps)}", reader.pos)
    if not chosen:
        return {}
    step = plan.steps[chosen - 1]
    return {step.name: step.read(reader, depth)}


def _read_array(read: Read, smallest: int, reader: _FieldReader, depth: int) -> list[Any] | None:
    count = reader.length(smallest)
    return None if count < 0 else [read(reader, depth) for _ in range(count)]


def _read_matrix(read: Read, smallest: int, reader: _FieldReader, depth: int) -> Any:
    """The dimensions as an array of Int32, then the values without a length (Part 6, 5.2.5)."""
    rank = reader.length(4)
    if rank < 0:
        return None
    dimensions = struct.unpack_from(f"<{rank}i", reader.data, reader.skip(4 * rank))
    count = math.prod(dimensions) if rank and min(dimensions) > 0 else 0
    if count * smallest > reader.end - reader.pos:
        malformed(f"a matrix of {count} values where {reader.end - reader.pos} bytes are left", reader.pos)
    values = [read(reader, depth) for _ in range(count)]
    return nested_lists(values, dimensions) if count and rank <= MAX_DIMENSIONS else values


def _read_builtin(kind: BuiltinType, reader: _FieldReader, depth: int) -> Any:
    return plain_value(kind, reader.scalar(kind, depth), reader.opener(None), depth)


def _read_extension(declared: DataType, reader: _FieldReader, depth: int) -> Any:
    return plain_value(BuiltinType.ExtensionObject, reader.structure(), reader.opener(declared), depth)


def _read_inline(node_id: str, flat: bool, reader: _FieldReader, depth: int) -> dict[str, Any]:
    return reader.definitions._plan(node_id, flat).read(reader, depth + 1)


def _read_enum(kind: BuiltinType, names: dict[int, str], reader: _FieldReader, depth: int) -> str | int:
    number: int = reader.scalar(kind, depth)
    name = names.get(number, number)
    reader.spend(len(name) if isinstance(name, str) else 0)
    return name


def _read_bits(kind: BuiltinType, names: dict[int, str], reader: _FieldReader, depth: int) -> list[str | int]:
    found = bit_names(reader.scalar(kind, depth), names)
    reader.spend(sum(len(name) for name in found if isinstance(name, str)))
    return found


def bit_names(number: int, names: dict[int, str]) -> list[str | int]:
    """The bits of an option set by name, lowest first; a bit without a name is its number."""
    return [names.get(bit, 1 << bit) for bit in range(number.bit_length()) if number >> bit & 1]


def _is_absentable(owner: DataType, field: Field) -> bool:
    return field.is_optional and owner.kind is Kind.OPTIONAL_FIELDS


_STANDARD: dict[str, DataType] = {}


def _standard_encodings() -> dict[str, DataType]:
    if not _STANDARD:
        _STANDARD.update({kind.encoding_id: kind for kind in standard_types().values() if kind.encoding_id})
    return _STANDARD
