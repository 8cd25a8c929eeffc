"""The samples are what the script makes, byte for byte, and the analyses find in them what the simulator planned."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from omptool.analytics import catalog
from omptool.analytics.run import Request, analyse
from omptool.capture.reader import Capture
from omptool.capture.verify import verify
from omptool.demo import sample_shift
from omptool.demo.plant import SECOND
from omptool.demo.sample_plans import PRESS_LINE as RECORDED
from omptool.demo.sample_plans import SEED
from omptool.demo.samples import folder
from omptool.demo.schedule import Plant
from omptool.demo.truth import time_text
from omptool.sources.capture import CaptureSource
from omptool.sources.lake import LakeSource
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
from tests.conftest import ROOT, Result, clean_environment

PRESS_LINE = folder() / "press-line"
CAPTURE, LAKE = PRESS_LINE / "press-line.omcap", PRESS_LINE / "lake"
SHIFT = tuple(datetime.fromisoformat(time_text(ns)) for ns in (RECORDED.start, RECORDED.end))


def test_the_script_makes_the_same_bytes_again(tmp_path: Path) -> None:
    """In another process and another folder, with another seed of Python's hash tables."""
    subprocess.run(
        [sys.executable, "-m", "omptool.demo.make_samples", str(tmp_path / "made")],
        check=True,
        cwd=tmp_path,
        env=clean_environment(tmp_path, {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}),
        timeout=250,
    )
    made, kept = _bytes(tmp_path / "made"), _bytes(folder())
    assert made.keys() == {name for name in kept if not name.endswith("README.md")}
    assert [name for name in made if made[name] != kept[name]] == []


def _bytes(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_nothing_in_it_tells_where_it_was_made() -> None:
    names = [str(ROOT), str(Path.home()), socket.gethostname(), os.environ.get("USER", "")]
    names = [name for name in names if len(name) > 4]
    found = {(name, path) for path, data in _bytes(folder()).items() for name in names if name.encode() in data}
    assert found == set()
    assert b"file://" not in b"".join(path.read_bytes() for path in LAKE.rglob("*.json"))


def test_it_is_small() -> None:
    assert sum(map(len, _bytes(folder()).values())) < 12_000_000


def test_the_capture_proves_that_the_connection_was_lost_for_minutes() -> None:
    found = verify(Capture.open(CAPTURE))
    assert found.damage == () and found.has_windows and not found.has_unexplained
    windows = [window for verdict in found.verdicts for window in verdict.windows]
    assert [(w["reason"], w["start_time"], w["end_time"]) for w in windows] == [
        ("connection_lost", *(datetime.fromisoformat(time_text(ns)) for ns in RECORDED.gaps[0]))
    ]
    journal = CaptureSource(CAPTURE).table("journal").to_pylist()
    kinds = [row["kind"] for row in journal]
    session = ["connect", "nodes", "subscribe", "revised"]
    assert kinds == ["start", *session, "lost", *session, "stop"]
    revised = json.loads(next(row["detail"] for row in journal if row["kind"] == "revised"))["items"]
    assert {item["node_id"].rpartition(".")[2] for item in revised if item["sampled"]} == set(RECORDED.slowed)


@pytest.fixture(scope="module")
def rows() -> Any:
    """The telemetry of the lake, as DuckDB reads its files without omptool."""
    files = [str(path) for path in (LAKE / "telemetry").rglob("*.parquet")]
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection.read_parquet(files, hive_partitioning=True)


def test_the_rows_are_the_schedule_and_nothing_else(rows: Any) -> None:
    """A change of a signal that is not sampled more slowly is there with its time and value, unless nobody listened."""
    plant = Plant(SEED)
    tags = {"TemperatureOil", "TemperatureSeal", "GoodCount", "State", "DoorClosed"}
    found = [tag.node_id for tag in sample_shift.tags(plant, RECORDED) if tag.name in tags]
    (outage,) = RECORDED.outages
    assert len(found) == 3 * 4
    for name in found:
        changes = plant.changes_of(name, RECORDED.capture_start + 1, RECORDED.capture_end + 1)
        arrived = {c for c in changes if not outage.last < c.time_ns <= outage.back}
        arrived |= {plant.value_at(name, start) for start in (RECORDED.capture_start, outage.back)}
        planned = {(c.time_ns // 1000, c.time_ns % 1000): (c.value, c.status) for c in arrived}
        mine = rows.filter(f"node_id = '{name}'").select("epoch_us(time), time_ns, value, status").fetchall()
        assert {(at, ns): (value, status) for at, ns, value, status in mine} == planned, name


def test_the_shift_is_worth_looking_at(rows: Any) -> None:
    def distinct(column: str, condition: str = "true") -> set[str]:
        return {row[0] for row in rows.filter(condition).unique(column).fetchall()}

    states = {"Producing", "Starved", "Blocked", "MicroStop", "Breakdown", "Changeover", "PlannedStop"}
    assert distinct("value_text", "tag = 'State'") == states
    assert distinct("quality") == {"Good", "Uncertain", "Bad"}
    assert distinct("origin") == {"initial", "live"}
    ((spectra, scrapped),) = rows.aggregate("count(value_list), max(value) filter (tag = 'ScrapCount')").fetchall()
    assert spectra > 500 and scrapped > 40


def test_other_tools_open_the_lake() -> None:
    table = DeltaTable(str(LAKE / "telemetry"))
    assert table.version() == 2
    (path,) = table.file_uris()
    read = pq.ParquetFile(LAKE / "telemetry" / Path(path).relative_to(LAKE / "telemetry")).read()
    assert read.num_rows == CaptureSource(CAPTURE).last_seq
    assert {entry["operation"] for entry in table.history()} == {"CREATE TABLE", "SET TBLPROPERTIES", "WRITE"}
    for view in ("nodes", "gaps", "events", "journal"):
        assert DeltaTable(str(LAKE / view)).version() >= 0


SOURCES = {"capture": lambda: CaptureSource(CAPTURE), "lake": lambda: LakeSource(LAKE)}


def _analyse(source: str, name: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    with LocalEngine([Named(SOURCES[source]())]) as engine:
        rows = analyse(engine, catalog.load(name), Request(start=SHIFT[0], end=SHIFT[1])).rows.to_pylist()
    return {tuple(row[key] for key in ("machine", "state", "tag") if key in row): row for row in rows}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", ["oee", "time_in_state", "data_quality"])
def test_the_analysis_gives_the_known_answer(source: str, name: str) -> None:
    found = {key: row for key, row in _analyse(source, name).items() if key[0] != "line1"}  # the server's own nodes
    known = _known(name)
    assert len(found) == len(known)
    for row in known:
        mine = found[tuple(row[key] for key in ("machine", "state", "tag") if key in row)]
        for column, text in row.items():
            if column in ("machine", "state", "tag"):
                continue
            assert mine[column] == pytest.approx(float(text), rel=1e-12, abs=1e-9), (row, column)


def test_parts_and_stops_agree_with_the_rest() -> None:
    oee = {row["machine"]: row for row in _known("oee")}
    stopped = {(row["machine"], row["state"]): float(row["seconds"]) for row in _known("time_in_state")}
    for machine, row in oee.items():
        parts = [each for each in _known("parts") if each["machine"] == machine]
        assert sum(int(each["good"]) for each in parts) == int(row["gq"])
        ideal = sum(
            float(each["ideal_cycle_s"]) * sum(int(each[kind]) for kind in ("good", "scrap", "rework"))
            for each in parts
        )
        assert ideal == pytest.approx(float(row["ideal_s"]))
        for state in ("Breakdown", "Changeover", "PlannedStop"):
            stops = [r for r in _known("stops") if (r["machine"], r["state"]) == (machine, state)]
            assert sum(float(r["seconds"]) for r in stops) == pytest.approx(stopped[machine, state]), state


def _known(name: str) -> list[dict[str, str]]:
    with (PRESS_LINE / "answers" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_stops_are_found_by_their_states(rows: Any) -> None:
    """A breakdown of the answers begins with a row of the state; to the 100 ns."""
    begins = rows.filter("tag = 'State' and value_text = 'Breakdown'")
    found = {
        (machine, at * 1000 + ns) for machine, at, ns in begins.select("machine, epoch_us(time), time_ns").fetchall()
    }
    planned = {(row["machine"], _ns(row["start"])) for row in _known("stops") if row["state"] == "Breakdown"}
    assert planned == found and len(planned) == 7


def _ns(text: str) -> int:
    head, _, rest = text.rstrip("Z").partition(".")
    return int(datetime.fromisoformat(f"{head}+00:00").timestamp()) * SECOND + int(rest.ljust(9, "0"))


def test_messages_are_numbered_without_a_hole() -> None:
    capture = Capture.open(CAPTURE)
    seen: dict[int, set[int]] = {}
    for _, batch in capture.batches():
        for sub in pc.unique(batch.column("sub")).to_pylist():
            of_sub = batch.filter(pc.equal(batch.column("sub"), sub))
            seen.setdefault(sub, set()).update(of_sub.column("sequence").to_pylist())
    assert len(seen) == 2
    assert all(numbers == set(range(1, len(numbers) + 1)) for numbers in seen.values())


def test_it_can_be_played_again(invoke: Callable[..., Result], tmp_path: Path) -> None:
    """Into a capture that says the same; the first one stays as it is."""
    before = _bytes(CAPTURE)
    assert invoke("replay", CAPTURE, "--to", "y.omcap", "--rate", "max").code in (0, 3)
    again = CaptureSource(tmp_path / "y.omcap")
    assert again.last_seq == CaptureSource(CAPTURE).last_seq
    assert [row["reason"] for row in again.table("gaps").to_pylist()] == ["connection_lost"]
    assert _bytes(CAPTURE) == before


def test_it_can_be_played_as_the_server_that_it_was(invoke: Callable[..., Result], tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", "replay", str(CAPTURE), "--to", "opc.tcp://127.0.0.1:0", "--rate", "60"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tmp_path, env=clean_environment(tmp_path),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        hello = json.loads(process.stdout.readline())
        (row,) = invoke("browse", hello["url"], "--select", "**/Press2/State", "--values").rows
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert hello["variables"] == 63
    assert (row["machine"], row["line"], row["site"]) == ("Press2", "Line1", "Riverside")
    assert row["value_text"] in {"PlannedStop", "Producing", "Starved"}


def test_the_lake_is_what_convert_makes_of_the_capture(invoke: Callable[..., Result], tmp_path: Path) -> None:
    plant = str(PRESS_LINE / "plant.toml")
    assert (
        invoke("convert", CAPTURE, "-o", "lake", "--plant", plant).rows[-1]["rows"] == CaptureSource(CAPTURE).last_seq
    )
    names = ("telemetry", "nodes", "gaps", "journal")
    for name in names:
        (mine,), (kept,) = (list((root / name).rglob("*.parquet")) for root in (tmp_path / "lake", LAKE))
        assert mine.read_bytes() == kept.read_bytes(), name
    assert invoke("convert", CAPTURE, "-o", LAKE, "--dry-run").err.startswith("would add 0 rows")
