"""One capture through a proxy that does harm, and what can be said about it afterwards."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from omptool.capture.reader import Capture
from omptool.capture.recording.recorder import record
from omptool.capture.recording.terms import Intervals, Limits, Progress, Selection, Wanted
from omptool.capture.verify import Verification, verify
from omptool.config import ServerConfig
from omptool.errors import Unreachable
from tests.faults.evidence import rows_of, windows_of
from tests.faults.judge import NEVER_NS, Finding, Row, S, Trouble, Window, back_ns, concerned, judge, union_ns
from tests.faults.proxy import Proxy, Workshop
from tests.faults.servers import TickingServer
from tests.faults.steps import PATIENCE_S, Stage, Step, Subject, has_come, newest_ns
from tests.faults.ticking import NODES, PERIOD_MS, Tick

PUBLISHING_S = 0.1
KEEP_ALIVE_S = 1.0
TIMEOUT_S = 1.5
"""Time-out of each request; with 1.5 keep-alive intervals more, silence is noticed after 3 s."""

CHANNEL_S = 16.0
"""Lifetime of secure channels: each is renewed after 12 s, whatever goes on then."""

STEADY_ROWS = round(1.0 * 1000 / PERIOD_MS) * len(NODES)
"""A second's worth: so much must come before something is broken, and after it."""


EARLIER = 5 * len(NODES)
"""Values shown just before a capture began that it may have too: as initial ones."""


@dataclass
class Outcome:
    """What became of one capture; times Unix nanoseconds.

    Attributes:
        place: of the first value in what the server ever gave out that concerns it; `shown` is all from there on.
    """

    name: str
    server: TickingServer
    folder: Path
    interval_ns: int = round(PUBLISHING_S * S)
    troubles: list[Trouble] = field(default_factory=list)
    stuck: str = ""
    place: int = 0
    shown: list[Tick] = field(default_factory=list)

    @cached_property
    def rows(self) -> list[Row]:
        return rows_of(self.folder)

    @cached_property
    def windows(self) -> list[Window]:
        return windows_of(self.folder)

    @cached_property
    def journal(self) -> set[str]:
        """Kinds of its entries."""
        return {entry.kind for entry in Capture.open(self.folder).journal_entries}

    @cached_property
    def verification(self) -> Verification:
        return verify(Capture.open(self.folder))

    def findings(self) -> list[Finding]:
        return judge(self.shown, self.rows, self.windows, self.troubles, self.interval_ns)

    def figures(self) -> dict[str, float]:
        """Ticks that are not there; seconds of the faults, of the windows, and the longest until values came again."""
        rows, windows = self.rows, self.windows
        nexts = [*(trouble.begun_ns for trouble in self.troubles[1:]), NEVER_NS]
        ended = [(t, until) for t, until in zip(self.troubles, nexts, strict=False) if t.ended_ns < NEVER_NS]
        back = [back_ns(t, until, rows) - t.ended_ns for t, until in ended]
        held = {row.tick for row in rows}
        lost = sum(tick not in held for tick in concerned(NODES[0], self.shown, rows))
        return {
            "lost": lost,
            "fault": sum(t.ended_ns - t.begun_ns for t, _ in ended) / S,
            "windows": union_ns([(w.start_ns, w.end_ns or w.start_ns) for w in windows]) / S,
            "back": max([0, *back]) / S,
        }


class InProcess:
    """A capture in this process: its counter is looked at first, because opening it costs something."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._folder = folder
        self._progress = progress

    async def flow(self, since_ns: int, what: str) -> None:
        rows = self._rows() + STEADY_ROWS
        await until(lambda: self._rows() >= rows, what)
        await until(lambda: has_come(newest_ns(self._folder), since_ns), what, every_s=0.3)

    def _rows(self) -> int:
        return self._progress.servers[0].rows if self._progress.servers else 0


async def until(condition: Callable[[], bool], what: str, every_s: float = 0.05) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110  a plain figure, as a screen reads it
                await asyncio.sleep(every_s)
    except TimeoutError:
        raise TimeoutError(what) from None


Capturing = Callable[[str, Path], contextlib.AbstractAsyncContextManager[Subject]]
"""Captures this address into this folder while the block runs; data flow when it begins."""


@contextlib.asynccontextmanager
async def in_process(url: str, folder: Path) -> AsyncIterator[Subject]:
    """A capture in this process.

    Raises:
        Unreachable: it did not begin, and left nothing behind.
    """
    progress, stop = Progress(), asyncio.Event()
    wanted = Wanted(ServerConfig(url, timeout_s=TIMEOUT_S), Intervals(PUBLISHING_S * 1000, 0.0))
    chosen, subject = Selection(("Ticking/*",)), InProcess(folder, progress)
    recording = asyncio.create_task(
        record([wanted], folder, selection=chosen, limits=Limits(), stop=stop, progress=progress)
    )
    began = asyncio.create_task(until(lambda: subject._rows() >= STEADY_ROWS, "no data at all"))
    await asyncio.wait({recording, began}, return_when=asyncio.FIRST_COMPLETED)
    began.cancel()
    if recording.done():
        await recording
    try:
        yield subject
    finally:
        stop.set()
        await recording


@dataclass
class Troupe:
    """What captures that run side by side share.

    Attributes:
        starting: few at a time begin, for browsing is work; then all go on together.
    """

    workshop: Workshop
    home: Path
    starting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    async def run(self, name: str, server: TickingServer, steps: Sequence[Step], capturing: Capturing) -> Outcome:
        """Capture through a proxy of its own while these things go wrong, one after the other."""
        outcome = Outcome(name, server, self.home / f"{name}-{server.name}.omcap".replace(" ", "-"))
        with self.workshop.proxy(server.url) as proxy:
            try:
                await self._capture(outcome, proxy, steps, capturing)
            except TimeoutError as error:
                outcome.stuck = str(error) or "it did not begin"
        outcome.shown = server.shown()[outcome.place :]
        return outcome

    async def _capture(self, outcome: Outcome, proxy: Proxy, steps: Sequence[Step], capturing: Capturing) -> None:
        async with contextlib.AsyncExitStack() as stack:

            async def begin() -> Subject:
                outcome.place = max(outcome.server.place - EARLIER, 0)
                return await stack.enter_async_context(capturing(proxy.url, outcome.folder))

            subject = await self._begin(begin)
            stage = Stage(outcome.server, proxy, outcome.folder, subject)
            for step in steps:
                trouble = await step(stage)
                outcome.troubles.append(trouble)
                if trouble.ended_ns < NEVER_NS:
                    await stage.flow(trouble.ended_ns, f"no data after step {len(outcome.troubles)}")

    async def _begin(self, begin: Callable[[], Awaitable[Subject]]) -> Subject:
        """When it is our turn, and again where a busy server did not answer in time: it leaves nothing behind."""
        async with self.starting:
            for _ in range(10):
                with contextlib.suppress(Unreachable):
                    return await begin()
            return await begin()
