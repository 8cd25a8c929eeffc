"""The four commands that look into a capture, as a user types them: rows, exit codes, what stays on disk."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from omptool.capture.lock import Lock
from omptool.model.vocabulary import GapReason, GapState
from tests.capture import build
from tests.conftest import Result, clean_environment

Cli = Callable[..., Result]
SEGMENT = "seg-00000001.arrows"


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return build.small(tmp_path / "shift.omcap")


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    path = build.small(tmp_path / "killed.omcap", close=False)
    with (path / SEGMENT).open("ab") as file:
        file.write(b"half a batch")
    return path


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    path = build.small(tmp_path / "damaged.omcap")
    data = bytearray((path / SEGMENT).read_bytes())
    data[-4000] ^= 1
    (path / SEGMENT).write_bytes(data)
    return path


def on_terminal(tmp_path: Path, *args: object) -> str:
    """What a person sees, stdout and stderr together."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", *map(str, args)], stdout=theirs, stderr=theirs, stdin=theirs, cwd=tmp_path,
        env=clean_environment(tmp_path, {"COLUMNS": "150", "TERM": "xterm"}),
    )  # fmt: skip
    os.close(theirs)
    parts = []
    try:
        while part := os.read(ours, 65536):
            parts.append(part)
    except OSError:
        pass  # the other end closed
    os.close(ours)
    process.wait()
    return b"".join(parts).decode().replace("\r\n", "\n")


def test_info_is_one_row(run_cli: Cli, whole: Path) -> None:
    result = run_cli("info", whole)
    (row,) = result.rows
    assert result.code == 0 and result.err == ""
    assert (row["state"], row["rows"], row["items"], row["servers"]) == ("finished", 24, 4, ["urn:test:press"])
    assert (row["first_time"], row["last_time"]) == ("2026-09-21T14:13:20Z", "2026-09-21T14:13:20.023Z")


def test_info_on_a_terminal(tmp_path: Path, damaged: Path) -> None:
    seen = on_terminal(tmp_path, "info", damaged.name)
    assert "damaged.omcap  finished" in seen
    assert "16 in 1 segment" in seen and "1 place, 8 rows lost" in seen
    assert seen.rstrip().endswith("omptool verify damaged.omcap")


def test_verify_complete(run_cli: Cli, whole: Path) -> None:
    result = run_cli("verify", whole)
    (row,) = result.rows
    assert (result.code, row["verdict"], row["items"], row["rows"]) == (0, "complete", 4, 24)
    assert "complete: 24 rows, every byte checked" in result.err


def test_verify_explained_is_3(run_cli: Cli, killed: Path) -> None:
    result = run_cli("verify", killed)
    (row,) = result.rows
    assert (result.code, row["reason"], row["end_time"], row["state"]) == (3, "client_stopped", None, "explained")
    assert "every missing stretch is explained" in result.err


def test_verify_unexplained_is_1(run_cli: Cli, tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap")
    writer.gap(GapReason.STALE, server=build.SERVER.server, start_ns=1, end_ns=2, state=GapState.OPEN)
    writer.close()
    result = run_cli("verify", tmp_path / "a.omcap")
    assert result.code == 1
    assert "no known cause" in result.err


def test_verify_damaged_is_1(run_cli: Cli, damaged: Path) -> None:
    result = run_cli("verify", damaged)
    assert result.code == 1
    assert [row["verdict"] for row in result.rows] == ["windows", "damaged"]
    assert result.rows[1]["missing"] == 8
    assert "omptool recover" in result.err


def test_verify_on_a_terminal(tmp_path: Path, damaged: Path) -> None:
    seen = on_terminal(tmp_path, "verify", damaged.name)
    lines = seen.splitlines()
    assert lines[0].split() == ["server", "items", "rows", "from", "to", "(UTC)", "verdict"]
    assert lines[1].split()[:3] == ["press", "4", "16"] and lines[1].endswith("1 window")
    assert "corrupt_segment  at least 8 values missing" in lines[2]
    assert lines[3].startswith(f"damaged  {SEGMENT} bytes")


def test_names_from_a_capture_cannot_steer_the_terminal(tmp_path: Path) -> None:
    from omptool.capture.nodetable import ServerIdentity
    from omptool.capture.writer import CaptureWriter

    writer = CaptureWriter.create(tmp_path / "a.omcap")
    writer.put_nodes(ServerIdentity("urn:\x1b[2Jevil", name="\x1b]0;x\x07[bold]"), build.nodes())
    writer.close()
    for command in ("info", "verify"):
        seen = on_terminal(tmp_path, command, "a.omcap")
        assert "\x1b[2J" not in seen and "\x1b]0" not in seen and "\\x1b" in seen


def test_recover_says_what_it_did(run_cli: Cli, killed: Path) -> None:
    planned = run_cli("recover", killed, "--dry-run")
    assert (planned.code, planned.rows[0]["action"], planned.rows[0]["bytes"]) == (0, "cut", 12)
    assert (killed / SEGMENT).read_bytes().endswith(b"half a batch")
    done = run_cli("recover", killed)
    assert (done.code, done.rows) == (0, planned.rows)
    again = run_cli("recover", killed)
    assert (again.code, again.out) == (0, "")
    assert "nothing to repair: all 24 rows are intact" in again.err


def test_recover_with_loss_is_3(run_cli: Cli, damaged: Path) -> None:
    result = run_cli("recover", damaged)
    assert (result.code, result.rows[0]["rows_lost"]) == (3, 8)
    assert (damaged / result.rows[0]["kept"]).is_file()
    assert run_cli("verify", damaged).code == 3


def test_recover_of_a_capture_being_written_is_5(run_cli: Cli, killed: Path) -> None:
    lock = Lock(killed)
    result = run_cli("recover", killed)
    lock.release()
    assert result.code == 5
    assert "being written" in result.err


def test_cat_rows(run_cli: Cli, whole: Path) -> None:
    result = run_cli("cat", whole)
    assert result.code == 0 and result.err == ""
    assert [row["seq"] for row in result.rows] == list(range(1, 25))
    row = result.rows[0]
    assert (row["value"], row["status"], row["status_name"], row["path"]) == (1, 0, "Good", "Line1/T0")
    assert list(row).index("status_name") == list(row).index("status") + 1


def test_cat_narrowed(run_cli: Cli, whole: Path) -> None:
    result = run_cli("cat", whole, "--select", "**/T{1,2}", "--start", "2026-09-21T14:13:20.004Z", "--limit", "3")
    assert [row["seq"] for row in result.rows] == [6, 7, 10]
    result = run_cli("cat", whole, "--end", "2026-09-21T14:13:20.002Z", "--format", "csv")
    assert len(result.out.splitlines()) == 3
    assert run_cli("cat", whole, "--limit", "0").out == ""


def test_cat_views(run_cli: Cli, killed: Path) -> None:
    assert [row["kind"] for row in run_cli("cat", killed, "--view", "journal").rows] == ["start", "nodes", "subscribe"]
    assert [row["reason"] for row in run_cli("cat", killed, "--view", "gaps").rows] == ["client_stopped"]
    assert [row["tag"] for row in run_cli("cat", killed, "--view", "nodes").rows][:2] == ["Line1", "Line1/T0"]
    assert run_cli("cat", killed, "--view", "events").rows == []


def test_cat_says_loss_and_exits_0(run_cli: Cli, killed: Path, damaged: Path) -> None:
    result = run_cli("cat", killed)
    assert (result.code, len(result.rows)) == (0, 24)
    assert "1 client_stopped" in result.err
    result = run_cli("cat", damaged)
    assert (result.code, len(result.rows)) == (0, 16)
    assert "is damaged; what is intact follows" in result.err


def test_cat_to_a_file(run_cli: Cli, whole: Path, tmp_path: Path) -> None:
    target = tmp_path / "rows.parquet"
    assert run_cli("cat", whole, "-o", target).code == 0
    assert pq.read_table(target).num_rows == 24
    again = run_cli("cat", whole, "-o", target)
    assert again.code == 1 and "--force" in again.err


def test_cat_with_places(run_cli: Cli, whole: Path, tmp_path: Path) -> None:
    (tmp_path / "plant.toml").write_text('site = "Leipzig"\n[[machine]]\npath = "Line1"\n')
    (row,) = run_cli("cat", whole, "-n", "1", "--plant", tmp_path / "plant.toml").rows
    assert (row["site"], row["machine"], row["tag"]) == ("Leipzig", "Line1", "T0")


def test_closed_pipe_is_silent(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap", commits=20, rows=500)
    done = subprocess.run(
        f'{{ "{sys.executable}" -m omptool cat "{path}"; echo "exit $?" >&2; }} | head -n 1',
        shell=True, capture_output=True, encoding="utf-8", env=clean_environment(tmp_path), check=False,
    )  # fmt: skip
    assert json.loads(done.stdout)["seq"] == 1
    assert done.stderr == "exit 0\n"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["cat", "nothing.omcap"], 1, "there is no nothing.omcap"),
        (["info", "x.txt"], 1, "is not a capture: it is a file"),
        (["verify", "empty"], 1, "is not a capture: it has no segments"),
        (["recover", "empty"], 1, "is not a capture"),
        (["cat", "shift.omcap", "--select", "Line1/T9"], 1, "nearest:\n    Line1/T"),
        (["cat", "shift.omcap", "--start", "noon"], 2, "is not a time"),
        (["cat", "shift.omcap", "--start", "today", "--end", "yesterday"], 2, "is not before"),
        (["cat", "shift.omcap", "--view", "nodes", "--start", "today"], 2, "nodes has no time"),
        (["cat", "shift.omcap", "--view", "journal", "--select", "**"], 2, "journal has no node_id"),
        (["cat", "shift.omcap", "--view", "wrong"], 2, "wrong"),
        (["cat"], 2, "missing argument"),
    ],
)
def test_wrong_input(run_cli: Cli, whole: Path, tmp_path: Path, args: list[str], code: int, said: str) -> None:
    (tmp_path / "x.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    result = run_cli(*args)
    assert (result.code, result.out) == (code, "")
    assert said in result.err and "Traceback" not in result.err


def test_newer_format_is_said(run_cli: Cli, whole: Path) -> None:
    summary = json.loads((whole / "capture.json").read_text()) | {"omp.format": 2}
    (whole / "capture.json").write_text(json.dumps(summary))
    result = run_cli("info", whole)
    assert result.code == 1
    assert "capture format 2; this omptool reads up to 1" in result.err and "upgrade" in result.err


def test_lakes(run_cli: Cli, whole: Path, tmp_path: Path) -> None:
    assert run_cli("convert", whole, "-o", tmp_path / "lake").code == 0
    tables = {row["view"]: row["rows"] for row in run_cli("info", tmp_path / "lake").rows}
    assert tables["telemetry"] == 24 and set(tables) == {"telemetry", "nodes", "events", "gaps", "journal"}
    assert run_cli("verify", tmp_path / "lake").code == 0
    for command in ("cat", "recover"):
        refused = run_cli(command, tmp_path / "lake")
        assert refused.code == 1
        assert "is a lake, not a capture" in refused.err and "omptool query" in refused.err


def test_a_file_of_rows_is_sent_to_query(run_cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "two words.csv").write_text("a,b\n1,2\n")
    for command in ("info", "verify", "cat", "recover"):
        refused = run_cli(command, tmp_path / "two words.csv")
        assert refused.code == 1 and "is a file, not a capture" in refused.err
        assert f"--on '{tmp_path / 'two words.csv'}'" in refused.err


def test_the_next_command_can_be_copied(run_cli: Cli, tmp_path: Path) -> None:
    path = build.small(tmp_path / "shift 1.omcap", close=False)
    said = run_cli("verify", path).err
    assert said.rstrip().endswith(f"omptool cat '{path}' --view gaps")


def test_windows_show_their_date_where_one_day_is_not_all(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap")
    writer.append(build.rows_of(build.doubles([1, 2, 3, 4])))
    start = build.T0 + 86_400_000_000_000
    writer.gap(GapReason.STALE, server=build.SERVER.server, start_ns=start, end_ns=None, state=GapState.EXPLAINED)
    writer.close()
    assert "  2026-09-22 14:13:20.000 → ?  stale" in on_terminal(tmp_path, "verify", "a.omcap")


def test_a_capture_that_is_being_written_has_no_loss_yet(run_cli: Cli, killed: Path, tmp_path: Path) -> None:
    lock = Lock(killed)
    assert "gaps     none" in on_terminal(tmp_path, "info", killed.name)
    assert run_cli("query", "select count(*) as n from telemetry", "--on", killed).err == ""
    lock.release()
    assert "1 client_stopped" in run_cli("query", "select count(*) as n from telemetry", "--on", killed).err
