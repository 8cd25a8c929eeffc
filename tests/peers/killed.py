"""A capture as a process that is killed, and what it leaves: its folder, and the file of its session elsewhere."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from omptool.capture import view
from omptool.capture.reader import Capture
from omptool.cli.exits import ExitCode
from omptool.errors import OmptoolError
from omptool.model.times import unix_us
from tests.conftest import clean_environment

PERIOD_MS = 50
COUNTER = "Plant/Changing/Counter"
PUBLISHING = "--publishing-interval"
PUBLISHING_MS = 100.0
QUEUE = 5000
"""Values that wait for whoever starts anew: minutes, for a busy computer takes its time."""


class Process:
    """One `omptool capture --resume` in `home`."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.folder = home / "x.omcap"
        often = [] if PUBLISHING in arguments else [PUBLISHING, f"{PUBLISHING_MS:g}ms"]
        often += ["--queue-size", str(QUEUE)]
        self._command = ["capture", *arguments, "-o", "x.omcap", *often, "--resume"]
        self._home = home
        self.said = ""
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "omptool", *self._command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            env=clean_environment(self._home), cwd=self._home,
        )  # fmt: skip

    def wait_for(self, rows: int) -> None:
        """Return when the capture has so many rows."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if Capture.open(self.folder).rows >= rows:
                    return
            except OmptoolError:
                pass  # not there yet
            if self.process.poll() == ExitCode.UNREACHABLE:  # a busy server; cron would start it again too
                self._listen()
                self._start()
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.05)
        raise AssertionError(f"no {rows} rows: {self.stop()} {self.said}")

    def kill(self) -> None:
        self.process.kill()
        self._listen()

    def stop(self) -> int:
        """As Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        self._listen()
        return self.process.returncode

    def ended(self) -> int:
        """The exit code, when it has ended by itself."""
        self._listen()
        return self.process.returncode

    def _listen(self) -> None:
        out, err = self.process.communicate(timeout=60)
        self.said += out + err


class Remains:
    """What a killed capture left, to be had again and again."""

    def __init__(self, home: Path, url: str) -> None:
        self.url, self.folder, self.state = url, home / "x.omcap", home / "state"
        running = Process(home, url, "--select", COUNTER)
        running.wait_for(15)
        running.kill()
        self._copy = home / "copy"
        for each in (self.folder, self.state):
            shutil.copytree(each, self._copy / each.name)

    def restore(self) -> Path:
        """Put everything back as it was; the file of the session."""
        for each in (self.folder, self.state):
            shutil.rmtree(each, ignore_errors=True)
            shutil.copytree(self._copy / each.name, each)
        [file] = session_files(self.state)
        return file


def session_files(state: Path) -> list[Path]:
    return sorted(state.rglob("*.json"))


def ticks_by_server(folder: Path) -> dict[str, list[int]]:
    """The numbers of the counter's values, in the order of the capture."""
    found: dict[str, list[int]] = {}
    for batch in view.telemetry(Capture.open(folder)):
        for row in batch.select(["server", "time"]).to_pylist():
            found.setdefault(row["server"], []).append(unix_us(row["time"]) // (1000 * PERIOD_MS))
    return found


def ticks(folder: Path) -> list[int]:
    """Likewise, of a capture of one server."""
    [found] = ticks_by_server(folder).values()
    return found


def kinds(folder: Path, *wanted: str) -> list[str]:
    return [entry.kind for entry in Capture.open(folder).journal_entries if entry.kind in wanted]


def causes(folder: Path, kind: str) -> list[str]:
    return [str(entry.detail.get("cause")) for entry in Capture.open(folder).journal_entries if entry.kind == kind]
