"""Starts load servers, and writes the settings file that names their machines."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.load.server import Options
from tests.load.truth import machine_name

ROOT = Path(__file__).parents[2]


@dataclass
class LoadServer:
    """A running server.

    Attributes:
        story: what it says at its end: what it queued, sent and discarded.
    """

    url: str
    options: Options
    process: subprocess.Popen[str]
    story: dict[str, Any] = field(default_factory=dict)

    def machine_url(self, number: int) -> str:
        return f"{self.url}/{machine_name(number)}"

    def settings(self) -> str:
        """omptool.toml with every machine by its name."""
        names = map(machine_name, range(self.options.machines))
        return "".join(f'[servers.{name}]\nurl = "{self.url}/{name}"\n\n' for name in names)

    def all_items(self, client: subprocess.Popen[Any]) -> float:
        """Wait until every item of every machine is monitored; when that was, in Unix seconds.

        Raises:
            RuntimeError: the client ended before.
        """
        assert self.process.stdout is not None
        while not select.select([self.process.stdout], [], [], 0.5)[0]:
            if client.poll() is not None:
                raise RuntimeError("the client ended before it had monitored all")
        return float(self._said()["all_items"])

    def counted(self) -> dict[str, int]:
        """What it counted so far."""
        self.process.send_signal(signal.SIGUSR1)
        counted: dict[str, int] = self._said()["counted"]
        return counted

    def _said(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the load server ended")
        said: dict[str, Any] = json.loads(line)
        return said

    def end(self) -> dict[str, Any]:
        """Stop it; what it says."""
        self.process.terminate()
        said, _ = self.process.communicate(timeout=60)
        self.story = json.loads(said.splitlines()[-1])
        return self.story


@contextlib.contextmanager
def load_server(options: Options) -> Iterator[LoadServer]:
    """A load server until the block ends, or `end` is called."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.load.server", options.text()],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the load server did not start")
        yield LoadServer(json.loads(line)["url"], options, process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
