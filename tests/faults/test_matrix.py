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
from tests.faults.cases import CASES, HARMLESS, SERVER_CASES
from tests.faults.judge import Trouble
from tests.faults.proxy import Workshop
from tests.faults.scenario import PATIENCE_S, Outcome, Stage, Step, Troupe
from tests.faults.servers import STACKS, TickingServer

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

SEEDS = (1, 2, 3)
TOGETHER = 8
"""Captures side by side, so that they do not only measure each other."""

RESULTS: list[tuple[str, str, Outcome]] = []


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


async def in_turn(
    troupe: Troupe, stack: str, seed: int, shared: TickingServer, own: TickingServer
) -> dict[str, Outcome | BaseException]:
    """Everything of one stack: what needs a server of its own one after the other, the rest side by side."""
    chance = random.Random(seed)
    places, alone = asyncio.Semaphore(TOGETHER), asyncio.Lock()

    async def on_the_way(case: str) -> Outcome:
        steps = [shifted(step, chance.random() * 0.3) for step in CASES[case]]
        async with places:
            return await troupe.run(case, shared, steps)

    async def of_server(case: str) -> Outcome:
        async with alone:
            return await troupe.run(case, own, SERVER_CASES[case])

    async def of_client(case: str) -> Outcome:
        async with places:
            return await clients.run(case, shared, troupe, clients.HARMS[case])

    kinds = ((CASES, on_the_way), (SERVER_CASES, of_server), (clients.HARMS, of_client))
    runs = {case: run(case) for cases, run in kinds for case in cases}
    return dict(zip(runs, await asyncio.gather(*runs.values(), return_exceptions=True), strict=True))


def charges_of(case: str, outcome: Outcome | BaseException) -> list[str]:
    """What is wrong with a capture; empty = nothing."""
    if isinstance(outcome, BaseException):
        return [repr(outcome)]
    found = [str(finding) for finding in outcome.findings()] + [outcome.stuck] * bool(outcome.stuck)
    if outcome.figures()["back"] >= PATIENCE_S:
        found.append("values came again too late")
    if bool(outcome.windows) is (case in HARMLESS):
        found.append(f"{len(outcome.windows)} windows")
    if outcome.verification.damage or outcome.verification.has_unexplained:
        found.append("verify does not agree")
    return found


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
    RESULTS.extend((case, stack, found) for case, found in outcomes.items() if isinstance(found, Outcome))
    guilty = {case: charges for case, found in outcomes.items() if (charges := charges_of(case, found))}
    assert guilty == {}


def render(results: Sequence[tuple[str, str, Outcome]]) -> str:
    """A row per fault and stack; the worst of its seeds, seconds."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    lines = [
        f"Commit {commit.stdout.strip()}, {platform.machine()}, {os.cpu_count()} CPUs, {platform.system()} "
        f"{platform.release()}, CPython {platform.python_version()}; {len(results)} captures.",
        "",
        "| fault | stack | captures | rows | fault s | windows s | back after s | charges |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case, stack in dict.fromkeys((case, stack) for case, stack, _ in results):
        found = [outcome for name, on, outcome in results if (name, on) == (case, stack)]
        figures = [outcome.figures() for outcome in found]
        worst = {key: max(each[key] for each in figures) for key in figures[0]}
        rows = sum(len(outcome.rows) for outcome in found)
        charges = sum(len(charges_of(case, outcome)) for outcome in found)
        lines.append(
            f"| {case} | {stack} | {len(found)} | {rows:,} | {worst['fault']:.1f} | {worst['windows']:.1f} "
            f"| {worst['back']:.1f} | {charges or 'none'} |"
        )
    return "\n".join(lines) + "\n"
