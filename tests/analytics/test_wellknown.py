"""Servers of companion specifications need no plant model, and their numbers mean nothing on other nodes."""

from __future__ import annotations

from typing import Any

import pytest

from omptool.analytics import catalog
from omptool.analytics.binding import Tag
from omptool.analytics.modelling import lacks
from omptool.analytics.wellknown import Book, Voice, one_machine, voice
from omptool.errors import UsageError
from omptool.model.plant import PlantModel
from omptool.model.vocabulary import PACKML, PACKML_NUMBERS
from tests.analytics.test_gaps_and_quality import run, sample

PRICED = {"ideal_cycle": 2.0}


def oee(rows: list[dict[str, object]], **asked: Any) -> dict[str, Any]:
    [row] = run("oee", rows, parameters=PRICED, **asked).rows.to_pylist()
    return dict(row)


def times(row: dict[str, Any]) -> dict[str, float]:
    return {name: row[name] for name in ("apt", "aust", "adet", "adot", "unassigned_s") if row[name]}


COUNTS = [sample(0, "Admin/ProdGoodCount", 0), sample(15, "Admin/ProdGoodCount", 5)]


@pytest.mark.parametrize(("number", "word"), PACKML_NUMBERS.items())
def test_every_number_of_packml_is_its_word(number: int, word: str) -> None:
    numbers, words = (
        oee([*COUNTS, sample(0, "Status/StateCurrent", said, seq=9)]) for said in (number, PACKML_NUMBERS[number])
    )
    assert times(numbers) == times(words) != {}
    assert word in PACKML


def test_packml_by_number_from_state_to_oee() -> None:
    said = [(0, 6), (40, 11), (60, 9), (70, 1), (80, 15), (90, 99)]
    rows = [*COUNTS, *(sample(second, "Status/StateCurrent", number, seq=90 + second) for second, number in said)]
    row = oee(rows)
    assert times(row) == {"apt": 40.0, "adot": 30.0, "adet": 20.0, "unassigned_s": 10.0}
    assert (row["pq"], row["ideal_s"], row["note"][:8]) == (5.0, 10.0, "state 99")
    states = {each["state"]: each["seconds"] for each in run("time_in_state", rows).rows.to_pylist()}
    assert states == {"Execute": 40.0, "Held": 20.0, "Aborted": 10.0, "Clearing": 10.0, "Resetting": 10.0, "99": 10.0}


def test_its_numbers_mean_nothing_on_other_nodes_and_theirs_nothing_here() -> None:
    own = [{**row, "machine": "N", "node_id": f"{row['node_id']}N"} for row in
           (sample(0, "State", 6), sample(0, "GoodCount", 0))]  # fmt: skip
    rows = [*COUNTS, sample(0, "Status/StateCurrent", 6, seq=9), *own]
    plain = {row["machine"]: row for row in run("oee", rows, parameters=PRICED).rows.to_pylist()}
    assert (times(plain["M"]), times(plain["N"])) == ({"apt": 100.0}, {"unassigned_s": 100.0})
    model = PlantModel.parse('[states]\n6 = "OutOfService"\n')
    told = {row["machine"]: row for row in run("oee", rows, parameters=PRICED, plant=model).rows.to_pylist()}
    assert (times(told["M"]), times(told["N"])) == ({"apt": 100.0}, {"adet": 100.0})


def test_numbers_that_packml_does_not_have_are_those_of_the_plant_model() -> None:
    model = PlantModel.parse('[states]\n18 = "OutOfService"\n6 = "OutOfService"\n')
    rows = [*COUNTS, sample(0, "Status/StateCurrent", 6, seq=9), sample(40, "Status/StateCurrent", 18, seq=10)]
    assert times(oee(rows, plant=model)) == {"apt": 40.0, "adet": 60.0}


def test_a_word_of_the_plant_model_wins_over_the_number_too() -> None:
    model = PlantModel.parse('[states]\nStopped = "NotAvailable"\n')
    assert oee([*COUNTS, sample(0, "Status/StateCurrent", 2, seq=9)], plant=model)["unplanned_s"] == 100.0


BASE, MACHINE = "BaseStateMachine/CurrentState", "BaseStateMachine/MachineState/CurrentState"
EXECUTE = "BaseStateMachine/MachineState/ExecuteState/CurrentState"


def test_the_three_state_machines_of_packml_say_one_state() -> None:
    told = [
        (0, BASE, "Cleared"), (0, MACHINE, "Running"), (0, EXECUTE, "Execute"),
        (30, BASE, "Aborting"), (30, MACHINE, None), (30, EXECUTE, None), (40, BASE, "Aborted"),
        (50, BASE, "Cleared"), (50, MACHINE, "Clearing"), (60, MACHINE, "Stopped"),
        (80, MACHINE, "Running"), (80, EXECUTE, "Starting"), (90, EXECUTE, "Execute"),
    ]  # fmt: skip
    rows = [
        sample(second, tag, said, "Good" if said else "Bad", seq=100 + place)
        for place, (second, tag, said) in enumerate(told)
    ]
    row = oee([*COUNTS, *rows])
    assert times(row) == {"apt": 40.0, "adet": 30.0, "adot": 30.0}
    assert (row["coverage"], row["percent_good"], row["note"]) == (1.0, 100.0, None)
    bad = oee([*COUNTS, *rows, sample(95, BASE, None, "Bad", seq=200)])
    assert times(bad)["unassigned_s"] == 5.0


def test_counts_of_packml_are_of_all_parts_and_come_in_structures() -> None:
    def count(second: float, tag: str, number: int, other: int = 7) -> dict[str, object]:
        one = '{"ID":1,"Name":"Can","Unit":{"UnitId":0},"Count":0,"AccCount":%d}'
        return sample(second, f"Admin/{tag}", f"[{one % number},{one % other}]")

    rows = [
        sample(0, "Status/StateCurrent", 6), count(0, "ProdProcessedCount", 100), count(0, "ProdDefectiveCount", 3),
        count(20, "ProdProcessedCount", 110), count(25, "ProdDefectiveCount", 5),
        count(30, "ProdProcessedCount", 112, 9),
    ]  # fmt: skip
    row = oee(rows)
    assert (row["pq"], row["gq"], row["sq"], row["ideal_s"]) == (12.0, 10.0, 2.0, 24.0)
    assert row["quality_ratio"] == pytest.approx(10 / 12)
    [cycles] = run("cycle_time", rows).rows.to_pylist()
    assert cycles["cycles"] == 1
    by_product = run("oee", [*rows, sample(0, "Status/RecipeName", "A")], parameters=PRICED, product=True, places=())
    assert [(each["product"], each["gq"]) for each in by_product.rows.to_pylist()] == [("A", 10.0)]


def test_a_count_of_good_parts_wins_over_one_of_all() -> None:
    rows = [
        *COUNTS, sample(0, "Admin/ProdProcessedCount", 0), sample(20, "Admin/ProdProcessedCount", 9),
        sample(0, "Status/StateCurrent", 6),
    ]  # fmt: skip
    assert (oee(rows)["pq"], oee(rows, maps={"good": "Admin/ProdProcessedCount"})["pq"]) == (5.0, 9.0)


def test_a_machine_tool_of_today_and_one_of_yesterday() -> None:
    blocks = "MachineryBuildingBlocks/{}/CurrentState"
    today = [
        sample(0, blocks.format("MachineryItemState"), "Executing"), sample(0, "Components/Spindle/" + blocks.format(
            "MachineryItemState"), "OutOfService"), sample(0, blocks.format("MachineryOperationMode"), "Processing"),
        sample(60, blocks.format("MachineryOperationMode"), "Setup"),
        sample(0, "Monitoring/MachineTool/OperationCounters/PartsProducedInLifetime", 10),
        sample(50, "Monitoring/MachineTool/OperationCounters/PartsProducedInLifetime", 12),
        sample(50, "Production/Statistics/PartsProducedInLifetime", 99),
    ]  # fmt: skip
    row = oee(today)
    assert (times(row), row["pq"]) == ({"apt": 60.0, "aust": 40.0}, 2.0)
    program = "Production/ActiveProgram/State/CurrentState"
    before = [
        sample(0, program, "Running"), sample(50, program, "Interrupted"), sample(70, program, "Aborted"),
        sample(90, program, "Initializing"), sample(0, "Production/Statistics/PartsProducedInLifetime", 7),
        sample(40, "Production/Statistics/PartsProducedInLifetime", 8),
    ]  # fmt: skip
    row = oee(before)
    assert (times(row), row["pq"]) == ({"apt": 50.0, "adot": 30.0, "adet": 20.0}, 1.0)


def test_a_machine_counts_its_cycles() -> None:
    rows = [
        sample(0, "MachineryBuildingBlocks/MachineryItemState/CurrentState", "Executing"),
        sample(0, "MachineryBuildingBlocks/OperationCounters/OperationCycleCounter", 1),
        sample(9, "MachineryBuildingBlocks/OperationCounters/OperationCycleCounter", 4),
    ]
    assert oee(rows)["pq"] == 3.0


def test_who_speaks_how() -> None:
    assert voice("Status/StateCurrent") == Voice(Book.PACKML_NUMBER)
    assert voice(f"Unit1/{EXECUTE}") == Voice(Book.PACKML_MACHINE, True, "Unit1/BaseStateMachine")
    assert voice("State") == voice("Status/StateCurrentTime") == Voice()
    assert one_machine([BASE, MACHINE, EXECUTE])
    assert not one_machine([BASE, f"Unit2/{MACHINE}"])
    assert not one_machine(["State", "State2"])


def test_two_units_of_one_machine_are_still_two() -> None:
    rows = [*COUNTS, *(sample(0, f"{unit}/Status/StateCurrent", 6) for unit in "AB")]
    with pytest.raises(UsageError, match="2 tags of M could be state"):
        oee(rows)


def test_check_knows_them() -> None:
    tags = [Tag("s", name, "S", None, None, "M", name) for name in (EXECUTE, "Admin/ProdProcessedCount")]
    assert [row.missing for row in lacks([catalog.load("oee")], tags, {})] == ["ideal"]
    assert [row.missing for row in lacks([catalog.load("oee")], tags[:1], {})] == ["good ideal"]
