"""NodeSet2 files of odd plants: they hold to the published schema, and another stack loads every node of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import xmlschema

from omptool.model.nodeid import QualifiedName
from omptool.model.nodeset import identifier, visible
from tests.conftest import Result
from tests.peers.plants import HERE, Plant, node_binary

SCHEMA = HERE / "node_modules" / "node-opcua-nodesets" / "nodesets" / "UANodeSet.xsd"


def loaded(file: Path) -> list[dict[str, Any]]:
    """The nodes that node-opcua has of a file."""
    command = [node_binary(), "load_nodeset.mjs", json.dumps({"file": str(file)})]
    done = subprocess.run(command, cwd=HERE, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert b"NODE-OPCUA-E" not in done.stdout and b"post-loading task failed" not in done.stdout
    (line,) = [line for line in done.stdout.split(b"\n") if line.startswith(b'{"url"')]
    rows: list[dict[str, Any]] = json.loads(line)["rows"]
    return rows


def _saved(invoke, url: str, home: Path) -> tuple[Path, list[dict[str, Any]]]:
    result: Result = invoke("browse", url, "--save", "plant.xml", "--timeout", "60")
    assert result.code == 0, result.err
    return home / "plant.xml", [row for row in result.rows if row["node_id"].startswith("nsu=")]


@pytest.mark.parametrize("kind", ["plant", "machines"])
def test_another_stack_loads_every_node(request, kind: str, invoke, tmp_path: Path) -> None:
    peer: Plant = request.getfixturevalue(kind)
    file, rows = _saved(invoke, peer.url, tmp_path)
    xmlschema.XMLSchema(SCHEMA).validate(file)
    there = {row["node_id"]: row for row in loaded(file)}
    shown = {identifier(row["node_id"]): row for row in rows}
    assert set(shown) <= set(there)
    for node_id, row in shown.items():
        assert there[node_id]["node_class"] == row["node_class"]
        assert (there[node_id]["name"] or "") == visible(QualifiedName.parse(row["browse_name"]).name)


def test_browsed_without_the_server_it_is_the_same(plant: Plant, invoke, tmp_path: Path) -> None:
    _, rows = _saved(invoke, plant.url, tmp_path)
    again = {row["node_id"]: row for row in invoke("browse", "plant.xml").rows}
    own = ("path", "browse_name", "display_name", "data_type", "type_definition", "unit", "enum_names", "parents")
    assert len(again) == len(rows)
    for row in rows:
        assert {name: again[row["node_id"]][name] for name in own} == {name: row[name] for name in own}
