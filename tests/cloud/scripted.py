"""A cloud API on loopback that answers as a test tells it: hostile and broken servers do what a real one never does."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa

from omptool.config import CloudConfig

TOKEN = "scripted-token-0123456789"
ARROW = "application/vnd.apache.arrow.stream"


def ipc(table: pa.Table, **options: Any) -> bytes:
    """A chunk."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def status(**changes: object) -> dict[str, object]:
    """A StatementStatus."""
    return {
        "id": "s1", "state": "succeeded", "columns": None, "chunks": 1, "rows": 3, "bytes": 0, "problem": None,
        "created_at": "2026-01-01T00:00:00Z", "lake_version": None,
    } | changes  # fmt: skip


def problem(kind: str, detail: str, hint: str = "", code: int = 400) -> dict[str, object]:
    return {
        "type": f"urn:omptool:problem:{kind}", "title": kind, "status": code, "detail": detail, "hint": hint,
    }  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What goes back; `cut` is how many bytes of the body are really sent before the connection closes."""

    code: int = 200
    body: bytes = b""
    type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    hold: threading.Event | None = None
    """Set when it may be sent."""


def answer(document: object, code: int = 200) -> Answer:
    """JSON; a problem as such."""
    is_problem = isinstance(document, dict) and str(document.get("type", "")).startswith("urn:")
    kind = "application/problem+json" if is_problem else "application/json"
    return Answer(code, json.dumps(document).encode(), kind)


def chunk(table: pa.Table, **options: Any) -> Answer:
    return Answer(200, ipc(table, **options), ARROW)


@dataclass
class Request:
    """What came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


Script = Callable[[Request], Answer]


@dataclass
class Scripted:
    """A running server, the requests it got, and settings that lead to it."""

    url: str
    requests: list[Request]
    config: CloudConfig
    arrived: threading.Condition

    def settings(self) -> str:
        return f'[cloud.plant]\nurl = "{self.url}"\ntoken_file = "{self.config.token_file}"\ntimeout = "5s"\n'

    def asked(self, method: str, part: str) -> list[Request]:
        """Requests of a method whose path has `part`."""
        return [request for request in self.requests if request.method == method and part in request.path]

    def wait_for(self, method: str, part: str, count: int = 1) -> None:
        """Until so many such requests have arrived."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.asked(method, part)) >= count, timeout=60)


@contextlib.contextmanager
def scripted(folder: Path, script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """Serve `script` until the block ends; with `tls` over https."""
    requests: list[Request] = []
    arrived = threading.Condition()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path, dict(self.headers), json.loads(body) if body else None)
            with arrived:
                requests.append(request)
                arrived.notify_all()
            found = script(request)
            if found.hold is not None:
                found.hold.wait(60)
            with contextlib.suppress(OSError):
                self._send(found)

        def _send(self, found: Answer) -> None:
            self.send_response(found.code)
            self.send_header("Content-Type", found.type)
            for name, value in found.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in found.headers:
                self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body[: found.cut])
            self.wfile.flush()
            self.close_connection = found.cut is not None

        do_GET = do_POST = _serve  # noqa: N815  the names that http.server calls

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    token_file = folder / "scripted.token"
    token_file.write_text(TOKEN + "\n")
    token_file.chmod(0o600)
    url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    try:
        yield Scripted(url, requests, CloudConfig("plant", url, token_file, 5.0), arrived)
    finally:
        server.shutdown()
        server.server_close()


def simple(*answers: Answer, chunks: dict[int, list[Answer]] | None = None) -> Script:
    """Answers to submission and polls in order, the last one again and again; to each chunk likewise."""
    left = list(answers)
    parts = {number: list(given) for number, given in (chunks or {}).items()}

    def script(request: Request) -> Answer:
        if request.path == "/v1/plant":
            return answer({"plant": None})
        if "/chunks/" in request.path:
            given = parts[int(request.path.rsplit("/", 1)[1])]
            return given.pop(0) if len(given) > 1 else given[0]
        if request.path.endswith(":cancel"):
            return answer(status(state="cancelled"))
        return left.pop(0) if len(left) > 1 else left[0]

    return script
