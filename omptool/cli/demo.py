"""`omptool demo`: serve the simulated plant, or print what must be seen of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli.exits import ExitCode
from omptool.cli.narrow import timed
from omptool.cli.serving import Guard, SecureOption, ServedPasswordOption, ServedUserOption, guard
from omptool.errors import UsageError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from omptool.demo.schedule import Plant
    from omptool.opcua.serving.server import Served

DEFAULT_BEFORE = "-7d"
"""Where simulated time starts when it runs faster or slower than the clock."""

_DRAIN_S = 5.0
_LINES_AT_ONCE = 2000


def demo(
    port: Annotated[
        int, typer.Option("--port", help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 4840,
    host: Annotated[str, typer.Option("--host", help="Loopback address to listen on.")] = "127.0.0.1",
    seed: Annotated[int, typer.Option("--seed", help="Another number is another plant history.", min=0)] = 1,
    speed: Annotated[float, typer.Option("--speed", help="Plant seconds per second; 60 runs an hour a minute.")] = 1.0,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="Plant time to start at. Default: now; 7 days ago when --speed is not 1.", metavar="TIME"
        ),
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--for", help="Stop after this much plant time: 90s, 10m, 8h.", metavar="DURATION")
    ] = None,
    truth: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--truth", help="Serve nothing; print what happens in [START, END) as JSON Lines.", metavar="START END"
        ),
    ] = None,
    secure: SecureOption = False,
    user: ServedUserOption = None,
    password_file: ServedPasswordOption = None,
    tz: Annotated[
        str | None,
        typer.Option("--tz", help="Time zone for times without offset. Default: the system's.", metavar="ZONE"),
    ] = None,
) -> ExitCode | None:
    """Serve a simulated plant over OPC UA: two lines, six machines, real troubles.

    Only this computer can reach it. With --speed other than 1 SourceTimestamps are simulated, begin in the past, and
    the server ends before they would overtake the clock.

    Examples:

        omptool demo

        omptool demo --speed 60 --from 2026-11-16T06:00:00Z --for 8h

        omptool demo --secure

        omptool demo --truth -1h now
    """
    if not 0.001 <= speed <= 100_000:
        raise UsageError(f"--speed {speed:g} is out of range", "take a number from 0.001 to 100000")
    if truth is not None:
        _print_truth(seed, truth, tz)
        return None
    begin = _time("--from", start or ("now" if speed == 1 else DEFAULT_BEFORE), tz)
    is_live = speed == 1 and start is None
    _check_start(begin, start)
    end = None if duration is None else begin + _nanoseconds("--for", duration)

    from omptool.cli.signals import run_until_stopped
    from omptool.demo.schedule import Plant

    plant, guarded = Plant(seed), guard(secure, user, password_file)

    async def work(stop: asyncio.Event) -> ExitCode | None:
        served = await _serve(plant, host, port, begin, end, None if is_live else speed, guarded)
        try:
            _announce(served.url, plant, speed, None if is_live else begin)
            await _until_stopped(served, stop, end)
        finally:
            await served.stop()
        return None

    return run_until_stopped(work)


async def _serve(
    plant: Plant, host: str, port: int, begin: int, end: int | None, speed: float | None, guarded: Guard | None
) -> Served:
    import gc
    import time

    from omptool.demo import nodes, parts, source
    from omptool.demo.plant import APPLICATION_URI
    from omptool.opcua.serving.server import serve

    values = source.live(plant, begin, end) if speed is None else source.simulated(
        plant, begin, end, speed=speed, clock=time.time_ns
    )  # fmt: skip
    served = await serve(
        nodes.build(),
        values,
        initial=source.initial(plant, begin),
        data_types=parts.DATA_TYPES,
        history=source.Kept(plant),
        namespaces=nodes.NAMESPACES,
        application_uri=APPLICATION_URI,
        product="omptool demo plant",
        host=host,
        port=port,
        security=guarded.security(APPLICATION_URI, host) if guarded else None,
    )
    gc.freeze()  # the address space lives as long as the process: never look through it again
    return served


async def _until_stopped(served: Served, stop: asyncio.Event, end: int | None) -> None:
    """Serve until a signal, or until the plant's time is over and every subscriber has fetched the rest."""
    import asyncio

    from omptool.cli import diagnostics
    from omptool.demo.truth import time_text

    assert served.finished is not None
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait({stopped, served.finished}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        await served.finished
        await asyncio.wait(
            {stopped, asyncio.ensure_future(served.drained(_DRAIN_S))}, return_when=asyncio.FIRST_COMPLETED
        )
        why = f"plant time reached {time_text(end)}" if end is not None else "plant time has caught up with the clock"
        diagnostics.note(f"{why}: the plant stops here after {served.served:,} values")
    stopped.cancel()


def _announce(url: str, plant: Plant, speed: float, begin: int | None) -> None:
    """Say where it is: a line of JSON for programs, a screen for people. Only once connections are accepted."""
    import json

    from omptool.cli import output, terminal
    from omptool.demo.plant import LINES, SITE
    from omptool.demo.truth import time_text

    started = None if begin is None else time_text(begin)
    machines = [machine.name for line in LINES for machine in line.machines]
    if not terminal.stdout_is_terminal():
        hello = {"url": url, "seed": plant.seed, "speed": speed, "from": started, "machines": machines}
        output.print_text(json.dumps(hello) + "\n")
        return
    pace = "live" if started is None else f"{speed:g} × from {started}"
    rows = [
        f"{SITE}  {url}   {len(machines)} machines · {len(plant.channels)} variables · {pace}",
        *(f"  {line.area} / {line.name}   {'  '.join(one.name for one in line.machines)}" for line in LINES),
        "",
        "in another terminal:",
        f"  omptool browse {url} --select '**/Press1/*' --values",
        f"  omptool capture {url} -o demo.omcap --for 60s",
        f"  omptool discover {url}",
        "Ctrl-C stops the plant",
    ]
    output.print_text("".join(row + "\n" for row in rows))


def _print_truth(seed: int, window: tuple[str, str], tz: str | None) -> None:
    from omptool.cli import output
    from omptool.demo.schedule import Plant
    from omptool.demo.truth import lines

    start, end = (_time("--truth", text, tz) for text in window)
    if start > end:
        raise UsageError(f"--truth {window[0]} {window[1]} ends before it starts", "write the earlier time first")
    for part in _batched(lines(Plant(seed), start, end)):
        output.print_text("".join(part))


def _batched(rows: Iterator[str]) -> Iterator[list[str]]:
    from itertools import islice

    while part := [row + "\n" for row in islice(rows, _LINES_AT_ONCE)]:
        yield part


def _time(flag: str, text: str, tz: str | None) -> int:
    """Unix nanoseconds, on the microsecond."""
    from datetime import UTC, datetime

    from omptool.cli import settings
    from omptool.model.times import parse_time, unix_us

    return unix_us(timed(flag, parse_time, text, now=datetime.now(UTC), zone=settings.zone(tz)[0])) * 1000


def _nanoseconds(flag: str, text: str) -> int:
    from datetime import timedelta

    from omptool.model.times import parse_duration

    return timed(flag, parse_duration, text) // timedelta(microseconds=1) * 1000


def _check_start(begin: int, start: str | None) -> None:
    import time

    if begin > time.time_ns():
        raise UsageError(f"--from {start} lies in the future", "the plant is known up to now; take an earlier time")
