"""Parquet, Arrow, SQLite and DuckDB: tables whose columns have types."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omptool.errors import Damaged, NotFound
from omptool.sources.resolve import resolve
from tests.lake.recordings import telemetry
from tests.sources.foreign.imported import file, read, rows_of, source

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
BIG = [2**53 + 1, None, -5]


def seen(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["tag"], row["type"], row["value"], row["value_exact"], row["value_text"]) for row in rows]


TABLE = pa.table(
    {
        "ts": pa.array([AT, AT, None], pa.timestamp("ns", "UTC")),
        "name": ["A", "B", "C"],
        "value": pa.array(BIG, pa.int64()),
        "unit": pa.array(["bar", None, "bar"]).dictionary_encode(),
    }
)
FOUND = [("A", "Int64", float(2**53), Decimal(2**53 + 1), None), ("B", "Null", None, None, None)]


def write(path: Path, rows: pa.Table) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(rows, path)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(path, rows.schema) as writer:
            writer.write_table(rows)
    elif path.suffix == ".duckdb":
        with duckdb.connect(path) as database:
            database.execute("CREATE TABLE log AS FROM rows").execute("CREATE TABLE orders AS SELECT 1 AS number")
    return path


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "duckdb"])
def test_types_are_kept_and_rows_without_time_set_aside(tmp_path: Path, suffix: str) -> None:
    rows, wrong = read(write(tmp_path / f"x.{suffix}", TABLE))
    assert seen(rows) == FOUND
    assert [row["unit"] for row in rows] == ["bar", None]
    assert [(entry["entry"], entry["reason"]) for entry in wrong] == [(3, "the time is missing")]


@pytest.mark.parametrize(
    ("column", "kind", "found"),
    [
        (pa.array([True]), "Boolean", (1.0, None, None)),
        (pa.array([1.5], pa.float32()), "Float", (1.5, None, None)),
        (pa.array([2**64 - 1], pa.uint64()), "UInt64", (2.0**64, Decimal(2**64 - 1), None)),
        (pa.array([float("nan")]), "Double", ("nan", None, None)),
        (pa.array(["007"]), "String", (None, None, "007")),
        (pa.array([[1.0, 2.0]]), "Double[]", (None, None, None)),
        (pa.array([Decimal("1.25")]), "Double", (1.25, None, None)),
        (pa.array([{"a": 1}]), "Structure", (None, None, '{"a":1}')),
        (pa.array([b"\0\1"]), "String", (None, None, "AAE=")),
    ],
)
def test_a_column_has_one_type(tmp_path: Path, column: pa.Array, kind: str, found: tuple[Any, ...]) -> None:
    table = pa.table({"time": pa.array([AT], pa.timestamp("us", "UTC")), "tag": ["T"], "value": column})
    (row,) = read(write(tmp_path / "x.parquet", table))[0]
    value = "nan" if row["value"] is not None and row["value"] != row["value"] else row["value"]
    assert (row["type"], value, row["value_exact"], row["value_text"]) == (kind, *found)


def test_a_wide_table_gives_a_row_per_cell(tmp_path: Path) -> None:
    table = pa.table({"time": pa.array([AT, AT], pa.timestamp("ms")), "A": [1.0, None], "B": ["x", "y"]})
    found = source(write(tmp_path / "w.parquet", table), wants_telemetry=True)
    assert sorted(seen(rows_of(found))) == [
        ("A", "Double", 1.0, None, None), ("B", "String", None, None, "x"), ("B", "String", None, None, "y"),
    ]  # fmt: skip
    assert found.files[0].bare_times == 2
    assert not resolve(str(tmp_path / "w.parquet")).has_telemetry


def test_sqlite_takes_all_tables_that_are_telemetry(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE log (time, tag, value, status)")
        values = [(1795341600, "A", 1.5, 0), ("2026-11-22 10:00:00Z", "B", "x", "Bad"), ("noon", "C", 1, 0)]
        database.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", values)
        database.execute('CREATE TABLE "more ""x""" (timestamp TEXT, name TEXT, value BLOB)')
        database.execute("INSERT INTO \"more \"\"x\"\"\" VALUES ('2026-11-22', 'D', x'0001')")
        database.execute("CREATE TABLE orders (number)")
    database.close()
    rows, wrong = read(path)
    assert [(row["tag"], row["value"], row["value_text"], row["quality"]) for row in rows] == [
        ("A", 1.5, None, "Good"), ("B", None, "x", "Bad"), ("D", None, "AAE=", "Good"),
    ]  # fmt: skip
    assert [entry["entry"] for entry in wrong] == [3]
    assert resolve(str(path.rename(tmp_path / "h.db"))).kind == "sqlite"


def test_databases_that_are_none_are_said(tmp_path: Path) -> None:
    for name in ("x.sqlite", "x.duckdb"):
        with pytest.raises(Damaged, match="cannot be read as"):
            resolve(str(file(tmp_path, name, b"no database" * 100)))
    with duckdb.connect(tmp_path / "y.duckdb") as database:
        database.execute("CREATE TABLE orders AS SELECT 1 AS number")
    with pytest.raises(NotFound, match="has no table with a time, a tag and a value"):
        resolve(str(tmp_path / "y.duckdb"))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.txt", b"time;tag;value\n", "csv"),
        ("b.dat", b"m,host=a f=1i 1795341600000000000\n", "line-protocol"),
        ("c.out", b'{"fields":{"a":1},"name":"m","tags":{},"timestamp":1}\n', "jsonl"),
    ],
)
def test_the_content_tells_where_the_name_does_not(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    assert resolve(str(file(tmp_path, name, content))).kind == kind


def test_uaexpert_names_nodes_its_own_way(tmp_path: Path) -> None:
    head = "#,Server,Node Id,Display Name,Value,Datatype,Source Timestamp,Server Timestamp,Statuscode\n"
    line = "1,Press,NS2|String|Demo.Force,Force,41.5,Double,2026-11-22T10:00:00.5Z,2026-11-22T10:00:01Z,Good\n"
    last = "2,Press,NS0|Numeric|2258,CurrentTime,7,Int32,2026-11-22T10:00:00Z,,BadNoCommunication\n"
    rows, wrong = read(file(tmp_path, "x.csv", head + line + last), input_format="uaexpert")
    assert wrong == []
    names = ("server", "node_id", "tag", "type", "value", "quality")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("Press", "ns=2;s=Demo.Force", "Force", "Double", 41.5, "Good"),
        ("Press", "i=2258", "CurrentTime", "Int32", 7.0, "Bad"),
    ]
    assert [row["server_time"] is None for row in rows] == [False, True]


def contract_table(**other: Any) -> pa.Table:
    """Three rows as omptool writes them, some columns replaced."""
    rows = telemetry("c1", 0, 3)
    for name, column in other.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return rows


def test_a_null_where_the_contract_has_none_is_a_reject(tmp_path: Path) -> None:
    time = pa.array([0, None, 2], pa.timestamp("us", "UTC"))
    rows, wrong = read(write(tmp_path / "x.arrow", contract_table(time=time)))
    assert [row["value"] for row in rows] == [0.5, 1.5]
    assert [(entry["entry"], entry["reason"]) for entry in wrong] == [(2, "time is missing")]


def test_nanoseconds_of_contract_rows_are_kept(tmp_path: Path) -> None:
    ns = 1_767_225_600_000_000_000
    time = pa.array([ns + 1_500, ns, ns + 7], pa.timestamp("ns", "UTC"))
    odd = contract_table(time=time, time_ns=pa.array([0, 0, 0], pa.int16()))
    rows, wrong = read(write(tmp_path / "x.arrow", odd))
    assert ([row["time_ns"] for row in rows], wrong) == ([500, 0, 7], [])
    assert rows[0]["time"].microsecond == 1


def test_contract_columns_of_another_type(tmp_path: Path) -> None:
    odd = contract_table(
        unit=pa.nulls(3, pa.int64()), value=pa.array(["1.5", "x", "2"]), status=pa.array([0, 0, 2**40]),
        raw=pa.nulls(3, pa.float64()),
    )  # fmt: skip
    rows, wrong = read(write(tmp_path / "x.arrow", odd))
    assert [row["value"] for row in rows] == [1.5]
    assert [entry["reason"] for entry in wrong] == ["value is no number", "status is no StatusCode"]


def test_contract_rows_out_of_sqlite(tmp_path: Path) -> None:
    """Its columns have no types: one without a value is of none, and times are texts."""
    rows = contract_table().to_pylist()
    names = list(rows[0])
    with sqlite3.connect(tmp_path / "x.sqlite") as database:
        database.execute(f"CREATE TABLE telemetry ({', '.join(names)})")
        cells = [tuple(c.isoformat() if isinstance(c, datetime) else c for c in row.values()) for row in rows]
        database.executemany(f"INSERT INTO telemetry VALUES ({', '.join('?' * len(names))})", cells)
    database.close()
    found, wrong = read(tmp_path / "x.sqlite")
    assert ([row["value"] for row in found], wrong) == ([0.5, 1.0, 1.5], [])
    assert [row["time"] for row in found] == [row["time"] for row in rows]
