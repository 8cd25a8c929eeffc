"""Browse: omptool's crawl beside asyncua's walk node by node and asyncua's batched browse, on one server in one run.

Not a test: `python -m tests.bench.bench_browse [VARIABLES]` (needs the packages of tests/peers). The server is
node-opcua in a process of its own. Prints one JSON line: nodes, seconds, client and server CPU of each, and ratios.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from asyncua import Client, ua

from omptool.config import ServerConfig
from omptool.opcua.crawl import crawl
from omptool.opcua.session import connect
from tests.bench.meter import Meter
from tests.peers.plants import running_peer

VARIABLES = 20_000
WALK_S = 10.0
"""The walk is cut after this; rates are compared, not times."""
BATCH = 1000


async def walk(url: str) -> int:
    """Nodes that asyncua's `get_children` reaches in `WALK_S`."""
    async with Client(url, timeout=60) as client:
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
    async with Client(url, timeout=60) as client:
        seen: set[ua.NodeId] = set()
        level = [client.nodes.objects.nodeid]
        while level:
            below: list[ua.NodeId] = []
            for start in range(0, len(level), BATCH):
                for result in await client.uaclient.browse(_parameters(level[start : start + BATCH])):
                    below += [reference.NodeId for reference in result.References or ()]
            level = [node for node in dict.fromkeys(below) if node not in seen]
            seen.update(level)
        return len(seen)


def _parameters(nodes: list[ua.NodeId]) -> ua.BrowseParameters:
    parameters = ua.BrowseParameters()
    parameters.RequestedMaxReferencesPerNode = 0
    for node in nodes:
        one = ua.BrowseDescription()
        one.NodeId, one.BrowseDirection = node, ua.BrowseDirection.Forward
        one.ReferenceTypeId, one.IncludeSubtypes = ua.NodeId(ua.ObjectIds.HierarchicalReferences), True
        one.NodeClassMask, one.ResultMask = ua.NodeClass(0), ua.BrowseResultMask.All
        parameters.NodesToBrowse.append(one)
    return parameters


async def ours(url: str) -> int:
    async with connect(ServerConfig(url=url, timeout_s=60)) as session:
        return len(await crawl(session))


def measured(work: Callable[[str], Awaitable[int]], url: str, server: Meter) -> dict[str, float]:
    wall, cpu, served = time.perf_counter(), time.process_time(), server.cpu_s
    nodes = asyncio.run(work(url))  # type: ignore[arg-type]
    wall, cpu, served = time.perf_counter() - wall, time.process_time() - cpu, server.cpu_s - served
    return {
        "nodes": nodes,
        "wall_s": round(wall, 3),
        "nodes_s": round(nodes / wall),
        "client_cpu_us": round(cpu / nodes * 1e6, 1),
        "server_cpu_us": round(served / nodes * 1e6, 1),
        "server_share": round(served / wall, 2),
    }


def main() -> None:
    logging.disable(logging.WARNING)
    variables = int(sys.argv[1]) if len(sys.argv) > 1 else VARIABLES
    with (
        tempfile.TemporaryDirectory() as home,
        running_peer("many_nodes.mjs", Path(home), variables=variables) as (hello, pid),
    ):
        server = Meter(pid)
        asyncio.run(ours(hello["url"]))  # the first crawl also warms the server up
        result = {work.__name__: measured(work, hello["url"], server) for work in (ours, batched, walk)}
    ratio = {
        f"{name}_{what}": round(result["ours"]["nodes_s"] / result[name]["nodes_s"], 1)
        if what == "nodes_s"
        else round(result[name]["client_cpu_us"] / result["ours"]["client_cpu_us"], 1)
        for name in ("walk", "batched")
        for what in ("nodes_s", "client_cpu")
    }
    print(json.dumps(result | {"ratio": ratio}))  # noqa: T201


if __name__ == "__main__":
    main()
