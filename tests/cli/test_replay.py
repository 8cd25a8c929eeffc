"""`omptool replay`: the same rows again, from a server, on stdout and in a new capture; its ends and its refusals."""

from __future__ import annotations

import contextlib
import json
import math
import re
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from omptool.capture.reader import Capture
from tests.capture import build
from tests.conftest import DemoServer, Result, clean_environment

Invoke = Callable[..., Result]


@contextlib.contextmanager
def replaying(home: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """`omptool replay ARGUMENTS` as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", "replay", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=clean_environment(home),
        cwd=home,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def serving(home: Path, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A replay to a server on a free port, with its address."""
    with replaying(home, *arguments, "--to", "opc.tcp://127.0.0.1:0") as process:
        assert process.stdout is not None and process.stderr is not None
        hello = process.stdout.readline()
        assert hello, process.stderr.read()
        yield process, json.loads(hello)["url"]


def by_node(rows: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Everything a row says but how and when it was received, per node in order."""
    found = defaultdict(list)
    for row in rows:
        left_out = {"receive_time", "capture", "seq", "origin"}
        found[row["server"], row["node_id"]].append({k: v for k, v in row.items() if k not in left_out})
    return found


@pytest.fixture(scope="module")
def delay(demo_server: DemoServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """`--delay` until a client has subscribed: several times what it takes to ask for all it needs."""
    home = tmp_path_factory.mktemp("delay")
    command = [sys.executable, "-m", "omptool", "capture", demo_server.url, "--dry-run"]
    began = time.monotonic()
    subprocess.run(command, cwd=home, env=clean_environment(home), check=True, capture_output=True, timeout=100)
    return f"{math.ceil(3 * (time.monotonic() - began))}s"


@pytest.mark.parametrize("rate", ["max", "20"])
def test_capture_replay_capture_gives_the_same(
    run_cli: Invoke, tmp_path: Path, plant_capture: Path, rate: str, delay: str
) -> None:
    wanted = run_cli("cat", plant_capture).rows
    with serving(tmp_path, plant_capture, "--rate", rate, "--delay", delay) as (process, url):
        done = run_cli("capture", url, "-o", "again.omcap", "--count", len(wanted), "--for", "90s")
        assert done.code == 0, done.err
        assert done.rows[0]["rows"] == len(wanted)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"played {len(wanted):,} rows" in said and "goes on serving the last values" in said
    assert ("late p50" in said) == (rate != "max")
    assert by_node(run_cli("cat", "again.omcap").rows) == by_node(wanted)
    known = {node.node.node_id: node.node for node in Capture.open(plant_capture).nodes() if node.handle}
    for node in Capture.open(tmp_path / "again.omcap").nodes():
        if node.handle:
            before = known[node.node.node_id]
            for name in ("path", "data_type", "unit", "unit_id", "eu_low", "eu_high", "enum_names", "value_rank"):
                assert getattr(node.node, name) == getattr(before, name)


def test_a_few_nodes_keep_their_place(run_cli: Invoke, tmp_path: Path, plant_capture: Path) -> None:
    chosen = ("--select", "**/Press1/State")
    wanted = run_cli("cat", plant_capture, *chosen).rows[0]
    with serving(tmp_path, plant_capture, *chosen, "--rate", "max") as (_, url):
        done = run_cli("capture", url, "-o", "few.omcap", "--count", 1, "--for", "60s")
    assert (done.code, done.rows[0]["nodes"]) == (0, 1), done.err
    places = ("path", "site", "area", "line", "machine", "tag")
    found = run_cli("cat", "few.omcap").rows[0]
    assert {name: found[name] for name in places} == {name: wanted[name] for name in places}
    assert None not in [found[name] for name in places]


def test_stdout_is_what_cat_prints(invoke: Invoke, tmp_path: Path) -> None:
    build.small(tmp_path / "a.omcap")
    done = invoke("replay", "a.omcap", "--to", "stdout")
    assert (done.code, done.out) == (0, invoke("cat", "a.omcap", "--format", "jsonl").out)
    assert re.match(r"played 24 rows in \d+\.\d s", done.err) and "late p50" in done.err
    first = done.rows[0]
    assert (first["time"], first["path"], first["value"], first["status_name"], first["seq"]) == (
        "2026-09-21T14:13:20Z",
        "Line1/T0",
        1,
        "Good",
        1,
    )


def test_window_selection_rounds_and_stamps(invoke: Invoke, tmp_path: Path) -> None:
    build.small(tmp_path / "a.omcap")
    window = ("--start", "2026-09-21T14:13:20.004Z", "--end", "2026-09-21T14:13:20.012Z", "--select", "**/T1")
    done = invoke("replay", "a.omcap", "--to", "stdout", *window, "--loop", "2", "--rate", "max")
    assert [row["value"] for row in done.rows] == [6, 10, 6, 10]
    assert "stamps go back with every round" in done.err
    shifted = invoke(
        "replay", "a.omcap", "--to", "stdout", *window, "--loop", "2", "--rate", "max", "--stamp", "shifted"
    )
    times = [row["time"] for row in shifted.rows]
    assert times == sorted(set(times)) and times[0] > "2026-11"
    assert shifted.err.count("\n") == 1


def test_a_new_capture_is_trimmed_and_knows_what_held_before(invoke: Invoke, tmp_path: Path) -> None:
    build.small(tmp_path / "a.omcap")
    done = invoke("replay", "a.omcap", "--to", "b.omcap", "--start", "2026-09-21T14:13:20.008Z")
    assert done.code == 0, done.err
    assert list(build.values(tmp_path / "b.omcap").values()) == list(range(9, 25))
    carried = [batch for first, batch in Capture.open(tmp_path / "b.omcap").replay_batches() if first == 0]
    assert [value for batch in carried for value in batch["v_f64"].to_pylist()] == [5, 6, 7, 8]
    assert invoke("verify", "b.omcap").code == 0
    again = invoke("replay", "a.omcap", "--to", "b.omcap")
    assert (again.code, "b.omcap exists" in again.err) == (1, True)
    assert invoke("replay", "a.omcap", "--to", "b.omcap", "--force").code == 0
    assert len(build.values(tmp_path / "b.omcap")) == 24


def test_a_torn_capture_plays_what_is_intact(invoke: Invoke, tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap", close=False)
    segment = path / "seg-00000001.arrows"
    segment.write_bytes(segment.read_bytes()[:-100])
    done = invoke("replay", "a.omcap", "--to", "stdout", "--rate", "max")
    assert (done.code, len(done.rows)) == (0, 16)
    assert "may lack values" in done.err
    copied = invoke("replay", "a.omcap", "--to", "b.omcap")
    assert copied.code == 0 and invoke("verify", "b.omcap").code == 3


def test_exit_ends_the_server(tmp_path: Path) -> None:
    build.small(tmp_path / "a.omcap")
    with serving(tmp_path, "a.omcap", "--exit") as (process, _):
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said.startswith("played 24 rows")) == (0, True)


def test_ctrl_c_twice_ends_at_once(tmp_path: Path) -> None:
    build.small(tmp_path / "a.omcap")
    with serving(tmp_path, "a.omcap", "--delay", "1h") as (process, _):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


def test_ctrl_c_leaves_a_whole_capture(run_cli: Invoke, tmp_path: Path) -> None:
    build.small(tmp_path / "a.omcap")
    with replaying(tmp_path, "a.omcap", "--to", "b.omcap", "--delay", "1h") as process:
        while not (tmp_path / "b.omcap" / "capture.json").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, "stopped after 0 rows" in said) == (130, True)
    assert run_cli("info", "b.omcap").rows[0]["state"] == "finished"


def test_a_port_in_use_is_busy(invoke: Invoke, tmp_path: Path) -> None:
    build.small(tmp_path / "a.omcap")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = invoke("replay", "a.omcap", "--to", f"opc.tcp://127.0.0.1:{taken.getsockname()[1]}")
    assert (done.code, done.out, "is in use" in done.err) == (5, "", True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("a.omcap", "--to", "mqtt://broker"), 2, "does not replay to mqtt://broker"),
        (("a.omcap", "--to", "opc.tcp://127.0.0.1"), 2, "names no host and port"),
        (("a.omcap", "--to", "opc.tcp://10.0.0.1:4840"), 2, "can be reached from other computers"),
        (("a.omcap", "--to", "stdout", "--rate", "fast"), 2, "--rate fast is no number"),
        (("a.omcap", "--to", "stdout", "--rate", "nan"), 2, "--rate nan is out of range"),
        (("a.omcap", "--to", "stdout", "--loop=x"), 2, "--loop x is no number of times"),
        (("a.omcap", "--to", "b.omcap", "--loop"), 2, "b.omcap would grow without end"),
        (("a.omcap", "--to", "a.omcap", "--force"), 2, "cannot be replayed into itself"),
        (("a.omcap", "--to", "stdout", "--loop", "--rate", "2", "--stamp", "shifted"), 2, "into the future"),
        (("opc.tcp://x:1", "--to", "stdout"), 2, "is a server, not a recording"),
        (("none.omcap", "--to", "stdout"), 1, "no such file or folder"),
        (("a.omcap", "--to", "stdout", "--start", "2030-01-01"), 1, "no rows in this window"),
        (("a.omcap", "--to", "stdout", "--select", "**/T9"), 1, "matches none of 4 nodes"),
    ],
)
def test_wrong_input_is_told_in_one_sentence(
    invoke: Invoke, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    build.small(tmp_path / "a.omcap")
    done = invoke("replay", *arguments)
    assert (done.code, done.out) == (code, "")
    assert message in done.err.splitlines()[0]
