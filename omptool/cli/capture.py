"""`omptool capture`: subscribe to servers and record what they send."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import settings
from omptool.cli.exits import ExitCode
from omptool.cli.locking import locked
from omptool.cli.narrow import timed
from omptool.cli.options import (
    ConfigOption,
    DryRunOption,
    ForceOption,
    FormatOption,
    LockOption,
    ProgressMode,
    ProgressOption,
    SelectOption,
    TimeoutOption,
    TzOption,
)
from omptool.cli.output import Rows, emit
from omptool.cli.signals import run_async, run_until_stopped
from omptool.errors import NotFound, UsageError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from omptool.capture.recording import Limits, Selection, Wanted
    from omptool.config import Config

PLAN_COLUMNS = ("path", "node_id", "data_type", "unit", "sampling_ms", "queue_size", "server")
_MAX_LIST = 64 << 20
"""Bytes of a list of nodes: a million of them."""


def capture(
    servers: Annotated[
        list[str], typer.Argument(help="opc.tcp://HOST:PORT, or names from omptool.toml.", metavar="SERVER...")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to record into.", metavar="X.omcap")
    ] = None,
    select: SelectOption = None,
    nodes: Annotated[
        str | None,
        typer.Option(
            "--nodes", help="Only the nodes in FILE: one NodeId or path per line; - is stdin.", metavar="FILE"
        ),
    ] = None,
    for_: Annotated[
        str | None, typer.Option("--for", help="Stop after this long: 90s, 10m, 8h, 2d.", metavar="DURATION")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Stop at this time: RFC 3339 or a date.", metavar="TIME")
    ] = None,
    count: Annotated[int | None, typer.Option("--count", help="Stop after exactly N rows.", metavar="N", min=1)] = None,
    publishing_interval: Annotated[
        str | None,
        typer.Option("--publishing-interval", help="How often the server sends what has changed.", metavar="DURATION"),
    ] = None,
    sampling_interval: Annotated[
        str | None,
        typer.Option(
            "--sampling-interval",
            help="How often the server looks at each value; 0 is the fastest it has.",
            metavar="DURATION",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the capture in X.omcap, or begin it; what lies between is a gap."),
    ] = False,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="Fill gaps from the server's history, where it keeps one.")
    ] = False,
    lock: LockOption = None,
    dry_run: DryRunOption = False,
    format: FormatOption = None,
    force: ForceOption = False,
    progress: ProgressOption = ProgressMode.AUTO,
    timeout: TimeoutOption = None,
    tz: TzOption = None,
    config: ConfigOption = None,
) -> ExitCode:
    """Record the values that servers send, until you stop it.

    Takes every readable Variable below Objects except the Server object and Properties, or what --select and --nodes
    name. A value is acknowledged to the server only when it is on disk; Ctrl-C ends the capture in good order. A server
    that is away is tried again until the end, and disturbs no other. Exit 3 means that values may be missing;
    `omptool verify` says which and why.

    \b
    Examples:
      omptool capture opc.tcp://10.1.4.7:4840 -o shift.omcap --for 8h
      omptool capture press7 press8 oven2 -o line1.omcap --until 22:00
      omptool capture press7 -o oil.omcap --select 'Line1/**/Temperature*' --count 10000
      omptool browse press7 --select '**/Speed' --format csv | tail -n +2 | cut -d, -f1 | \\
        omptool capture press7 -o speed.omcap --nodes -
      omptool capture press7 --dry-run
      omptool capture press7 -o day.omcap --resume --lock press7.lock --for 8h
    """
    asked = {"capture.publishing_interval": publishing_interval, "capture.sampling_interval": sampling_interval}
    loaded = settings.load(config, asked)
    if tz:
        settings.zone(tz)  # a zone that does not exist is said even where no time needs one
    wanted = _wanted(loaded, servers, timeout)
    limits = _limits(for_, until, count, tz)
    if output is None and not dry_run:
        raise UsageError("capture needs a place to record to", f"omptool capture {' '.join(servers)} -o shift.omcap")
    if resume and force:
        raise UsageError("--resume goes on with a capture, --force replaces it", "leave one of them out")
    selection = _selection(select, nodes)

    if output is None or dry_run:
        return run_async(lambda: _show_plan(wanted, selection, format))
    with locked(lock):
        return run_until_stopped(
            lambda stop: _record(
                wanted,
                output,
                selection,
                limits,
                stop,
                force=force,
                resume=resume,
                backfill=backfill,
                mode=progress,
                format=format,
            )
        )


async def _record(
    servers: Sequence[Wanted],
    output: Path,
    selection: Selection,
    limits: Limits,
    stop: asyncio.Event,
    *,
    force: bool,
    resume: bool,
    backfill: bool,
    mode: ProgressMode,
    format: str | None,
) -> ExitCode:
    from omptool.capture.recorder import record
    from omptool.capture.recording import Progress
    from omptool.cli.capture_screen import Screen
    from omptool.cli.capture_words import last_word, summary

    facts = Progress()
    async with Screen(mode, output, limits, facts):
        result = await record(
            servers,
            output,
            selection=selection,
            limits=limits,
            stop=stop,
            force=force,
            resume=resume,
            backfill=backfill,
            progress=facts,
        )
    last_word(result, output)
    if format is not None or not sys.stdout.isatty():
        emit(summary(result), format=format or "jsonl")
    return ExitCode.OK if result is None or result.is_complete else ExitCode.PARTIAL


async def _show_plan(servers: Sequence[Wanted], selection: Selection, format: str | None) -> ExitCode:
    from omptool.capture.recorder import plan

    rows = [
        (
            item.node.path, item.node.node_id, item.node.data_type, item.node.unit, item.sampling_ms, item.queue_size,
            item.server,
        )
        for item in await plan(servers, selection)
    ]  # fmt: skip
    emit(Rows(PLAN_COLUMNS, rows), format=format)
    return ExitCode.OK


def _wanted(config: Config, servers: Sequence[str], timeout: float | None) -> list[Wanted]:
    """The servers that were named, each with its intervals.

    Raises:
        UsageError: one is named twice, or is unknown.
    """
    from dataclasses import replace

    from omptool.capture.recording import Intervals, Wanted

    found: list[Wanted] = []
    for text in servers:
        server = settings.server(config, text)
        before = next((wanted.server.name for wanted in found if wanted.server.url == server.url), "")
        if before != "":
            same = f", which is {before or server.name}," if before or server.name else ""
            raise UsageError(f"{server.url}{same} is named twice", "name each server once")
        intervals = Intervals(config.publishing_ms(server), config.sampling_ms(server))
        found.append(Wanted(server if timeout is None else replace(server, timeout_s=timeout), intervals))
    return found


def _limits(for_: str | None, until: str | None, count: int | None, tz: str | None) -> Limits:
    from datetime import UTC, datetime

    from omptool.capture.recording import Limits
    from omptool.model.times import parse_time, unix_us

    seconds = None if for_ is None else _seconds("--for", for_)
    until_ns = None
    if until is not None:
        now = datetime.now(UTC)
        zone = settings.zone(settings.zone_name(tz, settings.plant()))[0]
        moment = timed("--until", parse_time, until, now=now, zone=zone)
        if moment <= now:
            raise UsageError(f"--until {until} is in the past", "name a time to come, or use --for 8h")
        until_ns = unix_us(moment) * 1000
    return Limits(seconds, until_ns, count)


def _seconds(flag: str, text: str) -> float:
    from omptool.model.times import parse_duration

    return timed(flag, parse_duration, text).total_seconds()


def _selection(select: list[str] | None, nodes: str | None) -> Selection:
    from omptool.capture.recording import Selection
    from omptool.capture.selection import read_list

    if nodes is None:
        return Selection(tuple(select or ()), None)
    lines = _lines(nodes)
    _check_list(lines, nodes)
    return Selection(tuple(select or ()), tuple(read_list(lines)))


def _check_list(lines: Sequence[str], file: str) -> None:
    """Refuse a NodeId that is none while its line is known, and before anyone connects."""
    from omptool.opcua import locate

    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                locate.check(line.strip())
        except UsageError as error:
            remark = "\na remark needs a line of its own" if "#" in line else ""
            raise UsageError(f"{file}:{number}: {error.message}", error.hint + remark) from None


def _lines(file: str) -> list[str]:
    from omptool.config.files import read_text

    if file == "-":
        return sys.stdin.read().splitlines()
    try:
        return read_text(Path(file), _MAX_LIST).splitlines()
    except (FileNotFoundError, IsADirectoryError) as error:
        what = f"{file} is a folder" if isinstance(error, IsADirectoryError) else f"no file {file}"
        raise NotFound(what, "name a file with one NodeId or path per line, or - for stdin") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is no text in UTF-8", "write one NodeId or path per line") from None
