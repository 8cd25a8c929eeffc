"""`omptool replay`: a capture played again, at its own pace or another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand

from omptool.cli import settings
from omptool.cli.exits import ExitCode
from omptool.cli.narrow import timed
from omptool.cli.options import (
    ConfigOption,
    EndOption,
    ForceOption,
    InputFormatOption,
    PlantOption,
    SelectOption,
    ServerOption,
    StampMode,
    StartOption,
    TzOption,
)
from omptool.cli.serving import Guard, SecureOption, ServedPasswordOption, ServedUserOption, guard
from omptool.errors import NotFound, UsageError

if TYPE_CHECKING:
    import asyncio

    from omptool.capture.reader import Capture
    from omptool.model.plant import PlantModel
    from omptool.replay.player import Options, Player
    from omptool.replay.timeline import Choice

_SERVER = re.compile(r"opc\.tcp://(\[[0-9A-Fa-f:.]+\]|[^/:\[\]]+):(\d{1,5})/?")
_SLOWEST, _FASTEST = 0.001, 100_000
_ENDLESS = "0"


class Command(TyperCommand):
    """Lets `--loop` stand alone: typer knows no option whose value may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """A bare `--loop` means without end."""
        spelled = list(args)
        for at, word in enumerate(args):
            if word == "--loop" and not (at + 1 < len(args) and args[at + 1].isdecimal()):
                spelled[at] = f"--loop={_ENDLESS}"
        return super().parse_args(ctx, spelled)


class Target(NamedTuple):
    """Where rows go: a server's host and port, a new capture, or (neither) stdout."""

    host: str = ""
    port: int = 0
    output: Path | None = None


def replay(
    source: Annotated[str, typer.Argument(help="Capture to play.", metavar="SOURCE")],
    to: Annotated[
        str,
        typer.Option(
            "--to", help="opc.tcp://127.0.0.1:PORT (0 takes a free one), stdout, or Y.omcap.", metavar="TARGET"
        ),
    ],
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate",
            help="Recorded seconds per second, or max: as fast as rows are taken. Default: 1; max into a capture.",
            metavar="X|max",
        ),
    ] = None,
    start: StartOption = None,
    end: EndOption = None,
    select: SelectOption = None,
    server: ServerOption = None,
    loop: Annotated[
        str | None, typer.Option("--loop", help="Play it N times; without N until stopped.", metavar="[N]")
    ] = None,
    stamp: Annotated[
        StampMode,
        typer.Option(
            "--stamp", help="Stamps as recorded, shifted to now with their distances kept, or the moment of playing."
        ),
    ] = StampMode.RECORDED,
    delay: Annotated[
        str | None,
        typer.Option(
            "--delay", help="From the moment the target listens to the first row: 500ms, 10s.", metavar="DURATION"
        ),
    ] = None,
    exit_: Annotated[
        bool, typer.Option("--exit", help="End the server when subscribers have fetched the last row.")
    ] = False,
    secure: SecureOption = False,
    user: ServedUserOption = None,
    password_file: ServedPasswordOption = None,
    force: ForceOption = False,
    tz: TzOption = None,
    plant: PlantOption = None,
    input_format: InputFormatOption = None,
    config: ConfigOption = None,
) -> ExitCode:
    """Play a capture again: as an OPC UA server, as rows on stdout, or into a new capture.

    The server shows the captured address space and gives out every value with its recorded status and stamps; after the
    last row it keeps serving until a signal. Rows come at the pace at which they were received. What held before the
    first row is there from the start. How late rows were is said at the end.

    \b
    Examples:
      omptool replay shift.omcap --to opc.tcp://127.0.0.1:4841 --rate 10 --loop --stamp now
      omptool replay shift.omcap --to stdout --start -2h --select '**/Temperature*'
      omptool replay shift.omcap --to morning.omcap --end 2026-11-22T12:00:00Z
    """
    loaded = settings.load(config)
    if tz:
        settings.zone(tz)  # a zone that does not exist is said even where no time needs one
    target = _target(to)
    if secure and not target.host:
        raise UsageError("--secure is for a server", "replay --to opc.tcp://127.0.0.1:4841 --secure")
    guarded = guard(secure, user, password_file)
    model = settings.plant(plant)
    options = _options(rate, loop, stamp, delay, target)
    from omptool.cli import replay_screen
    from omptool.sources.capture import CaptureSource
    from omptool.sources.resolve import resolve

    opened = resolve(source, input_format=input_format, plant=model, servers=loaded.servers)
    if not isinstance(opened, CaptureSource):
        raise UsageError(f"{source} is a {opened.kind}, and replay plays captures", "name a folder that `capture` made")
    capture = opened.capture
    if target.output is not None and target.output.resolve() == opened.path.resolve():
        raise UsageError(f"{source} cannot be replayed into itself", "choose another name")
    choice = _choice(capture, select, server, start, end, tz, model)
    player = _player(capture, choice, options, source)
    replay_screen.say_state(opened, options)
    return _run(capture, choice, player, target, model, source=source, force=force, exits=exit_, guarded=guarded)


def _run(
    capture: Capture,
    choice: Choice,
    player: Player,
    target: Target,
    plant: PlantModel | None,
    *,
    source: str,
    force: bool,
    exits: bool,
    guarded: Guard | None,
) -> ExitCode:
    from omptool.cli.signals import run_async, run_until_stopped

    if target.output is not None:
        output = target.output
        return run_async(lambda: _to_capture(capture, choice, player, output, force))
    if not target.host:
        return run_async(lambda: _to_stdout(capture, player, plant))
    return run_until_stopped(lambda stop: _to_server(capture, choice, player, target, stop, source, exits, guarded))


async def _to_stdout(capture: Capture, player: Player, plant: PlantModel | None) -> None:
    import asyncio

    import pyarrow as pa

    from omptool.capture.view import Telemetry
    from omptool.cli import replay_screen
    from omptool.cli.noderows import say_kept
    from omptool.cli.output import emit
    from omptool.cli.rowfilter import with_status_name

    view = Telemetry(capture, plant=plant)
    try:
        async for group in player.groups():
            for batch in view.rows(group.rows.seq, group.rows.batch):
                emit(pa.Table.from_batches([with_status_name(batch)]), format="jsonl")
    except asyncio.CancelledError:
        replay_screen.last_word(player, stopped=True)
        raise
    finally:
        say_kept(capture.kept, counted=False)
    replay_screen.last_word(player)


async def _to_capture(capture: Capture, choice: Choice, player: Player, output: Path, force: bool) -> None:
    import asyncio

    from omptool.cli import diagnostics, replay_screen
    from omptool.replay.sinks_capture import record

    try:
        await record(capture, choice, player, output, force=force)
    except asyncio.CancelledError:
        replay_screen.last_word(player, stopped=True)
        diagnostics.note(f"{output} is whole up to there")
        raise
    replay_screen.last_word(player)
    diagnostics.note(f"next: omptool info {output}   omptool convert {output} -o lake")


async def _to_server(
    capture: Capture,
    choice: Choice,
    player: Player,
    target: Target,
    stop: asyncio.Event,
    source: str,
    exits: bool,
    guarded: Guard | None,
) -> ExitCode:
    import asyncio

    from omptool.cli import replay_screen
    from omptool.replay.sinks_server import ServerSink, plan

    what = plan(capture, choice.handles)
    sink = ServerSink(player, what)
    security = guarded.security(what.application_uri, target.host) if guarded else None
    served = await sink.open(target.host, target.port, security)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        replay_screen.announce(served.url, player, what.variables, source)
        assert served.finished is not None
        await asyncio.wait({stopped, served.finished}, return_when=asyncio.FIRST_COMPLETED)
        if served.finished.done():
            await served.finished
        replay_screen.last_word(player, stopped=not served.finished.done(), unknown=sink.unknown)
        if exits:
            drained = asyncio.ensure_future(served.drained(None))
            await asyncio.wait({stopped, drained}, return_when=asyncio.FIRST_COMPLETED)
            drained.cancel()
        elif not stop.is_set():
            replay_screen.still_serving(served.url)
            await stopped
    finally:
        stopped.cancel()
        await served.stop()
    return ExitCode.PARTIAL if sink.unknown else ExitCode.OK


def _target(text: str) -> Target:
    if text in {"stdout", "-"}:
        return Target()
    if match := _SERVER.fullmatch(text):
        if int(match[2]) > 65535:
            raise UsageError(f"{text}: there is no port {match[2]}", "ports are 0 … 65535")
        return Target(match[1].strip("[]"), int(match[2]))
    if text.startswith("opc.tcp:"):
        raise UsageError(f"{text} names no host and port", "example: --to opc.tcp://127.0.0.1:4840")
    if "://" not in text and Path(text).suffix == ".omcap":
        return Target(output=Path(text))
    raise UsageError(
        f"this version does not replay to {text}", "targets are opc.tcp://127.0.0.1:PORT, stdout and a folder Y.omcap"
    )


def _options(rate: str | None, loop: str | None, stamp: StampMode, delay: str | None, target: Target) -> Options:
    from datetime import timedelta

    from omptool.model.times import parse_duration

    speed = _rate(rate or ("1" if target.output is None else "max"))
    rounds = _rounds(loop)
    if rounds is None and target.output is not None:
        raise UsageError(f"{target.output} would grow without end", "say how often: --loop 10")
    delay_ns = 0 if delay is None else timed("--delay", parse_duration, delay) // timedelta(microseconds=1) * 1000

    from omptool.replay.player import MOST_ROWS, Options
    from omptool.replay.stamps import Stamp

    most = MOST_ROWS
    if target.host and speed is None:
        from omptool.replay.sinks_server import BURST_ROWS

        most = BURST_ROWS
    return Options(speed, rounds, Stamp(stamp.value), delay_ns, most)


def _rate(text: str) -> float | None:
    if text == "max":
        return None
    try:
        rate = float(text)
    except ValueError:
        raise UsageError(f"--rate {text} is no number", "write 1, 0.5, 60 or max") from None
    if not _SLOWEST <= rate <= _FASTEST:
        raise UsageError(f"--rate {text} is out of range", f"take a number from {_SLOWEST} to {_FASTEST}, or max")
    return rate


def _rounds(text: str | None) -> int | None:
    """How often; None = without end."""
    if text is None:
        return 1
    if not text.isdecimal():
        raise UsageError(f"--loop {text} is no number of times", "write --loop 3, or --loop alone to go on and on")
    return int(text) or None


def _choice(
    capture: Capture,
    select: Sequence[str] | None,
    server: list[str] | None,
    start: str | None,
    end: str | None,
    tz: str | None,
    plant: PlantModel | None,
) -> Choice:
    from omptool.cli import narrow
    from omptool.model.times import unix_us
    from omptool.replay.timeline import Choice

    first, last = (
        None if at is None else unix_us(at) for at in narrow.window(start, end, settings.zone_name(tz, plant))
    )
    wanted = narrow.nodes(capture, list(select or ()), narrow.servers(capture, server))
    if wanted is None:
        return Choice(first, last)
    entries = [entry for _, table in capture.tables.tables for entry in table.nodes if entry.handle]
    return Choice(first, last, frozenset(e.handle for e in entries if (e.server, e.node.node_id) in wanted))


def _player(capture: Capture, choice: Choice, options: Options, source: str) -> Player:
    from omptool.replay.player import Player
    from omptool.replay.timeline import survey

    known = survey(capture.replay_batches(), choice)
    if not known.rows:
        narrowed = choice.handles is not None or choice.start_us is not None or choice.end_us is not None
        what = "no rows in this window or of these nodes" if narrowed else "no rows"
        raise NotFound(f"{source} has {what}", f"what it holds: omptool info {source}")
    player = Player(capture.batches, choice, known, options)
    player.prepare()
    return player
