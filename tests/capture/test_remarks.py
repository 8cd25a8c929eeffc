"""What cost no value is told in a sentence: whose clock was set, and when omptool or the disk was slow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from omptool.capture.reader import Capture
from omptool.capture.remarks import remarks
from omptool.cli.info_screen import draw
from tests.capture import build
from tests.conftest import Result

SERVER = build.SERVER.server


def captured(path: Path, *entries: tuple[str, str | None, Any]) -> Capture:
    writer = build.start(path)
    for kind, server, detail in entries:
        writer.journal(kind, server=server, detail=detail)
    writer.close()
    return Capture.open(path)


def step(clock: str, seconds: float) -> tuple[str, str, Any]:
    return "clock_step", SERVER, {"clock": clock, "seconds": seconds}


def test_a_quiet_capture_has_none(tmp_path: Path) -> None:
    assert remarks(captured(tmp_path / "a.omcap")) == {}


@pytest.mark.parametrize(("entries", "server", "sentence"), [
    ([step("server", 30.0), step("server", -3600.0)], SERVER,
     "its clock was set by +30.0 s and -3,600.0 s: times do not compare across it"),
    ([step("server", 2.0)] * 4, SERVER, "its clock was set 4 times: times do not compare across it"),
    ([step("client", -30.0)], "", "this computer's clock was set by -30.0 s: times do not compare across it"),
    ([("client_slow", None, {"seconds": 2.5, "stalled": True})], "", "omptool stood still once, 2.5 s"),
    ([("client_slow", SERVER, {"seconds": 1.5}), ("client_slow", SERVER, {"seconds": 2})], SERVER,
     "asked for nothing while the disk caught up, 2 times, 3.5 s in all"),
    ([("slow_disk", SERVER, {"seconds": 3.0})], SERVER, "its values waited for a slow disk once, 3.0 s"),
    ([("slow_disk", None, {"seconds": 3.0})], "", "values waited for a slow disk once, 3.0 s"),
])  # fmt: skip
def test_each_is_a_sentence(tmp_path: Path, entries: list[Any], server: str, sentence: str) -> None:
    assert remarks(captured(tmp_path / "a.omcap", *entries)) == {server: [sentence]}


def test_a_step_of_ours_is_told_once_though_every_server_noticed_it(tmp_path: Path) -> None:
    other = ("clock_step", "urn:other", {"clock": "client", "seconds": 60.0})
    [sentence] = remarks(captured(tmp_path / "a.omcap", step("client", 60.0), other))[""]
    assert "by +60.0 s:" in sentence


@pytest.mark.parametrize("detail", [{}, {"clock": "server"}, {"clock": ["x"], "seconds": 1}, {"seconds": "3"}])
def test_entries_that_make_no_sense_are_passed_over(tmp_path: Path, detail: Any) -> None:
    assert remarks(captured(tmp_path / "a.omcap", ("clock_step", SERVER, detail), ("slow_disk", SERVER, {}))) == {}


def test_info_and_verify_say_it(tmp_path: Path, invoke: Any) -> None:
    stall = ("client_slow", None, {"seconds": 2.5, "stalled": True})
    capture = captured(tmp_path / "a.omcap", step("server", 30.0), stall)
    verified: Result = invoke("verify", tmp_path / "a.omcap")
    assert verified.code == 0
    for text in (verified.err, draw(capture, "a.omcap", "UTC")):
        assert "its clock was set by +30.0 s" in text
        assert "omptool stood still once, 2.5 s" in text
