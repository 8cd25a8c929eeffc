"""Undecoded events of one subscription → rows of `EVENT_SEGMENT`: what no column holds stays in `fields` and `raw`.

Pure: opens nothing, reads no clock; knows which item asked for which fields, and whether conditions are being
refreshed.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from omptool.capture.format import EVENT_SEGMENT, Flag
from omptool.capture.rows import Block
from omptool.errors import MalformedMessage
from omptool.model.builtin import BuiltinType
from omptool.model.eventfields import CONDITION_ID
from omptool.model.times import MAX_NS, MIN_NS, ticks_to_unix_ns
from omptool.protocol.publish import event_fields
from omptool.protocol.variant import Opener, Variant, decode_variant, to_json
from omptool.protocol.wire import LocalizedText

REFRESH_START, REFRESH_END, OVERFLOW = "i=2787", "i=2788", "i=3035"
"""Event types that speak of the subscription, not of the plant (Part 9, 5.11; Part 4, 7.22.3)."""


class Asked(NamedTuple):
    """What an item watches: the notifier's handle in the capture, and the fields asked for, in their order."""

    node: int
    fields: tuple[str, ...]


class Overrun(NamedTuple):
    """A queue of events ran over: events of this notifier are missing between these moments."""

    node: int
    start_ns: int
    end_ns: int


class Encoded(NamedTuple):
    """Rows, and what else the events say.

    Attributes:
        bad: why the events of a block did not decode, with its sequence number.
        refreshed: how often the end of a refresh of conditions was told.
        undecodable: events in those blocks; `signals`: events about a refresh, which are no rows.
    """

    rows: pa.RecordBatch | None
    overruns: tuple[Overrun, ...] = ()
    bad: tuple[tuple[int, str], ...] = ()
    refreshed: int = 0
    undecodable: int = 0
    signals: int = 0


class EventEncoder:
    """Turns events into rows; one per subscription.

    Args:
        asked: by ClientHandle.
        sub: capture-local handle of the subscription.
        namespaces: the server's NamespaceArray.
        started_ns: when the items were created; no event was missed before.
        opener: explains structures.
    """

    def __init__(
        self,
        asked: Mapping[int, Asked],
        *,
        sub: int,
        namespaces: Sequence[str],
        started_ns: int,
        opener: Opener | None = None,
    ) -> None:
        self._asked = asked
        self._sub = sub
        self._namespaces = namespaces
        self._opener = opener
        self._last_ns = {each.node: started_ns for each in asked.values()}
        self._is_refreshing = False

    def encode(self, blocks: Sequence[Block]) -> Encoded:
        """Rows in order of arrival; a block that does not decode is left out and named."""
        rows: list[dict[str, Any]] = []
        overruns: list[Overrun] = []
        bad: list[tuple[int, str]] = []
        refreshed = undecodable = signals = 0
        for block in blocks:
            try:
                events = event_fields(block.items, block.count)
                decoded = [self._decode(handle, fields) for handle, fields in events]
            except MalformedMessage as error:
                bad.append((block.sequence, error.message))
                undecodable += block.count
                continue
            for asked, fields, raw in decoded:
                kind = _text(fields.get("EventType"))
                signals += kind in (REFRESH_START, REFRESH_END)
                if kind == REFRESH_START:
                    self._is_refreshing = True
                elif kind == REFRESH_END:
                    self._is_refreshing = False
                    refreshed += 1
                else:
                    row = self._row(asked, fields, raw, block)
                    at_ns = row["event_time"] or block.publish_ns or block.receive_ns
                    if kind == OVERFLOW:
                        ends = sorted((self._last_ns[asked.node], at_ns))
                        overruns.append(Overrun(asked.node, ends[0], ends[1]))
                    self._last_ns[asked.node] = max(self._last_ns[asked.node], at_ns)
                    rows.append(row)
        batch = pa.RecordBatch.from_pylist(rows, schema=EVENT_SEGMENT) if rows else None
        return Encoded(batch, tuple(overruns), tuple(bad), refreshed, undecodable, signals)

    def _decode(self, handle: int, fields: Sequence[bytes]) -> tuple[Asked, dict[str, Variant], bytes]:
        asked = self._asked.get(handle)
        if asked is None:
            raise MalformedMessage(f"ClientHandle {handle} was never created")
        if len(fields) > len(asked.fields):
            raise MalformedMessage(f"{len(fields)} fields of an event, {len(asked.fields)} were asked for")
        values = [decode_variant(field, self._namespaces) for field in fields]
        raw = struct.pack("<Ii", handle, len(fields)) + b"".join(fields)
        return asked, dict(zip(asked.fields, values, strict=False)), raw

    def _row(self, asked: Asked, fields: dict[str, Variant], raw: bytes, block: Block) -> dict[str, Any]:
        rest = {name: value for name, value in fields.items() if not _is_nothing(value)}
        row: dict[str, Any] = {}
        for column, (name, read) in _COLUMNS.items():
            value = fields.get(name)
            row[column] = None if value is None else read(value)
            if row[column] is not None:
                rest.pop(name, None)
        flags = int(Flag.REPUBLISHED) if block.is_republished else 0
        said = {name: to_json(value, self._opener) for name, value in rest.items()}
        return row | {
            "node": asked.node,
            "receive_time": block.receive_ns,
            "receive_mono": block.receive_mono,
            "sequence": block.sequence,
            "sub": self._sub,
            "fields": json.dumps(said, ensure_ascii=False) if said else None,
            "raw": raw,
            "flags": flags | (int(Flag.INITIAL) if self._is_refreshing else 0),
        }


def _is_nothing(value: Variant) -> bool:
    """No value, the null NodeId, or a text without one: what a server sends where there is nothing to say."""
    return value.value in (None, "i=0") or (isinstance(value.value, LocalizedText) and value.value.text is None)


def _of(*kinds: BuiltinType) -> Callable[[Variant], Any]:
    def read(value: Variant) -> Any:
        return value.value if value.type in kinds and not value.is_array else None

    return read


def _text(value: Variant | None) -> str | None:
    """A text, a LocalizedText without its locale, or a NodeId."""
    found = None if value is None or value.is_array else value.value
    if isinstance(found, LocalizedText):
        return found.text
    return found if isinstance(found, str) else None


def _time(value: Variant) -> int | None:
    ticks = value.value if value.type is BuiltinType.DateTime and not value.is_array else None
    if ticks is None or ticks <= 0:
        return None
    ns = ticks_to_unix_ns(ticks)
    return ns if MIN_NS <= ns <= MAX_NS else None


def _severity(value: Variant) -> int | None:
    found = value.value
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= 0xFFFF else None


_BOOLEAN = _of(BuiltinType.Boolean)
_COLUMNS: dict[str, tuple[str, Callable[[Variant], Any]]] = {
    "event_time": ("Time", _time),
    "event_id": ("EventId", _of(BuiltinType.ByteString)),
    "event_type": ("EventType", _text),
    "source_node": ("SourceNode", _text),
    "source_name": ("SourceName", _text),
    "message": ("Message", _text),
    "severity": ("Severity", _severity),
    "condition_id": (CONDITION_ID, _text),
    "condition_name": ("ConditionName", _text),
    "active": ("ActiveState/Id", _BOOLEAN),
    "acked": ("AckedState/Id", _BOOLEAN),
    "confirmed": ("ConfirmedState/Id", _BOOLEAN),
    "suppressed": ("SuppressedOrShelved", _BOOLEAN),
    "retain": ("Retain", _BOOLEAN),
}
"""By column of the segment, the field it holds."""
