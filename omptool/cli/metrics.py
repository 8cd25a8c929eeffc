"""`--metrics HOST:PORT`: how a recording is doing, in the text format that Prometheus scrapes.

Only reads `Progress`. A page is small and made when it is asked for; whoever asks slowly, or for something else, is
turned away and disturbs nothing. Everybody who reaches the address may read it, hence the loopback default.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from omptool import __version__
from omptool.cli import diagnostics
from omptool.errors import cannot_listen

if TYPE_CHECKING:
    from omptool.capture.recording.terms import Progress, ServerProgress
    from omptool.config.operations import Address

_PATIENCE_S = 5.0
_MAX_REQUEST = 16 << 10
_CONTENT = "text/plain; version=0.0.4; charset=utf-8"
_PHASES = ("connecting", "browsing", "subscribing", "capturing", "waiting")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Metrics:
    """Serves `facts` for as long as the block lasts; nothing where `address` is None.

    Raises:
        Busy, OutputFailed: nothing can listen there.
    """

    def __init__(self, address: Address | None, facts: Progress, folder: Path) -> None:
        self._address = address
        self._facts = facts
        self._folder = folder
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Metrics:
        if self._address is None:
            return self
        host, port = self._address
        try:
            self._server = await asyncio.start_server(self._answer, host, port, limit=_MAX_REQUEST)
        except OSError as error:
            raise cannot_listen(error, host, port, option="--metrics") from None
        bound = self._server.sockets[0].getsockname()
        others = "" if _is_loopback(host) else ", for everybody who reaches this computer"
        diagnostics.note(f"metrics: http://{f'[{host}]' if ':' in host else host}:{bound[1]}/metrics{others}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        try:
            with contextlib.suppress(*ends):
                async with asyncio.timeout(_PATIENCE_S):
                    request = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._response(request))
                    await writer.drain()
        finally:
            writer.close()

    def _response(self, request: bytes) -> bytes:
        method, target, *_ = [*request.split(b"\r\n", 1)[0].split(b" "), b"", b""]
        found = method in (b"GET", b"HEAD") and target.split(b"?")[0] in (b"/metrics", b"/")
        status, body = ("200 OK", text(self._facts, self._folder)) if found else ("404 Not Found", "see /metrics\n")
        data = body.encode()
        head = (f"HTTP/1.1 {status}", f"Content-Type: {_CONTENT}", f"Content-Length: {len(data)}", "Connection: close")
        return "\r\n".join([*head, "", ""]).encode() + (b"" if method == b"HEAD" else data)


class _Metric(NamedTuple):
    name: str
    kind: str
    help: str
    of: Callable[[ServerProgress], float]


_PER_SERVER = (
    _Metric("connected", "gauge", "1 while messages of the server come when they are due.", lambda s: s.is_connected),
    _Metric("items", "gauge", "Monitored items.", lambda s: s.nodes),
    _Metric("values_total", "counter", "Values stored.", lambda s: s.rows),
    _Metric("lag_seconds", "gauge", "From the arrival of a value to its being safe on disk.", lambda s: s.lag_s),
    _Metric("silence_seconds", "gauge", "Since the server was last heard.", lambda s: s.silence()),
    _Metric("reconnects_total", "counter", "Times it was connected again.", lambda s: max(s.connects - 1, 0)),
    _Metric("attempts", "gauge", "Attempts that failed since it was lost.", lambda s: s.attempts()),
    _Metric("client_slow_total", "counter", "Times omptool asked for nothing for too long.", lambda s: s.slow),
)


def text(facts: Progress, folder: Path) -> str:
    """The page."""
    return "".join(line + "\n" for line in _lines(facts, folder))


def _lines(facts: Progress, folder: Path) -> Iterator[str]:
    yield from _head("info", "gauge", "Which omptool records where.")
    yield _sample("info", {"version": __version__, "capture": folder.name}, 1)
    whole = [
        ("recording", "gauge", "1 while values count.", float(facts.is_capturing)),
        ("uptime_seconds", "gauge", "Since values began to count.", time.monotonic() - facts.started),
        ("written_bytes_total", "counter", "Bytes that are safe in the capture, of this run.", float(facts.bytes)),
    ]
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(folder if folder.is_dir() else folder.absolute().parent).free
        whole.append(("disk_free_bytes", "gauge", "Room left on the disk of the capture.", float(free)))
    for name, kind, meaning, value in whole:
        yield from _head(name, kind, meaning)
        yield _sample(name, {}, value)
    for metric in _PER_SERVER:
        yield from _head(f"server_{metric.name}", metric.kind, metric.help)
        for server in facts.servers:
            yield _sample(f"server_{metric.name}", {"server": server.label}, float(metric.of(server)))
    yield from _head("server_state", "gauge", "1 for the state that a server is in, 0 for the others.")
    for server in facts.servers:
        for phase in _PHASES:
            yield _sample("server_state", {"server": server.label, "state": phase}, float(server.phase == phase))
    yield from _head("server_gaps", "gauge", "Windows of this run in which values may be missing, by reason.")
    for server in facts.servers:
        for reason, count in sorted(dict(server.reasons).items()):
            yield _sample("server_gaps", {"server": server.label, "reason": reason}, count)


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP omptool_capture_{name} {meaning}"
    yield f"# TYPE omptool_capture_{name} {kind}"


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    pairs = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"omptool_capture_{name}{'{' + pairs + '}' if pairs else ''} {value:.15g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"').encode(errors="replace").decode()
