"""PublishResponses against asyncua's own encoder and decoder, keep-alives and faults included."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import MalformedMessage
from omptool.protocol.items import decode_items
from omptool.protocol.publish import (
    DataChange,
    Events,
    PublishAnswer,
    StatusChange,
    Unknown,
    event_fields,
    parse_publish_response,
    parse_republish_response,
)
from tests.protocol.messages import by_asyncua, fault, raw, rebuild, response, times, to_ticks, u32, ua, variants

BAD_NO_SUBSCRIPTION, BAD_TIMEOUT = 0x80790000, 0x800A0000
PUBLISH = ua.ObjectIds.PublishResponse_Encoding_DefaultBinary
REPUBLISH = ua.ObjectIds.RepublishResponse_Encoding_DefaultBinary

data_values = st.builds(
    ua.DataValue, variants(), u32.map(ua.StatusCode), st.one_of(st.none(), times), st.one_of(st.none(), times)
)
data_changes = st.builds(
    ua.DataChangeNotification,
    st.lists(st.builds(ua.MonitoredItemNotification, u32, data_values), max_size=4),
    st.sampled_from([[], None]),
)
event_lists = st.builds(
    ua.EventNotificationList, st.lists(st.builds(ua.EventFieldList, u32, st.lists(variants(), max_size=3)), max_size=3)
)
status_changes = st.builds(ua.StatusChangeNotification, u32.map(ua.StatusCode))
notifications = st.lists(st.one_of(data_changes, event_lists, status_changes), max_size=3)


@st.composite
def publish_responses(draw: st.DrawFn) -> ua.PublishResponse:
    answer = ua.PublishResponse()
    result = answer.Parameters
    result.SubscriptionId = draw(u32)
    result.AvailableSequenceNumbers = draw(st.lists(u32, max_size=4))
    result.MoreNotifications = draw(st.booleans())
    result.NotificationMessage = draw(messages())
    result.Results = draw(st.lists(u32.map(ua.StatusCode), max_size=3))
    return answer


@st.composite
def messages(draw: st.DrawFn) -> ua.NotificationMessage:
    return ua.NotificationMessage(draw(u32), draw(times), draw(notifications))


def check_notifications(answer: PublishAnswer, sent: list[Any]) -> None:
    assert len(answer.notifications) == len(sent)
    for found, original in zip(answer.notifications, sent, strict=True):
        match found:
            case DataChange(count, items):
                rows = decode_items([(items, count)])
                assert count == len(original.MonitoredItems) == len(rows)
                for row, item in enumerate(original.MonitoredItems):
                    assert rows.client_handle[row] == item.ClientHandle
                    assert rebuild(rows, row) == raw(item.Value.Value)
                    assert rows.status[row] == item.Value.StatusCode.value
            case Events(count, items):
                expected = [
                    (event.ClientHandle, [raw(field) for field in event.EventFields]) for event in original.Events
                ]
                assert event_fields(items, count) == expected
            case StatusChange(status):
                assert status == original.Status.value
            case Unknown():
                pytest.fail(f"unknown: {found}")


@given(publish_responses())
def test_publish_response(sent: ua.PublishResponse) -> None:
    answer = parse_publish_response(response(sent, PUBLISH))
    result, message = sent.Parameters, sent.Parameters.NotificationMessage
    assert answer[:6] == (
        0,
        result.SubscriptionId,
        message.SequenceNumber,
        to_ticks(message.PublishTime),
        result.MoreNotifications,
        tuple(result.AvailableSequenceNumbers),
    )
    assert answer.results == tuple(code.value for code in result.Results)
    assert answer.is_keep_alive == (not message.NotificationData)
    check_notifications(answer, message.NotificationData)


@given(publish_responses())
def test_asyncua_reads_the_same(sent: ua.PublishResponse) -> None:
    body = response(sent, PUBLISH)
    theirs = by_asyncua(ua.PublishResponse, body).Parameters.NotificationMessage
    check_notifications(parse_publish_response(memoryview(body)), theirs.NotificationData)


@given(messages())
def test_republish_response(sent: ua.NotificationMessage) -> None:
    body = response(ua.RepublishResponse(NotificationMessage=sent), REPUBLISH)
    answer = parse_republish_response(body)
    for message in (sent, by_asyncua(ua.RepublishResponse, body).NotificationMessage):
        expected = message.SequenceNumber, to_ticks(message.PublishTime)
        assert (answer.sequence_number, answer.publish_time_ticks) == expected
        check_notifications(answer, message.NotificationData)


@pytest.mark.parametrize("nothing", [[], None])
def test_keep_alive_as_empty_and_as_null_array(nothing: list[Any] | None) -> None:
    sent = ua.PublishResponse()
    sent.Parameters.SubscriptionId = 3
    sent.Parameters.NotificationMessage.SequenceNumber = 42
    sent.Parameters.NotificationMessage.NotificationData = nothing
    answer = parse_publish_response(response(sent, PUBLISH))
    assert answer.is_keep_alive
    assert (answer.subscription_id, answer.sequence_number) == (3, 42)


@pytest.mark.parametrize("parse", [parse_publish_response, parse_republish_response])
def test_a_fault_carries_its_code_and_is_no_keep_alive(parse: Any) -> None:
    answer = parse(fault(BAD_NO_SUBSCRIPTION))
    assert answer == PublishAnswer(BAD_NO_SUBSCRIPTION)
    assert not answer.is_keep_alive


def test_a_bad_result_in_a_whole_response_counts_as_fault() -> None:
    body = response(ua.PublishResponse(), PUBLISH, service_result=BAD_TIMEOUT)
    assert parse_publish_response(body) == PublishAnswer(BAD_TIMEOUT)


def test_a_good_fault_makes_no_sense() -> None:
    with pytest.raises(MalformedMessage):
        parse_publish_response(fault(0))


def test_another_answer_is_refused() -> None:
    with pytest.raises(MalformedMessage):
        parse_publish_response(response(ua.RepublishResponse(), REPUBLISH))


def test_unusual_header() -> None:
    """Numeric type id, diagnostics, a string table and an additional header, before the same content."""
    sent = ua.PublishResponse()
    sent.Parameters.SubscriptionId = 9
    body = response(sent, PUBLISH)
    plain = body[28:]
    head = b"\x02\0\0" + struct.pack("<IqII", PUBLISH, 0, 7, 0) + b"\x41" + struct.pack("<i", 0) + b"\0"
    strings = struct.pack("<ii", 2, 1) + b"a" + struct.pack("<i", -1)
    additional = b"\x01\0\x07\0\x01" + struct.pack("<i", 2) + b"xy"
    assert parse_publish_response(head + strings + additional + plain) == parse_publish_response(body)


def test_a_type_of_a_vendor_is_kept() -> None:
    sent = ua.PublishResponse()
    sent.Parameters.NotificationMessage.NotificationData = [ua.ExtensionObject(ua.NodeId(5, 2), b"abc")]
    assert parse_publish_response(response(sent, PUBLISH)).notifications == (Unknown("ns=2;i=5", b"abc"),)


def test_diagnostics_behind_the_items_are_cut_off() -> None:
    """One DiagnosticInfo whose last bytes do not look like an empty array."""
    item = ua.MonitoredItemNotification(4, ua.DataValue(ua.Variant(7, ua.VariantType.Byte)))
    sent = ua.PublishResponse()
    sent.Parameters.NotificationMessage.NotificationData = [ua.DataChangeNotification([item], [])]
    body = response(sent, PUBLISH)
    (plain,) = parse_publish_response(body).notifications
    assert isinstance(plain, DataChange)
    start = body.index(plain.items)
    size_at = start - 8
    diagnostics = struct.pack("<iBi", 1, 0x01, 77)
    longer = struct.pack("<i", 4 + len(plain.items) + len(diagnostics))
    rest = start + len(plain.items)
    changed = body[:size_at] + longer + body[size_at + 4 : rest] + diagnostics + body[rest + 4 :]
    assert parse_publish_response(changed).notifications == (plain,)


def test_diagnostics_array_left_out() -> None:
    items = struct.pack("<IBBB", 4, 0x01, 0x03, 7)
    content = b"\x01\0\x2b\x03\x01" + struct.pack("<ii", 4 + len(items), 1) + items
    message = struct.pack("<Iqi", 1, 0, 1) + content
    body = response(ua.RepublishResponse(), REPUBLISH)[:28] + message
    assert parse_republish_response(body).notifications == (DataChange(1, items),)


@given(publish_responses())
def test_every_truncation_is_refused_or_only_lacks_the_unread_end(sent: ua.PublishResponse) -> None:
    """The array of diagnostics at the very end is not read; all before it is needed."""
    body = response(sent, PUBLISH)
    whole = parse_publish_response(body)
    assert parse_publish_response(body[:-4]) == whole
    for end in range(len(body) - 4):
        with pytest.raises(MalformedMessage):
            parse_publish_response(body[:end])


@given(publish_responses(), st.data())
def test_flipped_bits_never_raise_anything_else(sent: ua.PublishResponse, data: st.DataObject) -> None:
    body = response(sent, PUBLISH)
    for place in data.draw(st.lists(st.integers(0, 8 * len(body) - 1), min_size=1, max_size=30)):
        bad = bytearray(body)
        bad[place // 8] ^= 1 << place % 8
        try:
            answer = parse_publish_response(bytes(bad))
            for found in answer.notifications:
                if isinstance(found, DataChange):
                    assert len(decode_items([(found.items, found.count)])) == found.count
                elif isinstance(found, Events):
                    assert len(event_fields(found.items, found.count)) == found.count
        except MalformedMessage:
            continue


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_publish_response(noise)
    with pytest.raises(MalformedMessage):
        parse_publish_response(response(ua.PublishResponse(), PUBLISH)[:28] + b"\xff" * 8 + noise)


@pytest.mark.parametrize("count", [-1, 3, 2**31 - 1])
def test_events_that_cannot_be(count: int) -> None:
    with pytest.raises(MalformedMessage):
        event_fields(b"\0" * 8, count)
