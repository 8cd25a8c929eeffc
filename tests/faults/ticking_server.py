"""A server on omptool's own stack whose values are those of `ticking`; a process of its own, so that it can be killed.

Usage: ticking_server.py OPTIONS-AS-JSON, with `truth`, a file for the k that it gives out, `step`, a file whose number
of seconds its clock is off by as soon as it is there, and `port`. Prints one JSON line with `url`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from asyncua.server import internal_server
from asyncua.ua import uaprotocol_auto

from omptool.model.builtin import BuiltinType
from omptool.model.nodes import Node
from omptool.model.times import unix_ns_to_ticks
from omptool.opcua.serving.served import ServedValue, encode_variant
from omptool.opcua.serving.server import serve
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


class Clock:
    """The server's clock: the true one, until somebody sets it."""

    def __init__(self, step: Path) -> None:
        self._step = step
        self._true_ns = time.time_ns

    def ahead_ns(self) -> int:
        return round(float(self._step.read_text()) * 1e9) if self._step.exists() else 0

    def now_ns(self) -> int:
        return self._true_ns() + self.ahead_ns()

    def install(self) -> None:
        """Let PublishTimes, ResponseHeaders and ServerTimestamps be this clock's too; channels keep the true one."""
        clock = self

        class Moment(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Moment:
                return super().now(tz) + timedelta(microseconds=clock.ahead_ns() // 1000)

        uaprotocol_auto.datetime = internal_server.datetime = Moment  # type: ignore[attr-defined, misc, assignment]
        time.time_ns = self.now_ns


async def values(truth: int, clock: Clock) -> AsyncIterator[ServedValue]:
    """Tick after tick; each is in the file of truth before it is given out."""
    ahead_ns = clock.ahead_ns()
    k = clock.now_ns() // PERIOD_NS
    while True:
        os.write(truth, b"%d\n" % k)
        for name in NODES:
            yield shown(name, k)
        k += 1
        if clock.ahead_ns() != ahead_ns:
            ahead_ns = clock.ahead_ns()
            k = clock.now_ns() // PERIOD_NS
        await asyncio.sleep(max(k * PERIOD_NS - clock.now_ns(), 0) / 1e9)


def shown(name: str, k: int) -> ServedValue:
    """Tick k of a node, to be handed out at once: whoever yields it has waited."""
    variant = encode_variant(BuiltinType.Double, value(name, k))
    return ServedValue(0, node_id(name), variant, 0, unix_ns_to_ticks(k * PERIOD_NS))


async def main(options: dict[str, Any]) -> None:
    truth = os.open(options["truth"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    clock = Clock(Path(options["step"]))
    clock.install()
    served = await serve(
        nodes(), values(truth, clock), namespaces=("", "urn:test:ticking:server", NAMESPACE),
        application_uri="urn:test:ticking:server", port=options.get("port", 0),
    )  # fmt: skip
    print(json.dumps({"url": served.url}), flush=True)  # noqa: T201
    assert served.finished is not None
    await served.finished


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
