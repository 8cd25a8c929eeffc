"""Against a stack that is not ours: five operations per request, two continuation points, enumerations, units."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asyncua import ua

from omptool.config import ServerConfig
from omptool.model import status
from omptool.opcua.exploring import browsing, crawl
from omptool.opcua.session import Session, connect

PEER = "urn:test:peer"


def with_peer(url: str, work: Callable[[Session], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with connect(ServerConfig(url=url, timeout_s=60)) as session:
            return await work(session)

    return asyncio.run(main())


def test_it_states_its_limits(peer_url: str) -> None:
    async def work(session: Session) -> Session:
        return session

    session = with_peer(peer_url, work)
    assert session.limits.max_nodes_per_read == 5
    assert session.limits.max_browse_continuation_points == 2
    assert session.build_info["manufacturer_name"] == "Somebody else"
    assert session.application_uri == PEER


@pytest.mark.parametrize("references_per_answer", [10_000, 3])
def test_every_node_is_found_however_few_come_at_a_time(peer_url: str, references_per_answer: int, monkeypatch) -> None:
    monkeypatch.setattr(browsing, "REFERENCES_PER_ANSWER", references_per_answer)

    async def work(session: Session) -> tuple[int, int, list[str]]:
        nodes = await crawl.crawl(session)
        below = [node.path for node in nodes if node.path.startswith("Line1/Tags/")]
        return len(nodes), len({node.node_id for node in nodes}), below

    count, distinct, tags = with_peer(peer_url, work)
    assert count == distinct > 600
    assert tags == [f"Line1/Tags/Tag{number}" for number in range(40)]


def test_nodes_and_values_are_right(peer_url: str, invoke) -> None:
    result = invoke("browse", peer_url, "--root", "Line1/Press7", "--values", "--timeout", "60")
    assert result.code == 0, result.err
    rows = {row["path"].removeprefix("Line1/Press7/"): row for row in result.rows}
    temperature = rows["Temperature"]
    assert (temperature["value"], temperature["unit"], temperature["eu_low"], temperature["eu_high"]) == (
        61.5,
        "°C",
        -20,
        120,
    )
    assert (temperature["unit_id"], temperature["description"]) == (4408652, "Oil")
    mode = rows["Mode"]
    assert (mode["value"], mode["value_text"], mode["data_type"]) == (2, "Automatic", "ModeType")
    assert mode["enum_names"] is not None
    assert (rows["Counter"]["value_exact"], rows["Counter"]["type"]) == (2**53 + 1, "UInt64")
    profile = rows["Profile"]
    assert (profile["value_list"], profile["type"], profile["array_dimensions"]) == ([1.5, -2, 3.25], "Float[]", [3])
    assert (rows["Broken"]["quality"], rows["Broken"]["status"]) == ("Bad", status.code_of("BadSensorFailure"))


def test_forty_values_in_requests_of_five(peer_url: str, invoke) -> None:
    result = invoke("read", peer_url, *[f"nsu={PEER};s=Tag{number}" for number in range(40)])
    assert result.code == 0, result.err
    assert [row["value"] for row in result.rows] == list(range(40))


def test_an_unknown_node_names_the_nearest(peer_url: str, invoke) -> None:
    result = invoke("read", peer_url, f"nsu={PEER};s=Temprature")
    assert result.code == 1
    assert f"nsu={PEER};s=Temperature" in result.err


def test_a_session_is_taken_up_on_another_connection(peer_url: str) -> None:
    """Its subscription is still there, which is what the queue behind it depends on."""

    async def main() -> tuple[bool, list[int]]:
        server = ServerConfig(url=peer_url, timeout_s=60)
        async with connect(server) as first:
            parameters = ua.CreateSubscriptionParameters(
                RequestedPublishingInterval=1000, RequestedLifetimeCount=1000, RequestedMaxKeepAliveCount=10
            )
            created = await first.ask(ua.CreateSubscriptionRequest(Parameters=parameters))
            key = first.key
            first._protocol.abandon("the cable was pulled")
            await first.closed.wait()
        async with connect(server, resume=key) as second:
            request = ua.DeleteSubscriptionsRequest()
            request.Parameters.SubscriptionIds = [created.Parameters.SubscriptionId]
            deleted = await second.ask(request)
            return second.resumed, [code.value for code in deleted.Results]

    assert asyncio.run(main()) == (True, [0])
