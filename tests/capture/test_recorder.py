"""Recording a foreign server: every value in order, every refusal named, nothing left behind by a failed start."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from omptool.capture.evidence import newest
from omptool.capture.format import Flag
from omptool.capture.reader import Capture
from omptool.capture.recording import choosing
from omptool.capture.recording.planning import plan
from omptool.capture.recording.recorder import record
from omptool.capture.recording.terms import Intervals, Limits, Progress, RecordingResult, Selection, Wanted
from omptool.capture.verify import verify
from omptool.config import ServerConfig
from omptool.errors import NotFound, OutputExists, ServerRefused, Unreachable
from omptool.model.nodes import Node
from omptool.model.status import code_of
from omptool.model.vocabulary import GapReason, GapState
from omptool.opcua.exploring.crawl import OnProblem, crawl
from omptool.opcua.session import Session
from tests.capture.counting import CountingServer, assert_counts_without_hole, counting_server, values
from tests.capture.counting_server import Options

FAST = Intervals(publishing_ms=50.0, sampling_ms=0.0)


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    with counting_server() as running:
        yield running


def run(
    url: str,
    output: Path,
    *,
    selection: Selection = Selection(),  # noqa: B008  frozen
    limits: Limits = Limits(count=300),  # noqa: B008  frozen
    intervals: Intervals = FAST,
    **options: bool,
) -> RecordingResult:
    async def main() -> RecordingResult | None:
        stop = asyncio.Event()
        wanted = [Wanted(ServerConfig(url), intervals)]
        return await record(wanted, output, selection=selection, limits=limits, stop=stop, **options)

    result = asyncio.run(main())
    assert result is not None
    return result


async def rows(task: asyncio.Task[RecordingResult | None], progress: Progress, count: int) -> None:
    """Wait until so many rows are committed."""
    while progress.rows < count and not task.done():  # noqa: ASYNC110  a plain figure, as a screen reads it
        await asyncio.sleep(0.01)


def test_every_value_is_captured_once_and_in_order(server: CountingServer, tmp_path: Path) -> None:
    output = tmp_path / "x.omcap"
    result = run(server.url, output, limits=Limits(count=1003))
    found = assert_counts_without_hole(output)
    assert sum(map(len, found.values())) == result.rows == 1003
    assert sorted(found) == [f"Line1/Counter{number}" for number in range(5)]
    [part] = result.servers
    [said] = newest(Capture.open(output)).values()
    assert (said.rows, said.is_closed, said.proves_numbers) == (1003, True, True)
    assert said.values == said.rows + said.left_out
    assert (result.nodes, result.gaps, part.failed, part.sampled) == (5, {}, (), 0)
    assert (part.server, result.reason) == ("urn:test:counting:server", "count")
    assert result.is_complete


def test_the_capture_tells_its_own_story(server: CountingServer, tmp_path: Path) -> None:
    output = tmp_path / "x.omcap"
    run(server.url, output)
    capture = Capture.open(output)
    assert capture.finished
    assert capture.damage == []
    kinds = [entry.kind for entry in capture.journal_entries]
    assert [kind for kind in kinds if kind != "ledger"] == ["start", "connect", "nodes", "subscribe", "stop"]
    subscribe = capture.journal_entries[3]
    assert subscribe.detail["publishing_ms"] == 50.0
    assert subscribe.detail["items"] == 5
    assert capture.journal_entries[-1].detail["reason"] == "count"
    [identity] = capture.servers
    assert (identity.server, identity.url) == ("urn:test:counting:server", server.url)
    assert "urn:test:counting" in identity.namespaces


def test_the_node_table_has_what_was_granted_and_the_folders_above(server: CountingServer, tmp_path: Path) -> None:
    output = tmp_path / "x.omcap"
    run(server.url, output, selection=Selection(globs=("Line1/Counter{1,3}",)))
    nodes = {entry.node.path: entry for entry in Capture.open(output).nodes()}
    assert [path for path, entry in nodes.items() if entry.handle] == ["Line1/Counter1", "Line1/Counter3"]
    granted = nodes["Line1/Counter1"]
    assert (granted.publishing_ms, granted.queue_size, granted.handle) == (50.0, 200, 1)
    assert nodes["Line1"].handle == 0
    assert nodes["Line1"].queue_size is None
    assert nodes["Line1/Counter1"].node.parents == (nodes["Line1"].node.node_id,)


def test_only_the_first_value_of_each_node_is_initial(server: CountingServer, tmp_path: Path) -> None:
    output = tmp_path / "x.omcap"
    run(server.url, output)
    seen: set[int] = set()
    for _, batch in Capture.open(output).batches():
        for handle, flags in zip(batch.column("node").to_pylist(), batch.column("flags").to_pylist(), strict=True):
            assert flags == (0 if handle in seen else int(Flag.INITIAL))
            seen.add(handle)
    assert len(seen) == 5


def test_a_stop_ends_the_capture_in_good_order(server: CountingServer, tmp_path: Path) -> None:
    output = tmp_path / "x.omcap"

    async def main() -> RecordingResult | None:
        stop, progress = asyncio.Event(), Progress()
        task = asyncio.create_task(
            record(
                [Wanted(ServerConfig(server.url), FAST)],
                output,
                selection=Selection(),
                limits=Limits(),
                stop=stop,
                progress=progress,
            )
        )
        await rows(task, progress, 100)
        stop.set()
        return await task

    result = asyncio.run(main())
    assert result is not None
    assert result.reason == "stopped"
    assert result.rows >= 100
    assert_counts_without_hole(output)
    assert Capture.open(output).finished


@pytest.mark.parametrize("limits", [Limits(seconds=0.6), Limits(until_ns=1)])
def test_time_limits_end_the_capture(server: CountingServer, tmp_path: Path, limits: Limits) -> None:
    result = run(server.url, tmp_path / "x.omcap", limits=limits)
    assert result.reason == ("for" if limits.seconds else "until")
    assert Capture.open(tmp_path / "x.omcap").journal_entries[-1].detail["reason"] == result.reason


@pytest.mark.parametrize("options", [Options(counters=11, limit=3), Options(counters=11, limit=4, states_limit=True)])
def test_a_server_that_allows_few_items_per_call_is_captured_whole(options: Options, tmp_path: Path) -> None:
    with counting_server(options) as server:
        result = run(server.url, tmp_path / "x.omcap", limits=Limits(count=600))
    assert result.nodes == 11
    assert len(assert_counts_without_hole(tmp_path / "x.omcap")) == 11


def test_a_refused_node_is_named_and_stops_no_other(tmp_path: Path) -> None:
    output = tmp_path / "x.omcap"
    with counting_server(Options(refused=(1, 4))) as server:
        result = run(server.url, output)
        with pytest.raises(ServerRefused) as error:
            run(server.url, tmp_path / "y.omcap", selection=Selection(globs=("Line1/Counter1",)))
    assert sorted(assert_counts_without_hole(output)) == ["Line1/Counter0", "Line1/Counter2", "Line1/Counter3"]
    assert [(item.path, item.status_name) for item in result.servers[0].failed] == [
        ("Line1/Counter1", "BadUserAccessDenied"),
        ("Line1/Counter4", "BadUserAccessDenied"),
    ]
    assert not result.is_complete
    capture = Capture.open(output)
    assert [entry.kind for entry in capture.journal_entries].count("item_failed") == 2
    assert [(gap.reason, gap.node, gap.end_ns, gap.state) for gap in capture.gap_entries] == [
        (GapReason.ITEM_FAILED, 2, None, GapState.EXPLAINED),
        (GapReason.ITEM_FAILED, 5, None, GapState.EXPLAINED),
    ]
    assert "BadUserAccessDenied" in error.value.message
    assert not (tmp_path / "y.omcap").exists()


def test_what_could_not_be_browsed_is_in_the_journal(
    server: CountingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def half_blind(session: Session, *, on_problem: OnProblem, **options: Any) -> list[Node]:
        on_problem("nsu=urn:test;s=Secret", code_of("BadUserAccessDenied"))
        return await crawl(session, on_problem=on_problem, **options)

    monkeypatch.setattr(choosing, "crawl", half_blind)
    run(server.url, tmp_path / "x.omcap", limits=Limits(count=1))
    entry = next(e for e in Capture.open(tmp_path / "x.omcap").journal_entries if e.kind == "browse_failed")
    assert entry.detail == {
        "nodes": 1,
        "node_ids": ["nsu=urn:test;s=Secret"],
        "status_names": ["BadUserAccessDenied"],
    }


def test_a_queue_of_one_is_reported_as_sampled(tmp_path: Path) -> None:
    with counting_server(Options(queue=1)) as server:
        result = run(server.url, tmp_path / "x.omcap", limits=Limits(count=50))
    assert result.servers[0].sampled == 5
    revised = [entry for entry in Capture.open(tmp_path / "x.omcap").journal_entries if entry.kind == "revised"]
    assert all(item["sampled"] and item["queue_size"] == 1 for entry in revised for item in entry.detail["items"])


def test_a_server_that_samples_is_said_to_sample(tmp_path: Path) -> None:
    with counting_server(Options(sampling_ms=200.0)) as server:
        result = run(server.url, tmp_path / "x.omcap", limits=Limits(count=50))
        wanted = run(
            server.url, tmp_path / "y.omcap", limits=Limits(count=50), intervals=Intervals(50.0, sampling_ms=200.0)
        )
    assert (result.servers[0].sampled, result.servers[0].sampled_ms) == (5, (200.0, 200.0))
    assert wanted.servers[0].sampled == 0


def test_a_killed_server_leaves_everything_received_and_a_gap(tmp_path: Path) -> None:
    output = tmp_path / "x.omcap"

    async def main(server: CountingServer) -> RecordingResult | None:
        progress, stop = Progress(), asyncio.Event()
        task = asyncio.create_task(
            record(
                [Wanted(ServerConfig(server.url), FAST)],
                output,
                selection=Selection(),
                limits=Limits(),
                stop=stop,
                progress=progress,
            )
        )
        await rows(task, progress, 200)
        server.kill()
        while progress.servers[0].phase != "waiting":  # noqa: ASYNC110  likewise
            await asyncio.sleep(0.01)
        assert progress.gaps == 0  # the server may yet have what is missing
        stop.set()
        return await task

    with counting_server() as server:
        result = asyncio.run(main(server))
    assert result is not None
    [part] = result.servers
    assert (result.reason, bool(part.away)) == ("stopped", True)
    assert part.cause
    assert result.gaps == {GapReason.CONNECTION_LOST: 1}
    capture = Capture.open(output)
    [gap] = capture.gap_entries
    assert (gap.reason, gap.state) == (GapReason.CONNECTION_LOST, GapState.EXPLAINED)
    assert capture.last_time is not None and gap.end_ns is not None
    assert gap.start_ns - 1_000_000_000 < capture.last_time < gap.end_ns < gap.start_ns + 30_000_000_000
    assert [entry.kind for entry in capture.journal_entries if entry.kind in ("lost", "stop")] == ["lost", "stop"]
    assert_counts_without_hole(output)


def test_messages_lost_on_the_way_are_had_again(tmp_path: Path) -> None:
    output = tmp_path / "x.omcap"
    with counting_server(Options(swallow=4)) as server:
        result = run(server.url, output, limits=Limits(seconds=2.0))
    assert result.is_complete
    for numbers in values(output).values():
        assert sorted(numbers) == [min(numbers) + offset for offset in range(len(numbers))]
    flags = {flag for _, batch in Capture.open(output).batches() for flag in batch.column("flags").to_pylist()}
    assert int(Flag.REPUBLISHED) in flags
    assert "republished" in {entry.kind for entry in Capture.open(output).journal_entries}


def test_every_value_that_is_not_there_lies_in_a_window_and_windows_are_tight(tmp_path: Path) -> None:
    output, truth = tmp_path / "x.omcap", tmp_path / "truth.txt"
    with counting_server(Options(swallow=6, forgets=True, truth=str(truth))) as server:
        result = run(server.url, output, limits=Limits(seconds=2.5))
    moments = {int(number): int(ns) for number, ns in (line.split() for line in truth.read_text().splitlines())}
    windows = [(gap.start_ns, gap.end_ns or 0) for gap in Capture.open(output).gap_entries]
    assert result.gaps == {GapReason.SEQUENCE_LOST: len(windows)}
    absent = 0
    for numbers in values(output).values():
        for number in set(range(int(numbers[0]), int(numbers[-1]))) - set(map(int, numbers)):
            absent += 1
            assert any(start <= moments[number] < end for start, end in windows), number
    assert absent
    covered = [number for number, ns in moments.items() if any(start <= ns < end for start, end in windows)]
    assert len(covered) < len(moments) * 0.8, "windows that cover nearly everything prove nothing"


def test_a_plan_names_what_would_be_asked(server: CountingServer) -> None:
    [planned] = asyncio.run(
        plan([Wanted(ServerConfig(server.url), Intervals(1000.0, 100.0))], Selection(globs=("**/Counter2",)))
    )
    named = [(item.node.path, item.sampling_ms, item.queue_size) for item in planned.items]
    assert named == [("Line1/Counter2", 100.0, 40)]


def test_what_is_already_there_is_kept(server: CountingServer, tmp_path: Path) -> None:
    output = tmp_path / "x.omcap"
    run(server.url, output, limits=Limits(count=10))
    before = values(output)
    with pytest.raises(OutputExists):
        run("opc.tcp://127.0.0.1:1/never-asked", output)
    assert values(output) == before
    run(server.url, output, limits=Limits(count=20), force=True)
    assert sum(map(len, values(output).values())) == 20


def test_a_failed_start_leaves_nothing_behind(server: CountingServer, tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        run("opc.tcp://127.0.0.1:1", tmp_path / "x.omcap")
    with pytest.raises(NotFound):
        run(server.url, tmp_path / "x.omcap", selection=Selection(globs=("Nothing/**",)))
    assert not (tmp_path / "x.omcap").exists()


def test_a_stop_before_anything_was_captured_leaves_nothing(server: CountingServer, tmp_path: Path) -> None:
    async def main() -> RecordingResult | None:
        stop = asyncio.Event()
        stop.set()
        return await record(
            [Wanted(ServerConfig(server.url), FAST)], tmp_path / "x.omcap",
            selection=Selection(), limits=Limits(), stop=stop,
        )  # fmt: skip

    assert asyncio.run(main()) is None
    assert not (tmp_path / "x.omcap").exists()


def test_nodes_that_have_other_node_ids_after_a_restart_are_found_at_their_paths(tmp_path: Path) -> None:
    output = tmp_path / "x.omcap"

    async def main(server: CountingServer) -> RecordingResult | None:
        progress, stop = Progress(), asyncio.Event()
        wanted = [Wanted(ServerConfig(server.url), FAST)]
        task = asyncio.create_task(
            record(wanted, output, selection=Selection(), limits=Limits(), stop=stop, progress=progress)
        )
        await rows(task, progress, 100)
        server.kill()
        port = int(server.url.split(":")[2].partition("/")[0])
        with counting_server(Options(counters=4, prefix="Other", port=port)):
            await rows(task, progress, progress.rows + 100)
            stop.set()
            return await task

    with counting_server() as server:
        result = asyncio.run(main(server))
    assert result is not None
    assert (result.nodes, result.gaps) == (4, {GapReason.SERVER_RESTART: 1, GapReason.ITEM_FAILED: 1})
    capture = Capture.open(output)
    [moved] = [entry.detail for entry in capture.journal_entries if entry.kind == "nodes_moved"]
    assert moved["nodes"] == 4
    assert {"from": "nsu=urn:test:counting;s=Counter0", "to": "nsu=urn:test:counting;s=OtherCounter0"} in moved["named"]
    tables = [
        {node.node.node_id: node.handle for node in table.nodes if node.handle} for _, table in capture.tables.tables
    ]
    assert [sorted(table.values()) for table in tables] == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    assert set(tables[0]) & set(tables[1]) == {"nsu=urn:test:counting;s=Counter4"}


def test_a_server_that_renumbers_its_namespaces_keeps_its_nodes(tmp_path: Path) -> None:
    output = tmp_path / "x.omcap"

    async def main(server: CountingServer) -> RecordingResult | None:
        progress, stop = Progress(), asyncio.Event()
        task = asyncio.create_task(
            record(
                [Wanted(ServerConfig(server.url), FAST)],
                output,
                selection=Selection(),
                limits=Limits(),
                stop=stop,
                progress=progress,
            )
        )
        await rows(task, progress, 100)
        server.kill()
        port = int(server.url.split(":")[2].partition("/")[0])
        with counting_server(Options(counters=4, fillers=2, port=port)):
            await rows(task, progress, progress.rows + 100)
            stop.set()
            return await task

    with counting_server() as server:
        result = asyncio.run(main(server))
    assert result is not None
    assert (result.nodes, result.gaps) == (4, {GapReason.SERVER_RESTART: 1, GapReason.ITEM_FAILED: 1})
    assert [(item.path, item.status_name) for item in result.servers[0].failed] == [
        ("Line1/Counter4", "BadNodeIdUnknown")
    ]
    capture = Capture.open(output)
    tables = [table for _, table in capture.tables.tables]
    assert [len(table.server.namespaces) for table in tables] == [3, 5]
    handles = [{node.handle for node in table.nodes if node.handle} for table in tables]
    assert handles == [{1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}]
    verdicts = verify(capture).verdicts
    assert sum(verdict.items for verdict in verdicts) == 5
    assert sum(verdict.rows for verdict in verdicts) == capture.rows
