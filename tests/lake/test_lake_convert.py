"""Recordings to a lake: every row exactly once, whoever reads it, whenever it was interrupted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import deltalake
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omptool.errors import Busy, LakeError, OutputExists
from omptool.lake import convert as conversion
from omptool.lake import layout, parquet
from omptool.lake.convert import convert, pending
from omptool.lake.table import Table, stored_plant
from omptool.model.contracts import TELEMETRY, VIEWS
from omptool.model.plant import PlantModel
from omptool.sql.duckdb import connect
from omptool.store import local
from tests.lake.recordings import DAY_US, START_US, FakeRecording, gap, telemetry


def stored(lake: Path, view: str = "telemetry") -> pa.Table:
    """A table of the lake as another program sees it, in the contract's columns."""
    table = deltalake.DeltaTable(str(lake / view)).to_pyarrow_table()
    return table.select(VIEWS[view].names).cast(VIEWS[view])


def by_row(table: pa.Table) -> pa.Table:
    return table.sort_by([("capture", "ascending"), ("seq", "ascending")]).combine_chunks()


def loose_files(lake: Path) -> set[Path]:
    """Data files on disk that no table knows."""
    known = {path for view in VIEWS for path in Table(lake, view).files()}
    return {path for path in lake.rglob("*.parquet") if path not in known}


def test_a_lake_holds_what_the_recording_has(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = telemetry("c1", 0, 5000, step_us=30_000_000)
    report = convert([FakeRecording("c1", data, gap_rows=[gap("c1")])], lake)
    assert report.rows == 5000
    assert by_row(stored(lake)).equals(data.combine_chunks())
    assert stored(lake, "nodes").num_rows == 5
    assert stored(lake, "journal").num_rows == 1
    assert stored(lake, "events").num_rows == 0
    assert stored(lake, "gaps")["reason"].to_pylist() == ["connection_lost"]
    assert len(list((lake / "telemetry").rglob("*.parquet"))) == 2  # one per day, whatever the batches were


def test_every_type_of_the_contract_survives(tmp_path: Path) -> None:
    row = dict(telemetry("c1", 0, 1).to_pylist()[0])
    import decimal

    odd = {
        "value": float("nan"), "value_exact": decimal.Decimal(2**64 - 1), "value_text": "Größe\n\0 \U0001f3ed",
        "value_list": [1.0, float("inf"), -0.0], "raw": bytes(range(256)), "status": 2**32 - 1, "unit": None,
    }  # fmt: skip
    data = pa.Table.from_pylist([row | odd], schema=TELEMETRY)
    convert([FakeRecording("c1", data)], tmp_path / "lake")
    got = stored(tmp_path / "lake").to_pylist()[0]
    assert str(got.pop("value")) == "nan"
    expected = row | odd
    expected.pop("value")
    assert got == expected


def test_the_same_again_adds_nothing(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    recording = FakeRecording("c1", telemetry("c1", 0, 100), gap_rows=[gap("c1")])
    convert([recording], lake)
    versions = {view: Table(lake, view).version for view in VIEWS}
    report = convert([recording, recording], lake)
    assert (report.rows, report.files, report.size) == (0, 0, 0)
    assert {view: Table(lake, view).version for view in VIEWS} == versions


def test_a_growing_recording_adds_only_what_is_new(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = telemetry("c1", 0, 1000)
    counts = [convert([FakeRecording("c1", data.slice(0, size))], lake).rows for size in (300, 301, 301, 1000)]
    assert counts == [300, 1, 0, 699]
    assert by_row(stored(lake)).equals(data.combine_chunks())
    assert stored(lake, "nodes").num_rows == 5
    assert pending([FakeRecording("c1", data)], lake) == {"c1": 0}


def test_a_gap_that_is_closed_later_replaces_the_open_one(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = telemetry("c1", 0, 10)
    other = FakeRecording("c2", telemetry("c2", 0, 10), gap_rows=[gap("c2")])
    convert([FakeRecording("c1", data, gap_rows=[gap("c1")]), other], lake)
    convert([FakeRecording("c1", data, gap_rows=[gap("c1", START_US + 5)])], lake)
    rows = {row["capture"]: row["end_time"] for row in stored(lake, "gaps").to_pylist()}
    assert rows.keys() == {"c1", "c2"}
    assert rows["c1"] is not None
    assert rows["c2"] is None
    convert([FakeRecording("c1", data)], lake)
    assert stored(lake, "gaps")["capture"].to_pylist() == ["c2"]


def test_two_recordings_make_one_file_per_site_and_date(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    one, two = telemetry("c1", 0, 400, site="A"), telemetry("c2", 0, 400, site="A")
    three = telemetry("c3", 0, 400, site="B", start_us=START_US + DAY_US)
    report = convert([FakeRecording(c, t, batch_rows=7) for c, t in (("c1", one), ("c2", two), ("c3", three))], lake)
    assert report.rows == 1200
    folders = sorted(str(path.parent.relative_to(lake / "telemetry")) for path in Table(lake, "telemetry").files())
    assert folders == ["site=A/date=2026-01-01", "site=B/date=2026-01-02"]
    assert by_row(stored(lake)).equals(by_row(pa.concat_tables([one, two, three])))


def test_a_lake_may_lie_in_any_folder_and_hold_any_site(tmp_path: Path) -> None:
    lake = tmp_path / "Schicht ü 100%" / "my lake #1"
    data = telemetry("c1", 0, 50, site="Süd 50%")
    convert([FakeRecording("c1", data)], lake)
    convert([FakeRecording("c1", data), FakeRecording("c2", telemetry("c2", 0, 50, site="Süd 50%"))], lake)
    paths = [path for view in VIEWS for path in Table(lake, view).files()]
    assert paths
    assert [path for path in paths if not path.is_file()] == []
    assert stored(lake).num_rows == 100


def test_files_are_sorted_and_encoded(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    convert([FakeRecording("c1", telemetry("c1", 0, 5000))], lake)
    (path,) = Table(lake, "telemetry").files()
    file = pq.ParquetFile(path)
    rows = file.read(["machine", "node_id", "time", "seq"])
    keys = list(zip(*(column.to_pylist() for column in rows.columns), strict=True))
    assert keys == sorted(keys)
    group = file.metadata.row_group(0)
    encodings = {group.column(i).path_in_schema: group.column(i).encodings for i in range(group.num_columns)}
    assert "DELTA_BINARY_PACKED" in encodings["time"]
    assert "BYTE_STREAM_SPLIT" in encodings["value"]
    assert group.column(0).compression == "ZSTD"
    assert not any(pa.types.is_dictionary(field.type) for field in file.schema_arrow)


def test_files_for_old_readers_have_old_encodings_and_the_lake_remembers(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = telemetry("c1", 0, 300)
    convert([FakeRecording("c1", data.slice(0, 200))], lake, compat=True)
    convert([FakeRecording("c1", data)], lake)
    for path in Table(lake, "telemetry").files():
        file = pq.ParquetFile(path).metadata
        columns = [file.row_group(0).column(at) for at in range(file.num_columns)]
        assert {kind for column in columns for kind in column.encodings} <= {"PLAIN", "RLE", "RLE_DICTIONARY"}
        assert {column.compression for column in columns} == {"SNAPPY"}
    assert by_row(stored(lake)).equals(data.combine_chunks())


@pytest.mark.parametrize("site", ["007", "Werk Ü/ß %1", "a=b&c", "*?[x]", "None", "..", "😀"])
def test_any_site_name_is_read_back_by_everybody(site: str, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    convert([FakeRecording("c1", telemetry("c1", 0, 3, site=site))], lake)
    assert stored(lake)["site"].to_pylist() == [site] * 3
    assert polars.scan_delta(str(lake / "telemetry")).collect()["site"].to_list() == [site] * 3
    assert deltalake.DeltaTable(str(lake / "telemetry")).partitions() == [{"site": site, "date": "2026-01-01"}]


def test_polars_reads_types_and_rows(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    convert([FakeRecording("c1", telemetry("c1", 0, 50))], lake)
    frame = polars.scan_delta(str(lake / "telemetry")).sort("seq").collect()
    assert frame["value"].to_list() == [0.5 * n for n in range(1, 51)]
    assert frame.schema["time"] == polars.Datetime("us", "UTC")
    assert frame.schema["value_exact"] == polars.Decimal(20, 0)
    assert frame.schema["value_list"] == polars.List(polars.Float64)


def test_duckdb_reads_the_plain_files(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    convert([FakeRecording("c1", telemetry("c1", 0, 50, site="007"))], lake)
    with connect() as connection:
        found = connection.sql(
            f"select site, date::text, count(*), sum(value) from read_parquet('{lake}/telemetry/**/*.parquet', "
            "hive_types = {'site': VARCHAR, 'date': DATE}) group by all"
        ).to_arrow_table()
    assert [column.to_pylist() for column in found.columns] == [["007"], ["2026-01-01"], [50], [637.5]]


def test_the_log_has_statistics_that_never_exclude_a_row(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = telemetry("c1", 0, 20, step_us=1_234_567)
    convert([FakeRecording("c1", data)], lake)
    actions = pa.table(deltalake.DeltaTable(str(lake / "telemetry")).get_add_actions(flatten=True)).to_pylist()[0]
    assert actions["num_records"] == 20
    assert actions["min.time"] <= min(data["time"].to_pylist())
    assert actions["max.time"] >= max(data["time"].to_pylist())
    assert (actions["min.machine"], actions["max.machine"]) == ("Press0", "Press2")


def test_readers_that_go_by_statistics_find_windows_of_all_nodes(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    rows = [gap("c1") | {"node_id": node} for node in ("nsu=urn:test;i=1", None)]
    convert([FakeRecording("c1", telemetry("c1", 0, 5), gap_rows=rows)], lake)
    gaps = polars.scan_delta(str(lake / "gaps"))
    assert gaps.filter(polars.col("node_id").is_null()).collect().height == 1


def test_a_name_too_long_for_statistics_in_one_part_leaves_the_file_without(tmp_path: Path) -> None:
    parts = [pa.table({"node_id": [name]}) for name in ("a", "n" * 40, "b")]
    written = parquet.write(tmp_path / "file", parts, pa.schema([("node_id", pa.string())]))
    assert (written.rows, written.stats) == (3, {})
    assert parquet.write(tmp_path / "file", parts[::2], pa.schema([("node_id", pa.string())])).stats == {
        "node_id": ("a", "b")
    }


def test_clock_suspect_rows_are_counted_and_noted_in_the_version(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = telemetry("c1", 0, 10, start_us=-5 * DAY_US, receive_us=START_US)
    report = convert([FakeRecording("c1", data)], lake)
    assert report.irregular.clock_suspect == 10
    assert Table(lake, "telemetry").done(layout.CLOCK_SUSPECT) == 10
    assert by_row(stored(lake))["time"].equals(data["time"])
    assert [p["date"] for p in deltalake.DeltaTable(str(lake / "telemetry")).partitions()] == ["2026-01-01"]


def test_the_plant_model_is_kept_and_a_changed_one_reported(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    first, second = PlantModel.parse('site = "A"\n'), PlantModel.parse('site = "B"\n')
    data = telemetry("c1", 0, 20)
    assert not convert([FakeRecording("c1", data.slice(0, 10))], lake, plant=first).plant_changed
    assert stored_plant(lake) == first
    assert not convert([FakeRecording("c1", data.slice(0, 10))], lake, plant=first).plant_changed
    assert convert([FakeRecording("c1", data)], lake, plant=second).plant_changed
    assert stored_plant(lake) == second
    assert Table(lake, "telemetry").done("c1") == 20


def test_versions_can_be_opened(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = telemetry("c1", 0, 30)
    for size in (10, 20, 30):
        convert([FakeRecording("c1", data.slice(0, size))], lake)
    newest = Table(lake, "telemetry").version
    rows = [Table(lake, "telemetry", version=newest - back).rows() for back in (2, 1, 0)]
    assert rows == [10, 20, 30]
    with pytest.raises(LakeError, match="has no version 99") as caught:
        Table(lake, "telemetry", version=99)
    assert caught.value.hint == f"versions are 0 to {newest}"


def test_another_folder_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(OutputExists, match="is not a lake"):
        convert([FakeRecording("c1", telemetry("c1", 0, 3))], tmp_path)
    with pytest.raises(OutputExists, match="is not a lake"):
        convert([FakeRecording("c1", telemetry("c1", 0, 3))], tmp_path / "photo.jpg")
    assert [entry.name for entry in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_newer_lake_is_refused(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    recording = FakeRecording("c1", telemetry("c1", 0, 3))
    convert([recording], lake)
    Table(lake, "telemetry").set_properties({layout.FORMAT_KEY: "2"})
    with pytest.raises(LakeError, match="format 2 by a newer omptool"):
        convert([recording], lake)


def test_a_second_convert_at_the_same_time_is_told_to_wait(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    recording = FakeRecording("c1", telemetry("c1", 0, 3))
    convert([recording], lake)
    with local.lock(lake / layout.LOCK, "lake"), pytest.raises(Busy, match="in use by another omptool"):
        convert([recording], lake)


def test_an_error_while_reading_leaves_the_lake_as_it_was(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = telemetry("c1", 0, 30)
    convert([FakeRecording("c1", data.slice(0, 10))], lake)

    def broken(after_seq: int = 0) -> object:
        yield data.slice(after_seq, 5).to_batches()[0]
        raise LakeError("boom")

    recording = FakeRecording("c1", data)
    recording.telemetry = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(LakeError, match="boom"):
        convert([recording], lake)
    assert stored(lake).num_rows == 10
    assert not loose_files(lake)
    assert not (lake / layout.STAGING).exists()


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from recordings import FakeRecording, gap, telemetry
from omptool.lake import convert as conversion, staging, table
owner, name, after, call = sys.argv[3].split(":")
owner = {"Staging": staging.Staging, "Table": table.Table}[owner]
original, calls = getattr(owner, name), [0]
def deadly(*args, **kwargs):
    calls[0] += 1
    mine = calls[0] == int(call)
    if mine and after == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*args, **kwargs)
    if mine:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
setattr(owner, name, deadly)
data = telemetry("c1", 0, 600, step_us=300_000_000)
conversion.convert([FakeRecording("c1", data, gap_rows=[gap("c1", 5)])], Path(sys.argv[2]))
"""


@pytest.mark.parametrize(
    "moment",
    [
        "Table:create:after:1",
        "Staging:write:after:2",
        "Staging:announce:after:1",
        "Staging:move:after:1",  # gaps moved, not committed
        "Staging:move:after:5",  # telemetry moved, not committed
        "Table:append:before:1",
        "Table:append:after:1",
        "Table:replace:after:1",  # gaps committed, telemetry not
    ],
)
def test_killed_at_any_moment_the_next_run_completes_it(moment: str, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = telemetry("c1", 0, 600, step_us=300_000_000)
    convert([FakeRecording("c1", data.slice(0, 100), gap_rows=[gap("c1")])], lake)
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(lake), moment]
    assert subprocess.run(command, check=False, timeout=100).returncode == -9
    assert stored(lake).num_rows in (100, 600)  # readable, and never half
    convert([FakeRecording("c1", data, gap_rows=[gap("c1", 5)])], lake)
    assert by_row(stored(lake)).equals(data.combine_chunks())
    assert stored(lake, "nodes").num_rows == 5
    assert [row["end_time"] is None for row in stored(lake, "gaps").to_pylist()] == [False]
    assert not (lake / layout.STAGING).exists()
    replaced = {path for path in loose_files(lake) if path.parent.parent.name == "gaps"}
    assert loose_files(lake) == replaced  # the old gap file belongs to an older version
    assert len(replaced) == 1


@pytest.mark.parametrize("moment", ["Table:create:after:3", "Table:append:after:1", "Table:append:after:2"])
def test_killed_while_the_lake_is_made_the_next_run_completes_it(moment: str, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = telemetry("c1", 0, 600, step_us=300_000_000)
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(lake), moment]
    assert subprocess.run(command, check=False, timeout=100).returncode == -9
    convert([FakeRecording("c1", data, gap_rows=[gap("c1", 5)])], lake)
    assert by_row(stored(lake)).equals(data.combine_chunks())
    assert [stored(lake, view).num_rows for view in ("nodes", "journal", "gaps")] == [5, 1, 1]
    assert not loose_files(lake)


def test_disk_full_leaves_the_lake_as_it_was(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    convert([FakeRecording("c1", telemetry("c1", 0, 100))], lake)
    script = (
        "import resource, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from recordings import FakeRecording, telemetry\n"
        "from omptool.errors import DiskFull; from omptool.lake.convert import convert\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try: convert([FakeRecording('c1', telemetry('c1', 0, 50_000, nodes=900))], Path(sys.argv[2]))\n"
        "except DiskFull as error: print(error.message); sys.exit(7)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent), str(lake)],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (7, "")
    assert "no space left while writing" in done.stdout
    assert stored(lake).num_rows == 100
    assert not loose_files(lake)
    assert convert([FakeRecording("c1", telemetry("c1", 0, 50_000, nodes=900))], lake).rows == 49_900


def test_progress_counts_new_rows_only(tmp_path: Path) -> None:
    data = telemetry("c1", 0, 3000)
    convert([FakeRecording("c1", data.slice(0, 1000))], tmp_path / "lake")
    seen: list[conversion.Progress] = []
    convert([FakeRecording("c1", data)], tmp_path / "lake", on_progress=seen.append)
    assert [(state.rows, state.total) for state in seen] == [(1000, 2000), (2000, 2000)]
