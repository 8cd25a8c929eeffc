"""Structures as typed tables: a column per field, every row once, whatever comes later."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest

from omptool.lake.compact import compact
from omptool.lake.convert import convert
from omptool.lake.table import Table
from omptool.lake.vacuum import vacuum
from omptool.model.contracts import TELEMETRY
from tests.conftest import Result
from tests.lake.recordings import FakeRecording, telemetry
from tests.lake.test_lake_convert import stored

Run = Callable[..., Result]
ROW: dict[str, Any] = telemetry("c1", 0, 1).to_pylist()[0] | {"value": None}


def data(*values: object, kind: str = "Screw", first: int = 1, capture: str = "c1") -> pa.Table:
    told = {"type": kind, "capture": capture}
    rows = [ROW | told | {"seq": seq, "value_text": json.dumps(value)} for seq, value in enumerate(values, first)]
    return pa.Table.from_pylist(rows, schema=TELEMETRY)


def fields(lake: Path, name: str = "struct_Screw") -> list[dict[str, Any]]:
    """The field columns of a table, by row."""
    table = deltalake.DeltaTable(str(lake / name)).to_pyarrow_table().sort_by([("seq", "ascending")])
    fixed = {"time", "time_ns", "server", "node_id", "path", "status", "capture", "seq", "date"}
    return table.drop_columns([column for column in table.schema.names if column in fixed]).to_pylist()


def test_a_column_per_field_by_its_kind(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    values = [
        {"torque": 12, "ok": True, "program": "A", "pos": {"x": 1.5, "deep": {"y": None}}, "curve": [1, 2]},
        {"torque": "NaN", "ok": None, "program": "B", "pos": {"x": 2}, "curve": []},
    ]
    convert([FakeRecording("c1", data(*values))], lake)
    first, second = fields(lake)
    assert first == {
        "element": None, "torque": 12.0, "ok": True, "program": "A", "pos.x": 1.5, "curve": "[1,2]",
    }  # fmt: skip
    assert (str(second["torque"]), second["ok"], second["pos.x"]) == ("nan", None, 2.0)
    assert stored(lake)["value_text"].to_pylist()[0] == json.dumps(values[0])


def test_an_array_of_structures_is_a_row_each(tmp_path: Path) -> None:
    convert([FakeRecording("c1", data([{"a": 1}, {"a": 2}], [], kind="Screw[]"))], tmp_path / "lake")
    assert fields(tmp_path / "lake") == [{"element": 0, "a": 1.0}, {"element": 1, "a": 2.0}]


def test_what_is_no_structure_makes_no_table(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    rows = [
        data("{text}", kind="String"),
        data(["bit"], kind="Flags", first=2),
        data("Run", kind="State", first=3),
    ]
    convert([FakeRecording("c1", pa.concat_tables(rows))], lake)
    assert not list(lake.glob("struct_*"))


def test_fields_that_come_later_and_kinds_that_change(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    convert([FakeRecording("c1", data({"a": 1, "Time": "x"}))], lake)
    more = pa.concat_tables([data({"a": 1, "Time": "x"}), data({"a": "soft", "b": True, "time": 7}, first=2)])
    convert([FakeRecording("c1", more)], lake)
    assert fields(lake) == [
        {"element": None, "a": 1.0, "Time_text": "x", "a_text": None, "b": None, "time_number": None},
        {"element": None, "a": None, "Time_text": None, "a_text": "soft", "b": True, "time_number": 7.0},
    ]
    assert convert([FakeRecording("c1", more)], lake).files == 0


def test_every_row_once_when_the_telemetry_did_not_get_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the commit of the structures and that of the telemetry."""
    lake, recording = tmp_path / "lake", FakeRecording("c1", data({"a": 1}, {"a": 2}))
    append = Table.append

    def dying(self: Table, *arguments: Any) -> None:
        if self.view == "telemetry":
            raise KeyboardInterrupt
        append(self, *arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Table, "append", dying)
        convert([recording], lake)
    assert len(fields(lake)) == 2
    convert([recording], lake)
    assert [row["a"] for row in fields(lake)] == [1.0, 2.0]
    assert stored(lake).num_rows == 2


def test_compaction_makes_one_file_of_a_day_without_what_is_repeated(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    first = data({"a": 1, "x y": "t"}, {"a": 2})
    convert([FakeRecording("c1", first)], lake)
    convert([FakeRecording("c1", pa.concat_tables([first, data({"a": "soft", 'q"': True}, first=3)]))], lake)
    convert([FakeRecording("c2", data({"a": 1, "x y": "t"}, {"a": 5}, capture="c2"))], lake)
    before = Table(lake, "struct_Screw")
    assert (len(before.entries()), before.rows()) == (3, 5)
    compact(lake)
    after = Table(lake, "struct_Screw")
    assert (len(after.entries()), after.rows()) == (1, 4)
    assert sorted((row["a"] or 0, row["x y"], row["a_text"], row['q"']) for row in fields(lake)) == [
        (0, None, "soft", True), (1.0, "t", None, None), (2.0, None, None, None), (5.0, None, None, None),
    ]  # fmt: skip
    assert compact(lake).files == 0
    assert vacuum(lake, keep=timedelta(0), now=datetime.now(UTC) + timedelta(seconds=2)).files > 2
    assert convert([FakeRecording("c2", data({"a": 1, "x y": "t"}, {"a": 5}, capture="c2"))], lake).files == 0


def test_they_are_tables_of_a_query(invoke: Run, tmp_path: Path) -> None:
    convert([FakeRecording("c1", data({"torque": 12.5, "pos": {"x": 1}}))], tmp_path / "lake")
    asked = invoke("query", 'select torque, "pos.x", seq from struct_Screw', "--on", "lake")
    assert asked.rows == [{"torque": 12.5, "pos.x": 1.0, "seq": 1}]
