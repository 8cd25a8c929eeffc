"""`capture` with bounds on its disk, in a process of its own, against what the server says that it sent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from tests.capture.counting import counting_server, values
from tests.capture.counting_server import Options
from tests.cli.test_capture import PATIENCE_S, start
from tests.conftest import Result

Run = Callable[..., Result]


def wait_for_a_deletion(folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (folder / "seg-00000001.arrows").exists() or not list(folder.glob("seg-*.arrows")):
        assert time.monotonic() < deadline, "nothing was deleted in time"
        time.sleep(0.05)


def test_what_is_absent_lies_in_the_window_and_resume_verify_and_convert_go_on(run_cli: Run, tmp_path: Path) -> None:
    folder, truth = tmp_path / "x.omcap", tmp_path / "truth.txt"
    bounds = ("--rotate-every", "1s", "--keep-for", "2s", "--publishing-interval", "50ms", "--log-file", "x.log")
    with counting_server(Options(counters=2, truth=str(truth))) as server:
        process = start(tmp_path, "capture", server.url, "-o", "x.omcap", *bounds)
        time.sleep(1.0)
        wait_for_a_deletion(folder)
        process.kill()  # whatever it is doing
        process.communicate()
        killed = Capture.open(folder)
        assert killed.damage == []
        result = run_cli("capture", server.url, "-o", "x.omcap", "--resume", "--for", "3s", *bounds)
    assert result.code in (0, 3), result.err  # 3 for the kill, never for what was deleted on purpose
    assert "retention" not in result.err
    capture = Capture.open(folder)
    assert (capture.damage, capture.leftover, capture.finished) == ([], [], True)
    [window] = [gap for gap in capture.gap_entries if gap.reason == "retention"]
    steps = {int(number): int(at) for number, at in map(str.split, truth.read_text().splitlines())}
    for numbers in values(folder).values():
        gone = [steps[n] for n in range(min(steps), int(numbers[0])) if steps[n] >= window.start_ns]
        assert any(window.start_ns <= at < (window.end_ns or 0) for at in gone)
        told = [(gap.start_ns, gap.end_ns or 0) for gap in capture.gap_entries]  # the kill has one of its own
        assert all(any(start <= at < end for start, end in told) for at in gone)
    assert len(values(folder)) == 2
    first = capture.parts[0].index.good[0].first_row
    assert window.missing == first - 1 > 0
    verified = run_cli("verify", "x.omcap")
    assert verified.code == 3, verified.out
    assert (
        "retention"
        in {row["reason"] for row in verified.rows}
        <= {
            "retention",
            "client_stopped",
            "queue_overflow",
            None,
        }
    )
    assert run_cli("convert", "x.omcap", "-o", "lake").code == 0
    rows = run_cli("query", "select count(*) as n, min(seq) as first from telemetry", "--on", "lake").rows
    assert rows == [{"n": capture.rows, "first": first}]
    assert '"retention"' not in (tmp_path / "x.log").read_text()
    assert " retention " in (tmp_path / "x.log").read_text()


def test_a_segment_ends_when_it_is_large(run_cli: Run, tmp_path: Path) -> None:
    with counting_server(Options(counters=50)) as server:
        result = run_cli(
            "capture", server.url, "-o", "x.omcap", "--rotate-size", "64kB", "--keep-size", "200kB", "--count", 30000,
            "--publishing-interval", "50ms",
        )  # fmt: skip
    assert result.code == 0, result.err
    listed = json.loads((tmp_path / "x.omcap" / "capture.json").read_text())["segments"]
    assert len(listed) >= 2
    assert all(segment["bytes"] < 200_000 for segment in listed)


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--keep-size", "much", "must be a size"),
        ("--rotate-size", "1kB", "at least 64 kB"),
        ("--rotate-every", "1ms", "at least 1s"),
    ],
)
def test_bounds_that_cannot_be(invoke: Run, flag: str, value: str, said: str) -> None:
    result = invoke("capture", "opc.tcp://127.0.0.1:9", "-o", "x.omcap", flag, value)
    assert result.code == 2 and said in result.err and flag in result.err
