"""What `capture` takes and how it asks for it: lists, snapshots, OPC Publisher's files, settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from tests.capture.counting import CountingServer, counting_server, values
from tests.conftest import Result

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    with counting_server() as running:
        yield running


def planned(result: Result, *columns: str) -> list[tuple[object, ...]]:
    assert result.code == 0, result.err
    return [tuple(row[column] for column in ("path", *columns)) for row in result.rows]


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "parquet"])
def test_a_snapshot_is_a_list(invoke: Run, server: CountingServer, suffix: str) -> None:
    made = invoke("browse", server.url, "--select", "**/Counter{1,3}", "-o", f"s.{suffix}")
    assert made.code == 0, made.err
    result = invoke("capture", server.url, "--dry-run", "--nodes", f"s.{suffix}")
    assert planned(result) == [("Line1/Counter1",), ("Line1/Counter3",)]


def test_csv_flags_and_settings_say_how(invoke: Run, server: CountingServer, tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("node,sampling,queue,deadband\nLine1/Counter1,100ms,5,\nLine1/Counter2,,,3\n")
    (tmp_path / "omptool.toml").write_text(
        f'[servers.c]\nurl = "{server.url}"\nnodes = "n.csv"\n'
        '[[capture.nodes]]\nmatch = "**/Counter2"\nqueue_size = 77\ndeadband = 9\n'
        '[[capture.nodes]]\nmatch = "**"\ntrigger = "status"\nqueue_size = 78\n'
    )
    what = "sampling_ms", "queue_size", "discard", "deadband", "trigger"
    listed = invoke("capture", "c", "--dry-run")
    assert planned(listed, *what) == [
        ("Line1/Counter1", 100, 5, "oldest", None, "status"),
        ("Line1/Counter2", 0, 77, "oldest", "3", "status"),
    ]
    flags = "--queue-size", "9", "--discard", "newest", "--deadband", "2%", "--trigger", "status-value-timestamp"
    typed = invoke("capture", "c", "--dry-run", "--select", "**/Counter{0,2}", *flags)
    assert planned(typed, *what) == [
        (f"Line1/Counter{number}", 0, 9, "newest", "2%", "status-value-timestamp") for number in (0, 2)
    ]


def test_opc_publishers_file_names_servers_nodes_and_intervals(
    invoke: Run, server: CountingServer, tmp_path: Path
) -> None:
    nodes = [
        {"Id": "ns=2;s=Counter1", "OpcSamplingInterval": 50, "SkipFirst": True},
        {"Id": "urn:test:counting#s=Counter2"},
    ]
    entries = [
        {"EndpointUrl": server.url, "DataSetPublishingInterval": 100, "OpcNodes": nodes},
        {"EndpointUrl": "opc.tcp://127.0.0.1:1", "OpcNodes": [{"Id": "i=2258"}]},
    ]
    (tmp_path / "pn.json").write_text("// hall 2\n" + json.dumps(entries[:1]))
    assert planned(invoke("capture", "--nodes", "pn.json", "--dry-run"), "sampling_ms", "queue_size") == [
        ("Line1/Counter1", 50, 10), ("Line1/Counter2", 0, 400),
    ]  # fmt: skip
    (tmp_path / "two.json").write_text(json.dumps(entries))
    one = invoke("capture", server.url, "--nodes", "two.json", "--dry-run")
    assert len(planned(one)) == 2
    assert "names servers that are not captured: opc.tcp://127.0.0.1:1\n" in one.err
    assert "SkipFirst (in 1 place) cannot be had" in one.err
    other = invoke("capture", "opc.tcp://127.0.0.1:2", "--nodes", "two.json", "--dry-run")
    assert other.code == 2 and "asks for nothing of opc.tcp://127.0.0.1:2" in other.err
    assert invoke("capture", "--dry-run").code == 2


def test_a_queue_of_one_is_sampled_and_a_deadband_is_in_the_journal(
    run_cli: Run, server: CountingServer, tmp_path: Path
) -> None:
    (tmp_path / "n.csv").write_text("node,queue,trigger\nLine1/Counter1,1,\nLine1/Counter2,,status-value-timestamp\n")
    result = run_cli("capture", server.url, "-o", "x.omcap", "--nodes", "n.csv", "--count", 50)
    assert result.code == 0, result.err
    assert "1 nodes sampled: the server queues one value of each" in result.err
    capture = Capture.open(tmp_path / "x.omcap")
    [revised] = [entry.detail["items"] for entry in capture.journal_entries if entry.kind == "revised"]
    assert [(item["queue_size"], item["sampled"], item.get("trigger")) for item in revised] == [
        (1, True, None), (2000, False, "status-value-timestamp"),
    ]  # fmt: skip
    assert set(values(tmp_path / "x.omcap")) == {"Line1/Counter1", "Line1/Counter2"}
