"""`omptool watch`: values as they are, and as they change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings
from omptool.cli.access import NOTHING, Access
from omptool.cli.exits import ExitCode
from omptool.cli.grouping import grouped
from omptool.cli.narrow import timed
from omptool.cli.options import ConfigOption, PlantOption, SelectOption, TimeoutOption, TzOption
from omptool.cli.signals import run_until_stopped

if TYPE_CHECKING:
    import pyarrow as pa

    from omptool.cli.watch_screen import Board
    from omptool.config import ServerConfig
    from omptool.model.plant import PlantModel

_LOOK_S = 0.25
"""Between two looks at a capture that grows."""

_AGAIN_S = 2.0
"""Before a server that is away is tried again."""


@grouped
def watch(
    source: Annotated[
        str,
        typer.Argument(
            help="A server (opc.tcp://HOST:PORT, or a name from omptool.toml), or a capture.", metavar="SERVER|CAPTURE"
        ),
    ],
    select: SelectOption = None,
    every: Annotated[
        str, typer.Option("--every", help="How often to look at the values of a server.", metavar="DURATION")
    ] = "1s",
    for_: Annotated[
        str | None, typer.Option("--for", help="Stop after this long: 90s, 10m, 8h, 2d.", metavar="DURATION")
    ] = None,
    count: Annotated[int | None, typer.Option("--count", help="Stop after N rows.", metavar="N", min=1)] = None,
    plant: PlantOption = None,
    access: Access = NOTHING,
    timeout: TimeoutOption = None,
    tz: TzOption = None,
    config: ConfigOption = None,
) -> ExitCode:
    """Show values with unit, status, age and course, and go on as they change.

    On a terminal one line per node, drawn in place; in a pipe a row of JSON for each change, with the columns of read.
    Of a server every change that is still there at the next look is shown (--every); only capture sees all of them.
    Of a capture that grows every row is, as soon as it is on disk, until its writer ends. Ctrl-C stops it.

    \b
    Examples:
      omptool watch press7 --select 'Line1/**/Temperature*'
      omptool watch shift.omcap
      omptool watch press7 --every 200ms --for 10s | jq -r '[.time, .path, .value] | @tsv'
    """
    loaded = settings.load(config)
    if tz:
        settings.zone(tz)
    from omptool.cli.watch_screen import Board
    from omptool.model.path import Glob
    from omptool.model.times import parse_duration

    looks_s = timed("--every", parse_duration, every).total_seconds()
    lasts_s = None if for_ is None else timed("--for", parse_duration, for_).total_seconds()
    globs = tuple(select or ())
    for glob in globs:
        Glob(glob)
    model = settings.plant(plant)
    if source not in loaded.servers and "://" not in source and Path(source).exists():
        board = Board(source, count)
        return run_until_stopped(
            lambda stop: _until(stop, lasts_s, board, _of_capture(Path(source), globs, model, board))
        )
    chosen = settings.server(loaded, source, access)
    chosen = chosen if timeout is None else replace(chosen, timeout_s=timeout)
    board = Board(chosen.name or chosen.url, count)
    return run_until_stopped(
        lambda stop: _until(stop, lasts_s, board, _of_server(chosen, globs, looks_s, model, board))
    )


async def _until(stop: object, lasts_s: float | None, board: Board, rows: AsyncIterator[pa.RecordBatch]) -> ExitCode:
    """Show rows until they end, enough came, the time is over or somebody says stop."""
    import asyncio

    from omptool.opcua.subscribing.waiting import unless

    assert isinstance(stop, asyncio.Event)

    async def show() -> None:
        async for batch in rows:
            board.take(batch)
            if board.is_full:
                return

    with board:
        drawing = asyncio.create_task(board.draw())
        try:
            async with asyncio.timeout(lasts_s):
                await unless(stop, show())
        except TimeoutError:
            if lasts_s is not None and not board.rows:
                diagnostics.note(f"no value came within {lasts_s:g} s: {board.state()}")
        finally:
            drawing.cancel()
    return ExitCode.OK


async def _of_capture(
    path: Path, globs: tuple[str, ...], model: PlantModel | None, board: Board
) -> AsyncIterator[pa.RecordBatch]:
    """What every node was last, then what is committed."""
    import asyncio

    from omptool.capture.follow import Follower
    from omptool.cli import narrow
    from omptool.cli.opening import open_capture
    from omptool.cli.watch_screen import selected

    capture = await asyncio.to_thread(open_capture, path)
    if globs:
        narrow.nodes(capture, list(globs), None)  # says so where none matches
    follower = Follower(path, capture, model)
    board.state = lambda: "growing" if follower.is_growing else follower.capture.state
    for batch in follower.standing():
        yield selected(batch, globs)
    while True:
        is_growing = follower.is_growing
        for batch in await asyncio.to_thread(lambda: list(follower.grown())):
            yield selected(batch, globs)
        if not is_growing:
            return
        await asyncio.sleep(_LOOK_S)


async def _of_server(
    server: ServerConfig,
    globs: tuple[str, ...],
    every_s: float,
    model: PlantModel | None,
    board: Board,
) -> AsyncIterator[pa.RecordBatch]:
    """What every node is, then what is another value at a later look; a server that is lost is tried again."""
    import asyncio

    from omptool.errors import Unreachable

    was_there = False
    while True:
        try:
            async for batch in _of_session(server, globs, every_s, model, board):
                was_there = True
                yield batch
        except Unreachable as error:
            if not was_there:
                raise
            board.state = partial("away: {}".format, error.message)
            board.say_away(error.message)
            await asyncio.sleep(_AGAIN_S)


async def _of_session(
    server: ServerConfig,
    globs: tuple[str, ...],
    every_s: float,
    model: PlantModel | None,
    board: Board,
) -> AsyncIterator[pa.RecordBatch]:
    import asyncio
    import time

    from omptool.capture.nodetable import ServerIdentity
    from omptool.capture.recording.choosing import browse
    from omptool.capture.recording.terms import Selection, ServerProgress
    from omptool.cli import noderows
    from omptool.opcua.reaching import reach

    board.state = lambda: "connecting"
    async with reach(server) as session:
        progress = ServerProgress(server.name or server.url)
        board.state = lambda: f"{progress.phase} {progress.nodes:,} nodes"
        found, _ = await browse(session, Selection(globs), progress, is_alone=True)
        identity = ServerIdentity.of(server, session)
        board.state = lambda: f"every {every_s:g} s"
        while True:
            begun = time.monotonic()
            rows = await noderows.read_telemetry(session, identity, found.chosen, found.nodes, model)
            yield board.changed(rows)
            await asyncio.sleep(max(every_s - (time.monotonic() - begun), 0.01))
