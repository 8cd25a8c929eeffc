"""`omptool config`: which settings hold, and who said so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from omptool.cli import diagnostics, settings
from omptool.cli.options import ConfigOption, ForceOption, FormatOption, OutputOption
from omptool.cli.output import Rows, emit
from omptool.config import CloudConfig
from omptool.errors import ConfigError, OmptoolError

app = typer.Typer(
    help="Show and check the settings.", rich_markup_mode=None, no_args_is_help=False, invoke_without_command=True
)


@app.callback()
def _config(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@app.command()
def show(
    config: ConfigOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
) -> None:
    """Show every setting with its value and where it came from.

    \b
    Examples:
      omptool config show
      OMPTOOL_OUTPUT_FORMAT=csv omptool config show
    """
    loaded = settings.load(config)
    rows = [(value.key, _plain(value.written), value.origin) for value in loaded.all_values()]
    emit(Rows(["setting", "value", "origin"], rows), format=format, output=output, force=force)


@app.command()
def check(
    config: ConfigOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing when all is well.")] = False,
) -> None:
    """Check the settings files, and the token files they name.

    Exit code 2 with file, line and key when something is wrong. Tokens are never shown.

    \b
    Examples:
      omptool config check
      omptool config check --config plant-a.toml
    """
    loaded = settings.load(config)
    _check_tokens(loaded.clouds.values())
    if not quiet:
        files = ", ".join(map(str, loaded.looked_in)) or "no omptool.toml; defaults only"
        diagnostics.note(f"settings are fine ({files})")


def _plain(written: object) -> object:
    """A list of texts as one cell."""
    return ", ".join(map(str, written)) if isinstance(written, list) else written


def _check_tokens(clouds: Iterable[CloudConfig]) -> None:
    for cloud in clouds:
        from omptool.cloud.client_token import read_token

        try:
            read_token(cloud)
        except OmptoolError as error:
            raise ConfigError(error.message, error.hint) from None
