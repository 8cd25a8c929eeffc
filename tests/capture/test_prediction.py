"""What a recording will come to at most, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from omptool.capture.recording.prediction import bytes_per_s, check, measured_bytes, most_values_per_s
from omptool.capture.recording.terms import PlannedItem, PlannedServer
from omptool.errors import ServerRefused
from omptool.model.limits import Capacity
from omptool.model.nodes import Node
from tests.capture import build


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


@pytest.mark.parametrize(
    ("node", "size"),
    [
        (Node("i=1", "A", "A", data_type="Double"), 20),
        (Node("i=1", "A", "A", data_type="String"), 40),
        (Node("i=1", "A", "A", data_type="State", enum_names={0: "Off"}), 20),
        (Node("i=1", "A", "A", data_type="PartRecord"), 80),
        (Node("i=1", "A", "A", data_type="Double", value_rank=2, array_dimensions=(4, 4)), 20 + 15 * 6),
        (Node("i=1", "A", "A", data_type="Double", value_rank=1), 20),
    ],
)
def test_bytes_are_assumed_by_type_unless_a_capture_tells(node: Node, size: float) -> None:
    server = PlannedServer("press7", [PlannedItem("s", node, 500.0, 10)], 1000.0, Capacity())
    assert bytes_per_s(server, None) == 2 * size
    assert bytes_per_s(server, 12.5) == 25


def test_a_capture_tells_once_it_has_enough_rows(tmp_path: Path) -> None:
    few, many = build.small(tmp_path / "few.omcap"), build.small(tmp_path / "many.omcap", commits=4, rows=500)
    assert measured_bytes(Capture.open(few)) is None
    told = measured_bytes(Capture.open(many))
    assert told is not None and 5 < told < 100


def test_more_items_than_a_server_takes_are_refused() -> None:
    few = Capacity(max_monitored_items=5, max_monitored_items_per_subscription=2)
    check([planned((0.0, 1), (0.0, 1), capacity=few), planned(*[(0.0, 1)] * 9)])
    with pytest.raises(ServerRefused, match="press7 takes at most 2 items in a subscription, 3 are selected"):
        check([planned(*[(0.0, 1)] * 3, capacity=few)])
