"""What plant.toml says of some machines only."""

from __future__ import annotations

import pytest

from omptool.errors import ConfigError
from omptool.model.plant import PlantModel

STATES = """
[[states]]
machine = "CNC{1,2}"
1 = "NotExecuting"
[[states]]
site = "North"
line = "L*"
1 = "Setup"
2 = "OutOfService"
[[states]]
1 = "Executing"
"machine tool" = "NotAvailable"
"""


@pytest.mark.parametrize(
    ("place", "one", "two"),
    [
        (("North", None, "L1", "CNC1"), "NotExecuting", "OutOfService"),
        (("North", None, "L1", "Press1"), "Setup", "OutOfService"),
        (("South", None, "L1", "CNC2"), "NotExecuting", None),
        (("North", "A", None, "Press1"), "Executing", None),
        (("South", "A", "L1", "Press1"), "Executing", None),
    ],
)
def test_of_each_code_the_first_entry_counts_that_covers_the_machine(
    place: tuple[str | None, ...], one: str, two: str | None
) -> None:
    told = PlantModel.parse(STATES).states_of(place)
    assert (told["1"], told.get("2"), told["machine tool"]) == (one, two, "NotAvailable")


def test_in_a_single_table_every_key_is_a_code() -> None:
    assert PlantModel.parse('[states]\nmachine = "Executing"\n').states_of(("S", None, None, "M")) == {
        "machine": "Executing"
    }


def test_ideal_times_are_told_by_product_and_machine() -> None:
    text = """
[[ideal_cycle]]
area = "Assembly"
"Bracket A" = 2
[[ideal_cycle]]
"Bracket A" = 10
C = 4.5
"""
    calendar = PlantModel.parse(text).calendar
    assert calendar.ideal_cycle_of(("S", "Assembly", None, "M")) == {"Bracket A": 2.0, "C": 4.5}
    assert calendar.ideal_cycle_of(("S", None, "L1", "M")) == {"Bracket A": 10.0, "C": 4.5}
    assert calendar.prices(("S", None, None, "M"))
    assert not PlantModel.parse("[ideal_cycle]").calendar.prices(("S", None, None, "M"))


def test_a_glob_in_the_single_table_is_told_of_the_other_spelling() -> None:
    with pytest.raises(ConfigError) as caught:
        PlantModel.parse('[states]\nmachine = "CNC*"\n1 = "Executing"\n')
    assert "[[states]]" in (caught.value.hint or "")
