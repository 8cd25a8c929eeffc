"""Servers on a stack that is not ours: one mean, one as odd as real plants, one with small limits, one of companion
specifications."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers.plants import Plant, running_peer, running_plant


@pytest.fixture(scope="session")
def peer_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The mean one's address."""
    with running_peer("plant_server.cjs", tmp_path_factory.mktemp("peer")) as (hello, _):
        yield f"opc.tcp://127.0.0.1:{hello['port']}"


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """The odd plant."""
    with running_plant(tmp_path_factory.mktemp("plant")) as running:
        yield running


@pytest.fixture(scope="session")
def steady_plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """All its values are Good: a queue of others that runs over, when its client is gone, is too much for the stack."""
    with running_plant(tmp_path_factory.mktemp("steady"), steady=True) as running:
        yield running


@pytest.fixture(scope="session")
def generous_plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """Likewise; it hands subscriptions over, and lets them live as briefly as one likes."""
    with running_plant(tmp_path_factory.mktemp("generous"), steady=True, transfers=True, lifetime_ms=500) as running:
        yield running


@pytest.fixture(scope="session")
def small_plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """The odd plant with limits of three."""
    with running_plant(tmp_path_factory.mktemp("small"), limits=3) as running:
        yield running


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """Companion specifications."""
    with running_plant(tmp_path_factory.mktemp("machines"), companions=True) as running:
        yield running
