"""Sorting, splitting by partition and spilling against the obvious way of doing it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.lake import order, partitions, runs
from omptool.lake.packing import Packing
from omptool.model.contracts import TELEMETRY
from tests.lake.recordings import DAY_US, START_US, telemetry

KEYS = ["machine", "node_id", "time", "time_ns", "seq"]


def _keys(table: pa.Table) -> list[tuple[object, ...]]:
    return list(zip(*(table[name].to_pylist() for name in KEYS), strict=True))


MACHINES = st.sampled_from(["a", "Ä", "b/c", ""])
NODES = st.sampled_from(["x", "y;s=ü", "z"])


@given(st.lists(st.tuples(MACHINES, NODES, st.integers(-5, 5), st.integers(0, 9)), max_size=60))
def test_sort_orders_by_machine_node_time_and_seq(rows: list[tuple[str, str, int, int]]) -> None:
    table = pa.table(
        {
            "machine": pa.array([row[0] for row in rows], pa.string()),
            "node_id": pa.array([row[1] for row in rows], pa.string()),
            "time": pa.array([row[2] for row in rows], pa.timestamp("us", tz="UTC")),
            "time_ns": pa.array([row[3] * 100 for row in rows], pa.int16()),
            "seq": pa.array(range(len(rows)), pa.int64()),
        }
    )
    sorter = runs.Sorter(Path())
    for batch in [*table.to_batches(max_chunksize=7), pa.RecordBatch.from_pylist([], schema=table.schema)]:
        sorter.add(None, batch)
    ((_, pieces),) = sorter.partitions()
    expected = sorted(_keys(table), key=lambda key: (str(key[0]).encode(), str(key[1]).encode(), *key[2:]))
    assert [key for piece in pieces for key in _keys(piece.table)] == expected


WORDS = st.sampled_from(["a", "b", "ä", "", None])
ROWS = st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), max_size=30)


@given(st.lists(st.tuples(ROWS, st.integers(0, 2)), min_size=1, max_size=4))
def test_rows_come_out_of_numbers_as_they_were(parts: list[tuple[list[tuple[str | None, ...]], int]]) -> None:
    names = ["machine", "node_id", "origin", "source_name"]
    packing, packed, given = Packing(), [], []
    for rows, form in parts:
        columns = [pa.array([row[at] for row in rows], pa.string()) for at in range(4)]
        if form == 1:
            columns = [column.dictionary_encode() for column in columns]
        elif form == 2:  # as a capture gives rows: an entry per node, the same numbers for all columns
            indices = pa.array(range(len(rows)), pa.int32())
            columns = [pa.DictionaryArray.from_arrays(indices, column) for column in columns]
        batch = pa.RecordBatch.from_arrays(columns, names=names)
        packed.append(packing.pack(batch))
        given += [dict(zip(names, row, strict=True)) for row in rows]
    table = packing.unpack(pa.concat_tables(packed, promote_options="default").combine_chunks())
    assert table.to_pylist() == given
    assert all(len(table[name].combine_chunks().dictionary) <= 64 for name in names)


def test_split_gives_every_row_to_one_partition() -> None:
    table = pa.concat_tables([telemetry("c", 0, 500, step_us=DAY_US // 100), telemetry("c", 500, 10, site="x y")])
    table = table.combine_chunks()
    found = dict(partitions.file(table).split(table))
    assert sum(part.num_rows for part in found.values()) == table.num_rows
    assert ("x y", "2026-01-01") in found
    assert {key[1] for key in found if key[0] == "plant"} == {f"2026-01-{day:02d}" for day in range(1, 7)}
    for (site, day), part in found.items():
        assert set(part["site"].to_pylist()) == {site}
        assert {stamp.date().isoformat() for stamp in part["time"].to_pylist()} == {day}


@pytest.mark.parametrize(
    ("shift", "suspect"), [(0, 0), (3_500_000_000, 0), (3_700_000_000, 10), (-40 * 365 * DAY_US, 10)]
)
def test_clock_suspect_rows_are_filed_by_receipt(shift: int, suspect: int) -> None:
    receive = START_US + 12 * 3_600_000_000
    table = telemetry("c", 0, 10, start_us=receive + shift, step_us=1, receive_us=receive)
    assert partitions.file(table).suspect == suspect
    ((_, day), part), *rest = partitions.file(table).split(table)
    assert not rest
    assert day == "2026-01-01"
    assert part["time"].equals(table["time"])


def test_rows_without_a_receipt_are_never_suspect() -> None:
    table = telemetry("c", 0, 10, start_us=-DAY_US)
    column = pa.nulls(10, TELEMETRY.field("receive_time").type)
    table = table.set_column(table.schema.get_field_index("receive_time"), "receive_time", column)
    assert partitions.file(table).suspect == 0
    assert [key for key, _ in partitions.file(table).split(table)] == [("plant", "1969-12-31")]


@pytest.mark.parametrize("nodes", [1, 7, 900])
def test_spilled_rows_come_back_once_and_in_order(nodes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "WAITING_ROWS", 2000)
    monkeypatch.setattr(runs, "MERGE_ROWS", 1000)
    monkeypatch.setattr(runs, "RUN_BATCH", 64)
    table = telemetry("c", 0, 9000, nodes=nodes)
    shuffled = table.take(pa.array(np.random.default_rng(7).permutation(table.num_rows)))
    sorter = runs.Sorter(tmp_path)
    for start in range(0, 9000, 500):
        sorter.add(start % 1000, order.compact(shuffled.slice(start, 500)))
    seen = []
    for _, parts in sorter.partitions():
        tables = [part.table for part in parts]
        assert max(part.num_rows for part in tables) <= 2000
        keys = [key for part in tables for key in _keys(part)]
        assert keys == sorted(keys, key=lambda key: (str(key[0]).encode(), str(key[1]).encode(), *key[2:]))
        seen += [key[-1] for key in keys]
    assert sorted(seen) == list(range(1, 9001))
    assert not list(tmp_path.iterdir())
