"""What a recording would ask of its servers, found out without asking for it: nothing is created, here or there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from omptool.capture.recording.choosing import browse
from omptool.capture.recording.descriptors import make_room
from omptool.capture.recording.startup import Startup
from omptool.capture.recording.terms import PlannedItem, PlannedServer, Selection, ServerProgress, Wanted
from omptool.model.monitoring import AS_ALL
from omptool.opcua.serverinfo import read_capacity
from omptool.opcua.subscribing.gate import Gate
from omptool.opcua.subscribing.items import requested
from omptool.opcua.subscribing.lasting import lasting


async def plan(servers: Sequence[Wanted], selection: Selection) -> list[PlannedServer]:
    """What `record` would monitor; creates nothing, on disk or at the servers.

    Raises:
        NotFound, UsageError, Unreachable, ServerRefused: as `record`; also when only one of them is away.
    """
    make_room(len(servers))
    startup, gate = Startup(servers), Gate()

    async def look(number: int, wanted: Wanted) -> PlannedServer:
        async with gate.turn(), lasting(wanted.server) as session:
            startup.introduced(number, session.application_uri)
            own, is_alone = wanted.selection or selection, len(servers) == 1 or wanted.selection is not None
            found, choice = await browse(session, own, ServerProgress(wanted.label), is_alone=is_alone)
            capacity = (await read_capacity(session)).within(session.capacity)
        startup.offer(number, choice)
        asked = wanted.intervals
        said = [(node, found.asked.get(node.node_id, AS_ALL)) for node in choice.nodes]
        items = [(node, how, requested(node.node_id, 0, how, asked.sampling_ms)) for node, how in said]
        planned = [
            PlannedItem("", node, item.sampling_ms, item.depth(asked.publishing_ms), how) for node, how, item in items
        ]
        return PlannedServer(wanted.label, planned, asked.publishing_ms, capacity)

    found = await asyncio.gather(*(look(number, wanted) for number, wanted in enumerate(servers)))
    startup.check()
    return [
        one._replace(items=[replace(item, server=startup.name(number)) for item in one.items])
        for number, one in enumerate(found)
    ]
