"""Captures that somebody made on purpose: bounded, refused or read around, never followed and never crashing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from omptool.capture import batches, frames, nodetable
from omptool.capture.format import KEY_FORMAT, KEY_JOURNAL, SEGMENT
from omptool.capture.fresh import FreshFiles
from omptool.capture.reader import Capture
from omptool.capture.segment import Encoder, SegmentFile
from omptool.capture.writer import CaptureWriter
from omptool.errors import Damaged, NotACapture, NotFound, OmptoolError, UnsupportedFormat
from tests.capture import build

FIRST = "seg-00000001.arrows"


def _craft(
    path: Path, schema: pa.Schema, batch: pa.RecordBatch | None, custom: dict[bytes, bytes] | None = None
) -> Path:
    """A capture whose only segment holds one interval of our choice, sealed as if omptool had written it."""
    writer = CaptureWriter.create(path)
    capture_id, metadata = writer.id, writer._telemetry.metadata(writer.id, writer._node_tables, writer._session)
    build.abandon(writer)
    metadata.update({b"omp.segment": b"1", **(schema.metadata or {})})
    file = SegmentFile(path / FIRST, Encoder(schema.with_metadata(metadata)), capture_id, sequence=1, first_row=1)
    file.add(batch, custom)
    file.seal(build.T0)
    file.flush()
    file.finish()
    return path


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no"):
        Capture.open(tmp_path / "a.omcap")


def test_something_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    with pytest.raises(NotACapture, match="it is a file"):
        Capture.open(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x.txt").write_text("hello")
    with pytest.raises(NotACapture, match="no segments"):
        Capture.open(tmp_path / "folder")


def test_newer_format_is_refused(tmp_path: Path) -> None:
    batch = build.rows_of(build.doubles([1]))
    path = _craft(tmp_path / "a.omcap", SEGMENT.with_metadata({KEY_FORMAT: b"2"}), batch)
    with pytest.raises(UnsupportedFormat, match="capture format 2; this omptool reads up to 1") as caught:
        Capture.open(path)
    assert "upgrade" in caught.value.hint


def test_newer_format_of_the_summary_is_refused(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap")
    summary = json.loads((path / "capture.json").read_text()) | {"omp.format": 7}
    (path / "capture.json").write_text(json.dumps(summary))
    with pytest.raises(UnsupportedFormat, match="format 7"):
        Capture.open(path)


def test_unknown_columns_and_journal_kinds_are_ignored(tmp_path: Path) -> None:
    rows = build.rows_of(build.doubles([1, 2]))
    wider = rows.append_column("colour", pa.array(["red", "blue"]))
    entry = {"seq": 1, "time": build.T0, "kind": "from_the_future", "detail": {"a": 1}, "more": [1]}
    junk: list[object] = [entry, 7, {"seq": "x"}, None, {"seq": 2**70, "time": 1, "kind": "big"}]
    path = _craft(tmp_path / "a.omcap", wider.schema, wider)
    capture = Capture.open(path)
    assert [batch.schema for _, batch in capture.batches()] == [SEGMENT]
    assert list(build.values(path).values()) == [1, 2]
    path = _craft(tmp_path / "b.omcap", SEGMENT, None, {KEY_JOURNAL: json.dumps(junk).encode(), b"omp.other": b"?"})
    assert Capture.open(path).journal()["kind"].to_pylist() == ["from_the_future"]


@pytest.mark.parametrize("text", [b"", b"{", b"7", b"[" * 50_000, b'{"a":1}'])
def test_journal_that_is_none_is_ignored(tmp_path: Path, text: bytes) -> None:
    path = _craft(tmp_path / "a.omcap", SEGMENT, None, {KEY_JOURNAL: text})
    assert Capture.open(path).journal().num_rows == 0


def test_column_of_another_type_is_damage(tmp_path: Path) -> None:
    rows = build.rows_of(build.doubles([1, 2]))
    at = rows.schema.get_field_index("node")
    changed = rows.set_column(at, "node", pa.array(["a", "b"]))
    capture = Capture.open(_craft(tmp_path / "a.omcap", changed.schema, changed))
    with pytest.raises(Damaged, match="column node is string, not uint32"):
        list(capture.batches())


def test_nulls_where_none_may_be_are_damage(tmp_path: Path) -> None:
    rows = build.rows_of(build.doubles([1, 2]))
    at = rows.schema.get_field_index("node")
    changed = rows.set_column(at, pa.field("node", pa.uint32()), pa.array([1, None], pa.uint32()))
    capture = Capture.open(_craft(tmp_path / "a.omcap", changed.schema, changed))
    with pytest.raises(Damaged, match="nulls in column node"):
        list(capture.batches())


def test_decompression_bomb_is_refused_before_it_is_unpacked() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(np.zeros(40_000_000))], names=["v"])
    message = Encoder(batch.schema).batch(batch)
    assert len(message) < 1_000_000
    with pytest.raises(batches.BatchError, match="more than any writer makes"):
        batches.decode(message, frames.parse(message[: frames.header_size(message)]), batch.schema, batch.schema)


def test_stated_sizes_are_not_believed() -> None:
    batch = pa.RecordBatch.from_pydict({"v": list(range(1000))})
    message = bytearray(Encoder(batch.schema).batch(batch))
    frame = frames.parse(message[: frames.header_size(message)])
    for size in (2**62, -5):
        lie = message.copy()
        lie[frame.header_size : frame.header_size + 8] = size.to_bytes(8, "little", signed=True)
        with pytest.raises(batches.BatchError):
            batches.decode(bytes(lie), frame, batch.schema, batch.schema)


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = build.small(tmp_path / "secret.omcap")
    path = build.small(tmp_path / "a.omcap")
    (path / FIRST).unlink()
    (path / FIRST).symlink_to(secret / FIRST)
    capture = Capture.open(path)
    assert capture.rows == 0
    assert any("link" in damage.reason for damage in capture.damage)
    for table in path.glob("nodes-*"):
        table.unlink()
        table.symlink_to(next(secret.glob("nodes-*")))
    assert Capture.open(path).nodes() == []


def test_a_pipe_in_place_of_a_segment_does_not_hang(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap")
    os.mkfifo(path / "seg-00000002.arrows")
    assert Capture.open(path).rows == 24


def test_a_far_segment_number_is_not_counted_up_to(tmp_path: Path) -> None:
    path = build.small(tmp_path / "a.omcap")
    (path / "seg-9999999999.arrows").write_bytes(b"")
    assert len(Capture.open(path).damage) <= 1000


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"null", b"[" * 100_000, b'{"capture": 1}', b"\xff\xfe"])
def test_any_summary_is_survived(tmp_path: Path, text: bytes) -> None:
    path = build.small(tmp_path / "a.omcap")
    (path / "capture.json").write_bytes(text)
    assert Capture.open(path).rows == 24


@pytest.mark.parametrize("change", [{"namespaces": 7}, {"settings": []}, {"build_info": "x"}, {"server": None}, {}])
def test_any_types_file_is_survived(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "c").mkdir()
    name = nodetable.write_types(FreshFiles(tmp_path / "c"), build.SERVER)
    data = json.loads((tmp_path / "c" / name).read_text())
    text = json.dumps(data | change if change else [data]).encode()
    crafted = nodetable._write(FreshFiles(tmp_path / "c"), "types-{}.json", text)
    try:
        nodetable.read_types(tmp_path / "c", crafted)
    except nodetable.TableError as error:
        assert "does not hold a server" in str(error)


def test_a_handle_without_end_is_refused(tmp_path: Path) -> None:
    far = build.nodes(1, first_handle=4_000_000_000)
    types = nodetable.write_types(FreshFiles(tmp_path), build.SERVER)
    name = nodetable.write_nodes(FreshFiles(tmp_path), build.SERVER, types, far)
    with pytest.raises(nodetable.TableError, match="handle 4000000000"):
        nodetable.read_nodes(tmp_path, name)


def test_changed_table_is_told_by_its_name(tmp_path: Path) -> None:
    types = nodetable.write_types(FreshFiles(tmp_path), build.SERVER)
    name = nodetable.write_nodes(FreshFiles(tmp_path), build.SERVER, types, build.nodes())
    data = bytearray((tmp_path / name).read_bytes())
    data[-20] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(nodetable.TableError, match="was changed"):
        nodetable.read_nodes(tmp_path, name)


def test_errors_are_ours(tmp_path: Path) -> None:
    """Random bytes under a segment's name are a torn tail or an error of ours, never another exception."""
    rng = np.random.default_rng(3)
    for size in (1, 7, 8, 100, 5000):
        path = tmp_path / f"{size}.omcap"
        path.mkdir()
        (path / FIRST).write_bytes(rng.bytes(size))
        with pytest.raises(OmptoolError):
            Capture.open(path)
