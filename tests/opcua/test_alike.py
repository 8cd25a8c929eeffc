"""Servers that answer alike are looked at once; whatever differs anywhere is looked at itself, and asked once."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.recording.choosing import Pool
from omptool.capture.recording.terms import Selection, ServerProgress
from omptool.config import ServerConfig
from omptool.errors import OmptoolError, ServerRefused
from omptool.model.limits import Capacity, ServerLimits
from omptool.opcua.exploring.alike import IN_FLIGHT, MOST_SCRIPTS, Alike
from omptool.opcua.hooks import RawRequest
from omptool.opcua.requests import BROWSE, BROWSE_NEXT
from omptool.opcua.session import connect
from tests.opcua.address_space import Space

Tree = dict[str, str]
"""By a node's letter the letters below it."""

trees = st.fixed_dictionaries({letter: st.text("abcd", max_size=3) for letter in "abcd"})
OWN = "urn:own"


class Server:
    """Stands in for a `Session`; an answer begins with a header that is never the same."""

    limits = ServerLimits()
    capacity = Capacity()

    def __init__(self, tree: Tree, own: str = OWN, service: int = BROWSE) -> None:
        self.tree, self.service = tree, service
        self.namespaces = ["ua", own, "urn:machines"]
        self.data_types: dict[str, Any] = {}
        self.knows_all_structures = False
        self.recording: Any = None
        self.asked: list[str] = []
        self.refuses = ""

    async def checked(self, request: RawRequest) -> bytes:
        return await (self.recording.checked(request, self._send) if self.recording else self._send(request))

    async def all_checked(self, requests: list[RawRequest]) -> list[bytes]:
        return [await self._send(request) for request in requests]

    async def _send(self, request: RawRequest) -> bytes:
        name = request.parameters.decode()
        self.asked.append(name)
        if name == self.refuses:
            raise ServerRefused("no")
        header = struct.pack("<BBHqII", 1, 0, 530, len(self.asked), id(self) & 0xFFFF, 0) + bytes(8)
        return header + self.tree[name].encode()

    async def look(self) -> list[tuple[str, str]]:
        """Every node that can be reached, each asked for once."""
        found: dict[str, str] = {}
        waiting = ["a"]
        while waiting:
            name = waiting.pop(0)
            if name not in found:
                found[name] = (await self.checked(RawRequest(self.service, name.encode())))[28:].decode()
                waiting += found[name]
        return list(found.items())


Looks = Alike[list[tuple[str, str]]]


async def looked(alike: Looks, server: Server, how: str = "") -> list[tuple[str, str]]:
    return await alike.look(server, how, server.look, lambda found, own: any(own in text for _, text in found))  # type: ignore[arg-type]


@given(st.lists(trees, min_size=1, max_size=8))
def test_the_result_is_always_that_of_a_look_of_its_own(kinds: list[Tree]) -> None:
    async def main() -> None:
        alike = Looks()
        for tree in kinds:
            server = Server(tree)
            found = await looked(alike, server)
            assert found == await Server(tree).look()
            wanted = [name for name, _ in found]
            assert server.asked[: len(wanted)] == wanted or set(server.asked) >= set(wanted)
            assert len(server.asked) == len(set(server.asked)), "nothing is asked twice"
            assert len(server.asked) - len(wanted) < IN_FLIGHT, "a mistake costs few questions"

    asyncio.run(main())


TREE = {"a": "bc", "b": "", "c": "d", "d": ""}


def shared(first: Server, second: Server, how: tuple[str, str] = ("", "")) -> bool:
    """Whether the second look gave the very object of the first."""

    async def main() -> bool:
        alike = Looks()
        one = await looked(alike, first, how[0])
        two = await looked(alike, second, how[1])
        assert two == await Server(second.tree).look()
        return one is two

    return asyncio.run(main())


def test_alike_is_who_answers_the_same() -> None:
    assert shared(Server(TREE), Server(TREE))
    assert shared(Server(TREE), Server(TREE, own="urn:other")), "a server's own namespace is no difference"
    assert not shared(Server(TREE), Server({**TREE, "d": "b"}))
    assert not shared(Server(TREE), Server(TREE), ("a", "b"))


def test_who_takes_fewer_items_is_not_alike() -> None:
    smaller = Server(TREE)
    smaller.capacity = Capacity(max_monitored_items=3)
    assert not shared(Server(TREE), smaller)


def test_an_own_namespace_that_is_none_is_a_difference() -> None:
    """A name that is empty, or stands twice, tells nothing about whose a node is."""
    assert not shared(Server(TREE), Server(TREE, own=""))
    assert not shared(Server(TREE), Server(TREE, own="ua"))
    assert not shared(Server(TREE, own="urn:machines"), Server(TREE, own="ua"))
    assert shared(Server(TREE, own=""), Server(TREE, own=""))


def test_where_something_is_of_the_servers_own_namespace_nobody_shares_it() -> None:
    tree = {**TREE, "d": "n"}
    tree |= {"n": ""}
    named = Server(tree, own="n")

    async def main() -> bool:
        alike = Looks()

        def is_named(found: list[tuple[str, str]], own: str) -> bool:
            return own == "nsu=n;"

        one = await alike.look(named, "", named.look, is_named)  # type: ignore[arg-type]
        again = Server(tree, own="n")
        return one is await alike.look(again, "", again.look, is_named)  # type: ignore[arg-type]

    assert not asyncio.run(main())


def test_continuation_points_and_refusals_are_never_shared() -> None:
    assert not shared(Server(TREE, service=BROWSE_NEXT), Server(TREE, service=BROWSE_NEXT))

    async def main() -> None:
        alike = Looks()
        await looked(alike, Server(TREE))
        refusing = Server(TREE)
        refusing.refuses = "c"
        try:
            await looked(alike, refusing)
        except OmptoolError:
            return
        raise AssertionError("its refusal was not told")

    asyncio.run(main())


def test_few_kinds_are_kept() -> None:
    async def main() -> int:
        alike = Looks()
        for number in range(MOST_SCRIPTS + 5):
            await looked(alike, Server(TREE), str(number))
        return len(alike._scripts)

    assert asyncio.run(main()) == MOST_SCRIPTS


def test_a_real_server_is_the_same_the_second_time(space: Space) -> None:
    async def main() -> None:
        pool, selection = Pool(), Selection()
        found = []
        for _ in range(2):
            async with connect(ServerConfig(url=space.url)) as session:
                progress = ServerProgress("x")
                found.append(await pool.browse(session, selection, progress, is_alone=True))
                assert progress.nodes == len(found[-1][0].nodes) > 10
        assert found[0] == found[1]
        assert [node.node_id for node in found[0][0].chosen] == [node.node_id for node in found[1][0].chosen]

    asyncio.run(main())
