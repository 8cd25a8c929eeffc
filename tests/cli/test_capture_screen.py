"""What a person sees of several servers: who is connected, who is away since when and why, and one word at the end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from omptool.capture.recording.naming import Shared
from omptool.capture.recording.terms import FailedItem, Limits, Progress, RecordingResult, ServerProgress, ServerResult
from omptool.cli.capture_screen import Screen
from omptool.cli.capture_words import last_word, summary

AWAY = "opc.tcp://10.0.0.9:4840: nothing listens on port 4840 of 10.0.0.9 (connection refused)"


def lines(*servers: ServerProgress) -> list[str]:
    progress = Progress(list(servers), is_capturing=any(server.phase == "capturing" for server in servers))
    return Screen("none", Path("shift.omcap"), Limits(seconds=28800), progress)._lines()


def connected(label: str, gaps: int = 0) -> ServerProgress:
    return ServerProgress(label, "capturing", nodes=412, rows=1000, gaps=gaps, lag_s=0.21, keep_alive_s=5.0)


def away(label: str) -> ServerProgress:
    return ServerProgress(
        label, "waiting", cause=AWAY, lost_ns=time.time_ns(), attempts=lambda: 2, retry_in=lambda: 1.6
    )  # fmt: skip


def test_one_line_per_server() -> None:
    head, press7, oven2, disk = lines(connected("press7"), away("oven2"))
    assert head.startswith("capturing 2 servers → shift.omcap") and head.endswith(" of 08:00:00")
    assert press7.startswith("press7  ● connected  412 items  ") and press7.endswith("lag 0.21 s  complete")
    assert oven2.startswith("oven2   ◐ away since ")
    assert oven2.endswith("attempt 3 in 1.6 s  nothing listens on port 4840 of 10.0.0.9 (connection refused)")
    assert "2,000 rows" not in disk and "1,000 rows" in disk


def test_one_server_needs_no_name() -> None:
    head, link, _ = lines(connected("opc.tcp://10.1.4.7:4840/plant", gaps=1))
    assert head.startswith("capturing 10.1.4.7:4840 → shift.omcap")
    assert link.startswith("● connected") and link.endswith("1 window may lack values")


def test_of_many_servers_those_in_trouble_come_first() -> None:
    shown = lines(*(connected(f"press{number}") for number in range(40)), away("oven2"))
    assert len(shown) == 15
    assert shown[1].startswith("oven2")
    assert shown[-2] == "and 29 more servers"


def test_before_it_begins_those_that_are_away_are_named() -> None:
    assert lines(ServerProgress("press7", "browsing", nodes=80), away("oven2")) == [
        "browsing 2 servers  80 nodes",
        "oven2  ○ nothing listens on port 4840 of 10.0.0.9 (connection refused)",
    ]


def test_the_last_word_names_whom_something_happened_to(capsys: pytest.CaptureFixture[str]) -> None:
    lost = "opc.tcp://10.0.0.8:4840: the server closed the connection during Publish"
    result = RecordingResult(
        (
            ServerResult("press7", "press7", 5000, 412, {}, unknown_types=("Recipe", *"ABCDE")),
            ServerResult("press8", "press8", 4000, 412, {"connection_lost": 2}, cause=lost, away=AWAY),
            ServerResult("oven2", "oven2", 0, 0, {"connection_lost": 1}, was_reached=False, cause=AWAY, away=AWAY),
            ServerResult(
                "urn:cnc", "opc.tcp://10.0.0.7:4840", 9, 3, {"item_failed": 1}, failed=(FailedItem("A/B", "BadX"),)
            ),
        ),
        761.0,
        150_000,
        "for",
        (Shared("urn:plc", ("press7", "press8")),),
    )
    last_word(result, Path("shift.omcap"))
    assert capsys.readouterr().err.splitlines() == [
        "9,009 rows of 827 nodes from 3 of 4 servers in 00:12:41, 150 kB (16.7 B/row)",
        "press7 and press8 both call themselves urn:plc: their rows go by these names",
        "press7 complete",
        "press8 2 windows may lack values (connection lost: the server closed the connection during Publish)"
        " · not connected at the end: nothing listens on port 4840 of 10.0.0.9 (connection refused)",
        "oven2 was never reached: nothing listens on port 4840 of 10.0.0.9 (connection refused)",
        "10.0.0.7:4840 complete · 1 of 4 nodes not monitored",
        "  A/B   BadX",
        "press7 does not explain the types Recipe, A, B, C, D and 1 more: structures of them stay bytes",
        "next: omptool verify shift.omcap   omptool convert shift.omcap -o lake",
    ]
    assert summary(result).rows == [(9009, 827, 3, 4, 761.0)]
