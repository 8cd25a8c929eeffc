"""Capturing from a stack that is not ours: five monitored items per request, a Bad value, an honest sampling rate."""

from __future__ import annotations

from pathlib import Path

from omptool.capture.reader import Capture
from omptool.model import status


def test_every_variable_is_captured_in_requests_of_five(peer_url: str, invoke, tmp_path: Path) -> None:
    result = invoke("capture", peer_url, "-o", "x.omcap", "--count", "45", "--publishing-interval", "100ms")
    assert result.code == 0, result.err
    assert (result.rows[0]["rows"], result.rows[0]["nodes"], result.rows[0]["gaps"]) == (45, 45, 0)
    assert "nodes sampled: the server looks at them every 50 to 1000 ms" in result.err
    capture = Capture.open(tmp_path / "x.omcap")
    paths = {entry.handle: entry.node.path for entry in capture.nodes() if entry.handle}
    wanted = ["node", "status", "v_i64", "raw"]
    rows = [row for _, batch in capture.batches() for row in batch.select(wanted).to_pylist()]
    by_path = {paths[row["node"]]: row for row in rows}
    assert [by_path[f"Line1/Tags/Tag{number}"]["v_i64"] for number in range(40)] == list(range(40))
    assert by_path["Line1/Press7/Broken"]["status"] == status.code_of("BadSensorFailure")
    assert by_path["Line1/Press7/Counter"]["v_i64"] == 2**53 + 1
    assert by_path["Line1/Press7/Profile"]["raw"] is not None


def test_the_plan_of_a_foreign_server(peer_url: str, invoke) -> None:
    result = invoke("capture", peer_url, "--dry-run", "--select", "Line1/Press7/Temperature")
    assert [(row["path"], row["unit"]) for row in result.rows] == [("Line1/Press7/Temperature", "°C")]
