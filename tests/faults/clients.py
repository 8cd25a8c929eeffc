"""Starts captures as processes, and does to them what happens to processes."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from omptool.capture.reader import Capture
from omptool.cli.exits import ExitCode
from omptool.errors import OmptoolError, Unreachable
from tests.conftest import clean_environment
from tests.faults import scenario
from tests.faults.judge import NEVER_NS, S, Trouble
from tests.faults.scenario import Outcome, Troupe
from tests.faults.servers import TickingServer

SCRIPT = Path(__file__).with_name("client.py")


class Client:
    """One `omptool capture`."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self._clock = folder.with_suffix(".step")
        options = {"keep_alive_s": scenario.KEEP_ALIVE_S, "step": str(self._clock)}
        interval = f"{round(scenario.PUBLISHING_S * 1000)}ms"
        self.process = subprocess.Popen(
            [
                sys.executable, str(SCRIPT), json.dumps(options), "capture", url, "-o", str(folder),
                "--select", "Ticking/*", "--publishing-interval", interval, "--timeout", str(scenario.TIMEOUT_S),
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            env=clean_environment(folder.parent) | {"PYTHONPATH": str(SCRIPT.parents[2])}, cwd=folder.parent,
        )  # fmt: skip

    async def flow(self, since_ns: int, what: str) -> None:
        """Return when a second's worth of values shown after `since_ns` is on disk."""
        async with asyncio.timeout(scenario.PATIENCE_S):
            while (self._last_ns() or 0) < since_ns + S:
                if self.process.poll() is not None:
                    self._ended(what)
                await asyncio.sleep(0.5)

    def _ended(self, what: str) -> None:
        error = f"{what}: {self.process.communicate()[1]}"
        raise Unreachable(error) if self.process.returncode == ExitCode.UNREACHABLE else AssertionError(error)

    def _last_ns(self) -> int | None:
        try:
            return Capture.open(self.folder).last_time
        except OmptoolError:
            return None  # not there yet

    def kill(self) -> None:
        """SIGKILL, as a power cut."""
        self.process.kill()
        self.process.communicate()

    def fill_disk(self, more: int) -> None:
        """No file of it grows by more than so many bytes."""
        size = max(file.stat().st_size for file in self.folder.glob("*.arrows")) + more
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, size))

    def set_clock(self, seconds: float) -> None:
        """The wall clock is off by so much from now on."""
        temporary = self._clock.with_suffix(".new")
        temporary.write_text(str(seconds))
        temporary.replace(self._clock)

    async def ended(self) -> tuple[int, str]:
        """Exit code and stderr, after it ended by itself."""
        _, err = await asyncio.to_thread(self.process.communicate, timeout=scenario.PATIENCE_S)
        return self.process.returncode, err

    async def stop(self) -> tuple[int, str]:
        """As Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return await self.ended()


Harm = Callable[[Client], Awaitable[list[Trouble]]]
"""What is done to a client; returns when it has ended."""


async def killed(client: Client) -> list[Trouble]:
    begun = time.time_ns()
    client.kill()
    return [Trouble(begun, NEVER_NS)]


async def starved(client: Client) -> list[Trouble]:
    """The disk is full for good: it gives up, and says why."""
    begun = time.time_ns()
    client.fill_disk(6000)
    code, err = await client.ended()
    assert code == 1, err
    assert "no space left" in err, err
    return [Trouble(begun, NEVER_NS)]


def clock_set(*steps: float) -> Harm:
    """The wall clock is set, several times; nothing is lost by that."""

    async def harm(client: Client) -> list[Trouble]:
        for step in steps:
            client.set_clock(step)
            await client.flow(time.time_ns(), f"after a step of the clock to {step} s")
        code, err = await client.stop()
        assert code == 130, err
        return []

    return harm


HARMS: dict[str, Harm] = {
    "client-killed": killed,
    "disk-full": starved,
    "clock-forward": clock_set(3600.0),
    "clock-back": clock_set(-3600.0),
    "clock-to-and-fro": clock_set(-30.0, 30.0, 0.0),
}


async def run(name: str, server: TickingServer, troupe: Troupe, harm: Harm) -> Outcome:
    """Capture in a process, and harm it."""
    outcome = Outcome(name, server, troupe.home / f"{name}-{server.name}.omcap")

    async def begin() -> Client:
        client = Client(server.url, outcome.folder)
        try:
            await client.flow(0, "it did not begin")
        except BaseException:
            client.kill()
            raise
        return client

    client = await troupe.start(begin)
    try:
        outcome.troubles = await harm(client)
    finally:
        client.kill()
    return outcome
