"""What a worker or a statement may send to the server costs that statement only, however large or wrong it is."""

from __future__ import annotations

import os
import signal
import struct
from pathlib import Path

import pytest

from omptool.cloud.server.job import Job
from omptool.cloud.server.pool import WorkerPool
from tests.cloud.test_worker import answer, failure, lake, pooled

__all__ = ["lake"]


def test_parameters_of_many_megabytes_reach_the_worker(lake: Path) -> None:
    async def work(pool: WorkerPool) -> None:
        table = await answer(pool, "select len($a) as n", a="\U0001f600" * 2_000_000)
        assert table["n"].to_pylist() == [2_000_000]

    pooled(lake, work)


def test_a_worker_that_reads_nothing_any_more_is_replaced(lake: Path) -> None:
    """Not even the request to stop fits into its pipe."""

    async def work(pool: WorkerPool) -> None:
        (process,) = pool.processes
        os.kill(process, signal.SIGSTOP)
        stuck = pool.submit(Job("select len($a)", {"a": "x" * 4_000_000}))
        await stuck.started.wait()
        await stuck.cancel()
        assert (await failure(stuck)).message == "the statement was cancelled"
        assert (await answer(pool, "select 1 as n"))["n"].to_pylist() == [1]

    pooled(lake, work)


@pytest.mark.parametrize(
    "sent", ['{"kind": "chunk"}', '{"kind": "started"}', '{"kind": "error"}', "[]", "{}", "[" * 100_000, "1" * 5000]
)
def test_a_worker_that_talks_nonsense_costs_its_statement_only(sent: str, lake: Path) -> None:
    async def work(pool: WorkerPool) -> None:
        stream = pool._workers[0]._process.stdout
        assert stream is not None
        stream.feed_data(struct.pack("<II", len(sent), 0) + sent.encode())
        assert "what is no message" in (await failure(pool.submit(Job("select 1", {})))).message
        assert (await answer(pool, "select 1 as n"))["n"].to_pylist() == [1]

    pooled(lake, work)


def test_what_a_statement_says_is_never_long(lake: Path) -> None:
    """Values stand in the engine's errors, and names of columns in a status: both are kept as long as the statement."""

    async def work(pool: WorkerPool) -> None:
        said = await failure(pool.submit(Job("select error(repeat('x', 20000000))", {})))
        assert said.message.startswith("xxx")
        assert len(said.message) < 3000
        names = ", ".join(f'1 as "{"x" * 900}{number}"' for number in range(1500))
        assert (await failure(pool.submit(Job(f"select {names}", {})))).message == (
            "the names and types of the columns are too long"
        )

    pooled(lake, work)
