"""The plain Parquet files of a lake, read by Apache Spark and by Sail: every row, every type, `site=007` as text.

Runs in the tier `bash tests/run.sh --spark`, which makes an environment for each of them; neither knows omptool.
"""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from omptool.lake.compact import compact
from omptool.lake.convert import convert
from omptool.lake.vacuum import vacuum
from omptool.lake.wide import make
from omptool.model.contracts import TELEMETRY
from tests.lake.recordings import DAY_US, START_US, FakeRecording, gap, telemetry

pytestmark = [pytest.mark.spark, pytest.mark.full, pytest.mark.timeout(900)]

ROWS = 3000


def lake_of(folder: Path, *, compat: bool) -> Path:
    """Four days of site 007 in two conversions, with every kind of value."""
    rows = telemetry("c1", 0, ROWS, step_us=DAY_US // 1000 + 1, site="007").to_pylist()
    rows[0] |= {
        "value": None, "value_exact": 2**63, "value_list": [1.0, 2.0], "raw": b"\x01\xff", "value_text": "ä€",
    }  # fmt: skip
    rows[1] |= {"value": float("nan")}
    rows[2] |= {"value": None, "type": "Result", "value_text": '{"torque": 1.5, "ok": true}'}
    data = pa.Table.from_pylist(rows, schema=TELEMETRY)
    for size in (ROWS // 2, ROWS):
        recording = FakeRecording("c1", data.slice(0, size), gap_rows=[gap("c1", START_US + 5)])
        convert([recording], folder, compat=compat)
    make(folder, timedelta(minutes=30))
    return folder


def asked(engine: str, lake: Path) -> dict[str, Any]:
    python = Path(__file__).parents[2] / f".venv-{engine}" / "bin" / "python"
    assert python.exists(), f"bash tests/run.sh --spark makes {python}"
    ask = [str(python), str(Path(__file__).with_name("ask.py")), engine, str(lake)]
    done = subprocess.run(ask, capture_output=True, text=True, check=False, timeout=800)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


EXPECTED_TYPES = {
    "time": "timestamp", "time_ns": "smallint", "server_time": "timestamp", "receive_time": "timestamp",
    "site": "string", "date": "string", "machine": "string", "value": "double", "value_exact": "decimal(20,0)",
    "value_list": "array<double>", "raw": "binary", "status": "bigint", "overflow": "boolean", "seq": "bigint",
}  # fmt: skip


def check(found: dict[str, Any]) -> None:
    assert set(found["schema"]) == {*TELEMETRY.names, "date"}
    assert {name: found["schema"][name] for name in EXPECTED_TYPES} == EXPECTED_TYPES
    assert found["rows"] == [[ROWS, ROWS * (ROWS + 1) // 2, ROWS - 2, 5]]
    assert [day[:2] for day in found["days"]] == [["007", f"2026-01-0{day}"] for day in (1, 2, 3, 4)]
    assert sum(day[2] for day in found["days"]) == ROWS
    assert found["days"][0][3] == "2026-01-01 00:01:26.400001"
    assert found["days"][3][4] == "2026-01-04 00:00:00.003000"
    assert found["odd"] == [
        [1, "9223372036854775808", "ä€", "01FF", 2, found["odd"][0][5]],
        [2, None, None, None, found["odd"][1][4], True],
    ]
    assert found["odd"][0][5] in (None, False)  # of null: Spark says no, Sail null
    assert found["odd"][1][4] in (None, -1)
    assert [name for name, _ in found["joined"]] == ["Tag2", "Tag3"]
    assert {view: count for view, [[count]] in found["views"].items()} == {
        "telemetry": ROWS, "nodes": 5, "gaps": 1, "journal": 1,
    }  # fmt: skip
    assert found["derived"]["struct_Result"] == [[1]]
    assert found["derived"]["wide_30m"][0][0] > 400


@pytest.mark.parametrize("engine", ["spark", "sail"])
@pytest.mark.parametrize("compat", [False, True])
def test_every_row_and_type_of_a_lake(tmp_path: Path, engine: str, compat: bool) -> None:
    check(asked(engine, lake_of(tmp_path / "lake", compat=compat)))


@pytest.mark.parametrize("engine", ["spark", "sail"])
def test_a_compacted_lake_is_the_same_once_it_is_vacuumed(tmp_path: Path, engine: str) -> None:
    lake = lake_of(tmp_path / "lake", compat=False)
    assert compact(lake).files > 0
    vacuum(lake, keep=timedelta(0), now=datetime.now(UTC) + timedelta(seconds=2))
    check(asked(engine, lake))
