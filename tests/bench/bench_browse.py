"""Browse: omptool's crawl beside asyncua's walk node by node and asyncua's batched browse, on one server in one run.

Not a test: `python -m tests.bench.bench_browse [--native FOLDER] [VARIABLES …]` (needs the packages of tests/peers).
Each way runs in a process of its own, as the server does: node-opcua, or with `--native` the one of tests/bench/native
(in Rust, on async-opcua; FOLDER is where `cargo build --release` put it). Prints a JSON line per number of variables:
nodes, seconds, CPU of client and server, bytes received, memory the client grew by, and ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from asyncua import Client, ua
from asyncua.client.ua_client import UASocketProtocol

from omptool.config import ServerConfig
from omptool.opcua.exploring.crawl import crawl
from omptool.opcua.exploring.metadata import enrich
from omptool.opcua.hooks import GuardedProtocol
from omptool.opcua.session import connect
from tests.bench.meter import Meter
from tests.peers.plants import running, running_peer

VARIABLES = (20_000, 100_000)
WALK_S = 10.0
"""The walk is cut after this; rates are compared, not times."""
BATCH = 1000
PATIENCE_S = 600.0
"""Time-outs, and between looks of asyncua's watchdog, which takes a client that decodes for one that is dead."""


def stock(url: str) -> Client:
    return Client(url, timeout=PATIENCE_S, watchdog_intervall=PATIENCE_S)


async def walk(url: str) -> int:
    """Nodes that asyncua's `get_children` reaches in `WALK_S`."""
    async with stock(url) as client:
        seen: set[ua.NodeId] = set()
        waiting, end = [client.nodes.objects], time.perf_counter() + WALK_S
        while waiting and time.perf_counter() < end:
            for child in await waiting.pop().get_children():
                if child.nodeid not in seen:
                    seen.add(child.nodeid)
                    waiting.append(child)
        return len(seen)


async def batched(url: str) -> int:
    """Nodes by asyncua's own Browse requests with many nodes each, one after the other."""
    async with stock(url) as client:
        seen: set[ua.NodeId] = set()
        level = [client.nodes.objects.nodeid]
        while level:
            below: list[ua.NodeId] = []
            for start in range(0, len(level), BATCH):
                results = await client.uaclient.browse(_parameters(level[start : start + BATCH]))
                while results:
                    below += [reference.NodeId for result in results for reference in result.References or ()]
                    points = [result.ContinuationPoint for result in results if result.ContinuationPoint]
                    more = ua.BrowseNextParameters(ContinuationPoints=points)
                    results = await client.uaclient.browse_next(more) if points else []
            level = [node for node in dict.fromkeys(below) if node not in seen]
            seen.update(level)
        return len(seen)


def _parameters(nodes: list[ua.NodeId]) -> ua.BrowseParameters:
    parameters = ua.BrowseParameters()
    parameters.View.Timestamp = ua.get_win_epoch()
    parameters.RequestedMaxReferencesPerNode = 0
    for node in nodes:
        one = ua.BrowseDescription()
        one.NodeId, one.BrowseDirection = node, ua.BrowseDirection.Forward
        one.ReferenceTypeId, one.IncludeSubtypes = ua.NodeId(ua.ObjectIds.HierarchicalReferences), True
        one.NodeClassMask, one.ResultMask = ua.NodeClass(0), ua.BrowseResultMask.All
        parameters.NodesToBrowse.append(one)
    return parameters


async def ours(url: str) -> int:
    """Nodes with their paths, names, classes and types."""
    async with connect(ServerConfig(url=url, timeout_s=PATIENCE_S)) as session:
        return len(await crawl(session))


async def described(url: str) -> int:
    """`ours`, with DataTypes, ranks, access levels, descriptions, units and ranges."""
    async with connect(ServerConfig(url=url, timeout_s=PATIENCE_S)) as session:
        return len(await enrich(session, await crawl(session)))


WAYS: dict[str, Callable[[str], Awaitable[int]]] = {way.__name__: way for way in (ours, described, batched, walk)}


def measure(name: str, url: str, server: Meter) -> dict[str, float]:
    """One way, in this process."""
    received = 0

    def counting(kind: type[Any]) -> None:
        original = kind.data_received

        def data_received(self: Any, data: bytes) -> None:
            nonlocal received
            received += len(data)
            original(self, data)

        kind.data_received = data_received

    counting(GuardedProtocol if name in ("ours", "described") else UASocketProtocol)
    me = Meter(os.getpid())
    held, wall, cpu, served = me.rss_mb, time.perf_counter(), time.process_time(), server.cpu_s
    nodes = asyncio.run(WAYS[name](url))  # type: ignore[arg-type]
    wall, cpu, served = time.perf_counter() - wall, time.process_time() - cpu, server.cpu_s - served
    return {
        "nodes": nodes,
        "wall_s": round(wall, 3),
        "nodes_s": round(nodes / wall),
        "client_cpu_us": round(cpu / nodes * 1e6, 1),
        "server_cpu_us": round(served / nodes * 1e6, 1),
        "server_share": round(served / wall, 2),
        "mb_received": round(received / 1e6, 2),
        "mb_grown": round(me.peak_mb - held, 1),
    }


def in_child(name: str, url: str, server_pid: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.bench_browse", "--way", name, url, str(server_pid)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def compare(server: AbstractContextManager[tuple[dict[str, Any], int]]) -> dict[str, Any]:
    with server as (hello, pid):
        in_child("ours", hello["url"], pid)  # the first crawl also warms the server up
        result: dict[str, Any] = {name: in_child(name, hello["url"], pid) for name in WAYS}
    ours_ = result["ours"]
    return result | {
        "ratio": {
            name: {
                "nodes_s": round(ours_["nodes_s"] / result[name]["nodes_s"], 1),
                "client_cpu": round(result[name]["client_cpu_us"] / ours_["client_cpu_us"], 1),
            }
            for name in ("batched", "walk")
        }
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variables", nargs="*", type=int, default=VARIABLES)
    parser.add_argument("--native", type=Path, help="folder with the program many-nodes")
    parser.add_argument("--way", nargs=3, metavar=("WAY", "URL", "PID"), help="one way only, for the other processes")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    if asked.way:
        name, url, pid = asked.way
        print(json.dumps(measure(name, url, Meter(int(pid)))))  # noqa: T201
        return
    for variables in asked.variables:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            if asked.native:
                server = running([asked.native.resolve() / "many-nodes", str(variables)], home, home)
            else:
                server = running_peer("many_nodes.mjs", home, variables=variables)
            print(json.dumps({"variables": variables} | compare(server)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
