"""The odd plant behind limits of three: operations per request, items per call, continuation points, sessions."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from omptool.config import ServerConfig
from omptool.opcua.exploring import browsing, crawl
from omptool.opcua.session import connect
from tests.conftest import Result
from tests.peers.changing import CHANGING
from tests.peers.plants import Plant


def test_browse_finds_everything(small_plant: Plant, invoke) -> None:
    options = ("--root", "Plant", "--select", "Plant/{Names,NodeIds,Twins,Circles,Deep}/**", "--class", "Variable")
    result = invoke("browse", small_plant.url, *options, "--timeout", "60")
    assert result.code == 0, result.err
    found = {row["node_id"]: (row["path"], row["data_type"]) for row in result.rows}
    assert found == {truth.node_id: (truth.path, "Int32") for truth in small_plant.names}


def test_three_references_at_a_time(small_plant: Plant, monkeypatch) -> None:
    """Few at a time from a server with three continuation points: BrowseNext until all are there."""

    async def main() -> list[str]:
        async with connect(ServerConfig(url=small_plant.url, timeout_s=60)) as session:
            names = f"nsu={NAMES};s=Names"
            return [node.node_id for node in await crawl.crawl(session, root=names)]

    monkeypatch.setattr(browsing, "REFERENCES_PER_ANSWER", 3)
    expected = {truth.node_id for truth in small_plant.names if truth.names[0] == "Names"}
    found = asyncio.run(main())
    assert set(found) == expected and len(found) == len(expected)


NAMES = "urn:test:plant%3Bnames=%253B/é"


def test_reads_come_in_threes(small_plant: Plant, invoke) -> None:
    result = invoke("read", small_plant.url, *(truth.node_id for truth in small_plant.names), "--timeout", "60")
    assert result.code == 0, result.err
    assert [row["value"] for row in result.rows] == [truth.plain for truth in small_plant.names]


def test_a_capture_of_more_items_than_a_call_takes(small_plant: Plant, invoke) -> None:
    options = ("--select", "Plant/{Names,Changing}/*", "--for", "2s", "--publishing-interval", "100ms")
    result = invoke("capture", small_plant.url, "-o", "x.omcap", *options, "--timeout", "60")
    assert result.code == 0, result.err
    names = sum(truth.names[0] == "Names" for truth in small_plant.names)
    assert (result.rows[0]["nodes"], result.rows[0]["gaps"]) == (names + len(CHANGING), 0)
    assert result.rows[0]["rows"] >= names + 10 * len(CHANGING)


def test_no_session_is_left(small_plant: Plant, invoke, run_cli) -> None:
    """Three sessions: a fourth is refused in words, and there is room again once they are gone."""

    async def main() -> Result:
        async with AsyncExitStack() as stack:
            for _ in range(3):
                await stack.enter_async_context(connect(ServerConfig(url=small_plant.url, timeout_s=60)))
            return await asyncio.to_thread(run_cli, "read", small_plant.url, "i=2258")

    refused = asyncio.run(main())
    assert refused.code in (1, 4) and "session" in refused.err.lower() and "Traceback" not in refused.err, refused.err
    assert invoke("read", small_plant.url, "i=2258").code == 0
