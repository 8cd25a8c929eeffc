"""Finding every node once: against a mean server, and against answers no server here would give."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from omptool.errors import MalformedMessage, NotFound, OmptoolError, ServerRefused
from omptool.model import path as paths
from omptool.model import status
from omptool.model.limits import ServerLimits
from omptool.opcua import batch, faults, requests
from omptool.opcua.exploring import browsing, crawl
from omptool.opcua.exploring.around import look_around, path_of
from omptool.opcua.exploring.explore import explore
from omptool.opcua.exploring.locate import is_node_id, nodes_at
from omptool.opcua.session import Session
from omptool.protocol.wire import Reader, WireNodeId
from tests.opcua.address_space import DEPTH, ODD_NAMES, PLANT, Space


def node(text: str) -> str:
    return f"nsu={PLANT};s={text}"


@pytest.mark.parametrize("references_per_answer", [10_000, 1])
def test_every_node_below_objects_is_found_once(space: Space, with_session, references_per_answer, monkeypatch) -> None:
    monkeypatch.setattr(browsing, "REFERENCES_PER_ANSWER", references_per_answer)
    nodes = with_session(crawl.crawl)
    assert len(nodes) == space.below_objects
    assert len({found.node_id for found in nodes}) == len(nodes)


def test_paths_keep_odd_names_apart(with_session) -> None:
    nodes = with_session(crawl.crawl)
    names = [paths.split(n.path)[-1] for n in nodes if n.path.startswith("Odd/") and n.node_class == "Variable"]
    assert names == [*ODD_NAMES, "Twin", "Twin"]


def test_a_cycle_ends_and_names_all_parents(with_session) -> None:
    nodes = {found.node_id: found for found in with_session(crawl.crawl)}
    assert nodes[node(f"Deep.{DEPTH - 1}")].path == "/".join(f"D{number}" for number in range(DEPTH))
    assert nodes[node("Deep.3")].parents == (node("Deep.2"), node(f"Deep.{DEPTH - 1}"))
    assert "i=85" not in nodes and "i=84" not in nodes


def test_a_machine_stands_in_its_line_and_not_where_it_is_listed(space: Space, with_session) -> None:
    nodes = {found.node_id: found for found in with_session(crawl.crawl)}
    press = nodes[space.ids["press"]]
    assert press.path == "Leipzig/Hall2/Line1/Press7"
    assert press.parents[0] == node("Line1")
    assert len(press.parents) == 4
    assert nodes[space.ids["drive"]].path == "DeviceSet/Drive"


def test_depth_and_root(with_session) -> None:
    async def work(session: Session) -> tuple[list[str], list[str]]:
        two = await crawl.crawl(session, root=node("Leipzig"), depth=2)
        return [found.path for found in two], [found.path for found in await crawl.crawl(session, depth=1)]

    below, top = with_session(work)
    assert below == ["Leipzig/EquipmentLevel", "Leipzig/Hall2", "Leipzig/Hall2/EquipmentLevel", "Leipzig/Hall2/Line1"]
    assert "Server" in top and all("/" not in path for path in top)


def test_an_unknown_root_is_not_found(with_session) -> None:
    with pytest.raises(NotFound):
        with_session(lambda session: crawl.crawl(session, root=node("nothing")))


def test_progress_is_told(with_session) -> None:
    counts: list[int] = []
    nodes = with_session(lambda session: crawl.crawl(session, on_progress=counts.append))
    assert counts[-1] == len(nodes)
    assert counts == sorted(counts)


def test_every_path_leads_back_to_its_node(with_session) -> None:
    async def work(session: Session) -> list[tuple[str, list[str], str]]:
        nodes = await crawl.crawl(session, root=node("Odd"))
        found = []
        for one in nodes:
            there = [wire.to_text(session.namespaces) for wire in await nodes_at(session, one.path)]
            up = await path_of(session, WireNodeId(*session.resolve(one.node_id)))
            found.append((one.node_id, there, one.path if paths.join(up) == one.path else str(up)))
        return found

    for node_id, there, up in with_session(work):
        assert node_id in there
        assert up.startswith("Odd/")


def test_a_wrong_path_names_what_is_there(with_session) -> None:
    with pytest.raises(NotFound) as caught:
        with_session(lambda session: nodes_at(session, "Leipzig/Hall3/Line1"))
    assert "Hall3" in caught.value.message
    assert "Leipzig/Hall2" in caught.value.hint


def test_a_few_nodes_are_described_as_a_crawl_describes_them(space: Space, with_session) -> None:
    async def work(session: Session) -> Any:
        wires = [
            WireNodeId(*session.resolve(text))
            for text in (node("Temp"), node("Press7.Speed"), "i=58", "i=85", node("no"))
        ]
        return await look_around(session, wires)

    around = with_session(work)
    temperature, speed, base_type, objects, missing = around.nodes
    assert (temperature.path, temperature.unit, temperature.eu_high) == ("Described/Temp", "°C", 120.0)
    assert speed.path == "Leipzig/Hall2/Line1/Press7/Speed"
    assert (base_type.path, base_type.node_class) == ("", "ObjectType")
    assert (objects.path, objects.node_class) == ("", "Object")
    assert (missing.path, missing.node_class, missing.browse_name) == ("", "", "")
    assert {n.node_id: n.equipment for n in around.context}[space.ids["press"]] == "machine"


@pytest.mark.parametrize("text", ["i=5", "s=x", "ns=2;s=x", "nsu=urn:x;b=AQI=", "g=1"])
def test_node_ids_are_told_from_paths(text: str) -> None:
    assert is_node_id(text)


@pytest.mark.parametrize("text", ["Leipzig", "x=5", "is=5", "a/i=5", "nsu=urn;", ""])
def test_paths_are_told_from_node_ids(text: str) -> None:
    assert not is_node_id(text)


# What follows needs a server that answers exactly this: a session that plays it.


@dataclass
class Tree:
    """Objects with `children` folders; each answer carries `page` references; continuation points are scarce.

    Attributes:
        points: how many continuation points may be open; more are refused, or cost the oldest with `drops`.
        most: nodes per request; more is BadTooManyOperations.
    """

    children: dict[int, list[int]]
    page: int = 2
    points: int = 1
    most: int = 1000
    drops: bool = False
    limits: ServerLimits = field(default_factory=ServerLimits)
    namespaces: Sequence[str] = ("http://opcfoundation.org/UA/",)
    url: str = "opc.tcp://tree"
    sizes: list[int] = field(default_factory=list)
    open_points: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def resolve(self, text: str) -> tuple[int, Any]:
        return 0, int(text.removeprefix("i="))

    async def checked(self, request: requests.RawRequest, timeout_s: float | None = None) -> bytes:
        await asyncio.sleep(0)
        reader = Reader(request.parameters)
        if request.service_id == requests.BROWSE_NEXT:
            reader.u8()
            results = [self._next(reader.byte_string() or b"") for _ in range(reader.length())]
            return self._answer(ua.BrowseNextResponse(Parameters=ua.BrowseNextResult(Results=results)))
        reader.skip(2 + 8 + 4 + 4)
        nodes = []
        for _ in range(reader.length()):
            nodes.append(reader.node_id().identifier)
            reader.skip(4)
            reader.skip_node_id()
            reader.skip(9)
        self.sizes.append(len(nodes))
        if len(nodes) > self.most:
            raise faults.from_status(status.code_of("BadTooManyOperations"), "answer Browse", self.url)
        return self._answer(ua.BrowseResponse(Results=[self._page(int(str(one)), 0) for one in nodes]))

    def _page(self, parent: int, start: int) -> ua.BrowseResult:
        below = self.children.get(parent)
        if below is None:
            return ua.BrowseResult(StatusCode=ua.StatusCode(status.code_of("BadNodeIdUnknown")))
        if len(below) > start + self.page and len(self.open_points) >= self.points:
            if not self.drops:
                return ua.BrowseResult(StatusCode=ua.StatusCode(status.code_of("BadNoContinuationPoints")))
            self.open_points.pop(next(iter(self.open_points)))
        shown = [self._reference(child) for child in below[start : start + self.page]]
        point = None
        if len(below) > start + self.page:
            point = f"{parent}/{start}".encode()
            self.open_points[point] = (parent, start + self.page)
        return ua.BrowseResult(ContinuationPoint=point, References=shown)

    def _next(self, point: bytes) -> ua.BrowseResult:
        if point not in self.open_points:
            return ua.BrowseResult(StatusCode=ua.StatusCode(status.code_of("BadContinuationPointInvalid")))
        return self._page(*self.open_points.pop(point))

    def _reference(self, child: int) -> ua.ReferenceDescription:
        return ua.ReferenceDescription(
            ReferenceTypeId=ua.NodeId(35),
            IsForward=True,
            NodeId=ua.ExpandedNodeId(child),
            BrowseName=ua.QualifiedName(f"N{child}", 0),
            DisplayName=ua.LocalizedText(f"N{child}"),
            NodeClass=ua.NodeClass.Object,
            TypeDefinition=ua.ExpandedNodeId(61),
        )

    def _answer(self, response: Any) -> bytes:
        return struct_to_binary(response)


def tree(fan: int, levels: int, **options: Any) -> Tree:
    """Objects (85) with `fan` children each over `levels`."""
    children: dict[int, list[int]] = {}
    level, number = [85], 1000
    for _ in range(levels):
        below: list[int] = []
        for parent in level:
            children[parent] = list(range(number, number + fan))
            below += children[parent]
            number += fan
        level = below
    return Tree(children | {leaf: [] for leaf in level}, **options)


@pytest.mark.parametrize("drops", [False, True], ids=["refuses", "drops the oldest"])
@pytest.mark.parametrize("points", [1, 3])
def test_few_continuation_points_lose_no_node(points: int, drops: bool) -> None:
    server = tree(5, 3, points=points, drops=drops, page=2)
    nodes = asyncio.run(crawl.crawl(server))  # type: ignore[arg-type]
    assert len(nodes) == 5 + 25 + 125
    assert len({found.path for found in nodes}) == 155


def test_a_limit_the_server_does_not_state_is_found_by_halving() -> None:
    server = tree(9, 3, most=7, page=100)
    nodes = asyncio.run(crawl.crawl(server))  # type: ignore[arg-type]
    assert len(nodes) == 9 + 81 + 729
    assert max(server.sizes) > 7
    assert len([size for size in server.sizes if size > 7]) <= 4  # as many as were under way; then it is known


def test_a_stated_limit_is_kept() -> None:
    server = tree(9, 3, most=7, page=100, limits=ServerLimits(max_nodes_per_browse=7))
    asyncio.run(crawl.crawl(server))  # type: ignore[arg-type]
    assert max(server.sizes) == 7


def test_a_node_that_refuses_leaves_the_others() -> None:
    server = tree(3, 2, page=100)
    gone = server.children[85][1]
    del server.children[gone]
    problems: dict[str, int] = {}
    nodes = asyncio.run(crawl.crawl(server, on_problem=problems.__setitem__))  # type: ignore[arg-type]
    assert len(nodes) == 3 + 6
    assert problems == {f"i={gone}": status.code_of("BadNodeIdUnknown")}


def test_a_slow_server_is_asked_for_less() -> None:
    class Slow(Tree):
        async def checked(self, request: requests.RawRequest, timeout_s: float | None = None) -> bytes:
            before = len(self.sizes)
            body = await super().checked(request, timeout_s)
            if self.sizes[before:] and self.sizes[-1] > 20:
                raise faults.silent(self.url, "Browse", 10)
            return body

    server = tree(9, 3, page=100)
    slow = Slow(server.children, page=100)
    assert len(asyncio.run(crawl.crawl(slow))) == 9 + 81 + 729  # type: ignore[arg-type]
    assert 0 < len([size for size in slow.sizes if size > 20]) <= 4  # in eight parts, and the size remembered


def test_a_node_that_gets_no_answer_is_missing_and_said() -> None:
    stuck = 1001

    class Stuck(Tree):
        async def checked(self, request: requests.RawRequest, timeout_s: float | None = None) -> bytes:
            if requests.encode_node_id(0, stuck) in request.parameters:
                raise faults.silent(self.url, "Browse", 10)
            return await super().checked(request, timeout_s)

    server = tree(3, 2, page=100)
    problems: dict[str, int] = {}
    nodes = asyncio.run(crawl.crawl(Stuck(server.children, page=100), on_problem=problems.__setitem__))  # type: ignore[arg-type]
    assert len(nodes) == 3 + 6
    assert problems == {f"i={stuck}": status.code_of("BadTimeout")}


def test_a_server_that_answers_nothing_any_more_is_left() -> None:
    asked: list[int] = []

    def silent(part: Sequence[int]) -> list[int]:
        asked.append(len(part))
        raise faults.silent("opc.tcp://x", "Read", 10)

    with pytest.raises(faults.Silent):
        run_batch(silent, 100_000, 1000)
    assert len(asked) < 20


def test_a_long_answer_makes_the_next_requests_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "TARGET_S", 0.0)
    asked: list[int] = []

    def answer(part: Sequence[int]) -> list[int]:
        asked.append(len(part))
        return list(part)

    assert run_batch(answer, 8000, 1000) == list(range(8000))
    assert asked[0] == 1000 and asked[-1] == 50


def test_a_server_that_never_ends_an_answer_is_left() -> None:
    class Endless(Tree):
        def _next(self, point: bytes) -> ua.BrowseResult:
            return ua.BrowseResult(ContinuationPoint=point, References=[])

    with pytest.raises(MalformedMessage, match="keeps promising"):
        asyncio.run(crawl.crawl(Endless({85: [1, 2, 3]}, page=2)))  # type: ignore[arg-type]


def test_a_server_that_lets_nobody_browse_refuses() -> None:
    with pytest.raises(ServerRefused, match="BadNodeIdUnknown"):
        asyncio.run(explore(Tree({})))  # type: ignore[arg-type]


def run_batch(answer: Callable[[Sequence[int]], list[int]], items: int, size: int) -> list[int]:
    class Server:
        async def checked(self, part: Sequence[int]) -> Sequence[int]:
            await asyncio.sleep(0)
            return answer(part)

    async def main() -> list[int]:
        return await batch.run(
            Server(), range(items), size, list, lambda body, part: batch.matched(list(body), len(part))
        )  # type: ignore[arg-type]

    return asyncio.run(main())


def test_results_come_in_the_order_of_the_items() -> None:
    assert run_batch(list, 1000, 7) == list(range(1000))


def test_an_answer_to_fewer_operations_is_refused() -> None:
    with pytest.raises(MalformedMessage):
        run_batch(lambda part: list(part)[1:], 10, 5)


def test_a_refusal_for_another_reason_is_not_repeated() -> None:
    asked: list[int] = []

    def refuse(part: Sequence[int]) -> list[int]:
        asked.append(len(part))
        raise faults.from_status(status.code_of("BadUserAccessDenied"), "answer Read", "opc.tcp://x")

    with pytest.raises(OmptoolError, match="BadUserAccessDenied"):
        run_batch(refuse, 8, 8)
    assert asked == [8]


def test_a_node_with_an_empty_uri_is_of_this_server() -> None:
    assert browsing.local(WireNodeId(2, "x", ""), ["", "", "urn:a"]) == WireNodeId(2, "x")
    assert browsing.local(WireNodeId(0, "x", "urn:elsewhere"), ["", "", "urn:a"]) is None
