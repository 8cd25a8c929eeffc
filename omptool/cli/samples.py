"""`omptool samples`: recorded shifts to try everything on, without a machine and without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings, terminal
from omptool.cli.options import ConfigOption, DryRunOption, ForceOption, FormatOption, OutputOption, TzOption
from omptool.errors import UsageError

if TYPE_CHECKING:
    from omptool.demo.samples import Sample

LIST_COLUMNS = ("name", "about", "tags", "rows", "start", "end", "bytes")
COPY_COLUMNS = ("name", "folder", "files", "bytes")

app = typer.Typer(
    help="List and copy recorded shifts to try things on.",
    rich_markup_mode=None,
    no_args_is_help=False,
    invoke_without_command=True,
)


@app.callback()
def _samples(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@app.command("list")
def list_(
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    tz: TzOption = None,
    config: ConfigOption = None,
) -> None:
    """List the samples that come with omptool.

    Recorded shifts of a simulated plant, each as a capture and as a lake, with the known answers.

    \b
    Examples:
      omptool samples list
      omptool samples list --format csv
    """
    settings.load(config)
    from omptool.cli.output import Rows, emit
    from omptool.demo.samples import samples

    found = samples()
    rows = [(one.name, one.about, one.tags, one.rows, one.start, one.end, one.size) for one in found]
    emit(Rows(LIST_COLUMNS, rows), format=format, output=output, force=force, tz=tz)
    if output is None and terminal.stdout_is_terminal():
        diagnostics.note("next: omptool samples copy .")


@app.command()
def copy(
    words: Annotated[
        list[str],
        typer.Argument(help="Where to, and before it which sample; without a name all.", metavar="[NAME] DIR"),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier copy, and all that was put beside it.")
    ] = False,
    dry_run: DryRunOption = False,
    format: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Copy samples to DIR/NAME: a capture, the lake made of it, a README, plant.toml and the known answers.

    A copy is complete or not there at all. The README beside it has commands to try.

    \b
    Examples:
      omptool samples copy .
      omptool samples copy press-line /tmp
    """
    settings.load(config)
    from omptool.cli.output import Rows, choose_format, emit
    from omptool.demo import samples

    if len(words) > 2:
        raise UsageError(f"too many words: {' '.join(words)}", "omptool samples copy [NAME] DIR")
    wanted = samples.samples() if len(words) == 1 else [samples.find(words[0])]
    if dry_run:
        for one, place in zip(wanted, samples.check(wanted, Path(words[-1]), force=force), strict=True):
            diagnostics.note(f"would copy {one.name} to {place}, {len(one.files)} files, {one.size / 1e6:.1f} MB")
        return
    folders = samples.copy(wanted, Path(words[-1]), force=force)
    if format is not None or choose_format(None, None) != "table":
        rows = [(one.name, str(place), len(one.files), one.size) for one, place in zip(wanted, folders, strict=True)]
        emit(Rows(COPY_COLUMNS, rows), format=format)
    for one, place in zip(wanted, folders, strict=True):
        said = f"{one.name}: {one.about} → {place}, {one.size / 1e6:.1f} MB"
        diagnostics.note(said, _next(one, place) if one is wanted[-1] else "")


def _next(sample: Sample, place: Path) -> str:
    """What to type."""
    window = f"--start {_time(sample.start)} --end {_time(sample.end)}"
    return (
        f"next: cd {diagnostics.typed(place)}\n"
        f"      omptool info {sample.name}.omcap\n"
        f"      omptool analyze oee --on lake {window}\n"
        "      README.md has more to try"
    )


def _time(moment: object) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
