"""Events become rows: each field in its column, the rest in `fields`, the bytes beside them; one stops no other."""

from __future__ import annotations

import json
import struct

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.eventrows import Asked, Encoded, EventEncoder
from omptool.capture.format import EVENT_SEGMENT, Flag
from omptool.capture.rows import Block
from omptool.errors import UsageError
from omptool.model.builtin import BuiltinType
from omptool.model.eventfields import BASIC, STANDARD, EventWish, check_field, names_of
from omptool.model.nodeid import QualifiedName
from omptool.opcua.serving.served import NULL_VARIANT, encode_variant

NAMESPACES = ["", "urn:plant"]
FIELDS = EventWish(("Shift",)).fields
TICKS = 134_000_000_000_000_000
STARTED = 1_700_000_000_000_000_000


def node_id(number: int, namespace: int = 0) -> bytes:
    return struct.pack("<BBBH", BuiltinType.NodeId, 1, namespace, number)


def event(handle: int = 3, **fields: bytes) -> bytes:
    values = [fields.get(name.replace("/", "_"), NULL_VARIANT) for name in FIELDS]
    return struct.pack("<Ii", handle, len(values)) + b"".join(values)


def block(*events: bytes, sequence: int = 7, again: bool = False) -> Block:
    return Block(len(events), b"".join(events), 1_800_000_000_000_000_000, 5, sequence, None, again)


def encode(*blocks: Block) -> Encoded:
    encoder = EventEncoder({3: Asked(9, FIELDS)}, sub=2, namespaces=NAMESPACES, started_ns=STARTED)
    return encoder.encode(blocks)


def rows(encoded: Encoded) -> list[dict[str, object]]:
    assert encoded.rows is not None and encoded.rows.schema.equals(EVENT_SEGMENT)
    at = encoded.rows.schema.get_field_index("event_time")
    plain = encoded.rows.set_column(at, "event_time", encoded.rows.column("event_time").cast(pa.int64()))
    return plain.drop_columns(["receive_time"]).to_pylist()


ALARM = {
    "EventId": encode_variant(BuiltinType.ByteString, b"\1\2"),
    "EventType": node_id(2915),
    "SourceNode": node_id(5, 1),
    "SourceName": encode_variant(BuiltinType.String, "Press1"),
    "Time": encode_variant(BuiltinType.DateTime, TICKS),
    "Message": encode_variant(BuiltinType.LocalizedText, "too hot"),
    "Severity": encode_variant(BuiltinType.UInt16, 700),
    "ConditionId": node_id(6, 1),
    "ConditionName": encode_variant(BuiltinType.String, "Hot"),
    "ActiveState_Id": encode_variant(BuiltinType.Boolean, True),
    "AckedState_Id": encode_variant(BuiltinType.Boolean, False),
    "ConfirmedState_Id": encode_variant(BuiltinType.Boolean, False),
    "SuppressedOrShelved": encode_variant(BuiltinType.Boolean, False),
    "Retain": encode_variant(BuiltinType.Boolean, True),
    "BranchId": node_id(0),
    "Shift": encode_variant(BuiltinType.String, "late"),
}


def test_every_field_has_its_column() -> None:
    [row] = rows(encode(block(event(**ALARM), again=True)))
    assert row == {
        "node": 9, "event_time": (TICKS - 116444736000000000) * 100, "receive_mono": 5, "sequence": 7, "sub": 2,
        "event_id": b"\1\2", "event_type": "i=2915", "source_node": "nsu=urn:plant;i=5", "source_name": "Press1",
        "message": "too hot", "severity": 700, "condition_id": "nsu=urn:plant;i=6", "condition_name": "Hot",
        "active": True, "acked": False, "confirmed": False, "suppressed": False, "retain": True,
        "fields": '{"Shift": "late"}', "raw": event(**ALARM), "flags": int(Flag.REPUBLISHED),
    }  # fmt: skip


def test_what_does_not_fit_its_column_is_among_the_fields() -> None:
    odd = {
        "Severity": encode_variant(BuiltinType.String, "high"),
        "Time": encode_variant(BuiltinType.DateTime, 2**62),
        "ActiveState_Id": encode_variant(BuiltinType.Int32, [1, 2]),
        "EventId": encode_variant(BuiltinType.String, "seven"),
        "Message": encode_variant(BuiltinType.UInt32, 5),
    }
    [row] = rows(encode(block(event(**odd))))
    said = json.loads(str(row["fields"]))
    assert {name: said[name] for name in ("Severity", "ActiveState/Id", "EventId", "Message")} == {
        "Severity": "high", "ActiveState/Id": [1, 2], "EventId": "seven", "Message": 5,
    }  # fmt: skip
    assert "Time" in said and row["severity"] is None and row["event_time"] is None and row["fields"]


def test_conditions_that_are_refreshed_are_initial() -> None:
    encoder = EventEncoder({3: Asked(9, FIELDS)}, sub=2, namespaces=NAMESPACES, started_ns=STARTED)
    start, end = event(EventType=node_id(2787)), event(EventType=node_id(2788))
    first = encoder.encode([block(start, event(**ALARM))])
    second = encoder.encode([block(event(**ALARM), end, event(**ALARM))])
    assert [row["flags"] for row in rows(first) + rows(second)] == [int(Flag.INITIAL), int(Flag.INITIAL), 0]
    assert (first.refreshed, second.refreshed) == (0, 1)
    assert encode(block(start)).rows is None


def test_a_queue_that_ran_over_is_between_the_event_before_and_what_says_so() -> None:
    later = encode_variant(BuiltinType.DateTime, TICKS + 10)
    encoded = encode(block(event(**ALARM), event(EventType=node_id(3035), Time=later)))
    [overrun] = encoded.overruns
    at = (TICKS - 116444736000000000) * 100
    assert overrun == (9, at, at + 1000)
    assert len(rows(encoded)) == 2


def test_bad_blocks_are_named_and_cost_no_other() -> None:
    many = struct.pack("<Ii", 3, len(FIELDS) + 1) + NULL_VARIANT * (len(FIELDS) + 1)
    encoded = encode(
        block(b"", b"\1", sequence=1), block(event(4), sequence=2), block(many, sequence=3), block(event())
    )
    assert [sequence for sequence, _ in encoded.bad] == [1, 2, 3]
    assert "ClientHandle 4 was never created" in encoded.bad[1][1]
    assert len(rows(encoded)) == 1


@given(st.binary(max_size=200), st.integers(0, 5))
def test_any_bytes_are_events_or_bad(data: bytes, count: int) -> None:
    encoded = encode(Block(count, data, 0, 0, 1, None), Block(1, event(**ALARM), 0, 0, 2, None))
    assert encoded.rows is not None and encoded.rows.num_rows >= 1


def test_a_basic_wish_asks_for_what_every_server_knows() -> None:
    assert EventWish(("A",), is_basic=True).fields == BASIC
    assert EventWish(("Severity", "A")).fields == (*STANDARD, "A")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Severity", [("", "Severity")]),
        ("ActiveState/Id", [("", "ActiveState"), ("", "Id")]),
        ("nsu=http://a/b;Shift/Name", [("http://a/b", "Shift"), ("", "Name")]),
        ("a&/b&&", [("", "a/b&")]),
    ],
)
def test_fields_are_paths_of_browse_names(text: str, names: list[tuple[str, str]]) -> None:
    assert names_of(text) == tuple(QualifiedName(*name) for name in names)


@pytest.mark.parametrize("text", ["", "/", "a//b", "a/", "&", "/".join("a" * 30)])
def test_what_is_no_field(text: str) -> None:
    with pytest.raises(UsageError):
        check_field(text)
