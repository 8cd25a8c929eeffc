"""Whoever listened to a capture may go: it is recorded all the same, and ends as it would have ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from tests.capture.counting import CountingServer, assert_counts_without_hole, counting_server
from tests.conftest import clean_environment


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    with counting_server() as running:
        yield running


@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
def test_a_closed_pipe_costs_no_row(server: CountingServer, tmp_path: Path, closed: str) -> None:
    read, write = os.pipe()
    os.close(read)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    streams |= dict.fromkeys(("stdout", "stderr") if closed == "both" else (closed,), write)
    command = ("capture", server.url, "-o", "x.omcap", "--publishing-interval", "50ms", "--for", "1s")
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", *command, "--progress", "json"],
        env=clean_environment(tmp_path), cwd=tmp_path, **streams,
    )  # fmt: skip
    os.close(write)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, (out, err)
    assert Capture.open(tmp_path / "x.omcap").finished
    assert_counts_without_hole(tmp_path / "x.omcap")
    assert b"Traceback" not in (err or b"")
