"""What an analysis computes, as text for people. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from omptool.analytics import catalog
from omptool.analytics.recipe import Parameter, Recipe, Role

_WIDTH = 100
_NAME = 17
"""Cells of the name of an analysis in the list, with the gap behind it."""

_PICTURES = {
    "bars": "bars of the shares", "pareto": "a Pareto chart with the cumulative share",
    "timeline": "a line of time per machine", "stack": "bars in two parts",
    "control": "a control chart with its limits", "histogram": "a histogram with the limits",
    "drift": "the points with the mean they had, their slope, and where they left it",
    "wear": "the values with a line at every change of the tool, and the limit",
}  # fmt: skip

LIST_COLUMNS = ("name", "title", "roles", "table_roles", "evidence", "picture")


def listing() -> list[tuple[str, str, str, str, str, str]]:
    """A row per analysis for `--list`; optional roles are in brackets."""
    return [
        (recipe.name, recipe.title, _names(recipe.roles), _names(recipe.table), recipe.evidence, recipe.picture)
        for recipe in map(catalog.load, catalog.names())
    ]


def catalogue(width: int) -> str:
    """The list for a terminal: what each analysis says, what it rests on and which roles it takes."""
    return "".join(f"{line}\n" for recipe in map(catalog.load, catalog.names()) for line in _entry(recipe, width))


def _entry(recipe: Recipe, width: int) -> Iterator[str]:
    yield f"{recipe.name.ljust(_NAME)}{recipe.title}"
    roles = f"{recipe.evidence}; {_names(recipe.roles)}"
    indent = " " * _NAME
    yield from textwrap.wrap(roles, max(width, 2 * _NAME), initial_indent=indent, subsequent_indent=indent)


def default_of(parameter: Parameter) -> str:
    """What a parameter is where nobody says it, as `--param` takes it; empty: nothing."""
    if isinstance(parameter.default, bool):
        return str(parameter.default).lower()
    if isinstance(parameter.default, float):
        return f"{parameter.default:.15g}"
    return "" if parameter.default is None else str(parameter.default)


def _names(roles: Sequence[Role]) -> str:
    return " ".join(map(_role_name, roles))


def explain(recipe: Recipe) -> str:
    """Everything `--explain` says: formulas, source, roles, parameters, columns, SQL."""
    return "\n".join(_lines(recipe)) + "\n"


def _lines(recipe: Recipe) -> Iterator[str]:
    yield f"{recipe.name}: {recipe.title}"
    yield from textwrap.wrap(recipe.about, _WIDTH)
    yield from ("", "Formula")
    for formula in recipe.formula:
        yield from textwrap.wrap(formula, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    yield f"  source    {recipe.source}"
    yield f"  evidence  {recipe.evidence}"
    if recipe.picture:
        yield f"  --chart   {_PICTURES[recipe.picture]}"
    yield from ("", "Roles of tags (--map ROLE=TAG, [roles] of plant.toml, else these)")
    yield from _roles(recipe.roles)
    if recipe.table:
        yield from ("", "Roles of columns, on a plain table (--map ROLE=COLUMN, else the column of that name)")
        yield from _aligned([(role.name, _with_names(role)) for role in recipe.table])
    if recipe.parameters:
        yield from ("", "Parameters (--param NAME=VALUE), with their defaults")
        yield from _aligned([(each.name, each.type, default_of(each), each.about) for each in recipe.parameters])
    yield from ("", "Columns, behind those of --by and the window (start, end)")
    yield from _aligned([(column.name, column.unit, column.about) for column in recipe.columns])
    for section in recipe.sections:
        if section in ("telemetry", "table"):
            yield from ("", f"SQL on {section if section == 'telemetry' else 'a plain table'}")
            yield from textwrap.indent("WITH " + ",\n".join(catalog.ctes(recipe, section)), "  ").splitlines()


def _roles(roles: Sequence[Role]) -> Iterator[str]:
    """Name and meaning in a line, below it the tags that have the role by themselves."""
    wide = max(len(_role_name(role)) for role in roles) + 2
    indent = " " * (wide + 4)
    for role in roles:
        yield f"  {_role_name(role).ljust(wide)}{role.about}"
        tags = " ".join(role.globs)
        yield from textwrap.wrap(
            tags,
            _WIDTH,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
            break_long_words=False,
        )


def _with_names(role: Role) -> str:
    return f"{role.about}; also named {', '.join(role.globs)}" if role.globs else role.about


def _role_name(role: Role) -> str:
    return role.name if role.required else f"[{role.name}]"


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]) - 1)]
    for row in rows:
        yield (
            "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        )
