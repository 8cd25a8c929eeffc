"""What a worker has given up holds without gate and locked engine: the operating system says no."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from omptool.cloud.server import hiding, landlock, sandbox
from omptool.lake.convert import convert
from tests.conftest import ROOT, clean_environment
from tests.lake.recordings import FakeRecording, telemetry

WORKS = {"read the lake", "list the lake", "scan the lake", "write into its own folder"}
LIMITED = {"fill the disk": "OSError", "take memory": "MemoryError"}
NETWORK = {"open a connection", "listen"}
OTHERS = {"signal the server"}
FILES = {
    "read another file", "read a file through a link", "list another folder", "read the list of users",
    "read what another process was told", "scan another file", "write another file", "make another file",
    "write a file of the lake", "cut a file of the lake", "remove a file of the lake", "rename a file of the lake",
    "move a file of the lake out", "make a file in the lake", "make a folder in the lake", "make a link in the lake",
    "COPY over a file of the lake", "COPY into the lake", "ATTACH in the lake", "COPY elsewhere", "run a program",
}  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened to each attempt in a sandboxed process."""
    place = tmp_path_factory.mktemp("place")
    lake, folder, outside = place / "lake", place / "own", place / "outside" / "secret.txt"
    convert([FakeRecording("c1", telemetry("c1", 0, 50))], lake)
    lake_file = next((lake / "telemetry").rglob("*.parquet"))
    before = lake_file.read_bytes()
    outside.parent.mkdir()
    outside.write_text("secret")
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = subprocess.run(
            [sys.executable, Path(__file__).with_name("sandboxed.py"), lake, lake_file, outside, folder,
             str(server.getsockname()[1])],
            env=clean_environment(place, {"PYTHONPATH": str(ROOT)}), capture_output=True, encoding="utf-8",
            timeout=100, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    found["untouched"] = lake_file.exists() and lake_file.read_bytes() == before and outside.read_text() == "secret"
    return found


def test_what_statements_need_works(report: dict[str, Any]) -> None:
    assert {name: report["outcomes"][name] for name in WORKS} == dict.fromkeys(WORKS)


def test_everything_was_tried(report: dict[str, Any]) -> None:
    assert set(report["outcomes"]) == WORKS | FILES | NETWORK | OTHERS | set(LIMITED)


@pytest.mark.parametrize("attempt", sorted(FILES | NETWORK | OTHERS))
def test_the_system_refuses_or_the_lack_is_named(attempt: str, report: dict[str, Any]) -> None:
    since = landlock.NETWORK_VERSION if attempt in NETWORK else landlock.SCOPE_VERSION if attempt in OTHERS else 1
    if landlock.version() >= since:
        assert report["outcomes"][attempt] is not None
        assert report["untouched"]
    elif attempt not in OTHERS:
        assert any("Landlock" in lack for lack in report["lacks"])


def test_limits_of_the_process(report: dict[str, Any]) -> None:
    assert report["core"] == [0, 0]
    assert report["outcomes"]["fill the disk"] == LIMITED["fill the disk"]
    if sys.platform == "linux":
        assert report["outcomes"]["take memory"] == LIMITED["take memory"]
    else:
        assert any("memory" in lack for lack in report["lacks"])


def test_a_platform_without_landlock_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    monkeypatch.setattr(sandbox, "_limit", lambda memory, temporary: ())
    monkeypatch.setattr(sandbox, "_follow_parent", lambda: ())
    (lack,) = sandbox.enter(tmp_path, tmp_path, memory="1GiB", temporary="1GiB")
    assert "no Landlock" in lack
    assert "read-only mount" in lack


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [("2GiB", 2**31), ("512MB", 512 * 10**6), ("1.5 gib", 3 * 2**29), ("100", 100), ("80%", None), ("lots", None)],
)
def test_sizes(text: str, bytes_: int | None) -> None:
    assert sandbox.size(text) == bytes_


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("cannot open /srv/lake/telemetry/part.parquet", "cannot open LAKE/telemetry/part.parquet"),
        ("no home at '/home/jo/.duckdb/extensions'", "no home at '…'"),
        ("temp file /tmp/omptool-sql-x/1.tmp: full", "temp file …: full"),
        (r"cannot open C:\Users\jo\x.db", "cannot open …"),
        ("cannot read '/their/own.csv'", "cannot read '/their/own.csv'"),
        ("select value / 2, a/b/c from t", "select value / 2, a/b/c from t"),
        ("m/s and 3/4/5", "m/s and 3/4/5"),
    ],
)
def test_paths_of_the_server_are_hidden(text: str, hidden: str) -> None:
    statement = "select value / 2, a/b/c from t where x = '/their/own.csv'"
    assert hiding.hide(text, statement, {"/srv/lake": "LAKE"}) == hidden
