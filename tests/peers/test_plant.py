"""The odd plant against our bytes: what its stack says about itself, and what ours reads."""

from __future__ import annotations

import asyncio

from omptool.config import ServerConfig
from omptool.opcua.session import connect
from omptool.opcua.values import read_values
from tests.peers.plants import Plant


def test_there_is_one_of_everything(plant: Plant) -> None:
    names = {truth.names[:2] for truth in plant.values}
    assert len(names) > 60 and len(plant.typed) > 20 and len(plant.names) > 70


def test_every_value_can_be_read(plant: Plant) -> None:
    async def main() -> list[int]:
        async with connect(ServerConfig(url=plant.url, timeout_s=60)) as session:
            truths = [*plant.values, *plant.typed, *plant.names]
            columns = await read_values(session, [truth.node_id for truth in truths])
            return columns.status.tolist()

    assert asyncio.run(main()) == [truth.status for truth in (*plant.values, *plant.typed, *plant.names)]
