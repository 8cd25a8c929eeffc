"""NodeSet2 files of odd plants: they hold to the published schema, and another stack loads every node of them."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import xmlschema

from omptool.config import ServerConfig
from omptool.model.nodeid import QualifiedName
from omptool.model.nodeset import identifier, visible
from omptool.opcua.exploring.explore import explore
from omptool.opcua.exploring.upward import Links
from omptool.opcua.session import connect
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


def test_definitions_are_those_of_the_server(plant: Plant, invoke, tmp_path: Path) -> None:
    file, _ = _saved(invoke, plant.url, tmp_path)
    there = {row["node_id"]: row["fields"] for row in loaded(file)}
    original = [row for row in loaded(HERE / "plant_types.NodeSet2.xml") if row["fields"]]
    assert len(original) > 5
    for row in original:
        assert there[row["node_id"]] == row["fields"], row["name"]
    text = file.read_text(encoding="utf-8")
    assert 'IsOptional="true"' in text and 'IsUnion="true"' in text


def test_references_are_those_of_the_server(machines: Plant, invoke, tmp_path: Path) -> None:
    async def links() -> Links:
        async with connect(ServerConfig(machines.url, timeout_s=60)) as session:
            return (await explore(session, with_links=True)).links

    file, _ = _saved(invoke, machines.url, tmp_path)
    wanted = asyncio.run(links())
    there = {row["node_id"]: {parent: kind for kind, parent in row["links"]} for row in loaded(file)}
    kinds = set()
    for node_id, of_node in wanted.items():
        for parent in of_node.keys() & there.get(node_id, {}).keys():
            assert there[node_id][parent] == of_node[parent], node_id
            kinds.add(of_node[parent])
    assert {"i=35", "i=46", "i=47", "i=17604"} <= kinds
