"""From wire bytes through a capture to the view: every kind of value and time, nothing changed on the way."""

from __future__ import annotations

import base64
import json
import math
import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary, variant_to_binary
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture import view
from omptool.capture.directory import NodeDirectory
from omptool.capture.format import Flag
from omptool.capture.nodetable import NodeTable
from omptool.capture.reader import Capture
from omptool.model import status
from omptool.model.contracts import GAPS, JOURNAL, NODES, TELEMETRY
from omptool.model.nodes import MonitoredNode, Node
from omptool.model.plant import PlantModel
from omptool.model.times import EPOCH_TICKS, unix_ns_to_ticks
from omptool.protocol.items import decode_data_values
from tests.capture import build

V = ua.VariantType


def shown(tmp_path: Path, *values: ua.DataValue, nodes: list[Node] | None = None) -> list[dict[str, Any]]:
    """What the view says of values that a server sent."""
    columns = decode_data_values(b"".join(struct_to_binary(value) for value in values), len(values))
    columns.client_handle[:] = 0 if nodes is None else range(len(values))
    writer = build.start(tmp_path / "v.omcap", force=True)
    if nodes is not None:
        table = [MonitoredNode(node, handle, build.SERVER.server, 0) for handle, node in enumerate(nodes, 1)]
        writer.put_nodes(build.SERVER, table)
    writer.append(build.rows_of(columns))
    writer.close()
    return build.rows(tmp_path / "v.omcap")


def value(content: object, kind: ua.VariantType, **options: Any) -> ua.DataValue:
    return ua.DataValue(ua.Variant(content, kind, **options))


PLAIN = [
    (value(True, V.Boolean), "Boolean", 1.0, None),
    (value(-5, V.SByte), "SByte", -5.0, None),
    (value(200, V.Byte), "Byte", 200.0, None),
    (value(-300, V.Int16), "Int16", -300.0, None),
    (value(60_000, V.UInt16), "UInt16", 60_000.0, None),
    (value(-70_000, V.Int32), "Int32", -70_000.0, None),
    (value(2**32 - 1, V.UInt32), "UInt32", 4294967295.0, None),
    (value(2**53, V.Int64), "Int64", 2.0**53, None),
    (value(1.5, V.Float), "Float", 1.5, None),
    (value(0.1, V.Double), "Double", 0.1, None),
    (value(-math.inf, V.Double), "Double", -math.inf, None),
    (value("Grüße\n", V.String), "String", None, "Grüße\n"),
    (value("", V.String), "String", None, ""),
    (value(None, V.String), "String", None, None),
    (value(UUID(int=7), V.Guid), "Guid", None, str(UUID(int=7))),
    (value(ua.XmlElement("<a/>"), V.XmlElement), "XmlElement", None, "<a/>"),
    (value(ua.LocalizedText("hot"), V.LocalizedText), "LocalizedText", None, "hot"),
    (value(ua.StatusCode(0x80340000), V.StatusCode), "StatusCode", float(0x80340000), "BadNodeIdUnknown"),
    (value(datetime(2026, 11, 22, 10, 18, 26, 500_000), V.DateTime), "DateTime", None, "2026-11-22T10:18:26.5000000Z"),
    (ua.DataValue(), "Null", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "kind", "number", "text"), PLAIN, ids=lambda v: v if isinstance(v, str) else None)
def test_plain_values(tmp_path: Path, sent: ua.DataValue, kind: str, number: float | None, text: str | None) -> None:
    (row,) = shown(tmp_path, sent)
    assert (row["type"], row["value"], row["value_text"]) == (kind, number, text)
    assert (row["raw"], row["value_list"], row["value_exact"]) == (None, None, None)


@pytest.mark.parametrize(
    ("kind", "number"),
    [(V.Int64, 2**53 + 1), (V.Int64, -(2**63)), (V.UInt64, 2**64 - 1), (V.UInt64, 2**63), (V.Int64, -(2**53) - 1)],
)
def test_integers_beyond_double_are_exact(tmp_path: Path, kind: ua.VariantType, number: int) -> None:
    (row,) = shown(tmp_path, value(number, kind))
    assert row["value_exact"] == Decimal(number)
    assert row["value"] == float(number)


def test_nan_is_a_value(tmp_path: Path) -> None:
    (row,) = shown(tmp_path, value(math.nan, V.Double))
    assert math.isnan(row["value"])


RARE = [
    (value(ua.NodeId("T1", 2), V.NodeId), "NodeId", "nsu=urn:test:plant;s=T1"),
    (value(ua.QualifiedName("Name", 1), V.QualifiedName), "QualifiedName", "nsu=urn:test:press;Name"),
    (value(ua.LocalizedText("heiß", "de"), V.LocalizedText), "LocalizedText", "heiß"),
    (value(b"\x00\x01", V.ByteString), "ByteString", None),
    (value(["a", None, "b"], V.String, is_array=True), "String[]", '["a",null,"b"]'),
    (value([True, False], V.Boolean, is_array=True), "Boolean[]", "[true,false]"),
]


@pytest.mark.parametrize(("sent", "kind", "text"), RARE, ids=lambda v: v if isinstance(v, str) else None)
def test_rare_values_keep_their_bytes(tmp_path: Path, sent: ua.DataValue, kind: str, text: str | None) -> None:
    (row,) = shown(tmp_path, sent)
    assert (row["type"], row["value_text"]) == (kind, text)
    assert row["raw"] == variant_to_binary(sent.Value)


def test_numeric_arrays_become_lists(tmp_path: Path) -> None:
    plain, empty, large, matrix = shown(
        tmp_path,
        value([1.5, -2.0], V.Double, is_array=True),
        value([], V.Int32, is_array=True),
        value([2**60, 1], V.Int64, is_array=True),
        value([[1, 2, 3], [4, 5, 6]], V.Int32, is_array=True, Dimensions=[2, 3]),
    )
    assert (plain["type"], plain["value_list"], plain["raw"], plain["value"]) == ("Double[]", [1.5, -2.0], None, None)
    assert (empty["type"], empty["value_list"], empty["raw"]) == ("Int32[]", [], None)
    assert large["value_list"] == [float(2**60), 1.0] and large["raw"] is not None
    assert (matrix["type"], matrix["value_list"]) == ("Int32[][]", [1, 2, 3, 4, 5, 6])
    assert matrix["raw"] is not None, "a list has no dimensions"


def test_enumerations_and_structures_go_by_their_names(tmp_path: Path) -> None:
    state = Node("i=1", "State", "State", data_type="MachineState", enum_names={0: "Idle", 1: "Running"})
    part = Node("i=2", "Part", "Part", data_type="PartType")
    body = ua.ExtensionObject(ua.NodeId(77, 2), b"\x01\x02")
    rows = shown(
        tmp_path, value(1, V.Int32), value(body, V.ExtensionObject), value(9, V.Int32), nodes=[state, part, state]
    )  # fmt: skip
    assert (rows[0]["type"], rows[0]["value"], rows[0]["value_text"]) == ("MachineState", 1.0, "Running")
    assert (rows[2]["value"], rows[2]["value_text"]) == (9.0, None)
    assert rows[1]["type"] == "PartType"
    structure = json.loads(rows[1]["value_text"])
    assert structure["type_id"] == "nsu=urn:test:plant;i=77"
    assert base64.b64decode(structure["body"]) == b"\x01\x02"


def test_bytes_that_decode_to_nothing_still_come_back(tmp_path: Path) -> None:
    columns = build.doubles([1.0])
    columns.vtype[:] = 0x80 | 11
    columns.has_f64[:] = False
    columns.raw[0] = b"\x8b\xff\xff\xff\x7f"
    writer = build.start(tmp_path / "v.omcap")
    writer.append(build.rows_of(columns))
    writer.close()
    (row,) = build.rows(tmp_path / "v.omcap")
    assert (row["type"], row["value"], row["value_list"], row["raw"]) == (
        "Double[]",
        None,
        None,
        b"\x8b\xff\xff\xff\x7f",
    )


@pytest.mark.parametrize("code", [0, 0x40920000, 0x80340000, 0x480, 0xC0000000, 0xFFFFFFFF])
def test_status_stays_whole(tmp_path: Path, code: int) -> None:
    columns = build.doubles([1.0])
    columns.status[:] = code
    writer = build.start(tmp_path / "v.omcap")
    writer.append(build.rows_of(columns))
    writer.close()
    (row,) = build.rows(tmp_path / "v.omcap")
    assert (row["status"], row["quality"], row["overflow"]) == (code, status.quality(code), status.overflow(code))


@pytest.mark.parametrize(
    ("flags", "origin"),
    [
        (0, "live"),
        (Flag.INITIAL, "initial"),
        (Flag.REPUBLISHED, "republished"),
        (Flag.HISTORY, "history"),
        (Flag.POLLED, "polled"),
    ],
)
def test_origin(tmp_path: Path, flags: int, origin: str) -> None:
    writer = build.start(tmp_path / "v.omcap")
    writer.append(build.rows_of(build.doubles([1.0]), flags=int(flags)))
    writer.close()
    assert build.rows(tmp_path / "v.omcap")[0]["origin"] == origin


TICKS = st.integers(-(2**63), 2**63 - 1) | st.integers(EPOCH_TICKS - 10**17, EPOCH_TICKS + 2 * 10**17) | st.just(0)


@given(
    source=st.none() | TICKS, server=st.none() | TICKS, pico=st.integers(0, 9999), number=st.floats(allow_nan=False),
    receive=st.integers(0, 2**62),
)  # fmt: skip
def test_times_are_exact_or_fall_back(
    source: int | None, server: int | None, pico: int, number: float, receive: int
) -> None:
    columns = build.doubles([number])
    columns.has_source[:], columns.source_ticks[:] = source is not None, source or 0
    columns.has_server[:], columns.server_ticks[:] = server is not None, server or 0
    columns.source_pico[:] = pico
    directory = NodeDirectory([NodeTable("", build.SERVER, tuple(build.nodes()))], None)
    batch = build.rows_of(columns, receive_ns=receive)
    batch = view._telemetry(batch, np.arange(1, batch.num_rows + 1), "c", directory, False)
    us, rest, basis = (batch.column(name)[0] for name in ("time", "time_ns", "time_basis"))
    ticks, name = _expected(source, server, unix_ns_to_ticks(receive))
    assert batch.column("value").to_pylist() == [number]
    assert basis.as_py() == name
    assert us.value * 10 + rest.as_py() // 100 == ticks - EPOCH_TICKS
    us, rest = (batch.column(name)[0] for name in ("server_time", "server_time_ns"))
    assert us.is_valid == rest.is_valid == _is_moment(server)
    if server is not None and us.is_valid:
        assert us.value * 10 + rest.as_py() // 100 == server - EPOCH_TICKS


def _is_moment(ticks: int | None) -> bool:
    return ticks is not None and 0 < ticks < 2_650_467_743_990_000_000


def _expected(source: int | None, server: int | None, receive: int) -> tuple[int, str]:
    for ticks, name in ((source, "source"), (server, "server")):
        if ticks is not None and _is_moment(ticks):
            return ticks, name
    return receive, "receive"


def test_segment_keeps_every_stamp_exactly(tmp_path: Path) -> None:
    columns = build.doubles([1.0, 2.0])
    columns.source_ticks[:] = [2**62, columns.source_ticks[1]]
    columns.source_pico[:] = [0, 50]
    batch = build.rows_of(columns)
    exact = [struct.unpack("<qHqH", raw) for raw in batch.column("raw_time").to_pylist()]
    assert exact == [(2**62, 0, -(2**63), 0), (int(columns.source_ticks[1]), 50, -(2**63), 0)]
    assert batch.column("source_time").is_valid().to_pylist() == [False, True]


def test_views_have_the_contracts_columns(tmp_path: Path) -> None:
    capture = Capture.open(build.small(tmp_path / "a.omcap"))
    assert all(batch.schema.equals(TELEMETRY) for batch in view.telemetry(capture))
    assert view.nodes(capture).schema.equals(NODES)
    assert view.gaps(capture).schema.equals(GAPS)
    assert view.journal(capture).schema.equals(JOURNAL)
    encoded = next(view.telemetry(capture, dictionary=True))
    assert encoded.schema.names == TELEMETRY.names
    assert encoded.cast(TELEMETRY).equals(next(view.telemetry(capture)))


def test_places_follow_the_model(tmp_path: Path) -> None:
    capture = Capture.open(build.small(tmp_path / "a.omcap"))
    assert {(row["site"], row["machine"], row["tag"]) for row in build.rows(capture.path)} >= {
        ("unassigned", "press", "Line1/T0")
    }
    plant = PlantModel.parse('site = "Leipzig"\n[[machine]]\npath = "Line1"\nname = "Press7"\nline = "L1"\n')
    row = next(view.telemetry(capture, plant=plant)).to_pylist()[0]
    assert (row["site"], row["line"], row["machine"], row["tag"], row["unit"]) == (
        "Leipzig",
        "L1",
        "Press7",
        "T0",
        "°C",
    )


def test_after_seq_starts_anywhere(tmp_path: Path) -> None:
    capture = Capture.open(build.small(tmp_path / "a.omcap", rotate_bytes=6000))
    for after in range(26):
        seqs = [seq for batch in view.telemetry(capture, after_seq=after) for seq in batch.column("seq").to_pylist()]
        assert seqs == list(range(after + 1, 25))


def test_a_later_description_holds_for_later_rows(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap")
    writer.append(build.rows_of(build.doubles([1.0])))
    changed = [MonitoredNode(Node("i=9", "Line1/New", "New", unit="K"), 1, build.SERVER.server, build.T0 + 5)]
    writer.put_nodes(build.SERVER, changed)
    writer.append(build.rows_of(build.doubles([2.0])))
    writer.close()
    assert [(row["path"], row["unit"]) for row in build.rows(tmp_path / "a.omcap")] == [
        ("Line1/T0", "°C"),
        ("Line1/New", "K"),
    ]
    assert view.nodes(Capture.open(tmp_path / "a.omcap")).num_rows == 6


def test_duckdb_reads_the_view(tmp_path: Path) -> None:
    capture = Capture.open(build.small(tmp_path / "a.omcap"))
    schema = next(view.telemetry(capture, dictionary=True)).schema
    connection = duckdb.connect()
    connection.register("t", pa.RecordBatchReader.from_batches(schema, view.telemetry(capture, dictionary=True)))
    found = connection.execute("select tag, count(*), sum(value) from t group by all order by all").fetchall()
    connection.close()
    assert found == [(f"Line1/T{n}", 6, float(sum(range(n + 1, 25, 4)))) for n in range(4)]


def test_single_reads_have_the_same_columns() -> None:
    nodes = [entry.node for entry in build.nodes() if entry.handle]
    batch = view.telemetry_of(build.doubles([1.0, 2.0]), server=build.SERVER, nodes=nodes, receive_time_ns=build.T0)
    assert batch.schema.equals(TELEMETRY)
    row = batch.to_pylist()[1]
    assert (row["path"], row["origin"], row["capture"], row["seq"], row["machine"]) == (
        "Line1/T1",
        "polled",
        "",
        2,
        "press",
    )
    assert row["time"] == datetime.fromtimestamp(build.T0 / 1e9, UTC) + timedelta(milliseconds=1)


@given(st.lists(st.floats() | st.none(), min_size=1, max_size=40))
def test_doubles_come_back_bit_for_bit(numbers: list[float | None]) -> None:
    columns = build.doubles([0.0 if n is None else n for n in numbers])
    columns.has_f64[:] = [n is not None for n in numbers]
    directory = NodeDirectory([NodeTable("", build.SERVER, tuple(build.nodes()))], None)
    rows = view._telemetry(build.rows_of(columns), np.arange(1, len(columns) + 1), "c", directory, False)
    found = rows.column("value").to_pylist()
    packed = [None if n is None else struct.pack("<d", n) for n in found]
    assert packed == [None if n is None else struct.pack("<d", n) for n in numbers]
