"""Nodes that are read in cycles, and values that are repeated: of an origin of their own, counted, nothing claimed."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from omptool.capture.reader import Capture
from omptool.capture.recording import polling
from omptool.opcua.subscribing import subscription
from tests.capture.counting import CountingServer, counting_server
from tests.capture.counting_server import Options
from tests.conftest import Result

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    with counting_server(Options(counters=3, period_s=0.02)) as running:
        yield running


@pytest.fixture(scope="module")
def still() -> Iterator[CountingServer]:
    """Steps once an hour."""
    with counting_server(Options(counters=2, period_s=3600)) as running:
        yield running


def rows_of(invoke: Run, name: str) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for row in invoke("cat", name).rows:
        found[row["path"]].append(row)
    return found


def test_polled_nodes_are_read_and_the_others_subscribed_to(
    invoke: Run, server: CountingServer, tmp_path: Path
) -> None:
    (tmp_path / "n.csv").write_text("node,poll\nLine1/Counter0,200ms\nLine1/Counter1,\nLine1/Counter2,200ms\n")
    result = invoke("capture", server.url, "-o", "x.omcap", "--nodes", "n.csv", "--for", "1500ms")
    assert "1 nodes complete · 2 nodes read in cycles" in result.err
    assert result.rows[0]["nodes"] == 3
    found = rows_of(invoke, "x.omcap")
    assert {path: {row["origin"] for row in rows} for path, rows in found.items()} == {
        "Line1/Counter0": {"polled"}, "Line1/Counter1": {"initial", "live"}, "Line1/Counter2": {"polled"},
    }  # fmt: skip
    assert 2 <= len(found["Line1/Counter0"]) <= 9
    assert [row["value"] for row in found["Line1/Counter0"]] == sorted(row["value"] for row in found["Line1/Counter0"])
    verdicts = {(row["verdict"], row["detail"]) for row in invoke("verify", "x.omcap").rows}
    if "cycles missed" not in result.err:
        assert verdicts == {("complete", None), ("sampled", "read every 200 ms")}
        assert result.code == 0


def test_all_can_be_polled(invoke: Run, server: CountingServer) -> None:
    result = invoke("capture", server.url, "-o", "all.omcap", "--poll", "250ms", "--count", 7)
    assert result.code in (0, 3), result.err
    assert result.rows[0]["rows"] == 7
    assert {row["origin"] for row in invoke("cat", "all.omcap").rows} == {"polled"}


def test_a_cycle_that_takes_too_long_is_missed_and_said(
    invoke: Run, server: CountingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = polling.read_values

    async def slow(*arguments: Any) -> Any:
        await asyncio.sleep(0.35)
        return await read(*arguments)

    monkeypatch.setattr(polling, "read_values", slow)
    result = invoke("capture", server.url, "-o", "slow.omcap", "--poll", "150ms", "--for", "1500ms")
    assert result.code == 3 and "cycles missed" in result.err
    capture = Capture.open(tmp_path / "slow.omcap")
    told = [entry.detail for entry in capture.journal_entries if entry.kind == "cycle_missed"]
    assert told and told[-1]["cycles"] >= 2 and "reading 3 nodes took" in told[0]["cause"]
    gaps = capture.gaps().to_pylist()
    assert {(gap["reason"], gap["state"], gap["node_id"] is not None) for gap in gaps} == {("stale", "explained", True)}
    assert len(gaps) == 3, "one window per node, however many cycles"


def test_a_value_that_stays_is_repeated(invoke: Run, still: CountingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "KEEP_ALIVE_S", 0.3)
    monkeypatch.setattr(subscription, "STATEMENT_S", 0.3)
    result = invoke("capture", still.url, "-o", "beat.omcap", "--heartbeat", "500ms", "--count", 3,
                    "--publishing-interval", "100ms", "--select", "**/Counter0")  # fmt: skip
    assert result.code == 0, result.err
    [rows] = rows_of(invoke, "beat.omcap").values()
    first, *beats = rows
    assert first["origin"] == "initial" and beats
    for row in beats:
        assert (row["origin"], row["value"], row["time_basis"]) == ("heartbeat", first["value"], "server")
        assert row["time"] > first["time"]
    assert {row["verdict"] for row in invoke("verify", "beat.omcap").rows} == {"complete"}


def test_the_plan_says_how(invoke: Run, server: CountingServer, tmp_path: Path) -> None:
    entry = {
        "EndpointUrl": server.url,
        "OpcNodes": [
            {"Id": "ns=2;s=Counter0", "UseCyclicRead": True, "OpcSamplingInterval": 5000},
            {"Id": "ns=2;s=Counter1", "HeartbeatInterval": 60},
        ],
    }
    (tmp_path / "pn.json").write_text(json.dumps([entry]))
    result = invoke("capture", "--nodes", "pn.json", "--dry-run")
    assert result.code == 0, result.err
    assert [(row["poll_ms"], row["heartbeat_ms"]) for row in result.rows] == [(5000, None), (None, 60_000)]
