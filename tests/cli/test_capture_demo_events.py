"""The demo plant's alarms, recorded, converted and held against its values: an event for each change of a code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Result, clean_environment

Run = Callable[..., Result]
CODES = """select a.machine, count(*) as changes, count(b.seq) as told
from telemetry a left join events b on a.machine = b.machine and a.time = b.time and b.active = (a.value > 0)
where a.tag = 'AlarmCode' and a.origin = 'live' group by a.machine order by a.machine"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("demo")
    start = "--from", "2026-11-15T09:00:00Z", "--speed", "300"
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", "demo", "--port", "0", *start],
        stdout=subprocess.PIPE, encoding="utf-8", env=clean_environment(home), cwd=home,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.communicate()


def test_every_change_of_an_alarm_code_has_its_event(invoke: Run, demo: str, tmp_path: Path) -> None:
    recorded = invoke("capture", demo, "-o", "x.omcap", "--select", "**/AlarmCode", "--events", "--for", "6s")
    assert recorded.code == 0, recorded.err
    assert invoke("convert", "x.omcap", "-o", "lake").code == 0
    for source in ("x.omcap", "lake"):
        rows = invoke("query", CODES, "--on", source).rows
        assert len(rows) >= 3 and sum(row["changes"] for row in rows) > 10
        assert [row for row in rows if row["changes"] != row["told"]] == []
    events = invoke("cat", "x.omcap", "--view", "events").rows
    assert {(row["site"], row["condition_name"], row["event_type"]) for row in events} == {
        ("Riverside", "Stopped", "i=2915")
    }
    assert {row["severity"] for row in events if row["active"]} <= {300, 800}
    assert {row["origin"] for row in events} <= {"live", "initial"}
    assert {row["verdict"] for row in invoke("verify", "x.omcap").rows} == {"complete"}


def test_only_severe_ones_where_that_is_asked(invoke: Run, demo: str) -> None:
    recorded = invoke(
        "capture", demo, "-o", "y.omcap", "--select", "**/AlarmCode", "--event-severity", 300, "--for", "4s"
    )
    assert recorded.code == 0, recorded.err
    events = invoke("cat", "y.omcap", "--view", "events").rows
    assert events and all(row["active"] and row["severity"] >= 300 for row in events)
