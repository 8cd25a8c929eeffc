"""What `browse --as telegraf` writes, loaded by Telegraf itself, which is built from source: only the `full` tier."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from omptool.capture.selecting.nodelist_telegraf import of_telegraf
from omptool.capture.selecting.nodelist_write import Chosen, Endpoint, ListFormat, write
from omptool.model import path as paths
from omptool.model.nodeid import NodeId

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

SOURCE = Path(__file__).parent / "telegraf"
URL = "opc.tcp://10.1.4.7:4840/plant"
URI = "http://vendor.example/UA/?a=1&b=2"
NODES = [
    NodeId("", "i", 2258),
    NodeId(URI, "i", 4294967295),
    NodeId(URI, "s", "Press7.Speed"),
    NodeId(URI, "s", '"quoted" \\ back; semi=colon #hash'),
    NodeId(URI, "s", "Prüfstand/Öl\tTemperatur\u2028°C \U0001f525"),
    NodeId(URI, "s", "\x01\x1b[31m\x7f\x85"),
    NodeId(URI, "g", UUID(int=2**127 + 7)),
    NodeId(URI, "b", b"\x00\xff\x10"),
]


@pytest.fixture(scope="module")
def telegraf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    assert go, "this test builds a program in Go: install Go, or leave the test out"
    program = tmp_path_factory.mktemp("telegraf") / "check"
    subprocess.run([go, "build", "-mod=readonly", "-o", program, "."], cwd=SOURCE, check=True, timeout=1700)
    return program


def test_telegraf_asks_for_the_same_nodes(telegraf: Path, tmp_path: Path) -> None:
    chosen = [Chosen(str(node), paths.join(["Line1", f"{at}"])) for at, node in enumerate(NODES)]
    chosen += [Chosen(f"nsu={URI};i={number}", "Line1/Twin") for number in (1, 2)]
    file = tmp_path / "telegraf.conf"
    file.write_text(write(ListFormat.TELEGRAF, Endpoint(URL, {URI: 3}), chosen).text, encoding="utf-8")
    said = subprocess.run([telegraf, file], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert found["endpoint"] == URL
    ours = [one.text for one in of_telegraf(file.read_text(encoding="utf-8"), "telegraf.conf").endpoints[URL].nodes]
    assert ours == [one.node_id.replace(f"nsu={URI}", "ns=3") for one in chosen]
    assert found["nodes"] == [text if text.startswith("ns=") else f"ns=0;{text}" for text in ours]
    assert found["names"][-2:] == ["Twin", "Twin"]
