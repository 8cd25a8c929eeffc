"""asyncua's own client, doing nothing with what it receives: `asyncua_client.py URL ITEMS`, until it is ended."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

from asyncua import Client, ua

from tests.load.truth import FIRST_TAG


class Nothing:
    """A handler as asyncua's documentation has it."""

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        """Each value."""


async def main(url: str, items: int) -> None:
    client = Client(url, timeout=60)
    client.session_timeout = client.secure_channel_timeout = 3_600_000
    async with client:
        subscription = await client.create_subscription(10, Nothing())
        nodes = [client.get_node(ua.NodeId(FIRST_TAG + item, 2)) for item in range(items)]
        await subscription.subscribe_data_change(nodes, queuesize=10)
        await asyncio.Event().wait()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
