"""Monitored items under every limit: all are tried, each has its own result, and queues are as deep as they must be."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.model import status
from omptool.model.limits import ServerLimits
from omptool.opcua.subscribing.items import (
    LEAST_QUEUE,
    MARGIN,
    MOST_QUEUE,
    MonitoredItem,
    RequestedItem,
    create_items,
    queue_size,
)
from tests.opcua.subscription_run import Run, scripted
from tests.opcua.subscription_script import ScriptedServer


def create(server: ScriptedServer, count: int, *, sampling_ms: float = 100.0) -> list[MonitoredItem]:
    items = [RequestedItem(f"ns=2;i={number}", number, sampling_ms) for number in range(1, count + 1)]
    return asyncio.run(create_items(server, 77, items, 1000.0))  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", range(3, 11))
def test_items_are_created_in_batches_under_the_stated_limit(limit: int) -> None:
    server = ScriptedServer()
    server.limits = ServerLimits(max_monitored_items_per_call=limit)
    created = create(server, 29)
    assert [item.requested.handle for item in created] == list(range(1, 30))
    assert all(item.is_monitored for item in created)
    assert max(server.batches) == limit
    assert sum(server.batches) == 29


def test_an_unstated_limit_is_found_by_halving_and_kept() -> None:
    server = ScriptedServer()
    server.refuse = lambda items: "BadTooManyOperations" if len(items) > 7 else None
    created = create(server, 100)
    assert [item.requested.handle for item in created] == list(range(1, 101))
    assert all(item.is_monitored for item in created)
    assert len([size for size in server.batches if size > 7]) <= 4


@pytest.mark.parametrize("culprits", [{1}, {40}, {7, 8, 23}])
def test_a_node_that_makes_the_server_refuse_whole_requests_is_isolated(culprits: set[int]) -> None:
    names = {f"ns=2;i={number}" for number in culprits}
    server = ScriptedServer()
    server.refuse = lambda items: "BadDecodingError" if names & set(items) else None
    created = create(server, 40)
    assert {item.requested.handle for item in created if not item.is_monitored} == culprits
    assert {status.name(item.status) for item in created if not item.is_monitored} == {"BadDecodingError"}
    assert len(server.batches) < 40


def test_each_item_has_its_own_result() -> None:
    server = ScriptedServer()
    server.bad = {"ns=2;i=2": "BadNodeIdUnknown", "ns=2;i=5": "BadUserAccessDenied"}
    created = create(server, 5)
    names = [status.name(item.status) for item in created]
    assert names == ["Good", "BadNodeIdUnknown", "Good", "Good", "BadUserAccessDenied"]
    assert created[1].queue_size is None
    assert not created[1].is_sampled


def test_a_full_server_is_asked_once() -> None:
    server = ScriptedServer()
    server.refuse = lambda items: "BadTooManyMonitoredItems"
    created = create(server, 64)
    assert {status.name(item.status) for item in created} == {"BadTooManyMonitoredItems"}
    assert server.batches == [64]


def test_a_queue_cut_to_one_or_slower_sampling_means_sampled() -> None:
    server = ScriptedServer()
    server.revise = lambda sampling, queue: (sampling, 1)
    assert all(item.is_sampled for item in create(server, 3))
    server.revise = lambda sampling, queue: (5 * sampling, queue)
    assert all(item.is_sampled for item in create(server, 3))
    server.revise = lambda sampling, queue: (sampling, queue)
    assert not any(item.is_sampled for item in create(server, 3))
    server.revise = lambda sampling, queue: (50.0, queue)
    assert all(item.is_sampled for item in create(server, 3, sampling_ms=0.0))
    assert not any(item.is_sampled for item in create(server, 3, sampling_ms=50.0))
    server.revise = lambda sampling, queue: (0.0, queue)
    assert not any(item.is_sampled for item in create(server, 3, sampling_ms=0.0))


def test_a_queue_is_deepened_where_the_server_samples_faster_than_assumed() -> None:
    server = ScriptedServer()
    server.revise = lambda sampling, queue: (0.5, queue)
    created = create(server, 3, sampling_ms=0.0)
    assert server.modified == [8000, 8000, 8000]
    assert [item.queue_size for item in created] == [8000, 8000, 8000]
    server.modified.clear()
    server.revise = lambda sampling, queue: (0.5, 50)
    assert [item.queue_size for item in create(server, 3, sampling_ms=0.0)] == [50, 50, 50]
    assert server.modified == []


@given(publishing=st.floats(1, 1e6), sampling=st.floats(0.01, 1e6))
def test_a_queue_holds_what_is_sampled_in_several_publishing_intervals(publishing: float, sampling: float) -> None:
    depth = queue_size(publishing, sampling)
    assert LEAST_QUEUE <= depth <= MOST_QUEUE
    assert depth == MOST_QUEUE or depth * sampling >= MARGIN * publishing * (1 - 1e-9)


def test_examples_of_queue_sizes() -> None:
    assert queue_size(1000, 100) == 40
    assert queue_size(500, 0) == 2000
    assert queue_size(100, 1000) == 10
    assert queue_size(60_000, 1) == 10_000


def test_items_that_were_refused_are_asked_for_again_without_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omptool.opcua.subscribing.item_retry.RETRY_S", 0.01)

    async def script(run: Run) -> None:
        run.server.bad = {"ns=2;i=2": "BadNodeIdUnknown", "ns=2;i=3": "BadUserAccessDenied"}
        await run.server.send(1)
        await run.holds(lambda: run.numbers == [1])
        assert (run.server.batches[0], run.came) == (5, [])
        del run.server.bad["ns=2;i=3"]
        await came(run, [(3, 5)])
        del run.server.bad["ns=2;i=2"]
        await came(run, [(3, 5), (2, 5)])
        asked = len(run.server.batches)
        await run.server.send(2)
        await run.holds(lambda: run.numbers == [1, 2])
        await asyncio.sleep(0.1)
        assert set(run.server.batches[1:]) == {1, 2}
        assert len(run.server.batches) == asked
        await run.finish()

    async def came(run: Run, items: list[tuple[int, int]]) -> None:
        async with asyncio.timeout(30):
            while run.came != items:  # noqa: ASYNC110  a plain list, as the recorder fills it
                await asyncio.sleep(0.005)

    asyncio.run(scripted(script, items=5))
