"""`omptool convert`: captures to a lake, or to one Parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings
from omptool.cli.convert_words import say, say_plan
from omptool.cli.options import (
    ConfigOption,
    DryRunOption,
    ForceOption,
    InputFormatOption,
    PlantOption,
    ProgressMode,
    ProgressOption,
)
from omptool.errors import UsageError

if TYPE_CHECKING:
    from omptool.lake.convert import ConvertReport
    from omptool.model.plant import PlantModel
    from omptool.sources.capture import CaptureSource
    from omptool.sources.source import Named, Source


def convert(
    source: Annotated[
        list[str],
        typer.Argument(help="Captures; for a .parquet file also lakes and telemetry files.", metavar="SOURCE"),
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
    config: ConfigOption = None,
) -> None:
    """Convert captures to a lake of Delta tables, or to one Parquet file.

    A lake gets what it does not have yet: run it again while a capture grows, or after it was interrupted, and every
    row is there exactly once. --force replaces a .parquet file; a lake is only ever extended.

    \b
    Examples:
      omptool convert shift.omcap -o lake
      omptool convert day1.omcap day2.omcap -o lake --plant plant.toml
      omptool convert shift.omcap -o shift.parquet
      omptool convert running.omcap -o lake --live
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
    named = resolve_all(source, input_format=input_format, plant=model, servers=loaded.servers)
    captures = [] if single else [_capture(entry.source) for entry in named]
    if dry_run:
        say_plan(named, captures, output)
        return
    try:
        with diagnostics.Progress(progress) as display:
            report = _to_file(named, output, force, display) if single else _to_lake(captures, output, model, display)
    except KeyboardInterrupt:
        diagnostics.note(f"stopped; {output} is whole, the same command goes on" if not single else "stopped")
        raise
    say(report, named, output, is_live=live)


def _check_kind(output: Path) -> None:
    """A lake in a folder called `x.csv` is not what anyone wants."""
    from omptool.cli.output import SUFFIXES

    suffix = output.suffix.lower()
    if suffix != ".parquet" and suffix in SUFFIXES and not output.is_dir():
        other = f"other formats:  omptool cat CAPTURE -o {diagnostics.typed(output)}"
        raise UsageError(f"convert makes a lake or a .parquet file, not {suffix}", other)


def _capture(source: Source) -> CaptureSource:
    from omptool.sources.capture import CaptureSource

    if isinstance(source, CaptureSource):
        return source
    raise UsageError(
        f"{source.label} is no capture, and a lake is made of captures",
        f'to query it as it is: omptool query "…" --on {source.label}',
    )


def _to_lake(
    captures: Sequence[CaptureSource], lake: Path, plant: PlantModel | None, display: diagnostics.Progress
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
            raise UsageError(
                f"{entry.source.label} has no telemetry: the columns time, node_id, value … are missing",
                f'query writes any rows:  omptool query "…" --on {entry.source.label} -o {target}',
            )

    def show(rows: int) -> None:
        display.update([f"converting → {target}   {rows:,} rows"], {"rows": rows})

    with LocalEngine(named) as engine:
        return write_file(engine.run("FROM telemetry"), target, force=force, on_progress=show)
