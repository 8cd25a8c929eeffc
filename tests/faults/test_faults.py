"""Captures through proxies that break the connection: every row is compared with what the server showed, and every
window with what was really broken. All captures of this file run side by side."""

from __future__ import annotations

import asyncio

import pytest

from omptool.capture.verify import COMPLETE, WINDOWS
from tests.faults import scenario
from tests.faults.cases import CASES
from tests.faults.proxy import Workshop
from tests.faults.scenario import Outcome
from tests.faults.servers import TickingServer

Key = tuple[str, str]
TRIED: list[Key] = [(case, stack) for case in CASES for stack in ("asyncua",)]
TRIED += [("nothing", "node-opcua"), ("freeze", "node-opcua")]


@pytest.fixture(scope="module")
def outcomes(
    ticking: dict[str, TickingServer], workshop: Workshop, soon: None, tmp_path_factory: pytest.TempPathFactory
) -> dict[Key, Outcome]:
    home = tmp_path_factory.mktemp("faults")

    async def everything() -> list[Outcome]:
        runs = (scenario.run(f"{c}-{s}", ticking[s], workshop, home, CASES[c]) for c, s in TRIED)
        return await asyncio.gather(*runs)

    return dict(zip(TRIED, asyncio.run(everything()), strict=True))


@pytest.mark.parametrize(("case", "stack"), TRIED)
def test_the_capture_tells_the_truth(
    case: str, stack: str, outcomes: dict[Key, Outcome], ticking: dict[str, TickingServer]
) -> None:
    outcome = outcomes[case, stack]
    assert outcome.stuck == ""
    assert outcome.findings(ticking[stack]) == []
    assert outcome.figures()["back"] < scenario.PATIENCE_S


@pytest.mark.parametrize(("case", "stack"), TRIED)
def test_verify_says_the_same(case: str, stack: str, outcomes: dict[Key, Outcome]) -> None:
    outcome = outcomes[case, stack]
    verification = outcome.verification
    assert verification.damage == ()
    assert not verification.has_unexplained
    has_windows = outcome.figures()["windows"] > 0
    assert {verdict.verdict for verdict in verification.verdicts} == {WINDOWS if has_windows else COMPLETE}
