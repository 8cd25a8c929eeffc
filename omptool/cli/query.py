"""`omptool query`: ask SQL of captures, lakes and files, or of a cloud."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, importing, settings
from omptool.cli.asking import Asking
from omptool.cli.exits import ExitCode
from omptool.cli.importing import ImportServerOption, MapOption, RejectsOption
from omptool.cli.options import (
    CloudOption,
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
    cloud: CloudOption = None,
    repeatable: Annotated[
        bool,
        typer.Option(
            "--repeatable",
            help="Same bytes on every run and on the cloud side: one fixed order of floating-point sums; slower.",
        ),
    ] = False,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    tz: TzOption = None,
    plant: PlantOption = None,
    input_format: InputFormatOption = None,
    map: MapOption = None,
    server: ImportServerOption = None,
    rejects: RejectsOption = None,
    config: ConfigOption = None,
) -> ExitCode:
    """Ask SQL of captures, lakes and files, or of a cloud.

    Captures, lakes and telemetry in Parquet files form the views telemetry, nodes, events, gaps and journal; any other
    table has the name of its file. A capture that is being written is read up to its last commit. Nothing is changed.
    A cloud answers from its own views; Ctrl-C stops the statement there too.

    \b
    Examples:
      omptool query "from telemetry limit 10" --on shift.omcap
      omptool query "select machine, avg(value) from telemetry group by all" --on lake
      omptool query "from telemetry where machine = \\$m" --param m=Press7 --on lake -o press7.csv
      omptool query --file kpi.sql --on lake --on orders=orders.csv
      omptool query "from telemetry" --on old.csv --map time=Zeit --map tag=Ort --map value=Wert
      omptool query "select count(*) from telemetry" --cloud plant
    """
    from datetime import UTC, datetime

    from omptool.cli.output import emit, refuse_existing
    from omptool.sql import parameters

    loaded = settings.load(config)
    statement = _statement(sql, file)
    asking = Asking(on or [], cloud, plant, input_format, tz, tz, repeatable, map or [], server)
    asking.check()
    if not on and cloud is None:
        raise UsageError("query needs a source", _suggest_source(sql, sorted(loaded.clouds)))
    if output is not None:
        refuse_existing(output, force=force)
    with asking.opened(loaded) as asked:
        bound = parameters.parse(param or [], now=datetime.now(UTC), zone=asked.zone)
        if "gaps" not in statement.casefold():
            asked.say_gaps()
        _say_twice(asked.sources)
        left = emit(asked.engine.run(statement, bound), format=format, output=output, force=force, tz=asked.zone_name)
        _say_kept(asked.sources)
        return ExitCode.PARTIAL if importing.tell(asked.sources, keep=rejects) or left else ExitCode.OK


def _statement(sql: str | None, file: Path | None) -> str:
    if sql is not None and file is not None:
        raise UsageError("a statement and --file are given", "use one of them")
    if file is not None and str(file) != "-":
        from omptool.config.files import read_text

        try:
            return read_text(file)
        except FileNotFoundError:
            raise NotFound(f"no such file: {file}", "name a file with one statement, or - for stdin") from None
        except UnicodeDecodeError:
            raise UsageError(f"{file} is not UTF-8 text", "save it as UTF-8") from None
    if sql == "-" or file is not None:
        return sys.stdin.read()
    if sql is None:
        raise UsageError("query needs a statement", 'example: omptool query "from telemetry limit 10" --on x.omcap')
    return sql


def _suggest_source(sql: str | None, clouds: Sequence[str]) -> str:
    """The command with the only capture, lake or cloud that is at hand; else how to name one."""
    from shlex import join

    command = ["omptool", "query", sql or "from telemetry limit 10"]
    found = [
        entry.name
        for entry in sorted(Path().iterdir())
        if entry.is_dir() and (entry.suffix == ".omcap" or (entry / "telemetry" / "_delta_log").is_dir())
    ]
    if len(found) + len(clouds) == 1:
        return join([*command, "--on", found[0]] if found else [*command, "--cloud", clouds[0]])
    listed = f"; here are {', '.join(found)}" if found else ""
    named = f"\nor --cloud NAME; omptool.toml has {', '.join(clouds)}" if clouds else ""
    return f"add --on CAPTURE, --on LAKE or --on FILE{listed}{named}"


def _say_kept(sources: Sequence[Named]) -> None:
    """Structures of the captures that the statement has read and nobody can explain."""
    from omptool.cli.noderows import say_kept
    from omptool.sources.capture import CaptureSource

    for entry in sources:
        if isinstance(entry.source, CaptureSource):
            say_kept(entry.source.capture.kept, counted=False)


def _say_twice(sources: Sequence[Named]) -> None:
    if len(sources) < 2:
        return
    from omptool.sources.overlap import overlaps

    for one, other in overlaps(sources):
        diagnostics.note(f"note: rows of one recording are in {one} and in {other}, and count twice; ask one of them")
