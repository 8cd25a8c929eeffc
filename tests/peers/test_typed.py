"""Structures and enumerations of a stack that is not ours: by the definitions that it gives, live and long after."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua

from omptool.capture.reader import Capture
from tests.conftest import clean_environment
from tests.peers.plants import HERE, Plant, Truth, node_binary

TYPED = "Plant/{Structures,Enumerations}/**"
SAME = ("path", "type", "value", "value_exact", "value_text", "value_list", "raw", "status", "time", "server_time")


def is_structure(truth: Truth) -> bool:
    return truth.names[0] == "Structures"


def matches(found: Any, plain: Any) -> bool:
    """What a person wrote down, where fields that are absent may be null."""
    match plain:
        case dict():
            absent = [value for key, value in found.items() if key not in plain and key != "switchField"]
            return not any(absent) and all(matches(found[key], value) for key, value in plain.items())
        case list():
            return len(found) == len(plain) and all(map(matches, found, plain))
    return bool(found == plain)


def check(plant: Plant, rows: list[dict[str, Any]]) -> None:
    found = {row["path"]: row for row in rows}
    for truth in filter(is_structure, plant.typed):
        row = found[truth.path]
        assert base64.b64decode(row["raw"]) == truth.variant, truth.path
        assert truth.plain is None or matches(json.loads(row["value_text"]), truth.plain), row
    for truth in plant.typed:
        if not is_structure(truth):
            assert found[truth.path]["value_text"] == truth.plain, truth.path
    everything = json.loads(found["Plant/Structures/Everything"]["value_text"])
    assert (everything["big"], everything["mode"], everything["any"]) == (2**64 - 1, "Automatic", "-Infinity")
    assert (everything["choice"], everything["part"]["class"]) == ({"text": "chosen"}, "inner")
    assert everything["stamp"] == "2026-01-15T12:30:45.6780000Z" and everything["bytes"] == "AQL/"
    types = {path.rpartition("/")[2]: row["type"] for path, row in found.items()}
    assert (types["Points"], types["Grid"], types["Weighted as Point"]) == ("Point[]", "Point[][]", "WeightedPoint")
    assert (types["ByDefinition"], types["ByDefinition array"]) == ("DriveMode", "DriveMode[]")
    assert found["Plant/Enumerations/ByDefinition array"]["value_list"] == [0, 5, 77]


@pytest.mark.parametrize("limits", ["none", "three"])
def test_they_read_as_what_their_server_calls_them(limits: str, request: Any, invoke: Any) -> None:
    plant: Plant = request.getfixturevalue("plant" if limits == "none" else "small_plant")
    result = invoke("browse", plant.url, "--values", "--class", "Variable", "--select", TYPED)
    assert result.code == 0 and "stayed bytes" not in result.err
    check(plant, result.rows)


@contextlib.contextmanager
def replaying(capture: Path, home: Path) -> Iterator[str]:
    """The capture as a server, in a process of its own that knows none of its types."""
    command = [sys.executable, "-m", "omptool", "replay", capture, "--to", "opc.tcp://127.0.0.1:0", "--rate", "max"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=clean_environment(home)
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def test_a_replayed_server_explains_them_to_everybody(plant: Plant, invoke: Any, tmp_path: Path) -> None:
    count = str(len(plant.typed))
    result = invoke("capture", plant.url, "-o", "one.omcap", "--select", TYPED, "--count", count, "--for", "60s")
    assert result.code == 0, result.err
    first = invoke("cat", "one.omcap").rows
    check(plant, first)
    with replaying(tmp_path / "one.omcap", tmp_path) as url, ThreadPoolExecutor(1) as aside:
        reading = aside.submit(as_node_opcua_reads, url, plant, tmp_path)
        again = invoke("capture", url, "-o", "two.omcap", "--count", count, "--for", "60s")
        assert again.code == 0, again.err
        read = invoke("browse", url, "--values", "--class", "Variable", "--select", TYPED).rows
        by_asyncua = asyncio.run(as_asyncua_reads(url, plant))
        by_node_opcua = reading.result()
    check(plant, read)
    second = {row["path"]: {name: row[name] for name in SAME} for row in invoke("cat", "two.omcap").rows}
    assert second == {row["path"]: {name: row[name] for name in SAME} for row in first}
    kinds = [
        {kind.node_id: kind for kind in Capture.open(tmp_path / name).servers[0].data_types}
        for name in ("one.omcap", "two.omcap")
    ]
    assert kinds[0] == kinds[1]
    assert by_asyncua == {"class_": "gear", "width": 2.5, "tags": ["a", "", "é"], "leaf": "leaf", "x": [1.5, 0.0]}
    for truth in filter(is_structure, plant.typed):
        if truth.plain is not None and truth.names[1] != "Grid":  # it gives a matrix as a flat list
            assert matches(by_node_opcua[truth.node_id], truth.plain), truth.path


@contextlib.asynccontextmanager
async def forgetting() -> AsyncIterator[None]:
    """asyncua keeps the classes that it makes by NodeId for the whole process; other tests have other types there."""
    tables = (ua.extension_objects_by_typeid, ua.extension_objects_by_datatype, ua.enums_by_datatype, vars(ua))
    before = [dict(table) for table in tables]
    yield
    for table, kept in zip(tables, before, strict=True):
        for key in table.keys() - kept.keys():
            del table[key]


async def as_asyncua_reads(url: str, plant: Plant) -> dict[str, Any]:
    """A few values as the stock client has them, with the classes that it makes of the definitions."""
    nodes = {"/".join(truth.names[1:]): truth.node_id for truth in plant.typed if is_structure(truth)}
    async with forgetting(), Client(url) as client:
        await client.load_data_type_definitions()
        array = await client.get_namespace_array()

        async def value(name: str) -> Any:
            uri, _, rest = nodes[name].removeprefix("nsu=").partition(";")
            return await client.get_node(f"ns={array.index(uri)};{rest}").read_value()

        part, tree, points = await value("Part/all"), await value("Tree"), await value("Points")
    leaf = tree.children[1].children[0].name
    found = {"class_": part.class_, "width": part.width, "tags": part.tags}
    return found | {"leaf": leaf, "x": [point.x for point in points]}


def as_node_opcua_reads(url: str, plant: Plant, home: Path) -> dict[str, Any]:
    """Every structure by its NodeId, as a client of the other stack has it."""
    nodes = [truth.node_id for truth in plant.typed if is_structure(truth)]
    environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}
    done = subprocess.run(
        [node_binary(), "read_values.mjs", url, *nodes], cwd=HERE, env=environment, capture_output=True, timeout=120
    )
    lines = [line for line in done.stdout.split(b"\n") if line.startswith(b'{"node_id"')]
    assert done.returncode == 0 and len(lines) == len(nodes), done.stderr.decode()
    return {row["node_id"]: row["value"] for row in map(json.loads, lines)}


def test_a_type_that_changes_is_journalled_at_its_row(plant: Plant, invoke: Any) -> None:
    result = invoke(
        "capture",
        plant.url,
        "-o",
        "x.omcap",
        "--select",
        "Plant/Changing/{Anything,Counter}",
        "--count",
        "60",
        "--for",
        "60s",
    )
    assert result.code == 0, result.err
    journal = [row for row in invoke("cat", "x.omcap", "--view", "journal").rows if row["kind"] == "type_change"]
    rows = {row["seq"]: row for row in invoke("cat", "x.omcap").rows}
    types = [row["type"] for row in rows.values() if row["path"].endswith("Anything")]
    changes = [pair for pair in pairwise(types) if pair[0] != pair[1]]
    details = [json.loads(row["detail"]) for row in journal]
    assert [(detail["from"], detail["to"]) for detail in details] == changes and len(changes) > 10
    for detail in details:
        assert rows[detail["seq"]]["type"] == detail["to"]
        assert rows[detail["seq"]]["node_id"] == detail["node_id"]
