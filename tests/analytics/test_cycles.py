"""What a cycle is: the time between two rises that were both seen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analytics.plants import gap
from tests.analytics.test_gaps_and_quality import run, sample

Rows = list[dict[str, Any]]
STATE = sample(-1, "State", "Executing")


def _cycles(rows: Rows, gaps: Rows | None = None) -> tuple[int, float | None, float | None]:
    [row] = run("cycle_time", [STATE, *rows], gaps).rows.to_pylist()
    return row["cycles"], row["fastest_s"], row["mean_s"]


def _good(*values: tuple[float, int]) -> Rows:
    return [sample(second, "GoodCount", value) for second, value in values]


def test_counters_that_rise_together_are_one_rise() -> None:
    scrap = [sample(second, "ScrapCount", second // 10, seq=second + 5000) for second in range(0, 100, 10)]
    good = _good(*((second, 4 * (second // 10)) for second in range(0, 100, 10)))
    assert _cycles([*good, *scrap]) == (8, 2.0, 2.0)


def test_a_rise_across_a_gap_is_no_cycle_and_nor_is_that_of_a_counter_that_comes_later() -> None:
    lost = [gap("2026-01-01T00:00:25+00:00", "2026-01-01T00:00:45+00:00")]
    good = _good((0, 0), (10, 1), (20, 2), (60, 36), (70, 37))
    scrap = [sample(second, "ScrapCount", count, seq=second + 5000) for second, count in ((0, 0), (50, 1), (80, 2))]
    assert _cycles([*good, *scrap], lost) == (3, 10.0, 10.0)  # at 20, 70 and 80
    assert _cycles([*good, *scrap])[:2] == (5, pytest.approx(10 / 34))


def test_a_counter_that_was_read_again_behind_a_gap_goes_on() -> None:
    lost = [gap("2026-01-01T00:00:25+00:00", "2026-01-01T00:00:45+00:00")]
    assert _cycles(_good((0, 0), (10, 1), (20, 2), (50, 30), (60, 31), (70, 32)), lost) == (3, 10.0, 10.0)


def test_a_rise_over_a_bad_value_is_no_cycle() -> None:
    rows = [*_good((0, 0), (10, 1), (20, 2), (60, 36), (70, 37)), sample(30, "GoodCount", 3, "Bad")]
    assert _cycles(rows) == (2, 10.0, 10.0)


def test_another_product_does_not_hide_a_gap() -> None:
    lost = [gap("2026-01-01T00:00:25+00:00", "2026-01-01T00:00:45+00:00")]
    product = [sample(0, "Product", "A", seq=7000), sample(41, "Product", "B", seq=7001)]
    rows = [STATE, *product, *_good((0, 0), (10, 1), (20, 2), (50, 30), (60, 31), (70, 32))]
    found = {row["product"]: row["cycles"] for row in run("cycle_time", rows, lost, product=True).rows.to_pylist()}
    assert (found["A"], found["B"]) == (1, 2)


LARGE = 2**53


def test_serial_numbers_that_doubles_cannot_say_are_not_mixed_up() -> None:
    rows = [
        sample(second, "SerialNumber", float(LARGE + number), value_exact=LARGE + number if number else None)
        for number, second in enumerate(range(0, 60, 10))
    ]
    power = [sample(second, "Power", second) for second in (5, 15, 25, 45, 55)]
    found = run("genealogy", [*rows, *power]).rows.to_pylist()
    assert [row["serial"] for row in found] == [str(LARGE + number) for number in range(6)]
    assert [(row["tag"], row["values"]) for row in found] == [
        (None, 0) if number == 3 else ("Power", 1) for number in range(6)
    ]
    assert (found[3]["mean"], found[3]["left_at"]) == (None, found[4]["entered"])


def test_products_that_doubles_cannot_say_are_two() -> None:
    product = [sample(second, "Product", float(LARGE), value_exact=LARGE + more) for second, more in ((0, 2), (45, 1))]
    rows = [STATE, *product, *_good(*((second, second) for second in range(0, 100, 10)))]
    [row] = run("changeover", rows).rows.to_pylist()
    assert (row["from_product"], row["to_product"]) == (str(LARGE + 2), str(LARGE + 1))
    told = run("oee", rows, product=True, parameters={"ideal_cycle": 1.0}).rows["product"].to_pylist()
    assert {str(LARGE + 1), str(LARGE + 2)} <= set(told)


def test_a_state_that_doubles_cannot_say_has_the_meaning_of_its_own_digits() -> None:
    from omptool.model.plant import PlantModel

    plant = PlantModel.parse(f'[states]\n{LARGE} = "Executing"\n{LARGE + 1} = "Setup"\n')
    state = [sample(at, "State", float(LARGE), value_exact=LARGE + more) for at, more in ((0, 1), (40, 3))]
    found = {row["element"]: row["seconds"] for row in run("time_elements", state, plant=plant).rows.to_pylist()}
    assert found == {"AUST": 40, "UNASSIGNED": 60}
