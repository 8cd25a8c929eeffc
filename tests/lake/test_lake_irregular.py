"""What is odd about rows is counted, and nothing is dropped for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.lake import irregular, partitions
from omptool.lake.convert import convert
from omptool.lake.runs import Piece, Sorter
from omptool.model.contracts import TELEMETRY
from tests.lake.recordings import START_US, FakeRecording, telemetry
from tests.lake.test_lake_convert import stored

ROW: dict[str, Any] = telemetry("c1", 0, 1).to_pylist()[0]
HOUR_US = 3_600_000_000


def rows(*changes: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([ROW | change for change in changes], schema=TELEMETRY)


def arranged(table: pa.Table) -> Piece:
    """As rows stand in a file."""
    sorter = Sorter(Path())
    sorter.add(None, table)
    ((_, pieces),) = sorter.partitions()
    (piece,) = pieces
    return piece


def found(table: pa.Table) -> list[int]:
    """`seq` of the duplicates."""
    piece = arranged(table)
    mask = irregular.duplicates(piece.table, piece.keys)
    return [] if mask is None else piece.table["seq"].filter(pa.array(mask)).to_pylist()


def test_equal_rows_but_the_first_are_duplicates() -> None:
    assert found(rows({"seq": 1}, {"seq": 2}, {"seq": 3, "value": 9.0}, {"seq": 4})) == [2, 4]


def test_of_a_live_row_and_one_from_history_the_live_one_stays() -> None:
    assert found(rows({"seq": 1, "origin": "history"}, {"seq": 2})) == [1]
    assert found(rows({"seq": 1, "origin": "history"}, {"seq": 2, "origin": "history"})) == [2]


@pytest.mark.parametrize(
    "change",
    [
        {"status": 1}, {"type": "Float"}, {"value": None}, {"value_text": "a"}, {"value_list": [1.0]}, {"raw": b"a"},
        {"server": "urn:other"}, {"node_id": "i=1"}, {"time_ns": 300}, {"value_list": []},
    ],
)  # fmt: skip
def test_rows_that_differ_are_none(change: dict[str, Any]) -> None:
    assert found(rows({"seq": 1}, {"seq": 2} | change)) == []
    assert found(rows({"seq": 1} | change, {"seq": 2} | change)) == [2]


def test_how_a_row_came_does_not_matter() -> None:
    assert found(rows({"seq": 1}, {"seq": 2, "capture": "c2", "receive_time": None, "site": "B", "unit": None})) == [2]


def test_nan_equals_nan_and_nulls_are_equal() -> None:
    assert found(rows({"seq": 1, "value": float("nan")}, {"seq": 2, "value": float("nan")})) == [2]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.sampled_from("ab")), max_size=30))
def test_out_of_order_is_every_row_behind_a_later_one_of_its_node_and_capture(
    given_rows: list[tuple[int, int, str]],
) -> None:
    changes = [
        {"seq": n, "node_id": f"i={node}", "time": START_US + at, "capture": capture}
        for n, (node, at, capture) in enumerate(given_rows, 1)
    ]
    expected = sum(
        any(a[0] == node and a[2] == capture and a[1] > at for a in given_rows[:n])
        for n, (node, at, capture) in enumerate(given_rows)
    )
    if changes:
        piece = arranged(rows(*changes))
        assert irregular.out_of_order(piece.table, piece.keys) == expected


def test_late_is_what_was_sent_because_it_changed() -> None:
    received = START_US + HOUR_US
    changes = [
        {"time": START_US, "receive_time": received, "origin": "live"},
        {"time": START_US - 1, "receive_time": received, "origin": "live"},
        {"time": START_US - 1, "receive_time": received, "origin": "republished"},
        {"time": START_US - 1, "receive_time": received, "origin": "initial"},
        {"time": START_US - 1, "receive_time": received, "origin": "history"},
        {"time": START_US - 1, "receive_time": None, "origin": "imported"},
        {"time": 0, "receive_time": received, "origin": "live"},
    ]
    filed = partitions.file(rows(*changes))
    assert (filed.late, filed.suspect) == (2, 1)


def test_a_conversion_counts_them_and_keeps_all(tmp_path: Path) -> None:
    data = telemetry("c1", 0, 2000)
    index = np.arange(2000)
    index[[10, 15]] = index[[15, 10]]  # the same node of five, exchanged
    shuffled = data.take(index).set_column(data.schema.get_field_index("seq"), TELEMETRY.field("seq"), data["seq"])
    again = data.slice(0, 7).set_column(
        data.schema.get_field_index("seq"), TELEMETRY.field("seq"), pa.array(range(2001, 2008), pa.int64())
    )
    report = convert([FakeRecording("c1", pa.concat_tables([shuffled, again]), batch_rows=64)], tmp_path / "lake")
    assert (report.irregular.duplicates, report.irregular.late, report.irregular.clock_suspect) == (7, 0, 0)
    assert report.irregular.out_of_order == 1 + 7
    assert stored(tmp_path / "lake").num_rows == 2007
