"""Browse: omptool's crawl beside asyncua's own one-node-at-a-time walk, against the same server, in one run.

Not a test: `python tests/bench/bench_browse.py [URL]`. Without a URL it serves 5,000 variables itself, and that server
then takes most of the time; a URL of a fast server shows more. Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from asyncua import Client, Server, ua

from omptool.config import ServerConfig
from omptool.opcua.crawl import crawl
from omptool.opcua.session import connect

VARIABLES = 5000
WALK_S = 10.0
"""The walk is cut after this; rates are compared, not times."""


def serve(pipe: Any) -> None:
    async def main() -> None:
        server = Server()
        await server.init()
        server.set_endpoint("opc.tcp://127.0.0.1:0/bench")
        index = await server.register_namespace("urn:bench")
        folder: Any = None
        for number in range(VARIABLES):
            if number % 100 == 0:
                folder = await server.nodes.objects.add_folder(index, f"Machine{number // 100}")
            await folder.add_variable(index, f"Tag{number}", float(number))
        async with server:
            pipe.send(server.bserver._server.sockets[0].getsockname()[1])
            await asyncio.Event().wait()

    asyncio.run(main())


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


async def ours(url: str) -> int:
    async with connect(ServerConfig(url=url, timeout_s=60)) as session:
        return len(await crawl(session))


def measured(work: Callable[[str], Awaitable[int]], url: str) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    nodes = asyncio.run(work(url))  # type: ignore[arg-type]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "nodes": nodes,
        "wall_s": round(wall, 3),
        "nodes_s": round(nodes / wall),
        "cpu_us": round(cpu / nodes * 1e6),
    }


def main() -> None:
    process = None
    if len(sys.argv) > 1:
        url = sys.argv[1]
    else:
        receiver, sender = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(sender,), daemon=True)
        process.start()
        url = f"opc.tcp://127.0.0.1:{receiver.recv()}/bench"
    result = {"walk": measured(walk, url), "omptool": measured(ours, url)}
    ratio = {
        "nodes_s": round(result["omptool"]["nodes_s"] / result["walk"]["nodes_s"], 1),
        "client_cpu": round(result["walk"]["cpu_us"] / result["omptool"]["cpu_us"], 1),
    }
    print(json.dumps(result | {"ratio": ratio}))  # noqa: T201
    if process is not None:
        process.terminate()


if __name__ == "__main__":
    main()
