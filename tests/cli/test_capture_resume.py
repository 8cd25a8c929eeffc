"""`omptool capture --resume` and two of the same command at once, with real processes that are killed."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from tests.capture.counting import CountingServer, counting_server, values
from tests.capture.counting_server import Options
from tests.cli.test_capture import PATIENCE_S, Run, start, wait_for_rows

FAST = ("--publishing-interval", "50ms")
PUBLISHING_NS = 50_000_000


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return tmp_path / "truth.txt"


@pytest.fixture
def server(truth: Path) -> Iterator[CountingServer]:
    with counting_server(Options(counters=2, truth=str(truth))) as running:
        yield running


def test_every_value_that_is_absent_after_kill_and_resume_lies_in_a_tight_window(
    run_cli: Run, server: CountingServer, truth: Path, tmp_path: Path
) -> None:
    """What would find the session again is lost each time."""
    folder = tmp_path / "x.omcap"
    for rows in (300, 600):
        process = start(tmp_path, "capture", server.url, "-o", "x.omcap", "--resume", *FAST)
        wait_for_rows(process, folder, rows)
        process.kill()
        process.communicate()
        shutil.rmtree(tmp_path / "state")
    result = run_cli("capture", server.url, "-o", "x.omcap", "--resume", "--count", 200, *FAST)
    assert result.code == 3, result.err
    assert "1 window may lack values (the capture was not running)" in result.err
    capture = Capture.open(folder)
    assert (capture.damage, capture.torn_bytes, capture.finished) == ([], 0, True)
    windows = [(gap.start_ns, gap.end_ns or 0) for gap in capture.gap_entries]
    assert len(windows) == 2
    steps = {int(number): int(at) for number, at in map(str.split, truth.read_text().splitlines())}
    for numbers in values(folder).values():
        assert len(set(numbers)) == len(numbers)
        holes = [(int(a), int(b)) for a, b in itertools.pairwise(numbers) if b != a + 1]
        assert len(holes) == 2
        for (last, following), (begin, end) in zip(holes, windows, strict=True):
            absent = [steps[number] for number in range(last + 1, following)]
            assert begin <= min(absent) and max(absent) < end
            assert steps[last] - begin <= 3 * PUBLISHING_NS  # no wider than what is absent, and a little
            assert end - steps[following] <= 3 * PUBLISHING_NS
    verified = run_cli("verify", "x.omcap")
    assert verified.code == 3
    assert {row["reason"] for row in verified.rows} == {"client_stopped"}


def test_of_many_that_start_at_once_one_records_and_the_others_say_busy(
    run_cli: Run, server: CountingServer, tmp_path: Path
) -> None:
    folder = tmp_path / "x.omcap"
    command = ("capture", server.url, "-o", "x.omcap", "--resume", "--count", 1500, *FAST)
    for run in (1, 2):
        racing = [start(tmp_path, *command) for _ in range(3)]
        ends = [process.communicate(timeout=PATIENCE_S * 2) for process in racing]
        codes = sorted(process.returncode for process in racing)
        assert codes == [0 if run == 1 else 3, 5, 5], ends
        for process, (out, err) in zip(racing, ends, strict=True):
            if process.returncode == 5:
                assert "x.omcap is being written by pid " in err and out == ""
            else:
                assert json.loads(out)["rows"] == 1500
        capture = Capture.open(folder)
        assert (capture.damage, capture.rows, capture.finished) == ([], 1500 * run, True)


@pytest.mark.parametrize("flags", [(), ("--resume",), ("--force",)])
def test_a_capture_in_use_is_refused_whatever_is_asked(
    run_cli: Run, server: CountingServer, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    folder = tmp_path / "x.omcap"
    writing = start(tmp_path, "capture", server.url, "-o", "x.omcap", *FAST)
    try:
        wait_for_rows(writing, folder, 50)
        refused = run_cli("capture", server.url, "-o", "x.omcap", "--count", 10, *flags)
        assert (refused.code, refused.out) == (5, "")
        assert f"by pid {writing.pid} on " in refused.err
        assert writing.poll() is None
    finally:
        writing.terminate()
        assert writing.communicate(timeout=PATIENCE_S) and writing.returncode == 143
    assert Capture.open(folder).finished


def test_a_start_that_fails_changes_nothing(run_cli: Run, server: CountingServer, tmp_path: Path) -> None:
    folder = tmp_path / "x.omcap"
    assert run_cli("capture", server.url, "-o", "x.omcap", "--count", 20, *FAST).code == 0
    before = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name != "LOCK"}
    server.kill()
    result = run_cli("capture", server.url, "-o", "x.omcap", "--resume", "--count", 20)
    assert result.code == 4
    assert {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name != "LOCK"} == before


def test_resume_and_force_do_not_go_together(invoke: Run) -> None:
    result = invoke("capture", "opc.tcp://127.0.0.1:9", "-o", "x.omcap", "--resume", "--force")
    assert (result.code, result.out) == (2, "")
    assert "--resume goes on with a capture, --force replaces it" in result.err


def test_a_lock_is_held_by_one_and_free_as_soon_as_its_holder_is_dead(
    run_cli: Run, server: CountingServer, tmp_path: Path
) -> None:
    command = ("capture", server.url, "--lock", "press.lock", "--count", 50, *FAST)
    holder = start(tmp_path, "capture", server.url, "-o", "a.omcap", "--lock", "press.lock", *FAST)
    try:
        wait_for_rows(holder, tmp_path / "a.omcap", 20)
        refused = run_cli(*command, "-o", "b.omcap")
        assert (refused.code, refused.out) == (5, "")
        assert f"press.lock is locked by pid {holder.pid} on " in refused.err
        assert not (tmp_path / "b.omcap").exists()
    finally:
        holder.kill()
        holder.communicate()
    assert run_cli(*command, "-o", "b.omcap").code == 0
    assert (tmp_path / "press.lock").exists()


def test_a_lock_file_keeps_what_somebody_else_wrote_in_it(run_cli: Run, server: CountingServer, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("a,b\n1,2\n")
    assert run_cli("capture", server.url, "-o", "x.omcap", "--lock", "orders.csv", "--count", 5, *FAST).code == 0
    assert (tmp_path / "orders.csv").read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize(("lock", "said"), [("missing/press.lock", "no such file"), (".", "directory")])
def test_a_lock_that_cannot_be_had_is_said(invoke: Run, lock: str, said: str) -> None:
    result = invoke("capture", "opc.tcp://127.0.0.1:9", "-o", "x.omcap", "--lock", lock)
    assert (result.code, result.out) == (1, "")
    assert said in result.err
