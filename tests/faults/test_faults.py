"""Captures that somebody tries to break: every row is compared with what the server showed, and every window with what
was really broken. They all run side by side; `test_matrix` tries many more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from omptool.capture.verify import COMPLETE, WINDOWS
from tests.faults import clients, scenario
from tests.faults.cases import CASES, HARMLESS, SERVER_CASES
from tests.faults.proxy import Workshop
from tests.faults.scenario import Outcome, Troupe
from tests.faults.servers import STACKS, TickingServer

Key = tuple[str, str]
ON_THE_WAY: list[Key] = [
    ("nothing", "asyncua"), ("nothing", "node-opcua"),
    ("reset-at-publish", "asyncua"), ("close", "asyncua"), ("refuse", "asyncua"), ("three-resets", "asyncua"),
    ("half-open", "asyncua"), ("hole-up", "asyncua"), ("long-freeze-down", "asyncua"), ("freeze-up", "node-opcua"),
    ("delay-beyond-time-out", "node-opcua"), ("drip", "node-opcua"), ("truncate-publish", "asyncua"),
    ("corrupt-request-id", "asyncua"), ("corrupt-type", "asyncua"), ("corrupt-tail", "node-opcua"),
    ("reset-then-cut-items", "asyncua"), ("disk-stalled", "asyncua"), ("disk-stalled", "node-opcua"),
]  # fmt: skip
OF_SERVERS: list[Key] = [("server-killed-and-stopped", "asyncua")]
OF_CLIENTS: list[Key] = [("client-killed", "node-opcua"), ("disk-full", "asyncua"), ("clock-to-and-fro", "asyncua")]
TRIED = ON_THE_WAY + OF_SERVERS + OF_CLIENTS


class Ended(dict[Key, Outcome]):
    """What became of each; asking for one that failed raises why."""

    def __getitem__(self, key: Key) -> Outcome:
        outcome = super().__getitem__(key)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


async def everything(
    ticking: dict[str, TickingServer], own: dict[Key, TickingServer], workshop: Workshop, home: Path
) -> list[Outcome | BaseException]:
    troupe = Troupe(workshop, home)
    runs = [troupe.run(f"{case}-{stack}", ticking[stack], CASES[case]) for case, stack in ON_THE_WAY]
    runs += [troupe.run(case, own[case, stack], SERVER_CASES[case]) for case, stack in OF_SERVERS]
    runs += [clients.run(case, ticking[stack], troupe, clients.HARMS[case]) for case, stack in OF_CLIENTS]
    return await asyncio.gather(*runs, return_exceptions=True)


@pytest.fixture(scope="module")
def outcomes(
    ticking: dict[str, TickingServer], workshop: Workshop, soon: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Key, Outcome]]:
    home = tmp_path_factory.mktemp("faults")
    own = {(case, stack): STACKS[stack](home) for case, stack in OF_SERVERS}
    try:
        for server in own.values():
            server.start()
        for server in own.values():
            server.ready()
        ended = asyncio.run(everything(ticking, own, workshop, home))
        yield Ended(zip(TRIED, ended, strict=True))
    finally:
        for server in own.values():
            server.kill()


@pytest.mark.parametrize(("case", "stack"), TRIED)
def test_the_capture_tells_the_truth(case: str, stack: str, outcomes: dict[Key, Outcome]) -> None:
    outcome = outcomes[case, stack]
    assert outcome.stuck == ""
    assert outcome.findings() == []


@pytest.mark.parametrize(("case", "stack"), ON_THE_WAY + OF_SERVERS)
def test_data_flow_again_soon(case: str, stack: str, outcomes: dict[Key, Outcome]) -> None:
    assert outcomes[case, stack].figures()["back"] < scenario.PATIENCE_S


@pytest.mark.parametrize(("case", "stack"), TRIED)
def test_verify_says_the_same(case: str, stack: str, outcomes: dict[Key, Outcome]) -> None:
    verification = outcomes[case, stack].verification
    assert verification.damage == ()
    assert not verification.has_unexplained
    expected = COMPLETE if case in HARMLESS else WINDOWS
    assert {verdict.verdict for verdict in verification.verdicts} == {expected}
