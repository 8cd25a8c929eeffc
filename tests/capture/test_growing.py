"""Nodes that come while a server is recorded: found by looking again, on the subscription that stands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from omptool.capture.reader import Capture
from omptool.capture.recording import growing
from omptool.capture.recording.choosing import Found, Grown
from omptool.capture.recording.numbering import Numbering
from omptool.capture.recording.recorder import record
from omptool.capture.recording.terms import Intervals, Limits, Progress, RecordingResult, Selection, Wanted
from omptool.capture.selecting.nodelist import Listed
from omptool.capture.verify import verify
from omptool.config import ServerConfig
from omptool.model.nodes import Node
from omptool.opcua.subscribing.gate import Gate
from tests.capture.counting import counting_server
from tests.capture.counting_server import Options

GROWING = Intervals(publishing_ms=50.0, sampling_ms=0.0, rebrowse_s=0.3)


def told(capture: Capture, kind: str) -> list[tuple[str | None, dict[str, Any]]]:
    return [(entry.server, dict(entry.detail)) for entry in capture.journal_entries if entry.kind == kind]


async def until(task: asyncio.Task[Any], reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not task.done() and not reached():  # noqa: ASYNC110  plain figures, as a screen reads them
            await asyncio.sleep(0.05)


async def recorded(urls: list[str], output: Path, grow: Path, nodes: list[int]) -> RecordingResult | None:
    """Let the servers grow while they are recorded, and end when so many nodes of each have been, for a while."""
    progress, stop = Progress(), asyncio.Event()
    selection = Selection(("Line1/Counter*",))
    listed = Selection(("Line1/Counter*",), (Listed("ns=2;s=Counter1"),))  # an index means one node of one server
    wanted = [Wanted(ServerConfig(url), GROWING, listed if url == urls[0] else None) for url in urls]
    task = asyncio.create_task(
        record(wanted, output, selection=selection, limits=Limits(), stop=stop, progress=progress)
    )
    await until(task, lambda: len(progress.servers) == len(urls) and all(one.rows > 20 for one in progress.servers))
    await asyncio.to_thread(grow.touch)
    await until(task, lambda: [one.nodes for one in progress.servers] == nodes)
    rows = progress.rows
    await until(task, lambda: progress.rows > rows + 100)
    stop.set()
    return await task


def test_nodes_that_come_are_recorded_and_those_that_go_are_said(tmp_path: Path) -> None:
    output, grow = tmp_path / "x.omcap", tmp_path / "grow"
    one = Options(counters=2, period_s=0.02, grows=str(grow))
    other = Options(counters=1, period_s=0.02, grows=str(grow), uri="urn:test:other")
    with counting_server(one) as first, counting_server(other) as second:
        result = asyncio.run(recorded([first.url, second.url], output, grow, [3, 2]))
    assert result is not None and not result.gaps
    capture = Capture.open(output)
    monitored = {(node.server, node.node.path): node.handle for node in capture.nodes() if node.handle}
    assert set(monitored) == {
        (one.uri, "Line1/Counter0"), (one.uri, "Line1/Counter1"), (one.uri, "Line1/Counter2"),
        (other.uri, "Line1/Counter0"), (other.uri, "Line1/Counter1"),
    }  # fmt: skip
    assert len(set(monitored.values())) == 5
    named = {"nodes": 1, "named": ["nsu=urn:test:counting;s=Counter2"]}
    assert (one.uri, named) in told(capture, "nodes_new")
    assert (one.uri, {"nodes": 1, "named": ["nsu=urn:test:counting;s=Counter0"]}) in told(capture, "nodes_gone")
    rows = {handle for _, batch in capture.batches() for handle in batch.column("node").to_pylist()}
    assert rows == set(monitored.values())
    assert {verdict.verdict for verdict in verify(capture).verdicts} == {"complete"}


def test_more_nodes_than_there_are_handles_wait_and_are_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (
        Node(f"i={number}", f"Counter{number}", "", "", node_class="Variable") for number in (1, 2, 3)
    )
    found, looks, events, taken = Found([], [first], {}, {}), 0, [], []

    async def look(*_: object) -> Grown:
        nonlocal looks
        looks += 1
        return Grown(Found([], [first, second, third], {}, {}), [second, third], frozenset())

    async def take(_: object, grown: Grown) -> None:
        taken.append((grown.found.chosen, grown.new))

    monkeypatch.setattr(growing, "grown", look)

    async def main() -> None:
        recording, session = SimpleNamespace(gate=Gate()), SimpleNamespace(closed=asyncio.Event())
        one = growing.Growing(recording, events.append)  # type: ignore[arg-type]
        free = [1, 0, 0]
        await one.start(session, Selection(), lambda: (found, free[min(looks, 2)]), take, 0.01)  # type: ignore[arg-type]
        while looks < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await one.stop()

    asyncio.run(main())
    assert taken == [([first, second], [second])]
    assert [event.detail for event in events] == [{"nodes": 1, "named": ["i=2"], "later": 1}]


def test_handles_are_kept_where_new_nodes_fit_behind_them() -> None:
    nodes = [Node(f"i={number}", f"Counter{number}", "", "", node_class="Variable") for number in range(4)]
    next_handle = 1

    def take_handles(count: int, instead_of: range, *, grows: bool = False) -> range:
        nonlocal next_handle
        next_handle += count
        return range(next_handle - count, next_handle)

    recording = SimpleNamespace(take_handles=take_handles)
    numbers = Numbering(is_growing=True)
    numbers.number(recording, nodes[:2], is_new=True)  # type: ignore[arg-type]
    first = numbers.handles
    assert len(first) > 100 and numbers.of(nodes[:2]) == {"i=0": 1, "i=1": 2}
    numbers.number(recording, nodes, is_new=False)  # type: ignore[arg-type]
    assert numbers.handles == first and numbers.of(nodes)["i=3"] == 4
    numbers.number(recording, nodes[1:], is_new=False)  # type: ignore[arg-type]
    assert numbers.handles.start == first.stop, "other nodes: none of the old numbers may mean another one"
