"""Servers of this folder as processes that can be killed, stopped and started again; what they showed is in a file."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path

from tests.conftest import clean_environment
from tests.faults.ticking import NODES, Tick, ticks
from tests.peers.plants import node_binary

HERE = Path(__file__).parent


class TickingServer(ABC):
    """One server.

    Attributes:
        url: where it listens, as long as it lives; another one after a restart.
        sends_again_once: whether a message that was sent again is not kept for another time.
    """

    name: str
    sends_again_once = False

    def __init__(self, home: Path) -> None:
        self.url = ""
        self._home = home
        self._truth = home / f"truth-{self.name}-{id(self)}"
        self._clock = home / f"step-{self.name}-{id(self)}"

    @abstractmethod
    def command(self, options: str) -> list[str]:
        """How it is started."""

    def start(self) -> None:
        """Begin to start it; `ready` waits for it."""
        errors = (self._home / f"stderr-{self.name}").open("ab")
        with errors:
            self.process = subprocess.Popen(
                self.command(json.dumps({"truth": str(self._truth), "step": str(self._clock)})),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env=clean_environment(self._home) | {"PYTHONPATH": str(HERE.parents[1])}, cwd=self._home,
            )  # fmt: skip

    def ready(self) -> None:
        """Return when it listens."""
        assert self.process.stdout is not None
        line = next((line for line in self.process.stdout if line.startswith(b'{"url"')), b"")
        assert line, (self._home / f"stderr-{self.name}").read_text()
        self.url = json.loads(line)["url"]

    def kill(self) -> None:
        """SIGKILL, as a power cut."""
        self.process.kill()
        self.process.communicate()

    def stop(self) -> None:
        """It does nothing more, but its connections stand."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def set_clock(self, seconds: float) -> None:
        """Its clock is off by so much from now on, or from its next start on."""
        temporary = self._clock.with_suffix(".new")
        temporary.write_text(str(seconds))
        temporary.replace(self._clock)

    @property
    def ahead_ns(self) -> int:
        """How far its clock is off."""
        return round(float(self._clock.read_text()) * 1e9) if self._clock.exists() else 0

    def shown(self) -> list[Tick]:
        """Everything it gave out, in all its lives."""
        return ticks(self._lines())

    @property
    def place(self) -> int:
        """How many values it gave out so far; what comes from now on is behind this place of `shown`."""
        return len(self._lines()) * len(NODES)

    def _lines(self) -> list[int]:
        return [int(line) for line in self._truth.read_bytes().split(b"\n")[:-1]] if self._truth.exists() else []


class OwnStack(TickingServer):
    """omptool's own server, on asyncua."""

    name = "asyncua"

    def command(self, options: str) -> list[str]:
        return [sys.executable, str(HERE / "ticking_server.py"), options]


class ForeignStack(TickingServer):
    """node-opcua."""

    name = "node-opcua"

    def command(self, options: str) -> list[str]:
        return [str(node_binary()), str(HERE / "ticking_server.mjs"), options]


class StockStack(TickingServer):
    """asyncua's own server, subscriptions included."""

    name = "stock"
    sends_again_once = True

    def command(self, options: str) -> list[str]:
        return [sys.executable, str(HERE / "stock_server.py"), options]


STACKS: dict[str, type[TickingServer]] = {each.name: each for each in (OwnStack, ForeignStack, StockStack)}
