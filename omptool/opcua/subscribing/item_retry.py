"""Asks again for items that a server refused, while the others go on: a node may come, a right be given.

One request for all that are refused, with growing pauses, for as long as the subscription lives; it ends no
subscription and reports nothing but success.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from omptool.errors import OmptoolError
from omptool.opcua.session import Session
from omptool.opcua.subscribing.granted import Subscription
from omptool.opcua.subscribing.items import MonitoredItem, create_items

RETRY_S = 5.0
MOST_RETRY_S = 60.0
"""Pauses between attempts, doubling."""


async def retry_items(
    session: Session,
    now: Callable[[], Subscription],
    came: Callable[[Subscription, Sequence[MonitoredItem]], Awaitable[None]],
) -> None:
    """Until every item of what is granted `now` exists; `came` is told of those that do, and what is granted then."""
    pause = RETRY_S
    while refused := [item.requested for item in now().items if not item.is_monitored]:
        await asyncio.sleep(pause)
        pause = min(2 * pause, MOST_RETRY_S)
        try:
            items = await create_items(session, now().sub, refused, now().publishing_ms)
        except OmptoolError:
            continue  # whoever waits for messages notices a lost connection too
        created = {item.requested.handle: item for item in items if item.is_monitored}
        if created:
            granted = now()
            all_items = tuple(created.get(item.requested.handle, item) for item in granted.items)
            await came(replace(granted, items=all_items), list(created.values()))
