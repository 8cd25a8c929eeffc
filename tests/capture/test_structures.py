"""Structures in a capture: explained by the definitions beside them, whatever else changes or is missing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from omptool.capture import nodetable, view
from omptool.capture.fresh import FreshFiles
from omptool.capture.nodetable import ServerIdentity
from omptool.capture.reader import Capture
from omptool.capture.writer import CaptureWriter
from omptool.config import ServerConfig
from omptool.errors import ServerRefused
from tests.capture import build
from tests.capture.golden import make_types
from tests.capture.golden.make_types import TYPES, URI

GOLDEN = Path(__file__).parent / "golden" / "format-1-types.omcap"
POINT = {"x": 1.5, "y": -7}
PART = {"class": "gear", "mode": "On", "at": [POINT], "any": 9}
OPAQUE = {"type_id": f"nsu={URI};i=999", "body": "AQI=", "is_xml": False}


def shown(path: Path) -> dict[str, tuple[Any, ...]]:
    """Type, value, text (JSON as its value) and list of each node's last row."""
    return {
        row["path"]: (row["type"], row["value"], read(row["value_text"]), row["value_list"]) for row in build.rows(path)
    }


def read(text: str | None) -> Any:
    return json.loads(text) if text and text[0] in "[{" else text


def check(found: dict[str, tuple[Any, ...]]) -> None:
    assert found["Point"] == ("Point", None, POINT, None)
    assert found["Points"] == ("Point[]", None, [POINT, POINT], None)
    assert found["Part"] == found["Open"] == ("Part", None, PART, None)
    assert found["Mode"] == ("Mode", 1.0, "On", None)
    assert found["Modes"] == ("Mode[]", None, None, [0.0, 1.0])
    assert found["Alarms"] == ("Alarms", 11.0, ["Hot", 2, "Low"], None)
    assert found["Stranger"] == ("ExtensionObject", None, OPAQUE, None)


def test_a_capture_of_old_explains_its_structures() -> None:
    capture = Capture.open(GOLDEN)
    assert (capture.rows, capture.damage) == (8, [])
    assert capture.servers[0].data_types == TYPES
    check(shown(GOLDEN))


def test_every_row_keeps_its_bytes() -> None:
    rows = {row["path"]: row for row in build.rows(GOLDEN)}
    sent = make_types.values()
    for number, (name, _) in enumerate(make_types.NODES):
        if name != "Modes":  # type and numbers give the bytes back
            assert rows[name]["raw"] == sent.raw[number], name


def test_namespace_indexes_may_move(tmp_path: Path) -> None:
    """The same server twice, its namespaces in another order the second time; the definitions hold for both."""
    moved = (*build.SERVER.namespaces[:2], "urn:new", "urn:newer", URI)
    writer = CaptureWriter.create(tmp_path / "x.omcap")
    writer.put_nodes(make_types.server(), make_types.nodes())
    writer.append(build.rows_of(make_types.values()))
    writer.put_nodes(make_types.server(moved), make_types.nodes(first_handle=101))
    later = build.rows_of(make_types.values(4))
    handles = later.column("node").to_numpy() + 100
    writer.append(later.set_column(0, later.schema.field(0), handles))
    writer.close()
    rows = build.rows(tmp_path / "x.omcap")
    same = ("path", "node_id", "type", "value", "value_list")
    assert [[row[name] for name in same] for row in rows[:8]] == [[row[name] for name in same] for row in rows[8:]]
    assert len({row["raw"] for row in rows if row["path"] == "Part"}) == 2
    check(shown(tmp_path / "x.omcap"))


def test_without_definitions_structures_are_bytes(tmp_path: Path) -> None:
    """As captures were before they had them."""
    writer = CaptureWriter.create(tmp_path / "x.omcap")
    writer.put_nodes(build.SERVER, make_types.nodes())
    writer.append(build.rows_of(make_types.values()))
    writer.close()
    capture = Capture.open(tmp_path / "x.omcap")
    rows = {row["path"]: row for batch in view.telemetry(capture) for row in batch.to_pylist()}
    assert read(rows["Point"]["value_text"])["type_id"] == f"nsu={URI};i=102"
    assert (rows["Point"]["type"], rows["Mode"]["value_text"]) == ("Point", "On")
    assert capture.kept[f"nsu={URI};i=102", "its definition is not known"] == 3


@pytest.mark.parametrize(
    "found",
    [
        None,
        7,
        "x",
        [7, None, {}, {"id": 1}],
        [{"id": "i=1", "name": "n", "kind": "structure", "fields": [[]]}],
        [{"id": "i=1", "name": "n", "kind": "structure", "fields": [{"name": "a" * 9999, "type": "i=1"}]}],
        [{"id": "i=1", "name": "n", "kind": "enumeration", "members": [[2**64, "x"]]}],
        [{"id": "i=1", "name": "n", "kind": "enumeration", "members": 5}],
    ],
)
def test_definitions_that_are_none_cost_nothing_else(found: Any, tmp_path: Path) -> None:
    name = nodetable.write_types(FreshFiles(tmp_path), make_types.server())
    plain = json.loads((tmp_path / name).read_bytes()) | {"data_types": found}
    text = json.dumps(plain).encode()
    name = nodetable._write(FreshFiles(tmp_path), "types-{}.json", text)
    identity = nodetable.read_types(tmp_path, name)
    assert (identity.namespaces, identity.data_types) == (build.SERVER.namespaces, ())


def test_what_a_types_file_has_no_room_for_is_known_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never becomes larger than a reader takes, and what fits is there."""
    session = SimpleNamespace(application_uri="urn:a", namespaces=["", "urn:a"], build_info={})
    session.data_types = {kind.node_id: kind for kind in TYPES}
    monkeypatch.setattr(nodetable, "MAX_JSON", 1600)
    identity = ServerIdentity.of(ServerConfig("opc.tcp://a:1"), session)
    found = nodetable.read_types(tmp_path, nodetable.write_types(FreshFiles(tmp_path), identity)).data_types
    assert [kind.name for kind in found] == [kind.name for kind in TYPES]
    lost = [kind.name for kind in found if kind.problem == "its definition is too large to be kept"]
    assert 0 < len(lost) < len(TYPES)
    assert all(kind in TYPES for kind in found if kind.name not in lost)
    with pytest.raises(ServerRefused, match="describes itself"):
        nodetable.write_types(FreshFiles(tmp_path), replace(identity, namespaces=("", "x" * 2400)))


def test_a_kind_of_a_later_version_is_unknown(tmp_path: Path) -> None:
    name = nodetable.write_types(FreshFiles(tmp_path), make_types.server())
    plain = json.loads((tmp_path / name).read_bytes())
    for kind in plain["data_types"]:
        kind |= {"kind": "tensor", "shape": [1]} if kind["name"].endswith("Point") else {"more": 1}
    name = nodetable._write(FreshFiles(tmp_path), "types-{}.json", json.dumps(plain).encode())
    kinds = {kind.name: str(kind.kind) for kind in nodetable.read_types(tmp_path, name).data_types}
    assert kinds == {
        "Mode": "enumeration",
        "Point": "unknown",
        "Alarms": "option_set",
        "Part": "structure_with_optional_fields",
    }


def test_a_missing_types_file_leaves_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.omcap"
    shutil.copytree(GOLDEN, path)
    next(path.glob("types-*.json")).unlink()
    rows = {row["path"]: row for row in build.rows(path)}
    assert rows["Point"]["raw"] == make_types.values().raw[0]
    assert (rows["Point"]["type"], rows["Mode"]["value_text"]) == ("Point", "On")
