"""`omptool model`: propose a plant model, and say what the analyses still lack."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from omptool.analytics.binding import Tag
    from omptool.cli.asking import Asked

_SourceArgument = Annotated[list[str], typer.Argument(help="Captures, lakes or files.", metavar="SOURCE...")]
_VALUES = """SELECT DISTINCT coalesce(value_text, CAST(TRY_CAST(value AS BIGINT) AS VARCHAR)) AS value
FROM telemetry WHERE server = $server AND node_id = $node_id AND quality <> 'Bad' LIMIT 200"""

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

    if output is not None:
        refuse_existing(output, force=force)
    with Asking(source, None, plant, input_format, None).opened(settings.load(config)) as asked:
        recipes = [catalog.load(name) for name in catalog.names()]
        roles = asked.model.roles if asked.model else {}
        tags = _tags(asked)
        states: dict[str, set[str]] = {}
        for tag in state_tags(tags, roles, recipes):
            rows = asked.engine.run(_VALUES, {"server": tag.server, "node_id": tag.node_id}).read_all()
            states.setdefault(tag.tag, set()).update(filter(None, rows["value"].to_pylist()))
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
    """Say per machine and analysis which roles have no tag yet; exit code 3 when any has none.

    \b
    Examples:
      omptool model check lake
      omptool model check shift.omcap --plant plant.toml
    """
    from omptool.analytics import catalog
    from omptool.analytics.alarmed import watched
    from omptool.analytics.modelling import Lack, lacks
    from omptool.cli.asking import Asking
    from omptool.cli.output import Rows, emit

    with Asking(source, None, plant, input_format, None).opened(settings.load(config)) as asked:
        roles = asked.model.roles if asked.model else {}
        priced = asked.model is not None and bool(asked.model.calendar.ideal_cycle)
        recipes, tags = [catalog.load(name) for name in catalog.names()], _tags(asked)
        rows = list(lacks(recipes, tags, roles, priced, watched(asked.engine, tags)))
    emit(Rows(Lack._fields, rows), format=format, output=output, force=force)
    unready = [row for row in rows if not row.ready]
    if not unready:
        return ExitCode.OK
    missing = sorted({role for row in unready for role in row.missing.split()})
    diagnostics.note(f"exit 3: no tag for {', '.join(missing)}; name them under [roles] of plant.toml, or with --map")
    return ExitCode.PARTIAL


def _tags(asked: Asked) -> list[Tag]:
    from omptool.analytics.run import recorded_tags

    strangers = any("nodes" not in named.source.views() for named in asked.sources if named.source.has_telemetry)
    return recorded_tags(asked.engine, strangers)
