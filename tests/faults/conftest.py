"""Servers and proxies for all captures of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from omptool.opcua import subscription
from tests.faults import disk, scenario
from tests.faults.proxy import Workshop
from tests.faults.servers import STACKS, TickingServer


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    with Workshop() as thread:
        yield thread


@pytest.fixture(scope="session")
def ticking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TickingServer]]:
    """One server of each stack, for whatever does not kill it."""
    home = tmp_path_factory.mktemp("ticking")
    servers = {name: stack(home) for name, stack in STACKS.items()}
    try:
        for server in servers.values():
            server.start()
        for server in servers.values():
            server.ready()
        yield servers
    finally:
        for server in servers.values():
            server.kill()


@pytest.fixture(scope="module")
def soon() -> Iterator[None]:
    """Keep-alives every second, and a disk that can be stalled."""
    with pytest.MonkeyPatch.context() as patch, disk.slow_syncs():
        patch.setattr(subscription, "KEEP_ALIVE_S", scenario.KEEP_ALIVE_S)
        yield
