"""Captures that somebody tries to break between client and server: every row is compared with what the server showed,
and every window with what was really broken. They all run side by side; `test_matrix` tries many more."""

from __future__ import annotations

import pytest

from tests.faults.ensemble import Ended, Key, charges_of, play_all
from tests.faults.proxy import Workshop
from tests.faults.servers import TickingServer

TRIED: list[Key] = [
    ("nothing", "asyncua"), ("nothing", "node-opcua"), ("hole", "stock"), ("truncate-publish", "stock"),
    ("close", "asyncua"), ("refuse", "asyncua"), ("three-resets", "node-opcua"), ("half-open", "node-opcua"),
    ("long-freeze-down", "asyncua"), ("delay-beyond-time-out", "node-opcua"), ("truncate-request", "asyncua"),
    ("corrupt-request-id", "asyncua"), ("corrupt-type", "asyncua"), ("corrupt-tail", "node-opcua"),
    ("cut-renewal", "asyncua"), ("freeze-beyond-renewal", "node-opcua"), ("reset-then-cut-republishing", "asyncua"),
    ("disk stalled during drop", "node-opcua"), ("disk stalled during black hole", "asyncua"),
    ("disk stalled during corrupt", "node-opcua"), ("disk stalled during slow drip", "asyncua"),
]  # fmt: skip


@pytest.fixture(scope="module")
def ended(
    ticking: dict[str, TickingServer], workshop: Workshop, soon: None, tmp_path_factory: pytest.TempPathFactory
) -> Ended:
    return play_all(TRIED, ticking, workshop, tmp_path_factory.mktemp("faults"), seed=1, places=len(TRIED))


@pytest.mark.parametrize("key", TRIED, ids="-".join)
def test_the_capture_tells_the_truth(key: Key, ended: Ended) -> None:
    assert charges_of(key, ended[key]) == []
