"""Snapshots: whatever names a server has, what was saved is what is read, in every format."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
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
        ("x.json", b'[{"node_id":"i=1","path":"","browse_name":"","node_class":"Object","browse_error":"foo"}]'),
        ("x.json", b"[]"),
        ("x.jsonl", b""),
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


@pytest.mark.parametrize("suffix", [".xml", *TABLES])
@pytest.mark.parametrize("refused", ["nsu=urn:x;s=a", "i=85", "nsu=urn:x;s=the root"])
def test_what_was_missing_when_it_was_saved_is_still_missing(tmp_path: Path, suffix: str, refused: str) -> None:
    nodes = [Node("nsu=urn:x;s=a", "a", "a", node_class="Object", type_definition="i=58", parents=("i=85",))]
    path = tmp_path / f"plant{suffix}"
    snapshots.save(path, Explored(nodes, nodes, [], {refused: BAD_INTERNAL}), SERVER, None, None, force=False)
    found = snapshot.read(path)
    assert found.missing == {refused: "BadInternalError"} and found.nodes == nodes
    explored = snapshots.find(found, root=None, depth=None, wanted=Wanted())
    assert explored.refused == {refused: BAD_INTERNAL} and explored.shown == nodes


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("access_level", pa.array([10**12])),
        ("value_rank", pa.array([10**12])),
        ("site", pa.array([5])),
        ("status", pa.array(["x"])),
        ("enum_names", pa.array(["[" * 100_000])),
        ("browse_error", pa.array(["foo"])),
        ("parents", pa.array(["i=85"])),
    ],
)
def test_a_column_that_does_not_fit_is_refused_where_it_is_read(tmp_path: Path, name: str, cells: pa.Array) -> None:
    save(tmp_path / "plant.parquet", TREE[:1])
    table = pq.read_table(tmp_path / "plant.parquet").slice(0, 1)
    at = table.schema.get_field_index(name)
    table = table.append_column(name, cells) if at < 0 else table.set_column(at, name, cells)
    pq.write_table(table, tmp_path / "other.parquet")
    with pytest.raises(Damaged, match=r"other\.parquet"):
        snapshot.read(tmp_path / "other.parquet")


def test_columns_as_other_tools_write_them_are_read(tmp_path: Path) -> None:
    save(tmp_path / "plant.parquet", TREE)
    table = pq.read_table(tmp_path / "plant.parquet")
    wide = {pa.string(): pa.large_string(), pa.int32(): pa.int64(), pa.list_(pa.string()): pa.large_list(pa.string())}
    fields = [field.with_type(wide.get(field.type, field.type)) for field in table.schema]
    fields[0] = fields[0].with_type(pa.dictionary(pa.int32(), pa.string()))
    pq.write_table(table.cast(pa.schema(fields)), tmp_path / "other.parquet")
    assert snapshot.read(tmp_path / "other.parquet").nodes == TREE


def test_a_snapshot_without_a_row_is_none(tmp_path: Path) -> None:
    save(tmp_path / "plant.parquet", TREE)
    pq.write_table(pq.read_table(tmp_path / "plant.parquet").slice(0, 0), tmp_path / "empty.parquet")
    with pytest.raises(Damaged, match="no nodes"):
        snapshot.read(tmp_path / "empty.parquet")


def test_nodes_that_stand_below_each_other_are_not_lost(tmp_path: Path) -> None:
    ring = [Node("s=a", "a", "a", node_class="Object", parents=("s=b",)),
            Node("s=b", "a/b", "b", node_class="Object", parents=("s=a",))]  # fmt: skip
    save(tmp_path / "plant.parquet", [*ring, *TREE[3:]])
    found = snapshots.find(snapshot.read(tmp_path / "plant.parquet"), root=None, depth=None, wanted=Wanted())
    assert {node.path for node in found.shown} == {"a", "a/b", "d"}


@pytest.mark.parametrize(
    ("written", "wrong"), [('AccessLevel="5"', "99999999999"), ('ArrayDimensions="2"', "2147483648")]
)
def test_a_number_of_a_nodeset_that_does_not_fit_is_refused(tmp_path: Path, written: str, wrong: str) -> None:
    node = Node("nsu=urn:x;s=a", "a", "a", access_level=5, array_dimensions=(2,), parents=("i=85",))
    snapshots.save(tmp_path / "plant.xml", Explored([node], [node]), SERVER, None, None, force=False)
    text = (tmp_path / "plant.xml").read_text()
    assert written in text
    (tmp_path / "other.xml").write_text(text.replace(written, f'{written.partition("=")[0]}="{wrong}"'))
    with pytest.raises(Damaged, match=r"other\.xml"):
        snapshot.read(tmp_path / "other.xml")
