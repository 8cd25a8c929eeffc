"""Alarms, events and deadbands of a stack that is not ours: recorded, proven, converted and asked for in SQL."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from omptool.capture.reader import Capture
from tests.conftest import clean_environment
from tests.peers.plants import running_peer

TURN = "nsu=urn:test:alarms;Turn"
ALARM_TYPE, TURN_TYPE = "i=9341", "nsu=urn:test:alarms;s=TurnEventType"


@pytest.fixture(scope="module")
def tank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_peer("plant_alarms.mjs", tmp_path_factory.mktemp("tank")) as (hello, _):
        yield hello["url"]


def omptool(home: Path, *arguments: object, code: int = 0) -> tuple[list[dict[str, Any]], str]:
    command = [sys.executable, "-m", "omptool", *map(str, arguments)]
    done = subprocess.run(command, cwd=home, env=clean_environment(home), capture_output=True, timeout=200)
    assert done.returncode == code, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.decode().splitlines()], done.stderr.decode()


@pytest.fixture(scope="module")
def recorded(tank: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("recorded")
    _, said = omptool(
        home, "capture", tank, "-o", "x.omcap", "--select", "Tank/Level", "--events", "--event-field", TURN,
        "--for", "4s", "--publishing-interval", "200ms",
    )  # fmt: skip
    assert " events of 1 nodes" in said
    omptool(home, "convert", "x.omcap", "-o", "lake")
    return home


def test_events_and_alarms_have_their_columns(recorded: Path) -> None:
    events, _ = omptool(recorded, "cat", "x.omcap", "--view", "events")
    turns = [json.loads(row["fields"])[TURN] for row in events if row["event_type"] == TURN_TYPE]
    assert len(turns) >= 3 and turns == list(range(turns[0], turns[0] + len(turns)))
    alarms = [row for row in events if row["event_type"] == ALARM_TYPE]
    assert {row["active"] for row in alarms} == {True, False}
    for row in alarms:
        assert (row["condition_name"], row["condition_id"]) == ("Level too high", "nsu=urn:test:alarms;s=LevelAlarm")
        assert row["node_id"] == "nsu=urn:test:alarms;s=Level" and row["event_id"] and row["severity"] is not None
    assert [row["seq"] for row in events] == list(range(1, len(events) + 1))


def test_conditions_that_stood_before_come_by_refresh(recorded: Path) -> None:
    kinds = {entry.kind: entry.detail for entry in Capture.open(recorded / "x.omcap").journal_entries}
    assert kinds["condition_refresh"] == {"status_name": "Good"} and "conditions_refreshed" in kinds


def test_the_capture_is_proven_with_events_in_it(recorded: Path) -> None:
    verdicts, _ = omptool(recorded, "verify", "x.omcap")
    assert {row["verdict"] for row in verdicts} <= {"complete", "sampled"}


@pytest.mark.parametrize("source", ["x.omcap", "lake"])
def test_sql_asks_for_events(recorded: Path, source: str) -> None:
    question = "select seq, event_type, message, active, severity, fields, origin from events order by seq"
    asked, _ = omptool(recorded, "query", question, "--on", source)
    shown, _ = omptool(recorded, "cat", "x.omcap", "--view", "events")
    assert asked == [{name: row[name] for name in asked[0]} for row in shown]


def test_a_type_and_a_severity_filter_at_the_server(tank: str, tmp_path: Path) -> None:
    typed = "--event-type", TURN_TYPE, "--event-source", "Tank", "--select", "Tank/Level"
    omptool(tmp_path, "capture", tank, "-o", "t.omcap", *typed, "--for", "2s")
    events, _ = omptool(tmp_path, "cat", "t.omcap", "--view", "events")
    assert {row["event_type"] for row in events} == {TURN_TYPE}
    severe = "--event-severity", "120", "--select", "Tank/Level"
    omptool(tmp_path, "capture", tank, "-o", "s.omcap", *severe, "--for", "2s")
    events, _ = omptool(tmp_path, "cat", "s.omcap", "--view", "events")
    assert events and min(row["severity"] for row in events) >= 120


def test_deadbands_are_kept_and_a_refused_one_is_said(tank: str, tmp_path: Path) -> None:
    """Level steps by 10 and 35 of a range of 200: 15 % lets the 35 through; Count has no range."""
    _, said = omptool(
        tmp_path, "capture", tank, "-o", "d.omcap", "--select", "Tank/*", "--deadband", "15%", "--for", "3s"
    )
    assert "does not take what was asked to be left out of 1 node: Tank/Count (Bad" in said
    rows, _ = omptool(
        tmp_path, "query", "select tag, value from telemetry where origin = 'live' order by time", "--on", "d.omcap"
    )
    levels = [row["value"] for row in rows if row["tag"].endswith("Level")]
    counts = [row["value"] for row in rows if row["tag"].endswith("Count")]
    assert levels and all(abs(one - other) > 30 for one, other in pairwise(levels))
    assert len(counts) >= 15
