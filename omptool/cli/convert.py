"""`omptool convert`: captures to a lake, or to one Parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, importing, settings
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
    TzOption,
)
from omptool.errors import UsageError

if TYPE_CHECKING:
    from omptool.lake.convert import ConvertReport, Recording
    from omptool.model.plant import PlantModel
    from omptool.sources.source import Named, Source


def convert(
    source: Annotated[
        list[str],
        typer.Argument(help="Captures and files of other tools; for a .parquet file also lakes.", metavar="SOURCE"),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the lake, or FILE.parquet.", metavar="LAKE|FILE.parquet")
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
    config: ConfigOption = None,
) -> ExitCode:
    """Convert captures to a lake of Delta tables, or to one Parquet file.

    A lake gets what it does not have yet: run it again while a capture grows, or after it was interrupted, and every
    row is there exactly once. --force replaces a .parquet file; a lake is only ever extended.

    Files of other tools (CSV, JSON Lines) are imported: what they do not tell is null, wrong rows
    are set aside with line and reason, the rest is taken, and the exit code is 3.

    \b
    Examples:
      omptool convert shift.omcap -o lake
      omptool convert day1.omcap day2.omcap -o lake --plant plant.toml
      omptool convert shift.omcap -o shift.parquet
      omptool convert running.omcap -o lake --live
      omptool convert historian.csv -o lake --map time=Zeit --map tag=Messstelle --map value=Wert
    """
    loaded = settings.load(config)
    model = settings.plant(plant)
    single = output.suffix.lower() == ".parquet"
    from omptool.cli.output import refuse_existing
    from omptool.lake.convert import check_target
    from omptool.lake.table import stored_plant
    from omptool.sources.resolve import plant_of_lakes, resolve_all

    _check_kind(output)
    if not single:
        check_target(output)
    else:
        refuse_existing(output, force=force)
    if not plant:
        model = (plant_of_lakes(source) if single else stored_plant(output)) or model
    foreign = importing.options(map or [], server, importing.zone_of(tz, model.zone if model else None))
    named = resolve_all(source, input_format=input_format, plant=model, servers=loaded.servers, foreign=foreign)
    captures = [] if single else importing.fresh([one for entry in named for one in _recordings(entry.source)], output)
    if dry_run:
        say_plan(named, captures, output)
        return ExitCode.OK
    try:
        with diagnostics.Progress(progress) as display:
            importing.show_progress(named, display, output)
            report = _to_file(named, output, force, display) if single else _to_lake(captures, output, model, display)
    except KeyboardInterrupt:
        diagnostics.note(f"stopped; {output} is whole, the same command goes on" if not single else "stopped")
        raise
    say(report, named, output, is_live=live)
    lost = importing.tell(named, keep=rejects, beside=output.parent)
    return ExitCode.PARTIAL if lost else ExitCode.OK


def _check_kind(output: Path) -> None:
    """A lake in a folder called `x.csv` is not what anyone wants."""
    from omptool.cli.output import SUFFIXES

    suffix = output.suffix.lower()
    if suffix != ".parquet" and suffix in SUFFIXES and not output.is_dir():
        other = f"other formats:  omptool cat CAPTURE -o {diagnostics.typed(output)}"
        raise UsageError(f"convert makes a lake or a .parquet file, not {suffix}", other)


def _recordings(source: Source) -> Sequence[Recording]:
    from omptool.sources.capture import CaptureSource
    from omptool.sources.foreign.source import ForeignSource

    if isinstance(source, CaptureSource):
        return [source]
    if isinstance(source, ForeignSource):
        return source.files
    if source.has_telemetry:
        raise UsageError(
            f"{source.label} is no capture, and a lake is made of captures",
            f'to query it as it is: omptool query "…" --on {source.label}',
        )
    raise _no_telemetry(source)


def _no_telemetry(source: Source) -> UsageError:
    return UsageError(
        f"{source.label} has no telemetry: nothing in it is a time, a tag and a value by name",
        f"say which column is what: --map time=COLUMN --map tag=COLUMN --map value=COLUMN\n"
        f'or query it as it is: omptool query "…" --on {diagnostics.typed(source.label)}',
    )


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

    for entry in named:
        if not entry.source.has_telemetry:
            raise _no_telemetry(entry.source)

    def show(rows: int) -> None:
        display.update([f"converting → {target}   {rows:,} rows"], {"rows": rows})

    with LocalEngine(named) as engine:
        return write_file(engine.run("FROM telemetry"), target, force=force, on_progress=show)
