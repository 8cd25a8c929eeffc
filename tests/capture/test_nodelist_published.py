"""OPC Publisher's files: every way to write a node, an interval and an old version; what cannot be had is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.selecting.nodelist import EndpointNodes, NodeList, Notifier
from omptool.capture.selecting.nodelist_published import looks_published, of_published
from omptool.capture.selecting.published_values import Unreadable, timespan_ms
from omptool.errors import OmptoolError, UsageError
from omptool.model import lenient_json
from omptool.model.monitoring import Deadband, Discard, Monitoring, Trigger

URL = "opc.tcp://10.1.4.7:4840/plant"


def read(entry: dict[str, Any] | list[Any]) -> NodeList:
    return of_published(entry if isinstance(entry, list) else [{"EndpointUrl": URL, **entry}], "pn.json")


def nodes(*given: dict[str, Any], **entry: Any) -> list[tuple[str, dict[str, Any]]]:
    found = read({"OpcNodes": list(given), **entry}).endpoints[URL].nodes
    return [(each.text, each.monitoring.said()) for each in found]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ({"Id": "i=2258"}, "i=2258"),
        ({"Id": "ns=2;s=Speed"}, "ns=2;s=Speed"),
        ({"Id": " nsu=urn:plant;i=7 "}, "nsu=urn:plant;i=7"),
        ({"Id": " nsu=urn:plant;s=7 "}, "nsu=urn:plant;s=7 "),
        ({"ExpandedNodeId": "svr=0;nsu=urn:plant;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63"},
         "nsu=urn:plant;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63"),
        ({"id": "http://a.org/UA/#s=Speed#s=2"}, "nsu=http://a.org/UA/;s=Speed#s=2"),
        ({"Id": "http://a.org/UA/#b=AQI="}, "nsu=http://a.org/UA/;b=AQI="),
        ({"Id": "urn:a;b%c#i=5"}, "nsu=urn:a%3Bb%25c;i=5"),
        ({"Id": "ns=2;s=a#s=b"}, "ns=2;s=a#s=b"),
    ],
)  # fmt: skip
def test_every_form_of_a_node_id(written: dict[str, Any], text: str) -> None:
    assert nodes(written) == [(text, {})]


def test_entries_of_the_first_version_are_one_node_each() -> None:
    old = [
        {"EndpointUrl": URL, "NodeId": {"Identifier": "ns=1;i=123"}},
        {"EndpointUrl": URL, "NodeId": {"Identifier": "ns=2;i=456"}},
        {"EndpointUrl": "opc.tcp://other", "NodeId": "i=2258"},
    ]
    found = read(old)
    assert {url: [each.text for each in asked.nodes] for url, asked in found.endpoints.items()} == {
        URL: ["ns=1;i=123", "ns=2;i=456"], "opc.tcp://other": ["i=2258"],
    }  # fmt: skip
    assert found.notes == ()


def test_settings_of_a_node() -> None:
    full = {
        "Id": "i=1", "OpcSamplingInterval": 2000, "OpcSamplingIntervalTimespan": "00:00:00.25", "QueueSize": "7",
        "DiscardNew": True, "DataChangeTrigger": "StatusValueTimestamp", "DeadbandType": "Percent",
        "DeadbandValue": 140, "HeartbeatInterval": 60,
    }  # fmt: skip
    polled = {"Id": "i=2", "UseCyclicRead": True, "OpcSamplingInterval": 5000}
    plain = {"Id": "i=3", "DiscardNew": False, "QueueSize": 0, "HeartbeatInterval": 0}
    assert nodes(full, polled, plain, DataSetSamplingInterval=100) == [
        ("i=1", {"sampling_ms": 250.0, "queue_size": 7, "discard": Discard.NEWEST, "heartbeat_ms": 60_000.0,
                 "trigger": Trigger.STATUS_VALUE_TIMESTAMP, "deadband": Deadband(100, True)}),
        ("i=2", {"poll_ms": 5000.0, "sampling_ms": 100.0}),
        ("i=3", {"sampling_ms": 100.0, "heartbeat_ms": 0.0}),
    ]  # fmt: skip


def test_the_shortest_publishing_interval_serves_all() -> None:
    found = read({
        "DataSetPublishingIntervalTimespan": "00:00:05",
        "OpcNodes": [{"Id": "i=1"}, {"Id": "i=2", "OpcPublishingInterval": 500}],
    })  # fmt: skip
    assert found.endpoints[URL].publishing_ms == 500
    assert found.notes == (
        "pn.json: OpcPublishingInterval (in 1 place) cannot be had: 500 ms, the shortest of a server, is used for all",
    )


def test_events_are_asked_of_their_notifier() -> None:
    simple = {"Id": "i=2253", "EventFilter": {"TypeDefinitionId": "nsu=urn:alarms;i=235"}}
    chosen = {
        "Id": "i=2253",
        "EventFilter": {
            "SelectClauses": [
                {"TypeDefinitionId": "i=2041", "BrowsePath": ["EventId"]},
                {"TypeDefinitionId": "i=2915", "BrowsePath": ["/ActiveState", "/0:Id"]},
            ],
            "WhereClause": {"Elements": [{"FilterOperator": "OfType"}]},
        },
    }
    found = read({"OpcNodes": [simple, chosen]})
    assert found.endpoints[URL].notifiers == (
        Notifier("i=2253", (), ("nsu=urn:alarms;i=235",)),
        Notifier("i=2253", ("EventId", "ActiveState/Id"), ()),
    )
    assert found.notes == ("pn.json: WhereClause (in 1 place) cannot be had: events are not filtered by it",)


def test_what_cannot_be_had_is_told_and_passwords_are_not() -> None:
    found = read({
        "UseSecurity": True, "OpcAuthenticationPassword": "geheim", "DataSetWriterGroup": "g", "BatchSize": 50,
        "Colour": "red", "Version": None,
        "OpcNodes": [
            {"Id": "i=1", "SkipFirst": True, "IndexRange": "0:3", "DataSetFieldId": "f", "RegisterNode": False},
            {"Id": "i=2", "AttributeId": "DisplayName"}, {"Id": "svr=1;i=3"}, {"Id": "i=4", "DeadbandType": "Absolute"},
            {"Id": "i=1", "QueueSize": 9},
        ],
    })  # fmt: skip
    assert [each.text for each in found.endpoints[URL].nodes] == ["i=1", "i=4"]
    assert found.notes == (
        "pn.json: 1 node left out, not their value but another attribute is asked for: i=2",
        "pn.json: 1 node left out, they are on another server than their entry: svr=1;i=3",
        "pn.json: 1 node left out, listed before with other settings: i=1",
        "pn.json: SkipFirst (in 1 place) cannot be had: the first value is recorded, with the origin initial",
        "pn.json: IndexRange (in 1 place) cannot be had: the whole value is recorded",
        "pn.json: DeadbandType without DeadbandValue, or the reverse (in 1 place) cannot be had: there is no deadband",
        "pn.json: security and users are not taken from it; they belong into [servers.NAME] of omptool.toml",
        "pn.json: of no meaning for a capture, about messages and sending: DataSetWriterGroup, BatchSize, "
        "DataSetFieldId",
        "pn.json: unknown keys, not used: Colour",
    )


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"EndpointUrl": ""}, "pn.json: entry 1 has no EndpointUrl"),
        ({"EndpointUrl": 5}, "pn.json: entry 1: EndpointUrl: '5' is no text"),
        ({"OpcNodes": {}}, "pn.json: entry 1: OpcNodes is no list"),
        ({"OpcNodes": [5]}, "pn.json: entry 1, node 1 is no object"),
        ({"OpcNodes": [{}]}, "pn.json: entry 1, node 1 has no Id"),
        ({"OpcNodes": [{"Id": "i=x"}]}, "pn.json: entry 1, node 1: 'i=x' is not a NodeId"),
        ({"OpcNodes": [{"Id": "i=1", "QueueSize": -1}]}, "pn.json: entry 1, node 1: '-1' is no queue size"),
        ({"OpcNodes": [{"Id": "i=1", "DeadbandType": "x", "DeadbandValue": 1}]},
         "pn.json: entry 1, node 1: DeadbandType"),
        ({"OpcNodes": [{"Id": "i=1", "OpcSamplingInterval": "soon"}]},
         "pn.json: entry 1, node 1: OpcSamplingInterval: 'soon' is no number"),
        ({"OpcNodes": [{"Id": "i=1", "OpcSamplingInterval": 1e12}]},
         "pn.json: entry 1, node 1: OpcSamplingInterval: '1000000000000.0' is not between 0 and a day"),
        ({"OpcNodes": [{"Id": "i=1", "UseCyclicRead": "yes"}]},
         "pn.json: entry 1, node 1: UseCyclicRead: 'yes' is neither true nor false"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_its_place(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        read(entry)
    assert error.value.message.startswith(said) and error.value.hint


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("00:00:01", 1000), ("0:0:1", 1000), ("01:02", 3_720_000), ("1.00:00:00.5", 86_400_500),
        ("00:00:00.0000001", 1e-4),
        ("1", 86_400_000), ("PT1.5S", 1500), ("P1DT1H", 90_000_000), ("pt2m", 120_000),
    ],
)  # fmt: skip
def test_time_spans(text: str, milliseconds: float) -> None:
    assert timespan_ms(text) == pytest.approx(milliseconds)


@pytest.mark.parametrize("text", ["", "P", "PT", "24:00:00", "00:60", "-00:00:01", "1s", "99999999999", "1:1:1:1"])
def test_what_is_no_time_span(text: str) -> None:
    with pytest.raises(Unreadable):
        timespan_ms(text)


def test_remarks_and_commas_by_hand_are_read_over() -> None:
    text = """// lines of Hall 2
    [ { "EndpointUrl": "opc.tcp://a:4840", /* not /* yet */ "OpcNodes": [ // two
          { "Id": "ns=2;s=//no remark, /*neither*/ ,]" }, ] }, ]"""
    data = lenient_json.loads(text)
    assert looks_published(data)
    assert of_published(data, "pn").endpoints["opc.tcp://a:4840"] == EndpointNodes(
        of_published(data, "pn").endpoints["opc.tcp://a:4840"].nodes
    )
    assert data[0]["OpcNodes"] == [{"Id": "ns=2;s=//no remark, /*neither*/ ,]"}]


@pytest.mark.parametrize(
    "text", ['["' + "\\" * 99_999, "/*" * 50_000, '[1,"' * 50_000, "[" + ", " * 99_999, "//" * 99_999]
)
def test_hostile_text_ends_soon(text: str) -> None:
    with pytest.raises(ValueError):
        lenient_json.loads(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["EndpointUrl", "OpcNodes", "Id", "EventFilter", "SelectClauses", "BrowsePath", "NodeId",
                         "QueueSize", "OpcSamplingInterval", "HeartbeatIntervalTimespan", "DeadbandValue"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON, JSON)
def test_any_json_is_read_or_refused(nodes: Any, node: Any) -> None:
    for entry in ({"EndpointUrl": URL, "OpcNodes": nodes}, {"EndpointUrl": URL, "OpcNodes": [{"Id": "i=1", "X": node}]},
                  {"EndpointUrl": URL, "OpcNodes": [node]}):  # fmt: skip
        try:
            assert isinstance(of_published([entry], "pn"), NodeList)
        except OmptoolError as error:
            assert error.message


def test_settings_below_are_only_for_what_is_left_open() -> None:
    assert Monitoring(sampling_ms=0.0).over(Monitoring(sampling_ms=5.0)).sampling_ms == 0.0
