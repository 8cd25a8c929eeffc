"""What the server keeps is bounded: in number, in bytes, in time, and it is gone when the server is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from omptool.cloud.server.job import Job
from omptool.cloud.server.problems import ApiError
from omptool.cloud.server.spool import Spool
from omptool.cloud.server.statements import Statement
from omptool.cloud.server.store import Bounds, StatementStore
from tests.cloud.api import FakeRun, stream


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(**bounds: float) -> AsyncIterator[tuple[StatementStore, Clock]]:
    clock = Clock()
    async with StatementStore(Bounds(**bounds), clock=clock) as store:  # type: ignore[arg-type]
        yield store, clock


def submit(store: StatementStore, text: str, key: str | None = None) -> Statement:
    return store.submit(lambda: FakeRun(Job(text, {})), key, b"")


async def ended(store: StatementStore, text: str, key: str | None = None) -> Statement:
    statement = submit(store, text, key)
    await statement.wait(60)
    assert statement.has_ended
    return statement


def kinds(error: ApiError) -> str:
    return error.problem.type.rpartition(":")[2]


def test_results_lie_where_only_this_user_may_look_and_go_with_the_store() -> None:
    async def main() -> None:
        async with opened() as (store, _):
            folder = store.folder
            statement = await ended(store, "rows 3")
            assert folder.stat().st_mode & 0o777 == 0o700
            assert await statement.chunk(0) == stream(0, 3)
            if os.name == "posix":
                assert list(folder.iterdir()) == []  # a file without a name: even a killed server leaves nothing
        assert not folder.exists()

    asyncio.run(main())


def test_a_new_statement_takes_the_place_of_the_one_unasked_for_longest() -> None:
    async def main() -> None:
        async with opened(statements=2) as (store, clock):
            first, second = await ended(store, "rows 1", "key"), await ended(store, "rows 1")
            clock.now += 1
            store.get(first.id)
            third = await ended(store, "rows 1")
            assert [store.get(one.id) for one in (first, third)] == [first, third]
            with pytest.raises(ApiError) as gone:
                store.get(second.id)
            assert kinds(gone.value) == "not-found"

    asyncio.run(main())


def test_statements_that_run_are_not_thrown_out() -> None:
    async def main() -> None:
        async with opened(statements=2) as (store, _):
            running = [submit(store, "rows wait"), submit(store, "rows wait")]
            with pytest.raises(ApiError) as busy:
                submit(store, "rows 1")
            assert (kinds(busy.value), busy.value.headers) == ("too-busy", {"Retry-After": "1"})
            await store.cancel(running[0])
            assert (await ended(store, "rows 1")).state == "succeeded"

    asyncio.run(main())


def test_a_result_without_room_fails_unless_old_ones_can_go() -> None:
    room = len(stream(0, 500)) + len(stream(500, 500))

    async def main() -> None:
        async with opened(bytes=room) as (store, clock):
            old = await ended(store, "rows 500")
            full = await ended(store, "rows 500 500")
            assert full.problem is not None
            assert (full.state, full.problem.type.rpartition(":")[2]) == ("failed", "too-busy")
            assert full.size == 0
            clock.now += 60
            assert (await ended(store, "rows 500 500")).state == "succeeded"
            with pytest.raises(ApiError):
                store.get(old.id)

    asyncio.run(main())


def test_a_result_is_forgotten_some_time_after_it_was_last_asked_for() -> None:
    async def main() -> None:
        async with opened(keep_s=600) as (store, clock):
            statement = await ended(store, "rows 1", "key")
            for _ in range(3):
                clock.now += 500
                await store.sweep()
                store.get(statement.id)
            clock.now += 601
            await store.sweep()
            assert len(store) == 0
            assert store.known("key", b"another body") is None
            with pytest.raises(ApiError) as gone:
                await statement.chunk(0)
            assert kinds(gone.value) == "not-found"

    asyncio.run(main())


def test_a_statement_that_nobody_asks_about_is_stopped() -> None:
    async def main() -> None:
        async with opened(abandon_s=120) as (store, clock):
            statement, waited_for = submit(store, "rows 1 wait"), submit(store, "rows 1 wait")
            waiter = asyncio.create_task(waited_for.wait(60))
            await statement.wait(60, beyond=0)
            clock.now += 121
            await store.sweep()
            assert (statement.state, waited_for.state) == ("cancelled", "running")
            assert statement.problem is not None
            assert statement.problem.detail == "nobody asked about the statement for 120 seconds"
            await store.cancel(waited_for)
            await waiter

    asyncio.run(main())


def test_what_a_failed_statement_has_answered_is_thrown_away() -> None:
    async def main() -> None:
        async with opened() as (store, _):
            statement = await ended(store, "rows 5 broken")
            assert (statement.state, statement.size, statement.rows, statement.chunks) == ("failed", 0, 5, 1)

    asyncio.run(main())


def test_a_full_disk_fails_the_statement_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Spool, __: bytes) -> None:
        raise OSError(28, "No space left on device")

    async def main() -> None:
        async with opened() as (store, _):
            with monkeypatch.context() as patch:
                patch.setattr(Spool, "append", full)
                statement = await ended(store, "rows 5")
            assert statement.problem is not None
            assert statement.problem.status == 507
            assert statement.problem.detail == "the server cannot keep the result: no space left on device"
            assert (await ended(store, "rows 5")).state == "succeeded"

    asyncio.run(main())


def test_closing_stops_everything_and_tells_everybody() -> None:
    async def main() -> None:
        async with opened() as (store, _):
            statement = submit(store, "rows 1 wait")
            waiter = asyncio.create_task(statement.wait(60))
            await statement.wait(60, beyond=0)
            await store.close()
            await waiter
            assert statement.state == "cancelled"
            with pytest.raises(ApiError) as stopping:
                submit(store, "rows 1")
            assert kinds(stopping.value) == "too-busy"

    asyncio.run(main())
