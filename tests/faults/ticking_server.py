"""A server on omptool's own stack whose values are those of `ticking`; a process of its own, so that it can be killed.

Usage: ticking_server.py OPTIONS-AS-JSON, with `truth`, a file for the k that it gives out, and `port`. Prints one JSON
line with `url`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from omptool.model.builtin import BuiltinType
from omptool.model.nodes import Node
from omptool.model.times import unix_ns_to_ticks
from omptool.opcua.served import ServedValue, encode_variant
from omptool.opcua.server import serve
from tests.faults.ticking import NAMESPACE, NODES, PERIOD_NS, node_id, value

OBJECTS = "i=85"


def nodes() -> list[Node]:
    """A folder with the variables."""
    folder = f"nsu={NAMESPACE};s=Ticking"
    made = [
        Node(
            node_id=folder, path="Ticking", browse_name=f"nsu={NAMESPACE};Ticking", display_name="Ticking",
            description="", node_class="Object", type_definition="i=61", parents=(OBJECTS,),
        )
    ]  # fmt: skip
    made += [
        Node(
            node_id=node_id(name), path=f"Ticking/{name}", browse_name=f"nsu={NAMESPACE};{name}", display_name=name,
            description="", node_class="Variable", data_type="Double", data_type_id="i=11", type_definition="i=63",
            value_rank=-1, access_level=1, parents=(folder,),
        )
        for name in NODES
    ]  # fmt: skip
    return made


async def values(truth: int) -> AsyncIterator[ServedValue]:
    """Tick after tick; each is in the file of truth before it is given out."""
    k = time.time_ns() // PERIOD_NS
    while True:
        os.write(truth, b"%d\n" % k)
        for name in NODES:
            yield shown(name, k)
        k += 1
        await asyncio.sleep(max(k * PERIOD_NS - time.time_ns(), 0) / 1e9)


def shown(name: str, k: int) -> ServedValue:
    due_ns = k * PERIOD_NS
    variant = encode_variant(BuiltinType.Double, value(name, k))
    return ServedValue(due_ns, node_id(name), variant, 0, unix_ns_to_ticks(due_ns))


async def main(options: dict[str, Any]) -> None:
    truth = os.open(options["truth"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    served = await serve(
        nodes(), values(truth), namespaces=("", "urn:test:ticking:server", NAMESPACE),
        application_uri="urn:test:ticking:server", port=options.get("port", 0),
    )  # fmt: skip
    print(json.dumps({"url": served.url}), flush=True)  # noqa: T201
    assert served.finished is not None
    await served.finished


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
