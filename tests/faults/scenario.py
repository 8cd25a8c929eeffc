"""One capture through a proxy that does harm, and what can be said about it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from omptool.capture.reader import Capture
from omptool.capture.recorder import record
from omptool.capture.recording import Intervals, Limits, Progress, Selection, ServerProgress, Wanted
from omptool.capture.verify import Verification, verify
from omptool.config import ServerConfig
from tests.faults.evidence import rows_of, windows_of
from tests.faults.faults import Fault, Incident
from tests.faults.judge import NEVER_NS, Finding, S, Trouble, back_ns, judge, union_ns
from tests.faults.proxy import Proxy, Workshop
from tests.faults.servers import TickingServer
from tests.faults.ticking import NODES, PERIOD_MS

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
    folder: Path
    interval_ns: int = round(PUBLISHING_S * S)
    troubles: list[Trouble] = field(default_factory=list)
    stuck: str = ""
    connections: int = 0

    def findings(self, server: TickingServer) -> list[Finding]:
        return judge(server.shown(), rows_of(self.folder), windows_of(self.folder), self.troubles, self.interval_ns)

    @property
    def verification(self) -> Verification:
        return verify(Capture.open(self.folder))

    def figures(self) -> dict[str, float]:
        """Seconds: of the faults, of the windows, and the longest until values came again."""
        rows, windows = rows_of(self.folder), windows_of(self.folder)
        nexts = [*(trouble.begun_ns for trouble in self.troubles[1:]), NEVER_NS]
        back = [back_ns(t, until, rows) - t.ended_ns for t, until in zip(self.troubles, nexts, strict=False)]
        return {
            "fault": sum(t.ended_ns - t.begun_ns for t in self.troubles) / S,
            "windows": union_ns([(w.start_ns, w.end_ns or w.start_ns) for w in windows]) / S,
            "back": max([0, *back]) / S,
        }


async def until(condition: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110  a plain figure, as a screen reads it
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(what) from None


async def flow(progress: ServerProgress, what: str) -> None:
    """Return after a second's worth of rows more."""
    rows = progress.rows + STEADY_ROWS
    await until(lambda: progress.rows >= rows, what)


async def suffer(proxy: Proxy, progress: ServerProgress, fault: Fault) -> Trouble:
    """Let one fault happen, and wait until data flow again."""
    await asyncio.sleep(fault.pause_s)
    incident: Incident = await asyncio.to_thread(proxy.inflict, fault)
    begun = await asyncio.wait_for(asyncio.wrap_future(incident.begun), PATIENCE_S)
    ended = await asyncio.wait_for(asyncio.wrap_future(incident.ended), PATIENCE_S)
    await flow(progress, f"no data after {fault}")
    return Trouble(begun.unix_ns, ended.unix_ns)


async def run(name: str, server: TickingServer, workshop: Workshop, home: Path, faults: Sequence[Fault]) -> Outcome:
    """Capture through a proxy of its own while these faults happen, one after the other."""
    outcome = Outcome(name, home / f"{name}.omcap")
    progress, stop = Progress(), asyncio.Event()
    with workshop.proxy(server.url) as proxy:
        wanted = Wanted(ServerConfig(proxy.url, timeout_s=TIMEOUT_S), Intervals(PUBLISHING_S * 1000, 0.0))
        recording = asyncio.create_task(
            record(
                [wanted],
                outcome.folder,
                selection=Selection(("Ticking/*",)),
                limits=Limits(),
                stop=stop,
                progress=progress,
            )  # fmt: skip
        )
        try:
            await until(lambda: bool(progress.servers), "never began")
            await flow(progress.servers[0], "no data at all")
            for fault in faults:
                outcome.troubles.append(await suffer(proxy, progress.servers[0], fault))
        except TimeoutError as error:
            outcome.stuck = str(error)
        finally:
            stop.set()
            await recording
            outcome.connections = proxy.accepted
    return outcome
