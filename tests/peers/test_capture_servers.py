"""One capture of two stacks and of nobody, all the way: capture, info, verify, cat, convert, query, replay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from tests.conftest import DemoServer, Result

Invoke = Callable[..., Result]
DEMO, PEER = "urn:omptool:demo", "urn:test:peer"


@pytest.fixture
def settings(demo_server: DemoServer, peer_url: str, tmp_path: Path) -> None:
    tables = [("plant", demo_server.url), ("peer", peer_url), ("oven2", "opc.tcp://127.0.0.1:9")]
    text = "".join(f'[servers.{name}]\nurl = "{url}"\nsite = "Hall-{name}"\n' for name, url in tables)
    (tmp_path / "omptool.toml").write_text(text)


def test_two_stacks_and_nobody_in_one_capture(settings: None, invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("capture", "plant", "peer", "oven2", "-o", "x.omcap", "--for", "3s")
    assert result.code == 3, result.err
    [line] = result.rows
    assert (line["servers"], line["gaps"]) == (2, 1)
    assert "oven2 was never reached: nothing listens on port 9" in result.err
    capture = Capture.open(tmp_path / "x.omcap")
    assert line["nodes"] == sum(1 for node in capture.nodes() if node.handle)
    assert line["rows"] == capture.rows

    [info] = invoke("info", "x.omcap").rows
    assert (sorted(info["servers"]), info["gaps"], info["rows"]) == ([DEMO, PEER], 1, line["rows"])

    verdicts = invoke("verify", "x.omcap")
    assert verdicts.code == 3
    found = {(row["server"], row["verdict"]) for row in verdicts.rows}
    assert {(DEMO, "complete"), (PEER, "sampled"), ("oven2", "windows")} <= found
    assert {server for server, verdict in found if verdict == "windows"} == {"oven2"}

    rows = {name: invoke("cat", "x.omcap", "--server", name).rows for name in ("plant", "peer")}
    assert {row["server"] for row in rows["peer"]} == {PEER}
    assert {row["site"] for row in rows["plant"]} == {"Hall-plant"}
    assert sum(map(len, rows.values())) == line["rows"]
    assert [row["server"] for row in invoke("cat", "x.omcap", "--view", "gaps", "--server", "oven2").rows] == ["oven2"]
    assert invoke("cat", "x.omcap", "--view", "gaps", "--server", "peer").rows == []
    unknown = invoke("cat", "x.omcap", "--server", "oven3")
    assert unknown.code == 1
    assert "it has: plant, peer" in unknown.err or "it has: peer, plant" in unknown.err

    assert invoke("convert", "x.omcap", "-o", "lake").code == 0
    counted = invoke("query", "select server, count(*) n from telemetry group by all order by all", "--on", "lake").rows
    assert counted == [{"server": DEMO, "n": len(rows["plant"])}, {"server": PEER, "n": len(rows["peer"])}]

    several = invoke("replay", "x.omcap", "--to", "opc.tcp://127.0.0.1:0", "--rate", "max", "--exit")
    assert several.code == 1
    assert "choose one with --server" in several.err
    assert invoke("replay", "x.omcap", "--to", "y.omcap", "--server", "peer").code == 0
    played = Capture.open(tmp_path / "y.omcap")
    assert (played.rows, played.gap_entries) == (len(rows["peer"]), [])


def test_a_plan_of_several_servers_says_whose_node_it_is(settings: None, invoke: Invoke) -> None:
    result = invoke("capture", "plant", "peer", "--dry-run", "--select", "**/Press{1,7}/{Power,Temperature}")
    assert {row["server"] for row in result.rows} == {DEMO, PEER}


def test_a_server_is_named_once(settings: None, invoke: Invoke, peer_url: str) -> None:
    result = invoke("capture", "peer", peer_url, "-o", "x.omcap")
    assert (result.code, "named twice" in result.err) == (2, True)
