"""`omptool model`: propose a plant model, and say what the analyses still lack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings
from omptool.cli.exits import ExitCode
from omptool.cli.options import (
    ConfigOption,
    ForceOption,
    FormatOption,
    InputFormatOption,
    OutputOption,
    PlantOption,
)
from omptool.model.listing import listed

if TYPE_CHECKING:
    from omptool.analytics.binding import Tag
    from omptool.cli.asking import Asked

_SourceArgument = Annotated[list[str], typer.Argument(help="Captures, lakes or files.", metavar="SOURCE...")]
_MOST_VALUES = 200
_SHOWN = 6
_VALUES = """SELECT DISTINCT t.server, t.node_id,
  coalesce(t.value_text, CAST(t.value_exact AS VARCHAR), CAST(TRY_CAST(t.value AS BIGINT) AS VARCHAR)) AS value
FROM telemetry t JOIN (
  SELECT unnest(CAST($servers AS VARCHAR[])) AS server, unnest(CAST($node_ids AS VARCHAR[])) AS node_id
) b ON t.server = b.server AND t.node_id = b.node_id WHERE t.quality <> 'Bad'"""
_CHANGED = "SELECT DISTINCT server, node_id FROM telemetry WHERE origin <> 'initial'"

app = typer.Typer(
    help="Propose a plant model, and say what the analyses still lack.",
    rich_markup_mode=None,
    no_args_is_help=False,
    invoke_without_command=True,
)


@app.callback()
def _model(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@app.command()
def init(
    source: _SourceArgument,
    output: OutputOption = None,
    force: ForceOption = False,
    plant: PlantOption = None,
    input_format: InputFormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Propose a plant.toml from what was recorded: machines, roles of tags, meanings of states.

    What a server says by the companion specifications needs no line. Guesses are marked: look at them.

    \b
    Examples:
      omptool model init shift.omcap
      omptool model init lake -o plant.toml
    """
    from omptool.analytics import catalog
    from omptool.analytics.alarmed import watched
    from omptool.analytics.modelling import propose, state_tags
    from omptool.cli.asking import Asking
    from omptool.cli.output import print_text, refuse_existing, replacing

    if str(output) == "-":
        output = None
    if output is not None:
        refuse_existing(output, force=force)
    with Asking(source, None, plant, input_format, None).opened(settings.load(config)) as asked:
        recipes = [catalog.load(name) for name in catalog.names()]
        roles = asked.model.roles if asked.model else {}
        tags = _tags(asked)
        states: dict[str, set[str]] = {}
        for tag, values in _said(asked, state_tags(tags, roles, recipes)):
            states.setdefault(tag.tag, set()).update(sorted(values)[:_MOST_VALUES])
        text = propose(tags, roles, states, recipes, watched(asked.engine, tags))
    if output is None:
        print_text(text)
        return
    with replacing(output, force=force) as file:
        file.write(text.encode())
    diagnostics.note(f"next: look through {output}, then omptool model check {' '.join(source)} --plant {output}")


@app.command()
def check(
    source: _SourceArgument,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    plant: PlantOption = None,
    input_format: InputFormatOption = None,
    config: ConfigOption = None,
) -> ExitCode:
    """Say per machine and analysis which roles or meanings of states are missing; exit code 3 when any are.

    A role that several tags could play is missing until [roles] says which.

    \b
    Examples:
      omptool model check lake
      omptool model check shift.omcap --plant plant.toml
    """
    from omptool.analytics import catalog
    from omptool.analytics.alarmed import watched
    from omptool.analytics.modelling import MEANINGS, Lack, lacks, machines_of, several, state_tags
    from omptool.analytics.wellknown import understood
    from omptool.cli.asking import Asking
    from omptool.cli.output import Rows, emit
    from omptool.model.shifts import Calendar

    with Asking(source, None, plant, input_format, None).opened(settings.load(config)) as asked:
        roles, own = (asked.model.roles, asked.model.states_of) if asked.model else ({}, None)
        priced = (asked.model.calendar if asked.model else Calendar()).prices
        recipes, every = [catalog.load(name) for name in catalog.names()], _tags(asked)
        changed = {(row["server"], row["node_id"]) for row in asked.engine.run(_CHANGED).read_all().to_pylist()}
        tags = machines_of(every, changed, recipes, roles)
        strange = [
            (tag, sorted(values)[:_MOST_VALUES])
            for tag, values in _said(asked, state_tags(tags, roles, recipes))
            if values and not values & (understood(tag.tag) | (own(tag[2:6]).keys() if own else set()))
        ]
        meaningless = {(tag.server, tag.node_id) for tag, _ in strange}
        rows = list(lacks(recipes, tags, roles, priced, meaningless, watched(asked.engine, tags)))
        unclear = several(recipes, tags, roles)
    emit(Rows(Lack._fields, rows), format=format, output=output, force=force)
    if others := sorted({one.machine for one in {tag[2:6]: tag for tag in set(every) - set(tags)}.values()}):
        diagnostics.note(f"left out, because nothing there changed or has a role: {listed(others, _SHOWN)}")
    unready = [row for row in rows if not row.ready]
    if not unready:
        return ExitCode.OK
    for one in unclear:
        diagnostics.note(f"{len(one.tags)} tags of {one.machine} could be {one.role}: {listed(one.tags, _SHOWN)}")
    for tag, values in strange:
        diagnostics.note(f"nothing that {tag.tag} of {tag.machine} says has a meaning: {listed(values, _SHOWN)}")
    missing = sorted({role for row in unready for role in row.missing.split()})
    lacking = [role for role in missing if role != MEANINGS and role not in {one.role for one in unclear}]
    wrong = [f"no tag for {', '.join(lacking)}"] if lacking else []
    wrong += ["several tags for one role"] if unclear else []
    say = "; name them under [roles] of plant.toml, or with --map" if wrong else ""
    means = "no meaning of states: see [states] of plant.toml" if MEANINGS in missing else ""
    diagnostics.note("exit 3: " + "; ".join(filter(None, [" and ".join(wrong) + say, means])))
    return ExitCode.PARTIAL


def _said(asked: Asked, tags: Sequence[Tag]) -> Iterator[tuple[Tag, set[str]]]:
    """What some nodes said, other than Bad."""
    given = {"servers": [tag.server for tag in tags], "node_ids": [tag.node_id for tag in tags]}
    found: dict[tuple[str, str], set[str]] = {}
    for server, node_id, value in zip(*asked.engine.run(_VALUES, given).read_all().to_pydict().values(), strict=True):
        if value:
            found.setdefault((server, node_id), set()).add(value)
    for tag in tags:
        yield tag, found.get((tag.server, tag.node_id), set())


def _tags(asked: Asked) -> list[Tag]:
    from omptool.analytics.run import recorded_tags

    strangers = any("nodes" not in named.source.views() for named in asked.sources if named.source.has_telemetry)
    return recorded_tags(asked.engine, strangers)
