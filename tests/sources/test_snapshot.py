"""Snapshots: whatever names a server has, what was saved is what is read, in every format."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.nodetable import ServerIdentity
from omptool.cli import noderows, snapshots
from omptool.cli.output import emit
from omptool.errors import Damaged, NotFound
from omptool.model.nodes import Node
from omptool.opcua.exploring.explore import Explored
from omptool.opcua.exploring.survey import Wanted
from omptool.sources import snapshot

BAD_INTERNAL = 0x80020000
TABLES = (".parquet", ".json", ".jsonl", ".csv")
_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_maybe = st.none() | _text
_number = st.none() | st.floats(allow_nan=False)
_node = st.builds(
    Node,
    node_id=_text.map(lambda text: f"s={text}"),
    path=_text,
    browse_name=_text,
    display_name=_text,
    description=_maybe,
    data_type=_maybe,
    data_type_id=_maybe,
    type_definition=_maybe,
    value_rank=st.none() | st.integers(-3, 5),
    array_dimensions=st.none() | st.lists(st.integers(0, 9), min_size=1, max_size=3).map(tuple),
    access_level=st.none() | st.integers(0, 255),
    unit=_maybe,
    unit_id=st.none() | st.integers(0, 2**31 - 1),
    eu_low=_number,
    eu_high=_number,
    enum_names=st.none() | st.dictionaries(st.integers(-9, 9), _text, max_size=3),
    parents=st.lists(_text, max_size=3).map(tuple),
    is_property=st.booleans(),
    equipment=st.none() | st.just("machine"),
    equipment_name=_maybe,
)
SERVER = ServerIdentity("urn:test:snapshot", url="opc.tcp://press7:4840")
TYPE = Node("i=11", "", "Double", display_name="Double", node_class="DataType", parents=("i=26",))


def save(path: Path, nodes: list[Node], refused: dict[str, int] | None = None) -> None:
    found = Explored(nodes, nodes, [], refused or {}, [TYPE])
    emit(snapshots.rows(found, SERVER, None, None), format=path.suffix[1:], output=path, force=True)


@pytest.mark.parametrize("suffix", TABLES)
@given(nodes=st.lists(_node, min_size=1, max_size=4, unique_by=lambda node: node.node_id))
def test_what_is_saved_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, nodes: list[Node]
) -> None:
    path = tmp_path_factory.mktemp("saved") / f"plant{suffix}"
    save(path, nodes, {nodes[0].node_id: BAD_INTERNAL})
    found = snapshot.read(path)
    assert (found.server, found.nodes, found.types) == (SERVER.server, nodes, [TYPE])
    assert found.missing == {nodes[0].node_id: "BadInternalError"}


TREE = [
    Node("s=a", "a", "a", node_class="Object", parents=("i=85",)),
    Node("s=b", "a/b", "b", node_class="Object", parents=("s=a",)),
    Node("s=c", "a/b/c", "c", data_type_id="i=11", unit="bar", parents=("s=b",)),
    Node("s=d", "d", "d", data_type_id="i=6", parents=("i=85",)),
]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, ["s=a", "s=b", "s=c", "s=d"]),
        ({"root": "a"}, ["s=b", "s=c"]),
        ({"root": "s=b"}, ["s=c"]),
        ({"root": "a", "depth": 1}, ["s=b"]),
        ({"depth": 1}, ["s=a", "s=d"]),
        ({"wanted": Wanted(types=("double",))}, ["s=c"]),
        ({"wanted": Wanted(globs=("**/c",), units=("bar",))}, ["s=c"]),
    ],
)
def test_a_snapshot_is_browsed_like_its_server(options: dict[str, object], found: list[str]) -> None:
    asked = {"root": None, "depth": None, "wanted": Wanted()} | options
    explored = snapshots.find(snapshot.Snapshot("urn:x", TREE, [TYPE]), **asked)  # type: ignore[arg-type]
    assert [node.node_id for node in explored.shown] == found


def test_a_root_that_is_not_there_names_what_is_like_it() -> None:
    with pytest.raises(NotFound) as caught:
        snapshots.find(snapshot.Snapshot("urn:x", TREE, []), root="a/bb", depth=None, wanted=Wanted())
    assert "a/b" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.parquet", b"PAR1 and nothing else"),
        ("x.json", b'{"node_id": 1}'),
        ("x.json", b"[{}]"),
        ("x.json", b'[{"node_id":1,"path":"","browse_name":"","node_class":""}]'),
        ("x.jsonl", b"[1]\n"),
        ("x.csv", b"node_id,path\n1,2\n"),
        ("x.csv", b""),
        ("x.csv", b"\xff\xfe\n"),
        ("x.json", b'[{"node_id":"i=1","path":"","browse_name":"","node_class":"Object","enum_names":"[1]"}]'),
    ],
)
def test_what_is_no_snapshot_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Damaged):
        snapshot.read(tmp_path / name)


def test_rows_of_a_snapshot_are_those_of_the_server() -> None:
    found = Explored(TREE, TREE)
    live = noderows.table(found, SERVER, None, None)
    saved = snapshot.Snapshot("urn:test:snapshot", TREE, [], {}, snapshots.rows(found, SERVER, None, None))
    assert snapshots.table(saved, found, None, with_values=False).equals(live)
