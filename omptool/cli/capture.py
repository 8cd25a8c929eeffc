"""`omptool capture`: subscribe to servers and record what they send."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import operating, settings
from omptool.cli.access import NOTHING, Access
from omptool.cli.capture_events import TypedEvents
from omptool.cli.capture_nodes import NO_EVENTS, Typed, asked
from omptool.cli.exits import ExitCode
from omptool.cli.grouping import grouped
from omptool.cli.locking import locked
from omptool.cli.narrow import timed
from omptool.cli.opening import on_this_computer
from omptool.cli.operating import Operating, Operations
from omptool.cli.options import (
    ConfigOption,
    DryRunOption,
    ForceOption,
    FormatOption,
    ProgressMode,
    ProgressOption,
    TimeoutOption,
    TzOption,
)
from omptool.cli.output import emit
from omptool.cli.signals import run_async, run_until_stopped
from omptool.errors import UsageError

if TYPE_CHECKING:
    import asyncio

    from omptool.capture.recording.terms import Limits
    from omptool.cli.capture_nodes import Asked

_DEFAULT_NODES, _DEFAULT_OPERATIONS = Typed(), Operations()


@grouped
def capture(
    servers: Annotated[
        list[str] | None,
        typer.Argument(help="opc.tcp://HOST:PORT, or names from omptool.toml, also as globs.", metavar="SERVER..."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to record into.", metavar="X.omcap")
    ] = None,
    nodes: Typed = _DEFAULT_NODES,
    events: TypedEvents = NO_EVENTS,
    for_: Annotated[
        str | None, typer.Option("--for", help="Stop after this long: 90s, 10m, 8h, 2d.", metavar="DURATION")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Stop at this time: RFC 3339 or a date.", metavar="TIME")
    ] = None,
    count: Annotated[int | None, typer.Option("--count", help="Stop after exactly N rows.", metavar="N", min=1)] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the capture in X.omcap, or begin it; what lies between is a gap."),
    ] = False,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="Fill gaps from the server's history, where it keeps one.")
    ] = False,
    operations: Operations = _DEFAULT_OPERATIONS,
    dry_run: DryRunOption = False,
    format: FormatOption = None,
    force: ForceOption = False,
    progress: ProgressOption = ProgressMode.AUTO,
    access: Access = NOTHING,
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
      omptool capture 'hall2-*' 'oven{1,2}' -o hall2.omcap
      omptool capture press7 -o oil.omcap --select 'Line1/**/Temperature*' --count 10000
      omptool browse press7 --select '**/Speed' --format csv | omptool capture press7 -o speed.omcap --nodes -
      omptool capture --nodes publishednodes.json -o plant.omcap
      omptool capture press7 -o shift.omcap --events --event-severity 500
      omptool capture press7 --dry-run
      omptool capture press7 -o day.omcap --resume --lock press7.lock --for 8h
    """
    loaded = settings.load(config, nodes.flags() | operations.flags())
    if tz:
        settings.zone(tz)  # a zone that does not exist is said even where no time needs one
    what = asked(loaded, servers or (), nodes, timeout, access, events.over(loaded))
    limits = _limits(for_, until, count, tz)
    if output is None and not dry_run:
        raise UsageError(
            "capture needs a place to record to", f"omptool capture {' '.join(servers or ())} -o shift.omcap"
        )
    if output is not None:
        on_this_computer(output, "captures are recorded")
    if resume and force:
        raise UsageError("--resume goes on with a capture, --force replaces it", "leave one of them out")
    order = operating.read(loaded)

    from omptool.cli.capture_plan import show_plan
    from omptool.cli.logfile import logging_to

    if output is None or dry_run:
        return run_async(lambda: show_plan(what, output, format))
    with locked(order.lock), logging_to(order.log_file, order.log_format):
        return run_until_stopped(
            lambda stop: _record(
                what,
                output,
                limits,
                stop,
                force=force,
                resume=resume,
                backfill=backfill,
                mode=progress,
                format=format,
                order=order,
            ),
            is_busy=True,
        )


async def _record(
    what: Asked,
    output: Path,
    limits: Limits,
    stop: asyncio.Event,
    *,
    force: bool,
    resume: bool,
    backfill: bool,
    mode: ProgressMode,
    format: str | None,
    order: Operating,
) -> ExitCode:
    from omptool.capture.recording.recorder import record
    from omptool.capture.recording.terms import Progress
    from omptool.cli import logfile
    from omptool.cli.capture_screen import Screen
    from omptool.cli.capture_words import last_word, summary
    from omptool.cli.metrics import Metrics
    from omptool.config import sessions_folder

    gc.freeze()  # what was imported stays; looking through it again and again costs, with thousands of connections
    gc.set_threshold(20_000, 20, 20)
    facts = Progress()
    async with Metrics(order.metrics, facts, output), Screen(mode, output, limits, facts):
        result = await record(
            what.servers,
            output,
            selection=what.selection,
            limits=limits,
            stop=stop,
            force=force,
            resume=resume,
            backfill=backfill,
            upkeep=order.upkeep,
            progress=facts,
            sessions=sessions_folder(),
        )
    last_word(result, output)
    logfile.summary(result) if result else None
    if format is not None or not sys.stdout.isatty():
        emit(summary(result), format=format or "jsonl")
    return ExitCode.OK if result is None or result.is_complete else ExitCode.PARTIAL


def _limits(for_: str | None, until: str | None, count: int | None, tz: str | None) -> Limits:
    from datetime import UTC, datetime

    from omptool.capture.recording.terms import Limits
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
