"""Every fault on every stack with three seeds, which shift it against the publishing cycle and against each other.

The outcome is a table for docs/benchmarks.md; it is written to the file that OMPTOOL_FAULT_TABLE names.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults import clients
from tests.faults.cases import BEYOND, CASES, HARMLESS, SERVER_CASES
from tests.faults.judge import Trouble
from tests.faults.proxy import Workshop
from tests.faults.scenario import PATIENCE_S, Outcome, Stage, Step, Troupe
from tests.faults.servers import STACKS, TickingServer

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

SEEDS = (1, 2, 3)
TOGETHER = 8
"""Captures side by side, so that they do not only measure each other."""

RESULTS: list[tuple[str, str, int, Outcome]] = []


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    yield
    target = os.environ.get("OMPTOOL_FAULT_TABLE")
    if target:
        Path(target).write_text(render(RESULTS))


def shifted(step: Step, seconds: float) -> Step:
    async def later(stage: Stage) -> Trouble:
        await asyncio.sleep(seconds)
        return await step(stage)

    return later


async def in_turn(troupe: Troupe, stack: str, seed: int, shared: TickingServer, own: TickingServer) -> list[Outcome]:
    """Everything of one stack: what needs a server of its own one after the other, the rest side by side."""
    chance = random.Random(seed)
    places = asyncio.Semaphore(TOGETHER)

    async def one(case: str, server: TickingServer, steps: Sequence[Step]) -> Outcome:
        async with places:
            return await troupe.run(case, server, [shifted(step, chance.random() * 0.3) for step in steps])

    async def process(case: str) -> Outcome:
        async with places:
            return await clients.run(case, shared, troupe, clients.HARMS[case])

    async def alone() -> list[Outcome]:
        return [
            await troupe.run(case, own, steps) for case, steps in SERVER_CASES.items() if (case, stack) not in BEYOND
        ]

    runs = [one(case, shared, steps) for case, steps in CASES.items() if (case, stack) not in BEYOND]
    runs += [process(case) for case in clients.HARMS if (case, stack) not in BEYOND]
    *others, last = await asyncio.gather(*runs, alone())
    return [*others, *last]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stack", STACKS)
def test_no_capture_lies(
    stack: str, seed: int, ticking: dict[str, TickingServer], workshop: Workshop, soon: None, tmp_path: Path
) -> None:
    own = STACKS[stack](tmp_path)
    own.start()
    try:
        own.ready()
        outcomes = asyncio.run(in_turn(Troupe(workshop, tmp_path), stack, seed, ticking[stack], own))
    finally:
        own.kill()
    guilty = {}
    for outcome in outcomes:
        case = outcome.name.removesuffix(f"-{stack}")
        RESULTS.append((case, stack, seed, outcome))
        charges = [*map(str, outcome.findings()), outcome.stuck] if outcome.stuck else [*map(str, outcome.findings())]
        if outcome.figures()["back"] >= PATIENCE_S:
            charges.append("values came again too late")
        if bool(outcome.windows) is (case in HARMLESS):
            charges.append(f"{len(outcome.windows)} windows")
        if outcome.verification.damage or outcome.verification.has_unexplained:
            charges.append("verify does not agree")
        if charges:
            guilty[case] = charges
    assert guilty == {}


def render(results: Sequence[tuple[str, str, int, Outcome]]) -> str:
    """A row per fault and stack; the worst of its seeds, seconds."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    lines = [
        f"Commit {commit.stdout.strip()}, {platform.machine()}, {os.cpu_count()} CPUs, {platform.system()} "
        f"{platform.release()}, CPython {platform.python_version()}; {len(results)} captures.",
        "",
        "| fault | stack | captures | rows | fault s | windows s | back after s | charges |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case, stack in dict.fromkeys((case, stack) for case, stack, _, _ in results):
        found = [outcome for name, on, _, outcome in results if (name, on) == (case, stack)]
        figures = [outcome.figures() for outcome in found]
        worst = {key: max(each[key] for each in figures) for key in figures[0]}
        rows = sum(len(outcome.rows) for outcome in found)
        charges = sum(len(outcome.findings()) + bool(outcome.stuck) for outcome in found)
        lines.append(
            f"| {case} | {stack} | {len(found)} | {rows:,} | {worst['fault']:.1f} | {worst['windows']:.1f} "
            f"| {worst['back']:.1f} | {charges or 'none'} |"
        )
    return "\n".join(lines) + "\n"
