"""Structures, which `telemetry` keeps as JSON, as tables with a column per field: `struct_<type>`.

Derived while rows are converted, and counted on per capture like telemetry, so a killed run adds every row once.
Numbers are DOUBLE, as `value` is; nested structures become columns `outer.inner`, lists stay JSON. A field that turns
up later is a new column; one that changes its kind goes on in a column of its own. Where a node stands is not repeated:
join `nodes`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from omptool.lake import layout
from omptool.lake.staging import Staging
from omptool.lake.table import Table
from omptool.lake.words import whole
from omptool.model import bounded_json
from omptool.model.builtin import BuiltinType
from omptool.model.contracts import TIME
from omptool.store.location import Location

FLUSH_ROWS = 200_000
"""Rows of a type that wait for their file."""

FIXED: pa.Schema = pa.schema(
    [
        pa.field("time", TIME, nullable=False),
        pa.field("time_ns", pa.int16(), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in ("server", "node_id", "path")),
        pa.field("status", pa.int64(), nullable=False),
        pa.field("element", pa.int32()),
        pa.field("capture", pa.string(), nullable=False),
        pa.field("seq", pa.int64(), nullable=False),
    ]
)
"""Columns of every such table; `element` is the position in an array of structures, null for a single one."""

_BUILTIN = frozenset(kind.name for kind in BuiltinType)
_SPECIAL = frozenset({"NaN", "Infinity", "-Infinity"})
_DEEPEST = 8
_MOST_COLUMNS = 1_000


@dataclass(slots=True)
class _Waiting:
    """Rows of one type and date."""

    fixed: list[pa.Table] = field(default_factory=list)
    fields: list[dict[str, Any]] = field(default_factory=list)


class Structures:
    """The structures of one conversion on their way into their tables."""

    def __init__(self, lake: Location, staging: Staging) -> None:
        self._lake = lake
        self._staging = staging
        self._tables: dict[str, Table] = {}
        self._columns: dict[str, dict[str, pa.DataType]] = {}
        self._waiting: dict[tuple[str, str], _Waiting] = {}
        self._done: dict[str, dict[str, int]] = {}
        self.files = self.size = 0

    @staticmethod
    def are_in(table: pa.RecordBatch | pa.Table) -> bool:
        """Whether rows of telemetry may hold structures."""
        return any(kind.removesuffix("[]") not in _BUILTIN for kind in _kinds(table))

    def take(self, date: str, table: pa.RecordBatch | pa.Table) -> None:
        """Rows of telemetry of one date."""
        table = pa.Table.from_batches([table]) if isinstance(table, pa.RecordBatch) else table
        for kind in _kinds(table):
            if kind.removesuffix("[]") not in _BUILTIN:
                is_kind = pc.equal(table["type"].cast(pa.string()), kind)
                opens = pc.match_substring_regex(table["value_text"], r"^\[?\{")
                rows = table.filter(pc.and_(pc.and_(is_kind, pc.is_null(table["value"])), pc.fill_null(opens, False)))
                if rows.num_rows:
                    self._add(layout.struct_name(kind.removesuffix("[]")), date, rows)

    def _add(self, name: str, date: str, rows: pa.Table) -> None:
        table = self._table(name)
        captures, seqs = rows["capture"].cast(pa.string()).to_pylist(), rows["seq"].to_pylist()
        waiting = self._waiting.setdefault((name, date), _Waiting())
        done, chosen, elements = self._done[name], [], []
        for at, (capture, seq, text) in enumerate(zip(captures, seqs, rows["value_text"].to_pylist(), strict=True)):
            if seq <= table.done(capture):
                continue
            done[capture] = max(done.get(capture, 0), seq)
            for element, value in _values(text):
                chosen.append(at)
                elements.append(element)
                waiting.fields.append(dict(_flat(value)))
        names = [column for column in FIXED.names if column != "element"]
        fixed = rows.select(names).take(pa.array(chosen, pa.int64()))
        waiting.fixed.append(fixed.append_column("element", pa.array(elements, pa.int32())).select(FIXED.names))
        if len(waiting.fields) >= FLUSH_ROWS:
            self._flush(name, date)

    def _table(self, name: str) -> Table:
        if name not in self._tables:
            table = self._tables[name] = Table(self._lake, name)
            known = table.columns().items()
            self._columns[name] = {column: kind for column, kind in known if column not in (*FIXED.names, "date")}
            self._done[name] = {}
        return self._tables[name]

    def _flush(self, name: str, date: str) -> None:
        waiting = self._waiting.pop((name, date))
        if not waiting.fields:
            return
        columns = self._columns[name]
        fields = {key for row in waiting.fields for key in row}
        table = pa.concat_tables([part.cast(FIXED) for part in waiting.fixed])
        for key in sorted(fields):
            values = [row.get(key) for row in waiting.fields]
            for column, array in _arrays(key, values, columns):
                columns[column] = array.type
                table = table.append_column(column, array)
        file = self._staging.write(name, {"date": date}, iter([table]), schema=table.schema)
        self.files += 1
        self.size += file.size

    def finish(self) -> None:
        """Write what waits aside."""
        for name, date in list(self._waiting):
            self._flush(name, date)

    @property
    def tables(self) -> Mapping[str, Table]:
        """The tables that get rows."""
        return self._tables

    def commit(self) -> None:
        """Make the files part of their tables, with the columns that came."""
        for name, table in self._tables.items():
            files = self._staging.move(name)
            if not files:
                continue
            fields = [pa.field(column, kind) for column, kind in self._columns[name].items()]
            table.evolve(pa.schema([*FIXED, *fields, pa.field("date", pa.date32())]))
            table.append(files, self._done[name])


def _kinds(table: pa.RecordBatch | pa.Table) -> list[str]:
    column = whole(table["type"])
    words = column.dictionary if pa.types.is_dictionary(column.type) else column.unique()
    found: list[str] = words.to_pylist()
    return found


def _values(text: str) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """The structures in a JSON text with their position; nothing of what is none."""
    try:
        found = bounded_json.loads(text.encode())
    except ValueError:
        return
    if isinstance(found, dict):
        yield None, found
    elif isinstance(found, list):
        for element, value in enumerate(found):
            if isinstance(value, dict):
                yield element, value


def _flat(value: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, dict) and inner and depth < _DEEPEST:
            yield from _flat(inner, f"{before}{name}.", depth + 1)
        else:
            is_deep = isinstance(inner, dict | list)
            yield before + name, json.dumps(inner, ensure_ascii=False, separators=(",", ":")) if is_deep else inner


def _arrays(key: str, values: list[Any], columns: Mapping[str, pa.DataType]) -> Iterator[tuple[str, pa.Array]]:
    """The column of a field; none for one that is always null, or past the number of columns that readers bear."""
    present = [value for value in values if value is not None]
    if not present or (len(columns) >= _MOST_COLUMNS and key not in columns):
        return
    kind, convert = _kind(present)
    name = _free(key, kind, columns)
    yield name, pa.array([None if value is None else convert(value) for value in values], kind)


def _kind(present: list[Any]) -> tuple[pa.DataType, Callable[[Any], Any]]:
    if all(isinstance(value, bool) for value in present):
        return pa.bool_(), bool
    if all(_is_number(value) for value in present) and not all(isinstance(value, str) for value in present):
        return pa.float64(), float
    return pa.string(), lambda value: value if isinstance(value, str) else json.dumps(value)


def _is_number(value: Any) -> bool:
    return (isinstance(value, int | float) and not isinstance(value, bool)) or value in _SPECIAL


def _free(key: str, kind: pa.DataType, columns: Mapping[str, pa.DataType]) -> str:
    """A name for a field: its own, unless that is taken by something else; case does not tell names apart in SQL."""
    taken = {name.casefold(): (name, other) for name, other in columns.items()}
    taken |= {name.casefold(): ("", kind) for name in (*FIXED.names, "date", "site")}
    for candidate in (key, f"{key}_{_SUFFIX[kind]}", *(f"{key}_{number}" for number in range(2, 1000))):
        found = taken.get(candidate.casefold())
        if found is None or found == (candidate, kind):
            return candidate
    raise AssertionError("a thousand names are not all taken")


_SUFFIX = {pa.bool_(): "flag", pa.float64(): "number", pa.string(): "text"}
