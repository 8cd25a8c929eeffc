"""A lake maintained: compacted, vacuumed, remodelled; the rows are what they were, and no reader sees half."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest

from omptool.errors import Busy, LakeError, UsageError
from omptool.lake import compact as compaction
from omptool.lake import layout, log
from omptool.lake.compact import compact
from omptool.lake.convert import convert
from omptool.lake.remodel import remodel
from omptool.lake.table import Table, stored_plant
from omptool.lake.vacuum import vacuum
from omptool.model.plant import PlantModel
from omptool.sources.capture import CaptureSource
from omptool.sources.lake import LakeSource
from omptool.store import local
from tests.lake.recordings import FakeRecording, telemetry
from tests.lake.test_lake_convert import by_row, loose_files, stored
from tests.sources.captures import Recording, capture

SITE = "Süd 50%"
NOW = timedelta(0)


def files(lake: Path, view: str = "telemetry") -> list[Path]:
    return Table(lake, view).files()


def grown(lake: Path, *, steps: int = 4, site: str = SITE) -> pa.Table:
    """A lake that was made in steps, over two days; its rows."""
    data = telemetry("c1", 0, 400, site=site, step_us=400_000_000)
    for size in range(100, 100 * steps + 1, 100):
        convert([FakeRecording("c1", data.slice(0, size))], lake)
    return data.combine_chunks()


def test_one_file_per_partition_and_the_same_rows(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = grown(lake)
    assert len(files(lake)) == 5
    report = compact(lake)
    assert (report.files, report.files_now, report.duplicates, report.rows) == (5, 2, 0, 400)
    assert len(files(lake)) == 2
    assert by_row(stored(lake)).equals(data)
    assert deltalake.DeltaTable(str(lake / "telemetry")).partitions()[0]["site"] == SITE
    assert compact(lake).files == 0
    assert convert([FakeRecording("c1", data)], lake).files == 0


def test_the_versions_before_are_still_there(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    grown(lake)
    before = Table(lake, "telemetry").version
    compact(lake)
    assert Table(lake, "telemetry", version=before).rows() == 400
    assert all(path.is_file() for path in Table(lake, "telemetry", version=before).files())


def test_duplicates_over_runs_are_removed_and_counted(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = telemetry("c1", 0, 50)
    convert([FakeRecording("c1", data)], lake)
    convert([FakeRecording("c2", telemetry("c2", 0, 60))], lake)
    report = compact(lake)
    assert (report.duplicates, stored(lake).num_rows) == (50, 60)
    table = Table(lake, "telemetry")
    assert [table.done(layout.DUPLICATES_OF + name) for name in ("c1", "c2")] == [0, 50]
    assert [table.done(layout.ROWS_OF + name) for name in ("c1", "c2")] == [50, 60]
    assert compact(lake).files == 0


def test_a_single_file_that_repeats_rows_is_rewritten(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    convert([FakeRecording("c1", telemetry("c1", 0, 50)), FakeRecording("c2", telemetry("c2", 0, 50))], lake)
    assert len(files(lake)) == 1
    assert compaction.plan(lake) == {"telemetry": 1}
    assert compact(lake).duplicates == 50
    assert compaction.plan(lake) == {}


def test_large_partitions_are_compacted_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omptool.lake.runs.WAITING_ROWS", 64)
    monkeypatch.setattr("omptool.lake.runs.MERGE_ROWS", 64)
    monkeypatch.setattr("omptool.lake.runs.RUN_BATCH", 8)
    monkeypatch.setattr(compaction, "COMMIT_ROWS", 100)
    lake = tmp_path / "lake"
    data = grown(lake)
    compact(lake)
    assert by_row(stored(lake)).equals(data)


def test_a_damaged_file_stops_it_and_the_lake_is_as_it_was(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    grown(lake)
    victim = sorted(files(lake))[0]
    victim.write_bytes(victim.read_bytes()[:-20])
    version = Table(lake, "telemetry").version
    with pytest.raises(LakeError, match=r"cannot read .*parquet"):
        compact(lake)
    assert Table(lake, "telemetry").version == version
    assert not (lake / layout.STAGING).exists()


def test_maintenance_waits_for_a_writer(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    grown(lake)
    with local.lock(lake / layout.LOCK, "lake"):
        for work in (compact, lambda at: remodel(at, PlantModel.parse("")), lambda at: vacuumed(at, NOW)):
            with pytest.raises(Busy):
                work(lake)


def vacuumed(lake: Path, keep: timedelta) -> int:
    return vacuum(lake, keep=keep, now=datetime.now(UTC) + timedelta(seconds=2)).files


def test_vacuum_removes_what_no_version_needs(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = grown(lake)
    compact(lake)
    assert vacuumed(lake, timedelta(days=7)) == 0
    assert vacuum(lake, keep=NOW, now=datetime.now(UTC) + timedelta(seconds=2), dry_run=True).files == 5
    assert vacuumed(lake, NOW) == 5
    assert not loose_files(lake)
    assert by_row(stored(lake)).equals(data)
    assert vacuumed(lake, NOW) == 0


def test_a_version_that_was_vacuumed_is_said_to_be(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    grown(lake)
    before = Table(lake, "telemetry").version
    compact(lake)
    assert len(LakeSource(lake, version=before).views()["telemetry"].paths) == 5  # type: ignore[union-attr]
    vacuumed(lake, NOW)
    with pytest.raises(LakeError, match=f"version {before} of .* has lost 5 of its 5 files") as caught:
        LakeSource(lake, version=before)
    assert "newest" in caught.value.hint


def test_vacuum_keeps_what_a_young_version_had(tmp_path: Path) -> None:
    """Old files, removed a moment ago: whoever opened the lake before still reads them."""
    import os

    lake = tmp_path / "lake"
    grown(lake)
    for path in files(lake):
        os.utime(path, (0, 0))
    compact(lake)
    assert vacuumed(lake, timedelta(minutes=10)) == 0


def test_vacuum_removes_files_of_nobody_and_touches_nothing_else(tmp_path: Path) -> None:
    import os

    lake = tmp_path / "lake"
    grown(lake)
    left = lake / "telemetry" / "site=x" / "part-lost.parquet"
    left.parent.mkdir()
    mine, secret = lake / "telemetry" / "notes.txt", tmp_path / "secret.parquet"
    for path in (left, mine, secret):
        path.write_text("x")
        os.utime(path, (0, 0))
    (lake / "telemetry" / "link.parquet").symlink_to(secret)
    assert vacuumed(lake, timedelta(days=1)) == 1
    assert not left.parent.exists()
    assert mine.exists()
    assert secret.exists()
    with pytest.raises(UsageError, match="at most 30d"):
        vacuumed(lake, timedelta(days=31))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("", '[[machine]]\npath = "Line/*"\nsite = "007"\nline = "L1"\n'),
        ('[[machine]]\npath = "Line/*"\nsite = "007"\n', 'site = "Werk Ü/2"\n'),
        ('[[machine]]\npath = "Line/Press1"\nname = "P one"\n', '[[machine]]\npath = "Line"\nname = "all"\n'),
    ],
)
def test_a_remodelled_lake_is_the_lake_of_the_new_model(tmp_path: Path, first: str, second: str) -> None:
    old, new = PlantModel.parse(first), PlantModel.parse(second)
    path = capture(tmp_path / "a.omcap", 60)
    convert([CaptureSource(path, plant=old)], tmp_path / "lake", plant=old)
    convert([CaptureSource(path, plant=new)], tmp_path / "fresh", plant=new)
    assert remodel(tmp_path / "lake", new).files > 0
    for view in ("telemetry", "nodes", "events"):
        key = "seq" if view != "nodes" else "node_id"
        found, wanted = (stored(tmp_path / name, view).sort_by(key) for name in ("lake", "fresh"))
        assert found.equals(wanted)
    kept = stored_plant(tmp_path / "lake")
    assert kept is not None
    assert kept.digest == new.digest
    again = remodel(tmp_path / "lake", new)
    assert (again.files, again.rows, again.nodes) == (0, 0, 0)


def test_a_remodelled_lake_goes_on(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.omcap", site=None)
    recording.grow(30)
    lake, model = tmp_path / "lake", PlantModel.parse('[[machine]]\npath = "Line/*"\nsite = "007"\n')
    convert([CaptureSource(recording.path)], lake)
    remodel(lake, model)
    recording.grow(30)
    report = convert([CaptureSource(recording.path, plant=model)], lake, plant=model)
    recording.close()
    assert (report.rows, report.plant_changed) == (30, False)
    assert set(stored(lake)["site"].to_pylist()) == {"007"}
    assert compact(lake).files == 2


def test_rows_of_which_nobody_says_anything_stay_where_the_import_put_them(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    convert([FakeRecording("c1", telemetry("c1", 0, 50))], lake)
    assert remodel(lake, PlantModel.parse("")).files == 0
    ruled = PlantModel.parse('[[machine]]\npath = "Line/Press1"\nsite = "007"\nname = "P"\n')
    assert remodel(lake, ruled).nodes == 2
    found = {(row["site"], row["machine"], row["tag"]) for row in stored(lake).to_pylist()}
    other = {("plant", f"Press{n // 2}", f"Tag{n}") for n in (0, 1, 4)}
    assert found == other | {("007", "P", "Tag2"), ("007", "P", "Tag3")}


def test_an_unreadable_commit_keeps_every_file(tmp_path: Path) -> None:
    """It may have removed files that a reader still needs."""
    lake = tmp_path / "lake"
    grown(lake)
    compact(lake)
    before = set(lake.rglob("*.parquet"))
    commit = max((lake / "telemetry" / "_delta_log").glob("*.json"))
    for damaged in (b"\xff" + commit.read_bytes(), b"[1]\n"):
        with pytest.raises(LakeError, match=r"\.json"):
            log.removed_since(write(commit, damaged), datetime.now(UTC) - timedelta(days=1))
        with pytest.raises(LakeError):
            vacuum(lake, keep=NOW, now=datetime.now(UTC) + timedelta(days=1))
    assert set(lake.rglob("*.parquet")) == before


def write(commit: Path, data: bytes) -> Path:
    commit.write_bytes(data)
    return commit.parent.parent
