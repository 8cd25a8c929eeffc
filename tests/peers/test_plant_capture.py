"""The odd plant recorded: every value comes back bit for bit, through the capture, the lake, a query and a replay."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omptool.capture.reader import Capture
from omptool.replay.variants import variants
from tests.conftest import clean_environment
from tests.peers.changing import CHANGING, changes, status_of, tick_of
from tests.peers.plants import Plant, Truth
from tests.peers.rebuild import EPOCH_TICKS, source_time, variant_of


@dataclass(frozen=True)
class Recording:
    """A capture of the odd plant and what was made of it."""

    path: Path
    said: dict[str, Any]

    def omptool(self, *arguments: object) -> str:
        """What a command says on stdout, with the folder of the capture as the current one."""
        command = [sys.executable, "-m", "omptool", *map(str, arguments)]
        done = subprocess.run(
            command, cwd=self.path.parent, env=clean_environment(self.path.parent), capture_output=True, timeout=200
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


@pytest.fixture(scope="module")
def recording(plant: Plant, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    path = tmp_path_factory.mktemp("recording") / "x.omcap"
    first = Recording(path, {})
    said = first.omptool("capture", plant.url, "-o", path.name, "--for", "3s", "--publishing-interval", "200ms")
    return Recording(path, json.loads(said.splitlines()[-1]))


@pytest.fixture(scope="module")
def lake(recording: Recording) -> str:
    recording.omptool("convert", "x.omcap", "-o", "lake")
    return "lake"


def segment_rows(path: Path) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """NodeId, row (times in Unix nanoseconds) and exact Variant of every row, in the order received."""
    capture = Capture.open(path)
    node_ids = {entry.handle: entry.node.node_id for entry in capture.nodes() if entry.handle}
    for _, batch in capture.batches():
        for name in ("source_time", "server_time", "receive_time"):
            at = batch.schema.get_field_index(name)
            batch = batch.set_column(at, name, batch.column(name).cast(pa.int64()))
        for row, variant in zip(batch.to_pylist(), variants(batch), strict=True):
            yield node_ids[row["node"]], row, variant


def recorded(truths: list[Truth], found: dict[str, set[bytes]]) -> None:
    """Each node was recorded, and never another value than its own."""
    assert {truth.path: found.get(truth.node_id) for truth in truths} == {t.path: {t.variant} for t in truths}


def test_nothing_is_missing(plant: Plant, recording: Recording) -> None:
    assert (recording.said["nodes"], recording.said["gaps"]) == (
        len(plant.values) + len(plant.typed) + len(plant.names) + len(CHANGING),
        0,
    )
    verdicts = [json.loads(line) for line in recording.omptool("verify", "x.omcap").splitlines()]
    assert {row["verdict"] for row in verdicts} <= {"complete", "sampled"}


def test_the_capture_holds_every_value_bit_for_bit(plant: Plant, recording: Recording) -> None:
    found = defaultdict(set)
    codes = {}
    for node_id, row, variant in segment_rows(recording.path):
        found[node_id].add(variant)
        codes[node_id] = row["status"]
    recorded([*plant.values, *plant.typed], found)
    assert {truth.path: codes[truth.node_id] for truth in plant.values} == {t.path: t.status for t in plant.values}


def ticks_by_name(plant: Plant, rows: Iterator[tuple[str, int, int, bytes]]) -> dict[str, list[int]]:
    """k of each changing value in order, after value and status were held against the schedule."""
    ticks = defaultdict(list)
    for node_id, source_ticks, code, variant in rows:
        name = node_id.removeprefix("nsu=urn:test:plant;s=Changing.")
        if name in CHANGING:
            k = tick_of(source_ticks, plant.period_ms)
            assert (variant, code) == (CHANGING[name](k), status_of(k))
            ticks[name].append(k)
    return ticks


def test_every_change_is_there_and_right(plant: Plant, recording: Recording) -> None:
    rows = (
        (node_id, (row["source_time"] or 0) // 100 + EPOCH_TICKS, row["status"], variant)
        for node_id, row, variant in segment_rows(recording.path)
    )
    ticks = ticks_by_name(plant, rows)
    assert ticks.keys() == CHANGING.keys()
    for name, found in ticks.items():
        assert found == changes(name, found[0], found[-1]) and len(found) > 20, name


@pytest.mark.parametrize("via", ["cat", "query capture", "query lake"])
def test_the_columns_of_telemetry_hold_every_value(plant: Plant, recording: Recording, lake: str, via: str) -> None:
    target = recording.path.parent / f"{via}.parquet"
    if via == "cat":
        recording.omptool("cat", "x.omcap", "-o", target.name)
    else:
        source = lake if via == "query lake" else "x.omcap"
        recording.omptool("query", "from telemetry order by seq", "--on", source, "-o", target.name)
    rows = pq.read_table(target).to_pylist()
    assert [row["seq"] for row in rows] == list(range(1, recording.said["rows"] + 1))
    typed = {truth.node_id for truth in plant.typed}
    found = defaultdict(set)
    for row in rows:
        if row["node_id"] not in typed:
            found[row["node_id"]].add(variant_of(row))
    recorded(plant.values, found)
    stamps = {row["node_id"]: (row["time"], row["time_ns"]) for row in rows if row["time_basis"] == "source"}
    for truth in plant.values:
        if expected := source_time(truth.source_ticks):
            assert stamps[truth.node_id] == expected, truth.path
    changing = (
        (row["node_id"], round(row["time"].timestamp() * 1000) * 10_000 + EPOCH_TICKS, row["status"], variant_of(row))
        for row in rows
        if row["node_id"].startswith("nsu=urn:test:plant;s=Changing.")
    )
    ticks_by_name(plant, changing)


def test_a_lake_keeps_the_bytes_of_structures(plant: Plant, recording: Recording, lake: str) -> None:
    recording.omptool("query", "from telemetry where raw is not null", "--on", lake, "-o", "raw.arrow")
    rows = pa.ipc.open_stream((recording.path.parent / "raw.arrow").read_bytes()).read_all().to_pylist()
    raws = {row["node_id"]: row["raw"] for row in rows}
    structures = [truth for truth in plant.typed if truth.variant[0] & 0x3F == 22]
    assert {t.path: raws[t.node_id] for t in structures} == {t.path: t.variant for t in structures}


def test_names_of_the_lake_are_those_of_the_plant(plant: Plant, recording: Recording, lake: str) -> None:
    recording.omptool("query", "select distinct node_id, path, value from telemetry", "--on", lake, "-o", "names.jsonl")
    rows = [json.loads(line) for line in (recording.path.parent / "names.jsonl").read_text().split("\n") if line]
    found = {(row["node_id"], row["path"], row["value"]) for row in rows if "names" in row["node_id"]}
    assert found == {(truth.node_id, truth.path, truth.plain) for truth in plant.names}


def test_a_replay_into_a_capture_changes_no_byte(recording: Recording) -> None:
    recording.omptool("replay", "x.omcap", "--to", "again.omcap")

    def content(path: Path) -> Counter[tuple[Any, ...]]:
        columns = ("source_time", "server_time", "raw_time", "status", "vtype")
        return Counter((i, v, *(row[name] for name in columns)) for i, row, v in segment_rows(path))

    assert content(recording.path.parent / "again.omcap") == content(recording.path)


@contextlib.contextmanager
def replaying(recording: Recording) -> Iterator[str]:
    """The capture as a server, all its rows given out; its address."""
    home = recording.path.parent
    command = [sys.executable, "-m", "omptool", "replay", "x.omcap", "--to", "opc.tcp://127.0.0.1:0", "--rate", "max"]
    process = subprocess.Popen(
        command, cwd=home, env=clean_environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        hello = process.stdout.readline()
        assert hello, process.stderr.read()
        yield json.loads(hello)["url"]
    finally:
        process.kill()
        process.communicate()


def test_a_replay_as_a_server_changes_no_byte(plant: Plant, recording: Recording, invoke, tmp_path: Path) -> None:
    """Recorded from the plant, served, and recorded again: types, names and values of the second are the first's."""
    with replaying(recording) as url:
        options = ("--for", "1s", "--publishing-interval", "100ms", "--select", "Plant/**")
        result = invoke("capture", url, "-o", "second.omcap", *options, cwd=recording.path.parent)
        assert result.code == 0, result.err
        still = [truth for truth in plant.values if truth.source_ticks is not None]
        read = invoke(
            "read", url, *(truth.node_id for truth in still), "--timeout", "60", "--format", "arrow", "-o", "r"
        )
        assert read.code == 0, read.err
        named = invoke("read", url, *(truth.node_id for truth in plant.names), "--timeout", "60")
    rows = pa.ipc.open_stream((tmp_path / "r").read_bytes()).read_all().to_pylist()
    assert {row["path"]: variant_of(row) for row in rows} == {truth.path: truth.variant for truth in still}
    found = defaultdict(set)
    for node_id, _, variant in segment_rows(recording.path.parent / "second.omcap"):
        found[node_id].add(variant)
    recorded([*plant.values, *plant.typed], found)
    assert {(row["node_id"], row["path"], row["value"]) for row in named.rows} == {
        (truth.node_id, truth.path, truth.plain) for truth in plant.names
    }
