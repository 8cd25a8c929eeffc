"""Every case on every stack with three seeds, which shift it against the publishing cycle and against each other.

The outcome is a table for docs/benchmarks.md; it is written to the file that OMPTOOL_FAULT_TABLE names.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.cases import CASES
from tests.faults.ensemble import Key, charges_of, play_all
from tests.faults.proxy import Workshop
from tests.faults.scenario import Outcome
from tests.faults.servers import STACKS, TickingServer

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

SEEDS = (1, 2, 3)
TOGETHER = 8
"""Captures side by side, so that they do not only measure each other."""

Result = tuple[Key, Outcome]
RESULTS: list[Result] = []


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    yield
    target = os.environ.get("OMPTOOL_FAULT_TABLE")
    if target:
        Path(target).write_text(render(RESULTS))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stack", STACKS)
def test_no_capture_lies(
    stack: str, seed: int, ticking: dict[str, TickingServer], workshop: Workshop, soon: None, tmp_path: Path
) -> None:
    keys = [(name, stack) for name in CASES]
    ended = play_all(keys, ticking, workshop, tmp_path, seed=seed, places=TOGETHER)
    RESULTS.extend((key, found) for key, found in ended.items() if isinstance(found, Outcome))
    guilty = {key[0]: charges for key, found in ended.items() if (charges := charges_of(key, found))}
    assert guilty == {}, json.dumps(guilty, indent=1)


def render(results: Sequence[Result]) -> str:
    """A row per case and stack; the worst of its seeds."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    lines = [
        f"Commit {commit.stdout.strip()}; {len(results)} captures, "
        f"{sum(len(outcome.rows) for _, outcome in results):,} rows.",
        "",
        "| case | server | seeds | fault s | ticks lost | windows s | back after s | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, stack in dict.fromkeys(key for key, _ in results):
        found = [outcome for key, outcome in results if key == (name, stack)]
        worst = {key: max(each.figures()[key] for each in found) for key in found[0].figures()}
        guilty = sum(bool(charges_of((name, stack), outcome)) for outcome in found)
        lines.append(
            f"| {name} | {stack} | {len(found)} | {worst['fault']:.1f} | {worst['lost']:.0f} | {worst['windows']:.1f} "
            f"| {worst['back']:.1f} | {f'{guilty} guilty' if guilty else 'true'} |"
        )
    return "\n".join(lines) + "\n"
