"""The command line: which commands exist, and the only place that catches everything and exits.

Imports stay light (stdlib and typer): everything else is loaded by the command that needs it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from omptool import __version__
from omptool.cli import diagnostics, signals, usage
from omptool.cli.coercion import HELP_NAMES, lighten
from omptool.cli.commands import Commands
from omptool.cli.exits import NO_SPACE, ExitCode, exit_code_for
from omptool.cli.stdout import ClosedPipe, silence
from omptool.errors import OmptoolError


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"omptool {__version__}")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def build() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="omptool",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        cls=Commands,
        invoke_without_command=True,
        context_settings={"help_option_names": HELP_NAMES},
        help="From an OPC UA server to an answer: browse, capture, convert and query machine data.\n\n"
        "New here? `omptool tour` shows the whole way in a minute. omptool only reads: it never writes to a server.",
    )
    app.callback()(_root)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; every error has been said on stderr."""
    try:
        code = _invoke(arguments)
    except OmptoolError as error:
        diagnostics.error(error.message, error.hint)
        code = exit_code_for(error)
    except TyperException as error:
        diagnostics.error(*usage.explain(error, arguments))
        code = ExitCode.USAGE
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except signals.Terminated:
        code = ExitCode.TERMINATED
    except ClosedPipe:
        code = ExitCode.OK
    except OSError as error:
        code = _system_error(error)
    except Exception as error:  # noqa: BLE001  the only one here: whatever reaches this is a bug and must be seen
        code = _bug(error)
    return _flushed(code)


def _invoke(arguments: Sequence[str]) -> int:
    command = typer.main.get_command(build())
    lighten(command)
    if "_OMPTOOL_COMPLETE" in os.environ:
        command.main(prog_name="omptool")  # typer answers the shell and exits
    try:
        # not command.main(): that turns a closed pipe into exit 1 and prints usage errors in another voice
        with command.make_context("omptool", list(arguments)) as ctx:
            result: Any = command.invoke(ctx)
    except typer.Exit as leave:
        return leave.exit_code
    return ExitCode.OK if result is None else int(result)


_ADVICE: dict[type[OSError], str] = {
    PermissionError: "check whose it is and who may read and write it: ls -ld",
    IsADirectoryError: "name a file",
    NotADirectoryError: "name a folder",
    FileNotFoundError: "check the name, and the folder you are in",
}
"""What to do about what the operating system says of a named file."""


def _system_error(error: OSError) -> int:
    """What the operating system refused: a full disk, a closed pipe or a named file are no bugs of ours."""
    if isinstance(error, BrokenPipeError) and _stdout_is_closed():
        silence()
        return ExitCode.OK
    if error.errno in NO_SPACE:
        diagnostics.error(
            "no space left on the device", "what was acknowledged before is safe; free some space and run again"
        )
        return ExitCode.FAILED
    if error.filename is not None:
        diagnostics.error(f"{error.filename}: {(error.strerror or str(error)).lower()}", _ADVICE.get(type(error), ""))
        return ExitCode.FAILED
    return _bug(error)


def _stdout_is_closed() -> bool:
    """Whether nobody reads stdout any more; a pipe that broke elsewhere must not pass for that."""
    import select

    if not hasattr(select, "poll"):  # Windows
        return True
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _bug(error: BaseException) -> int:
    import traceback

    diagnostics.verbatim("".join(traceback.format_exception(error)))
    diagnostics.error(
        f"this is a bug in omptool {__version__}: {type(error).__name__}: {error}",
        "please report it with the lines above and the command you typed",
    )
    return ExitCode.BUG


def _flushed(code: int) -> int:
    """Write what is still buffered while an exit code can still say that it failed."""
    if sys.stdout is None:
        return code
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence()
    except (OSError, ValueError) as error:
        silence()
        diagnostics.error(f"cannot write to standard output: {getattr(error, 'strerror', None) or error}")
        code = code or ExitCode.FAILED
    return code


def main() -> None:
    """Entry point of the console script and of `python -m omptool`."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # an ASCII terminal must not end in a traceback
    signals.raise_on_sigterm()
    sys.exit(run(sys.argv[1:]))
