"""Control charts and alarms of values that nobody measured, and of parameters that nobody meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.analytics.spc_reference import FOLDER
from tests.conftest import Result

Run = Callable[..., Result]
HIGHEST = "1.7976931348623157e308"


@pytest.mark.parametrize("name", ["i_mr", "xbar_r", "ewma", "cusum", "spc_rules", "capability", "drift", "tool_wear"])
def test_what_a_program_says_in_place_of_a_value_is_left_out(invoke: Run, tmp_path: Path, name: str) -> None:
    values = [str(10 + place % 3) for place in range(50)]
    (tmp_path / "x.csv").write_text("\n".join(["value", *values[:25], HIGHEST, f"-{HIGHEST}", *values[25:]]) + "\n")
    result = invoke("analyze", name, "--on", "x.csv")
    assert result.code == 3
    assert "exit 3: 2 of 52 rows of x are left out: a number beyond 1e+100 in value\n" in result.err
    (tmp_path / "y.csv").write_text("\n".join(["value", *values]) + "\n")
    alone = invoke("analyze", name, "--on", "y.csv")
    told = {"percent_good": 100}
    assert (alone.code, [row | told for row in result.rows]) == (0, alone.rows)


@pytest.mark.parametrize("name", ["drift", "tool_wear"])
def test_a_picture_of_two_points_has_no_interval(invoke: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "x.csv").write_text("value\n1\n2\n")
    result = invoke("analyze", name, "--on", "x.csv", "--chart")
    assert result.code == 0 and "too few points for an interval" in result.out
    assert ("+1 per point" in result.out) == (name == "drift")


def test_limits_without_measure_end_in_no_crash(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("value\n1\n2\n1\n3\n")
    for limits in (["usl=1e308"], ["lsl=-1e300", "usl=1e300", "target=1e200"]):
        given = [part for limit in limits for part in ("--param", limit)]
        result = invoke("analyze", "capability", "--on", "x.csv", *given)
        assert result.code == 0 and result.rows[0]["cpk"] > 1e200


def test_the_column_with_a_specification_is_the_measured_one(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "plant.toml").write_text('[[spec]]\ntag = "diameter"\nusl = 74.05\n')
    rings = ("--on", FOLDER / "spc_pistonrings.csv", "--plant", "plant.toml")
    result = invoke("analyze", "capability", *rings)
    typed = invoke("analyze", "capability", *rings, "--map", "value=diameter")
    assert (result.code, result.rows[0]["usl"], result.out) == (0, 74.05, typed.out)
    (tmp_path / "plant.toml").write_text('[[spec]]\ntag = "*"\nusl = 74.05\n')
    several = invoke("analyze", "capability", *rings)
    assert several.code == 2 and "have a specification" in several.err and '--map value="' in several.err


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("alarm_rate", "acceptable=-1", "--param acceptable: -1.0 is too small"),
        ("alarm_rate", "manageable=0.5", "--param manageable: 0.5 is too small\n  it is not below acceptable"),
        ("alarm_rate", "top=-3", "--param top: -3 is too small"),
        ("alarm_rate", "stale_h=-1", "--param stale_h: -1.0 is too small"),
        ("alarm_rate", "flood_window=nan", "flood_above and flood_below"),
        ("alarm_chatter", "chatter_s=-5", "--param chatter_s: -5.0 is too small"),
        ("alarm_chatter", "fleeting_s=-5", "--param fleeting_s: -5.0 is too small"),
        ("alarm_chatter", "stale_h=-1", "--param stale_h: -1.0 is too small"),
        ("alarm_chatter", "top=-1", "--param top: -1 is too small"),
    ],
)
def test_thresholds_of_alarms_make_sense(invoke: Run, tmp_path: Path, name: str, given: str, says: str) -> None:
    (tmp_path / "x.csv").write_text("time,source,active\n2026-11-16T07:00:00Z,A,1\n2026-11-16T07:01:00Z,A,0\n")
    result = invoke("analyze", name, "--on", "x.csv", "--param", given)
    assert result.code == 2 and says in result.err


def test_bytes_that_say_numbers(invoke: Run, tmp_path: Path) -> None:
    pq.write_table(pa.table({"value": [b"1", b"2", b"4"]}), tmp_path / "x.parquet")
    result = invoke("analyze", "i_mr", "--on", "x.parquet")
    assert (result.code, [row["value"] for row in result.rows]) == (0, [1, 2, 4])
