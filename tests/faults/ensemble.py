"""Plays many cases side by side, and says of each what it is guilty of."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omptool.opcua.subscribing.items import queue_size
from tests.faults.cases import CASES, Case, Windows
from tests.faults.proxy import Workshop
from tests.faults.scenario import PUBLISHING_S, Outcome, Troupe
from tests.faults.servers import STACKS, TickingServer
from tests.faults.steps import PATIENCE_S, shifted
from tests.faults.ticking import PERIOD_MS

Key = tuple[str, str]
"""Name of a case, and of a stack."""

Ended = dict[Key, Outcome | BaseException]

QUEUES_S = 0.9 * queue_size(PUBLISHING_S * 1000, 0.0) * PERIOD_MS / 1000
"""What the queues at a server hold, nearly: a way back that is longer, on a busy computer, leaves windows too."""


@dataclass
class Ensemble:
    """Captures that share their servers.

    Attributes:
        shared: a server of each stack that nobody harms; `own` one that is harmed, by one case at a time.
        places: how many captures run at a time, so that they do not only measure each other.
    """

    troupe: Troupe
    shared: dict[str, TickingServer]
    own: dict[str, TickingServer]
    places: asyncio.Semaphore
    alone: dict[str, asyncio.Lock] = field(default_factory=lambda: {stack: asyncio.Lock() for stack in STACKS})

    async def play(self, key: Key, chance: random.Random) -> Outcome:
        name, stack = key
        case = CASES[name]
        steps = [shifted(step, chance.random() * 0.3) for step in case.steps]
        if not case.is_of_server:
            async with self.places:
                return await self.troupe.run(name, self.shared[stack], steps, case.capturing)
        async with self.alone[stack]:
            return await self.troupe.run(name, self.own[stack], steps, case.capturing)


@contextlib.contextmanager
def running(stacks: Iterable[str], home: Path) -> Iterator[dict[str, TickingServer]]:
    """A server of each of these stacks."""
    servers = {stack: STACKS[stack](home) for stack in stacks}
    try:
        for server in servers.values():
            server.start()
        for server in servers.values():
            server.ready()
        yield servers
    finally:
        for server in servers.values():
            server.kill()


def play_all(
    keys: Iterable[Key], shared: dict[str, TickingServer], workshop: Workshop, home: Path, *, seed: int, places: int
) -> Ended:
    """What became of each case."""
    keys, chance = list(keys), random.Random(seed)

    async def all_of_them(own: dict[str, TickingServer]) -> list[Outcome | BaseException]:
        ensemble = Ensemble(Troupe(workshop, home), shared, own, asyncio.Semaphore(places))
        return await asyncio.gather(*(ensemble.play(key, chance) for key in keys), return_exceptions=True)

    with running(sorted({stack for name, stack in keys if CASES[name].is_of_server}), home) as own:
        return dict(zip(keys, asyncio.run(all_of_them(own)), strict=True))


def charges_of(key: Key, outcome: Outcome | BaseException) -> list[str]:
    """What is wrong with a capture; empty = nothing."""
    if isinstance(outcome, BaseException):
        return [repr(outcome)]
    case: Case = CASES[key[0]]
    found = [str(finding) for finding in outcome.findings()] + [outcome.stuck] * bool(outcome.stuck)
    figures = outcome.figures()
    if figures["back"] >= PATIENCE_S:
        found.append("values came again too late")
    is_lost = STACKS[key[1]].sends_again_once and "republishing" in key[0]  # with the answer that did not arrive
    is_open = is_lost or figures["fault"] + figures["back"] >= QUEUES_S
    if case.windows is not Windows.PERHAPS and not is_open and bool(outcome.windows) is (case.windows is Windows.NONE):
        found.append(f"{len(outcome.windows)} windows")
    if case.told and case.told not in outcome.journal:
        found.append(f"its journal has no {case.told}")
    if outcome.verification.damage or outcome.verification.has_unexplained:
        found.append("verify does not agree")
    return found
