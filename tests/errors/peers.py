"""The servers that cases name: each has a name in the reference (`press7:4840`) and a real port here."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.conftest import running_demo


class Peers:
    """Servers by the name that cases use, each started when it is first named."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._ports: dict[str, int] = {}

    def close(self) -> None:
        self._stack.close()

    def real(self, text: str) -> str:
        """`text` with the ports of this computer."""
        return re.sub(r"\b(press7|closed|silent|web)(:\d+)", lambda match: f"127.0.0.1:{self._port(match[1])}", text)

    def shown(self, text: str) -> str:
        """`text` with the names that the reference uses."""
        for name, port in self._ports.items():
            text = text.replace(f"127.0.0.1:{port}", f"{name}:4840").replace(str(port), "4840")
        return text

    def _port(self, name: str) -> int:
        if name not in self._ports:
            opened = {"press7": self._plant, "closed": closed, "silent": silent}[name]
            self._ports[name] = self._stack.enter_context(opened())
        return self._ports[name]

    @contextlib.contextmanager
    def _plant(self) -> Iterator[int]:
        with running_demo(self._folder, "--speed", "60") as demo:
            yield int(demo.url.rsplit(":", 1)[1])


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
