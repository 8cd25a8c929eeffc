"""Servers that make up nodes as they are asked: a crawl ends, keeps what it saw, and says where it did not look."""

from __future__ import annotations

import asyncio

import pytest
from asyncua import ua

from omptool.opcua import requests
from omptool.opcua.exploring import browsing, crawl
from tests.opcua.test_crawl import Tree


class Inventing(Tree):
    """Every node has a child that nobody has seen yet, or `fan` of them."""

    fan = 1

    def _page(self, parent: int, start: int) -> ua.BrowseResult:
        first = 1000 + (parent - 85) * self.fan if parent == 85 else 1000 + (parent - 999) * self.fan
        return ua.BrowseResult(References=[self._reference(first + index) for index in range(self.fan)])


def test_a_server_that_makes_up_a_deeper_node_each_time_is_left() -> None:
    problems: dict[str, int] = {}
    server = Inventing({})
    nodes = asyncio.run(crawl.crawl(server, on_problem=problems.__setitem__))  # type: ignore[arg-type]
    assert len(nodes) == crawl.MOST_LEVELS
    assert problems == {nodes[-1].node_id: browsing.TOO_MANY}
    asked = asyncio.run(crawl.crawl(server, depth=7, on_problem=problems.__setitem__))  # type: ignore[arg-type]
    assert len(asked) == 7 and len(problems) == 1  # so deep was asked for: nothing is missing


def test_a_server_that_makes_up_ever_more_nodes_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawl, "MOST_NODES", 500)
    server = Inventing({})
    server.fan = 3
    problems: dict[str, int] = {}
    nodes = asyncio.run(crawl.crawl(server, on_problem=problems.__setitem__))  # type: ignore[arg-type]
    assert len(nodes) == 500
    assert set(problems.values()) == {browsing.TOO_MANY}
    parents = {parent for node in nodes for parent in node.parents}
    assert {node.node_id for node in nodes} <= parents | problems.keys()  # below every node somebody looked, or says no


def test_a_folder_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "MOST_REFERENCES", 100)
    released: list[bytes] = []

    class Endless(Tree):
        async def checked(self, request: requests.RawRequest, timeout_s: float | None = None) -> bytes:
            if request.service_id == requests.BROWSE_NEXT and request.parameters[0]:
                released.append(request.parameters)
                return self._answer(ua.BrowseNextResponse(Parameters=ua.BrowseNextResult(Results=[])))
            return await super().checked(request, timeout_s)

        def _next(self, point: bytes) -> ua.BrowseResult:
            start = int(point.partition(b"/")[2]) + 10
            below = [self._reference(1000 + start + index) for index in range(10)]
            return ua.BrowseResult(ContinuationPoint=f"85/{start}".encode(), References=below)

        def _page(self, parent: int, start: int) -> ua.BrowseResult:
            return self._next(b"85/0") if parent == 85 else ua.BrowseResult(References=[])

    problems: dict[str, int] = {}
    nodes = asyncio.run(crawl.crawl(Endless({}), on_problem=problems.__setitem__))  # type: ignore[arg-type]
    assert len(nodes) == 100 and problems == {"i=85": browsing.TOO_MANY}
    assert len(released) == 1
