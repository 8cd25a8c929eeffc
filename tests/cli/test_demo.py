"""`omptool demo` as people and scripts meet it: the line or the screen, the ends, the refusals, the printed truth."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from omptool.demo.plant import MACHINES
from omptool.demo.schedule import Plant
from omptool.demo.truth import lines
from tests.conftest import Result, clean_environment

Invoke = Callable[..., Result]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*options: str, **how: Any) -> subprocess.Popen[str]:
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | how
        made = subprocess.Popen(
            [sys.executable, "-m", "omptool", "demo", *options],
            encoding="utf-8",
            env=clean_environment(tmp_path),
            cwd=tmp_path,
            **streams,
        )
        started.append(made)
        return made

    yield start
    for each in started:
        each.kill()
        each.communicate()


def test_a_pipe_gets_one_line_once_the_server_listens(process: Callable[..., subprocess.Popen[str]]) -> None:
    demo = process("--port", "0")
    assert demo.stdout is not None
    hello = json.loads(demo.stdout.readline())
    assert list(hello) == ["url", "seed", "speed", "from", "machines"]
    assert hello["machines"] == [machine.name for machine in MACHINES]
    assert (hello["seed"], hello["speed"], hello["from"]) == (1, 1.0, None)
    host, _, port = hello["url"].removeprefix("opc.tcp://").rpartition(":")
    assert host == "127.0.0.1"
    with socket.create_connection((host, int(port)), timeout=10):
        pass
    demo.send_signal(signal.SIGINT)
    out, err = demo.communicate(timeout=60)
    assert (demo.returncode, out, err) == (130, "", "")


def test_a_terminal_gets_a_screen(process: Callable[..., subprocess.Popen[str]]) -> None:
    ours, theirs = pty.openpty()
    try:
        demo = process("--port", "0", "--speed", "60", "--from", "-2h", "--for", "1h", stdout=theirs)
        shown = ""
        while "Ctrl-C stops the plant" not in shown:
            shown += os.read(ours, 4096).decode()
    finally:
        os.close(theirs)
        os.close(ours)
    demo.send_signal(signal.SIGTERM)
    demo.communicate(timeout=60)
    assert demo.returncode == 143
    screen = shown.replace("\r\n", "\n").splitlines()
    assert screen[0].startswith("Riverside  opc.tcp://127.0.0.1:") and "6 machines" in screen[0]
    assert "60 × from 20" in screen[0]
    assert screen[1:3] == ["  Stamping / Line1   Press1  Press2  Packer1", "  Machining / Line2   CNC1  CNC2  Packer2"]
    url = screen[0].split()[1]
    assert [line for line in screen if line.startswith("  omptool ")] == [
        f"  omptool browse {url} --select '**/Press1/*' --values",
        f"  omptool capture {url} -o demo.omcap --for 60s",
        f"  omptool discover {url}",
    ]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            ("--speed", "500", "--from", "2026-02-03T09:59:00Z", "--for", "2m"),
            "plant time reached 2026-02-03T10:01:00Z",
        ),
        (("--speed", "1000", "--from", "-1m"), "plant time has caught up with the clock"),
    ],
)
def test_it_ends_by_itself(run_cli: Invoke, options: tuple[str, ...], why: str) -> None:
    done = run_cli("demo", "--port", "0", *options)
    assert done.code == 0
    assert done.rows[0]["from"] is not None
    assert done.err.startswith(f"{why}: the plant stops here after ")
    assert done.err.count("\n") == 1


def test_a_port_in_use_is_said(run_cli: Invoke) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_cli("demo", "--port", port)
    assert (done.code, done.out) == (5, "")
    assert done.err.splitlines() == [
        f"omptool: port {port} on 127.0.0.1 is in use",
        "  take another one, or let a free one be found: --port 0",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--speed", "0"), "--speed 0 is out of range"),
        (("--speed", "nan"), "is not in the range"),
        (("--from", "2999-01-01"), "--from 2999-01-01 lies in the future"),
        (("--from", "soon"), "'soon' is not a time"),
        (("--for", "0s"), "'0s' is no time at all"),
        (("--port", "70000"), "70000 is not in the range"),
        (("--seed", "-1"), "-1 is not in the range"),
        (("--truth", "-1h"), "requires 2 arguments"),
        (("--truth", "now", "-1h"), "--truth now -1h ends before it starts"),
        (("--host", "0.0.0.0"), "0.0.0.0 can be reached from other computers"),
    ],
)
def test_wrong_input_is_told_in_one_sentence(invoke: Invoke, options: tuple[str, ...], message: str) -> None:
    done = invoke("demo", *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err.splitlines()[0]
    assert "Traceback" not in done.err


def test_the_truth_is_the_schedule(invoke: Invoke) -> None:
    window = ("2026-02-03T07:00:00Z", "2026-02-03T07:00:20Z")
    done = invoke("demo", "--seed", "7", "--truth", *window)
    assert (done.code, done.err) == (0, "")
    start = 1_770_102_000_000_000_000
    assert done.out.splitlines() == list(lines(Plant(7), start, start + 20_000_000_000))
    assert {row["kind"] for row in done.rows} == {"interval", "value"}
    assert all(window[0][:-1] <= row["time"] < window[1] for row in done.rows if row["kind"] == "value")


def test_times_without_offset_are_read_in_the_zone_that_is_asked_for(invoke: Invoke) -> None:
    utc = invoke("demo", "--truth", "2026-02-03T07:00:00Z", "2026-02-03T07:00:02Z")
    berlin = invoke("demo", "--tz", "Europe/Berlin", "--truth", "2026-02-03T08:00", "2026-02-03T08:00:02")
    assert utc.out == berlin.out != ""


def test_a_reader_that_leaves_is_no_failure(process: Callable[..., subprocess.Popen[str]]) -> None:
    demo = process("--truth", "2026-02-03T07:00:00Z", "2026-02-03T08:00:00Z")
    assert demo.stdout is not None and demo.stderr is not None
    assert demo.stdout.readline().startswith('{"kind": "interval"')
    demo.stdout.close()
    assert demo.wait(timeout=60) == 0
    assert demo.stderr.read() == ""
