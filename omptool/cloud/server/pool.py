"""Warm worker processes and the queue before them: the server's one way to run a statement.

A statement waits for a free worker, runs alone in it, and is stopped when it is cancelled or takes too long: first by
asking, then by ending the process. Whatever happens to a process costs the one statement in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any

from omptool import errors
from omptool.cloud.server.frames import Frame
from omptool.cloud.server.job import Catalog, Chunk, Column, Job, Limits, pack
from omptool.cloud.server.process import WorkerGone, WorkerProcess
from omptool.errors import Busy, OmptoolError, QueryError, StatementTimeout

WAITING = 32
"""Statements that may wait for a worker; more are turned away at once."""

GRACE_S = 2.0
"""How long a worker that was asked to stop may take before it is ended."""

_CANCELLED = "the statement was cancelled"
_DONE = Job("", {})
"""Takes the place of a job that has ended: megabytes of text and parameters are not kept as long as its result."""


class Run:
    """A statement on its way: waiting, running, ended.

    Attributes:
        columns: name and SQL type, from the first chunk on.
        lake_version: version of each of the lake's tables that it reads, from the first chunk on.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.columns: tuple[Column, ...] | None = None
        self.lake_version: dict[str, int] | None = None
        self.started = asyncio.Event()
        """Set when a worker has taken it."""
        self._outcome: asyncio.Queue[Chunk | OmptoolError | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(2)
        """Chunks that may wait for a reader: a slow one slows the worker down."""
        self._stop = asyncio.Event()
        self._ended = asyncio.Event()

    async def chunks(self) -> AsyncIterator[Chunk]:
        """The result, at least one chunk; whoever stops reading early stops the statement. To be called once.

        Raises:
            QueryError: refused, failed or cancelled; StatementTimeout and ResultTooLarge among them.
            OmptoolError: the lake cannot be read.
        """
        try:
            while (item := await self._outcome.get()) is not None:
                if isinstance(item, OmptoolError):
                    raise item
                yield item
                self._room.release()
        finally:
            self.stop()

    async def cancel(self) -> None:
        """Stop it and wait until it has stopped; nothing happens when it has ended already."""
        self.stop()
        await self._ended.wait()

    def stop(self) -> None:
        """Ask for the end without waiting for it."""
        self._stop.set()
        self._room.release()

    @property
    def stopped(self) -> bool:
        """Whether nobody wants its rows any more."""
        return self._stop.is_set()

    async def wait_stopped(self) -> None:
        await self._stop.wait()

    async def put(self, chunk: Chunk) -> None:
        """Hand a chunk over, when there is room; a stopped statement's chunks are dropped."""
        await self._room.acquire()
        if self.stopped:
            self._room.release()
        else:
            self._outcome.put_nowait(chunk)

    def finish(self, outcome: OmptoolError | None) -> None:
        """The last word: how it ended."""
        if not self._ended.is_set():
            self._ended.set()
            self.job = _DONE
            self._outcome.put_nowait(outcome)


class WorkerPool:
    """Workers over one lake; an async context manager."""

    def __init__(self, lake: Path, limits: Limits) -> None:
        """Nothing starts before the context is entered.

        Args:
            lake: the folder; its newest version is read anew by each statement.
        """
        self._lake = lake
        self._limits = limits
        self._queue: asyncio.Queue[Run] = asyncio.Queue(limits.workers + WAITING)
        self._slots: list[asyncio.Task[None]] = []
        self._numbers = itertools.count(1)
        self._running: set[Run] = set()
        self._workers: list[WorkerProcess] = []
        self.lacks: tuple[str, ...] = ()
        """What this platform cannot protect against; for the operator to read at the start."""

    async def __aenter__(self) -> WorkerPool:
        """Start all workers.

        Raises:
            OmptoolError: no worker starts.
        """
        await self.tables()
        workers = await asyncio.gather(*(self._start() for _ in range(self._limits.workers)), return_exceptions=True)
        if failed := [worker for worker in workers if isinstance(worker, BaseException)]:
            await asyncio.gather(*(worker.end() for worker in workers if isinstance(worker, WorkerProcess)))
            raise failed[0]
        started = [worker for worker in workers if isinstance(worker, WorkerProcess)]
        self.lacks = started[0].lacks
        self._workers = started
        self._slots = [asyncio.create_task(self._slot(place)) for place in range(len(started))]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what runs and end all workers."""
        for slot in self._slots:
            slot.cancel()
        await asyncio.gather(*self._slots, return_exceptions=True)
        while not self._queue.empty():
            self._running.add(self._queue.get_nowait())
        for run in self._running:
            run.finish(QueryError("the server is stopping"))

    @property
    def processes(self) -> tuple[int, ...]:
        """Process numbers of the workers."""
        return tuple(worker.pid for worker in self._workers)

    def submit(self, job: Job) -> Run:
        """Queue a statement.

        Raises:
            Busy: too many wait already.
        """
        run = Run(job)
        try:
            self._queue.put_nowait(run)
        except asyncio.QueueFull:
            raise Busy(f"{WAITING} statements are waiting already", "try again in a moment") from None
        return run

    async def tables(self) -> Catalog:
        """What statements can name, as the lake is now.

        Raises:
            LakeError: it cannot be read.
        """
        return await asyncio.to_thread(_catalog, self._lake)

    async def _start(self) -> WorkerProcess:
        limits = self._limits
        return await WorkerProcess.start(
            {
                "lake": str(self._lake.absolute()),
                "memory": limits.memory,
                "temporary": limits.temporary,
                "threads": limits.threads,
                "statement_s": limits.statement_s,
                "result_bytes": limits.result_bytes,
            }
        )

    async def _slot(self, place: int) -> None:
        """Serve one statement after the other, with a new worker whenever the last one is gone."""
        try:
            while True:
                run = await self._queue.get()
                self._running.add(run)
                try:
                    if not self._workers[place].alive:
                        await self._replace(place)
                    run.finish(await self._serve(self._workers[place], run))
                    if self._workers[place].retired:
                        await self._replace(place)
                except OmptoolError as error:
                    run.finish(error)
                except OSError as error:  # no process, pipe or folder for a new worker now; the next one may have it
                    run.finish(Busy(f"no process for the statement: {(error.strerror or str(error)).lower()}"))
                self._running.discard(run)  # not when the server stops: whoever stops it has the last word
        finally:
            await self._workers[place].end()

    async def _replace(self, place: int) -> None:
        await self._workers[place].end()
        self._workers[place] = await self._start()

    async def _serve(self, worker: WorkerProcess, run: Run) -> OmptoolError | None:
        """Run a statement to its end, in good time."""
        if run.stopped:
            return QueryError(_CANCELLED)
        run.started.set()
        number = next(self._numbers)
        talk = asyncio.create_task(self._talk(worker, run, number))
        stop = asyncio.create_task(run.wait_stopped())
        try:
            wall = self._limits.statement_s + GRACE_S
            await asyncio.wait({talk, stop}, timeout=wall, return_when=asyncio.FIRST_COMPLETED)
            if talk.done():
                return talk.result()
            cancelled = run.stopped
            run.stop()
            await self._halt(worker, talk, number)
            return QueryError(_CANCELLED) if cancelled else too_long(self._limits.statement_s)
        finally:
            stop.cancel()
            if not talk.done():
                talk.cancel()
                worker.kill()

    async def _halt(self, worker: WorkerProcess, talk: asyncio.Task[OmptoolError | None], number: int) -> None:
        """Ask the worker to stop, and end it when it does not."""
        with contextlib.suppress(WorkerGone, TimeoutError):
            async with asyncio.timeout(GRACE_S):  # one that reads nothing any more would let us wait for ever
                await worker.send(Frame({"kind": "cancel", "number": number}))
                await asyncio.wait({talk})
        if not talk.done():
            worker.kill()
            await asyncio.wait({talk})

    async def _talk(self, worker: WorkerProcess, run: Run, number: int) -> OmptoolError | None:
        """Send the statement, hand over what comes; how it ended."""
        job = run.job
        order = {
            "kind": "run",
            "number": number,
            "statement": job.statement,
            "parameters": {name: pack(value) for name, value in job.parameters.items()},
            "tz": job.tz,
            "repeatable": job.repeatable,
            "result_bytes": job.result_bytes,
        }
        try:
            await worker.send(Frame(order))
            while True:
                head, body = await worker.receive()
                if head["kind"] == "chunk":
                    await run.put(Chunk(body, head["rows"]))
                elif head["kind"] == "started":
                    run.columns = tuple(Column(*column) for column in head["columns"])
                    run.lake_version = head["versions"]
                else:
                    worker.retired = bool(head.get("retire"))
                    return _error(head) if head["kind"] == "error" else None
        except WorkerGone as gone:
            return _ended(worker, str(gone))
        except (KeyError, TypeError, ValueError):  # whoever breaks into a worker must not reach further than its pipe
            return _ended(worker, "it sent what is no message")


def _ended(worker: WorkerProcess, how: str) -> QueryError:
    worker.kill()
    return QueryError(
        f"the statement ended the process that ran it ({how})",
        "a new process takes the next statement; ask for fewer rows or columns, or group earlier",
    )


def too_long(seconds: float) -> StatementTimeout:
    """The error of a statement that was stopped for its time."""
    return StatementTimeout(
        f"the statement ran longer than it may ({seconds:g} s)",
        "ask for a shorter time, fewer tags, or group earlier",
    )


def _error(head: dict[str, Any]) -> OmptoolError:
    """The error that a worker reports, in its class."""
    found = getattr(errors, head["error"], OmptoolError)
    kind = found if isinstance(found, type) and issubclass(found, OmptoolError) else OmptoolError
    return kind(head["message"], head["hint"])


def _catalog(lake: Path) -> Catalog:
    from omptool.model.contracts import VIEWS
    from omptool.sources.lake import LakeSource
    from omptool.sql.views import sql_type

    tables = {view: tuple(Column(field.name, sql_type(field.type)) for field in VIEWS[view]) for view in VIEWS}
    return Catalog(tables, LakeSource(lake).versions)
