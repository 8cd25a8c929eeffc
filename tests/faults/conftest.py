"""Servers and proxies for all captures of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from omptool.opcua import channel
from omptool.opcua.subscribing import subscription
from tests.faults import disk, scenario
from tests.faults.ensemble import running
from tests.faults.proxy import Workshop
from tests.faults.servers import STACKS, TickingServer


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    with Workshop() as thread:
        yield thread


@pytest.fixture(scope="session")
def ticking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TickingServer]]:
    """One server of each stack, for whatever does not harm it."""
    with running(STACKS, tmp_path_factory.mktemp("ticking")) as servers:
        yield servers


@pytest.fixture(scope="module")
def soon() -> Iterator[None]:
    """Keep-alives every second, channels renewed all the time, and a disk that can be stalled."""
    with pytest.MonkeyPatch.context() as patch, disk.slow_syncs():
        patch.setattr(subscription, "KEEP_ALIVE_S", scenario.KEEP_ALIVE_S)
        patch.setattr(channel, "LIFETIME_S", scenario.CHANNEL_S)
        yield
