"""The servers that cases name: each has a name in the reference (`press7:4840`) and a real port here."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from omptool.model import status as codes
from tests.cloud.clouds import running_cloud
from tests.cloud.scripted import Answer, Script, answer, problem, scripted, status
from tests.conftest import running_demo
from tests.errors.beside import beside
from tests.errors.given import Store
from tests.errors.refusing import refusing
from tests.errors.secured import FACES, secured

_ACKNOWLEDGE = struct.pack("<4s6I", b"ACKF", 28, 0, 65536, 65536, 0, 0)
_NAMES = (
    "press7", "closed", "silent", "web", "strict", "login", "full", "cloud401", "cloud302", "cloud503", "cloudslow",
    "cloudcut", "cloud", *FACES,
)  # fmt: skip
_NAMED = re.compile(rf"\b({'|'.join(_NAMES)}):\d+")


class Peers:
    """Servers by the name that cases use, each started when it is first named."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store
        self._stack = ExitStack()
        self._ports: dict[str, int] = {}
        self.token = b""
        """Of the cloud called `cloud`, once that runs."""

    def close(self) -> None:
        self._stack.close()

    def real(self, text: str) -> str:
        """`text` with the ports of this computer."""
        text = re.sub(r"\bPORTOF:(\w+):\d+", lambda match: str(self._port(match[1])), text)
        return _NAMED.sub(lambda match: f"127.0.0.1:{self._port(match[1])}", text)

    def shown(self, text: str) -> str:
        """`text` with the names that the reference uses."""
        for name, port in self._ports.items():
            shown = "8440" if name.startswith("cloud") else "4840"
            text = re.sub(rf"\b127\.0\.0\.1:{port}\b", f"{name}:{shown}", text)
            text = re.sub(rf"(?<=:){port}\b|(?<=port ){port}\b", shown, text)  # not any number that is equal to it
        return text.replace("not for 127.0.0.1", "not for moved")

    def _port(self, name: str) -> int:
        if name in FACES and name not in self._ports:
            self._ports |= self._stack.enter_context(beside(secured()))
        if name not in self._ports:
            self._ports[name] = self._stack.enter_context(self._opened(name))
        return self._ports[name]

    def _opened(self, name: str) -> contextlib.AbstractContextManager[int]:
        refused = {"strict": "BadSecurityPolicyRejected", "full": "BadTcpServerTooBusy"}
        if name in refused:
            error = struct.pack("<4sIIi", b"ERRF", 16, codes.code_of(refused[name]), -1)
            return speaking([error] if name == "full" else [_ACKNOWLEDGE, error])
        if name in _SCRIPTS:
            return self._scripted(_SCRIPTS[name])
        if name == "web":
            return speaking([b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"])
        opened: dict[str, Callable[[], contextlib.AbstractContextManager[int]]] = {
            "press7": self._plant, "closed": closed, "silent": silent, "cloud": self._cloud,
            "login": lambda: beside(refusing()),
        }  # fmt: skip
        return opened[name]()

    @contextlib.contextmanager
    def _plant(self) -> Iterator[int]:
        with running_demo(self._folder, "--speed", "60") as demo:
            yield int(demo.url.rsplit(":", 1)[1])

    @contextlib.contextmanager
    def _cloud(self) -> Iterator[int]:
        with running_cloud(self._folder, self._store.path("lake"), "--workers", "1") as cloud:
            self.token = cloud.token_file.read_bytes()
            yield int(cloud.url.rsplit(":", 1)[1])

    @contextlib.contextmanager
    def _scripted(self, script: Script) -> Iterator[int]:
        with scripted(self._folder, script) as cloud:
            yield int(cloud.url.rsplit(":", 1)[1])


_SCRIPTS: dict[str, Script] = {
    "cloud401": lambda _: answer(problem("unauthorized", "the token is not one of this server", code=401), 401),
    "cloud302": lambda _: Answer(302, headers={"Location": "https://elsewhere.example/v1/plant"}),
    "cloud503": lambda request: _plant_first(
        request.path, answer(problem("too-busy", "8 statements are waiting already", "try again", 503), 503)
    ),
    "cloudslow": lambda request: _plant_first(
        request.path,
        answer(
            status(
                state="failed",
                problem=problem("statement-timeout", "the statement ran longer than 300 s", "ask for less"),
            )
        ),
    ),
    "cloudcut": lambda request: _plant_first(request.path, Answer(200, b'{"id": "s1"' + b" " * 100, cut=20)),
}


def _plant_first(path: str, then: Answer) -> Answer:
    return answer({"plant": None}) if path == "/v1/plant" else then


@contextlib.contextmanager
def closed() -> Iterator[int]:
    """A port on which nothing listens, and nobody else can begin to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def speaking(answers: list[bytes]) -> Iterator[int]:
    """A port that answers each message with the next of `answers`, and then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        for data in answers:
                            connection.recv(65536)
                            connection.sendall(data)
                        connection.recv(65536)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
