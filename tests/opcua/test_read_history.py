"""`read --history` as a user types it, on a server that keeps values in memory and computes no aggregates."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from asyncua import Node, Server, ua

START = datetime(2026, 11, 22, 6, tzinfo=UTC)
COUNT = 2500
"""Values of Counter, one per second: more than come in one page."""
DURING = ("--start", "2026-11-22T06:00:00Z", "--end", "2026-11-22T07:00:00Z")


def stamped(number: int, second: int) -> ua.DataValue:
    moment = START + timedelta(seconds=second)
    return ua.DataValue(ua.Variant(number, ua.VariantType.Int32), SourceTimestamp=moment, ServerTimestamp=moment)


async def build(server: Server) -> None:
    index = await server.register_namespace("urn:test:history")
    folder = await server.nodes.objects.add_folder(ua.NodeId("Kept", index), "Kept")
    history = server.iserver.history_manager.storage

    async def nothing(*_: object) -> None:
        """What the variables are set to now belongs to no history."""

    history.save_node_value = nothing

    async def kept(name: str, values: list[ua.DataValue]) -> Node:
        node = await folder.add_variable(ua.NodeId(name, index), name, 0, ua.VariantType.Int32)
        await server.historize_node_data_change(node, count=100_000)
        history._datachanges[node.nodeid] = values
        return node

    await kept("Counter", [stamped(second, second) for second in range(COUNT)])
    await kept("Burst", [stamped(number, number // 3) for number in range(COUNT)])
    await kept("Crowd", [stamped(number, 0) for number in range(COUNT)])
    await kept("Empty", [])
    await folder.add_variable(ua.NodeId("Plain", index), "Plain", 1)


@pytest.fixture(scope="module")
def historian() -> Iterator[str]:
    """The address of the server."""
    urls: list[str] = []
    ready, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
        server = Server()
        await server.init()
        server.set_endpoint("opc.tcp://127.0.0.1:0/test")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        loops.append(asyncio.get_running_loop())
        async with server:
            await build(server)
            urls.append(f"opc.tcp://127.0.0.1:{server.bserver._server.sockets[0].getsockname()[1]}/test")
            ready.set()
            await stop.wait()

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(main())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(60), "the test server did not start"
    yield urls[0]
    loops[0].call_soon_threadsafe(stop.set)
    thread.join(30)


def test_rows_are_those_of_read_and_come_whole(historian: str, invoke) -> None:
    result = invoke("read", historian, "Kept/Counter", "--history", *DURING)
    assert (result.code, result.err) == (0, "")
    assert [row["value"] for row in result.rows] == list(range(COUNT))
    now = invoke("read", historian, "Kept/Counter")
    assert list(result.rows[0]) == list(now.rows[0])
    first = result.rows[0]
    assert (first["time"], first["origin"], first["path"]) == ("2026-11-22T06:00:00Z", "history", "Kept/Counter")
    assert [row["seq"] for row in result.rows] == list(range(1, COUNT + 1))


def test_a_window_has_no_end(historian: str, invoke) -> None:
    window = ("--start", "2026-11-22T06:00:10Z", "--end", "2026-11-22T06:00:20Z")
    result = invoke("read", historian, "Kept/Counter", "--history", *window)
    assert [row["value"] for row in result.rows] == list(range(10, 20))


def test_values_of_one_moment_come_once_each_where_a_page_ends_among_them(historian: str, invoke) -> None:
    result = invoke("read", historian, "Kept/Burst", "--history", *DURING)
    assert result.code == 0, result.err
    assert [row["value"] for row in result.rows] == list(range(COUNT))


def test_more_values_of_one_moment_than_come_at_once_are_said(historian: str, invoke) -> None:
    result = invoke("read", historian, "Kept/Crowd", "Kept/Counter", "--history", *DURING)
    assert result.code == 3
    assert len(result.rows) == 1000 + COUNT
    assert "Kept/Crowd" in result.err and "one moment" in result.err


def test_limit_with_a_start_takes_the_first_of_each_node(historian: str, invoke) -> None:
    result = invoke("read", historian, "--select", "Kept/{Counter,Burst}", "--history", *DURING, "--limit", "1200")
    values: dict[str, list[float]] = {}
    for row in result.rows:
        values.setdefault(row["path"], []).append(row["value"])
    assert values == {"Kept/Counter": list(range(1200)), "Kept/Burst": list(range(1200))}


def test_limit_alone_takes_the_newest_the_last_one_first(historian: str, invoke) -> None:
    result = invoke("read", historian, "Kept/Counter", "--history", "-n", "3")
    assert [row["value"] for row in result.rows] == [COUNT - 1, COUNT - 2, COUNT - 3]


def test_what_has_no_history_is_said(historian: str, invoke) -> None:
    selected = invoke("read", historian, "--select", "Kept/*", "--history", *DURING)
    assert "1 of the 5 Variables selected have no history" in selected.err
    empty = invoke("read", historian, "Kept/Empty", "--history", *DURING)
    assert (empty.code, empty.out) == (0, "")
    assert "note: 1 node has no values in [2026-11-22T06:00:00Z, 2026-11-22T07:00:00Z)" in empty.err


def test_an_aggregate_that_the_server_does_not_compute(historian: str, invoke) -> None:
    result = invoke("read", historian, "Kept/Counter", "--history", *DURING, "--aggregate", "average", "--every", "1m")
    assert (result.code, result.out) == (1, "")
    assert "Kept/Counter" in result.err and "without --aggregate" in result.err


def test_history_in_a_file(historian: str, invoke, tmp_path) -> None:
    assert invoke("read", historian, "Kept/Counter", "--history", *DURING, "-o", "counter.parquet").code == 0
    table = pq.read_table(tmp_path / "counter.parquet")
    assert table.column("value").to_pylist() == list(range(COUNT))


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--start", "-1h"], 2, "add --history"),
        (["--history", "--every", "10s"], 2, "--aggregate"),
        (["--history", "--aggregate", "Average", "--bounds"], 2, "--bounds"),
        (["--history", "--aggregate", "Avrage"], 1, "Average"),
        (["--history", "--aggregate", "Average", "--every", "soon"], 2, "--every"),
        (["--history", "--start", "2026-11-22", "--end", "2026-11-21"], 2, "is not before"),
        (["--history", "--start", "2999-01-01"], 2, "not in the past"),
        (["--history", "--limit", "20000"], 2, "--start"),
        (["--history", "--select", "Server/ServerStatus/*"], 1, "none of the"),
    ],
)
def test_wrong(historian: str, invoke, options: list[str], code: int, words: str) -> None:
    nodes = [] if "--select" in options else ["Kept/Counter"]
    result = invoke("read", historian, *nodes, *options)
    assert result.code == code, result.err
    assert words in result.err
    assert result.out == ""
