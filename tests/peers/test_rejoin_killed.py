"""A killed capture goes on where it stood, on a foreign server that kept its session: not one value is missing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from omptool.capture import view
from omptool.capture.reader import Capture
from omptool.capture.verify import verify
from omptool.errors import OmptoolError
from omptool.model.times import unix_us
from tests.conftest import clean_environment
from tests.peers.plants import Plant

PERIOD_MS = 50
COUNTER = "Plant/Changing/Counter"


class Process:
    """One `omptool capture` in `home`, in a process of its own."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home = home
        self.folder = home / "x.omcap"
        command = ["capture", *arguments, "-o", "x.omcap", "--publishing-interval", "100ms", "--resume"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "omptool", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            env=clean_environment(home), cwd=home,
        )  # fmt: skip
        self.said = ""

    def wait_for(self, rows: int) -> int:
        """Return when the capture has so many rows; how many it has."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if (found := Capture.open(self.folder).rows) >= rows:
                    return found
            except OmptoolError:
                pass
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.05)
        raise AssertionError(f"no {rows} rows: {self.stop()}")

    def kill(self) -> None:
        self.process.kill()
        self._heard()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        self._heard()
        return self.process.returncode

    def _heard(self) -> None:
        out, err = self.process.communicate(timeout=60)
        self.said += out + err


def kept_files(home: Path) -> list[Path]:
    return sorted((home / "state").rglob("*.json"))


def ticks(folder: Path) -> list[int]:
    rows = [row for batch in view.telemetry(Capture.open(folder)) for row in batch.select(["time"]).to_pylist()]
    return [unix_us(row["time"]) // (1000 * PERIOD_MS) for row in rows]


def kinds(folder: Path, *wanted: str) -> list[str]:
    return [entry.kind for entry in Capture.open(folder).journal_entries if entry.kind in wanted]


def test_a_killed_capture_goes_on_without_a_gap(plant: Plant, tmp_path: Path) -> None:
    rows = 0
    for _ in range(3):
        running = Process(tmp_path, plant.url, "--select", COUNTER)
        rows = running.wait_for(rows + 15)
        running.kill()
        [kept] = kept_files(tmp_path)
        token = json.loads(kept.read_text())["token"]
    last = Process(tmp_path, plant.url, "--select", COUNTER)
    last.wait_for(rows + 15)
    assert last.stop() == 130
    found = ticks(last.folder)
    assert sorted(found) == list(range(min(found), max(found) + 1))
    capture = Capture.open(last.folder)
    assert capture.gap_entries == []
    verification = verify(capture)
    assert not verification.has_windows and not verification.damage
    assert kinds(last.folder, "subscribe", "resume", "resumed", "not_resumed", "stop") == [
        "subscribe", "resume", "resumed", "resume", "resumed", "resume", "resumed", "stop",
    ]  # fmt: skip
    assert kept_files(tmp_path) == []
    everything = b"".join(file.read_bytes() for file in last.folder.iterdir())
    assert token.encode() not in everything and bytes.fromhex(token) not in everything
    assert token not in last.said
