"""A server with two addresses: the one is killed, the recording goes on at the other."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from tests.capture.counting import counting_server
from tests.capture.counting_server import Options
from tests.cli.test_capture import PATIENCE_S, start, wait_for_rows
from tests.conftest import Result

Run = Callable[..., Result]


@pytest.fixture
def dead() -> Iterator[list[str]]:
    """Two addresses at which nothing listens, and nothing else can begin to."""
    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        yield [f"opc.tcp://127.0.0.1:{each.getsockname()[1]}" for each in (one, two)]


def test_the_other_address_is_taken_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "x.omcap"
    with counting_server(Options(counters=2)) as first, counting_server(Options(counters=2, uri="urn:b")) as second:
        urls = json.dumps([first.url, second.url])
        (tmp_path / "omptool.toml").write_text(f"[servers.press7]\nurls = {urls}\n")
        process = start(
            tmp_path, "capture", "press7", "-o", "x.omcap", "--publishing-interval", "50ms", "--log-file", "x.log"
        )
        wait_for_rows(process, folder, 100)
        first.kill()
        deadline = time.monotonic() + PATIENCE_S
        while " failover " not in (tmp_path / "x.log").read_text():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        wait_for_rows(process, folder, Capture.open(folder).rows + 50)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, err
    capture = Capture.open(folder)
    assert len({server.server for server in capture.servers}) == 1
    [entry] = [entry for entry in capture.journal_entries if entry.kind == "failover"]
    assert entry.detail == {"url": second.url, "from": first.url, "application_uri": "urn:b"}
    [gap] = capture.gap_entries
    assert gap.reason == "connection_lost" and gap.end_ns is not None
    connects = [entry.detail["url"] for entry in capture.journal_entries if entry.kind == "connect"]
    assert connects == [first.url, second.url]


def test_an_address_that_is_away_at_the_start_is_passed_over(invoke: Run, dead: list[str], tmp_path: Path) -> None:
    with counting_server(Options(counters=2)) as server:
        urls = json.dumps([*dead, server.url])
        (tmp_path / "omptool.toml").write_text(f"[servers.press7]\nurls = {urls}\n")
        result = invoke("capture", "press7", "-o", "x.omcap", "--publishing-interval", "50ms", "--count", 20)
        assert (result.code, result.rows[0]["rows"]) == (0, 20), result.err
        assert invoke("read", "press7", "--select", "**/Counter0").rows
        assert invoke("browse", "press7", "--select", "**/Counter0").code == 0
    assert Capture.open(tmp_path / "x.omcap").gap_entries == []


@pytest.mark.parametrize("command", [("capture", "press7", "-o", "x.omcap", "--for", "1s"), ("browse", "press7")])
def test_where_none_answers_all_are_named(invoke: Run, dead: list[str], tmp_path: Path, command: tuple[str]) -> None:
    (tmp_path / "omptool.toml").write_text(f"[servers.press7]\nurls = {json.dumps(dead)}\n")
    result = invoke(*command)
    assert result.code == 4
    assert "none of the 2 addresses of press7 answers" in result.err and all(url in result.err for url in dead)
    assert not (tmp_path / "x.omcap").exists()
