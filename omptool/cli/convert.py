"""`omptool convert`: captures to a lake, or to one Parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, exporting, importing, settings
from omptool.cli.convert_words import say, say_plan
from omptool.cli.exits import ExitCode
from omptool.cli.importing import ImportServerOption, MapOption, RejectsOption
from omptool.cli.options import (
    ConfigOption,
    DryRunOption,
    ForceOption,
    InputFormatOption,
    PlantOption,
    ProgressMode,
    ProgressOption,
    TelemetryFormatOption,
    TzOption,
)

if TYPE_CHECKING:
    from omptool.lake.convert import ConvertReport, Recording
    from omptool.model.plant import PlantModel
    from omptool.sources.source import Named


def convert(
    source: Annotated[
        list[str],
        typer.Argument(help="Captures and files of other tools; for a .parquet file also lakes.", metavar="SOURCE"),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Folder of the lake, or a file: .parquet, or any format of --format.",
            metavar="LAKE|FILE",
        ),
    ],
    live: Annotated[
        bool, typer.Option("--live", help="Take what a running capture has committed; it is not done, and need not be.")
    ] = False,
    force: ForceOption = False,
    plant: PlantOption = None,
    dry_run: DryRunOption = False,
    progress: ProgressOption = ProgressMode.AUTO,
    input_format: InputFormatOption = None,
    map: MapOption = None,
    server: ImportServerOption = None,
    tz: TzOption = None,
    rejects: RejectsOption = None,
    format: TelemetryFormatOption = None,
    config: ConfigOption = None,
) -> ExitCode:
    """Convert captures to a lake of Delta tables, or to one file.

    A lake gets what it does not have yet: run it again while a capture grows, or after it was interrupted, and every
    row is there exactly once. --force replaces a file; a lake is only ever extended.

    Files of other tools (CSV, JSON, OPC Publisher, line protocol …) are imported: what they do not tell is null,
    wrong rows are set aside with line and reason, the rest is taken, and the exit code is 3.

    \b
    Examples:
      omptool convert shift.omcap -o lake
      omptool convert day1.omcap day2.omcap -o lake --plant plant.toml
      omptool convert shift.omcap -o shift.parquet
      omptool convert running.omcap -o lake --live
      omptool convert shift.omcap -o shift.mcap
      omptool convert historian.csv -o lake --map time=Zeit --map tag=Messstelle --map value=Wert
    """
    loaded = settings.load(config)
    model = settings.plant(plant)
    chosen = exporting.format_of(format, output)
    single = chosen is not None
    from omptool.cli.output import refuse_existing
    from omptool.lake.convert import check_target
    from omptool.lake.table import stored_plant
    from omptool.sources.resolve import plant_of_lakes, resolve_all

    if not single:
        check_target(output)
    else:
        refuse_existing(output, force=force)
    if not plant:
        model = (plant_of_lakes(source) if single else stored_plant(output)) or model
    foreign = importing.options(map or [], server, importing.zone_of(tz, model.zone if model else None))
    named = resolve_all(source, input_format=input_format, plant=model, servers=loaded.servers, foreign=foreign)
    found = [] if single else [one for entry in named for one in importing.recordings(entry.source)]
    captures = importing.fresh(found, output) if found else []
    if dry_run:
        say_plan(named, captures, output)
        return ExitCode.OK
    try:
        with diagnostics.Progress(progress) as display:
            importing.show_progress(named, display, output)
            if chosen is not None and chosen != "parquet":
                left = _export(named, output, chosen, force, display)
                lost = importing.tell(named, keep=rejects, beside=output.parent)
                return ExitCode.PARTIAL if left or lost else ExitCode.OK
            report = _to_file(named, output, force, display) if single else _to_lake(captures, output, model, display)
    except KeyboardInterrupt:
        diagnostics.note(f"stopped; {output} is whole, the same command goes on" if not single else "stopped")
        raise
    say(report, named, output, is_live=live)
    lost = importing.tell(named, keep=rejects, beside=output.parent)
    return ExitCode.PARTIAL if lost else ExitCode.OK


def _to_lake(
    captures: Sequence[Recording], lake: Path, plant: PlantModel | None, display: diagnostics.Progress
) -> ConvertReport:
    from omptool.lake.convert import Progress
    from omptool.lake.convert import convert as to_lake

    def show(state: Progress) -> None:
        display.update(
            [f"converting {state.label} → {lake}   {state.rows:,} of {state.total:,} rows"],
            {"rows": state.rows, "total": state.total, "source": state.label},
        )

    return to_lake(captures, lake, plant=plant, on_progress=show)


def _to_file(named: Sequence[Named], target: Path, force: bool, display: diagnostics.Progress) -> ConvertReport:
    from omptool.lake.export import write_file
    from omptool.sql.engine import LocalEngine

    _check_telemetry(named)

    def show(rows: int) -> None:
        display.update([f"converting → {target}   {rows:,} rows"], {"rows": rows})

    with LocalEngine(named) as engine:
        return write_file(engine.run("FROM telemetry"), target, force=force, on_progress=show)


def _export(named: Sequence[Named], target: Path, format: str, force: bool, display: diagnostics.Progress) -> int:
    _check_telemetry(named)
    return exporting.export(named, target, format, force, display)


def _check_telemetry(named: Sequence[Named]) -> None:
    for entry in named:
        if not entry.source.has_telemetry:
            raise importing.no_telemetry(entry.source)
