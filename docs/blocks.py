"""The parts of the documentation that are made from the program, so that they cannot go stale.

`python -m cogapp -r -I . docs/reference/*.md` writes them anew; a test fails while they differ.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from omptool import config
from omptool.cli import app, exits

_PAGE = 100


def commands() -> str:
    """`--help` of every command, in the order of the program."""
    return "\n\n".join(f"## {name}\n\n{_help(command, name, parent)}" for name, command, parent in walk())


def walk() -> Iterator[tuple[str, Any, Any]]:
    """Every command with its path and the context of its parent, the root first."""
    root: Any = typer.main.get_command(app.build())
    yield "omptool", root, None
    yield from _walk(root, "omptool", None)


def _walk(group: Any, path: str, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    ctx = _context(group, path, parent)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command.hidden:
            continue
        yield f"{path} {name}", command, ctx
        if hasattr(command, "list_commands"):
            yield from _walk(command, f"{path} {name}", ctx)


def _context(command: Any, path: str, parent: Any) -> Any:
    name = path.rsplit(" ", 1)[-1]
    settings = command.context_settings | {"max_content_width": _PAGE, "terminal_width": _PAGE}
    return typer.Context(command, info_name=name, parent=parent, **settings)


def _help(command: Any, path: str, parent: Any) -> str:
    return f"```text\n{command.get_help(_context(command, path, parent)).rstrip()}\n```"


def settings() -> str:
    """Every key of omptool.toml outside `[servers.NAME]`."""
    lines = ["| key | variable | default | meaning |", "|---|---|---|---|"]
    for setting in config.SETTINGS:
        default = "" if setting.default is None else f"`{setting.default}`"
        lines.append(f"| `{setting.key}` | `{setting.variable}` | {default} | {setting.help} |")
    return "\n".join(lines)


def server_settings() -> str:
    """Every key of a `[servers.NAME]` table."""
    return _keys(config.SERVER_SETTINGS)


def node_settings() -> str:
    """Every key of a `[[capture.nodes]]` table."""
    return _keys(config.NODE_SETTINGS)


def _keys(settings: Sequence[config.Setting]) -> str:
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for setting in settings:
        default = "" if setting.default is None else f"`{setting.default}`"
        lines.append(f"| `{setting.key}` | {default} | {setting.help} |")
    return "\n".join(lines)


def cloud_settings() -> str:
    """Every key of a `[cloud.NAME]` table."""
    return _keys(config.CLOUD_SETTINGS)


def exit_codes() -> str:
    """Every exit code with what it means; the meaning is the text below each member."""
    source = inspect.getsource(exits.ExitCode)
    meanings = dict(re.findall(r'^    (\w+) = \d+\n    """(.*?)"""', source, re.MULTILINE | re.DOTALL))
    lines = ["| code | name | meaning |", "|---|---|---|"]
    lines += [f"| {code.value} | {code.name} | {meanings[code.name]} |" for code in exits.ExitCode]
    return "\n".join(lines)


def columns(view: str) -> str:
    """Every column of a view: type as SQL names it, whether it may be null, what it means."""
    from docs.column_meanings import VIEWS as MEANINGS
    from omptool.model.contracts import VIEWS

    lines = ["| column | SQL type | null | meaning |", "|---|---|---|---|"]
    for field in VIEWS[view]:
        null = "yes" if field.nullable else "no"
        lines.append(f"| `{field.name}` | {_sql_type(str(field.type))} | {null} | {MEANINGS[view][field.name]} |")
    return "\n".join(lines)


def rows(command: str) -> str:
    """Every column of a command's own rows."""
    from docs.row_meanings import ROWS

    lines = ["| column | meaning |", "|---|---|"]
    return "\n".join(lines + [f"| `{name}` | {meaning} |" for name, meaning in ROWS[command].items()])


def _sql_type(arrow: str) -> str:
    if arrow.startswith("list<"):
        return _sql_type(arrow.split(": ", 1)[1].rstrip(">")) + "[]"
    names = {
        "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
        "int16": "SMALLINT",
        "int32": "INTEGER",
        "int64": "BIGINT",
        "double": "DOUBLE",
        "string": "VARCHAR",
        "bool": "BOOLEAN",
        "binary": "BLOB",
        "decimal128(20, 0)": "DECIMAL(20,0)",
    }
    return names[arrow]


def analyses() -> str:
    """Every analysis: what it computes, from which roles, with which columns."""
    from omptool.analytics import catalog

    return "\n\n".join("\n".join(_analysis(catalog.load(name))) for name in catalog.names())


def usual_names() -> str:
    """Tags that have a role on every server that follows a companion specification."""
    from omptool.analytics.wellknown import GLOBS

    rows = (_row(f"`{role}`", _globs(globs)) for role, globs in GLOBS.items())
    return "\n".join(["| role | tags, the first that is there |", "|---|---|", *rows])


def _globs(globs: Sequence[str]) -> str:
    return " ".join(f"`{glob}`" for glob in globs)


def _analysis(recipe: Any) -> Iterator[str]:
    from omptool.analytics.explain import default_of
    from omptool.analytics.wellknown import GLOBS

    yield from (f"## {recipe.name}", "", f"**{recipe.title}.** {recipe.about}", "")
    yield from (f"- {formula}" for formula in recipe.formula)
    yield from ("", f"Source: {recipe.source}. Evidence: {recipe.evidence}.", "")
    yield from ("| role | of a | found by itself | what it is |", "|---|---|---|---|")
    for role in recipe.roles:
        usual = len(role.globs) > 4 and role.globs == GLOBS.get(role.name)
        globs = f"[usual names](#found-by-themselves) of {role.name}" if usual else _globs(role.globs)
        instead = f"; not needed with `--param {role.parameter}=…`" if role.parameter else ""
        optional = "" if role.required else ", optional"
        yield f"| `{role.name}` | tag{optional} | {globs} | {role.about}{instead} |"
    for role in recipe.table:
        names = _globs((role.name, *role.globs))
        yield f"| `{role.name}` | column{'' if role.required else ', optional'} | {names} | {role.about} |"
    if recipe.parameters:
        yield from ("", "| parameter | type | default | meaning |", "|---|---|---|---|")
        for each in recipe.parameters:
            default = f"`{default_of(each)}`" if default_of(each) else ""
            yield f"| `{each.name}` | {each.type} | {default} | {each.about} |"
    yield from ("", "| column | unit | meaning |", "|---|---|---|")
    yield from (f"| `{column.name}` | {column.unit} | {column.about} |" for column in recipe.columns)


def aggregates() -> str:
    """The standard aggregates: clause, what each says, and what its results were held against."""
    from omptool.analytics.part13.aggregates import ALL

    rows = (f"| `{each.name}` | {each.clause} | {each.about} | {each.evidence} |" for each in ALL.values())
    return "\n".join(["| aggregate | clause | value | held against |", "|---|---|---|---|", *rows])


def bad_input() -> str:
    """Per command every case that the tests run: cause, what is really said, exit code, next step."""
    from tests.errors.case import golden
    from tests.errors.cases import SECTIONS

    return "\n\n".join(
        f"### {section}\n\n| cause | message | exit | next step |\n|---|---|---|---|\n"
        + "\n".join(
            _row(_cell(case.cause), _code(said.message) or "(nothing)", said.code, "<br>".join(map(_code, said.hint)))
            for case in cases
            for said in [golden(section)[case.cause]]
        )
        for section, cases in SECTIONS.items()
    )


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    """`text` as it was printed; a table has no other way to keep `<`, `*` and `_` as they are."""
    if not text:
        return ""
    ticks = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{ticks}{pad}{_cell(text)}{pad}{ticks}"
