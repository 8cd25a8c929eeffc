"""What a recording will come to at most, and what is refused."""

from __future__ import annotations

import pytest

from omptool.capture.prediction import check, most_values_per_s
from omptool.capture.recording import PlannedItem, PlannedServer
from omptool.errors import ServerRefused
from omptool.model.limits import Capacity
from omptool.model.nodes import Node


def planned(*sampling: tuple[float, int], capacity: Capacity = Capacity()) -> PlannedServer:  # noqa: B008  frozen
    items = [PlannedItem("s", Node("i=1", "A", "A"), every, queue) for every, queue in sampling]
    return PlannedServer("press7", items, 1000.0, capacity)


@pytest.mark.parametrize(
    ("server", "most"),
    [
        (planned((100.0, 40)), 10.0),
        (planned((100.0, 4)), 4.0),
        (planned((0.0, 40), (500.0, 10)), 42.0),
        (planned((0.0, 40), capacity=Capacity(min_sampling_ms=250.0)), 4.0),
        (planned((0.0, 40), capacity=Capacity(max_queue_size=10)), 10.0),
        (planned(), 0.0),
    ],
)
def test_the_bound_is_the_looks_or_the_queue(server: PlannedServer, most: float) -> None:
    assert most_values_per_s(server) == most


def test_more_items_than_a_server_takes_are_refused() -> None:
    few = Capacity(max_monitored_items=5, max_monitored_items_per_subscription=2)
    check([planned((0.0, 1), (0.0, 1), capacity=few), planned(*[(0.0, 1)] * 9)])
    with pytest.raises(ServerRefused, match="press7 takes at most 2 items in a subscription, 3 are selected"):
        check([planned(*[(0.0, 1)] * 3, capacity=few)])
