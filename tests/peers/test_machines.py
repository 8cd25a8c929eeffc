"""Companion specifications on a stack that is not ours: machines are found, what is worth recording is taken."""

from __future__ import annotations

import json
from pathlib import Path

from tests.peers.plants import Plant


def test_machines_are_found(machines: Plant, invoke) -> None:
    result = invoke("browse", machines.url, "--timeout", "60")
    assert result.code == 0, result.err
    rows = {row["node_id"]: row for row in result.rows}
    ids = machines.machines
    places = {name: (rows[node_id]["path"], rows[node_id]["machine"]) for name, node_id in ids.items()}
    assert places == {
        "tool": ("Machines/Mill4", "Mill4"),
        "press": ("Hall2/Press7", "Press7"),
        "loader": ("Hall2/Loader", "Loader"),
        "packer": ("Hall2/Loader/Packer", "Loader"),
        "robot": ("DeviceSet/Robot1", "Robot1"),
    }
    nobody = "urn:test:plant"
    assert {row["machine"] for row in rows.values()} == {"Mill4", "Press7", "Loader", "Robot1", nobody}
    for path in ("Server", "Machines", "DeviceSet", "DeviceSet/DeviceFeatures", "Hall2"):
        assert [row["machine"] for row in rows.values() if row["path"] == path] == [nobody]


def test_a_machine_is_described_by_its_specification(machines: Plant, invoke) -> None:
    result = invoke("browse", machines.url, "--root", "Hall2/Press7", "--values", "--timeout", "60")
    rows = {row["path"]: row for row in result.rows}
    manufacturer = rows["Hall2/Press7/Identification/Manufacturer"]
    assert (manufacturer["value_text"], manufacturer["tag"]) == ("Somebody else", "Identification/Manufacturer")
    mode = invoke("browse", machines.url, "--root", "Machines/Mill4", "--type", "MachineOperationMode").rows
    assert [json.loads(row["enum_names"])["0"] for row in mode] == ["Manual"]


def test_a_capture_takes_what_changes(machines: Plant, invoke) -> None:
    """Variables of the machines; no properties that say who made them, nothing of the server itself."""
    result = invoke("capture", machines.url, "-o", "x.omcap", "--count", "10", "--publishing-interval", "100ms")
    assert result.code == 0, result.err
    nodes = invoke("cat", "x.omcap", "--view", "nodes").rows
    taken = [row["path"] for row in nodes if row["sampling_ms"] is not None]
    assert {"Hall2/Press7/Speed", "Hall2/Loader/Packer/Status/CurMachSpeed"} <= set(taken)
    assert "Machines/Mill4/Monitoring/MachineTool/OperationMode" in taken
    assert not [path for path in taken if path.startswith("Server") or "Identification" in path]


def test_the_lake_knows_the_machines(machines: Plant, invoke, tmp_path: Path) -> None:
    options = ("--select", "**/Speed", "--count", "2", "--publishing-interval", "100ms")
    assert invoke("capture", machines.url, "-o", "x.omcap", *options).code == 0
    assert invoke("convert", "x.omcap", "-o", "lake").code == 0
    result = invoke("query", "select machine, tag, value from telemetry order by 1", "--on", "lake")
    assert [tuple(row.values()) for row in result.rows] == [("Loader", "Speed", 12.5), ("Press7", "Speed", 12.5)]
