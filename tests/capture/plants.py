"""Simulated plants as processes that can be killed, stopped and started again, and what must be seen of them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from omptool.capture import view
from omptool.capture.reader import Capture
from omptool.demo.schedule import Plant as Schedule
from omptool.demo.truth import lines
from omptool.model.times import unix_us
from tests.conftest import clean_environment

Moment = tuple[str, int]
"""NodeId and source time, Unix nanoseconds."""


class PlantProcess:
    """A simulated plant that keeps its address over restarts."""

    def __init__(self, home: Path, seed: int) -> None:
        self.seed = seed
        self.port = 0
        self.url = ""
        self._home = home
        self.process: subprocess.Popen[str] | None = None

    def reserve(self) -> None:
        """Choose an address where nobody listens yet."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"opc.tcp://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin to start it; `ready` waits for it."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "omptool", "demo", "--port", str(self.port), "--seed", str(self.seed)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            env=clean_environment(self._home),
            cwd=self._home,
        )

    def ready(self) -> None:
        """Return when it listens."""
        assert self.process is not None and self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]
        self.port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """SIGKILL, as a power cut."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def truth(self, start_ns: int, end_ns: int) -> set[Moment]:
        """Every change in [start, end), as `demo --truth` prints it."""
        rows = (json.loads(line) for line in lines(Schedule(self.seed), start_ns, end_ns))
        return {(row["node_id"], _moment(row)) for row in rows if row["kind"] == "value"}


def captured(folder: Path, server: str) -> tuple[set[Moment], set[Moment]]:
    """What the rows of a server say: changes, and initial values."""
    live: set[Moment] = set()
    initial: set[Moment] = set()
    for batch in view.telemetry(Capture.open(folder)):
        for row in batch.select(["server", "node_id", "time", "time_ns", "origin"]).to_pylist():
            if row["server"] == server:
                moment = (row["node_id"], unix_us(row["time"]) * 1000 + row["time_ns"])
                (initial if row["origin"] == "initial" else live).add(moment)
    return live, initial


def _moment(row: dict[str, Any]) -> int:
    return unix_us(datetime.fromisoformat(row["time"])) * 1000 + int(row["time_ns"])
