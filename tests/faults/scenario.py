"""One capture through a proxy that does harm, and what can be said about it afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from omptool.capture.reader import Capture
from omptool.capture.recorder import record
from omptool.capture.recording import Intervals, Limits, Progress, Selection, Wanted
from omptool.capture.verify import Verification, verify
from omptool.config import ServerConfig
from omptool.errors import Unreachable
from tests.faults import disk
from tests.faults.evidence import rows_of, windows_of
from tests.faults.faults import Fault
from tests.faults.judge import NEVER_NS, Finding, Row, S, Trouble, Window, back_ns, judge, union_ns
from tests.faults.proxy import Proxy, Workshop
from tests.faults.servers import TickingServer
from tests.faults.ticking import NODES, PERIOD_MS

T = TypeVar("T")

PUBLISHING_S = 0.1
KEEP_ALIVE_S = 1.0
TIMEOUT_S = 1.5
"""Time-out of each request; with 1.5 keep-alive intervals more, silence is noticed after 3 s."""

GOAL_S = 10.0
"""Data flow again so soon after a fault; tests allow five times as much, for they share their computer."""

PATIENCE_S = 5 * GOAL_S
STEADY_ROWS = round(1.0 * 1000 / PERIOD_MS) * len(NODES)
"""A second's worth: so much must come before something is broken, and after it."""


@dataclass
class Outcome:
    """What became of one capture; times Unix nanoseconds."""

    name: str
    server: TickingServer
    folder: Path
    interval_ns: int = round(PUBLISHING_S * S)
    troubles: list[Trouble] = field(default_factory=list)
    stuck: str = ""
    connections: int = 0

    @cached_property
    def rows(self) -> list[Row]:
        return rows_of(self.folder)

    @cached_property
    def windows(self) -> list[Window]:
        return windows_of(self.folder)

    @cached_property
    def verification(self) -> Verification:
        return verify(Capture.open(self.folder))

    def findings(self) -> list[Finding]:
        return judge(self.server.shown(), self.rows, self.windows, self.troubles, self.interval_ns)

    def figures(self) -> dict[str, float]:
        """Seconds: of the faults, of the windows, and the longest until values came again."""
        rows, windows = self.rows, self.windows
        nexts = [*(trouble.begun_ns for trouble in self.troubles[1:]), NEVER_NS]
        ended = [(t, until) for t, until in zip(self.troubles, nexts, strict=False) if t.ended_ns < NEVER_NS]
        back = [back_ns(t, until, rows) - t.ended_ns for t, until in ended]
        return {
            "fault": sum(t.ended_ns - t.begun_ns for t, _ in ended) / S,
            "windows": union_ns([(w.start_ns, w.end_ns or w.start_ns) for w in windows]) / S,
            "back": max([0, *back]) / S,
        }


async def until(condition: Callable[[], bool], what: str, every_s: float = 0.05) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110  a plain figure, as a screen reads it
                await asyncio.sleep(every_s)
    except TimeoutError:
        raise TimeoutError(what) from None


class Watch:
    """Follows a capture while it is written: by its counter first, because opening it costs something."""

    def __init__(self, folder: Path, rows: Callable[[], int]) -> None:
        self._folder = folder
        self._rows = rows

    async def flow(self, since_ns: int, what: str) -> None:
        """Return when a second's worth of values shown after `since_ns` is on disk."""
        rows = self._rows() + STEADY_ROWS
        await until(lambda: self._rows() >= rows, what)
        await until(lambda: (last_ns(self._folder) or 0) > since_ns + S, what, every_s=0.3)


def last_ns(folder: Path) -> int | None:
    """The newest time in a capture, Unix nanoseconds."""
    return Capture.open(folder).last_time


@dataclass(frozen=True)
class Stage:
    """Where one capture happens."""

    server: TickingServer
    proxy: Proxy
    folder: Path
    watch: Watch


Step = Callable[[Stage], Awaitable[Trouble]]
"""Something that goes wrong; returns when data flow again."""


def volley(*faults: Fault) -> Step:
    """Faults of the connection that are ordered together: the first begins it, others may hit the way back from it.

    One that waits for a message which does not come has not happened.
    """

    async def suffer(stage: Stage) -> Trouble:
        await asyncio.sleep(faults[0].pause_s)
        incidents = [await asyncio.to_thread(stage.proxy.inflict, fault) for fault in faults]
        begun = await asyncio.wait_for(asyncio.wrap_future(incidents[0].begun), PATIENCE_S)
        over, ended_ns = 0, 0
        while (happened := [incident for incident in incidents if incident.begun.done()])[over:]:
            over = len(happened)
            ends = [await asyncio.wait_for(asyncio.wrap_future(each.ended), PATIENCE_S) for each in happened]
            ended_ns = max(end.unix_ns for end in ends)
            await stage.watch.flow(ended_ns, f"no data after {' + '.join(map(str, faults))}")
        for incident in incidents:
            await asyncio.to_thread(stage.proxy.withdraw, incident)
        return Trouble(begun.unix_ns, ended_ns)

    return suffer


def server_killed(seconds: float) -> Step:
    """SIGKILL, and started again after so long; at another port, which the proxy knows."""

    async def suffer(stage: Stage) -> Trouble:
        begun = time.time_ns()
        await asyncio.to_thread(stage.server.kill)
        await asyncio.sleep(seconds)
        stage.server.start()
        await asyncio.to_thread(stage.server.ready)
        stage.proxy.target = stage.server.url
        ended = time.time_ns()
        await stage.watch.flow(ended, "no data after the server was started again")
        return Trouble(begun, ended)

    return suffer


def server_stopped(seconds: float) -> Step:
    """It does nothing for so long, as when its computer is overloaded; its connections stand."""

    async def suffer(stage: Stage) -> Trouble:
        begun = time.time_ns()
        stage.server.stop()
        await asyncio.sleep(seconds)
        stage.server.go_on()
        ended = time.time_ns()
        await stage.watch.flow(ended, "no data after the server went on")
        return Trouble(begun, ended)

    return suffer


def disk_stalled(seconds: float) -> Step:
    """Nothing of this capture reaches the disk for so long; the connection is as good as ever."""

    async def suffer(stage: Stage) -> Trouble:
        begun = time.time_ns()
        with disk.stalled(stage.folder):
            await asyncio.sleep(seconds)
        ended = time.time_ns()
        await stage.watch.flow(ended, "no data after the disk went on")
        return Trouble(begun, ended)

    return suffer


@dataclass
class Troupe:
    """What captures that run side by side share.

    Attributes:
        starting: few at a time begin, for browsing is work; then all go on together.
    """

    workshop: Workshop
    home: Path
    starting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    async def run(self, name: str, server: TickingServer, steps: Sequence[Step]) -> Outcome:
        """Capture through a proxy of its own while these things go wrong, one after the other."""
        outcome = Outcome(name, server, self.home / f"{name}.omcap")
        with self.workshop.proxy(server.url) as proxy:
            try:
                await self._capture(outcome, proxy, steps)
            except TimeoutError as error:
                outcome.stuck = str(error)
            outcome.connections = proxy.accepted
        return outcome

    async def _capture(self, outcome: Outcome, proxy: Proxy, steps: Sequence[Step]) -> None:
        progress, stop = Progress(), asyncio.Event()
        wanted = Wanted(ServerConfig(proxy.url, timeout_s=TIMEOUT_S), Intervals(PUBLISHING_S * 1000, 0.0))
        chosen, folder = Selection(("Ticking/*",)), outcome.folder
        watch = Watch(folder, lambda: progress.servers[0].rows)

        async def begin() -> asyncio.Task[object]:
            recording = asyncio.create_task(
                record([wanted], folder, selection=chosen, limits=Limits(), stop=stop, progress=progress)
            )
            begun = asyncio.create_task(watch.flow(0, "no data at all"))
            await asyncio.wait({recording, begun}, return_when=asyncio.FIRST_COMPLETED)
            begun.cancel()
            if recording.done():
                await recording
            return recording

        recording = await self.start(begin)
        try:
            for step in steps:
                outcome.troubles.append(await step(Stage(outcome.server, proxy, folder, watch)))
        finally:
            stop.set()
            await recording

    async def start(self, begin: Callable[[], Awaitable[T]]) -> T:
        """Begin when it is our turn, and again where a busy server did not answer in time: it leaves nothing behind."""
        async with self.starting:
            for _ in range(10):
                with contextlib.suppress(Unreachable):
                    return await begin()
            return await begin()
