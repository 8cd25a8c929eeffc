"""The cloud API on a real socket over a pool without processes, so that every course of a statement can be played."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pyarrow as pa

from omptool.cli.render_chunks import RENDERERS
from omptool.cloud.server.app import create_app
from omptool.cloud.server.job import Catalog, Chunk, Column, Job
from omptool.cloud.server.serving import answering, listen
from omptool.cloud.server.store import Bounds, StatementStore
from omptool.errors import Busy, LakeError, OmptoolError, QueryError, ResultTooLarge, StatementTimeout, UsageError

TOKEN = "a-token-of-the-tests_0123456789"
COLUMNS = (Column("n", "BIGINT"), Column("text", "VARCHAR"))
CATALOG = Catalog({"telemetry": (Column("time", "TIMESTAMPTZ"), Column("value", "DOUBLE"))}, {"telemetry": 7})
_ERRORS: dict[str, OmptoolError] = {
    "refuse": QueryError('no table "refuse"', "did you mean telemetry?"),
    "slow": StatementTimeout("the statement ran longer than it may", "ask for less"),
    "large": ResultTooLarge("the result is larger than it may be", "ask for less"),
    "empty": UsageError("the statement is empty", "example: from telemetry limit 10"),
    "broken": LakeError("a file of the lake is gone", "convert it again"),
}


def stream(first: int, rows: int) -> bytes:
    """A chunk."""
    table = pa.table({"n": range(first, first + rows), "text": [f'"{n}", é' for n in range(first, first + rows)]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


class FakeRun:
    """`rows 3 2` answers chunks of 3 and 2 rows; `rows 3 wait` then goes on until it is let go or cancelled.

    A word of `_ERRORS` ends it so, `fault` in an error that no part of omptool raises. Anything else: no rows.
    """

    def __init__(self, job: Job, patience_s: float | None = None) -> None:
        self.job = job
        self.columns: tuple[Column, ...] | None = None
        self.lake_version: dict[str, int] | None = None
        self.started = asyncio.Event()
        self.go = asyncio.Event()
        self.is_cancelled = False
        self._patience_s = patience_s

    async def chunks(self) -> AsyncIterator[Chunk]:
        words = self.job.statement.split() if self.job.statement[:1] in "rwslbfe" else []
        first = 0
        if "queue" not in words:
            self.started.set()
        for word in words or ["0"]:
            if word in ("wait", "queue"):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.go.wait(), self._patience_s)
            if self.is_cancelled:
                raise QueryError("the statement was cancelled")
            if word in _ERRORS:
                raise _ERRORS[word]
            if word == "fault":
                raise ZeroDivisionError("a secret of the server")
            if word.isdigit() and word.isascii():
                self.columns, self.lake_version = COLUMNS, {"telemetry": 7}
                yield Chunk(stream(first, min(int(word), 1000)), min(int(word), 1000))
                first += int(word)

    async def cancel(self) -> None:
        self.is_cancelled = True
        self.go.set()


@dataclass
class FakePool:
    """Remembers every statement; with `patience_s` none goes on for longer."""

    patience_s: float | None = None
    runs: list[FakeRun] = field(default_factory=list)

    def submit(self, job: Job) -> FakeRun:
        if job.statement == "full":
            raise Busy("32 statements are waiting already", "try again in a moment")
        self.runs.append(FakeRun(job, self.patience_s))
        return self.runs[-1]

    async def tables(self) -> Catalog:
        return CATALOG


@dataclass
class Api:
    """A running API: its client, and what is behind it."""

    client: httpx.Client
    pool: FakePool
    store: StatementStore
    loop: asyncio.AbstractEventLoop
    faults: list[BaseException]

    def submit(self, statement: str, **more: object) -> httpx.Response:
        return self.client.post("/v1/statements", json={"statement": statement, "wait_timeout": 20, **more})

    def chunk(self, identifier: str, number: int, accept: str = "*/*") -> httpx.Response:
        return self.client.get(f"/v1/statements/{identifier}/chunks/{number}", headers={"Accept": accept})

    def let_go(self, number: int = -1) -> None:
        self.loop.call_soon_threadsafe(self.pool.runs[number].go.set)


@contextlib.contextmanager
def serving(lake: Path, bounds: Bounds | None = None, patience_s: float | None = None) -> Iterator[Api]:
    """An API in a thread until the block ends."""
    listening = listen(0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    pool, faults = FakePool(patience_s), list[BaseException]()
    store = StatementStore(bounds, report=faults.append)
    app = create_app(lake, TOKEN, pool, RENDERERS, store=store, report=faults.append)
    loops: list[asyncio.AbstractEventLoop] = []
    stop, ready = asyncio.Event(), threading.Event()

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        async with answering(app, store, listening):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        assert ready.wait(60)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
            yield Api(client, pool, store, loops[0], faults)
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(60)


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, str]:
    """The problem of an answer, which must be one of this kind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = json.loads(answer.text)
    assert list(found) == ["type", "title", "status", "detail", "hint"]
    assert (found["type"], found["status"]) == (f"urn:omptool:problem:{kind}", status)
    assert found["title"] and found["detail"]
    return found  # type: ignore[no-any-return]
