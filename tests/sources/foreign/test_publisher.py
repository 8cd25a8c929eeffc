"""Messages of OPC Publisher in every mode. Their shapes are those of its documentation ("Telemetry Message Formats",
release 2.9, github.com/Azure/Industrial-IoT, docs/opc-publisher/messageformats.md); names and values are our own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import UsageError
from tests.conftest import Result
from tests.sources.foreign.imported import file, read, rows_of, source

SOURCE, SERVER, SENT = "2026-03-18T12:55:21.3313539Z", "2026-03-18T12:55:21.3313638Z", "2026-03-18T12:55:21.3424136Z"
STAMPS = {"SourceTimestamp": SOURCE, "ServerTimestamp": SERVER}
BAD = {"Symbol": "BadNoCommunication", "Code": 2150694912}
SAMPLE = {
    "NodeId": "nsu=urn:press;s=Force",
    "EndpointUrl": "opc.tcp://press7:4840/",
    "ApplicationUri": "urn:press:7",
    "DisplayName": "Force",
    "Timestamp": SENT,
    "Value": {"Value": 217.5, **STAMPS},
    "SequenceNumber": 120,
    "ExtensionFields": {"PublisherId": "opc.tcp://press7:4840_D09D61EF", "DataSetWriterId": "1000"},
}


def data_set_message(kind: str, **payload: Any) -> dict[str, Any]:
    return {
        "DataSetWriterId": 1,
        "DataSetWriterName": "1000",
        "SequenceNumber": 27,
        "MetaDataVersion": {"MajorVersion": 1, "MinorVersion": 0},
        "MessageType": kind,
        "Timestamp": SENT,
        "Payload": payload,
    }


def network(*messages: Any) -> dict[str, Any]:
    return {"MessageId": "27", "MessageType": "ua-data", "PublisherId": "plant_70FB", "Messages": list(messages)}


def metadata(**fields: int) -> dict[str, Any]:
    listed = [{"Name": name, "BuiltInType": kind, "DataType": "x", "ValueRank": -1} for name, kind in fields.items()]
    about = {"Namespaces": ["http://opcfoundation.org/UA/"], "Fields": listed}
    message = {"MessageId": "0", "MessageType": "ua-metadata", "PublisherId": "plant_70FB", "DataSetWriterId": 1}
    return message | {"MetaData": about}


def imported(tmp_path: Path, *messages: Any, said: str | None = None) -> tuple[list[Any], list[Any]]:
    path = file(tmp_path, "messages.json", "\n".join(map(json.dumps, messages)))
    return read(path, input_format=said)


def test_a_sample_keeps_node_stamps_and_server(tmp_path: Path) -> None:
    ((row,), wrong) = imported(tmp_path, SAMPLE)
    assert wrong == []
    assert row["time"] == datetime.fromisoformat("2026-03-18T12:55:21.331353+00:00")
    assert (row["time_ns"], row["server_time_ns"], row["time_basis"]) == (900, 800, "source")
    assert [row[name] for name in ("server", "node_id", "tag", "value", "type", "status", "receive_time")] == [
        "urn:press:7", "nsu=urn:press;s=Force", "Force", 217.5, "Double", 0, None,
    ]  # fmt: skip


@pytest.mark.parametrize("wrap", ["bare", "list", "body", "Body base64"])
def test_messages_come_bare_batched_or_in_an_envelope(tmp_path: Path, wrap: str) -> None:
    two = network(data_set_message("ua-deltaframe", Force={"Value": 1, **STAMPS}, Speed={"Value": 2, **STAMPS}))
    wrapped = {
        "bare": two,
        "list": [two],
        "body": {"body": [two], "enqueuedTime": "Fri Mar 18 2022 13:55:21 GMT+0100", "properties": {}},
        "Body base64": {"EnqueuedTimeUtc": SENT, "Body": base64.b64encode(json.dumps(two).encode()).decode()},
    }[wrap]
    rows, wrong = imported(tmp_path, wrapped, said="opc-publisher")
    assert [(row["server"], row["path"], row["tag"], row["value"]) for row in rows] == [
        ("plant_70FB", "1000/Force", "Force", 1.0),
        ("plant_70FB", "1000/Speed", "Speed", 2.0),
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("status", "code", "quality", "overflow"),
    [
        (None, 0, "Good", False),
        (BAD, 2150694912, "Bad", False),
        (2150694912, 2150694912, "Bad", False),
        ({"Symbol": "Good", "Code": 1152}, 1152, "Good", True),
        ({"Symbol": "UncertainLastUsableValue"}, 0x40900000, "Uncertain", False),
        ({}, 0, "Good", False),
    ],
)
def test_a_status_in_every_form(tmp_path: Path, status: Any, code: int, quality: str, overflow: bool) -> None:
    value = {"Value": 1, **STAMPS} | ({} if status is None else {"StatusCode": status})
    (row,) = imported(tmp_path, network(data_set_message("ua-keyframe", Force=value)))[0]
    assert (row["status"], row["quality"], row["overflow"]) == (code, quality, overflow)


def test_a_bad_value_has_no_value_and_a_message_may_have_a_status_for_all(tmp_path: Path) -> None:
    message = data_set_message("ua-deltaframe", Force={"StatusCode": BAD, "SourceTimestamp": SOURCE}, Raw=5)
    rows, _ = imported(tmp_path, network(message | {"Status": 2147483648}))
    assert [(row["tag"], row["type"], row["value"], row["status"], row["time_basis"]) for row in rows] == [
        ("Force", "Null", None, 2150694912, "source"),
        ("Raw", "Double", 5.0, 2147483648, "receive"),
    ]


def test_metadata_gives_types_to_what_comes_behind_it(tmp_path: Path) -> None:
    values = {"Count": "18446744073709551615", "State": "Running_3", "Ratio": "NaN", "Any": 1, "Text": "5"}
    payload = {name: {"Value": value, **STAMPS} for name, value in values.items()}
    types = metadata(Count=9, State=6, Ratio=11, Any=26, Text=12)
    rows, wrong = imported(tmp_path, types, network(data_set_message("ua-keyframe", **payload)))
    assert wrong == []
    found = {row["tag"]: (row["type"], str(row["value"]), row["value_text"]) for row in rows}
    assert found == {
        "Count": ("UInt64", "1.8446744073709552e+19", None),
        "State": ("Int32", "3.0", "Running"),
        "Ratio": ("Double", "nan", None),
        "Any": ("Double", "1.0", None),
        "Text": ("String", "None", "5"),
    }
    assert int(next(row["value_exact"] for row in rows if row["tag"] == "Count")) == 2**64 - 1


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"Type": "Int64", "Body": "9007199254740993"}, ("Int64", 9007199254740992.0, None)),
        ({"Type": 1, "Body": True}, ("Boolean", 1.0, None)),
        ({"UaType": 11, "Value": 2.5}, ("Double", 2.5, None)),
        ({"Type": "LocalizedText", "Body": {"Text": "läuft", "Locale": "de"}}, ("LocalizedText", None, "läuft")),
        ({"Type": "Double", "Body": [1.0, 2.0]}, ("Double[]", None, None)),
    ],
)
def test_reversible_values_say_their_type(tmp_path: Path, value: Any, found: tuple[Any, ...]) -> None:
    (row,) = imported(tmp_path, network(data_set_message("ua-deltaframe", X={"Value": value, **STAMPS})))[0]
    assert (row["type"], row["value"], row["value_text"]) == found


def test_data_sets_without_headers(tmp_path: Path) -> None:
    rows, wrong = imported(tmp_path, {"Force": {"Value": 1, **STAMPS}, "nsu=urn:a;i=7": {"Value": 2, **STAMPS}})
    assert [(row["tag"], row["node_id"], row["server"]) for row in rows] == [
        ("Force", "nsu=urn:omptool:import;s=Force", "messages"),
        ("nsu=urn:a;i=7", "nsu=urn:a;i=7", "messages"),
    ]
    assert wrong == []
    rows, wrong = imported(tmp_path, {"Force": 1, "Speed": 2}, said="opc-publisher")
    assert (rows, [entry["reason"] for entry in wrong]) == ([], ["the time is missing"] * 2)


def test_keep_alives_events_and_strangers_are_no_values(tmp_path: Path) -> None:
    rows, wrong = imported(
        tmp_path,
        network(data_set_message("ua-keepalive"), data_set_message("ua-event", EventId="AA==", Severity=1)),
        {"MessageType": "ua-application", "PublisherId": "x"},
        network(data_set_message("ua-deltaframe", X={"Value": 1, "StatusCode": "Gut", **STAMPS})),
        network({"MessageType": "ua-deltaframe", "Payload": None}),
        SAMPLE | {"NodeId": "http://microsoft.com/Opc/OpcPlc/#s=Up"},
    )
    assert [row["node_id"] for row in rows] == ["nsu=http://microsoft.com/Opc/OpcPlc/;s=Up"]
    assert [(entry["line"], entry["reason"]) for entry in wrong] == [
        (3, "the status is no StatusCode"), (4, "a data set message without fields"),
    ]  # fmt: skip


PUBLISHED = {
    "body": [
        {
            "MessageId": "43",
            "MessageType": "ua-data",
            "PublisherId": "SIMPLE-EVENTS",
            "Messages": [
                {
                    "DataSetWriterId": "SIMPLE-EVENTS",
                    "MessageType": "ua-event",
                    "Payload": {
                        "EventId": "+6CQjN1eqkO6+yHJnxMz5w==",
                        "EventType": "http://microsoft.com/Opc/OpcPlc/SimpleEvents#i=14",
                        "Message": "The system cycle '59' has started.",
                        "ReceiveTime": "2021-06-21T12:38:55.5814091Z",
                        "Severity": 1,
                        "SourceName": "System",
                        "SourceNode": "i=2253",
                        "http://opcfoundation.org/SimpleEvents#CurrentStep": {"Name": "Step 1", "Duration": 1000.0},
                        "Time": "2021-06-21T12:38:55.5814078Z",
                    },
                }
            ],
        }
    ]
}
"""The example of docs/opc-publisher/telemetry-events-format.md of github.com/Azure/Industrial-IoT."""


def events_of(path: Path) -> list[dict[str, Any]]:
    found = source(path)
    return pa.RecordBatchReader.from_stream(found.views()["events"]).read_all().to_pylist()


def test_events_go_into_the_view_of_events(tmp_path: Path) -> None:
    alarm = {
        "EventId": {"Value": "AA=="}, "EventType": {"Value": "i=2915"}, "Message": {"Value": {"Text": "hot"}},
        "/ActiveState/Id": {"Value": True}, "AckedState/Id": {"Value": False}, "Retain": True, "Severity": 70000,
        "SourceNode": {"Value": "nsu=urn:press;s=Temp"}, "ConditionName": "Hot", "ActiveState": None,
    }  # fmt: skip
    messages = [PUBLISHED, network(data_set_message("ua-condition", **alarm)), SAMPLE | {"Value": alarm}]
    path = file(tmp_path, "messages.json", "\n".join(map(json.dumps, messages)))
    first, second, third = events_of(path)
    assert (first["event_id"], first["severity"], first["node_id"], first["server"], first["time_ns"]) == (
        base64.b64decode("+6CQjN1eqkO6+yHJnxMz5w=="), 1, "i=2253", "SIMPLE-EVENTS", 800,
    )  # fmt: skip
    assert first["time"].isoformat() == "2021-06-21T12:38:55.581407+00:00"
    assert json.loads(first["fields"]) == {
        "ReceiveTime": "2021-06-21T12:38:55.5814091Z",
        "http://opcfoundation.org/SimpleEvents#CurrentStep": {"Name": "Step 1", "Duration": 1000.0},
    }
    assert (second["active"], second["acked"], second["retain"], second["message"], second["condition_name"]) == (
        True, False, True, "hot", "Hot",
    )  # fmt: skip
    assert (second["severity"], json.loads(second["fields"])) == (None, {"Severity": 70000})
    assert (third["node_id"], third["server"], third["seq"]) == ("nsu=urn:press;s=Temp", "urn:press:7", 3)
    assert rows_of(source(path)) == []


def test_events_become_part_of_a_lake_once(invoke: Callable[..., Result], tmp_path: Path) -> None:
    sample = network(data_set_message("ua-deltaframe", Force={"Value": 1.5, **STAMPS}))
    file(tmp_path, "messages.json", "\n".join(map(json.dumps, [PUBLISHED, sample])))
    for _ in range(2):
        assert invoke("convert", "messages.json", "-o", "lake").code == 0
    asked = invoke("query", "select message, origin, site from events", "--on", "lake")
    assert asked.rows == [{"message": "The system cycle '59' has started.", "origin": "imported", "site": "unassigned"}]
    assert invoke("query", "select count(*) as n from telemetry", "--on", "lake").rows == [{"n": 1}]


def test_a_binary_message_is_said_to_be_one(tmp_path: Path) -> None:
    binary = {"body": base64.b64encode(bytes.fromhex("f101020304")).decode(), "systemProperties": {}}
    _, wrong = imported(tmp_path, SAMPLE, binary)
    assert [entry["reason"] for entry in wrong] == ["a binary message (UADP): have JSON published, --me=Json"]
    with pytest.raises(UsageError, match=r"\(UADP\) are not read"):
        source(file(tmp_path, "messages.uadp", b"\xf1\x01\x02"))


_any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just(SOURCE),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["Messages", "Payload", "MessageType", "Value", "NodeId", "StatusCode", "SourceTimestamp", "MetaData",
             "Fields", "Name", "BuiltInType", "Type", "Body", "body", "UaType", "Status", "DataSetWriterId", "x"]
        ),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


def test_message_types_that_are_none_are_no_type(tmp_path: Path) -> None:
    odd = [{"MessageType": []}, {"MessageType": {}, "Payload": {}}, network({"MessageType": [], "Payload": {"x": 1}})]
    rows, wrong = imported(tmp_path, SAMPLE, *odd)
    assert ([row["tag"] for row in rows], [entry["line"] for entry in wrong]) == (["Force"], [4])


@given(st.lists(_any, max_size=4))
def test_no_message_stops_the_reader(tmp_path_factory: pytest.TempPathFactory, messages: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows, wrong = imported(folder, SAMPLE, *messages, said="opc-publisher")
    assert rows[0]["tag"] == "Force"
    assert all(entry["reason"] for entry in wrong)
