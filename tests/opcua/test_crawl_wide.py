"""A folder with 100,000 children, many of them of the same name or of none, on a server that allows little."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from omptool.model import status
from omptool.model.limits import ServerLimits
from omptool.opcua import faults, requests
from omptool.opcua.exploring.crawl import crawl
from omptool.opcua.exploring.survey import in_tree_order
from omptool.protocol.wire import Reader

CHILDREN = 100_000
HEADER = struct.pack("<qIIBiBBB", 0, 0, 0, 0, -1, 0, 0, 0)
NULL = struct.pack("<i", -1)


def name_of(number: int) -> str:
    return ("", "Twin")[number % 10] if number % 10 < 2 else f"Tag {number}"


def reference(number: int) -> bytes:
    """HasComponent to a Variable, in bytes."""
    name = name_of(number).encode()
    text = struct.pack("<i", len(name)) + name
    node = struct.pack("<BHI", 2, 1, 100_000 + number)
    return b"\0\x2f\1" + node + struct.pack("<H", 1) + text + b"\2" + text + struct.pack("<i", 2) + b"\0\x3f"


@dataclass
class Wide:
    """Objects with `CHILDREN` children, `page` in an answer.

    Attributes:
        stuck: the answer that never comes, counted from the first BrowseNext.
    """

    page: int = 10_000
    stuck: int = 0
    limits: ServerLimits = field(default_factory=lambda: ServerLimits(max_nodes_per_browse=1000))
    namespaces: tuple[str, ...] = ("http://opcfoundation.org/UA/", "urn:wide")
    url: str = "opc.tcp://wide"
    asked: Counter[int] = field(default_factory=Counter)

    async def checked(self, request: requests.RawRequest, timeout_s: float | None = None) -> bytes:
        await asyncio.sleep(0)
        reader = Reader(request.parameters)
        if request.service_id == requests.BROWSE_NEXT:
            reader.u8()
            points = [reader.byte_string() or b"" for _ in range(reader.length())]
            self.asked[request.service_id] += 1
            if self.asked[request.service_id] == self.stuck:
                raise faults.silent(self.url, "BrowseNext", 10)
            return self._answer(536, [self._page(int(point)) for point in points])
        reader.skip(2 + 8 + 4 + 4)
        results = []
        for _ in range(reader.length()):
            results.append(self._page(0) if reader.node_id().identifier == 85 else bytes(4) + NULL + NULL)
            reader.skip(4)
            reader.skip_node_id()
            reader.skip(9)
        assert len(results) <= self.limits.max_nodes_per_browse
        return self._answer(530, results)

    def _page(self, start: int) -> bytes:
        end = min(start + self.page, CHILDREN)
        point = str(end).encode() if end < CHILDREN else b""
        head = bytes(4) + struct.pack("<i", len(point) or -1) + point + struct.pack("<i", end - start)
        return head + b"".join(map(reference, range(start, end)))

    def _answer(self, type_id: int, results: list[bytes]) -> bytes:
        return struct.pack("<BBH", 1, 0, type_id) + HEADER + struct.pack("<i", len(results)) + b"".join(results) + NULL


def crawled(server: Any, problems: dict[str, int] | None = None) -> list[Any]:
    return asyncio.run(crawl(server, on_problem=(problems if problems is not None else {}).__setitem__))


def test_every_child_is_found_whatever_its_name() -> None:
    nodes = crawled(Wide())
    assert [node.node_id for node in nodes] == [f"nsu=urn:wide;i={100_000 + number}" for number in range(CHILDREN)]
    assert [node.path for node in nodes[:4]] == ["", "Twin", "Tag 2", "Tag 3"]
    assert Counter(node.path for node in nodes)["Twin"] == Counter(node.path for node in nodes)[""] == CHILDREN // 10
    assert in_tree_order(nodes) == nodes


@pytest.mark.parametrize("page", [999, 50_000])
def test_an_answer_that_never_comes_leaves_what_came_before(page: int) -> None:
    problems: dict[str, int] = {}
    nodes = crawled(Wide(page=page, stuck=1), problems)
    assert len(nodes) == page
    assert problems == {"i=85": status.code_of("BadTimeout")}
