"""Every row of the published tables about OEE: a worked example, formulas of ISO 22400-2, states of OPC 40501-1."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.analytics.shopfloors import Floor, Row, floor, moment, rows_of
from tests.analytics.spc_reference import piston_rings, run
from tests.conftest import Result

FOLDER = Path(__file__).parent / "reference"

NOT_FROM_MACHINES = {
    "ActualToPlannedScrapRatio": "PSQ", "CorrectiveMaintenanceRatio": "CMT", "EquipmentLoadRate": "EPC",
    "FallOfRatio": "production order", "FinishedGoodsRatio": "CM", "FirstPassYield": "IP",
    "IntegratedGoodsRatio": "IGQ", "InventoryTurns": "inventory", "OtherLossRatio": "OL", "ProductionLossRatio": "PL",
    "StorageAndTransportationLossRatio": "STL", "WorkerEfficiency": "APWT",
}  # fmt: skip
"""Formulas that need what no machine says: what orders, stores, people and inspections do. A table may say it."""
OF_CAPABILITY = [("ProcessCapabilityIndex", "cp", "sd_within"), ("MachineCapabilityIndex", "pp", "sd_overall")]
SPELLED = {"AUST": "ASUT", "PRI": "PRU", "A": "Availability", "E": "Effectiveness", "Q": "Quality rate"}
"""Acronyms of the first edition as the table spells them."""


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


FORMULAS = {row["kpi"]: row["formula"].split(" = ")[1].strip() for row in rows("iso22400_2_formulas")}


@pytest.mark.parametrize("row", rows("oee_worked_examples"), ids=lambda row: row["case"])
def test_a_worked_example(invoke: Callable[..., Result], tmp_path: Path, row: dict[str, str]) -> None:
    given = {name: float(text) for name, text in row.items() if name != "case"}
    planned = given["shift_min"] - given["planned_stop_min"]
    sheet = {
        "pbt": planned * 60, "apt": (planned - given["down_min"]) * 60, "pri": 60 / given["ideal_rate_ppm"],
        "pq": given["total_pieces"], "gq": given["total_pieces"] - given["reject_pieces"],
    }  # fmt: skip
    assert sheet["pbt"] == given["planned_production_min"] * 60
    assert (sheet["apt"], sheet["gq"]) == (given["operating_min"] * 60, given["good_pieces"])
    (tmp_path / "sheet.csv").write_text(",".join(sheet) + "\n" + ",".join(map(str, sheet.values())) + "\n")
    (said,) = invoke("analyze", "oee", "--on", "sheet.csv").rows
    names = ("availability", "effectiveness", "quality_ratio", "oee_index")
    for mine, theirs in zip(names, ("availability", "performance", "quality", "oee"), strict=True):
        assert said[mine] * 100 == pytest.approx(given[f"{theirs}_pct"], abs=given["tolerance_pct_points"])


MAPPED = [row for row in rows("opc40501_iso22400_state_mapping") if row["MachineryItemState"]]


@pytest.mark.parametrize("row", MAPPED, ids=lambda row: row["iso22400_element"])
def test_a_state_is_its_time_element(row: dict[str, str]) -> None:
    """The machine is in the two states for 300 of 7,200 s, and in none that count before and after."""
    told = [(0, "MachineryOperationMode/CurrentState", row["MachineryOperationMode"] or "Maintenance")]
    told += [(0, "State", "NotAvailable"), (600, "State", row["MachineryItemState"]), (900, "State", "NotAvailable")]
    found = {each["element"]: each["seconds"] for each in rows_of("time_elements", of_states(told))}
    assert found == {row["iso22400_element"]: 300.0, "NOT_PLANNED": 6900.0}


def of_states(told: list[tuple[int, str, str]]) -> Floor:
    like = next(row for row in floor([1]).telemetry if row["tag"] == "State")
    made: list[Row] = [
        like
        | {"time": moment(second), "time_ns": 0, "tag": tag, "node_id": f"s={tag}", "value_text": text, "value": None}
        | {"quality": "Good", "status": 0, "seq": seq}
        for seq, (second, tag, text) in enumerate(told, 1)
    ]
    return Floor({"telemetry": made, "gaps": [], "events": [], "nodes": [], "journal": []})


def test_the_rest_of_the_mapping_is_a_sum() -> None:
    (row,) = (row for row in rows("opc40501_iso22400_state_mapping") if not row["MachineryItemState"])
    assert (row["iso22400_element"], row["rule"]) == ("AOET", "APT + AUST + ADET + ADOT")
    hall = floor(range(40, 52))
    ratios = values(rows_of("kpi22400", hall))
    for each in rows_of("oee", hall):
        order_time = each["apt"] + each["aust"] + each["adet"] + each["adot"]
        found = ratios[each["machine"]]["PR"]
        assert found == (pytest.approx(each["apt"] / order_time, rel=1e-12) if order_time else None)


def values(said: list[Row]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in said:
        found.setdefault(row["machine"], {})[row["kpi"]] = row["value"]
    return found


def test_every_published_formula_is_ours_or_needs_more_than_machines_say() -> None:
    """Ours are computed anew from the time elements and quantities that `oee` prints."""
    hall = floor(range(100, 130))
    of_kpi = rows_of("kpi22400", hall)
    ours = {respelled(row["formula"]): row["kpi"] for row in of_kpi}
    computed = FORMULAS.keys() - NOT_FROM_MACHINES.keys() - {name for name, *_ in OF_CAPABILITY}
    assert set(ours) == {FORMULAS[name] for name in computed}
    assert {name: FORMULAS[name] for name, why in NOT_FROM_MACHINES.items() if why not in FORMULAS[name]} == {}
    ratios, compared = values(of_kpi), 0
    for row in rows_of("oee", hall):
        given = elements(row)
        for formula, kpi in ours.items():
            expected = computed_of(formula, given)
            if expected is not None:
                assert ratios[row["machine"]][kpi] == pytest.approx(expected, rel=1e-12), (kpi, row["machine"])
                compared += 1
    assert compared > 100


def respelled(formula: str) -> str:
    words = formula.replace("(", "( ").replace(")", " )").split()
    return " ".join(SPELLED.get(word, word) for word in words).replace("( ", "(").replace(" )", ")")


def elements(row: Row) -> dict[str, Any]:
    """What the acronyms stand for, in the row of a machine."""
    times = {name.upper(): row[name] for name in ("apt", "adet", "adot", "pbt", "pq", "gq", "sq", "rq")}
    aupt = row["apt"] + row["aust"]
    priced = row["ideal_s"] is not None and row["pq"]
    given = times | {
        "ASUT": row["aust"], "AUPT": aupt, "AUBT": aupt + row["adet"], "AOET": aupt + row["adet"] + row["adot"],
        "PRU": row["ideal_s"] / row["pq"] if priced else None,
    }  # fmt: skip
    three = {"Availability": FORMULAS["Availability"], "Effectiveness": FORMULAS["Effectiveness"]}
    three["Quality rate"] = FORMULAS["QualityRatio"]
    return given | {name: computed_of(formula, given) for name, formula in three.items()}


def computed_of(formula: str, given: dict[str, Any]) -> float | None:
    """Products, quotients and one sum in brackets, as the table writes them; None where a part is none or zero."""
    formula = formula.replace("(APT + ADET)", "BOTH")
    both = given["APT"] + given["ADET"]
    product = 1.0
    for place, term in enumerate(formula.split(" * ")):
        above, *below = term.split(" / ")
        value = given.get(above)
        under = [both if name == "BOTH" else given[name] for name in below]
        if value is None or not all(under):
            return None
        product *= value / (under[0] if under else 1.0)
        assert len(under) < 2 and place < 4
    return product


SHEET = {
    "apt": 20011.0, "asut": 1009.0, "adet": 503.0, "adot": 307.0, "pru": 3.7, "pq": 4507.0, "gq": 4409.0, "sq": 61.0,
    "rq": 41.0, "psq": 53.0, "gp": 4327.0, "ip": 4481.0, "pq_first": 4603.0, "cmt": 601.0, "pmt": 907.0, "epc": 6007.0,
    "apwt": 25013.0, "apat": 28001.0, "cm": 977.0, "igq": 953.0, "pl": 23.0, "stl": 5.0, "ol": 3.0, "throughput": 811.0,
    "inventory": 101.0,
}  # fmt: skip
SAID = {
    "SQ / PQ of the first production order sequence": "SQ / PQ_FIRST",
    "Throughput / average inventory": "THROUGHPUT / INVENTORY",
}


def test_a_table_gives_every_indicator_of_the_standard(invoke: Callable[..., Result], tmp_path: Path) -> None:
    lines = [",".join(["shift", *SHEET]), ",".join(["early", *map(str, SHEET.values())])]
    (tmp_path / "sheet.csv").write_text("\n".join(lines) + "\n")
    result = invoke("analyze", "kpi22400", "--on", "sheet.csv")
    found = {respelled(row["formula"]): row["value"] for row in result.rows}
    published = {formula for name, formula in FORMULAS.items() if name not in {each for each, *_ in OF_CAPABILITY}}
    assert result.code == 0 and set(found) == published
    given = {name.upper(): value for name, value in SHEET.items()}
    given["AUPT"] = given["APT"] + given["ASUT"]
    given["AUBT"] = given["AUPT"] + given["ADET"]
    given["AOET"] = given["PBT"] = given["AUBT"] + given["ADOT"]
    three = {"Availability": "APT / PBT", "Effectiveness": "PRU * PQ / APT", "Quality rate": "GQ / PQ"}
    for formula, value in found.items():
        spelled = SAID.get(formula, formula)
        for name, instead in three.items():
            spelled = spelled.replace(name, f"({instead})")
        assert value == pytest.approx(eval(spelled, {}, given), rel=1e-12), formula


def test_an_indicator_whose_columns_are_empty_in_a_row_is_missed_and_one_without_columns_is_not(
    invoke: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "sheet.csv").write_text("gp,ip\n90,100\n,100\n")
    result = invoke("analyze", "kpi22400", "--on", "sheet.csv")
    assert [(row["kpi"], row["value"], row["coverage"]) for row in result.rows] == [
        ("FPY", 0.9, 1.0),
        ("FPY", None, 0.0),
    ]
    assert result.code == 3
    (tmp_path / "other.csv").write_text("a\n1\n")
    result = invoke("analyze", "kpi22400", "--on", "other.csv")
    assert (result.code, result.rows, result.err) == (3, [], "exit 3: no row of other gives a result\n")


@pytest.mark.parametrize(("name", "ours", "spread"), OF_CAPABILITY)
def test_capability_is_of_the_standard_too(name: str, ours: str, spread: str) -> None:
    assert FORMULAS[name].startswith("(USL - LSL) / (6 * s")
    (row,) = run("capability", piston_rings(), lsl=73.95, usl=74.05).to_pylist()
    assert row[ours] == pytest.approx((74.05 - 73.95) / (6 * row[spread]), rel=1e-12)


def test_the_acronyms_in_our_formulas_are_those_of_the_standard() -> None:
    known = {row["acronym"] for row in rows("iso22400_2_elements")} | set(SPELLED)
    used = {word.strip("()") for row in rows_of("kpi22400", floor([1])) for word in row["formula"].split()}
    assert {word for word in used if word.isalpha()} <= known
