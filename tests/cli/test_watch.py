"""`omptool watch` as people and scripts use it: of a server, of a capture that grows, on a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from omptool.cli import watch_screen
from omptool.cli.watch_screen import Board, Line, age, course
from tests.capture.build import small
from tests.capture.counting import CountingServer, counting_server
from tests.capture.counting_server import Options
from tests.cli.test_capture import PATIENCE_S, start, wait_for_rows
from tests.conftest import Result, clean_environment

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    with counting_server(Options(counters=3)) as running:
        yield running


def test_of_a_server_in_a_pipe_each_change_is_a_row_of_read(run_cli: Run, server: CountingServer) -> None:
    result = run_cli("watch", server.url, "--every", "50ms", "--count", 9, "--select", "Line1/Counter[0-9]")
    assert result.code == 1  # brackets are no glob, and nothing matches
    result = run_cli("watch", server.url, "--every", "50ms", "--count", 9, "--select", "Line1/Counter{0,2}")
    assert result.code == 0, result.err
    rows = result.rows
    assert len(rows) == 9
    assert {row["path"] for row in rows} == {"Line1/Counter0", "Line1/Counter2"}
    assert rows[0].keys() == run_cli("read", server.url, "Line1/Counter0").rows[0].keys()
    seen = [row["value"] for row in rows if row["path"] == "Line1/Counter0"]
    assert seen == sorted(set(seen))


def test_a_growing_capture_is_followed_commit_by_commit_to_its_end(
    run_cli: Run, server: CountingServer, tmp_path: Path
) -> None:
    writer = start(
        tmp_path, "capture", server.url, "-o", "x.omcap", "--publishing-interval", "50ms", "--rotate-every", "1s"
    )
    wait_for_rows(writer, tmp_path / "x.omcap", 50)
    watcher = start(tmp_path, "watch", "x.omcap")
    assert watcher.stdout is not None
    lines = [json.loads(watcher.stdout.readline()) for _ in range(600)]
    writer.send_signal(signal.SIGINT)
    writer.communicate(timeout=PATIENCE_S)
    rest = watcher.stdout.read()
    assert watcher.wait(PATIENCE_S) == 0
    lines += map(json.loads, rest.splitlines())
    followed = [row["seq"] for row in lines if row["seq"]]
    assert followed == list(range(followed[0], Capture.open(tmp_path / "x.omcap").rows + 1))


def test_a_finished_capture_is_shown_and_it_is_over(invoke: Run, tmp_path: Path) -> None:
    small(tmp_path / "x.omcap")
    result = invoke("watch", "x.omcap", "--select", "**/T1")
    assert result.code == 0, result.err
    assert [row["value"] for row in result.rows] == [2.0, 6.0, 10.0, 14.0, 18.0, 22.0]
    assert {row["status_name"] for row in result.rows} == {"Good"}


def test_on_a_terminal_ctrl_c_is_130_and_the_terminal_is_as_before(server: CountingServer, tmp_path: Path) -> None:
    parent, child = pty.openpty()
    before = termios.tcgetattr(child)
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", "watch", server.url, "--every", "100ms"],
        stdin=child, stdout=child, stderr=child, cwd=tmp_path,
        env={**clean_environment(tmp_path), "TERM": "xterm", "COLUMNS": "100", "LINES": "10"},
    )  # fmt: skip
    shown = ""
    deadline = time.monotonic() + PATIENCE_S
    while shown.count("Line1/Counter2") < 3:
        assert time.monotonic() < deadline, shown
        if select.select([parent], [], [], 0.5)[0]:
            shown += os.read(parent, 65536).decode(errors="replace")
    process.send_signal(signal.SIGINT)
    while process.poll() is None:
        if select.select([parent], [], [], 0.2)[0]:
            shown += os.read(parent, 65536).decode(errors="replace")
    assert process.returncode == 130
    assert termios.tcgetattr(child) == before
    assert "changes/s" in shown and "Good" in shown and "▁" in shown
    assert "\x1b[?" not in shown  # no mode was set that would have to be taken back
    os.close(parent)
    os.close(child)


def test_hostile_names_and_narrow_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board("x", None)
    board._lines = {("s", str(n)): Line(f"Line\x1b[2J/{'é' * 200}/{n}", "1 °C", 0, time.time()) for n in range(30)}
    for cells in (20, 40, 80, 200):
        monkeypatch.setattr(watch_screen.shutil, "get_terminal_size", lambda cells=cells: os.terminal_size((cells, 12)))
        block = board._block()
        assert len(block) == 10
        assert block[-1].startswith("and 22 more nodes")
        assert all("\x1b" not in line for line in block[1:-1])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0.0 s"), (0.25, "0.2 s"), (14, "14 s"), (600, "10 min"), (7200, "2 h"), (400_000, "5 d")],
)
def test_age(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_course() -> None:
    assert course([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert course([5, 5]) == "▄▄"
    assert course([]) == "" == course([float("inf")])
    assert course([-1.7e308, 1.7e308]) == "▁█"


@pytest.mark.parametrize("arguments", [("--every", "soon"), ("--for", "0s"), ("--count", "0")])
def test_what_cannot_be(invoke: Run, arguments: tuple[str, str]) -> None:
    assert invoke("watch", "opc.tcp://127.0.0.1:9", *arguments).code == 2


def test_a_server_that_is_not_there(invoke: Run) -> None:
    assert invoke("watch", "opc.tcp://127.0.0.1:9").code == 4
    assert invoke("watch", "nowhere").code == 2
