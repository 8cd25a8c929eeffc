"""`omptool convert`: captures to a lake, or to one Parquet file."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, exporting, importing, settings
from omptool.cli.convert_words import say, say_plan
from omptool.cli.exits import ExitCode
from omptool.cli.importing import ImportServerOption, MapOption, RejectsOption
from omptool.cli.lake_upkeep import Upkeep, delete, run
from omptool.cli.options import (
    ConfigOption,
    DryRunOption,
    ForceOption,
    FormatOption,
    InputFormatOption,
    PlantOption,
    ProgressMode,
    ProgressOption,
    TzOption,
)
from omptool.errors import UsageError
from omptool.store.location import location
from omptool.store.remote import Remote

if TYPE_CHECKING:
    from omptool.lake.convert import ConvertReport, Recording
    from omptool.model.plant import PlantModel
    from omptool.sources.source import Named
    from omptool.store.location import Location


_EXAMPLE = "example:  omptool convert shift.omcap -o lake"


def convert(
    source: Annotated[
        list[str] | None,
        typer.Argument(
            help="Captures and files of other tools; for a file also lakes. A lake: what to maintain.",
            metavar="SOURCE",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the lake, or a file in any --format.", metavar="LAKE|FILE"),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Take what a running capture has committed; it is not done, and need not be.")
    ] = False,
    delete_after: Annotated[
        bool, typer.Option("--delete-after", help="Delete captures of which every row was found again in the lake.")
    ] = False,
    remodel: Annotated[
        bool, typer.Option("--remodel", help="Place the rows that are in the lake by the plant model anew.")
    ] = False,
    compact: Annotated[
        bool, typer.Option("--compact", help="One sorted file per site and date; remove and count duplicates.")
    ] = False,
    wide: Annotated[
        str | None,
        typer.Option(
            "--wide", help="Make a grid of the lake: a row per machine and step, a column per tag.", metavar="EVERY"
        ),
    ] = None,
    vacuum: Annotated[
        bool, typer.Option("--vacuum", help="Remove files that only versions older than --keep need.")
    ] = False,
    keep: Annotated[
        str | None,
        typer.Option("--keep", help="With --vacuum: how old such versions are. Default: 7d.", metavar="DURATION"),
    ] = None,
    compat: Annotated[
        bool, typer.Option("--compat", help="Write Parquet that old readers know too; the lake remembers it.")
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
    format: FormatOption = None,
    config: ConfigOption = None,
) -> ExitCode:
    """Convert captures to a lake of Delta tables, or to one file.

    A lake gets what it does not have yet: run it again while a capture grows, or after it was interrupted, and every
    row is there exactly once. --force replaces a file; a lake is only ever extended. --remodel, --compact and
    --vacuum maintain a lake, after rows were added or without any; readers see the lake before or after, never half.

    Files of other tools (CSV, JSON, OPC Publisher, line protocol …) are imported: what they do not tell is null,
    wrong rows are set aside with line and reason, the rest is taken, and the exit code is 3.

    \b
    Examples:
      omptool convert shift.omcap -o lake
      omptool convert day1.omcap day2.omcap -o lake --plant plant.toml
      omptool convert shift.omcap -o shift.parquet
      omptool convert running.omcap -o lake --live
      omptool convert day1.omcap -o lake --delete-after
      omptool convert shift.omcap -o shift.mcap
      omptool convert historian.csv -o lake --map time=Zeit --map tag=Messstelle --map value=Wert
      omptool convert lake --compact --vacuum
      omptool convert lake --remodel --plant plant.toml
      omptool convert shift.omcap -o lake --wide 1s
    """
    loaded = settings.load(config)
    upkeep = Upkeep(remodel, compact, wide, vacuum, keep)
    sources, target = _target(source or [], output, upkeep)
    chosen = exporting.format_of(format, target)
    is_file = chosen is not None
    if delete_after and (is_file or not sources):
        raise UsageError("--delete-after is for captures that a lake takes in", _EXAMPLE)
    from omptool.cli.output import refuse_existing
    from omptool.lake.convert import check_target
    from omptool.sources.resolve import resolve_all

    if is_file:
        refuse_existing(target, force=force)
    else:
        check_target(target)
    model = _model(sources, target, plant, is_file=is_file, is_new=plant is not None or remodel)
    foreign = importing.options(map or [], server, importing.zone_of(tz, model.zone if model else None))
    named = resolve_all(sources, input_format=input_format, plant=model, servers=loaded.servers, foreign=foreign)
    found = [] if is_file else [one for entry in named for one in importing.recordings(entry.source)]
    captures = importing.fresh(found, target) if found else []
    code = ExitCode.OK
    try:
        with diagnostics.Progress(progress) as display:
            if dry_run and sources:
                say_plan(named, captures, target)
            elif sources:
                importing.show_progress(named, display, target)
                if chosen is None or chosen == "parquet":
                    to_file = partial(_to_file, named, target, force, display, compat)
                    report = to_file() if is_file else _to_lake(captures, target, model, display, compat)
                    display.clear()
                    say(report, named, target, is_live=live)
                elif exporting.export(named, target, chosen, force, display):
                    code = ExitCode.PARTIAL
                if importing.tell(named, keep=rejects, beside=target.parent if isinstance(target, Path) else Path()):
                    code = ExitCode.PARTIAL
            if delete_after:
                code = delete(captures, target, display, dry_run=dry_run) or code
            if upkeep.is_asked:
                run(upkeep, target, model, display, dry_run=dry_run)
    except KeyboardInterrupt:
        diagnostics.note("stopped" if is_file else f"stopped; {target} is whole, the same command goes on")
        raise
    return code


def _target(sources: list[str], typed: Path | None, upkeep: Upkeep) -> tuple[list[str], Location]:
    """What to read and where to write.

    Raises:
        UsageError: one of them is missing, or a file shall be maintained.
    """
    output = None if typed is None else location(typed)
    if output is None and upkeep.is_asked and len(sources) == 1:
        return [], location(sources[0])
    if output is None:
        raise UsageError("convert needs to know where to: -o LAKE, or -o FILE", _EXAMPLE)
    if upkeep.is_asked and exporting.format_of(None, output) is not None:
        raise UsageError(f"{upkeep.names()}: {output} is a file", "this is for lakes: name one with -o")
    if not sources and not upkeep.is_asked:
        raise UsageError("convert needs a SOURCE", _EXAMPLE)
    return sources, output


def _model(
    sources: Sequence[str], target: Location, plant: Path | None, *, is_file: bool, is_new: bool
) -> PlantModel | None:
    """The plant model in use: what the lake was made with, unless a new one is asked for."""
    from omptool.lake.table import stored_plant
    from omptool.sources.resolve import plant_of_lakes

    nearby = settings.plant(plant)
    if is_new:
        return nearby
    return (plant_of_lakes(sources) if is_file else stored_plant(target)) or nearby


def _to_lake(
    captures: Sequence[Recording], lake: Location, plant: PlantModel | None, display: diagnostics.Progress, compat: bool
) -> ConvertReport:
    from omptool.lake.convert import Progress
    from omptool.lake.convert import convert as to_lake

    def show(state: Progress) -> None:
        display.update(
            [f"converting {state.label} → {lake}   {state.rows:,} of {state.total:,} rows"],
            {"rows": state.rows, "total": state.total, "source": state.label},
        )

    return to_lake(captures, lake, plant=plant, on_progress=show, compat=compat)


def _to_file(
    named: Sequence[Named], target: Location, force: bool, display: diagnostics.Progress, compat: bool
) -> ConvertReport:
    from omptool.cli.output import uploading
    from omptool.lake.export import write_file
    from omptool.sql.engine import LocalEngine

    exporting.check_telemetry(named)

    def show(rows: int) -> None:
        display.update([f"converting → {target}   {rows:,} rows"], {"rows": rows})

    with contextlib.ExitStack() as stack:
        aside = stack.enter_context(uploading(target, force=force)) if isinstance(target, Remote) else target
        engine = stack.enter_context(LocalEngine(named))
        return write_file(engine.run("FROM telemetry"), aside, force=force, on_progress=show, compat=compat)
