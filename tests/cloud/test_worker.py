"""Statements in worker processes: chunks, errors, cancelling, limits, and what happens when a process dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pytest

from omptool.cloud.server import pool as pools
from omptool.cloud.server.job import CHUNK_BYTES, Chunk, Job, Limits, pack, unpack
from omptool.cloud.server.pool import Run, WorkerPool
from omptool.errors import Busy, LakeError, QueryError, ResultTooLarge, StatementTimeout
from omptool.lake.convert import convert
from omptool.model.contracts import VIEWS
from omptool.sources.lake import LakeSource
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
from omptool.sql.views import sql_type
from tests.lake.recordings import FakeRecording, gap, telemetry

T = TypeVar("T")
LIMITS = Limits(memory="512MiB", statement_s=60, result_bytes=1 << 30, workers=1, temporary="1GiB")
ENDLESS = "select count(*) from range(1000000) a, range(1000000) b where a.range * b.range % 7 = 3"
STREAMING = "from range(100000000000)"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hidden-place") / "la[k]e"
    convert([FakeRecording("c1", telemetry("c1", 0, 3000, site="007"), gap_rows=[gap("c1")])], path)
    return path


def pooled(lake: Path, work: Callable[[WorkerPool], Awaitable[T]], limits: Limits = LIMITS) -> T:
    """Do something with a pool, and close it."""

    async def inside() -> T:
        async with WorkerPool(lake, limits) as pool, asyncio.timeout(200):
            return await work(pool)

    return asyncio.run(inside())


async def chunks(run: Run) -> list[Chunk]:
    return [chunk async for chunk in run.chunks()]


async def answer(pool: WorkerPool, statement: str, **parameters: object) -> pa.Table:
    found = await chunks(pool.submit(Job(statement, parameters)))  # type: ignore[arg-type]
    return pa.concat_tables(pa.ipc.open_stream(chunk.ipc).read_all() for chunk in found)


async def failure(run: Run) -> QueryError:
    with pytest.raises(QueryError) as caught:
        await chunks(run)
    return caught.value


def test_a_result_is_complete_streams_that_together_are_the_rows(lake: Path) -> None:
    async def work(pool: WorkerPool) -> None:
        wide = pool.submit(Job("select *, repeat('ü', 2000) as text from telemetry order by seq", {}))
        found = await chunks(wide)
        tables = [pa.ipc.open_stream(chunk.ipc).read_all() for chunk in found]
        assert len(found) > 2
        assert [table.num_rows for table in tables] == [chunk.rows for chunk in found]
        assert all(table.nbytes <= CHUNK_BYTES * 1.1 for table in tables)
        assert pa.concat_tables(tables)["seq"].to_pylist() == list(range(1, 3001))
        assert wide.columns is not None
        assert wide.columns[0] == ("time", "TIMESTAMP WITH TIME ZONE")
        assert wide.lake_version == LakeSource(lake).versions
        (empty,) = await chunks(pool.submit(Job("from telemetry where false", {})))
        assert empty.rows == 0
        assert pa.ipc.open_stream(empty.ipc).read_all().schema.names == VIEWS["telemetry"].names
        (long,) = await chunks(pool.submit(Job("select repeat('x', 20000000) as x", {})))
        assert long.rows == 1

    pooled(lake, work)


def test_parameters_zone_and_types_are_as_locally(lake: Path) -> None:
    moment = datetime(2026, 1, 1, 5, tzinfo=UTC)
    values = {
        "i": 5,
        "f": 1.5,
        "b": True,
        "t": "a'; --",
        "m": moment,
        "d": timedelta(seconds=5),
        "l": [1, 2],
        "n": None,
    }
    statement = "select " + ", ".join(f"${name} as {name}" for name in values) + ", ($m)::varchar as text"

    async def work(pool: WorkerPool) -> list[pa.Table]:
        found = await chunks(pool.submit(Job(statement, values, tz="Asia/Tokyo")))  # type: ignore[arg-type]
        return [pa.ipc.open_stream(chunk.ipc).read_all() for chunk in found]

    (table,) = pooled(lake, work)
    with LocalEngine([Named(LakeSource(lake))], tz="Asia/Tokyo") as engine:
        assert table.equals(engine.run(statement, values).read_all())
    assert table["text"].to_pylist() == ["2026-01-01 14:00:00+09"]
    assert {name: unpack(pack(value)) for name, value in values.items()} == values  # type: ignore[arg-type]


def test_errors_are_the_local_sentences_and_the_worker_lives_on(lake: Path) -> None:
    statements = [
        "from telemetri",
        "selec 1",
        "select nope from nodes",
        "select 'ü', cast('a' as int)",
        "select $x",
        " ",
    ]

    async def work(pool: WorkerPool) -> list[tuple[str, str, str]]:
        before = pool.processes
        found = []
        for statement in statements:
            try:
                await answer(pool, statement)
            except Exception as error:  # noqa: BLE001 - compared below
                found.append((type(error).__name__, error.message, error.hint))  # type: ignore[attr-defined]
        assert pool.processes == before
        return found

    remote = pooled(lake, work)
    for statement, told in zip(statements[:-1], remote[:-1], strict=True):
        with LocalEngine([Named(LakeSource(lake))]) as engine, pytest.raises(QueryError) as caught:
            engine.run(statement).read_all()
        assert told == (type(caught.value).__name__, caught.value.message, caught.value.hint)
    assert remote[-1][:2] == ("UsageError", "the statement is empty")


def test_errors_do_not_say_where_the_server_keeps_things(lake: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    convert([FakeRecording("c1", telemetry("c1", 0, 100))], own)

    async def work(pool: WorkerPool) -> list[str]:
        for file in (own / "telemetry").rglob("*.parquet"):
            file.write_bytes(b"PAR1 no more")
        texts = []
        for statement in ("from telemetry", "select count(*) from telemetry", "from telemetry limit 1"):
            error = await failure(pool.submit(Job(statement, {})))
            texts.append(f"{error.message}\n{error.hint}")
        for log in (own / "telemetry" / "_delta_log").iterdir():
            log.write_text("{ broken")
        with pytest.raises(LakeError) as caught:
            await answer(pool, "from telemetry")
        return [*texts, f"{caught.value.message}\n{caught.value.hint}"]

    for text in pooled(own, work):
        for secret in (str(tmp_path), str(Path.home()), tempfile.gettempdir(), sys.prefix, "read_parquet", "omptool-"):
            assert secret not in text


def test_cancel_stops_what_runs_waits_or_streams(lake: Path) -> None:
    async def work(pool: WorkerPool) -> None:
        (process,) = pool.processes
        for statement in (ENDLESS, STREAMING):
            run, waiting = pool.submit(Job(statement, {})), pool.submit(Job(ENDLESS, {}))
            await run.started.wait()
            waiting.stop()
            await asyncio.gather(run.cancel(), waiting.cancel())
            for ended in (run, waiting):
                assert (await failure(ended)).message == "the statement was cancelled"
            await run.cancel()
        reader = pool.submit(Job(STREAMING, {})).chunks()
        assert (await anext(reader)).rows > 0
        await reader.aclose()  # whoever stops reading stops the statement
        assert (await answer(pool, "select 1 as x")).to_pylist() == [{"x": 1}]
        assert pool.processes == (process,)

    pooled(lake, work)


def test_a_statement_that_takes_too_long_is_stopped_by_the_engine(lake: Path) -> None:
    async def work(pool: WorkerPool) -> None:
        (process,) = pool.processes
        for statement in (ENDLESS, "select sum(range) from range(100000000000)"):
            error = await failure(pool.submit(Job(statement, {})))
            assert isinstance(error, StatementTimeout)
            assert "longer than it may" in error.message
            assert error.hint
        assert pool.processes == (process,)

    pooled(lake, work, Limits(statement_s=0.5, memory="512MiB", workers=1))


def test_a_worker_that_does_not_react_is_ended_and_replaced(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "GRACE_S", 0.2)

    async def work(pool: WorkerPool) -> None:
        (stuck,) = pool.processes
        os.kill(stuck, signal.SIGSTOP)
        error = await failure(pool.submit(Job("select 1", {})))
        assert isinstance(error, StatementTimeout)
        assert error.message == "the statement ran longer than it may (2 s)"
        assert (await answer(pool, "select 1 as x")).to_pylist() == [{"x": 1}]
        (fresh,) = pool.processes
        assert fresh != stuck
        os.kill(fresh, signal.SIGSTOP)
        run = pool.submit(Job("select 1", {}))
        await run.started.wait()
        await run.cancel()
        assert (await failure(run)).message == "the statement was cancelled"

    pooled(lake, work, Limits(statement_s=2, memory="512MiB", workers=1))


def test_a_worker_that_dies_fails_its_statement_only(lake: Path) -> None:
    async def work(pool: WorkerPool) -> None:
        first, second = pool.submit(Job(STREAMING, {})), pool.submit(Job(STREAMING, {}))
        readers = [first.chunks(), second.chunks()]
        for reader in readers:
            assert (await anext(reader)).rows > 0
        before = pool.processes
        os.kill(before[0], signal.SIGKILL)
        ended = 0
        for reader in readers:
            try:
                async with asyncio.timeout(1):
                    async for _ in reader:
                        pass
            except QueryError as error:
                ended += 1
                assert error.message == "the statement ended the process that ran it (signal SIGKILL)"
                assert "a new process takes the next statement" in error.hint
            except TimeoutError:
                await reader.aclose()
        assert ended == 1
        tables = await asyncio.gather(*(answer(pool, "select count(*) as n from telemetry") for _ in range(4)))
        assert [table.to_pylist() for table in tables] == [[{"n": 3000}]] * 4
        assert len(set(before) - set(pool.processes)) == 1

    pooled(lake, work, Limits(memory="512MiB", workers=2))


def test_a_worker_that_died_idle_costs_no_statement(lake: Path) -> None:
    async def work(pool: WorkerPool) -> None:
        os.kill(pool.processes[0], signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(pool.processes[0], 0)
                await asyncio.sleep(0.01)
        assert (await answer(pool, "select 1 as x")).to_pylist() == [{"x": 1}]

    pooled(lake, work)


def test_a_result_that_is_too_large_stops(lake: Path) -> None:
    async def work(pool: WorkerPool) -> None:
        for job in (Job(STREAMING, {}), Job("from telemetry", {}, result_bytes=1000)):
            error = await failure(pool.submit(job))
            assert isinstance(error, ResultTooLarge)
            assert error.hint == "ask for fewer rows or columns, or group earlier"
        assert (await answer(pool, "from telemetry")).num_rows == 3000

    pooled(lake, work, Limits(result_bytes=20_000_000, memory="512MiB", workers=1))


@pytest.mark.parametrize(
    "statement",
    [
        "select length(repeat('x', 3000000000))",
        "select len(range(1000000000))",
        "select list(range) from range(200000000)",
    ],
)
def test_a_statement_that_takes_too_much_memory_fails_alone(statement: str, lake: Path) -> None:
    async def work(pool: WorkerPool) -> None:
        error = await failure(pool.submit(Job(statement, {})))
        assert error.message == "the statement needs more memory than it may use"
        assert (await answer(pool, "select count(*) as n from telemetry")).to_pylist() == [{"n": 3000}]

    pooled(lake, work)


def left(folder: Path) -> list[Path]:
    """What lies in a folder."""
    return list(folder.iterdir())


def test_rows_beyond_the_memory_are_spilled_into_a_folder_that_goes(lake: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def work(pool: WorkerPool) -> None:
        found = await answer(pool, "select count(*) as n from (select distinct range * 7 as x from range(20000000))")
        assert found.to_pylist() == [{"n": 20_000_000}]
        assert left(tmp_path)

    pooled(lake, work, Limits(memory="200MiB", temporary="2GiB", workers=1))
    assert left(tmp_path) == []


def test_too_many_waiting_statements_are_turned_away(lake: Path) -> None:
    async def work(pool: WorkerPool) -> list[Run]:
        runs = []
        with pytest.raises(Busy, match="are waiting already"):
            while True:
                runs.append(pool.submit(Job(ENDLESS, {})))
        assert len(runs) == pools.WAITING + 1
        await runs[0].started.wait()
        return runs

    runs = pooled(lake, work)
    for run in runs:  # the pool was closed while they ran and waited
        error = asyncio.run(failure(run))
        assert error.message == "the server is stopping"


def test_a_statement_reads_the_version_of_its_start(tmp_path: Path) -> None:
    path = tmp_path / "lake"
    convert([FakeRecording("c1", telemetry("c1", 0, 10))], path)

    async def work(pool: WorkerPool) -> None:
        first = await pool.tables()
        assert (await answer(pool, "select count(*) as n from telemetry")).to_pylist() == [{"n": 10}]
        await asyncio.to_thread(convert, [FakeRecording("c2", telemetry("c2", 0, 5))], path)
        assert (await answer(pool, "select count(*) as n from telemetry")).to_pylist() == [{"n": 15}]
        assert (await pool.tables()).versions["telemetry"] > first.versions["telemetry"]
        for view, columns in first.tables.items():
            assert [(column.name, column.type) for column in columns] == [
                (field.name, sql_type(field.type)) for field in VIEWS[view]
            ]

    pooled(path, work)


def test_nothing_starts_without_a_lake(tmp_path: Path) -> None:
    async def work(pool: WorkerPool) -> None:
        raise AssertionError("started")

    with pytest.raises(LakeError, match="has no telemetry table"):
        pooled(tmp_path, work)


def test_a_repeatable_statement_gives_the_same_bytes_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "lake"
    for number in range(3):
        convert([FakeRecording(f"c{number}", telemetry(f"c{number}", 0, 40_000, step_us=1_000_003))], path)
    statement = (
        "select tag, sum(value / 3) as s, avg(value / 7) as a, stddev(value) as d, corr(value, seq / 3) as c, "
        "count(*) as n, sum(sqrt(abs(value))) as q from telemetry group by tag"
    )

    async def work(pool: WorkerPool) -> list[list[bytes]]:
        jobs = [Job(statement, {}, repeatable=True)] * 3
        return [[chunk.ipc for chunk in await chunks(pool.submit(job))] for job in jobs]

    results = [pooled(path, work, Limits(memory=memory, threads=threads, workers=1)) for memory, threads in
               (("512MiB", None), ("4GiB", 7))]  # fmt: skip
    everything = [run for result in results for run in result]
    assert all(run == everything[0] for run in everything)
    (remote,) = (pa.ipc.open_stream(ipc).read_all() for ipc in everything[0])
    for _ in range(2):
        with LocalEngine([Named(LakeSource(path))], repeatable=True) as engine:
            assert engine.run(statement).read_all().equals(remote)
