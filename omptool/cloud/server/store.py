"""The statements that a server knows: bounded in number, bytes and time, so that no client can fill it up for good.

A statement that nobody asks about any more is stopped, a result that nobody fetches is thrown away.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from omptool.cloud.server import problems
from omptool.cloud.server.problems import ApiError, Problem, problem, refuse
from omptool.cloud.server.spool import Spool
from omptool.cloud.server.statements import Chunk, Run, Statement
from omptool.errors import Busy, OmptoolError

_SWEEP_S = 1.0
_RECENT_S = 30.0
"""A result that was asked for so lately is not thrown out for another one."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a store may hold.

    Attributes:
        statements: known at once, ended ones included.
        bytes: of all results together.
        keep_s: how long an ended statement is kept after somebody asked for it.
        abandon_s: how long a statement runs that nobody asks about.
    """

    statements: int = 200
    bytes: int = 4 << 30
    keep_s: float = 600
    abandon_s: float = 120


class StatementStore:
    """Every statement by id. An async context manager: at its end all are stopped and all results are removed."""

    def __init__(
        self,
        bounds: Bounds | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        report: Callable[[BaseException], None] = lambda _: None,
    ) -> None:
        """`report` gets every error that is a fault of the server."""
        self.bounds = bounds or Bounds()
        self._clock = clock
        self._report = report
        self._statements: dict[str, Statement] = {}
        self._keys: dict[str, tuple[bytes, str]] = {}
        self._folder: Path | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="omptool-cloud-"))  # mode 700
        self._sweeper = asyncio.create_task(self._sweep_for_ever())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop everything and take nothing new; whoever waits for a statement is told how it ended."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        try:
            await asyncio.gather(*map(self.cancel, self._statements.values()))
        finally:
            for statement in list(self._statements.values()):
                self._forget(statement)
            shutil.rmtree(self.folder, ignore_errors=True)

    def __len__(self) -> int:
        return len(self._statements)

    @property
    def folder(self) -> Path:
        """Where results lie."""
        assert self._folder is not None, "the store is not open"
        return self._folder

    def known(self, key: str, digest: bytes) -> Statement | None:
        """The statement that was submitted with this Idempotency-Key before.

        Raises:
            ApiError: that was another statement.
        """
        if key not in self._keys:
            return None
        before, identifier = self._keys[key]
        if before != digest:
            detail = "this Idempotency-Key belongs to another statement"
            raise refuse("conflict", 409, detail, "take a new key for every new statement")
        return self.get(identifier)

    def submit(self, start: Callable[[], Run], key: str | None = None, digest: bytes = b"") -> Statement:
        """Start a statement.

        Raises:
            ApiError: the server has too many.
        """
        if self._is_closed:
            raise refuse("too-busy", 503, "the server is stopping", "try again when it is back", {"Retry-After": "5"})
        self._make_room()
        spool = self._spool()
        try:
            run = start()
        except Busy as error:
            spool.close()
            raise refuse("too-busy", 503, error.message, error.hint, {"Retry-After": "1"}) from None
        statement = Statement(run, spool, self._clock())
        self._statements[statement.id] = statement
        if key is not None:
            self._keys[key] = (digest, statement.id)
        statement.task = asyncio.create_task(self._follow(statement))
        statement.task.add_done_callback(lambda task: self._followed(statement, task))
        return statement

    def _spool(self) -> Spool:
        try:
            return Spool(self.folder)
        except OSError as error:
            detail = f"the server cannot keep another result: {(error.strerror or str(error)).lower()}"
            raise refuse("too-busy", 503, detail, "try again later", {"Retry-After": "5"}) from None

    def get(self, identifier: str) -> Statement:
        """The statement of an id, which is kept for another while.

        Raises:
            ApiError: unknown, or forgotten.
        """
        statement = self._statements.get(identifier)
        if statement is None:
            minutes = f"{self.bounds.keep_s / 60:g}"
            hint = f"results are kept for {minutes} minutes after they were last asked for; submit the statement again"
            raise refuse("not-found", 404, "there is no statement of this id", hint)
        statement.touched = self._clock()
        return statement

    async def cancel(self, statement: Statement, why: Problem | None = None) -> None:
        """Stop a statement and wait until it has stopped; one that has ended stays as it is."""
        if statement.has_ended:
            return
        statement.cancelled(why)
        await statement.run.cancel()
        if statement.task is not None:
            await asyncio.wait({statement.task})

    async def _follow(self, statement: Statement) -> None:
        """Take what the worker sends until it ends, however it ends."""
        try:
            async for chunk in statement.run.chunks():
                self._make_space(statement, chunk)
                await statement.add(chunk)
            statement.end()
        except OmptoolError as error:
            statement.end(problems.of_statement(error))
        except ApiError as error:
            statement.end(error.problem)
        except OSError as error:
            detail = f"the server cannot keep the result: {(error.strerror or str(error)).lower()}"
            statement.end(problem("statement-failed", 507, detail, "select fewer rows or columns"))
        finally:
            await statement.run.cancel()  # where it was not the worker that came to the end

    def _followed(self, statement: Statement, task: asyncio.Task[None]) -> None:
        """A fault of ours ends its statement, not the server."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._report(error)
        statement.end(problem("internal", 500, "the server could not answer this statement", "its log says why"))

    def _make_room(self) -> None:
        """Forget ended statements, the one unasked for longest first, until there is room for one more."""
        for statement in self._ended():
            if len(self._statements) < self.bounds.statements:
                return
            self._forget(statement)
        if len(self._statements) >= self.bounds.statements:
            detail = f"the server has {len(self._statements)} statements that have not ended"
            raise refuse("too-busy", 503, detail, "try again soon", {"Retry-After": "1"})

    def _make_space(self, growing: Statement, chunk: Chunk) -> None:
        """Forget results until the next chunk of one fits."""
        excess = sum(one.size for one in self._statements.values()) + len(chunk.ipc) - self.bounds.bytes
        for statement in self._ended():
            if excess <= 0:
                return
            if statement.touched < self._clock() - _RECENT_S:
                excess -= statement.size
                self._forget(statement)
        if excess > 0:
            detail = "the server has no room for more results now"
            raise refuse("too-busy", 503, detail, "try again soon, or select fewer rows or columns")

    def _ended(self) -> list[Statement]:
        ended = (one for one in self._statements.values() if one.has_ended and not one.waiting)
        return sorted(ended, key=lambda one: one.touched)

    def _forget(self, statement: Statement) -> None:
        del self._statements[statement.id]
        self._keys = {key: value for key, value in self._keys.items() if value[1] != statement.id}
        statement.discard()

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            await self.sweep()

    async def sweep(self) -> None:
        """Forget what nobody fetches and stop what nobody asks about."""
        now = self._clock()
        for statement in list(self._statements.values()):
            if statement.waiting:
                statement.touched = now
            elif statement.has_ended and statement.touched < now - self.bounds.keep_s:
                self._forget(statement)
            elif not statement.has_ended and statement.touched < now - self.bounds.abandon_s:
                detail = f"nobody asked about the statement for {self.bounds.abandon_s:g} seconds"
                why = problem("statement-timeout", 504, detail, "ask for its status in time")
                await self.cancel(statement, why)
