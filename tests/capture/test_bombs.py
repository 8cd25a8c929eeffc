"""Captures made to be slow, large or to lead elsewhere: work and memory stay in proportion to the bytes, and every file
that is read or written is the capture's own. Work is counted, not timed.
"""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omptool.capture import batches, cache, commits, frames, index, nodecolumns, nodetable, tables, view
from omptool.capture.commits import Commit
from omptool.capture.format import MAX_TABLES, SEGMENT
from omptool.capture.fresh import FreshFiles
from omptool.capture.lock import Lock, is_held
from omptool.capture.nodetable import NodeTable, ServerIdentity
from omptool.capture.reader import Capture
from omptool.capture.recover import recover
from omptool.capture.segment import Encoder
from omptool.capture.verify import verify
from omptool.errors import OmptoolError, OutputFailed
from omptool.model.datatypes import DataType
from omptool.model.nodes import MonitoredNode, Node
from tests.capture import build
from tests.capture.test_hostile import FIRST, _craft

ODD: list[Any] = [
    None, True, -1, 2**63, 10**400, 1e999, float("nan"), "", "\ud800", "a\0b", [], {}, [[]], {"": None}, "\x1b[2J",
]  # fmt: skip


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def _everything(path: Path) -> None:
    capture = Capture.open(path)
    for table in (view.nodes(capture), view.events(capture), capture.gaps(), capture.journal()):
        table.validate(full=True)
        str(table.to_pylist()).encode("utf-8", "strict")
    assert list(view.telemetry(capture)) is not None
    verify(capture)


def _replaced(data: Any, value: Any) -> list[Any]:
    """`data` with every single value replaced once."""
    if isinstance(data, dict):
        return [value] + [{**data, key: new} for key in data for new in _replaced(data[key], value)]
    if isinstance(data, list):
        return [value] + [
            [*data[:at], new, *data[at + 1 :]] for at in range(len(data)) for new in _replaced(data[at], value)
        ]
    return [value]


@pytest.mark.parametrize("odd", range(len(ODD)))
def test_any_value_in_any_json_of_a_capture(tmp_path: Path, odd: int) -> None:
    """capture.json, types file, journal and gaps: one value at a time is something else; nothing is a bug."""
    path = build.small(tmp_path / "a.omcap")
    for kind in (cache.CACHE_FILE, next(path.glob("types-*.json")).name):
        for changed in _replaced(json.loads((path / kind).read_text()), ODD[odd]):
            text = json.dumps(changed)
            if kind == cache.CACHE_FILE:
                (path / kind).write_text(text)
                cache.read(path)
                continue
            try:
                nodetable.read_types(path, nodetable._write(FreshFiles(path), "types-{}.json", text.encode()))
            except nodetable.TableError:
                continue
    entry = {"seq": 1, "time": build.T0, "kind": "nodes", "server": "s", "sub": 1, "detail": {"a": [1], "file": "x"}}
    gap = {"server": "s", "node": 1, "sub": 1, "start_ns": 1, "end_ns": 2, "reason": "r", "missing": 1, "state": "open"}
    gap["detail"] = {"cause": "c"}  # type: ignore[assignment]
    custom = {
        b"omp.journal": json.dumps(_replaced(entry, ODD[odd])).encode(),
        b"omp.gap": json.dumps(_replaced(gap, ODD[odd])).encode(),
    }
    _everything(_craft(tmp_path / "b.omcap", SEGMENT, None, custom))


@pytest.mark.parametrize("key", [b"omp.journal", b"omp.gap"])
@pytest.mark.parametrize("levels", [50, 200, 900, 20_000])
def test_deep_details_neither_end_the_stack_now_nor_later(tmp_path: Path, key: bytes, levels: int) -> None:
    detail = "[" * levels + "]" * levels
    entry = '{"seq":1,"time":1,"kind":"k","server":"s","start_ns":1,"reason":"r","state":"open","detail":{"a":%s}}'
    path = _craft(tmp_path / "a.omcap", SEGMENT, None, {key: f"[{entry % detail}]".encode()})
    _everything(path)
    found = Capture.open(path).journal().num_rows + len(Capture.open(path).gap_entries)
    assert found == (1 if levels == 50 else 0)


def test_commit_numbers_end_where_columns_end() -> None:
    good = Commit(1, 0, 1, 5, 2**63 - 6, 0, None, None, 0)
    assert commits.from_json(commits.to_json(good)) == good
    for bad in (Commit(1, 0, 1, 6, 2**63 - 6, 0, None, None, 0), Commit(1, 0, 1, 0, 5, 0, None, None, 0, 2**63 - 2)):
        assert commits.from_json(commits.to_json(bad)) is None


def test_every_place_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tail full of what looks like the beginning and the key of a commit."""
    path = build.small(tmp_path / "a.omcap")
    start = frames.CONTINUATION + (64).to_bytes(4, "little")
    tail = (start + b"omp.commit" + b"\0" * 6) * 20_000
    (path / FIRST).write_bytes((path / FIRST).read_bytes() + tail)
    calls = 0
    parse = frames.parse

    def counted(header: bytes | memoryview) -> frames.Frame:
        nonlocal calls
        calls += 1
        return parse(header)

    monkeypatch.setattr(index.frames, "parse", counted)
    index.index_segment(path / FIRST, Capture.open(path).id)
    assert calls < 3 * 2 * len(tail) // 24


def test_a_header_that_names_the_same_bytes_again_and_again() -> None:
    encoder = Encoder(SEGMENT)
    message = encoder.batch(encoder.empty, {b"k%d" % n: b"v" for n in range(1001)})
    with pytest.raises(frames.FrameError, match="1001 entries"):
        frames.parse(message[: frames.header_size(message)])
    message = encoder.batch(encoder.empty, {b"k%d" % n: b"v" for n in range(1000)})
    assert len(frames.parse(message[: frames.header_size(message)]).custom) == 1000


def test_rows_that_cost_no_bytes() -> None:
    """Columns that the file lacks are made of nulls: their number is bounded, not only the bytes."""
    schema = pa.schema([pa.field("node", pa.uint8())])
    batch = pa.RecordBatch.from_arrays([pa.nulls(5 << 20, pa.uint8())], schema=schema)
    message = Encoder(schema).batch(batch)
    with pytest.raises(batches.BatchError, match="more than any writer makes"):
        batches.decode(message, frames.parse(message[: frames.header_size(message)]), schema, schema)


def test_a_node_table_of_bombs_takes_no_memory(tmp_path: Path) -> None:
    encoder = Encoder(nodecolumns.NODE_TABLE)
    entry = build.nodes(1)[1]
    own = {"handle": entry.handle, "valid_from": entry.valid_from}
    row = nodecolumns._row(entry.node) | own | {"description": "x" * 4_000_000}
    piece = encoder.batch(pa.RecordBatch.from_pylist([row] * 2, schema=nodecolumns.NODE_TABLE))
    data = encoder.head + piece * 40 + frames.END_OF_STREAM
    assert len(data) < 300_000
    name = nodetable._write(FreshFiles(tmp_path), "nodes-{}.arrows", data)
    tracemalloc.start()
    with pytest.raises(nodetable.TableError, match="unpack to more than"):
        nodetable.read_nodes(tmp_path, name)
    assert pa.total_allocated_bytes() < 200 << 20 and tracemalloc.get_traced_memory()[1] < 50 << 20
    tracemalloc.stop()


def test_a_table_named_very_often_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = build.small(tmp_path / "a.omcap")
    name = next(path.glob("nodes-*")).name
    reads = []
    read = nodetable.read_nodes
    monkeypatch.setattr(
        tables.nodetable, "read_nodes", lambda folder, name, *_: (reads.append(name), read(folder, name))[1]
    )
    naming = [{"file": name, "first_row": row} for row in range(MAX_TABLES + 5)]
    schema = SEGMENT.with_metadata({b"omp.nodes": json.dumps(naming).encode()})
    found = tables.load(path, [schema], (), is_damaged=False)
    assert len(reads) == 1 and len(found.tables) == MAX_TABLES
    assert "more than 10,000 node tables" in found.missing[0][1]


def test_nodes_described_again_and_again_are_looked_at_so_often_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = build.small(tmp_path / "a.omcap")
    name = next(path.glob("nodes-*")).name
    size = len(nodetable.read_nodes(path, name).nodes)
    monkeypatch.setattr(tables, "MAX_DESCRIBED", 10 * size)
    schema = SEGMENT.with_metadata(
        {b"omp.nodes": json.dumps([{"file": name, "first_row": n} for n in range(20)]).encode()}
    )
    found = tables.load(path, [schema], (), is_damaged=False)
    assert len(found.tables) == 10 and "again and again" in found.missing[0][1]


def test_of_a_server_described_anew_only_the_types_of_before_hold() -> None:
    def table(server: str, handles: range, *types: DataType) -> NodeTable:
        nodes = tuple(MonitoredNode(Node(f"i={n}", str(n), str(n)), n, server, 0) for n in handles)
        return NodeTable("", ServerIdentity(server, data_types=types), nodes)

    point = DataType("i=9", "Point")
    standing = tables.Standing()
    for each in (table("a", range(3), point), table("b", range(4, 6)), table("a", range(5)), table("a", range(9, 10))):
        standing.add(each)
    assert [len(each.nodes) for each in standing.tables] == [0, 2, 5, 1] and standing.nodes == 8
    assert standing.tables[0].server.data_types == (point,)


def test_servers_that_are_only_named_do_not_multiply(tmp_path: Path) -> None:
    naming = [{"file": f"nodes-{row:032x}.arrows", "first_row": row, "server": f"urn:{row}"} for row in range(2000)]
    schema = SEGMENT.with_metadata({b"omp.nodes": json.dumps(naming).encode()})
    found = tables.load(build.small(tmp_path / "a.omcap"), [schema], (), is_damaged=False)
    assert len(found.missing) == 2000 and len(found.servers) == 100


def test_far_apart_segments_are_not_counted_up_to(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap")
    for number in range(2, 40):
        (path / f"seg-{number * 100_000:08d}.arrows").write_bytes(b"")
    assert len(Capture.open(path).damage) <= 1000


@pytest.mark.parametrize("name", ["LOCK", "capture.json", FIRST, "nodes", "types"])
@pytest.mark.parametrize("kind", ["fifo", "link", "folder", "gone link"])
def test_other_things_in_place_of_files(tmp_path: Path, name: str, kind: str) -> None:
    """Nobody waits at a pipe, follows a link or fails at a folder; nothing outside changes."""
    path = build.small(tmp_path / "a.omcap")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    target = next(path.glob(f"{name}-*"), path / name)
    target.unlink(missing_ok=True)
    match kind:
        case "fifo":
            os.mkfifo(target)
        case "folder":
            target.mkdir()
        case _:
            target.symlink_to(victim if kind == "link" else tmp_path / "none")
    assert not is_held(path)
    for work in (_everything, recover):
        try:
            work(path)
        except OmptoolError as error:
            assert str(error)
    assert victim.read_text() == "mine"
    assert not (tmp_path / "none").exists()
    if name == "LOCK":
        with pytest.raises(OutputFailed):
            Lock(path)


def test_repair_writes_through_no_link(tmp_path: Path) -> None:
    """What it keeps and what it writes has names that an attacker knows beforehand."""
    path = build.small(tmp_path / "a.omcap")
    data = bytearray((path / FIRST).read_bytes())
    data[len(data) // 2] ^= 1
    (path / FIRST).write_bytes(data)
    for suffix in ("damaged", "damaged-2", "partial", "torn"):
        (path / f"{FIRST}.{suffix}").symlink_to(tmp_path / f"none-{suffix}")
    (path / "capture.json.partial").symlink_to(tmp_path / "none-json")
    report = recover(path)
    assert report.actions[0].what == "rewritten"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.omcap"]
    assert (path / report.actions[0].kept).read_bytes() == bytes(data)


_text = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.just("a&/b/&&c"))
_any64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def _node_rows(draw: st.DrawFn) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column in nodecolumns.NODE_TABLE:
        if pa.types.is_string(column.type):
            row[column.name] = draw(_text) if column.nullable else draw(_text) or ""
        elif pa.types.is_list(column.type):
            inner = _any64 if column.type.value_type == pa.int64() else _text
            row[column.name] = draw(st.one_of(st.none(), st.lists(st.one_of(st.none(), inner), max_size=3)))
        elif pa.types.is_floating(column.type):
            row[column.name] = draw(st.one_of(st.none(), st.floats()))
        elif pa.types.is_boolean(column.type):
            row[column.name] = draw(st.one_of(st.none(), st.booleans()))
        elif column.name == "handle":
            row[column.name] = draw(st.integers(0, 9))
        else:
            number = st.integers(-(2**31), 2**31 - 1) if column.type == pa.int32() else _any64
            row[column.name] = draw(number if not column.nullable else st.one_of(st.none(), number))
    row["enum_names"] = draw(
        st.sampled_from([None, "{}", '{"1":"\\ud800"}', '{"x":1}', "[", '{"99999999999999999999":""}'])
    )
    return row


@st.composite
def _telemetry_rows(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "node": draw(st.integers(0, 2**32 - 1) | st.integers(0, 9)), "source_time": draw(st.none() | _any64),
        "server_time": draw(st.none() | _any64), "receive_time": draw(_any64), "receive_mono": draw(_any64),
        "sequence": 1, "sub": 1, "status": draw(st.integers(0, 2**32 - 1)), "vtype": draw(st.integers(0, 255)),
        "v_f64": draw(st.none() | st.floats()), "v_i64": draw(st.none() | _any64),
        "v_bool": draw(st.none() | st.booleans()), "v_str": draw(_text),
        "raw": draw(st.none() | st.binary(max_size=20)),
        "raw_time": draw(st.none() | st.binary(min_size=20, max_size=20)), "flags": draw(st.integers(0, 255)),
    }  # fmt: skip


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(_node_rows(), max_size=4), st.lists(_telemetry_rows(), max_size=6))
def test_rows_that_no_writer_makes(
    tmp_path_factory: pytest.TempPathFactory, described: list[dict[str, Any]], values: list[dict[str, Any]]
) -> None:
    """Valid Arrow, hostile content: every view has the contract's columns, or the damage is said."""
    aside = tmp_path_factory.mktemp("rows")
    types = nodetable.write_types(FreshFiles(aside), build.SERVER)
    metadata = {b"omp.types": types.encode(), b"omp.server": b"s"}
    encoder = Encoder(nodecolumns.NODE_TABLE.with_metadata(metadata))
    table = pa.RecordBatch.from_pylist(described, schema=encoder.schema)
    name = nodetable._write(
        FreshFiles(aside), "nodes-{}.arrows", encoder.head + encoder.batch(table) + frames.END_OF_STREAM
    )
    naming = json.dumps([{"file": name, "first_row": 1, "server": "s"}]).encode()
    rows = pa.RecordBatch.from_pylist(values, schema=SEGMENT)
    path = _craft(aside / "a.omcap", SEGMENT.with_metadata({b"omp.nodes": naming}), rows)
    for file in (name, types):
        (aside / file).rename(path / file)
    try:
        _everything(path)
    except OmptoolError as error:
        assert str(error)
