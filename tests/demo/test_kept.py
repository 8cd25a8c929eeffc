"""The plant's history says what the plant did, at any time and from either end."""

from __future__ import annotations

import pytest

from omptool.demo import source
from omptool.demo.nodes import NAMESPACES
from omptool.demo.parts import DATA_TYPES, RECORD, Part
from omptool.demo.plant import HOUR, MINUTE, NAMESPACE, shift_start
from omptool.demo.schedule import Plant
from omptool.model.times import unix_ns_to_ticks
from omptool.protocol.structure import Definitions
from omptool.protocol.variant import decode_variant

PLANT = Plant(3)
KEPT = source.Kept(PLANT)
START = shift_start(62_028) + 3 * HOUR + 17
PREFIX = f"nsu={NAMESPACE};s=Line2.CNC1."


@pytest.mark.parametrize(("tag", "span"), [("Vibration", 5 * MINUTE), ("LastPart", 9 * HOUR), ("Order", 30 * HOUR)])
def test_history_is_the_schedule_from_both_ends(tag: str, span: int) -> None:
    changes = PLANT.changes_of(PREFIX + tag, START, START + span)
    forward = list(KEPT.values(PREFIX + tag, START, START + span, newest_first=False))
    backward = list(KEPT.values(PREFIX + tag, START, START + span, newest_first=True))
    assert forward == backward[::-1]
    assert [value.source_ticks for value in forward] == [unix_ns_to_ticks(change.time_ns) for change in changes]
    assert len(forward) > 5


def test_a_part_reads_as_its_definition_says() -> None:
    [first, *_] = KEPT.values(PREFIX + "LastPart", START, START + HOUR, newest_first=False)
    [change, *_] = PLANT.changes_of(PREFIX + "LastPart", START, START + HOUR)
    assert isinstance(change.value, Part)
    shown, name = Definitions(DATA_TYPES).to_json(decode_variant(first.variant, NAMESPACES), NAMESPACES)
    assert name == RECORD.name
    assert list(shown) == ["Product", "Outcome", "CycleTime", "BoreDiameter"]
    assert (shown["Product"], shown["Outcome"]) == (change.value.product, change.value.outcome.name)
    assert (shown["CycleTime"], shown["BoreDiameter"]) == (change.value.cycle_s, change.value.measure)
