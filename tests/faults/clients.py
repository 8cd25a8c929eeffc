"""Captures as processes, and what happens to processes: killed, started again, starved of disk, given another clock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from omptool.cli.exits import ExitCode
from omptool.errors import Unreachable
from tests.conftest import clean_environment
from tests.faults import scenario
from tests.faults.judge import NEVER_NS, Trouble
from tests.faults.scenario import Capturing
from tests.faults.steps import PATIENCE_S, Stage, Step, Subject, has_come, newest_ns

SCRIPT = Path(__file__).with_name("client.py")


class Client:
    """One `omptool capture`, perhaps several processes one after the other."""

    def __init__(self, url: str, folder: Path, *flags: str, lifetime_s: float = 120.0) -> None:
        self.folder = folder
        self._url = url
        self._flags = flags
        self._lifetime_s = lifetime_s
        self._clock = folder.with_suffix(".step")
        self._is_ending = False
        self.start()

    def start(self, *more: str) -> None:
        """The same command, with more options."""
        options = {
            "keep_alive_s": scenario.KEEP_ALIVE_S, "lifetime_s": self._lifetime_s, "channel_s": scenario.CHANNEL_S,
            "step": str(self._clock),
        }  # fmt: skip
        interval = f"{round(scenario.PUBLISHING_S * 1000)}ms"
        self.process = subprocess.Popen(
            [
                sys.executable, str(SCRIPT), json.dumps(options), "capture", self._url, "-o", str(self.folder),
                "--select", "Ticking/*", "--publishing-interval", interval, "--timeout", str(scenario.TIMEOUT_S),
                *self._flags, *more,
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            env=clean_environment(self.folder.parent) | {"PYTHONPATH": str(SCRIPT.parents[2])}, cwd=self.folder.parent,
        )  # fmt: skip
        self._is_ending, self._is_resumed = False, "--resume" in more

    async def flow(self, since_ns: int, what: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not has_come(newest_ns(self.folder), since_ns):
                if self.process.poll() is not None and not self._is_ending:
                    self._again_or_ended(what)
                await asyncio.sleep(0.5)

    def _again_or_ended(self, what: str) -> None:
        """Whoever starts it again starts it once more when it says that a retry may help."""
        if not (self._is_resumed and self.process.returncode == ExitCode.UNREACHABLE):
            self._ended(what)
        self.process.communicate()
        self.start("--resume")

    def _ended(self, what: str) -> None:
        error = f"{what}: {self.process.communicate()[1]}"
        raise Unreachable(error) if self.process.returncode == ExitCode.UNREACHABLE else AssertionError(error)

    async def begin(self) -> None:
        """Return when data flow."""
        async with asyncio.timeout(PATIENCE_S):
            while newest_ns(self.folder) is None:
                if self.process.poll() is not None:
                    self._ended("it did not begin")
                await asyncio.sleep(0.3)
            await asyncio.sleep(1.0)

    def kill(self) -> None:
        """SIGKILL, as a power cut."""
        self._is_ending = True
        self.process.kill()
        self.process.communicate()

    def fill_disk(self, more: int) -> None:
        """No file of it grows by more than so many bytes."""
        self._is_ending = True
        size = max(file.stat().st_size for file in self.folder.glob("*.arrows")) + more
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, size))

    def set_clock(self, seconds: float) -> None:
        """The wall clock is off by so much from now on."""
        temporary = self._clock.with_suffix(".new")
        temporary.write_text(str(seconds))
        temporary.replace(self._clock)

    async def ended(self) -> tuple[int, str]:
        """Exit code and stderr, after it ended by itself."""
        _, err = await asyncio.to_thread(self.process.communicate, timeout=PATIENCE_S)
        return self.process.returncode, err

    async def stop(self) -> None:
        """As Ctrl-C."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            code, err = await self.ended()
            assert code == 130, err


def as_process(*flags: str, lifetime_s: float = 120.0) -> Capturing:
    """A capture in a process of its own."""

    @contextlib.asynccontextmanager
    async def capturing(url: str, folder: Path) -> AsyncIterator[Subject]:
        client = Client(url, folder, *flags, lifetime_s=lifetime_s)
        try:
            await client.begin()
            yield client
            await client.stop()
        finally:
            if client.process.poll() is None:
                client.kill()

    return capturing


def _client(stage: Stage) -> Client:
    assert isinstance(stage.subject, Client)
    return stage.subject


async def killed(stage: Stage) -> Trouble:
    """SIGKILL, and nobody starts it again."""
    begun_ns = time.time_ns()
    _client(stage).kill()
    return Trouble(begun_ns, NEVER_NS)


def killed_and_resumed(seconds: float) -> Step:
    """SIGKILL, and after so long `--resume`, which like every start takes a moment."""

    async def suffer(stage: Stage) -> Trouble:
        client, begun_ns = _client(stage), time.time_ns()
        client.kill()
        await asyncio.sleep(seconds)
        client.start("--resume")
        return Trouble(begun_ns, time.time_ns())

    return suffer


def stood_still(seconds: float) -> Step:
    """Its process does nothing for so long, as when its computer is overloaded or asleep; its connection stands."""

    async def suffer(stage: Stage) -> Trouble:
        process, begun_ns = _client(stage).process, time.time_ns()
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        process.send_signal(signal.SIGCONT)
        return Trouble(begun_ns, time.time_ns())

    return suffer


async def starved(stage: Stage) -> Trouble:
    """The disk is full for good: it gives up, and says why."""
    client, begun_ns = _client(stage), time.time_ns()
    client.fill_disk(6000)
    code, err = await client.ended()
    assert code == 1, err
    assert "no space left" in err, err
    return Trouble(begun_ns, NEVER_NS)


async def starved_and_resumed(stage: Stage) -> Trouble:
    """The disk is full, it gives up; somebody makes room and goes on."""
    begun_ns = (await starved(stage)).begun_ns
    _client(stage).start("--resume")
    return Trouble(begun_ns, time.time_ns())


def clock_set(*seconds: float) -> Step:
    """Its wall clock is set, several times; nothing is lost by that."""

    async def suffer(stage: Stage) -> Trouble:
        begun_ns = time.time_ns()
        for ahead_s in seconds:
            _client(stage).set_clock(ahead_s)
            await stage.flow(time.time_ns(), f"after a step of the client's clock to {ahead_s} s")
        return Trouble(begun_ns, time.time_ns())

    return suffer
