"""`omptool query`: ask SQL of captures, lakes and files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings
from omptool.cli.options import (
    ConfigOption,
    ForceOption,
    FormatOption,
    InputFormatOption,
    OutputOption,
    PlantOption,
    TzOption,
)
from omptool.errors import NotFound, UsageError

if TYPE_CHECKING:
    from omptool.sources.source import Named


def query(
    sql: Annotated[
        str | None, typer.Argument(help="One statement that reads; - takes it from stdin.", metavar="SQL")
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option("--on", help="Capture, lake, LAKE@VERSION or file to ask; repeatable.", metavar="[NAME=]SOURCE"),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Take the statement from FILE.", metavar="FILE")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", help="Value for $NAME in the statement; repeatable.", metavar="NAME[:TYPE]=VALUE"),
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    tz: TzOption = None,
    plant: PlantOption = None,
    input_format: InputFormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Ask SQL of captures, lakes and files.

    Captures, lakes and telemetry in Parquet files form the views telemetry, nodes, events, gaps and journal; any other
    table has the name of its file. A capture that is being written is read up to its last commit. Nothing is changed.

    \b
    Examples:
      omptool query "from telemetry limit 10" --on shift.omcap
      omptool query "select machine, avg(value) from telemetry group by all" --on lake
      omptool query "from telemetry where machine = \\$m" --param m=Press7 --on lake -o press7.csv
      omptool query --file kpi.sql --on lake --on orders=orders.csv
    """
    from datetime import UTC, datetime

    from omptool.cli.output import emit, refuse_existing
    from omptool.sources.resolve import plant_of_lakes, resolve_all
    from omptool.sql import parameters
    from omptool.sql.engine import LocalEngine

    loaded = settings.load(config)
    statement = _statement(sql, file)
    if not on:
        raise UsageError("query needs a source", _suggest_source(sql))
    if output is not None:
        refuse_existing(output, force=force)
    nearby = settings.plant(plant)
    model = nearby if plant else (plant_of_lakes(on) or nearby)
    name = settings.zone_name(tz, model)
    zone = settings.zone(name)[0]
    bound = parameters.parse(param or [], now=datetime.now(UTC), zone=zone)
    sources = resolve_all(on, input_format=input_format, plant=model, servers=loaded.servers, zone=zone)
    if "gaps" not in statement.casefold():
        _say_gaps(sources)
    _say_twice(sources)
    with LocalEngine(sources, tz=tz) as engine:
        emit(engine.run(statement, bound), format=format, output=output, force=force, tz=name)


def _statement(sql: str | None, file: Path | None) -> str:
    if sql is not None and file is not None:
        raise UsageError("a statement and --file are given", "use one of them")
    if file is not None and str(file) != "-":
        from omptool.config.files import read_text

        try:
            return read_text(file)
        except FileNotFoundError:
            raise NotFound(f"no such file: {file}") from None
        except UnicodeDecodeError:
            raise UsageError(f"{file} is not UTF-8 text") from None
    if sql == "-" or file is not None:
        return sys.stdin.read()
    if sql is None:
        raise UsageError("query needs a statement", 'example: omptool query "from telemetry limit 10" --on x.omcap')
    return sql


def _suggest_source(sql: str | None) -> str:
    """The command with the only capture or lake of the current folder; else how to name one."""
    found = [
        entry.name
        for entry in sorted(Path().iterdir())
        if entry.is_dir() and (entry.suffix == ".omcap" or (entry / "telemetry" / "_delta_log").is_dir())
    ]
    if len(found) != 1:
        listed = f"; here are {', '.join(found)}" if found else ""
        return f"add --on CAPTURE, --on LAKE or --on FILE{listed}"
    from shlex import join

    return join(["omptool", "query", sql or "from telemetry limit 10", "--on", found[0]])


def _say_gaps(sources: list[Named]) -> None:
    from omptool.sources.source import describe_gaps

    for named in sources:
        reasons = named.source.gap_reasons()
        if reasons:
            diagnostics.note(f"note: {describe_gaps(named.source.label, reasons)}")


def _say_twice(sources: list[Named]) -> None:
    if len(sources) < 2:
        return
    from omptool.sources.overlap import overlaps

    for one, other in overlaps(sources):
        diagnostics.note(f"note: rows of one recording are in {one} and in {other}, and count twice; ask one of them")
