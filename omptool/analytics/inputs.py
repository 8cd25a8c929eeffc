"""A plain table as the CTE `input`: its columns under the names of their roles, the others under names nobody can take.

A column of another system may be called like anything in our SQL, hold times without a zone, or texts where numbers are
wanted. All of that is settled here; what cannot be read is said with its row and its text.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.types as kinds

from omptool.analytics.recipe import Recipe, Role
from omptool.errors import QueryError, UsageError
from omptool.sql.engine import Engine
from omptool.sql.views import identifier, literal

_BARE = r"^\s*\d{1,4}[-/]\d{1,2}[-/]\d{1,2}([ Tt]\d{1,2}:\d{2}(:\d{2}(\.\d*)?)?)?\s*$"
"""A date, or a date with a time, that does not say of which zone."""

_SPAN = "BETWEEN TIMESTAMP '1678-01-01' AND TIMESTAMP '2262-01-01'"
"""Moments that nanoseconds in 64 bits can say. Others stand for an end that is open, or for no time at all."""

_COMMA = r"^\s*[-+]?\d+,\d+([eE][-+]?\d+)?\s*$"
_THOUSANDS = r"^\s*[-+]?[1-9]\d{0,2},\d{3}\s*$"
"""A number with a comma, and one that may have it between thousands."""

_MOMENT = Role("time", "when", type="time")
_ABSENT = {"float": "CAST(NULL AS DOUBLE)", "time": "CAST(NULL AS TIMESTAMPTZ)", "any": "NULL"}


@dataclass(frozen=True, slots=True)
class Input:
    """A plain table for the SQL of a recipe.

    Attributes:
        source: the CTE `input`, with `omp_row` as the number of each row.
        carried: columns that play no role: name in `input` → name in the result.
        notes: what a person should know.
        unread: what the answer lacks, because a column that has its role by its name only could not be read.
    """

    source: str
    carried: Mapping[str, str]
    notes: tuple[str, ...]
    unread: str = ""


def read(
    engine: Engine,
    recipe: Recipe,
    table: str,
    columns: Mapping[str, str],
    zone: tzinfo,
    sure: Collection[str] = (),
    *,
    timed: bool = False,
) -> Input:
    """Make the CTE of a table.

    Args:
        columns: role → column.
        zone: of times that say none.
        sure: roles whose column somebody named.
        timed: whether nothing can be answered without times.

    Raises:
        UsageError: a column of a type that its role cannot take.
        QueryError: a text that is no number or no time.
    """
    schema = engine.run(f"SELECT * FROM {identifier(table)} LIMIT 0").schema
    picked: list[str] = []
    notes: list[str] = []
    unread: list[str] = []
    for role in recipe.table:
        if (name := columns.get(role.name)) is None:
            picked.append(f"{_ABSENT[role.type]} AS {identifier(role.name)}")
            continue
        hint = f"of another column: --map {role.name}=COLUMN"
        cell = _Cell(table, name, role, _plain(schema.field(name).type), hint).spelled(engine)
        if cell.comma:
            notes.append(f"numbers of {name} are read with a decimal comma")
        lenient = role.type == "time" and _lenient(recipe, role, columns, sure)
        expression = cell.read(zone, lenient=lenient)
        if recipe.series and role.type == "any" and cell.bytes:
            expression = f"CAST({expression} AS VARCHAR)"
        if lenient and not recipe.events:
            said = cell.doubt(engine, expression, timed=timed)
            (unread if cell.text else notes).extend(said)
        elif not lenient and cell.text and role.type != "any":
            _check(engine, cell, expression)
        if role.type == "time" and cell.bare(engine):
            notes.append(f"times of {table} without an offset are read as {zone}; --tz names another zone")
            if cell.twice(engine, zone):
                notes.append(f"times of {table} in the hour that {zone} has twice are those of its first one")
        picked.append(f"{expression} AS {identifier(role.name)}")
    carried = {f"omp_{place}": name for place, name in enumerate(schema.names) if name not in columns.values()}
    picked += [f"{identifier(name)} AS {alias}" for alias, name in carried.items()]
    picked.append("row_number() OVER () AS omp_row")
    source = f"input AS (\n  SELECT {', '.join(picked)}\n  FROM {identifier(table)}\n)"
    shown = dict(_shown(recipe, carried))
    for alias, name in shown.items():
        if name != carried[alias]:
            notes.append(f"{carried[alias]} of {table} is shown as {name}: {recipe.name} has a column of that name")
    return Input(source, shown, tuple(dict.fromkeys(notes)), "; ".join(unread))


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


def _lenient(recipe: Recipe, role: Role, columns: Mapping[str, str], sure: Collection[str]) -> bool:
    """Whether what is no time is no error: percent_good counts it, or nobody said that the column has times."""
    if role.name in sure:
        return recipe.events and role.required
    if role.name == "till":
        return "active" in columns
    return recipe.events or not role.required


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
        comma: it holds numbers with a decimal comma.
    """

    table: str
    name: str
    role: Role
    kind: pa.DataType
    hint: str
    comma: bool = False

    def spelled(self, engine: Engine) -> _Cell:
        """The same, knowing how its texts write numbers: with a comma where none has a point, and where at least one
        comma stands where none could be between thousands."""
        if not self.text or (self.role.type != "float" and self.role.name != "value"):
            return self
        text = f"CAST({identifier(self.name)} AS VARCHAR)"
        found = engine.run(
            f"SELECT count(*) FILTER (WHERE regexp_matches(omp_text, {literal(_COMMA)})) AS commas,"
            f" count(*) FILTER (WHERE regexp_matches(omp_text, {literal(_THOUSANDS)})) AS thousands,"
            " count(*) FILTER (WHERE contains(omp_text, '.') AND TRY_CAST(omp_text AS DOUBLE) IS NOT NULL) AS points"
            f" FROM (SELECT {text} AS omp_text FROM {identifier(self.table)})"
        ).read_all()
        commas, thousands, points = (found[name][0].as_py() for name in ("commas", "thousands", "points"))
        return replace(self, comma=commas > thousands and not points)

    @property
    def as_text(self) -> str:
        """Its text, with the point that numbers have in SQL."""
        text = f"CAST({identifier(self.name)} AS VARCHAR)"
        return f"replace({text}, ',', '.')" if self.comma else text

    @property
    def text(self) -> bool:
        return bool(kinds.is_string(self.kind) or kinds.is_large_string(self.kind) or self.bytes)

    @property
    def bytes(self) -> bool:
        return bool(kinds.is_binary(self.kind) or kinds.is_large_binary(self.kind))

    def read(self, zone: tzinfo, *, lenient: bool) -> str:
        """The SQL that reads it.

        Args:
            lenient: a column of another type has no times, and that is no error.
        """
        if self.role.type == "float":
            return self._number()
        if self.role.type == "time":
            return self.time(zone, lenient=lenient)
        return self.as_text if self.comma else identifier(self.name)

    def _number(self) -> str:
        """A number, null where there is none: NaN and infinities are no measure of anything."""
        known = kinds.is_integer(self.kind) or kinds.is_floating(self.kind) or kinds.is_decimal(self.kind)
        if not (known or self.text or kinds.is_boolean(self.kind) or kinds.is_null(self.kind)):
            raise self._refused("numbers")
        cell = identifier(self.name)
        cell = f"TRY_CAST({self.as_text} AS DOUBLE)" if self.text else f"CAST({cell} AS DOUBLE)"
        return f"CASE WHEN isfinite({cell}) THEN {cell} END"

    def time(self, zone: tzinfo, *, lenient: bool) -> str:
        cell = identifier(self.name)
        if kinds.is_timestamp(self.kind) and self.kind.tz:
            return _within(f"CAST({cell} AS TIMESTAMPTZ)")
        if kinds.is_timestamp(self.kind) or kinds.is_date(self.kind):
            return _in_zone(f"CAST({cell} AS TIMESTAMP)", zone)
        if not self.text:
            if kinds.is_null(self.kind) or lenient:
                return "CAST(NULL AS TIMESTAMPTZ)"
            raise self._refused("times")
        cell = f"CAST({cell} AS VARCHAR)"
        bare, whole = _in_zone(f"TRY_CAST({cell} AS TIMESTAMP)", zone), _within(f"TRY_CAST({cell} AS TIMESTAMPTZ)")
        return f"CASE WHEN regexp_matches({cell}, {literal(_BARE)}) THEN {bare} ELSE {whole} END"

    def doubt(self, engine: Engine, expression: str, *, timed: bool) -> Iterator[str]:
        """What a column holds that is there by its name only, and has no times.

        Raises:
            UsageError, QueryError: times are needed and there are none.
        """
        if not self.text:
            if self.time_like:
                return
            if timed:
                raise self._refused("times")
            yield f"{self.name} of {self.table} has {self.kind}, which is no time: rows are taken as they come"
            return
        text = f"CAST({identifier(self.name)} AS VARCHAR)"
        found = engine.run(
            f"SELECT count(*) FILTER (WHERE omp_time IS NULL) AS wrong, count(omp_time) AS times,"
            f" min(omp_text) FILTER (WHERE omp_time IS NULL) AS said"
            f" FROM (SELECT {text} AS omp_text, {expression} AS omp_time FROM {identifier(self.table)})"
            " WHERE trim(omp_text) <> ''"
        ).read_all()
        wrong, times, said = (found[name][0].as_py() for name in ("wrong", "times", "said"))
        if not wrong:
            return
        if timed and not times:
            _check(engine, self, expression)
        more = f" and {wrong - 1} more are no times" if wrong > 1 else " is no time"
        left = "" if times else ": rows are taken as they come"
        yield f"{self.name} of {self.table}: {_short(said)}{more}{left}"

    @property
    def time_like(self) -> bool:
        return bool(kinds.is_timestamp(self.kind) or kinds.is_date(self.kind) or kinds.is_null(self.kind))

    def twice(self, engine: Engine, zone: tzinfo) -> bool:
        """Whether any of its times is in an hour that a clock shows twice."""
        if not isinstance(zone, ZoneInfo) or not zone.key:
            return False
        cell = identifier(self.name)
        bare = f"TRY_CAST({cell} AS TIMESTAMP)"
        if self.text:
            cell = f"CAST({cell} AS VARCHAR)"
            bare = f"CASE WHEN regexp_matches({cell}, {literal(_BARE)}) THEN TRY_CAST({cell} AS TIMESTAMP) END"
        select = f"SELECT 1 FROM (SELECT {bare} AS omp_bare FROM {identifier(self.table)})"
        again = f"CASE WHEN omp_bare {_SPAN} THEN {_again('omp_bare', zone.key)} END"
        return bool(engine.run(f"{select} WHERE {again} LIMIT 1").read_all().num_rows)

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
            select = shlex.quote(f"SELECT * REPLACE ({change}) FROM {identifier(self.table)}")
            hint += (
                "\nseconds since 1970 become times so, milliseconds with / 1000.0:\n"
                f"omptool query {select} --on FILE -o NEW.csv"
            )
        what = f"the column {self.name} of {self.table} has {self.kind}; {self.role.name} wants {wanted}"
        return UsageError(what, hint.strip())


def _within(moment: str) -> str:
    return f"CASE WHEN timezone('UTC', {moment}) {_SPAN} THEN {moment} END"


def _in_zone(bare: str, zone: tzinfo) -> str:
    """A TIMESTAMP that is of `zone` as a moment; of an hour that a clock shows twice the first, as --start reads it."""
    if isinstance(zone, ZoneInfo) and zone.key:
        moment = f"timezone({literal(zone.key)}, {bare})"
        moment = f"CASE WHEN {_again(bare, zone.key)} THEN {moment} - INTERVAL 1 HOUR ELSE {moment} END"
    else:
        offset = zone.utcoffset(datetime(2000, 1, 1))
        seconds = int(offset.total_seconds()) if offset else 0
        moment = f"timezone('UTC', {bare}) - INTERVAL ({seconds}) SECOND"
    return f"CASE WHEN {bare} {_SPAN} THEN {moment} END"


def _again(bare: str, zone: str) -> str:
    """Whether the clock showed the same an hour before; the engine takes the second."""
    name = literal(zone)
    return f"timezone({name}, timezone({name}, {bare}) - INTERVAL 1 HOUR) = {bare}"


def _check(engine: Engine, cell: _Cell, expression: str) -> None:
    """Refuse the first text that is neither empty nor what it should be; an end that never comes is an open one."""
    text = f"CAST({identifier(cell.name)} AS VARCHAR)"
    wrong = f"TRY_CAST({cell.as_text} AS DOUBLE)" if cell.role.type == "float" else expression
    if cell.role.name == "till":
        wrong = f"coalesce({wrong}, TRY_CAST({text} AS TIMESTAMPTZ))"
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
        form += "; where an alarm still stands, nothing is" if cell.role.name == "till" else ""
    raise QueryError(
        f"row {number} of {cell.table}: {cell.name} is {_short(said)}, {what}",
        f"{form}\n{cell.hint}".strip(),
    )


def _short(said: str) -> str:
    return repr(said if len(said) <= 40 else said[:40] + "…")
