"""A foreign server that keeps sessions, subscriptions and queues: what happens to the cable costs not one value."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from omptool.capture import view
from omptool.capture.reader import Capture
from omptool.capture.recording.recorder import record
from omptool.capture.recording.terms import Intervals, Limits, Progress, RecordingResult, Selection, Wanted
from omptool.capture.verify import verify
from omptool.config import ServerConfig
from omptool.model.times import unix_us
from tests.opcua.cable import Cable, cable
from tests.peers.plants import Plant

COUNTER = "Plant/Changing/Counter"
PERIOD_MS = 50


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  a plain figure, as a screen reads it
            await asyncio.sleep(0.01)


def run(plant: Plant, output: Path, fault: Callable[[Cable, Progress], Awaitable[None]]) -> RecordingResult:
    """Record through a cable, let `fault` happen to it, and go on until values have come again for a while."""

    async def main() -> RecordingResult:
        async with cable(plant.url) as line:
            progress, stop = Progress(), asyncio.Event()
            wanted = Wanted(ServerConfig(line.url, timeout_s=3.0), Intervals(100.0, 0.0))
            recording = asyncio.create_task(
                record([wanted], output, selection=Selection((COUNTER,)), limits=Limits(), stop=stop, progress=progress)
            )
            await until(lambda: (bool(progress.servers) and progress.servers[0].rows > 20) or recording.done())
            server = progress.servers[0]
            await fault(line, progress)
            await until(lambda: server.phase == "capturing")
            before = server.rows
            await until(lambda: server.rows > before + 40)
            stop.set()
            result = await recording
            assert result is not None
            return result

    return asyncio.run(main())


def assert_nothing_missing(folder: Path) -> set[str]:
    """Every tick of the counter is there; the origins of the rows.

    node-opcua may send a value again under a number of its own, which is a message like any other.
    """
    capture = Capture.open(folder)
    rows = [row for batch in view.telemetry(capture) for row in batch.select(["time", "origin"]).to_pylist()]
    ticks = [unix_us(row["time"]) // (1000 * PERIOD_MS) for row in rows]
    assert sorted(set(ticks)) == list(range(min(ticks), max(ticks) + 1))
    assert capture.gap_entries == []
    assert {verdict.verdict for verdict in verify(capture).verdicts} <= {"complete", "sampled"}
    return {str(row["origin"]) for row in rows}


def kinds(folder: Path, *wanted: str) -> list[str]:
    return [entry.kind for entry in Capture.open(folder).journal_entries if entry.kind in wanted]


async def reset(line: Cable, progress: Progress) -> None:
    line.reset()
    await until(lambda: progress.servers[0].phase == "waiting")


def test_a_reset_connection_costs_nothing(plant: Plant, tmp_path: Path) -> None:
    result = run(plant, tmp_path / "x.omcap", reset)
    assert (result.gaps, result.servers[0].away) == ({}, "")
    assert_nothing_missing(tmp_path / "x.omcap")
    assert kinds(tmp_path / "x.omcap", "subscribe", "lost", "resumed", "not_resumed") == [
        "subscribe",
        "lost",
        "resumed",
    ]


def test_a_black_hole_costs_nothing(plant: Plant, tmp_path: Path) -> None:
    async def fault(line: Cable, progress: Progress) -> None:
        line.is_dead = True
        await asyncio.sleep(3.0)
        await until(lambda: progress.servers[0].phase == "waiting")
        line.is_dead = False

    result = run(plant, tmp_path / "x.omcap", fault)
    assert (result.gaps, result.servers[0].away) == ({}, "")
    origins = assert_nothing_missing(tmp_path / "x.omcap")
    assert "republished" in origins
    assert kinds(tmp_path / "x.omcap", "subscribe", "lost", "resumed", "not_resumed") == [
        "subscribe",
        "lost",
        "resumed",
    ]
