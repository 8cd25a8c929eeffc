"""One statement on the server: where it is, what it has answered so far, and who waits for it.

It belongs to nobody's connection: its result lies on disk until it is fetched or forgotten. The store that knows all
statements is in `store.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from omptool.cloud.server.models import Column, State, StatementStatus
from omptool.cloud.server.problems import Problem, refuse
from omptool.cloud.server.spool import Spool


class Chunk(Protocol):
    """A complete Arrow IPC stream with its number of rows."""

    @property
    def ipc(self) -> bytes: ...
    @property
    def rows(self) -> int: ...


class Run(Protocol):
    """A statement in a worker, or waiting for one; see `pool.Run`."""

    @property
    def started(self) -> asyncio.Event: ...
    @property
    def columns(self) -> Sequence[tuple[str, str]] | None: ...
    @property
    def lake_version(self) -> Mapping[str, int] | None: ...
    def chunks(self) -> AsyncIterator[Chunk]: ...
    async def cancel(self) -> None: ...


class Statement:
    """One statement."""

    def __init__(self, run: Run, spool: Spool, now: float) -> None:
        self.id = secrets.token_urlsafe(16)
        self.run = run
        self.created_at = datetime.now(UTC)
        self.touched = now
        self.waiting = 0
        self.chunks = self.rows = self.bytes = 0
        self.problem: Problem | None = None
        self.task: asyncio.Task[None] | None = None
        self.is_cancelled = False
        self._spool = spool
        self._end: State | None = None
        self._changed = asyncio.Event()

    @property
    def state(self) -> State:
        """Where it is."""
        return self._end or ("running" if self.run.started.is_set() or self.chunks else "queued")

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self._end is not None

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._spool.size

    def status(self) -> StatementStatus:
        """What a client is told."""
        columns, versions = self.run.columns, self.run.lake_version
        return StatementStatus(
            id=self.id,
            state=self.state,
            columns=None if columns is None else [Column(name=name, type=kind) for name, kind in columns],
            chunks=self.chunks,
            rows=self.rows,
            bytes=self.bytes,
            problem=self.problem,
            created_at=self.created_at,
            lake_version=None if versions is None else dict(versions),
        )

    def cancelled(self, why: Problem | None = None) -> None:
        """Note that it is being stopped, so that its end is no failure."""
        self.is_cancelled = True
        self.problem = why

    def end(self, problem: Problem | None = None) -> None:
        """Say that it has ended; with a problem, or after a cancel, what it has answered is thrown away."""
        if self.has_ended:
            return
        if self.is_cancelled:
            self._end = "cancelled"
        else:
            self._end, self.problem = ("failed" if problem else "succeeded"), problem
        if self._end != "succeeded":
            self.discard()
        self._tell()

    async def add(self, chunk: Chunk) -> None:
        """Keep one more chunk.

        Raises:
            OSError: no space left.
        """
        if self.is_cancelled:
            return
        await asyncio.to_thread(self._spool.append, chunk.ipc)
        self.chunks += 1
        self.rows += chunk.rows
        self.bytes += len(chunk.ipc)
        self._tell()

    async def chunk(self, number: int) -> bytes:
        """Chunk `number` as Arrow IPC stream.

        Raises:
            ApiError: not there, not there yet, or gone.
        """
        if self._end in ("failed", "cancelled"):
            what = "the statement failed" if self._end == "failed" else "the statement was cancelled"
            raise refuse("conflict", 409, f"{what}: it has no result", "its status says why")
        if number >= self.chunks:
            yet = "" if self.has_ended else " yet"
            raise refuse("not-found", 404, f"there is no chunk {number}{yet}", f"so far it has {self.chunks}")
        try:
            return await asyncio.to_thread(self._spool.read, number)
        except (ValueError, IndexError):  # thrown away meanwhile
            raise refuse("not-found", 404, "the result is gone", "submit the statement again") from None

    async def wait(self, seconds: float, *, beyond: int | None = None) -> None:
        """Wait for the end, or for more chunks than `beyond`, but no longer than `seconds`."""
        self.waiting += 1
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not self.has_ended and (beyond is None or self.chunks <= beyond):
                        await self._changed.wait()
        finally:
            self.waiting -= 1

    def discard(self) -> None:
        """Give the space of the result back."""
        self._spool.close()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
