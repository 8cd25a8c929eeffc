"""`omptool cloud`: answer statements over one lake on an HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli.exits import ExitCode
from omptool.cli.narrow import timed
from omptool.errors import LakeError, NotFound, UsageError

if TYPE_CHECKING:
    import asyncio
    import socket

    from omptool.cloud.server.job import Limits

DEFAULT_PORT = 8440
_TOKEN_NAME = "cloud.token"

app = typer.Typer(
    help="Serve a lake over HTTP, so that others can ask it.",
    rich_markup_mode=None,
    no_args_is_help=False,
    invoke_without_command=True,
)


@app.callback()
def _cloud(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@app.command()
def serve(
    lake: Annotated[Path, typer.Option("--lake", help="The lake to serve.", metavar="LAKE")],
    port: Annotated[
        int, typer.Option("--port", help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)
    ] = DEFAULT_PORT,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            help="File with the token that clients send; made when it is not there. "
            f"Default: {_TOKEN_NAME} beside your own omptool.toml.",
            metavar="FILE",
        ),
    ] = None,
    memory: Annotated[
        str, typer.Option("--memory", help="Memory of one statement, such as 512MiB.", metavar="SIZE")
    ] = "2GiB",
    threads: Annotated[
        int | None,
        typer.Option("--threads", help="Threads of one statement. Default: as many as there are processors.", min=1),
    ] = None,
    statement_timeout: Annotated[
        str,
        typer.Option("--statement-timeout", help="How long a statement may run: 30s, 5m.", metavar="DURATION"),
    ] = "5m",
    result_limit: Annotated[
        str,
        typer.Option(
            "--result-limit", help="Bytes that one result may have as it is sent, compressed: 100MiB.", metavar="SIZE"
        ),
    ] = "1GiB",
    workers: Annotated[
        int, typer.Option("--workers", help="Statements that run at once, each in a process.", min=1, max=64)
    ] = 2,
) -> ExitCode:
    """Answer statements over one lake on an HTTP API.

    Only this computer can reach it, and only who has the token; bring others to it through a reverse proxy with TLS or
    an SSH tunnel. Statements only read, each sees the newest version of the lake at its start.

    \b
    Examples:
      omptool cloud serve --lake lake
      omptool cloud serve --lake lake --port 0 --token-file lake.token
      omptool cloud serve --lake lake --memory 512MiB --statement-timeout 30s
    """
    _check_lake(lake)
    limits = _limits(memory, threads, statement_timeout, result_limit, workers)

    from omptool.cli import diagnostics, render_chunks
    from omptool.cli.signals import run_until_stopped
    from omptool.cloud.server import token
    from omptool.cloud.server.serving import listen, serving

    path = token_file or _default_token_file()
    secret, is_new = token.read_or_create(path)
    listening = listen(port)

    async def work(stop: asyncio.Event) -> None:
        async with serving(lake, listening, secret, limits, render_chunks.RENDERERS, _report) as pool:
            for lack in pool.lacks:
                diagnostics.note(f"note: {lack}")
            _announce(listening, lake, path, is_new, limits)
            await stop.wait()

    return run_until_stopped(work)


def _check_lake(lake: Path) -> None:
    from omptool.cli.opening import on_this_computer
    from omptool.lake.layout import is_lake

    on_this_computer(lake, "a cloud answers from a lake")
    if is_lake(lake):
        return
    from omptool.cli.diagnostics import typed
    from omptool.sources.resolve import nearest

    if not lake.exists():
        hint = nearest(lake) or "convert makes one from captures: omptool convert x.omcap -o lake"
        raise NotFound(f"no such lake: {lake}", hint)
    hint = "convert makes one from captures: omptool convert x.omcap -o lake"
    if lake.suffix == ".omcap":
        hint = f"that is a capture; make a lake of it: omptool convert {typed(lake)} -o lake"
    raise LakeError(f"{lake} is no lake", hint)


def _limits(memory: str, threads: int | None, timeout: str, result: str, workers: int) -> Limits:
    from omptool.cloud.server.job import Limits
    from omptool.model.times import parse_duration

    _size("--memory", memory)
    return Limits(
        memory=memory,
        threads=threads,
        statement_s=timed("--statement-timeout", parse_duration, timeout).total_seconds(),
        result_bytes=_size("--result-limit", result),
        workers=workers,
    )


_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def _size(option: str, text: str) -> int:
    """Bytes of `512MiB`, `1.5GB` or `1000000`."""
    import re

    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-z]*)", text.strip())
    if match is None or match[2].upper() not in _UNITS or not float(match[1]):
        raise UsageError(f"{option} {text} is no size", "write 512MiB, 2GiB or 1.5GB")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def _default_token_file() -> Path:
    import os

    from omptool.config.files import user_file

    return user_file(os.environ).with_name(_TOKEN_NAME)


def _report(error: BaseException) -> None:
    """A fault of the server, for whoever runs it; it goes on serving."""
    import traceback

    from omptool.cli import diagnostics

    diagnostics.verbatim("".join(traceback.format_exception(error)))
    diagnostics.error(f"a request failed, which is a bug in omptool: {type(error).__name__}")


def _announce(listening: socket.socket, lake: Path, token_file: Path, is_new: bool, limits: Limits) -> None:
    """Say where it is: a line of JSON for programs, a screen for people. Only once connections are accepted."""
    import json

    from omptool.cli import output, terminal

    host, port = listening.getsockname()[:2]
    url = f"http://{host}:{port}"
    path = str(token_file.absolute())
    if not terminal.stdout_is_terminal():
        hello = {"url": url, "lake": str(lake), "token_file": path}
        output.print_text(json.dumps(hello) + "\n")
        return
    processes = f"{limits.workers} processes" if limits.workers > 1 else "1 process"
    rows = [
        f"{url}   {lake}   {processes} · {limits.memory} and {limits.statement_s:g} s per statement",
        *([f"a new token is in {path}"] if is_new else []),
        "",
        "to ask it, put this into omptool.toml:",
        "  [cloud.local]",
        f"  url = {json.dumps(url)}",
        f"  token_file = {json.dumps(path, ensure_ascii=False)}",
        "and in another terminal:",
        '  omptool query "from telemetry limit 10" --cloud local',
        "Ctrl-C stops the server",
    ]
    output.print_text("".join(terminal.escape(row) + "\n" for row in rows))
