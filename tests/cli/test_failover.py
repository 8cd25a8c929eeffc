"""A server with two addresses: the one is killed, the recording goes on at the other."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

from omptool.capture.reader import Capture
from tests.capture.counting import counting_server
from tests.capture.counting_server import Options
from tests.cli.test_capture import PATIENCE_S, start, wait_for_rows


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
