"""What a look at a busy server says: not to have been seen is not the same as not to be there."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from omptool.capture.recording import choosing
from omptool.capture.recording.terms import Selection, ServerProgress
from omptool.errors import NotFound, OmptoolError, Unreachable
from omptool.model import status
from omptool.model.limits import Capacity
from omptool.model.nodes import Node

SESSION: Any = SimpleNamespace(url="opc.tcp://press7:4840", namespaces=["", "urn:a"], capacity=Capacity())
NODE = Node("nsu=urn:a;s=A", "Line1/A", "nsu=urn:a;A", node_class="Variable", data_type="Double")


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Browses a server of one Variable that answers for some nodes with a StatusCode instead."""

    def look(wanted: str, **refused: str) -> list[Node]:
        async def crawl(session: Any, *, on_progress: Any, on_problem: Any) -> list[Node]:
            for node, name in refused.items():
                on_problem(node, status.code_of(name))
            return [NODE]

        async def enrich(session: Any, nodes: list[Node]) -> list[Node]:
            return nodes

        monkeypatch.setattr(choosing, "crawl", crawl)
        monkeypatch.setattr(choosing, "enrich", enrich)
        progress = ServerProgress(SESSION.url)
        found, _ = asyncio.run(choosing.browse(SESSION, Selection((wanted,)), progress, is_alone=True))
        return found.chosen

    return look


@pytest.mark.parametrize("why", ["BadTimeout", "BadConnectionClosed", "BadNoContinuationPoints"])
def test_what_may_lie_below_a_node_that_did_not_answer_in_time_is_asked_for_again(looking: Any, why: str) -> None:
    with pytest.raises(Unreachable, match=rf"'Line2/\*' .* nobody could look below folder: {why}") as raised:
        looking("Line2/*", folder=why)
    assert "--timeout" in raised.value.hint


@pytest.mark.parametrize("refused", [{}, {"folder": "BadUserAccessDenied"}])
def test_what_is_not_there_is_not_found(looking: Any, refused: dict[str, str]) -> None:
    with pytest.raises(OmptoolError) as raised:
        looking("Line2/*", **refused)
    assert isinstance(raised.value, NotFound)


def test_what_is_found_is_taken_whoever_did_not_answer(looking: Any) -> None:
    assert looking("Line1/*", folder="BadTimeout") == [NODE]
