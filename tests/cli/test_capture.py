"""`omptool capture` as people and scripts use it: output, exit codes, signals, and what is left on disk."""

from __future__ import annotations

import json
import os
import pty
import random
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from tests.capture.counting import CountingServer, assert_counts_without_hole, counting_server, values
from tests.capture.counting_server import Options
from tests.conftest import Result, clean_environment

Run = Callable[..., Result]
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    with counting_server() as running:
        yield running


def start(home: Path, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """`omptool ARGUMENTS` as a process of its own, left running."""
    return subprocess.Popen(
        [sys.executable, "-m", "omptool", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=clean_environment(home),
        cwd=home,
        **options,  # type: ignore[call-overload]
    )


def wait_for_rows(process: subprocess.Popen[str], folder: Path, rows: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        if any(folder.glob("seg-*.arrows")) and Capture.open(folder).rows >= rows:
            return
        time.sleep(0.02)
    raise AssertionError("no rows in time")


def not_captured(told: list[list[str]], captured: dict[str, list[float]]) -> list[list[str]]:
    """What the server was told is safe (client handle, value) and is not in the capture."""
    held = {path: set(numbers) for path, numbers in captured.items()}
    return [pair for pair in told if float(pair[1]) not in held.get(f"Line1/Counter{int(pair[0]) - 1}", ())]


def test_in_a_pipe_it_ends_with_one_json_line(run_cli: Run, server: CountingServer, tmp_path: Path) -> None:
    result = run_cli("capture", server.url, "-o", "x.omcap", "--count", 120, "--publishing-interval", "50ms")
    assert result.code == 0
    [line] = result.rows
    assert list(line) == ["rows", "nodes", "servers", "gaps", "seconds"]
    assert (line["rows"], line["nodes"], line["servers"], line["gaps"]) == (120, 5, 1, 0)
    assert "120 rows of 5 nodes in " in result.err
    assert " complete\n" in result.err
    assert "next: omptool verify x.omcap" in result.err
    assert "\x1b" not in result.err
    assert sum(map(len, assert_counts_without_hole(tmp_path / "x.omcap").values())) == 120


def test_the_last_line_takes_the_format_that_was_asked_for(run_cli: Run, server: CountingServer) -> None:
    result = run_cli("capture", server.url, "-o", "x.omcap", "--count", 20, "--format", "csv")
    assert result.code == 0
    assert result.out.startswith("rows,nodes,servers,gaps,seconds\n20,5,1,0,")


def test_a_dry_run_shows_the_plan_and_creates_nothing(invoke: Run, server: CountingServer, tmp_path: Path) -> None:
    result = invoke(
        "capture", server.url, "--dry-run", "--select", "Line1/Counter3",
        "--publishing-interval", "1s", "--sampling-interval", "100ms",
    )  # fmt: skip
    assert result.code == 0
    assert result.err.startswith("1 item in 1 subscription: at most 10 values/s, 200 B/s, 17.3 MB a day; ")
    assert result.rows == [
        {
            "path": "Line1/Counter3",
            "node_id": "nsu=urn:test:counting;s=Counter3",
            "data_type": "Double",
            "unit": None,
            "sampling_ms": 100,
            "queue_size": 40,
            "server": "urn:test:counting:server",
            "discard": "oldest",
            "deadband": None,
            "trigger": "status-value",
            "poll_ms": None,
            "heartbeat_ms": None,
        }
    ]
    assert list(tmp_path.glob("*.omcap")) == []


def test_nodes_come_from_a_file_or_stdin(run_cli: Run, server: CountingServer, tmp_path: Path) -> None:
    listed = "# two\nLine1/Counter1\n\nnsu=urn:test:counting;s=Counter4\n"
    (tmp_path / "nodes.txt").write_text(listed)
    from_file = run_cli("capture", server.url, "--dry-run", "--nodes", "nodes.txt")
    from_stdin = run_cli("capture", server.url, "--dry-run", "--nodes", "-", input=listed)
    assert from_file.out == from_stdin.out
    assert [row["path"] for row in from_file.rows] == ["Line1/Counter1", "Line1/Counter4"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-o", "x.omcap", "--select", "Line1/Cuonter1"], 1, "Line1/Counter1"),
        (["-o", "x.omcap", "--nodes", "missing.txt"], 1, "missing.txt"),
        (["-o", "x.omcap", "--until", "2020-01-01"], 2, "in the past"),
        (["-o", "x.omcap", "--for", "soon"], 2, "soon"),
        (["-o", "x.omcap", "--count", "0"], 2, "count"),
        (["-o", "x.omcap", "--select", "a{b"], 2, "brace"),
        ([], 2, "-o shift.omcap"),
    ],
)
def test_wrong_input_is_explained_and_leaves_nothing(
    invoke: Run, server: CountingServer, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    result = invoke("capture", server.url, *arguments)
    assert (result.code, result.out) == (code, "")
    assert said in result.err
    assert result.err.startswith("omptool: ")
    assert not (tmp_path / "x.omcap").exists()


def test_an_unknown_listed_node_names_its_nearest(run_cli: Run, server: CountingServer) -> None:
    result = run_cli("capture", server.url, "-o", "x.omcap", "--nodes", "-", input="ns=2;s=Counter9\nLine1/Counte1\n")
    assert result.code == 1
    assert "2 listed nodes are not on this server" in result.err
    assert "nearest: Line1/Counter1" in result.err


def test_nobody_there_is_4_and_something_there_already_is_1(
    invoke: Run, server: CountingServer, tmp_path: Path
) -> None:
    assert invoke("capture", "opc.tcp://127.0.0.1:1", "-o", "x.omcap").code == 4
    assert not (tmp_path / "x.omcap").exists()
    (tmp_path / "x.omcap").mkdir()
    (tmp_path / "x.omcap" / "letters.txt").write_text("mine")
    result = invoke("capture", server.url, "-o", "x.omcap")
    assert result.code == 1
    assert "x.omcap exists" in result.err
    forced = invoke("capture", server.url, "-o", "x.omcap", "--force", "--count", 10)
    assert forced.code == 1
    assert (tmp_path / "x.omcap" / "letters.txt").read_text() == "mine"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_capture_in_good_order(
    server: CountingServer, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = start(tmp_path, "capture", server.url, "-o", "x.omcap", "--publishing-interval", "50ms")
    wait_for_rows(process, tmp_path / "x.omcap", 50)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code
    capture = Capture.open(tmp_path / "x.omcap")
    assert capture.finished
    assert json.loads(out)["rows"] == capture.rows
    assert " complete\n" in err
    assert_counts_without_hole(tmp_path / "x.omcap")


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with counting_server() as server:
        process = start(tmp_path, "capture", server.url, "-o", "x.omcap", "--publishing-interval", "50ms")
        wait_for_rows(process, tmp_path / "x.omcap", 50)
        server.process.send_signal(signal.SIGSTOP)  # so that the first one has to wait for its answer
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert Capture.open(tmp_path / "x.omcap").rows >= 50


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_every_acknowledged_row_is_there(tmp_path: Path, seed: int) -> None:
    acknowledged = tmp_path / "acknowledged.txt"
    acknowledged.touch()
    moment = random.Random(seed)
    with counting_server(Options(acknowledged=str(acknowledged))) as server:
        process = start(tmp_path, "capture", server.url, "-o", "x.omcap", "--publishing-interval", "20ms")
        wait_for_rows(process, tmp_path / "x.omcap", moment.randint(1, 400))
        time.sleep(moment.random() * 0.4)
        process.kill()
        process.communicate()
    captured = values(tmp_path / "x.omcap")
    told = [line.split() for line in acknowledged.read_text().splitlines()]
    assert not_captured(told, captured) == []
    assert told or seed == 0
    capture = Capture.open(tmp_path / "x.omcap")
    assert capture.damage == []
    assert not capture.finished
    assert_counts_without_hole(tmp_path / "x.omcap")


def test_a_lost_server_is_partial_success_in_plain_words(tmp_path: Path) -> None:
    with counting_server() as server:
        process = start(
            tmp_path, "capture", server.url, "-o", "x.omcap", "--publishing-interval", "50ms", "--for", "4s"
        )
        wait_for_rows(process, tmp_path / "x.omcap", 50)
        server.kill()
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3
    assert json.loads(out)["gaps"] == 1
    assert "1 window may lack values (connection lost" in err
    assert "not connected at the end" in err
    assert Capture.open(tmp_path / "x.omcap").finished


def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged = tmp_path / "acknowledged.txt"
    acknowledged.touch()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    with counting_server(Options(acknowledged=str(acknowledged))) as server:
        process = start(
            tmp_path, "capture", server.url, "-o", "x.omcap", "--publishing-interval", "20ms", preexec_fn=limit
        )
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (1, "")
    assert "no space left" in err
    captured = values(tmp_path / "x.omcap")
    told = [line.split() for line in acknowledged.read_text().splitlines()]
    assert told
    assert not_captured(told, captured) == []
    assert Capture.open(tmp_path / "x.omcap").damage == []


def test_a_refused_node_is_partial_success_and_named(tmp_path: Path, invoke: Run) -> None:
    with counting_server(Options(refused=(2,))) as server:
        result = invoke("capture", server.url, "-o", "x.omcap", "--count", 20)
    assert result.code == 3
    assert "1 of 5 nodes not monitored" in result.err
    assert "Line1/Counter2   BadUserAccessDenied" in result.err


def test_sampled_nodes_are_named_in_the_last_word(tmp_path: Path, invoke: Run) -> None:
    with counting_server(Options(sampling_ms=50.0)) as server:
        result = invoke("capture", server.url, "-o", "x.omcap", "--count", 20)
    assert result.code == 0
    assert "5 nodes sampled: the server looks at them every 50 ms, changes in between are not seen" in result.err
    assert "complete" not in result.err


def test_progress_for_programs_is_json_lines(invoke: Run, server: CountingServer) -> None:
    result = invoke("capture", server.url, "-o", "x.omcap", "--for", "1s", "--progress", "json")
    reports = [json.loads(line) for line in result.err.splitlines() if line.startswith("{")]
    assert reports[-1]["phase"] == "capturing"
    assert reports[-1]["rows"] == result.rows[0]["rows"]
    assert {"seconds", "nodes", "rows_per_s", "lag_s", "bytes", "gaps"} <= set(reports[-1])


def test_a_terminal_sees_one_calm_block_and_the_last_word(server: CountingServer, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", "capture", server.url, "-o", "x.omcap", "--for", "1s"],
        stdin=theirs, stdout=theirs, stderr=theirs, env=clean_environment(tmp_path, {"TERM": "xterm"}), cwd=tmp_path,
    )  # fmt: skip
    os.close(theirs)
    seen = _read_terminal(ours, process)
    assert process.returncode == 0
    assert "● connected  5 items" in seen
    assert " of 00:00:01" in seen
    assert " complete" in seen
    assert "next: omptool verify x.omcap" in seen
    assert '{"rows"' not in seen


def _read_terminal(terminal: int, process: subprocess.Popen[bytes]) -> str:
    seen = b""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not part:
                break
            seen += part
        elif process.poll() is not None:
            break
    process.wait(PATIENCE_S)
    os.close(terminal)
    return seen.decode()
