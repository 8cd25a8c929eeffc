"""`omptool analyze aggregate` of plain tables as other tools write them: what is missing, odd, or of another type."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Result

Run = Callable[..., Result]
T0 = datetime(2026, 11, 16, 6, tzinfo=UTC)
GOOD, NO_DATA = 0, 0x809B0000


def _table(path: Path, values: Sequence[Any], **columns: Any) -> Path:
    """A value per second."""
    time = [T0 + timedelta(seconds=second) for second in range(len(values))]
    pq.write_table(pa.table({"time": time, "value": values} | columns), path / "v.parquet")
    return path / "v.parquet"


def _ask(invoke: Run, path: Path, aggregate: str, *given: str) -> Result:
    asked = [word for text in (f"aggregate={aggregate}", *given) for word in ("--param", text)]
    return invoke("analyze", "aggregate", "--on", path, *asked)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_without_a_status_everything_is_good(invoke: Run, tmp_path: Path, suffix: str) -> None:
    path = _table(tmp_path, [1.0, 2.0, 4.0])
    if suffix == "csv":
        path = tmp_path / "v.csv"
        path.write_text("time,value\n2026-11-16T06:00:00Z,1\n2026-11-16T06:00:01Z,2\n2026-11-16T06:00:02Z,4\n")
    result = _ask(invoke, path, "Average")
    assert result.code == 0
    (row,) = result.rows
    assert row["value"] == pytest.approx(7 / 3)
    assert row["status_name"] == "Good, Calculated"


@pytest.mark.parametrize("hole", [None, math.nan], ids=["null", "NaN"])
@pytest.mark.parametrize("aggregate", ["Start", "End", "Average", "StartBound"])
def test_what_has_no_value_is_not_good(invoke: Run, tmp_path: Path, hole: float | None, aggregate: str) -> None:
    """Two seconds of three without a value, whatever the aggregate."""
    path = _table(tmp_path, [1.0, hole, hole, 1.0], status=[0, 0, 0, 0])
    edges = ["start=2026-11-16T06:00:01Z", "end=2026-11-16T06:00:03Z"]
    result = _ask(invoke, path, aggregate, *edges)
    assert result.code == 3
    (row,) = result.rows
    assert row["value"] is None
    assert row["status"] & 0xFFFF0000 == NO_DATA
    assert row["percent_good"] == 0


@pytest.mark.parametrize("aggregate", ["Minimum", "MinimumActualTime", "Minimum2", "MinimumActualTime2"])
def test_a_nan_is_no_least_value(invoke: Run, tmp_path: Path, aggregate: str) -> None:
    path = _table(tmp_path, [5.0, 4.0, 3.0, 2.0, math.nan, 7.0])
    (row,) = _ask(invoke, path, aggregate).rows
    assert row["value"] == 2
    assert row["time"] == ("2026-11-16T06:00:03Z" if "Actual" in aggregate else "2026-11-16T06:00:00Z")


@pytest.mark.parametrize(
    ("values", "average"),
    [
        ([1, 2, 6], 3),
        ([Decimal("1.5"), Decimal("2.5"), Decimal("2.0")], 2),
        ([True, False, False], pytest.approx(1 / 3)),
        (["1.5", "2.5", ""], 2),
        ([b"1", b"3", b"5"], 3),
        (pa.array(["1", "3", "5"]).dictionary_encode(), 3),
        (pa.array([1, 3, 5], pa.uint64()), 3),
        (pa.nulls(3), None),
    ],
    ids=["int", "decimal", "boolean", "text", "bytes", "dictionary", "uint64", "null"],
)
def test_values_of_every_type_that_has_numbers(invoke: Run, tmp_path: Path, values: Any, average: Any) -> None:
    (row,) = _ask(invoke, _table(tmp_path, values), "Average").rows
    assert row["value"] == average


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[1.0], [2.0]], "list<"),
        ([{"a": 1}, {"a": 2}], "struct<"),
        ([T0, T0], "timestamp["),
        ([b"\xff", b"\xfe"], "bytes that are no text"),
    ],
    ids=["list", "struct", "timestamp", "bytes"],
)
def test_values_that_nothing_can_be_computed_of(invoke: Run, tmp_path: Path, values: Any, said: str) -> None:
    result = _ask(invoke, _table(tmp_path, values), "Average")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"omptool: the column for the role value has {said}")
    assert "--map value=COLUMN" in result.err


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (["good", "GOOD", "Good"], 0),
        ([0.0, 0.0, 0.0], 0),
        (pa.array([-(2**31)] * 3, pa.int32()), 2),
        (["BadNoCommunication", "bad_no_communication", "0x80000000"], 2),
        ([None, None, None], 0),
        (pa.array(["Bad"] * 3).dictionary_encode(), 2),
    ],
    ids=["names", "float", "signed", "bad", "null", "dictionary"],
)
def test_statuses_of_every_type(invoke: Run, tmp_path: Path, status: Any, code: int) -> None:
    (row,) = _ask(invoke, _table(tmp_path, [1.0, 2.0, 3.0], status=status), "WorstQuality").rows
    assert int(row["value"]) >> 30 == code


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ([True, False], "the column for the role status has bool"),
        ([0.5, 0.0], "the column for the role status has 0.5"),
        ([[0], [0]], "the column for the role status has list<"),
        (["OK", "OK"], "'OK' is not a StatusCode\n  write a symbol such as Good or BadNoCommunication"),
    ],
    ids=["boolean", "fraction", "list", "word"],
)
def test_statuses_that_are_none(invoke: Run, tmp_path: Path, status: Any, said: str) -> None:
    result = _ask(invoke, _table(tmp_path, [1.0, 2.0], status=status), "Count")
    assert (result.code, result.out) == (2, "")
    assert said in result.err


@pytest.mark.parametrize("limit", ["16.1", "16.2"])
def test_a_limit_with_decimals_is_met(invoke: Run, tmp_path: Path, limit: str) -> None:
    """161 of 1,000 Good values are 16.1 %."""
    status = ["Good"] * 161 + ["Bad"] * 839
    (row,) = _ask(invoke, _table(tmp_path, [1.0] * 1000, status=status), "Count", f"percent_data_good={limit}").rows
    assert row["status_name"].startswith("Good" if limit == "16.1" else "Uncertain")
