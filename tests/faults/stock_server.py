"""A stock server of asyncua, its own subscription layer included, whose values are those of `ticking`.

Usage and clock as `ticking_server`. A queue that runs over says nothing there, and a message is sent again once: what
`test_abilities` asserts.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asyncua import Server, ua

from tests.faults.ticking import NAMESPACE, NODES, PERIOD_NS, value
from tests.faults.ticking_server import Clock


async def build(server: Server) -> list[ua.NodeId]:
    """The folder with the variables; their NodeIds."""
    index = await server.register_namespace(NAMESPACE)
    folder = await server.nodes.objects.add_folder(ua.NodeId("Ticking", index), ua.QualifiedName("Ticking", index))
    made = [
        await folder.add_variable(ua.NodeId(name, index), ua.QualifiedName(name, index), 0.0, ua.VariantType.Double)
        for name in NODES
    ]
    return [variable.nodeid for variable in made]


async def show(server: Server, nodes: list[ua.NodeId], truth: int, clock: Clock) -> None:
    """Tick after tick; each is in the file of truth before it is given out."""
    ahead_ns, k = clock.ahead_ns(), clock.now_ns() // PERIOD_NS
    while True:
        os.write(truth, b"%d\n" % k)
        at = datetime.fromtimestamp(k * PERIOD_NS // 1_000_000 / 1000, UTC)
        for name, node in zip(NODES, nodes, strict=True):
            shown = ua.DataValue(ua.Variant(value(name, k), ua.VariantType.Double), SourceTimestamp=at)
            await server.write_attribute_value(node, shown)
        k += 1
        if clock.ahead_ns() != ahead_ns:
            ahead_ns, k = clock.ahead_ns(), clock.now_ns() // PERIOD_NS
        await asyncio.sleep(max(k * PERIOD_NS - clock.now_ns(), 0) / 1e9)


async def main(options: dict[str, Any]) -> None:
    truth = os.open(options["truth"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    clock = Clock(Path(options["step"]))
    clock.install()
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{options.get('port', 0)}/stock")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.set_application_uri("urn:test:ticking:stock")
    nodes = await build(server)
    async with server:
        port = server.bserver._server.sockets[0].getsockname()[1]
        print(json.dumps({"url": f"opc.tcp://127.0.0.1:{port}/stock"}), flush=True)  # noqa: T201
        await show(server, nodes, truth, clock)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
