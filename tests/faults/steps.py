"""What goes wrong in a capture, and when: steps, each of which says afterwards when it really was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from omptool.capture.reader import Capture
from omptool.errors import OmptoolError
from tests.faults import disk
from tests.faults.faults import Fault, Incident
from tests.faults.judge import S, Trouble
from tests.faults.proxy import Proxy
from tests.faults.servers import TickingServer

GOAL_S = 10.0
"""Data flow again so soon after a fault; tests allow five times as much, for they share their computer."""

PATIENCE_S = 5 * GOAL_S

WAY_BACK_S = 1.0
"""So long after the first values a client may still be on its way back: it asks for history then."""


class Subject(Protocol):
    """A capture under way."""

    async def flow(self, since_ns: int, what: str) -> None:
        """Return when a second's worth of values shown after this moment of the server's clock is on disk."""


@dataclass(frozen=True)
class Stage:
    """Where one capture happens."""

    server: TickingServer
    proxy: Proxy
    folder: Path
    subject: Subject

    async def flow(self, since_ns: int, what: str) -> None:
        """As `Subject.flow`, by the true clock."""
        await self.subject.flow(since_ns + self.server.ahead_ns, what)


Step = Callable[[Stage], Awaitable[Trouble]]
"""Something that goes wrong; returns when it is over, but perhaps before data flow again."""


def newest_ns(folder: Path) -> int | None:
    """SourceTimestamp of the newest row, Unix nanoseconds; the newest is not the latest where a clock was set."""
    try:
        capture = Capture.open(folder)
        batches = list(capture.batches(after_row=max(capture.rows - 1, 0)))
    except OmptoolError:
        return None  # not there yet
    return batches[-1][1].column("source_time").cast("int64")[-1].as_py() if batches else None


def has_come(newest: int | None, since_ns: int) -> bool:
    """Whether a row is of the second after `since_ns` or later, but not of another time of its clock."""
    return newest is not None and since_ns + S < newest < since_ns + 2 * PATIENCE_S * S


async def begun(incident: Incident) -> None:
    await asyncio.wait_for(asyncio.wrap_future(incident.begun), PATIENCE_S)


def volley(*faults: Fault) -> Step:
    """Faults of the connection that are ordered together: the first begins it, others may hit the way back from it.

    One that waits for a message which does not come has not happened.
    """

    async def suffer(stage: Stage) -> Trouble:
        await asyncio.sleep(faults[0].pause_s)
        incidents = [await asyncio.to_thread(stage.proxy.inflict, fault) for fault in faults]
        await begun(incidents[0])
        over, ended_ns = 0, 0
        while (happened := [incident for incident in incidents if incident.begun.done()])[over:]:
            over = len(happened)
            ends = [await asyncio.wait_for(asyncio.wrap_future(each.ended), PATIENCE_S) for each in happened]
            ended_ns = max(end.unix_ns for end in ends)
            if over < len(incidents):
                await stage.flow(ended_ns, f"no data after {' + '.join(map(str, faults))}")
                await asyncio.sleep(WAY_BACK_S)
                for incident in incidents:
                    await asyncio.to_thread(stage.proxy.withdraw, incident)
        return Trouble(incidents[0].begun.result().unix_ns, ended_ns)

    return suffer


def server_killed(seconds: float, *, ahead_s: float | None = None) -> Step:
    """SIGKILL, and started again after so long, perhaps with its clock off; at another port, which the proxy knows."""

    async def suffer(stage: Stage) -> Trouble:
        begun_ns, before_ns = time.time_ns(), stage.server.ahead_ns
        await asyncio.to_thread(stage.server.kill)
        await asyncio.sleep(seconds)
        if ahead_s is not None:
            stage.server.set_clock(ahead_s)
        stage.server.start()
        await asyncio.to_thread(stage.server.ready)
        stage.proxy.target = stage.server.url
        return Trouble(begun_ns, time.time_ns(), before_ns, stage.server.ahead_ns)

    return suffer


def server_stopped(seconds: float) -> Step:
    """It does nothing for so long, as when its computer is overloaded; its connections stand."""

    async def suffer(stage: Stage) -> Trouble:
        begun_ns = time.time_ns()
        stage.server.stop()
        await asyncio.sleep(seconds)
        stage.server.go_on()
        return Trouble(begun_ns, time.time_ns())

    return suffer


def server_clock_set(*seconds: float) -> Step:
    """Its clock is set, several times: values, PublishTimes and whatever else it stamps are on the new one."""

    async def suffer(stage: Stage) -> Trouble:
        begun_ns, before_ns = time.time_ns(), stage.server.ahead_ns
        for ahead_s in seconds:
            stage.server.set_clock(ahead_s)
            await stage.flow(time.time_ns(), f"after the server's clock was set to {ahead_s} s")
        return Trouble(begun_ns, time.time_ns(), before_ns, stage.server.ahead_ns)

    return suffer


def disk_stalled(seconds: float) -> Step:
    """Nothing of this capture reaches the disk for so long; the connection is as good as ever."""

    async def suffer(stage: Stage) -> Trouble:
        begun_ns = time.time_ns()
        with disk.stalled(stage.folder):
            await asyncio.sleep(seconds)
        return Trouble(begun_ns, time.time_ns())

    return suffer


def during(fault: Fault, harm: Step) -> Step:
    """While a fault of the connection goes on (or just after, where it is a moment) something else goes wrong too."""

    async def suffer(stage: Stage) -> Trouble:
        await asyncio.sleep(fault.pause_s)
        incident = await asyncio.to_thread(stage.proxy.inflict, fault)
        await begun(incident)
        trouble = await harm(stage)
        end = await asyncio.wait_for(asyncio.wrap_future(incident.ended), PATIENCE_S)
        return trouble.with_span(incident.begun.result().unix_ns, end.unix_ns)

    return suffer


def shifted(step: Step, seconds: float) -> Step:
    """The same, later."""

    async def later(stage: Stage) -> Trouble:
        await asyncio.sleep(seconds)
        return await step(stage)

    return later
