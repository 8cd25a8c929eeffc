"""The engine in this process: views, parameters, streaming, cancelling."""

from __future__ import annotations

import datetime as dt
import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omptool.errors import Damaged, QueryError, UsageError
from omptool.lake.convert import convert
from omptool.lake.export import write_file
from omptool.model.contracts import TELEMETRY, VIEWS
from omptool.sources.lake import LakeSource
from omptool.sources.resolve import resolve_all
from omptool.sources.source import FileSource, Named, Stream
from omptool.sql.duckdb import connect
from omptool.sql.engine import LocalEngine
from tests.lake.recordings import FakeRecording, gap, telemetry


def stream(table: pa.Table) -> FileSource:
    """A source that counts as telemetry and comes as a stream, like a capture."""
    return FileSource("stream", "capture", "stream", Stream(table.schema, table.to_batches), has_telemetry=True)


def rows(engine: LocalEngine, statement: str, **parameters: object) -> list[tuple[object, ...]]:
    table = engine.run(statement, parameters).read_all()
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = (
        tmp_path_factory.mktemp("site=9") / "la[k]e"
    )  # names that a careless reader takes for patterns and partitions
    one = FakeRecording("c1", telemetry("c1", 0, 600, site="007", step_us=300_000_000), gap_rows=[gap("c1")])
    convert([one, FakeRecording("c2", telemetry("c2", 0, 50, site="Werk Ü"))], path)
    return path


def test_views_are_the_contract_over_every_kind_of_source(lake: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    data = telemetry("c1", 0, 600, site="007", step_us=300_000_000)
    write_file(data.to_batches(), file)
    for sources in ([Named(LakeSource(lake))], [Named(stream(data))], resolve_all([str(file)]), []):
        with LocalEngine(sources) as engine:
            for view, contract in VIEWS.items():
                found = engine.run(f"from {view}").read_all().schema
                assert [(f.name, f.type) for f in found] == [(f.name, f.type) for f in contract]
            if sources:
                table = engine.run("from telemetry where capture = 'c1' order by seq").read_all().cast(TELEMETRY)
                assert table.combine_chunks().equals(data.combine_chunks())


def test_a_lake_is_read_by_its_versions_files_and_its_site_is_text(lake: Path) -> None:
    with LocalEngine([Named(LakeSource(lake))]) as engine:
        assert rows(engine, "select site, count(*) from telemetry group by all order by 1") == [
            ("007", 600),
            ("Werk Ü", 50),
        ]
        assert rows(engine, "select capture, count(*) from gaps group by all") == [("c1", 1)]
        assert rows(engine, "select array_dimensions, parents from nodes limit 1") == [([2, 3], ["i=85"])]


def test_files_that_may_change_are_read_anew_and_those_of_a_lake_are_not(lake: Path, tmp_path: Path) -> None:
    kept = "SELECT current_setting('parquet_metadata_cache')"
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    with LocalEngine([Named(LakeSource(lake))]) as engine:
        assert rows(engine, kept) == [(True,)]
    with LocalEngine([Named(LakeSource(lake)), *resolve_all([str(path)])]) as engine:
        assert rows(engine, kept) == [(False,)] and rows(engine, "SELECT a FROM x") == [(1,)]
        pq.write_table(pa.table({"a": [2, 3]}), path)
        assert rows(engine, "SELECT a FROM x") == [(2,), (3,)]


def test_sources_are_united_and_named_ones_can_be_told_apart(lake: Path) -> None:
    sources = [Named(LakeSource(lake), "a"), Named(stream(telemetry("c3", 0, 10)), "b")]
    with LocalEngine(sources) as engine:
        assert rows(engine, "select count(*) from telemetry") == [(660,)]
        for table, count in (("a.telemetry", 650), ("b.telemetry", 10), ("a.gaps", 1), ("b.gaps", 0)):
            assert rows(engine, f"select count(*) from {table}") == [(count,)]


def test_a_stream_can_be_scanned_as_often_as_a_statement_wants() -> None:
    with LocalEngine([Named(stream(telemetry("c", 0, 100)))]) as engine:
        joined = (
            "select count(*) from telemetry a join telemetry b using (seq) where a.seq in (select seq from telemetry)"
        )
        assert rows(engine, joined) == [(100,)]
        assert rows(engine, joined) == [(100,)]


def test_parameters_are_bound_with_the_types_they_have() -> None:
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    cases: list[tuple[object, str]] = [
        (5, "BIGINT"), (2**40, "BIGINT"), (1.5, "DOUBLE"), (True, "BOOLEAN"), ("a'; drop table x; --", "VARCHAR"),
        (moment, "TIMESTAMP WITH TIME ZONE"), (dt.timedelta(seconds=5), "INTERVAL"),
        ([1, 2], "BIGINT[]"), (["a"], "VARCHAR[]"),
    ]  # fmt: skip
    with LocalEngine() as engine:
        for value, kind in cases:
            ((found, same),) = rows(engine, "select typeof($x), $x = $x", x=value)
            assert (found, same) == (kind, True)
        assert rows(engine, "select $x", x="a'; drop table x; --") == [("a'; drop table x; --",)]
        assert rows(engine, "select $x::timestamptz", x=moment) == [(moment,)]
        with pytest.raises(QueryError, match=r"the statement has no parameter \$y") as caught:
            engine.run("select $x", {"x": 1, "y": 2})
        assert caught.value.hint == "it has $x"


def test_rows_come_while_the_statement_runs() -> None:
    with LocalEngine() as engine:
        reader = engine.run("select range from range(10000000000)")
        assert reader.read_next_batch().num_rows > 0


def test_cancel_stops_a_busy_statement() -> None:
    with LocalEngine() as engine:
        timer = threading.Timer(0.3, engine.cancel)
        timer.start()
        with pytest.raises(QueryError, match="the statement was cancelled"):
            engine.run(
                "select count(*) from range(1000000) a, range(1000000) b where a.range * b.range % 7 = 3"
            ).read_all()
        timer.join()
        assert rows(engine, "select 1") == [(1,)]


def test_an_error_of_the_source_arrives_as_it_was_raised() -> None:
    def torn() -> Iterator[pa.RecordBatch]:
        yield from telemetry("c", 0, 5).to_batches()
        raise Damaged("segment 3 is torn", "omptool recover")

    source = FileSource("x", "capture", "x", Stream(TELEMETRY, torn), has_telemetry=True)
    with LocalEngine([Named(source)]) as engine:
        with pytest.raises(Damaged, match="segment 3 is torn"):
            engine.run("select count(*) from telemetry").read_all()
        assert rows(engine, "select 1") == [(1,)]


def test_plain_tables_have_the_name_of_their_file(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id;machine\n1;Press7\n2;Press8\n")
    (tmp_path / "shift plan.jsonl").write_text('{"shift":"early","hours":[6,14]}\n{"shift":"late","hours":[14,22]}\n')
    (tmp_path / "t.tsv").write_text("a\tb\n007\tx\n")
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "p.parquet")
    with pa.ipc.new_stream(tmp_path / "s.arrows", pa.schema([("a", pa.int64())])) as writer:
        writer.write_table(pa.table({"a": [3]}))
    with pa.ipc.new_file(tmp_path / "f.arrow", pa.schema([("a", pa.int64())])) as writer:
        writer.write_table(pa.table({"a": [4]}))
    names = ["orders.csv", "shift plan.jsonl", "t.tsv", "p.parquet", "s.arrows", "f.arrow", "mine=p.parquet"]
    texts = [name.replace("=", f"={tmp_path}/") if "=" in name else str(tmp_path / name) for name in names]
    with LocalEngine(resolve_all(texts)) as engine:
        assert rows(engine, "select count(*), max(machine) from orders") == [(2, "Press8")]
        assert rows(engine, 'select shift, hours[1] from "shift plan"') == [("early", 6), ("late", 14)]
        assert rows(engine, "select count(*) from t") == [(1,)]
        assert rows(engine, "select p.a from p join mine using (a) order by 1") == [(1,), (2,)]
        assert rows(engine, "select s.a, f.a from s, f") == [(3, 4)]


def test_a_glob_over_a_lakes_files_finds_the_site_in_the_folders(lake: Path) -> None:
    import glob

    pattern = f"{glob.escape(str(lake))}/telemetry/**/*.parquet"
    with LocalEngine(resolve_all([pattern])) as engine:
        assert rows(engine, "select site, count(*) from telemetry group by all order by 1") == [
            ("007", 600),
            ("Werk Ü", 50),
        ]


@pytest.mark.parametrize("name", ["telemetry", "main", "Gaps", "temp"])
def test_a_name_that_is_taken_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")
    with pytest.raises(UsageError, match=f'"{name}"'):
        LocalEngine(resolve_all([f"{name}={tmp_path / 'x.csv'}"]))


@pytest.mark.parametrize("text", ["a,b\n1,2\n1,2,3,4\n", "a,b\n" + "1,2\n" * 99 + "1,2,3,4\n", "a,b\n1,2\n3\n4,5\n"])
def test_no_row_of_a_text_file_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with LocalEngine(resolve_all([str(tmp_path / "x.csv")])) as engine:
        rows = engine.run("select count(*) as n from x").read_all().to_pylist()
    assert rows == [{"n": text.count("\n") - 1}]


def test_two_tables_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")
    with pytest.raises(UsageError, match="is already"):
        LocalEngine(resolve_all([str(tmp_path / "x.csv")] * 2))


def test_the_door_is_closed_to_everything_outside() -> None:
    secret = pa.table({"a": [1]})
    with connect() as connection:
        settings = dict(
            connection.sql(
                "select name, value from duckdb_settings() where name in ('autoinstall_known_extensions', "
                "'autoload_known_extensions', 'python_enable_replacements', 'TimeZone', 'enable_progress_bar')"
            ).fetchall()
        )
        assert settings == {
            "autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "TimeZone": "UTC",
            "python_enable_replacements": "false", "enable_progress_bar": "false",
        }  # fmt: skip
        with pytest.raises(Exception, match="secret does not exist"):
            connection.sql("from secret")
    assert secret.num_rows == 1
    gc.collect()


def test_the_session_zone_is_utc_unless_asked() -> None:
    statement = "select (timestamptz '2026-01-01 00:30:00+00')::date::text"
    with LocalEngine() as engine:
        assert rows(engine, statement) == [("2026-01-01",)]
    with LocalEngine(tz="America/New_York") as engine:
        assert rows(engine, statement) == [("2025-12-31",)]
    with pytest.raises(UsageError, match="unknown time zone Mars/Olympus"):
        LocalEngine(tz="Mars/Olympus")
    with pytest.raises(UsageError, match="time zone"):  # a file beside the zones on some systems
        LocalEngine(tz="localtime")
