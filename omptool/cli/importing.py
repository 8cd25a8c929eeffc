"""Files of other tools on the command line: what a user may say about them, and what is said of their wrong rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics
from omptool.errors import UsageError

if TYPE_CHECKING:
    from datetime import tzinfo

    from omptool.lake.convert import Recording
    from omptool.sources.foreign.context import Options
    from omptool.sources.foreign.rejects import Rejects
    from omptool.sources.foreign.source import ForeignFile
    from omptool.sources.source import Named, Source
    from omptool.store.location import Location

MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="Which column of a table is what: time, tag, value, status, machine …; repeatable. With a time and no "
        "value every other column is a tag.",
        metavar="ROLE=COLUMN",
    ),
]
ImportServerOption = Annotated[
    str | None,
    typer.Option("--server", help="Server of imported rows that name none. Default: the file's name.", metavar="NAME"),
]
RejectsOption = Annotated[
    Path | None,
    typer.Option(
        "--rejects", help="Write wrong rows of imports to FILE. Default: SOURCE.rejects.jsonl beside the output.",
        metavar="FILE",
    ),
]  # fmt: skip


def options(maps: Sequence[str], server: str | None, zone: tzinfo | None, *, wants_telemetry: bool = True) -> Options:
    """What the command line says about files of other tools.

    Args:
        wants_telemetry: whether a table with a column per tag shall be taken as telemetry.

    Raises:
        UsageError: a `--map` that is no ROLE=COLUMN, or one role twice.
    """
    from omptool.sources.foreign.context import Options

    columns: dict[str, str] = {}
    for text in maps:
        role, sign, column = text.partition("=")
        if not sign or not column:
            raise UsageError(f"--map {text} is no ROLE=COLUMN", "example: --map time=Zeit --map tag=Messstelle")
        if role in columns:
            raise UsageError(f"--map {role} is given twice", "one column plays a role")
        columns[role] = column
    return Options(columns, server, zone, wants_telemetry=wants_telemetry)


def zone_of(tz: str | None, plant_zone: str | None) -> tzinfo | None:
    """The zone of times without an offset, where somebody says one."""
    from omptool.cli import settings

    name = tz or plant_zone
    return settings.zone(name)[0] if name else None


def files(named: Sequence[Named]) -> list[ForeignFile]:
    """The files of other tools among the sources."""
    if not named:  # a cloud's: nothing needs to be loaded for it
        return []
    from omptool.sources.foreign.source import ForeignSource

    return [file for entry in named if isinstance(entry.source, ForeignSource) for file in entry.source.files]


def recordings(source: Source) -> Sequence[Recording]:
    """What of a source a lake is made of; nothing where it is none.

    Raises:
        UsageError: a lake, or Parquet files whose folders are columns.
    """
    from omptool.sources.capture import CaptureSource
    from omptool.sources.foreign.context import Options
    from omptool.sources.foreign.recognise import open_foreign
    from omptool.sources.foreign.source import ForeignSource
    from omptool.sources.source import Files, FileSource
    from omptool.sources.stored import on_disk

    if isinstance(source, CaptureSource):
        return [source]
    if isinstance(source, FileSource) and isinstance(source.table, Files) and not source.table.partitions:
        source = open_foreign(source.label, on_disk(source.table.paths), source.kind, Options(), None) or source
    if isinstance(source, ForeignSource):
        return source.files
    if source.has_telemetry:
        raise UsageError(
            f"{source.label} is no capture, and a lake is made of captures and files",
            f'to query it as it is: omptool query "…" --on {source.label}',
        )
    raise no_telemetry(source)


def no_telemetry(source: Source) -> UsageError:
    """Why a table of another kind is not taken."""
    return UsageError(
        f"{source.label} has no telemetry: nothing in it is a time, a tag and a value by name",
        "say which column is what: --map time=COLUMN --map tag=COLUMN --map value=COLUMN\n"
        f'or query it as it is: omptool query "…" --on {diagnostics.typed(source.label)}',
    )


def show_progress(named: Sequence[Named], display: diagnostics.Progress, output: Location) -> None:
    """Tell how much of each file has been read."""

    def tell(file: ForeignFile, done: int, size: int) -> None:
        display.update(
            [f"reading {file.label} → {output}   {done / 1e6:,.0f} of {size / 1e6:,.0f} MB"],
            {"bytes": done, "total": size, "source": file.label},
        )

    for file in files(named):
        file.on_bytes = tell


def fresh(recordings: Sequence[Recording], lake: Location) -> list[Recording]:
    """The recordings without the imports that the lake has: those are taken whole, so they need not be read again."""
    from omptool.lake.table import Table
    from omptool.sources.foreign.source import ForeignFile

    table = Table(lake, "telemetry")
    return [
        recording for recording in recordings if not (isinstance(recording, ForeignFile) and table.done(recording.id))
    ]


def tell(named: Sequence[Named], *, keep: Path | None = None, beside: Path | None = None) -> bool:
    """Say what could not be taken and what was assumed.

    Args:
        keep: write all wrong rows to this file.
        beside: write them to files in this folder.

    Returns:
        Whether rows are missing.
    """
    wrong = []
    for file in files(named):
        if file.bare_times:
            zone = file.zone
            diagnostics.note(f"note: {file.label}: times without an offset were read as {zone}; --tz ZONE changes that")
        for what, count in sorted(file.notes.items()):
            diagnostics.note(f"note: {file.label}: {count:,} {what}")
        if file.rejects.count:
            wrong.append(file.rejects)
    if keep is not None and wrong:
        _write(keep, wrong, force=True)
    for rejects in wrong:
        place = keep or (None if beside is None else _beside(beside, rejects))
        _say(rejects, place)
    return bool(wrong)


def _say(rejects: Rejects, place: Path | None) -> None:
    assert rejects.first is not None, "only files with wrong rows are told of"
    rows = "row was" if rejects.count == 1 else "rows were"
    where = f"; {'it is' if rejects.count == 1 else 'they are'} in {place}" if place else ""
    first = rejects.first
    diagnostics.note(
        f"exit 3: {rejects.count:,} {rows} left out of {rejects.label}{where}",
        f"{'the first' if rejects.count > 1 else 'it'}: {first.place}, {first.reason}",
    )


def _beside(folder: Path, rejects: Rejects) -> Path:
    """A file of these rejects in the folder: the one that is there already, or a new one."""
    from io import BytesIO

    memory = BytesIO()
    rejects.copy_to(memory)
    name = Path(rejects.label).name
    for number in range(1, 1000):
        place = folder / (f"{name}.rejects.jsonl" if number == 1 else f"{name}.rejects-{number}.jsonl")
        if not place.exists():
            _write(place, [rejects], force=False)
            return place
        if place.is_file() and place.stat().st_size == memory.tell() and place.read_bytes() == memory.getvalue():
            return place
    raise UsageError(f"{folder} has a thousand files of wrong rows of {name}", "name one: --rejects FILE")


def _write(place: Path, wrong: Sequence[Rejects], *, force: bool) -> None:
    from omptool.cli.output import replacing

    with replacing(place, force=force) as stream:
        for rejects in wrong:
            rejects.copy_to(stream)
