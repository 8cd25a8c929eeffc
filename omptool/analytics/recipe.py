"""A recipe: one analysis as a file, a typed header in TOML and SQL below it. Pure: text in, `Recipe` out.

    /* omptool
    title = "…"
    …
    */
    -- telemetry
    name AS (SELECT …)      the CTEs that reduce telemetry, ending in `elements`
    -- table
    elements AS (SELECT … FROM input)     the same from a plain table, where the analysis has such a form; both under
                                          `-- telemetry and table` where only the parts before them differ
    -- result
    SELECT … FROM elements
    -- notes
    SELECT … AS note FROM …         sentences that a person should know of the values of telemetry, from the same CTEs

What several analyses say alike stands once, in files of the same form in `shares/`. A recipe names them in the order in
which their roles, parameters and columns stand: `share = ["measured", "own", "seen"]`. Its own stand where `own` is; of
what is shared too, its word wins.

What a set of rows cannot say (recurrences, run rules, percentiles) is a `finish(table, given)` in `finish/NAME.py`,
which the header names: it gets the rows of the result in order and returns the columns that the header declares. With
`stream = true` the rows are all values of one Variable after another, and come in portions that fit into memory; with
`series = true` the step gets the values of one Variable, or of one column, as arrays: `finish(measured, given)`.

The SQL stays in what DuckDB and Spark answer alike: no ASOF join, no ordered aggregate, no WITHIN GROUP, no
`* REPLACE`, no quantile.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omptool.analytics.wellknown import GLOBS
from omptool.errors import RecipeError

EVIDENCE = ("published value", "published formula", "definition + simulator truth")
"""What the numbers were held against, strongest first."""

TYPES = ("float", "int", "text", "bool", "interval", "time")
PICTURES = ("bars", "pareto", "timeline", "stack", "control", "histogram", "drift", "wear", "")
COLUMN_TYPES = ("float", "time", "any")

_HEADER = re.compile(r"/\* omptool\n(.*?)\n\*/\n(.*)", re.DOTALL)
_SECTION = re.compile(r"^-- (telemetry|table|telemetry and table|result|notes)$\n", re.MULTILINE)
_KEYS = {
    "title", "about", "formula", "source", "evidence", "parts", "roles", "table", "parameters", "columns", "chart",
    "picture", "order", "labels", "finish", "stream", "series", "by", "events", "table_parts", "share", "single",
    "notes_of",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Role:
    """What a tag or column is for.

    Attributes:
        globs: tags that have it when nobody says otherwise; the first that matches in a machine wins. A role
            of telemetry without any has those of `wellknown.GLOBS`.
        required: a machine without it is left out.
        parameter: a parameter that makes the tag dispensable.
        many: any number of tags of a machine may have it.
        type: of a column of a plain table: a number, a time, or whatever it is.
        instead: a role that makes it dispensable where a machine has that one.
    """

    name: str
    about: str
    globs: tuple[str, ...] = ()
    required: bool = True
    parameter: str = ""
    many: bool = False
    type: str = "float"
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that `--param` sets.

    Attributes:
        above, least, most: what a number must be, where not every one makes sense.
    """

    name: str
    type: str
    about: str
    default: bool | int | float | str | None = None
    above: float | None = None
    least: float | None = None
    most: float | None = None

    def wrong(self, value: float) -> str:
        """Why a number cannot be the value; empty: it can."""
        if self.above is not None and not value > self.above:
            return f"must be above {self.above:g}"
        if self.least is not None and not value >= self.least:
            return f"must be at least {self.least:g}"
        if self.most is not None and not value <= self.most:
            return f"must be at most {self.most:g}"
        return ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the result."""

    name: str
    unit: str
    about: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """A parsed recipe.

    Attributes:
        parts: names of shared CTEs that stand before the recipe's own, of a plain table `table_parts`.
        roles: for telemetry; `table` those of a plain table, empty when there is no such form.
        chart: the column whose bars `--chart` draws, a ratio.
        picture: what `--chart` draws, one of `PICTURES`, or nothing.
        labels: columns that say which row it is, beside those of the place.
        order: how rows with equal keys are sorted.
        sections: the SQL by section; `result` is always there.
        finish: name of the step in `finish/` that turns the rows into the result, or empty.
        stream: values of one Variable after another, in portions.
        series: all values of one Variable at a time, as `spc.measured.Measured`.
        by: what a row is for when nobody says so.
        single: every row is about one machine, whatever rows are asked for.
        events: it is about alarms, which come as events where a server has them; see `alarmed`.
        notes_of: roles that its notes are about: without a tag that has one there are none.
    """

    name: str
    title: str
    about: str
    formula: tuple[str, ...]
    source: str
    evidence: str
    parts: tuple[str, ...]
    roles: tuple[Role, ...]
    table: tuple[Role, ...]
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    chart: str
    labels: tuple[str, ...]
    order: tuple[str, ...]
    sections: Mapping[str, str]
    finish: str = ""
    stream: bool = False
    series: bool = False
    by: str = "machine"
    events: bool = False
    picture: str = ""
    table_parts: tuple[str, ...] = ()
    single: bool = False
    notes_of: tuple[str, ...] = ()

    def role(self, name: str) -> Role | None:
        """The role of telemetry with this name."""
        return next((role for role in self.roles if role.name == name), None)

    @property
    def by_product(self) -> bool:
        """Whether its rows can be split by product: it needs no tag that says one, and knows what to do with it."""
        role = self.role("product")
        return role is not None and not role.required

    @property
    def timed(self) -> bool:
        """Whether a plain table has times that --start and --end can cut."""
        return any(role.type == "time" for role in self.table)


OWN = "own"


def parse(name: str, text: str, shared: Callable[[str], str] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        shared: the text of a share.

    Raises:
        RecipeError: no header, an unknown or missing key, a wrong type, a section that is missing.
    """
    data, sections = _read(name, text)
    header = _Header(f"{name}.sql", data)
    header.expect(_KEYS)
    if shares := header.texts("share"):
        if shared is None or shares.count(OWN) != 1:
            raise RecipeError(f"{name}.sql: share names {OWN} once, and files of shares/")
        read = [(data, sections) if each == OWN else _read(each, shared(each)) for each in shares]
        header = _Header(f"{name}.sql", _merged([each for each, _ in read], data))
        header.expect(_KEYS)
        sections = {heading: sql for _, each in [*read, (data, sections)] for heading, sql in each.items()}
    recipe = Recipe(
        name=name,
        title=header.text("title"),
        about=header.text("about"),
        formula=header.texts("formula"),
        source=header.text("source"),
        evidence=header.one_of("evidence", EVIDENCE),
        parts=header.texts("parts"),
        roles=tuple(_role(entry, GLOBS.get(entry.name, ())) for entry in header.tables("roles")),
        table=tuple(_role(entry) for entry in header.tables("table")),
        parameters=tuple(_parameter(entry) for entry in header.tables("parameters")),
        columns=tuple(_column(entry) for entry in header.tables("columns")),
        chart=header.text("chart", default=""),
        labels=header.texts("labels"),
        order=header.texts("order"),
        sections=sections,
        finish=header.text("finish", default=""),
        stream=header.flag("stream", False),
        series=header.flag("series", False),
        by=header.text("by", default="machine"),
        events=header.flag("events", False),
        table_parts=header.texts("table_parts"),
        single=header.flag("single", False) or header.flag("stream", False) or header.flag("series", False),
        notes_of=header.texts("notes_of"),
        picture=header.one_of("picture", PICTURES, default="bars" if "chart" in data else ""),
    )
    _check(recipe)
    return recipe


def _read(name: str, text: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The header and the SQL by section."""
    match = _HEADER.match(text)
    if match is None:
        raise RecipeError(f"{name}.sql: no header; the file begins with /* omptool, TOML and */")
    try:
        return tomllib.loads(match[1]), _sections(name, match[2])
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{name}.sql: {error}") from None


def _merged(headers: Sequence[Mapping[str, Any]], own: Mapping[str, Any]) -> dict[str, Any]:
    """One header of several, entries of its tables in the order in which they are said first."""
    found: dict[str, Any] = {}
    for header in [*headers, own]:
        for key, value in header.items():
            if isinstance(value, dict) and isinstance(found.get(key, {}), dict):
                found.setdefault(key, {}).update(value)
            else:
                found[key] = value
    return found


def _sections(name: str, body: str) -> dict[str, str]:
    parts = _SECTION.split(body)
    if parts[0].strip():
        raise RecipeError(
            f"{name}.sql: SQL before the first section", "write -- telemetry, -- table or -- result above"
        )
    return {
        section: sql.strip()
        for heading, sql in zip(parts[1::2], parts[2::2], strict=True)
        for section in heading.split(" and ")
    }


def _check(recipe: Recipe) -> None:
    where = f"{recipe.name}.sql"
    for section, roles in (("telemetry", recipe.roles), ("table", recipe.table)):
        if bool(roles) != (section in recipe.sections):
            raise RecipeError(f"{where}: roles and the section {section} belong together")
    if "result" not in recipe.sections:
        raise RecipeError(f"{where}: the section result is missing")
    names = {column.name for column in recipe.columns}
    for wanted in ("coverage", "percent_good", *([recipe.chart] if recipe.chart else [])):
        if wanted not in names:
            raise RecipeError(f"{where}: no column {wanted}", "every analysis says how much of the window it saw")
    parameters = {parameter.name for parameter in recipe.parameters}
    for role in recipe.roles:
        if role.parameter and role.parameter not in parameters:
            raise RecipeError(f"{where}: role {role.name} names the parameter {role.parameter}, which is not there")


@dataclass(frozen=True, slots=True)
class _Header:
    """A TOML table that is read strictly."""

    where: str
    data: Mapping[str, Any]
    name: str = ""

    def expect(self, known: set[str]) -> None:
        for key in self.data:
            if key not in known:
                raise RecipeError(f"{self.where}: unknown key {key}", f"known are {', '.join(sorted(known))}")

    def text(self, key: str, *, default: str | None = None) -> str:
        value = self.data.get(key, default)
        if not isinstance(value, str) or (not value and default is None):
            raise RecipeError(f"{self.where}: {key} must be a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise RecipeError(f"{self.where}: {key} must be a list of texts")
        return tuple(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            raise RecipeError(f"{self.where}: {key} must be true or false")
        return value

    def number(self, key: str) -> float | None:
        value = self.data.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise RecipeError(f"{self.where}: {key} must be a number")
        return value

    def one_of(self, key: str, allowed: tuple[str, ...], *, default: str | None = None) -> str:
        value = self.text(key, default=default)
        if value not in allowed:
            raise RecipeError(f"{self.where}: {key} is {value!r}", f"allowed are {', '.join(allowed)}")
        return value

    def tables(self, key: str) -> list[_Header]:
        value = self.data.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
            raise RecipeError(f"{self.where}: {key} must be tables, [{key}.NAME]")
        return [_Header(f"{self.where}: {key}.{name}", item, name) for name, item in value.items()]


def _role(entry: _Header, known: tuple[str, ...] = ()) -> Role:
    entry.expect({"about", "globs", "required", "parameter", "many", "type", "instead"})
    return Role(
        entry.name,
        entry.text("about"),
        entry.texts("globs") or known,
        entry.flag("required", True),
        entry.text("parameter", default=""),
        entry.flag("many", False),
        entry.one_of("type", COLUMN_TYPES, default="float"),
        entry.text("instead", default=""),
    )


def _parameter(entry: _Header) -> Parameter:
    entry.expect({"type", "about", "default", "above", "least", "most"})
    kind = entry.one_of("type", TYPES)
    default = entry.data.get("default")
    if default is not None and type(default).__name__ != {"text": "str", "interval": "str", "time": "str"}.get(
        kind, kind
    ):
        raise RecipeError(f"{entry.where}: default is no {kind}")
    bounds = [entry.number(key) for key in ("above", "least", "most")]
    return Parameter(entry.name, kind, entry.text("about"), default, *bounds)


def _column(entry: _Header) -> Column:
    entry.expect({"unit", "about"})
    return Column(entry.name, entry.text("unit", default=""), entry.text("about"))
