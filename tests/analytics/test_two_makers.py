"""Machines of several makers in one plant: what plant.toml says of some of them is not so for the others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from omptool.errors import NotFound
from omptool.model.plant import PlantModel
from tests.analytics.test_gaps_and_quality import T0, run, sample


def of(machine: str, second: float, tag: str, value: object, **changes: Any) -> dict[str, object]:
    """A row of a machine, with a node of its own."""
    return sample(second, tag, value, machine=machine, node_id=f"s={machine}.{tag}", **changes)


TWO = [
    of("Press1", 0, "State", 1), of("Press1", 60, "State", 2), of("CNC1", 0, "State", 1), of("CNC1", 70, "State", 2),
]  # fmt: skip
CODES = """
[[states]]
machine = "CNC*"
1 = "NotExecuting"
[[states]]
1 = "Executing"
2 = "OutOfService"
"""


def _elements(text: str, rows: list[dict[str, object]]) -> dict[tuple[str, str], float]:
    found = run("time_elements", rows, plant=PlantModel.parse(text)).rows.to_pylist()
    return {(row["machine"], row["element"]): row["seconds"] for row in found if row["seconds"]}


def test_a_code_means_what_its_maker_means() -> None:
    assert _elements(CODES, TWO) == {
        ("Press1", "APT"): 60, ("Press1", "ADET"): 40, ("CNC1", "ADOT"): 70, ("CNC1", "ADET"): 30,
    }  # fmt: skip
    assert _elements(CODES.split("[[states]]\n1")[0], TWO) == {
        ("Press1", "UNASSIGNED"): 100, ("CNC1", "ADOT"): 70, ("CNC1", "UNASSIGNED"): 30,
    }  # fmt: skip


def test_states_of_packml_stay_those_of_packml() -> None:
    """The levels of a state machine of PackML are read so in a machine with meanings of its own, too."""
    base = "BaseStateMachine"
    rows = [
        *TWO, of("P", 0, f"{base}/CurrentState", "Cleared"), of("P", 0, f"{base}/MachineState/CurrentState", "Running"),
        of("P", 0, f"{base}/MachineState/ExecuteState/CurrentState", "Execute"),
        of("P", 80, f"{base}/MachineState/ExecuteState/CurrentState", "Held"),
    ]  # fmt: skip
    text = '[[states]]\nmachine = "P"\nHeld = "Setup"\n' + CODES
    found = _elements(text, rows)
    assert {key: value for key, value in found.items() if key[0] == "P"} == {("P", "APT"): 80, ("P", "AUST"): 20}
    assert found["CNC1", "ADOT"] == 70


def test_sums_over_machines_take_each_by_its_own_codes() -> None:
    found = run("time_elements", TWO, plant=PlantModel.parse(CODES), places=("site",)).rows.to_pylist()
    assert {row["element"]: row["seconds"] for row in found if row["seconds"]} == {"APT": 60, "ADET": 70, "ADOT": 70}


CYCLES = """
[[ideal_cycle]]
line = "L*"
machine = "Packer*"
A = 2
[[ideal_cycle]]
machine = "P*"
A = 10
B = 4
"""


def _made(machine: str, *more: dict[str, object], line: str = "L1") -> list[dict[str, object]]:
    """Ten parts of A, then twenty of B."""
    said = [(0, "State", "Executing"), (0, "GoodCount", 0), (0, "Product", "A"), (30, "GoodCount", 10)]
    said += [(50, "Product", "B"), (90, "GoodCount", 30)]
    return [of(machine, *each, line=line) for each in said] + [{**row, "line": line} for row in more]


FLOOR = [
    *_made("Press1"), *_made("Packer1"), *_made("Packer2", line="X"), *_made("CNC1", of("CNC1", 0, "IdealCycleTime", 7))
]  # fmt: skip


def _ideals(text: str, **asked: Any) -> dict[tuple[str, ...], float | None]:
    found = run("oee", FLOOR, plant=PlantModel.parse(text), **asked).rows.to_pylist()
    return {tuple(row[key] for key in ("machine", "product") if key in row): row["ideal_s"] for row in found}


def test_a_machine_has_its_own_ideal_time_for_a_product() -> None:
    own = {("Press1",): 180, ("Packer1",): 100, ("Packer2",): 180, ("CNC1",): 210}
    assert _ideals(CYCLES) == own
    assert _ideals("[ideal_cycle]\nA = 10\nB = 4\n") == dict.fromkeys(own, 180)
    given = run("oee", FLOOR, plant=PlantModel.parse(CYCLES), parameters={"ideal_cycle": 3.0}).rows.to_pylist()
    assert {row["ideal_s"] for row in given} == {90}


def test_rows_by_product_have_the_ideal_times_of_their_machine() -> None:
    found = _ideals(CYCLES, product=True)
    assert [found["Packer1", product] for product in "AB"] == [20, 80]
    assert [found["Press1", product] for product in "AB"] == [100, 80]
    assert [found["CNC1", product] for product in "AB"] == [70, 140]


STOPS = """
[[planned_stop]]
line = "L1"
name = "cleaning"
start = "00:00:10"
end = "00:00:40"
[[planned_stop]]
machine = "P*"
name = "holiday"
dates = ["2026-01-01", 2026-12-25]
start = "00:00:30"
end = "00:01:00"
[[planned_stop]]
name = "other holiday"
dates = [2026-01-02]
start = "00:00"
end = "00:00"
"""


def test_a_planned_stop_is_that_of_its_machines_and_dates() -> None:
    rows = [*_made("Press1"), *_made("CNC1"), *_made("Press2", line="L2"), *_made("CNC2", line="L2")]
    assert {key: seconds for key, seconds in _elements(STOPS, rows).items() if key[1] == "NOT_PLANNED"} == {
        ("Press1", "NOT_PLANNED"): 50, ("CNC1", "NOT_PLANNED"): 30, ("Press2", "NOT_PLANNED"): 30
    }  # fmt: skip
    found = run("time_elements", rows, plant=PlantModel.parse(STOPS), end=T0 + timedelta(days=2)).rows.to_pylist()
    unplanned = {row["machine"]: row["seconds"] for row in found if row["element"] == "NOT_PLANNED"}
    assert {name: seconds - 86_400 for name, seconds in unplanned.items()} == {
        "Press1": 50, "CNC1": 30, "Press2": 30, "CNC2": 0
    }  # fmt: skip


def test_who_rests_need_not_speak_and_the_others_should() -> None:
    rows = [of(name, at, "V", at, line=line) for name, line in (("A", "L1"), ("B", "L2")) for at in (0, 5, 45, 95)]
    found = run("data_quality", rows, plant=PlantModel.parse(STOPS)).rows.to_pylist()
    told = {row["machine"]: (row["longest_silence_s"], row["working_silence_s"]) for row in found}
    assert told == {"A": (50, 50), "B": (50, 50)}
    found = run("data_quality", rows, plant=PlantModel.parse(STOPS.replace("00:00:40", "00:01:20"))).rows.to_pylist()
    told = {row["machine"]: (row["longest_silence_s"], row["working_silence_s"]) for row in found}
    assert told == {"A": (50, 15), "B": (50, 50)}


@pytest.mark.parametrize("name", ["oee", "teep"])
def test_parts_without_an_ideal_time_say_of_what_product_they_are(name: str) -> None:
    only = "\n[[ideal_cycle]]\nmachine = 'P*'\nB = 4\n"
    found = run(name, FLOOR, plant=PlantModel.parse(only)).rows.to_pylist()
    notes = {row["machine"]: row["note"] for row in found}
    assert notes["Press1"] == "parts of A have no ideal cycle time: add it to [ideal_cycle] of plant.toml"
    assert "A" not in (notes["CNC1"] or "")
    late = [row for row in FLOOR if row["machine"] == "CNC1" and row["tag"] != "IdealCycleTime"]
    [row] = run(name, [*late, of("CNC1", 40, "IdealCycleTime", 7, line="L1")]).rows.to_pylist()
    said = "parts without an ideal cycle time: none was said before them; give --param ideal_cycle=SECONDS"
    assert row["note"] == said
    priced = run(name, late, parameters={"ideal_cycle": 1.0}, plant=PlantModel.parse(only)).rows.to_pylist()
    assert "no ideal cycle" not in (priced[0]["note"] or "")


def test_a_tag_that_somebody_names_wins_over_the_plant_model() -> None:
    """--map over [ideal_cycle], in machines that have the tag; the others keep what plant.toml says."""
    plant = PlantModel.parse(CYCLES)
    rows = [*FLOOR, of("Press1", 0, "Ideal", 3, line="L1")]
    asked: dict[str, Any] = {"plant": plant, "maps": {"ideal": "Ideal"}}
    found = {row["machine"]: row["ideal_s"] for row in run("oee", rows, **asked).rows.to_pylist()}
    assert found == {"Press1": 90.0, "Packer1": 100.0, "Packer2": 180.0, "CNC1": None}
    alone = run("oee", [row for row in rows if row["machine"] == "Press1"], **asked)
    assert alone.rows["ideal_s"].to_pylist() == [90.0]
    assert not [note for note in alone.notes if "role product" in note]
    with pytest.raises(NotFound, match="no tag matches Nope for the role ideal"):
        run("oee", rows, plant=plant, maps={"ideal": "Nope"})
