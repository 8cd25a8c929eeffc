"""Captures whose server, process, disk or clock somebody harms, mostly while the connection is bad too. They all run
side by side; `test_matrix` tries many more."""

from __future__ import annotations

import pytest

from tests.faults.ensemble import Ended, Key, charges_of, play_all
from tests.faults.proxy import Workshop
from tests.faults.servers import TickingServer

TRIED: list[Key] = [
    ("server killed during black hole", "asyncua"), ("server's clock during truncate", "node-opcua"),
    ("client killed during drop", "node-opcua"), ("client killed during delay", "asyncua"),
    ("disk full during freeze", "asyncua"), ("disk full during corrupt", "node-opcua"),
    ("own clock during slow drip", "asyncua"), ("own clock during black hole", "node-opcua"),
    ("expired", "node-opcua"), ("server-stopped", "asyncua"),
]  # fmt: skip


@pytest.fixture(scope="module")
def ended(
    ticking: dict[str, TickingServer], workshop: Workshop, soon: None, tmp_path_factory: pytest.TempPathFactory
) -> Ended:
    return play_all(TRIED, ticking, workshop, tmp_path_factory.mktemp("faults"), seed=1, places=len(TRIED))


@pytest.mark.parametrize("key", TRIED, ids="-".join)
def test_the_capture_tells_the_truth(key: Key, ended: Ended) -> None:
    assert charges_of(key, ended[key]) == []
