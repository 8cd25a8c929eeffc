"""Errors of the SQL engine, as a person sees them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from omptool.errors import OmptoolError, QueryError
from omptool.sql import faults
from omptool.sql.engine import LocalEngine

READS = "query only reads: SELECT, FROM, WITH, VALUES, PIVOT, DESCRIBE, SUMMARIZE, SHOW and EXPLAIN"


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    with LocalEngine() as engine:
        yield engine


CASES = [
    (
        "select machine, avg(valeu) from telemetry group by all",
        'no column "valeu" in telemetry',
        'select machine, avg(valeu) from telemetry group by all\n                    ^ did you mean "value"?',
    ),
    (
        "select t.valeu\nfrom telemetry t",
        'no column "valeu" in telemetry',
        'select t.valeu\n       ^ did you mean "value"?',
    ),
    (
        "select *\nfrom telemetri",
        'no table "telemetri"',
        'from telemetri\n     ^ did you mean "telemetry"?',
    ),
    (
        'from telemetry where quality = "Good"',
        'no column "Good" in telemetry',
        'from telemetry where quality = "Good"\n' + " " * 31 + "^ text stands in single quotes: 'Good'",
    ),
    ("from 'x.arrow'", 'no table "x.arrow"', "from 'x.arrow'\n     ^ name the file with --on x.arrow"),
    ("from qqqq", 'no table "qqqq"', "from qqqq\n     ^ tables: telemetry, nodes, events, gaps, journal"),
    ("select foo(1)", 'no function "foo"', 'select foo(1)\n       ^ did you mean "floor"?'),
    ("select * frm telemetry", 'syntax error at or near "telemetry"', "select * frm telemetry\n             ^"),
    (
        "select 'Größe', valeu from telemetry",
        'no column "valeu" in telemetry',
        "select 'Größe', valeu from telemetry\n                ^ did you mean \"value\"?",
    ),
    ("select\tcast('x' as int)", "could not convert string 'x' to INT32", "select cast('x' as int)\n       ^"),
    ("select $a", "no value for $a", "add --param a=VALUE"),
    ("select ?", "no value for $1", "parameters have names: write $NAME instead of ? or $1"),
    ("copy (select 1) to 'x.csv'", "query does not run COPY statements", READS),
    ("with x as (copy (select 1) to 'x.csv') from x", "the statement writes", READS),
    ("explain analyze with x as (copy (select 1) to 'x.csv') from x", "the statement writes", READS),
    ("with y as (copy (select 1) to 'x.csv'), p as (pivot (select 1 a) on a) from p", "the statement writes", READS),
    ("attach 'x.db'", "query does not run ATTACH statements", READS),
    ("set threads = 1", "query does not run SET statements", READS),
    ("create table t as select 1", "query does not run CREATE statements", READS),
    ("select 1; select 2", "2 statements, query runs one", "use WITH for intermediate results"),
    (
        "from 'az://x/y.parquet'",
        "the statement needs the DuckDB extension azure, which is not part of omptool",
        "omptool loads no extensions; copy the data to local files first",
    ),
]


@pytest.mark.parametrize(("statement", "message", "hint"), CASES)
def test_an_error_says_what_where_and_what_next(engine: LocalEngine, statement: str, message: str, hint: str) -> None:
    with pytest.raises(QueryError) as caught:
        engine.run(statement).read_all()
    assert caught.value.message == message
    assert caught.value.hint == hint


@pytest.mark.parametrize("statement", ["", "  ", "-- nothing", ";"])
def test_an_empty_statement_is_refused(engine: LocalEngine, statement: str) -> None:
    with pytest.raises(OmptoolError, match="the statement is empty"):
        engine.run(statement)


@pytest.mark.parametrize(
    "statement", ["from _omp_0_telemetry", "select * exclude (x) from telemetry", "select sum(tag) from telemetry"]
)
def test_nothing_internal_is_shown(engine: LocalEngine, statement: str) -> None:
    with pytest.raises(QueryError) as caught:
        engine.run(statement).read_all()
    shown = caught.value.message + caught.value.hint.replace(statement, "")
    for word in ("Binder", "Catalog", "{", "LINE 1", "pg_", "Candidate"):
        assert word not in shown
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "statement",
    [
        "select 1;", "-- hi\nselect 1 -- there", "values (1)", "from range(1)", "describe telemetry",
        "summarize telemetry", "show tables", "explain select 1", "explain analyze select 1",
        "pivot (select 1 a, 2 b) on a using sum(b)",
        "with recursive x as (select 1 a union all select a + 1 from x where a < 3) from x",
        "select (copy) from (select 1 copy)",
        "select 1 union select 2 except select 3", "select '(copy (select 1)' as \"insert into\"",
        "with x as (select 1) select * from x, lateral (select 2)",
    ],
)  # fmt: skip
def test_reading_statements_run(engine: LocalEngine, statement: str) -> None:
    assert engine.run(statement).read_all().num_columns > 0


def test_a_long_line_is_cut_around_the_place() -> None:
    statement = "select " + "1, " * 100 + "valeu" + ", 2" * 100
    line, caret = faults.mark(statement, statement.index("valeu"), "here").split("\n")
    assert len(line) <= 102
    assert line.startswith("…")
    assert line.endswith("…")
    assert line[caret.index("^") :].startswith("valeu")
