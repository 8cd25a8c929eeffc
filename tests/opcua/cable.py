"""A cable that can be cut, swallow everything, and be mended: a TCP proxy in the event loop of a test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Cable:
    """Between a client and one server.

    Attributes:
        url: where the client connects to.
        is_dead: whether bytes vanish, in both directions and on new connections too.
        connections: made so far.
    """

    def __init__(self, host: str, port: int) -> None:
        self.url = ""
        self.is_dead = False
        self.connections = 0
        self._far = host, port
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def reset(self) -> None:
        """Both ends see a reset."""
        for writer in self._writers:
            writer.transport.abort()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._far)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        for source, target in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pump(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if not self.is_dead:
                    target.write(data)
        if not self.is_dead:
            target.transport.abort()


@contextlib.asynccontextmanager
async def cable(url: str) -> AsyncIterator[Cable]:
    """A cable to the server at `url`."""
    parts = urlsplit(url)
    made = Cable(str(parts.hostname), int(parts.port or 0))
    listener = await asyncio.start_server(made.join, "127.0.0.1", 0)
    made.url = f"opc.tcp://127.0.0.1:{listener.sockets[0].getsockname()[1]}{parts.path}"
    try:
        yield made
    finally:
        listener.close()
        made.reset()
