"""The application on a socket: uvicorn in the event loop of whoever serves, without own signals, logs and banner."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from omptool.cloud.server.app import Renderer, create_app
from omptool.cloud.server.job import Limits
from omptool.cloud.server.pool import WorkerPool
from omptool.cloud.server.store import StatementStore
from omptool.errors import cannot_listen

HOST = "127.0.0.1"
_GRACE_S = 3
"""How long requests may take to end once everything has been stopped."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when connections are accepted."""
        await super().startup(sockets)
        self.listens.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the command line, which flushes, closes and says which one it was."""
        yield


def listen(port: int) -> socket.socket:
    """A socket that only this computer reaches.

    Raises:
        Busy: another process has the port.
        OutputFailed: the operating system does not let us listen.
    """
    try:
        return socket.create_server((HOST, port), backlog=128)
    except OSError as error:
        raise cannot_listen(error, HOST, port) from None


@contextlib.asynccontextmanager
async def serving(
    lake: Path,
    listening: socket.socket,
    token: str,
    limits: Limits,
    renderers: Mapping[str, Renderer],
    report: Callable[[BaseException], None],
) -> AsyncIterator[WorkerPool]:
    """Answer requests while the block runs; at its end everything that runs is stopped and everything kept is removed.

    Raises:
        OmptoolError: no worker starts.
    """
    store = StatementStore(report=report)
    async with WorkerPool(lake, limits) as pool:
        app = create_app(lake, token, pool, renderers, store=store, report=report)
        async with answering(app, store, listening):
            yield pool


@contextlib.asynccontextmanager
async def answering(app: FastAPI, store: StatementStore, listening: socket.socket) -> AsyncIterator[None]:
    """Answer requests to an application, and stop its statements, while the block runs."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="on",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await server.listens.wait()
        yield
    finally:
        await store.close()  # wakes everybody who waits for a statement
        server.should_exit = True
        await running
