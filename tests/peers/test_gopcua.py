"""Against a third stack, gopcua: looser than the others, without DataTypes and TypeDefinitions. It is built from source
when the tests run, which takes a Go toolchain; only the `full` tier has them."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from omptool.capture.reader import Capture
from omptool.replay.variants import variants
from tests.peers.plants import running
from tests.peers.rebuild import EPOCH_TICKS

pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]

SOURCE = Path(__file__).parent / "gopcua"
SPACE = "urn:test:gopcua"


@pytest.fixture(scope="module")
def gopcua(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the server says of itself: its url, and the bytes of each value by name."""
    go = shutil.which("go")
    assert go, "this test builds a server in Go: install Go, or leave the test out"
    home = tmp_path_factory.mktemp("gopcua")
    subprocess.run([go, "build", "-mod=readonly", "-o", home / "peer", "."], cwd=SOURCE, check=True, timeout=1000)
    with running([home / "peer"], SOURCE, home) as (hello, _):
        yield hello


def variants_of(path: Path) -> dict[str, list[tuple[int, bytes]]]:
    """(SourceTimestamp in Unix nanoseconds, Variant) of the rows by NodeId."""
    capture = Capture.open(path)
    node_ids = {entry.handle: entry.node.node_id for entry in capture.nodes() if entry.handle}
    found: dict[str, list[tuple[int, bytes]]] = {}
    for _, batch in capture.batches():
        stamps = batch.column("source_time").cast("int64").to_pylist()
        for handle, stamp, variant in zip(batch.column("node").to_pylist(), stamps, variants(batch), strict=True):
            found.setdefault(node_ids[handle], []).append((stamp, variant))
    return found


def test_browse_finds_every_node(gopcua: dict[str, Any], invoke) -> None:
    result = invoke("browse", gopcua["url"], "--class", "Variable", "--timeout", "60")
    assert result.code == 0, result.err
    found = {row["node_id"] for row in result.rows}
    assert {f"nsu={SPACE};s={name}" for name in (*gopcua["truth"], "Counter")} <= found


def test_read_by_node_id(gopcua: dict[str, Any], invoke) -> None:
    names = ["UInt64", "Infinity", "String", "DateTime", "StatusCode", "name/with&odd[parts]"]
    result = invoke("read", gopcua["url"], *(f"nsu={SPACE};s={name}" for name in names), "--timeout", "60")
    assert result.code == 0, result.err
    shown = [(row["value_exact"], row["value_text"]) for row in result.rows]
    assert shown[0] == (2**64 - 1, None) and result.rows[1]["value"] == "-Infinity"
    assert [text for _, text in shown[2:5]] == [
        "é \x00\x1b[31m \u202e",
        "2026-01-15T12:30:45.6781234Z",
        "BadSensorFailure",
    ]
    assert result.rows[5]["value"] == 7


def test_a_root_is_found_though_no_reference_leads_back(gopcua: dict[str, Any], invoke) -> None:
    """This stack knows its references in one direction only."""
    every = invoke("browse", gopcua["url"], "--timeout", "60").rows
    root = next(row for row in every if f"nsu={SPACE};s=Int64" in row["node_id"])["parents"][0]
    place = next(row["path"] for row in every if row["node_id"] == root)
    below = {row["path"] for row in every if row["path"].startswith(place + "/")}
    for asked in (root, place):
        result = invoke("browse", gopcua["url"], "--root", asked, "--timeout", "60")
        assert result.code == 0, result.err
        assert {row["path"] for row in result.rows} == below
    assert place + "/name&/with&&odd[parts]" in below
    assert invoke("browse", gopcua["url"], "--root", f"nsu={SPACE};s=Nobody").code == 1


def test_a_capture_holds_every_value_bit_for_bit(gopcua: dict[str, Any], invoke, tmp_path: Path) -> None:
    options = ("--for", "4s", "--publishing-interval", "200ms", "--timeout", "60")
    result = invoke("capture", gopcua["url"], "-o", "x.omcap", *options)
    assert result.code == 0, result.err
    found = variants_of(tmp_path / "x.omcap")
    values = {name: found[f"nsu={SPACE};s={name}"][-1][1].hex() for name in gopcua["truth"]}
    assert values == gopcua["truth"]
    ticks = found[f"nsu={SPACE};s=Counter"]
    assert len(ticks) > 3
    for stamp, variant in ticks:
        assert variant == struct.pack("<Bq", 8, stamp // 100_000_000) and stamp // 100 + EPOCH_TICKS > 0


def test_from_server_to_query(gopcua: dict[str, Any], invoke) -> None:
    options = ("--select", "**/Int*", "--count", "3", "--publishing-interval", "200ms", "--timeout", "60")
    assert invoke("capture", gopcua["url"], "-o", "x.omcap", *options).code == 0
    assert invoke("convert", "x.omcap", "-o", "lake").code == 0
    result = invoke("query", "select type, value, value_exact from telemetry order by value", "--on", "lake")
    assert [tuple(row.values()) for row in result.rows] == [
        ("Int64", -(2.0**63), -(2**63)),
        ("Int32", -(2**31), None),
        ("Int16", -(2**15), None),
    ]
