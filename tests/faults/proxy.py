"""A TCP proxy that does harm on order: between a client and a server, and exactly as a `Fault` says.

All proxies share one event loop in a thread of its own, so that a busy test does not shift their faults. They look into
the bytes only to find where messages begin (`chunks`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from tests.faults.chunks import Chunk, Splitter
from tests.faults.faults import Fault, Incident, Kind, Moment, Way

T = TypeVar("T")

_CUTS = (Kind.RESET, Kind.CLOSE, Kind.REFUSE)
_AT_ONCE = (Kind.TRUNCATE, Kind.CORRUPT)


def now() -> Moment:
    return Moment(time.monotonic_ns(), time.time_ns())


class Workshop:
    """The thread in which proxies live."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)

    def __enter__(self) -> Workshop:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    @contextlib.contextmanager
    def proxy(self, target: str) -> Iterator[Proxy]:
        """A proxy to an `opc.tcp://` address until the block ends."""
        made = Proxy(target, self)
        self.do(made.start())
        try:
            yield made
        finally:
            self.do(made.stop())


class Proxy:
    """One listening address that leads to a server.

    Attributes:
        target: `opc.tcp://` address of the server; may change when it was started again elsewhere.
        url: what a client connects to.
        accepted: connections so far.
    """

    def __init__(self, target: str, workshop: Workshop) -> None:
        self.target = target
        self.url = ""
        self.accepted = 0
        self._workshop = workshop
        self._port = 0
        self._server: asyncio.Server | None = None
        self._lines: set[_Line] = set()
        self._incidents: list[Incident] = []
        self._listening: asyncio.Future[None] | None = None

    # from any thread

    def inflict(self, fault: Fault) -> Incident:
        """Order a fault; it begins when its message comes, or at once."""
        return self._workshop.do(self._inflict(fault))

    def withdraw(self, incident: Incident) -> None:
        """Forget a fault that has not begun."""
        self._workshop.do(self._withdraw(incident))

    # in the thread of the workshop

    async def start(self) -> None:
        await self._listen()
        assert self._server is not None
        self._port = self._server.sockets[0].getsockname()[1]
        path = "/" + self.target.partition("://")[2].partition("/")[2]
        self.url = f"opc.tcp://127.0.0.1:{self._port}{path if path != '/' else ''}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for line in list(self._lines):
            line.abort()
        await asyncio.gather(*(line.task for line in self._lines), return_exceptions=True)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)

    async def _inflict(self, fault: Fault) -> Incident:
        incident = Incident(fault)
        self._incidents.append(incident)
        if not fault.message:
            self._begin(incident)
        return incident

    async def _withdraw(self, incident: Incident) -> None:
        if not incident.begun.done():
            self._incidents.remove(incident)

    def _begin(self, incident: Incident) -> None:
        fault = incident.fault
        incident.begun.set_result(now())
        if fault.kind in _CUTS:
            for line in list(self._lines):
                line.cut(fault.kind)
        if fault.kind is Kind.REFUSE and self._server is not None:
            self._server.close()
            self._server = None
        if fault.kind is Kind.HOLE:
            for line in self._lines:
                line.holes |= fault.way
        if fault.kind not in _AT_ONCE:
            asyncio.get_running_loop().call_later(fault.seconds, self._end, incident)

    def _end(self, incident: Incident) -> None:
        self._incidents.remove(incident)
        incident.ended.set_result(now())
        for line in self._lines:
            line.look_again()
        if incident.fault.kind is Kind.REFUSE:
            self._listening = asyncio.ensure_future(self._listen())

    def strike(self, chunk: Chunk, way: Way) -> Incident | None:
        """A message is about to pass: begin what waited for it; the incident that hits just this message."""
        hit = None
        for incident in list(self._incidents):
            fault = incident.fault
            if incident.begun.done() or fault.message != chunk.name or not fault.way & way:
                continue
            incident.seen += 1
            if incident.seen >= fault.count:
                self._begin(incident)
                if fault.kind in _AT_ONCE:
                    hit = incident
                    self._end(incident)
        return hit

    def on(self, kind: Kind, way: Way) -> Fault | None:
        """The fault of this kind that goes on."""
        going = (i.fault for i in self._incidents if i.is_on and i.fault.kind is kind and i.fault.way & way)
        return next(going, None)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        line = _Line(self, reader, writer)
        self._lines.add(line)
        line.task = asyncio.current_task()
        try:
            await line.run()
        finally:
            self._lines.discard(line)


class _Line:
    """One connection of a client, and the one to the server that belongs to it."""

    task: asyncio.Task[None] | None

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.holes = Way(0)
        self._proxy = proxy
        self._client = reader, writer
        self._server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._changed = asyncio.Event()
        self._is_cut = False

    async def run(self) -> None:
        cut = next((kind for kind in _CUTS if self._proxy.on(kind, Way.BOTH)), None)
        if cut is not None:
            self.cut(cut)
            return
        hole = self._proxy.on(Kind.HOLE, Way.BOTH)
        self.holes |= hole.way if hole else Way(0)
        host, _, port = self._proxy.target.partition("://")[2].partition("/")[0].rpartition(":")
        try:
            self._server = await asyncio.open_connection(host, int(port))
        except OSError:
            self.cut(Kind.RESET)
            return
        up, down = self._client[0], self._server[0]
        pumps = [
            asyncio.ensure_future(self._pump(up, self._server[1], Way.UP)),
            asyncio.ensure_future(self._pump(down, self._client[1], Way.DOWN)),
        ]
        try:
            await asyncio.gather(*pumps)
        except (OSError, asyncio.CancelledError):
            self.cut(Kind.RESET)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self.cut(Kind.CLOSE)

    def abort(self) -> None:
        self.cut(Kind.RESET)
        assert self.task is not None
        self.task.cancel()

    def cut(self, kind: Kind) -> None:
        """End both connections, politely or not."""
        self._is_cut = True
        self.look_again()
        for _, writer in filter(None, (self._client, self._server)):
            if kind is not Kind.CLOSE and not writer.is_closing():
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            writer.close()

    def look_again(self) -> None:
        """Something began or ended."""
        self._changed.set()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way) -> None:
        """Read always, whatever is held on the way; hand on in order."""
        queue: asyncio.Queue[tuple[float, Chunk | None]] = asyncio.Queue()
        handing = asyncio.ensure_future(self._hand_on(queue, writer, way))
        splitter = Splitter()
        try:
            while data := await reader.read(1 << 16):
                delay = self._proxy.on(Kind.DELAY, way)
                due = time.monotonic() + (delay.delay_s if delay else 0.0)
                for chunk in splitter.feed(data):
                    queue.put_nowait((due, chunk))
            queue.put_nowait((0.0, Chunk("?", splitter.rest())))
            queue.put_nowait((0.0, None))
            await handing
        except ConnectionError:
            await self._thaw(way)
            if not self.holes:
                raise
            await handing  # in a black hole nobody hears of it
        finally:
            handing.cancel()
            await asyncio.gather(handing, return_exceptions=True)

    async def _hand_on(self, queue: asyncio.Queue[tuple[float, Chunk | None]], writer: Any, way: Way) -> None:
        while True:
            due, chunk = await queue.get()
            await asyncio.sleep(max(due - time.monotonic(), 0.0))
            data = b"" if chunk is None else chunk.data
            hit = None if chunk is None else self._proxy.strike(chunk, way)
            await self._thaw(way)
            if self._is_cut:
                return
            if self.holes & way:
                continue
            if chunk is None:
                writer.write_eof()
                return
            if hit is not None and hit.fault.kind is Kind.CORRUPT:
                at = hit.fault.offset % len(data)
                data = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
            if hit is not None and hit.fault.kind is Kind.TRUNCATE:
                writer.write(data[: hit.fault.offset])
                await writer.drain()
                self.cut(Kind.CLOSE)
                return
            await self._write(writer, data, way)

    async def _thaw(self, way: Way) -> None:
        while not self._is_cut and self._proxy.on(Kind.FREEZE, way):
            self._changed.clear()
            await self._changed.wait()

    async def _write(self, writer: asyncio.StreamWriter, data: bytes, way: Way) -> None:
        while (drip := self._proxy.on(Kind.DRIP, way)) and data and not self._is_cut:
            writer.write(data[: drip.drip_bytes])
            data = data[drip.drip_bytes :]
            await asyncio.sleep(drip.drip_s)
        writer.write(data)
        await writer.drain()
