"""PublishResponse and RepublishResponse: bytes to bookkeeping, with the values left as they are.

Why values stay bytes: a publish of ten values costs a few µs to take apart but 20 µs and more to turn into columns, so
the items of many answers are decoded together later (`items.decode_items`). Nothing is dropped here: what has no name
of its own is `Unknown`, with its bytes.

Keep-alives (Part 4, 5.14.1.1) carry no NotificationData; servers send that as an empty or as a null array. Their
sequence number is that of the *next* notification.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from struct import unpack_from
from typing import NamedTuple

from omptool.errors import MalformedMessage
from omptool.protocol import skip
from omptool.protocol.wire import (
    I32,
    I64,
    NO_DIAGNOSTICS,
    PLAIN_HEADER_ENDS,
    SERVICE_FAULT,
    U32,
    Reader,
    ResponseHeader,
    malformed,
)

PUBLISH_RESPONSE, REPUBLISH_RESPONSE = 829, 835
_DATA_CHANGE, _EVENT_LIST, _STATUS_CHANGE = 811, 916, 820
_PLAIN_PUBLISH = b"\x01\x00\x3d\x03"
_PLAIN_DATA_CHANGE = b"\x01\x00\x2b\x03\x01"
_MESSAGE = struct.Struct("<?Iqi").unpack_from
_FIELDS = 28
"""Where the fields of an answer with a plain header begin."""
_SUBSCRIPTION = struct.Struct("<Ii").unpack_from
_ITEMS = struct.Struct("<ii").unpack_from
_BEFORE_ITEMS = 17 + 5 + 8
"""Behind the numbers that the server keeps: the message's head, type and encoding, its length, the number of items."""
_SMALLEST_ANSWER = _FIELDS + 8 + _BEFORE_ITEMS + 4 + 8
_OVERFLOW_TYPES = frozenset((b"\x11\x01\x00\xdb\x0b", b"\x11\x02\x00\x00\xdb\x0b\x00\x00"))
"""Variants that hold the NodeId i=3035, in both of its encodings."""
_SMALLEST_ITEM = 5
_SMALLEST_EVENT = 8


@dataclass(frozen=True, slots=True)
class DataChange:
    """`count` MonitoredItemNotifications, undecoded: input for `items.decode_items`. Array length and diagnostics are
    cut off."""

    count: int
    items: bytes


@dataclass(frozen=True, slots=True)
class Events:
    """`count` EventFieldLists, undecoded: input for `event_fields`."""

    count: int
    items: bytes


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The subscription itself changed state, e.g. BadTimeout: the server has dropped it."""

    status: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """A notification of a type we do not know. `type_id` with a namespace index: the session's array is not at hand
    here."""

    type_id: str
    body: bytes


Notification = DataChange | Events | StatusChange | Unknown


class PublishAnswer(NamedTuple):
    """What a PublishResponse says; all zero but `service_result` when the server refused.

    Attributes:
        service_result: StatusCode of the call.
        sequence_number: of this NotificationMessage; of the next one when this is a keep-alive.
        publish_time_ticks: 100 ns since 1601; of the answer where the server leaves the message's own out.
        available: sequence numbers that the server still holds for Republish.
        results: one StatusCode for each acknowledgement of the request.
    """

    service_result: int
    subscription_id: int = 0
    sequence_number: int = 0
    publish_time_ticks: int = 0
    more_notifications: bool = False
    available: tuple[int, ...] = ()
    results: tuple[int, ...] = ()
    notifications: tuple[Notification, ...] = ()

    @property
    def is_keep_alive(self) -> bool:
        """The server is alive and had nothing to say."""
        return not self.notifications and self.service_result >> 31 == 0


def parse_publish_response(body: bytes | memoryview) -> PublishAnswer:
    """Take a PublishResponse (or ServiceFault) apart.

    Args:
        body: the message body from the type NodeId on, decrypted and with its chunks joined.

    Raises:
        MalformedMessage: the bytes are not a PublishResponse.
    """
    body = bytes(body)
    plain = _plain(body)
    if plain is not None:
        return plain
    reader = Reader(body)
    result, answered = _granted(reader, PUBLISH_RESPONSE)
    if result >> 31:
        return PublishAnswer(result)
    subscription = reader.u32()
    available = _u32_array(reader)
    more, sequence, time, notifications = _message(reader, with_more=True)
    time = time or answered  # node-opcua leaves it out; without it nobody knows when the server last spoke
    return PublishAnswer(result, subscription, sequence, time, more, available, _u32_array(reader), notifications)


def _plain(data: bytes) -> PublishAnswer | None:
    """The answer that nearly all are: one DataChangeNotification, no diagnostics; None for any other, to be read field
    by field. It costs as much as everything else that is done for a message, so it is taken apart in few steps."""
    size = len(data)
    if data[:4] != _PLAIN_PUBLISH or data[20:_FIELDS] not in PLAIN_HEADER_ENDS or size < _SMALLEST_ANSWER:
        return None
    (result,), (subscription, kept) = U32(data, 16), _SUBSCRIPTION(data, _FIELDS)
    at = _FIELDS + 8 + 4 * max(kept, 0)
    if result >> 31 or kept < -1 or at + _BEFORE_ITEMS > size:
        return None
    more, sequence, time, notifications = _MESSAGE(data, at)
    start = at + _BEFORE_ITEMS
    (length, count), end = _ITEMS(data, start - 8), start - 4
    end += length
    if notifications != 1 or data[at + 17 : at + 22] != _PLAIN_DATA_CHANGE or not 8 <= length <= size - end + length:
        return None
    if data[end - 4 : end] not in NO_DIAGNOSTICS or not 0 <= count * _SMALLEST_ITEM <= length - 4 or size - end < 8:
        return None
    (answers,) = I32(data, end)
    if size != end + 8 + 4 * max(answers, 0) or answers < -1 or data[size - 4 :] not in NO_DIAGNOSTICS:
        return None
    return PublishAnswer(
        result,
        subscription,
        sequence,
        time or I64(data, 4)[0],
        more,
        unpack_from(f"<{kept}I", data, _FIELDS + 8) if kept > 0 else (),
        unpack_from(f"<{answers}I", data, end + 4) if answers > 0 else (),
        (DataChange(count, data[start : end - 4]),),
    )


def parse_republish_response(body: bytes | memoryview) -> PublishAnswer:
    """Take a RepublishResponse (or ServiceFault) apart: sequence, time and notifications; it names no subscription.

    Raises:
        MalformedMessage: the bytes are not a RepublishResponse.
    """
    reader = Reader(bytes(body))
    result, _ = _granted(reader, REPUBLISH_RESPONSE)
    if result >> 31:
        return PublishAnswer(result)
    _, sequence, time, notifications = _message(reader, with_more=False)
    return PublishAnswer(result, 0, sequence, time, notifications=notifications)


def event_fields(items: bytes, count: int) -> list[tuple[int, list[bytes]]]:
    """Split EventFieldLists into (client handle, one exact Variant per selected field).

    Raises:
        MalformedMessage: the bytes are not `count` EventFieldLists.
    """
    reader = Reader(items)
    if count < 0 or count * _SMALLEST_EVENT > len(items):
        malformed(f"{count} events in {len(items)} bytes", 0)
    events = []
    for _ in range(count):
        handle = reader.u32()
        fields = []
        for _ in range(reader.length()):
            start = reader.pos
            skip.variant(reader)
            fields.append(items[start : reader.pos])
        events.append((handle, fields))
    return events


def tells_overflow(events: Events) -> bool:
    """Whether one of the events is an EventQueueOverflowEventType (Part 4, 7.22.3): others were discarded.

    Seen where the EventType is among the selected fields; bytes that are no events tell nothing.
    """
    try:
        return any(_OVERFLOW_TYPES & set(fields) for _, fields in event_fields(events.items, events.count))
    except MalformedMessage:
        return False


def _granted(reader: Reader, expected: int) -> tuple[int, int]:
    """ServiceResult and Timestamp of the header, behind which the reader then stands. The usual header is recognised
    as a whole, any other is read."""
    data = reader.data
    if expected == PUBLISH_RESPONSE and data[:4] == _PLAIN_PUBLISH and data[20:28] in PLAIN_HEADER_ENDS:
        reader.pos = 28
        return int(U32(data, 16)[0]), int(I64(data, 4)[0])
    header: ResponseHeader = reader.response_header()
    if header.type_id == SERVICE_FAULT:
        if not header.service_result >> 31:
            malformed("a ServiceFault without a fault", 0)
        return header.service_result, header.timestamp_ticks
    if header.type_id != expected:
        malformed(f"an answer of type i={header.type_id} instead of i={expected}", 0)
    return header.service_result, header.timestamp_ticks


def _message(reader: Reader, *, with_more: bool) -> tuple[bool, int, int, tuple[Notification, ...]]:
    """MoreNotifications (in a PublishResponse), then SequenceNumber, PublishTime and NotificationData."""
    if with_more:
        more, sequence, time, count = _MESSAGE(reader.data, reader.skip(17))
    else:
        more, sequence, time, count = False, reader.u32(), reader.i64(), reader.i32()
    if count < -1 or count * 3 > reader.end - reader.pos:
        malformed(f"{count} notifications where {reader.end - reader.pos} bytes are left", reader.pos)
    return more, sequence, time, tuple([_notification(reader) for _ in range(count)])


def _notification(reader: Reader) -> Notification:
    data = reader.data
    if data.startswith(_PLAIN_DATA_CHANGE, reader.pos):
        reader.pos += len(_PLAIN_DATA_CHANGE)
        size = max(reader.length(), 0)
        return _data_change(data, reader.skip(size), reader.pos)
    type_id = reader.node_id()
    encoding = reader.structure_encoding()
    size = max(reader.length(), 0) if encoding else 0
    start = reader.skip(size)
    if encoding == 1 and type_id.namespace == 0:
        if type_id.identifier == _DATA_CHANGE:
            return _data_change(data, start, reader.pos)
        if type_id.identifier == _EVENT_LIST:
            return _events(Reader(data, start, reader.pos))
        if type_id.identifier == _STATUS_CHANGE:
            return StatusChange(Reader(data, start, reader.pos).u32())
    return Unknown(type_id.to_text(()), data[start : reader.pos])


def _data_change(data: bytes, start: int, end: int) -> DataChange:
    """Cut the DiagnosticInfos array off.

    It follows items whose end only a walk would find; but nobody asks for diagnostics, so it is empty, and the last
    four bytes say so. Otherwise the walk is made.
    """
    part = Reader(data, start, end)
    count = max(part.length(_SMALLEST_ITEM), 0)
    start += 4
    if data[end - 4 : end] in NO_DIAGNOSTICS:
        return DataChange(count, data[start : end - 4])
    for _ in range(count):
        part.skip(4)
        skip.data_value(part)
    stop = part.pos
    if stop != end:  # some servers leave the last, optional array out
        part.skip_diagnostic_infos()
    return DataChange(count, data[start:stop])


def _events(part: Reader) -> Events:
    count = max(part.length(_SMALLEST_EVENT), 0)
    return Events(count, part.data[part.pos : part.end])


def _u32_array(reader: Reader) -> tuple[int, ...]:
    count = reader.length(4)
    if count <= 0:
        return ()
    return struct.unpack_from(f"<{count}I", reader.data, reader.skip(4 * count))
