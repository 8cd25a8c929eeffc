"""`--by product`: time and parts belong to the product that was being made, and nothing is lost between products."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction

import pyarrow as pa
import pytest

from omptool.analytics import catalog
from omptool.analytics.run import Request, analyse
from omptool.demo.plant import State
from omptool.errors import NotFound, UsageError
from omptool.model.plant import PlantModel
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
from tests.analytics.plants import MACHINE_NAMES, Recorded, gap, ns, telemetry
from tests.analytics.test_family import END, MORE, PLANT, START, element
from tests.analytics.test_family import run as of_plant
from tests.analytics.test_gaps_and_quality import T0, run, sample

BOTH = {"places": ("machine",), "product": True}
TOLD = ("oee", "teep", "time_elements", "time_in_state", "mtbf_mttr", "downtime_pareto", "micro_stops", "energy",
        "kpi22400", "cycle_time", "state_timeline", "genealogy")  # fmt: skip
SUMS = {
    "oee": ("pbt", "apt", "aust", "adet", "adot", "unplanned_s", "unassigned_s", "ideal_s", "pq", "gq", "sq", "rq"),
    "time_elements": ("seconds",), "time_in_state": ("seconds",), "downtime_pareto": ("seconds",),
    "mtbf_mttr": ("failures", "restored", "operating_s", "repair_s"),
    "micro_stops": ("micro_stops", "micro_s", "long_stops", "long_s"), "state_timeline": ("seconds",),
}  # fmt: skip


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return Recorded(telemetry(PLANT, ns("2026-11-16T06:00:00+00:00"), ns(END) + 10**9, MORE))


def test_time_and_parts_of_each_product_are_those_of_the_schedule(recorded: Recorded) -> None:
    expected: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for stretch in PLANT.stretches(ns(START), ns(END)):
        mine = expected[stretch.machine, stretch.product]
        mine[element(State[stretch.state])] += stretch.end - stretch.start
        for name in ("good", "scrap", "rework"):
            mine[name] += getattr(stretch, name)
    found = {(row["machine"], row["product"]): row for row in of_plant("oee", recorded, **BOTH).rows.to_pylist()}
    assert set(found) == set(expected)
    assert len(found) > len(MACHINE_NAMES)  # some changed over
    for key, mine in expected.items():
        row = found[key]
        assert (row["gq"], row["sq"], row["rq"]) == (mine["good"], mine["scrap"], mine["rework"])
        for column, name in (("apt", "APT"), ("aust", "AUST"), ("adet", "ADET"), ("adot", "ADOT")):
            assert row[column] == float(Fraction(mine[name], 10**9))
        assert (row["coverage"], row["percent_good"]) == (1.0, 100.0)


@pytest.mark.parametrize("name", sorted(SUMS))
def test_sums_over_products_equal_the_whole(recorded: Recorded, name: str) -> None:
    whole, split = (of_plant(name, recorded, places=("line",), product=told).rows.to_pylist() for told in (False, True))
    assert "product" in split[0]
    for column in SUMS[name]:
        lines: list[dict[str, float]] = [defaultdict(float), defaultdict(float)]
        for sums, rows in zip(lines, (whole, split), strict=True):
            for row in rows:
                sums[row["line"]] += row[column] or 0.0
        assert lines[1] == pytest.approx(lines[0], rel=1e-12)


SHIFT = [
    sample(-10, "State", "Executing"), sample(-10, "GoodCount", 1), sample(10, "Product", "A", seq=100),
    sample(20, "GoodCount", 3), sample(40, "State", "OutOfService"), sample(50, "Product", "B", seq=500),
    sample(60, "State", "Executing"), sample(70, "GoodCount", 4), sample(80, "Product", None, "Bad"),
    sample(85, "Product", "A", seq=850), sample(85, "GoodCount", 8, seq=851),
]  # fmt: skip
ONE = {"ideal_cycle": 1.0}


def test_two_products_in_a_shift_and_time_without_one() -> None:
    rows = {row["product"]: row for row in run("oee", SHIFT, parameters=ONE, **BOTH).rows.to_pylist()}
    assert {name: (row["apt"], row["adet"], row["pq"]) for name, row in rows.items()} == {
        None: (15.0, 0.0, 0.0), "A": (45.0, 10.0, 6.0), "B": (20.0, 10.0, 1.0)
    }  # fmt: skip


def test_a_gap_hides_the_product_too() -> None:
    gaps = [gap("2026-01-01T00:00:15+00:00", "2026-01-01T00:00:30+00:00")]
    result = run("oee", SHIFT, gaps, parameters=ONE, **BOTH)
    rows = {row["product"]: row for row in result.rows.to_pylist()}
    assert (rows[None]["unassigned_s"], rows[None]["apt"], rows[None]["pq"]) == (15.0, 15.0, 2.0)
    assert (rows["A"]["unassigned_s"], rows["A"]["coverage"]) == (0.0, 1.0)
    assert result.touched.startswith("1 of 3 windows")


def test_a_failure_belongs_to_the_product_in_which_it_began() -> None:
    rows = {row["product"]: row for row in run("mtbf_mttr", SHIFT, **BOTH).rows.to_pylist()}
    assert (rows["A"]["failures"], rows["A"]["mttr_s"]) == (1, 20.0)
    assert (rows["B"]["failures"], rows["B"]["restored"], rows["B"]["mttr_s"]) == (0, 0, None)
    paid = {row["product"]: row["seconds"] for row in run("downtime_pareto", SHIFT, **BOTH).rows.to_pylist()}
    assert paid == {"A": 10.0, "B": 10.0}


def test_products_in_hours_and_shifts() -> None:
    rows = [*SHIFT, sample(4000, "GoodCount", 9), sample(5000, "Product", "C", seq=50_000)]
    asked = {"parameters": ONE, "end": T0 + timedelta(hours=2), **BOTH}
    hours = run("oee", rows, period="hour", **asked).rows
    assert hours.schema.names[:4] == ["machine", "product", "start", "end"]
    first, second = T0, T0 + timedelta(hours=1)
    assert {(row["product"], row["start"]): row["pq"] for row in hours.to_pylist()} == {
        (None, first): 0.0, ("A", first): 6.0, ("A", second): 1.0, ("B", first): 1.0, ("C", second): 0.0
    }  # fmt: skip
    plant = PlantModel.parse('[[shift]]\nname = "early"\nstart = "00:00"\nend = "01:30"\n')
    shifts = run("oee", rows, period="shift", plant=plant, **asked).rows
    assert shifts.schema.names[:5] == ["machine", "product", "shift", "start", "end"]
    assert [row["pq"] for row in shifts.to_pylist() if row["product"] == "A" and row["shift"]] == [7.0]


def test_a_cycle_does_not_reach_over_a_change_of_product() -> None:
    rows = [*SHIFT, sample(95, "GoodCount", 9)]
    found = {row["product"]: row for row in run("cycle_time", rows, **BOTH).rows.to_pylist()}
    assert {name: row["cycles"] for name, row in found.items()} == {None: 0, "A": 1, "B": 0}
    assert found["A"]["mean_s"] == 10.0


def test_energy_and_parts_of_a_product() -> None:
    rows = [*SHIFT, sample(-10, "Power", 36, seq=7), sample(55, "Power", 72)]
    found = {row["product"]: row for row in run("energy", rows, **BOTH).rows.to_pylist()}
    assert {name: round(row["energy_kwh"], 9) for name, row in found.items()} == {None: 0.2, "A": 0.7, "B": 0.55}
    assert found["A"]["per_part_kwh"] == pytest.approx(0.7 / 6)


def test_a_serial_number_has_the_product_with_which_it_came() -> None:
    rows = [
        sample(5, "SerialNumber", "P1"), sample(6, "Power", 1), sample(10, "Product", "A"),
        sample(20, "SerialNumber", "P2"), sample(21, "Power", 2), sample(30, "Product", "B"), sample(31, "Power", 4),
    ]  # fmt: skip
    found = [(row["product"], row["serial"], row["values"]) for row in run("genealogy", rows, **BOTH).rows.to_pylist()]
    assert found == [("A", "P2", 2), (None, "P1", 1)]


class Listening:
    """Keeps the products that a statement has groups for."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self.products: set[str | None] = set()

    def run(self, statement: str, parameters: Mapping[str, object] | None = None) -> pa.RecordBatchReader:
        told = (parameters or {}).get("group_products", [])
        assert isinstance(told, list)
        self.products.update(told)
        return self._engine.run(statement, parameters)

    def cancel(self) -> None:
        self._engine.cancel()


def test_only_products_of_the_window_and_the_last_before_it_make_groups() -> None:
    older = [sample(second, "Product", f"of {second}", seq=900 + second) for second in (-300, -200, -100)]
    later = sample(100, "Product", "of later", seq=9_000)
    with LocalEngine([Named(Recorded([*older, *SHIFT, later], []))]) as engine:
        listening = Listening(engine)
        asked = Request(T0, T0 + timedelta(seconds=100), parameters=ONE, strangers=True, **BOTH)
        rows = analyse(listening, catalog.load("oee"), asked).rows.to_pylist()
    assert listening.products == {None, "A", "B", "of -100"}
    assert {row["product"]: row["apt"] for row in rows} == {None: 5.0, "A": 45.0, "B": 20.0, "of -100": 10.0}


def test_machines_without_a_product_are_named_and_have_a_row() -> None:
    other = [{**row, "machine": "N", "node_id": f"{row['node_id']}N"} for row in SHIFT if row["tag"] != "Product"]
    result = run("oee", [*SHIFT, *other], parameters=ONE, **BOTH)
    assert result.notes[-1] == "no tag has the role product in N: their rows have no product"
    assert [row["product"] for row in result.rows.to_pylist()] == ["A", "B", None, None]
    both = run("oee", [*SHIFT, *other], parameters=ONE, places=(), product=True).rows.to_pylist()
    assert {row["product"]: row["pq"] for row in both} == {"A": 6.0, "B": 1.0, None: 7.0}


def test_without_any_product_it_says_what_to_type() -> None:
    bare = [row for row in SHIFT if row["tag"] != "Product"]
    with pytest.raises(NotFound, match="no tag has the role product; --by product needs it") as caught:
        run("oee", bare, parameters=ONE, **BOTH)
    assert "--map product=" in (caught.value.hint or "")


@pytest.mark.parametrize("name", catalog.names())
def test_every_analysis_has_rows_by_product_or_says_which_have(name: str) -> None:
    recipe = catalog.load(name)
    assert recipe.by_product == (name in TOLD)
    if not recipe.by_product:
        with pytest.raises(UsageError, match=f"{name} has no rows by product") as caught:
            run(name, SHIFT, **BOTH)
        assert "cycle_time, downtime_pareto" in (caught.value.hint or "")
