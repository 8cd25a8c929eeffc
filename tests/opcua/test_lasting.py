"""A crawl whose connection is harmed on the way: it comes back, or says what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from omptool.config import ServerConfig
from omptool.errors import OmptoolError, Unreachable
from omptool.model import status
from omptool.opcua.exploring.crawl import GONE, crawl
from omptool.opcua.exploring.explore import explore
from omptool.opcua.subscribing import lasting
from omptool.opcua.subscribing.lasting import LastingSession
from tests.faults.faults import Fault, Kind, Way
from tests.faults.proxy import Proxy, Workshop
from tests.opcua.address_space import Space


@pytest.fixture
def proxy(space: Space) -> Iterator[Proxy]:
    with Workshop() as workshop, workshop.proxy(space.url) as made:
        yield made


def crawled(proxy: Proxy, timeout_s: float = 30.0) -> tuple[list[str], LastingSession]:
    """Paths of a whole crawl through the proxy, and the session it had."""

    async def work() -> tuple[list[str], LastingSession]:
        async with lasting.lasting(ServerConfig(url=proxy.url, timeout_s=timeout_s)) as session:
            return [node.path for node in await crawl(session)], session

    return asyncio.run(work())


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Kind.RESET, message="BrowseResponse", count=2),
        Fault(Kind.CLOSE, message="BrowseRequest", count=3),
        Fault(Kind.TRUNCATE, message="BrowseResponse", count=3, offset=60),
        Fault(Kind.REFUSE, seconds=1.0, message="BrowseResponse", count=2),
    ],
    ids=str,
)
def test_a_crawl_goes_on_after_a_lost_connection(proxy: Proxy, space: Space, fault: Fault) -> None:
    whole, untouched = crawled(proxy)
    assert untouched.losses == 0 and len(whole) == space.below_objects
    proxy.inflict(fault)
    paths, session = crawled(proxy)
    assert session.losses == 1
    assert sorted(paths) == sorted(whole)


def test_answers_that_come_too_late_are_asked_for_again(proxy: Proxy, space: Space) -> None:
    proxy.inflict(Fault(Kind.FREEZE, seconds=4.0, way=Way.DOWN, message="BrowseResponse", count=2))
    paths, session = crawled(proxy, timeout_s=2.5)
    assert session.losses == 0
    assert len(paths) == space.below_objects


def test_a_server_that_does_not_come_back_leaves_what_was_found(
    proxy: Proxy, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting, "RETURN_S", 0.2)
    proxy.inflict(Fault(Kind.REFUSE, seconds=3600.0, message="BrowseResponse", count=3))
    missing: dict[str, int] = {}
    losses: list[OmptoolError] = []

    async def work() -> list[str]:
        server = ServerConfig(url=proxy.url, timeout_s=30)
        async with lasting.lasting(server) as session:
            found = await crawl(session, on_problem=missing.__setitem__, on_loss=losses.append)
            return [node.node_id for node in found]

    found = asyncio.run(work())
    assert 0 < len(found) < space.below_objects
    assert set(missing.values()) == {GONE} and set(missing) <= set(found)
    assert "did not come back within" in losses[0].message


def test_a_part_is_only_kept_for_those_who_ask(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting, "RETURN_S", 0.2)
    proxy.inflict(Fault(Kind.REFUSE, seconds=3600.0, message="BrowseResponse", count=3))

    async def work() -> None:
        async with lasting.lasting(ServerConfig(url=proxy.url, timeout_s=30)) as session:
            await explore(session)

    with pytest.raises(Unreachable, match="did not come back"):
        asyncio.run(work())


def test_a_server_that_hangs_up_at_each_request_is_left(proxy: Proxy) -> None:
    for count in range(2, 20):
        proxy.inflict(Fault(Kind.RESET, message="BrowseRequest", count=count))
    with pytest.raises(Unreachable):
        crawled(proxy)


def test_browse_says_what_is_missing(proxy: Proxy, monkeypatch: pytest.MonkeyPatch, invoke) -> None:
    monkeypatch.setattr(lasting, "RETURN_S", 0.2)
    proxy.inflict(Fault(Kind.REFUSE, seconds=3600.0, message="BrowseResponse", count=3))
    result = invoke("browse", proxy.url, "--values")
    assert result.code == 3
    assert result.rows and all(row["data_type"] is None and row["value"] is None for row in result.rows)
    assert "trying again" in result.err and "did not come back" in result.err
    assert "this is not the whole tree" in result.err and status.name(GONE) in result.err


def test_nothing_is_narrowed_by_what_was_not_read(proxy: Proxy, monkeypatch: pytest.MonkeyPatch, invoke) -> None:
    monkeypatch.setattr(lasting, "RETURN_S", 0.2)
    proxy.inflict(Fault(Kind.REFUSE, seconds=3600.0, message="BrowseResponse", count=3))
    assert invoke("browse", proxy.url, "--unit", "°C").code == 4
