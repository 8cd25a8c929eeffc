"""What a server grants of a subscription and of its items: answers of which there are as many as items.

Pure, and bounded like every reader of this package.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from omptool.protocol.wire import Reader

_CREATE_SUBSCRIPTION_RESPONSE, _CREATE_ITEMS_RESPONSE = 790, 754
_SUBSCRIPTION = struct.Struct("<IdII")
_ITEM = struct.Struct("<IIdI")
_NO_FILTER_RESULT = b"\0\0\0"
_SMALLEST_ITEM = _ITEM.size + len(_NO_FILTER_RESULT)


class Granted(NamedTuple):
    """What CreateSubscription answers; all figures are revised ones."""

    sub: int
    publishing_ms: float
    lifetime_count: int
    keep_alive_count: int


class GrantedItem(NamedTuple):
    """MonitoredItemCreateResult without the result of the filter."""

    status: int
    item_id: int
    sampling_ms: float
    queue_size: int


def parse_subscription(body: bytes) -> Granted:
    """A CreateSubscriptionResponse.

    Raises:
        ServerRefused, MalformedMessage: it is a refusal, or no such answer.
    """
    reader = Reader(body)
    reader.expect((_CREATE_SUBSCRIPTION_RESPONSE,), "CreateSubscription")
    return Granted(*_SUBSCRIPTION.unpack_from(body, reader.skip(_SUBSCRIPTION.size)))


def parse_items(body: bytes) -> tuple[int, list[GrantedItem]]:
    """The ticks of a CreateMonitoredItemsResponse, which tell the server's clock, and its results.

    Raises:
        ServerRefused, MalformedMessage: it is a refusal, or no such answer.
    """
    reader = Reader(body)
    header = reader.expect((_CREATE_ITEMS_RESPONSE,), "CreateMonitoredItems")
    return header.timestamp_ticks, [_item(reader) for _ in range(reader.length(_SMALLEST_ITEM))]


def _item(reader: Reader) -> GrantedItem:
    at = reader.skip(_ITEM.size)
    if reader.data.startswith(_NO_FILTER_RESULT, reader.pos) and reader.pos + 3 <= reader.end:
        reader.pos += 3
    else:
        reader.skip_structure()
    return GrantedItem(*_ITEM.unpack_from(reader.data, at))
