"""Nodes that a server did not have when the capture began: recorded from its restart on, as they were asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from omptool.capture.recording import choosing
from omptool.capture.recording.recorder import record
from omptool.capture.recording.terms import Intervals, Limits, Progress, RecordingResult, Selection, Wanted
from omptool.config import ServerConfig
from omptool.model.vocabulary import GapReason
from tests.capture.counting import CountingServer, counting_server
from tests.capture.counting_server import Options

FAST = Intervals(publishing_ms=50.0, sampling_ms=0.0)


async def rows(task: asyncio.Task[RecordingResult | None], progress: Progress, more: int) -> None:
    wanted = progress.rows + more
    async with asyncio.timeout(90):
        while progress.rows < wanted and not task.done():  # noqa: ASYNC110  a plain figure, as a screen reads it
            await asyncio.sleep(0.05)


def test_nodes_that_are_new_after_a_restart_are_recorded_and_the_others_keep_their_handles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "LOOK_S", 60.0)  # a busy computer is not the question here
    output = tmp_path / "x.omcap"

    async def main(server: CountingServer) -> RecordingResult | None:
        progress, stop = Progress(), asyncio.Event()
        wanted, selection = [Wanted(ServerConfig(server.url), FAST)], Selection(("Line1/Counter{0,2,3}",))
        task = asyncio.create_task(
            record(wanted, output, selection=selection, limits=Limits(), stop=stop, progress=progress)
        )
        await rows(task, progress, 60)
        server.kill()
        port = int(server.url.split(":")[2].partition("/")[0])
        with counting_server(Options(counters=5, port=port)):
            await rows(task, progress, 60)
            stop.set()
            return await task

    with counting_server(Options(counters=3)) as server:
        result = asyncio.run(main(server))
    assert result is not None
    assert (result.nodes, result.gaps) == (3, {GapReason.SERVER_RESTART: 1})
    capture = Capture.open(output)
    paths = {node.handle: node.node.path for _, table in capture.tables.tables for node in table.nodes if node.handle}
    assert paths == {1: "Line1/Counter0", 2: "Line1/Counter2", 3: "Line1/Counter3"}
    assert {handle for _, batch in capture.batches() for handle in batch.column("node").to_pylist()} == {1, 2, 3}
    [told] = [entry.detail for entry in capture.journal_entries if entry.kind == "nodes_new"]
    assert told == {"nodes": 1, "named": ["nsu=urn:test:counting;s=Counter3"]}
