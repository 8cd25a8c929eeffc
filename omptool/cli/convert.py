"""`omptool convert`: captures to a lake, or to one Parquet file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, importing, settings, terminal
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
        _say_plan(named, captures, output)
        return ExitCode.OK
    try:
        with diagnostics.Progress(progress) as display:
            importing.show_progress(named, display, output)
            report = _to_file(named, output, force, display) if single else _to_lake(captures, output, model, display)
    except KeyboardInterrupt:
        diagnostics.note(f"stopped; {output} is whole, the same command goes on" if not single else "stopped")
        raise
    _say(report, named, output)
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


def _say_plan(named: Sequence[Named], captures: Sequence[Recording], output: Path) -> None:
    if not captures:
        diagnostics.note(f"would write the telemetry of {', '.join(entry.source.label for entry in named)} to {output}")
        return
    from omptool.lake.convert import pending

    waiting = pending(captures, output)
    for capture in captures:
        diagnostics.note(f"would add {_plural(waiting[capture.id], 'row')} of {capture.label} to {output}")


def _say(report: ConvertReport, named: Sequence[Named], output: Path) -> None:
    from omptool.cli.noderows import say_kept
    from omptool.sources.capture import CaptureSource
    from omptool.sources.source import describe_gaps

    for entry in named:
        if reasons := entry.source.gap_reasons():
            diagnostics.note(f"note: {describe_gaps(entry.source.label, reasons)}")
        if isinstance(entry.source, CaptureSource):
            say_kept(entry.source.capture.kept)
    if report.clock_suspect:
        diagnostics.note(
            f"note: {_plural(report.clock_suspect, 'row')} with a clock far off (before 2000 or an hour after receipt),"
            " filed by the date of receipt"
        )
    if report.plant_changed:
        diagnostics.note(
            "note: the plant model has changed; rows that were in the lake before keep their site and machine"
        )
    facts = {"rows": report.rows, "files": report.files, "bytes": report.size, "seconds": round(report.seconds, 3)}
    if not terminal.stdout_is_terminal():
        _print(json.dumps(facts, separators=(",", ":")) + "\n")
    if not report.files:
        diagnostics.note(f"{output} is up to date")
        return
    per_row = f" ({report.size / report.rows:.1f} B/row)" if report.rows else ""
    diagnostics.note(
        f"{_plural(report.rows, 'row')} → {output}, {_plural(report.files, 'file')}, {_size(report.size)}{per_row}"
        f" in {report.seconds:.1f} s"
    )
    diagnostics.note(f'next: omptool query "from telemetry limit 10" --on {diagnostics.typed(output)}')


def _print(text: str) -> None:
    from omptool.cli.output import print_text

    print_text(terminal.escape_lines(text))


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _size(count: int) -> str:
    """Bytes for people."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:,.0f} {unit}" if unit in ("B", "kB") else f"{amount:,.1f} {unit}"
        amount /= 1000
    return ""
