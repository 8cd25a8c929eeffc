"""Starts counting servers, and reads what a capture holds of them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from omptool.capture.reader import Capture
from tests.capture.counting_server import Options

SCRIPT = Path(__file__).with_name("counting_server.py")


@dataclass(frozen=True)
class CountingServer:
    """A running server."""

    url: str
    process: subprocess.Popen[str]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def counting_server(options: Options = Options()) -> Iterator[CountingServer]:  # noqa: B008  frozen
    """A counting server until the block ends."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), options.text()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={"PYTHONPATH": str(SCRIPT.parents[2]), "PATH": ""},
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start: {process.communicate()[1]}")
        yield CountingServer(json.loads(line)["url"], process)
    finally:
        process.kill()
        process.communicate()


def values(folder: Path) -> dict[str, list[float]]:
    """What each node's rows hold, by path, in order."""
    capture = Capture.open(folder)
    paths = {entry.handle: entry.node.path for entry in capture.nodes() if entry.handle}
    found: dict[str, list[float]] = defaultdict(list)
    for _, batch in capture.batches():
        for handle, value in zip(batch.column("node").to_pylist(), batch.column("v_f64").to_pylist(), strict=True):
            found[paths[handle]].append(value)
    return dict(found)


def assert_counts_without_hole(folder: Path) -> dict[str, list[float]]:
    """Every counter holds consecutive numbers: nothing lost, doubled or out of order."""
    found = values(folder)
    for path, numbers in found.items():
        assert numbers == [numbers[0] + offset for offset in range(len(numbers))], path
    return found
