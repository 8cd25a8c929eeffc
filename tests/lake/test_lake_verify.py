"""A lake proved: every byte, every row, every capture; and captures deleted only when that was done."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from omptool.lake import discharge, wide
from omptool.lake.compact import compact
from omptool.lake.convert import convert
from omptool.lake.table import Table
from omptool.lake.verify import Verified, verify
from omptool.model.plant import PlantModel
from omptool.sources.capture import CaptureSource
from tests.conftest import Result
from tests.lake.recordings import FakeRecording, telemetry
from tests.sources.captures import Recording, capture

Run = Callable[..., Result]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake of two captures, the second of which repeats the first."""
    for name, rows in (("a", 60), ("b", 90)):
        convert([CaptureSource(capture(tmp_path / f"{name}.omcap", rows))], tmp_path / "lake")
    return tmp_path / "lake"


def problems(found: Verified) -> list[str]:
    return [finding.problem for table in found.tables for finding in table.findings]


def victim(lake: Path) -> Path:
    return sorted(Table(lake, "telemetry").files())[0]


def sources(lake: Path) -> list[CaptureSource]:
    return [CaptureSource(lake.parent / f"{name}.omcap") for name in "ab"]


def test_a_sound_lake_is_whole(lake: Path) -> None:
    found = verify(lake, sources(lake))
    assert found.is_whole
    assert sorted((mine.rows, mine.removed, mine.added) for mine in found.captures) == [(60, 0, 60), (90, 0, 90)]
    assert all(mine.compared is not None and mine.compared.is_whole for mine in found.captures)
    assert [table.unstated for table in found.tables] == [0] * 6


def test_derived_tables_are_checked_too(lake: Path) -> None:
    wide.make(lake, timedelta(seconds=10))
    assert [table.view for table in verify(lake).tables][-1] == "wide_10s"
    Table(lake, "wide_10s").files()[0].unlink()
    assert problems(verify(lake)) == ["is missing"]
    assert {mine.problem for mine in verify(lake).captures} == {""}


def test_compaction_and_another_model_change_no_row(lake: Path) -> None:
    from omptool.lake.remodel import remodel

    remodel(lake, PlantModel.parse('[[machine]]\npath = "Line/*"\nsite = "007"\n'))
    assert compact(lake).duplicates == 60
    found = verify(lake, sources(lake))
    assert found.is_whole
    assert sum(mine.rows for mine in found.captures) == 90
    assert sum(mine.removed for mine in found.captures) == 60


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "the log says"),
        (lambda path: path.write_bytes(path.read_bytes()[:99] + b"\xff" + path.read_bytes()[100:]), "checksum"),
        (lambda path: path.write_bytes(b"x" * path.stat().st_size), "checksum"),
    ],
)
def test_a_damaged_file_is_named(lake: Path, harm: Callable[[Path], object], problem: str) -> None:
    harm(victim(lake))
    found = verify(lake)
    assert not found.is_whole
    assert problem in problems(found)[0]
    assert [mine.problem for mine in found.captures].count("") == 1


def test_a_file_without_a_checksum_is_read(lake: Path) -> None:
    """One that somebody else wrote, or an early omptool: named anew here, in the log too."""
    path = victim(lake)
    log = next(p for p in sorted((lake / "telemetry" / "_delta_log").glob("*.json")) if path.stem in p.read_text())
    plain = path.with_name("part-0.parquet")
    path.rename(plain)
    log.write_text(log.read_text().replace(path.name, plain.name))
    found = verify(lake)
    assert found.is_whole
    assert sum(table.unstated for table in found.tables) == 1
    plain.write_bytes(b"x" * plain.stat().st_size)
    assert "cannot read" in problems(verify(lake))[0]


def test_rows_that_are_not_those_of_the_capture(tmp_path: Path) -> None:
    lake, data = tmp_path / "lake", telemetry("c1", 0, 50)
    convert([FakeRecording("c1", data)], lake)
    assert verify(lake, [FakeRecording("c1", data)]).is_whole
    for changed in ("value", "time", "node_id", "status"):
        column = data[changed]
        other = data.set_column(data.schema.get_field_index(changed), data.schema.field(changed), column.take(
            list(reversed(range(50)))
        ))  # fmt: skip
        if other.equals(data):
            continue
        (mine,) = verify(lake, [FakeRecording("c1", other)]).captures
        assert mine.problem == "rows differ from those of c1.omcap"
    (mine,) = verify(lake, [FakeRecording("c1", telemetry("c1", 0, 49))]).captures
    assert mine.problem == "c1.omcap has 49 rows up to where it was taken in"
    (mine,) = verify(lake, [FakeRecording("c1", telemetry("c1", 0, 60))]).captures
    assert (mine.problem, mine.compared and mine.compared.more) == ("", 10)


def test_verify_as_a_user_types_it(invoke: Run, lake: Path) -> None:
    sound = invoke("verify", "lake", "--against", "a.omcap")
    assert (sound.code, {row["verdict"] for row in sound.rows}) == (0, {"sound", "whole"})
    assert "lake is sound" in sound.err
    victim(lake).unlink()
    damaged = invoke("verify", "lake")
    assert damaged.code == 1
    assert [row["detail"] for row in damaged.rows if row["kind"] == "file"] == ["is missing"]
    assert "lake is damaged: 1 damaged file; rows of" in damaged.err


def test_info_as_a_user_types_it(invoke: Run, lake: Path) -> None:
    row = next(row for row in invoke("info", "lake").rows if row["view"] == "telemetry")
    assert (row["rows"], row["files"], row["nodes"], row["gaps"]) == (150, 2, 6, 0)
    assert (row["first_time"], row["last_time"]) == ("2026-01-01T00:00:01Z", "2026-01-01T00:01:30Z")
    old = next(row for row in invoke("info", f"lake@{row['version'] - 1}").rows if row["view"] == "telemetry")
    assert old["rows"] == 60


def test_a_capture_is_deleted_when_the_lake_has_it(invoke: Run, tmp_path: Path) -> None:
    for name in "ab":
        capture(tmp_path / f"{name}.omcap", 60, gaps=1)
    (tmp_path / "b.omcap" / "notes.txt").write_text("mine")
    done = invoke("convert", "a.omcap", "b.omcap", "a.omcap", "-o", "lake", "--delete-after", "--compact")
    assert done.code == 0
    assert "deleted a.omcap: 60 rows, each found again in lake" in done.err
    assert not (tmp_path / "a.omcap").exists()
    assert [entry.name for entry in (tmp_path / "b.omcap").iterdir()] == ["notes.txt"]
    assert invoke("query", "select count(*) as n from telemetry", "--on", "lake").rows == [{"n": 60}]


def test_a_running_or_damaged_capture_is_kept(invoke: Run, tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.omcap")
    recording.grow(40)
    running = invoke("convert", "a.omcap", "-o", "lake", "--live", "--delete-after")
    assert (running.code, "kept a.omcap: it is still being written" in running.err) == (0, True)
    recording.close()
    segment = next((tmp_path / "a.omcap").glob("seg-*"))
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 0xFF
    segment.write_bytes(bytes(data))
    damaged = invoke("convert", "a.omcap", "-o", "lake", "--delete-after")
    assert (damaged.code, "kept a.omcap: it is damaged" in damaged.err) == (3, True)
    assert segment.exists()


def test_what_is_not_in_the_lake_is_kept(tmp_path: Path) -> None:
    path, lake = capture(tmp_path / "a.omcap", 40), tmp_path / "lake"
    convert([CaptureSource(path)], lake)
    other = tmp_path / "other"
    convert([CaptureSource(capture(tmp_path / "b.omcap", 40))], other)
    assert discharge.discharge(path, CaptureSource(path), other) == "rows were added to it meanwhile"
    before = sorted(path.iterdir())
    file = victim(lake)
    shutil.copy(victim(other), file)
    assert discharge.discharge(path, CaptureSource(path), lake) == "the rows in the lake are not the same"
    assert sorted(path.iterdir()) == before
    (tmp_path / "link").symlink_to(path)
    assert discharge.discharge(tmp_path / "link", CaptureSource(path), lake) == "it is a link"
