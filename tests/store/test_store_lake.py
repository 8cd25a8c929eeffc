"""A lake in a store is the lake on a disk: the same rows, versions and upkeep, each row once however bad the link."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from omptool.errors import Busy, OmptoolError
from omptool.lake import layout
from omptool.lake.compact import compact, read
from omptool.lake.convert import convert
from omptool.lake.table import Table
from omptool.lake.vacuum import vacuum
from omptool.lake.verify import verify
from omptool.lake.wide import make
from omptool.model.contracts import VIEWS
from omptool.store import location
from omptool.store.location import Location
from omptool.store.remote import Remote
from tests.lake.recordings import FakeRecording, gap, telemetry
from tests.store.emulators import Store

At = Callable[[str], Remote]
ROWS = 600


def recording(name: str = "c1", rows: int = ROWS, site: str = "Halle 2") -> FakeRecording:
    data = telemetry(name, 0, rows, nodes=20, step_us=150_000_000, site=site)
    return FakeRecording(name, data, gap_rows=[gap(name, 5)])


def contents(lake: Location) -> dict[str, pa.Table]:
    """What every table holds, in an order of its own."""
    found = {}
    for view in VIEWS:
        parts = [part for entry in Table(lake, view).entries() for part in read(entry.path, view)]
        if parts:
            table = pa.concat_tables([part.cast(layout.file_schema(view)) for part in parts])
            keys = [name for name in ("capture", "seq", "node_id") if name in table.schema.names]
            found[view] = table.sort_by([(key, "ascending") for key in keys]).combine_chunks()
    return found


def loose(lake: Remote) -> set[str]:
    """Data files that no table names, and what lies in the staging place."""
    named = {str(path) for view in layout.tables(lake) for path in Table(lake, view).files()}
    there = {str(found.where) for view in layout.tables(lake) for found in location.walk(lake / view)}
    staged = {str(child) for child in (lake / layout.STAGING).iterdir()}
    return (there - named) | staged


@pytest.mark.parametrize("store", ["s3", "azure"], indirect=True)
def test_it_is_the_lake_on_a_disk(store: Store, at: At, tmp_path: Path) -> None:
    lake, disk = at("a lake"), tmp_path / "lake"
    for place in (disk, lake):
        convert([recording()], place, run="1" * 16)
    assert contents(lake) == contents(disk)
    assert [entry.name for entry in Table(lake, "telemetry").entries()] == [
        entry.name for entry in Table(disk, "telemetry").entries()
    ]
    assert convert([recording()], lake).rows == 0
    for place in (disk, lake):
        assert convert([recording(rows=ROWS + 100), recording("c2")], place).rows == ROWS + 100
        assert compact(place).files_now == 3
        assert make(place, timedelta(minutes=10)).rows > 0
    assert contents(lake) == contents(disk)
    assert sum(
        part.num_rows for path in Table(lake, "telemetry", version=1).files() for part in read(path, "telemetry")
    )
    assert Table(lake, "telemetry", version=1).rows() == ROWS
    assert verify(lake, [recording("c2")]).is_whole
    found = vacuum(lake, keep=timedelta(0), now=datetime.now(UTC) + timedelta(minutes=1))
    assert found.files > 0
    assert loose(lake) == set()
    assert contents(lake) == contents(disk)


def test_bursts_of_503_cost_time_and_nothing_else(store: Store, at: At) -> None:
    lake = at("lake")
    store.weather.rule = lambda _method, _path, count: "503 SlowDown" if count % 7 in (3, 4) else ""
    convert([recording()], lake)
    assert Table(lake, "telemetry").rows() == ROWS
    store.weather.clear()
    assert verify(lake, [recording()]).is_whole


def test_a_slow_link_is_waited_for(store: Store, at: At) -> None:
    lake = at("lake")
    store.weather.bytes_per_s = 100_000
    convert([recording()], lake)
    assert verify(lake, [recording()]).is_whole


def test_an_upload_that_breaks_off_is_begun_again(store: Store, at: At) -> None:
    lake, cut = at("lake"), []

    def rule(method: str, path: str, _count: int) -> str:
        if method == "PUT" and ".parquet" in path and len(cut) < 3:
            cut.append(path)
            return "cut"
        return ""

    store.weather.rule = rule
    convert([recording()], lake)
    assert len(cut) == 3
    assert verify(lake, [recording()]).is_whole


def test_an_upload_that_never_ends_leaves_the_lake_as_it_was(store: Store, at: At) -> None:
    lake = at("lake")
    convert([recording()], lake)
    before = contents(lake)["telemetry"]
    store.weather.rule = lambda method, path, _: (
        "403 AccessDenied" if method == "PUT" and "telemetry/site" in path else ""
    )
    with pytest.raises(OmptoolError) as caught:
        convert([recording("c2")], lake)
    assert "does not let us in (AccessDenied)" in caught.value.message
    store.weather.clear()
    assert contents(lake)["telemetry"] == before
    convert([recording("c2")], lake)
    assert Table(lake, "telemetry").rows() == 2 * ROWS
    assert loose(lake) == set()


@pytest.mark.parametrize("view", ["gaps", "journal", "telemetry"])
def test_an_answer_to_a_commit_may_get_lost(store: Store, at: At, view: str) -> None:
    lake, lost = at("lake"), []

    def rule(method: str, path: str, _count: int) -> str:
        if method == "PUT" and f"{view}/_delta_log/00000000000000000001.json" in path and not lost:
            lost.append(path)
            return "lost"
        return ""

    store.weather.rule = rule
    try:
        convert([recording()], lake)
    except OmptoolError as error:
        assert "run the same command again" in error.hint
        convert([recording()], lake)
    assert lost
    convert([recording()], lake)
    assert verify(lake, [recording()]).is_whole
    assert Table(lake, "telemetry").rows() == ROWS
    assert Table(lake, "gaps").rows() == 1
    assert loose(lake) == set()


def test_two_writers_at_once_take_turns(store: Store, at: At) -> None:
    lake, busy, failed = at("lake"), [], []

    def write(name: str) -> None:
        while True:
            try:
                convert([recording(name)], lake)
                return
            except Busy as error:
                busy.append(error)
                threading.Event().wait(0.05)
            except OmptoolError as error:
                failed.append(error)
                return

    threads = [threading.Thread(target=write, args=(f"c{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert Table(lake, "telemetry").rows() == 3 * ROWS
    assert verify(lake, [recording(f"c{number}") for number in range(3)]).is_whole
    assert loose(lake) == set()
