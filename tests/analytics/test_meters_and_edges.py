"""Energy by a counter in place of a power, and what was built into what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from omptool.analytics import catalog
from omptool.analytics.run import Analysis, Request, analyse
from omptool.sources.source import Named, Scannable, Stream
from omptool.sql.engine import LocalEngine
from tests.analytics.plants import Recorded, gap
from tests.analytics.test_gaps_and_quality import T0, run, sample

RUNS = [
    sample(-10, "State", "Executing"), sample(50, "State", "OutOfService"), sample(-10, "GoodCount", 0, seq=2),
    sample(30, "GoodCount", 4),
]  # fmt: skip


def meter(*told: tuple[float, float | None], **changes: Any) -> list[dict[str, object]]:
    return [
        sample(second, "EnergyCounter", value, "Good" if value is not None else "Bad", seq=10_000 + place, **changes)
        for place, (second, value) in enumerate(told)
    ]


def energy(rows: list[dict[str, object]], **asked: Any) -> dict[str, Any]:
    [row] = run("energy", rows, **asked).rows.to_pylist()
    return dict(row)


def test_the_rise_of_a_meter_is_spread_over_the_time_between_readings() -> None:
    row = energy([*RUNS, *meter((-20, 100), (20, 104), (60, 106), (140, 110))])
    assert row["energy_kwh"] == pytest.approx(2 + 2 + 2)  # half of the first rise, the second, half of the last
    assert row["idle_kwh"] == pytest.approx(0.5 + 2)
    assert (row["known_s"], row["pq"], row["per_part_kwh"]) == (100.0, 4.0, pytest.approx(1.5))
    assert row["mean_kw"] == pytest.approx(6 * 36)


def test_parts_of_a_window_add_up() -> None:
    rows = [*RUNS, *meter((-20, 100), (7, 104), (61, 107), (140, 110))]
    whole = energy(rows)
    cut = T0 + timedelta(seconds=33)
    parts = [energy(rows, end=cut), energy(rows, start=cut)]
    for name in ("energy_kwh", "idle_kwh", "known_s"):
        assert sum(part[name] for part in parts) == pytest.approx(whole[name], abs=1e-8)


def test_a_meter_whose_clock_is_set_back_does_not_start_again() -> None:
    told = [(second, 1000 + second / 10) for second in range(0, 60, 5)]
    told += [(second - 30, 1000 + second / 10) for second in range(60, 120, 5)]
    assert energy([*RUNS, *meter(*told)])["energy_kwh"] == pytest.approx(11.5)
    late = [
        row | {"seq": 20_000 + place}
        for place, row in enumerate(meter(*((at, at) for at in range(0, 60, 5)), origin="history"))
    ]
    restarted = meter(*((at, at - 60) for at in range(60, 100, 5)))
    assert energy([*RUNS, *restarted, *late])["energy_kwh"] == pytest.approx(55 + 35)


def test_a_meter_that_starts_again_and_one_that_says_nonsense() -> None:
    row = energy([*RUNS, *meter((0, 990), (40, 994), (60, 2), (70, None), (80, float("nan")), (100, 5))])
    assert row["energy_kwh"] == pytest.approx(4 + 2 + 3)
    assert row["percent_good"] == 90.0


def test_behind_the_last_reading_and_before_the_first_nothing_is_known() -> None:
    row = energy([*RUNS, *meter((10, 1), (30, 2))])
    assert (row["energy_kwh"], row["known_s"], row["coverage"]) == (pytest.approx(1), 20.0, 0.9)


def test_two_readings_of_one_moment_are_the_last() -> None:
    assert energy([*RUNS, *meter((0, 1), (50, 2), (50, 3), (100, 3))])["energy_kwh"] == pytest.approx(2)


def test_a_meter_counts_through_a_gap_but_not_as_idle() -> None:
    gaps = [gap("2026-01-01T00:00:40+00:00", "2026-01-01T00:01:20+00:00")]
    rows = [*RUNS, *meter((0, 0), (100, 10))]
    row = dict(run("energy", rows, gaps).rows.to_pylist()[0])
    assert (row["energy_kwh"], row["idle_kwh"]) == (pytest.approx(10), pytest.approx(2))
    powered = [*RUNS, sample(0, "Power", 36, seq=9)]
    assert run("energy", powered, gaps).rows["energy_kwh"][0].as_py() == pytest.approx(0.6)


def test_power_wins_unless_somebody_asks_for_the_meter() -> None:
    rows = [*RUNS, sample(0, "Power", 36, seq=9), *meter((0, 0), (100, 10))]
    assert energy(rows)["energy_kwh"] == pytest.approx(1)
    assert energy(rows, maps={"meter": "EnergyCounter"})["energy_kwh"] == pytest.approx(10)


def test_watt_hours_by_parameter() -> None:
    rows = [*RUNS, *meter((0, 0), (100, 10_000))]
    assert energy(rows, parameters={"scale": 0.001})["energy_kwh"] == pytest.approx(10)


class Known(Recorded):
    """A source that knows its nodes, as captures and lakes do."""

    def views(self) -> Mapping[str, Scannable]:
        nodes = self.table("nodes")
        return {**super().views(), "nodes": Stream(nodes.schema, nodes.to_batches)}


@pytest.mark.parametrize(("unit", "kwh"), [("kWh", 10_000), ("W·h", 10), ("MJ", 10_000 / 3.6), (None, 10_000)])
def test_the_unit_of_the_node_counts(unit: str | None, kwh: float) -> None:
    rows = [*RUNS, *meter((0, 0), (100, 10_000), unit=unit)]
    for given, expected in (({}, kwh), ({"scale": 2.0}, 20_000)):
        asked = Request(T0, T0 + timedelta(seconds=100), parameters=given)
        with LocalEngine([Named(Known(rows))]) as engine:
            found = analyse(engine, catalog.load("energy"), asked).rows
        assert found["energy_kwh"][0].as_py() == pytest.approx(expected)


@pytest.mark.parametrize(("tag", "unit", "taken"), [("Power", "hp", "kW"), ("EnergyCounter", "GWh", "kWh")])
def test_a_unit_that_nobody_knows_is_named(tag: str, unit: str, taken: str) -> None:
    rows = [*RUNS, *(sample(second, tag, second, seq=10_000 + second, unit=unit) for second in (0, 100))]
    said = []
    for given in ({}, {"scale": 2.0}):
        with LocalEngine([Named(Known(rows))]) as engine:
            asked = Request(T0, T0 + timedelta(seconds=100), parameters=given)
            notes = analyse(engine, catalog.load("energy"), asked).notes
        said.append([note for note in notes if note.startswith("the unit")])
    assert [len(notes) for notes in said] == [1, 0]
    assert f"the unit {unit} of the" in said[0][0] and f"count as {taken}; --param scale=" in said[0][0]


class Renamed(Known):
    """The unit of its nodes changes after an hour."""

    def _nodes(self) -> list[dict[str, object]]:
        later = {"unit": "kWh", "valid_from": T0 + timedelta(hours=1)}
        return [each for row in super()._nodes() for each in (row | {"valid_from": T0}, row | later)]


@pytest.mark.parametrize(("hours", "kwh"), [(0, 10), (2, 10_000)])
def test_a_unit_that_changed_is_that_of_the_window(hours: int, kwh: float) -> None:
    begun = 3600 * hours
    rows = [*RUNS, *meter((begun, 0), (begun + 100, 10_000), unit="Wh")]
    start = T0 + timedelta(hours=hours)
    with LocalEngine([Named(Renamed(rows))]) as engine:
        asked = Request(start, start + timedelta(seconds=100))
        assert analyse(engine, catalog.load("energy"), asked).rows["energy_kwh"][0].as_py() == pytest.approx(kwh)


def edges(*rows: dict[str, object]) -> Analysis:
    return run("genealogy", list(rows), end=T0 + timedelta(seconds=200))


def at(machine: str, second: float, tag: str, value: object, seq: int, quality: str = "Good") -> dict[str, object]:
    return sample(second, tag, value, quality, machine=machine, node_id=f"s={machine}.{tag}", seq=seq)


ASSEMBLY = [
    at("Press", 0, "SerialNumber", "C1", 1), at("Press", 1, "Power", 5, 2), at("Press", 10, "SerialNumber", "C2", 3),
    at("Press", 11, "Power", 7, 4), at("Press", 20, "SerialNumber", "", 5),
    at("Weld", 50, "SerialNumber", "P1", 6), at("Weld", 51, "ChildSerialNumber", "C1", 7),
    at("Weld", 52, "Power", 1, 8),
    at("Weld", 53, "ChildSerialNumber", "C2", 9), at("Weld", 54, "ChildSerialNumber", None, 10, "Bad"),
    at("Weld", 55, "ChildSerialNumber", "C2", 11), at("Weld", 60, "SerialNumber", "P2", 12),
    at("Weld", 61, "Power", 3, 13),
    at("Weld", 70, "SerialNumber", "", 14), at("Weld", 71, "ChildSerialNumber", "C9", 15),
]  # fmt: skip


def test_what_was_built_into_what() -> None:
    rows = edges(*ASSEMBLY).rows.to_pylist()
    built = [(row["serial"], row["child"], row["tag"]) for row in rows if row["child"]]
    assert built == [("P1", "C1", "ChildSerialNumber"), ("P1", "C2", "ChildSerialNumber")]
    met = {row["serial"]: (row["values"], row["mean"], row["parent"]) for row in rows if not row["child"]}
    assert met == {"C1": (1, 5.0, "P1"), "C2": (1, 7.0, "P1"), "P1": (1, 1.0, None), "P2": (1, 3.0, None)}
    assert [row["values"] for row in rows if row["child"]] == [None, None]


def test_a_child_that_came_before_its_part_is_counted() -> None:
    said = "children said while no part was there, which were built into none: 1"
    assert said in edges(*ASSEMBLY).notes
    assert said not in edges(*ASSEMBLY[:-1]).notes


def test_without_children_there_are_none() -> None:
    rows = edges(*(row for row in ASSEMBLY if row["tag"] != "ChildSerialNumber")).rows.to_pylist()
    assert {(row["child"], row["parent"]) for row in rows} == {(None, None)}
    assert len(rows) == 4


def test_a_tag_that_was_recorded_and_said_nothing_has_a_row() -> None:
    late = sample(500, "B", 1)
    rows = [sample(0, "A", 1), sample(50, "A", 2), late]
    with LocalEngine([Named(Known(rows))]) as engine:
        result = analyse(engine, catalog.load("data_quality"), Request(T0, T0 + timedelta(seconds=100)))
    said, silent = result.rows.to_pylist()
    assert (said["tag"], said["rows"], said["coverage"]) == ("A", 2, 1.0)
    told = {name: silent[name] for name in ("tag", "rows", "bad", "longest_silence_s", "coverage", "percent_good")}
    assert told == {"tag": "B", "rows": 0, "bad": 0, "longest_silence_s": 100.0, "coverage": 0.0, "percent_good": 0.0}
    assert "1 of 2 rows saw less" in result.touched
