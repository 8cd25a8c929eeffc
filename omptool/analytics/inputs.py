"""A plain table as the CTE `input`: its columns under the names of their roles, the others under names nobody can take.

A column of another system may be called like anything in our SQL, hold times without a zone, or texts where numbers are
wanted. All of that is settled here; what cannot be read is said with its row and its text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.types as kinds

from omptool.analytics.recipe import Recipe, Role
from omptool.errors import QueryError, UsageError
from omptool.sql.engine import Engine
from omptool.sql.views import identifier, literal

_BARE = r"^\s*\d{1,4}-\d{1,2}-\d{1,2}([ Tt]\d{1,2}:\d{2}(:\d{2}(\.\d*)?)?)?\s*$"
"""A date, or a date with a time, that does not say of which zone."""

_MOMENT = Role("time", "when", type="time")
_ABSENT = {"float": "CAST(NULL AS DOUBLE)", "time": "CAST(NULL AS TIMESTAMPTZ)", "any": "NULL"}


@dataclass(frozen=True, slots=True)
class Input:
    """A plain table for the SQL of a recipe.

    Attributes:
        source: the CTE `input`, with `omp_row` as the number of each row.
        carried: columns that play no role: name in `input` → name in the result.
        notes: what a person should know.
    """

    source: str
    carried: Mapping[str, str]
    notes: tuple[str, ...]


def read(engine: Engine, recipe: Recipe, table: str, columns: Mapping[str, str], zone: tzinfo) -> Input:
    """Make the CTE of a table.

    Args:
        columns: role → column.
        zone: of times that say none.

    Raises:
        UsageError: a column of a type that its role cannot take.
        QueryError: a text that is no number or no time.
    """
    schema = engine.run(f"SELECT * FROM {identifier(table)} LIMIT 0").schema
    picked, notes = [], []
    for role in recipe.table:
        if (name := columns.get(role.name)) is None:
            picked.append(f"{_ABSENT[role.type]} AS {identifier(role.name)}")
            continue
        hint = f"of another column: --map {role.name}=COLUMN"
        cell = _Cell(table, name, role, _plain(schema.field(name).type), hint)
        expression, checked = cell.read(recipe, zone)
        if checked:
            _check(engine, cell, expression)
        if role.type == "time" and cell.bare(engine):
            notes.append(f"times of {table} without an offset are read as {zone}; --tz names another zone")
        picked.append(f"{expression} AS {identifier(role.name)}")
    carried = {f"omp_{place}": name for place, name in enumerate(schema.names) if name not in columns.values()}
    picked += [f"{identifier(name)} AS {alias}" for alias, name in carried.items()]
    picked.append("row_number() OVER () AS omp_row")
    source = f"input AS (\n  SELECT {', '.join(picked)}\n  FROM {identifier(table)}\n)"
    shown = dict(_shown(recipe, carried))
    for alias, name in shown.items():
        if name != carried[alias]:
            notes.append(f"{carried[alias]} of {table} is shown as {name}: {recipe.name} has a column of that name")
    return Input(source, shown, tuple(dict.fromkeys(notes)))


def moment(engine: Engine, table: str, column: str, zone: tzinfo) -> str:
    """The SQL of a column with times, where no role asks for one.

    Raises:
        UsageError: a column of another type.
        QueryError: a text that is no time.
    """
    schema = engine.run(f"SELECT {identifier(column)} FROM {identifier(table)} LIMIT 0").schema
    cell = _Cell(table, column, _MOMENT, _plain(schema.field(0).type), "")
    expression = cell.time(zone, lenient=False)
    if cell.text:
        _check(engine, cell, expression)
    return expression


def _shown(recipe: Recipe, carried: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Carried columns with names that no column of the analysis has; case makes no difference."""
    taken = {column.name.casefold() for column in recipe.columns}
    others = {name.casefold() for name in carried.values()}
    for alias, name in carried.items():
        while name.casefold() in taken or (name != carried[alias] and name.casefold() in others):
            name += "_given"
        taken.add(name.casefold())
        yield alias, name


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if kinds.is_dictionary(kind) else kind


@dataclass(frozen=True, slots=True)
class _Cell:
    """A column that plays a role.

    Attributes:
        hint: what else to do when it cannot.
    """

    table: str
    name: str
    role: Role
    kind: pa.DataType
    hint: str

    @property
    def text(self) -> bool:
        return bool(kinds.is_string(self.kind) or kinds.is_large_string(self.kind) or kinds.is_binary(self.kind))

    def read(self, recipe: Recipe, zone: tzinfo) -> tuple[str, bool]:
        """The SQL that reads it, and whether a text that it cannot read has to be looked for."""
        if self.role.type == "float":
            return self._number(), self.text
        if self.role.type == "time":
            # of a table of alarms, or a column that is there by its name only, it may be no time: then there is none
            lenient = bool(recipe.events) or not self.role.required
            return self.time(zone, lenient=lenient), self.text and not lenient
        return identifier(self.name), False

    def _number(self) -> str:
        """A number, null where there is none: NaN and infinities are no measure of anything."""
        known = kinds.is_integer(self.kind) or kinds.is_floating(self.kind) or kinds.is_decimal(self.kind)
        if not (known or self.text or kinds.is_boolean(self.kind) or kinds.is_null(self.kind)):
            raise self._refused("numbers")
        cell = identifier(self.name)
        cell = f"TRY_CAST(CAST({cell} AS VARCHAR) AS DOUBLE)" if self.text else f"CAST({cell} AS DOUBLE)"
        return f"CASE WHEN isfinite({cell}) THEN {cell} END"

    def time(self, zone: tzinfo, *, lenient: bool) -> str:
        cell = identifier(self.name)
        if kinds.is_timestamp(self.kind):
            return f"CAST({cell} AS TIMESTAMPTZ)" if self.kind.tz else _in_zone(f"CAST({cell} AS TIMESTAMP)", zone)
        if kinds.is_date(self.kind):
            return _in_zone(f"CAST({cell} AS TIMESTAMP)", zone)
        if not self.text:
            if kinds.is_null(self.kind) or lenient:
                return "CAST(NULL AS TIMESTAMPTZ)"
            raise self._refused("times")
        cell = f"CAST({cell} AS VARCHAR)"
        bare = _in_zone(f"TRY_CAST({cell} AS TIMESTAMP)", zone)
        return (
            f"CASE WHEN regexp_matches({cell}, {literal(_BARE)}) THEN {bare} ELSE TRY_CAST({cell} AS TIMESTAMPTZ) END"
        )

    def bare(self, engine: Engine) -> bool:
        """Whether any of its times does not say its zone."""
        if not self.text:
            return bool(kinds.is_date(self.kind) or (kinds.is_timestamp(self.kind) and not self.kind.tz))
        cell = f"CAST({identifier(self.name)} AS VARCHAR)"
        select = f"SELECT 1 FROM {identifier(self.table)} WHERE regexp_matches({cell}, {literal(_BARE)}) LIMIT 1"
        return bool(engine.run(select).read_all().num_rows)

    def _refused(self, wanted: str) -> UsageError:
        hint = self.hint
        if wanted == "times" and (kinds.is_integer(self.kind) or kinds.is_floating(self.kind)):
            change = f"to_timestamp({identifier(self.name)}) AS {identifier(self.name)}"
            hint += (
                "\nseconds since 1970 become times so, milliseconds with / 1000.0:\n"
                f"omptool query 'SELECT * REPLACE ({change}) FROM {identifier(self.table)}' --on FILE -o NEW.csv"
            )
        what = f"the column {self.name} of {self.table} has {self.kind}; {self.role.name} wants {wanted}"
        return UsageError(what, hint.strip())


def _in_zone(bare: str, zone: tzinfo) -> str:
    """A TIMESTAMP that is of `zone` as a moment."""
    if isinstance(zone, ZoneInfo) and zone.key:
        return f"timezone({literal(zone.key)}, {bare})"
    offset = zone.utcoffset(datetime(2000, 1, 1))
    seconds = int(offset.total_seconds()) if offset else 0
    return f"timezone('UTC', {bare}) - INTERVAL ({seconds}) SECOND"


def _check(engine: Engine, cell: _Cell, expression: str) -> None:
    """Refuse the first text that is neither empty nor what it should be."""
    text = f"CAST({identifier(cell.name)} AS VARCHAR)"
    wrong = f"TRY_CAST({text} AS DOUBLE)" if cell.role.type == "float" else expression
    rows = engine.run(
        f"SELECT omp_row, omp_text FROM (SELECT row_number() OVER () AS omp_row, {text} AS omp_text,"
        f" {wrong} IS NULL AS omp_wrong FROM {identifier(cell.table)})"
        " WHERE omp_wrong AND trim(omp_text) <> '' ORDER BY omp_row LIMIT 1"
    ).read_all()
    if not rows.num_rows:
        return
    number, said = rows["omp_row"][0].as_py(), rows["omp_text"][0].as_py()
    if cell.role.type == "float":
        what, form = "no number", "numbers are written 1234.5, without a unit"
    else:
        what, form = "no time", "times are written 2026-11-16T07:00:00Z, or without Z in the zone that --tz names"
    shown = said if len(said) <= 40 else said[:40] + "…"
    raise QueryError(
        f"row {number} of {cell.table}: {cell.name} is {shown!r}, {what}",
        f"{form}\n{cell.hint}".strip(),
    )
