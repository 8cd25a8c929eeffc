"""Statements from outside: one SELECT of known pieces and reviewed functions, everything else with a sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import OmptoolError, QueryError, UsageError
from omptool.lake.convert import convert
from omptool.model.contracts import VIEWS
from omptool.sources.lake import LakeSource
from omptool.sources.source import Named
from omptool.sql import admission, confine, gate, views
from omptool.sql.confine import Confinement
from omptool.sql.duckdb import connect
from omptool.sql.engine import LocalEngine
from omptool.sql.functions import functions
from tests.lake.recordings import FakeRecording, gap, telemetry
from tests.sql import refused

LIMITS = Confinement(memory="512MiB", temporary="1GiB", threads=2, statement_s=60)

ADMITTED = [
    "from telemetry",
    "FROM Telemetry LIMIT 1",
    'select * from "telemetry"',
    "table nodes",
    "values (1), (2)",
    "select count(*), avg(value), sum(value) filter (where quality = 'Good') from telemetry group by all order by all",
    "with a as (select 1 as x), b as (from a) select * from b join a using (x)",
    "with recursive a as (select 1 as x union all select x + 1 from a where x < 5) select sum(x) from a",
    "with telemetry as (select 1 as one) from telemetry",
    "select * from (select 1) union all by name select 2",
    "select * from telemetry a asof join telemetry b on a.time >= b.time and a.tag = b.tag limit 1",
    "select time_bucket(interval '10 minutes', time) as t, arg_max(value, time) from telemetry group by t",
    "select lag(value) over w, row_number() over w from telemetry window w as (partition by tag order by time)",
    "select * exclude (raw) replace (1 as value) rename (tag as t) from telemetry limit 1",
    "select columns(lambda c: c like 'v%') from telemetry",
    "select [x + 1 for x in [1, 2] if x > 1]",
    "select unnest(parents) from nodes",
    "from telemetry t, unnest(t.value_list) limit 1",
    "from range(3)",
    "select enum_names ->> '$.1', json_extract(enum_names, '$.1') from nodes",
    "from nodes using sample 10%",
    "select time at time zone 'Europe/Berlin', extract(hour from time), date_trunc('day', time) from telemetry",
    "select $a, $b",
    "select try_cast('a' as int), cast(1 as decimal(9, 2)), '{}'::json, ifnull(null, 1), if(true, 1, 2)",
    "select quantile_cont(value, [0.1, 0.9]), median(value), mad(value), histogram(value) from telemetry",
    "select site, grouping(site) from telemetry group by rollup (site)",
    "select current_timestamp, current_date, now()",
    "select 'a' similar to 'b', 'a' ilike 'B', 'a' glob '*', position('a' in 'ba'), trim(both ' ' from ' a ')",
    "select struct_pack(a := 1).a, {'a': [1]}.a[1], map {'k': 1}['k'], [1, 2, 3][2:3], 7 // 2, 2 ** 3, 'a' || 'b'",
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret-place") / "la[k]e"
    convert([FakeRecording("c1", telemetry("c1", 0, 300, site="007"), gap_rows=[gap("c1")])], path)
    return path


@pytest.fixture(scope="module")
def locked(lake: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection as a statement of a server gets it, without the gate."""
    sources = [Named(LakeSource(lake))]
    with connect(memory_limit="512MiB", temporary_limit="1GiB") as connection:
        views.register(connection, sources, lambda error: None)
        confine.shut(connection, sources, LIMITS)
        yield connection


def answer(connection: duckdb.DuckDBPyConnection, statement: str) -> pa.Table:
    """Run a statement without any gate."""
    relation = connection.sql(statement)
    return pa.table({}) if relation is None else relation.to_arrow_table()


@pytest.fixture
def spelled(lake: Path, tmp_path: Path) -> Iterator[object]:
    """A statement with real paths in it."""
    file = tmp_path / "outside.csv"
    file.write_text("a\n1\n")
    lake_file = next((lake / "telemetry").rglob("*.parquet"))

    def spell(statement: str) -> str:
        return statement.replace("LAKE_FILE", str(lake_file)).replace("LAKE", str(lake)).replace("FILE", str(file))

    yield spell
    assert file.read_text() == "a\n1\n"


ALL = [
    *refused.READ_FILES,
    *refused.READ_OWN_FILES,
    *refused.WRITE_FILES,
    *refused.WRITE_LAKE,
    *refused.SETTINGS,
    *refused.GATE_ONLY,
    *refused.SPELLINGS,
    *refused.HIDDEN_TABLES,
]


@pytest.mark.parametrize("statement", ALL)
def test_the_gate_refuses(statement: str, locked: duckdb.DuckDBPyConnection, spelled, lake: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises((OmptoolError, duckdb.ParserException)) as caught:
        gate.admit_remote(locked, spelled(statement))
    if isinstance(caught.value, OmptoolError):
        assert caught.value.message
        assert caught.value.hint or "no function" in caught.value.message
    assert not list(lake.glob("*.csv")) + list(lake.glob("*.db"))


@pytest.mark.parametrize("statement", [*refused.READ_FILES, *refused.WRITE_FILES, *refused.SETTINGS])
def test_the_locked_instance_holds_without_the_gate(
    statement: str,
    locked: duckdb.DuckDBPyConnection,
    spelled,  # type: ignore[no-untyped-def]
) -> None:
    with pytest.raises((duckdb.Error, RuntimeError)):
        answer(locked, spelled(statement))
    assert answer(locked, "select count(*) as n from telemetry").to_pylist() == [{"n": 300}]


@pytest.mark.parametrize("statement", ADMITTED)
def test_what_an_analyst_writes_is_admitted_and_answered(statement: str, lake: Path) -> None:
    parameters = {"a": 1, "b": "x"} if "$a" in statement else {}
    with LocalEngine([Named(LakeSource(lake))], confinement=LIMITS) as engine:
        table = engine.run(statement, parameters).read_all()
    assert table.num_columns > 0


def test_every_table_of_the_engine_has_a_name_that_with_must_not_give(locked: duckdb.DuckDBPyConnection) -> None:
    """Only those that need no schema before them: a name with a schema is refused by itself."""
    own = answer(locked, "select view_name as n from duckdb_views() union select table_name from duckdb_tables()")
    reached = []
    for name in own["n"].to_pylist():
        try:
            answer(locked, f'from "{name}" limit 0')
        except duckdb.CatalogException:
            continue
        reached.append(name)
    assert {"sqlite_master", "duckdb_tables", "pg_class", "pragma_database_list"} <= set(reached)
    assert {name for name in reached if not name.startswith(admission.ENGINES)} == set(VIEWS)


@pytest.mark.parametrize("opening", ["(", "abs(", "(from ", "["])
def test_nothing_is_too_deep_to_be_refused(opening: str, locked: duckdb.DuckDBPyConnection) -> None:
    """Whatever gives up first, it says so."""
    closing = "]" if opening == "[" else ")"
    for depth in (100, 190, 240, 325, 480, 2000):
        statement = "select " + opening * depth + "(select 1)" + closing * depth
        with contextlib.suppress(OmptoolError, duckdb.Error):
            gate.admit_remote(locked, statement)


def test_every_function_of_this_duckdb_is_decided_about() -> None:
    """After an upgrade this names the functions that somebody has to look at, and those that are gone."""
    known = functions()
    with connect() as connection:
        found = answer(connection, "select distinct lower(function_name) as n from duckdb_functions()")
    there = set(found["n"].to_pylist())
    assert sorted(name for name in there if name not in known.allowed and known.why_refused(name) is None) == []
    assert sorted(known.allowed - there) == []
    assert sorted(name for name in known.allowed if known.why_refused(name)) == []
    assert sorted(known.refused.keys() - there) == ["getenv"]  # the command-line program has it, the library not
    assert known.allowed >= admission.TABLE_FUNCTIONS


def test_a_refusal_says_where_and_what_instead(locked: duckdb.DuckDBPyConnection) -> None:
    cases = {
        "select avrage(value)\nfrom telemetry": ('no function "avrage"', "select avrage(value)\n       ^"),
        "from telemetri": ('no table "telemetri"', 'from telemetri\n     ^ did you mean "telemetry"?'),
        "from '/x/y.csv'": (
            'no table "/x/y.csv"',
            "from '/x/y.csv'\n     ^ a server reads no files; tables: telemetry, nodes, events, gaps, journal",
        ),
        "select 1; select 2": ("2 statements, a server answers one", "use WITH for intermediate results"),
        "pivot telemetry on tag using avg(value)": ("PIVOT is not answered here", admission.PIVOT_HINT),
        "set threads = 1": ("a server does not run SET statements", admission.ALLOWED),
        "select 'ü', getvariable('x')": (
            'the function "getvariable" is not answered here: it keeps state between statements',
            "select 'ü', getvariable('x')\n            ^ " + admission.ALLOWED,
        ),
        "from read_csv('x')": (
            'the function "read_csv" is not answered here: it reads files',
            f"from read_csv('x')\n     ^ {admission.ALLOWED}",
        ),
    }
    for statement, (message, hint) in cases.items():
        with pytest.raises(QueryError) as caught:
            gate.admit_remote(locked, statement)
        assert caught.value.message == message
        assert caught.value.hint.startswith(hint)
    with pytest.raises(UsageError, match="empty"):
        gate.admit_remote(locked, " -- nothing\n")


def test_the_way_to_write_a_pivot_works(locked: duckdb.DuckDBPyConnection) -> None:
    example = "select time, avg(value) FILTER (WHERE tag = 'Speed') AS speed from telemetry group by time limit 1"
    gate.admit_remote(locked, example)
    assert answer(locked, example).column_names == ["time", "speed"]


@pytest.mark.parametrize(
    "statement",
    [
        "from telemetri",
        "selec 1",
        "select valu from telemetry",
        "select 1/",
        "select nope(1)",
        "select value.x from nodes",
        "select cast('a' as int)",
        "select $x",
        "select sum(tag) from telemetry",
        "select value from telemetry group by tag",
    ],
)
def test_an_error_is_the_same_sentence_as_locally(statement: str, lake: Path) -> None:
    found = []
    for confinement in (None, LIMITS):
        with LocalEngine([Named(LakeSource(lake))], confinement=confinement) as engine:
            with pytest.raises(OmptoolError) as caught:
                engine.run(statement).read_all()
            found.append((type(caught.value), caught.value.message, caught.value.hint))
    assert found[0] == found[1]


HARMLESS = st.sampled_from(["1", "'a'", "value", "tag", "time", "null", "[1, 2]", "{'a': 1}", "count(*)", "$p"])
ENVIRONMENT = st.sampled_from(
    ["getenv('x')", "GETENV('x')", "\"getEnv\"('x')", "main.getenv('x')", "system.main.getenv('x')", "'x'.getenv()"]
)
WRAPPERS = st.sampled_from(
    [
        "abs({})",
        "({} + {})",
        "coalesce({}, {})",
        "case when {} is null then {} end",
        "cast({} as varchar)",
        "[{}, {}]",
        "{{'k': {}}}",
        "(select {} from telemetry)",
        "exists (select {})",
        "{} in (select {})",
        "list_transform([{}], lambda x: {})",
        "[{} for x in [{}]]",
        "max({}) over (partition by {} order by {})",
        "sum({}) filter (where {} > 0)",
        "{} between {} and {}",
        "try({})",
        "not ({})",
        "(({})::text || 'x')",
        "(with c as (select {} as y) select y from c)",
        "(values ({}))",
        "string_agg({}, ',' order by {})",
        "(select * from range({}))",
        "(select {} union all select {})",
        "struct_pack(a := {})",
        "({})[{}]",
    ]
)


@st.composite
def nested(draw: st.DrawFn) -> str:
    """An expression with exactly one refused call somewhere in it."""
    inner = draw(ENVIRONMENT)
    for _ in range(draw(st.integers(0, 6))):
        wrapper = draw(WRAPPERS)
        holes = wrapper.count("{}")
        place = draw(st.integers(0, holes - 1))
        inner = wrapper.format(*(inner if hole == place else draw(HARMLESS) for hole in range(holes)))
    return inner


@given(
    expression=nested(),
    shape=st.sampled_from(["select {} from telemetry", "select 1 where {} is null", "from nodes order by {}"]),
)
def test_a_refused_function_is_found_wherever_it_stands(
    locked: duckdb.DuckDBPyConnection, expression: str, shape: str
) -> None:
    statement = shape.format(expression)
    with pytest.raises(QueryError) as caught:
        gate.admit_remote(locked, statement)
    assert "getenv" in caught.value.message.casefold()


def test_an_unknown_piece_is_refused() -> None:
    for tree in (
        {"node": {"type": "NEW_NODE"}},
        {"node": {"type": "SELECT_NODE", "from_table": {"type": "NEW_REF"}}},
        {"node": {"type": "SELECT_NODE", "select_list": [{"class": "NEW", "type": "STAR"}]}},
        {"node": {"type": "SELECT_NODE", "select_list": [{"class": "FUNCTION", "type": "NEW_TYPE"}]}},
        {"node": {"type": "SELECT_NODE", "from_table": {"type": "BASE_TABLE"}}},
    ):
        with pytest.raises(QueryError):
            admission.check([tree], "")


def test_a_locked_engine_still_reads_a_lake_whose_name_looks_like_a_pattern(lake: Path) -> None:
    with LocalEngine([Named(LakeSource(lake))], confinement=LIMITS) as engine:
        for view in VIEWS:
            assert engine.run(f"from {view}").read_all().schema.names == VIEWS[view].names
        assert engine.columns[0] == (VIEWS["journal"].names[0], "TIMESTAMP WITH TIME ZONE")
