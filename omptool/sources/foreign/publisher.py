"""Messages of OPC Publisher, and any OPC UA PubSub JSON (Part 14, 7.2.5): all its messaging modes.

Samples and FullSamples name the node in every message. Network messages, data set messages and bare data sets name
fields; what a field is, a metadata message may have said before. Good is left out of messages: no StatusCode is Good.
Raw data sets have neither time nor status: a value without any time is no telemetry and is set aside. As IoT Hub hands
messages on, they lie in `body`. The rules are those of OPC Publisher's documentation, "Telemetry Message Formats".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omptool.model import bounded_json
from omptool.model import status as statuses
from omptool.model.builtin import BuiltinType
from omptool.model.path import escape_name
from omptool.sources.foreign import jsonlines
from omptool.sources.foreign.context import Context
from omptool.sources.foreign.points import Named, Points
from omptool.sources.foreign.rows import Place, Rows
from omptool.sources.foreign.tables import code_of, text_of

_SAMPLE = frozenset(("NodeId", "Value"))
_DATA_VALUE = frozenset(
    ("Value", "StatusCode", "Status", "SourceTimestamp", "ServerTimestamp", "SourcePicoseconds", "ServerPicoseconds",
     "SourcePicoSeconds", "ServerPicoSeconds", "UaType", "Dimensions")
)  # fmt: skip
_NO_DATA = ("ua-keepalive",)
_EVENTS = ("ua-event", "ua-condition")
_EVENT = frozenset(("EventId", "EventType"))
"""Fields that are events in Samples messages, which do not say so."""

_ENUMERATION = re.compile(r"(.*)_(-?\d{1,20})")
_URI_FORM = re.compile(r"#(?=[isgb]=)")
_INTEGERS = frozenset(kind.name for kind in BuiltinType if 2 <= kind <= 9)
_RECEIVE = 2


def is_message(item: Mapping[str, Any]) -> bool:
    """Whether an object can be nothing else than a message."""
    inner = item.get("body", item.get("Body"))
    if isinstance(inner, list):
        inner = inner[0] if inner else None
    if isinstance(inner, dict):
        return is_message(inner)
    kind = item.get("MessageType")
    return (
        item.keys() >= _SAMPLE
        or (isinstance(kind, str) and kind.startswith("ua-"))
        or ("Payload" in item and ("DataSetWriterId" in item or "DataSetWriterName" in item))
        or (bool(item) and all(_is_timed(value) for value in item.values()))
    )


def _is_timed(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and value.keys() <= _DATA_VALUE and "SourceTimestamp" in value


def read(path: Path, context: Context) -> Iterator[Points]:
    """The values of all messages of a file."""
    reader = _Messages(context)
    for item, place, text in jsonlines.messages(path, context):
        reader.message(item, place, text)
        yield from reader.rows.full()
    yield from reader.rows.points()


@dataclass(frozen=True, slots=True)
class _Field:
    """What metadata says about a field of a data set; `named` and `type_name` what its properties say."""

    kind: str | None
    named: Mapping[str, str] = field(default_factory=dict)
    type_name: str | None = None


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands around a data set: publisher, writer, and the time of the message."""

    publisher: str | None = None
    writer: str | None = None
    time: str | None = None
    fields: Mapping[str, _Field] = field(default_factory=dict)


class _Messages:
    """Reads messages in their order: metadata counts for those behind it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._metadata: dict[tuple[str | None, str | None], dict[str, _Field]] = {}
        self.rows = Rows(context)

    def message(self, item: Any, place: Place, text: str | bytes | None, depth: int = 0) -> None:
        if isinstance(item, list) and depth < 4:
            for entry in item:
                self.message(entry, place, None, depth + 1)
            return
        inner = _inner(item) if isinstance(item, dict) and depth < 4 else None
        if inner is not None:
            self.message(inner, place, text, depth + 1)
        elif isinstance(item, dict) and _is_binary(item):
            self._context.rejects.add("a binary message (UADP): have JSON published, --me=Json", text, **place)
        elif not isinstance(item, dict):
            self._context.rejects.add("no message", text_of(item), **place)
        elif item.get("MessageType") == "ua-metadata":
            self._learn(item)
        elif item.keys() >= _SAMPLE:
            self._sample(item, place, text)
        elif "Messages" in item:
            self._network(item, place)
        elif "Payload" in item or item.get("MessageType") in _NO_DATA:
            self._data_set_message(item, _Around(_text(item.get("PublisherId"))), place)
        elif "MessageType" in item:
            self._context.note(f"messages of the type {str(item['MessageType'])[:60]}, which hold no values")
        else:
            self._data_set(item, _Around(), place)

    def _learn(self, item: Mapping[str, Any]) -> None:
        """Field names and types of a writer."""
        about = item.get("MetaData")
        found = about.get("Fields") if isinstance(about, dict) else None
        fields = {
            str(entry.get("Name")): _field(entry)
            for entry in (found if isinstance(found, list) else [])
            if isinstance(entry, dict)
        }
        publisher = _text(item.get("PublisherId"))
        for key in ("DataSetWriterId", "DataSetWriterName"):
            if item.get(key) is not None:
                self._metadata[publisher, _text(item[key])] = fields

    def _sample(self, item: Mapping[str, Any], place: Place, text: str | bytes | None) -> None:
        extension = item.get("ExtensionFields")
        publisher = extension.get("PublisherId") if isinstance(extension, dict) else None
        server = _text(item.get("ApplicationUri") or item.get("EndpointUrl") or publisher)
        node_id = node_id_of(_text(item["NodeId"]) or "")
        name = _text(item.get("DisplayName"))
        named = Named(server=server, node_id=node_id, tag=escape_name(name) if name else None)
        value = item["Value"]
        if isinstance(value, dict) and value.keys() >= _EVENT:
            self._event(server, value, _text(item.get("Timestamp")), place)
        elif isinstance(value, dict) and value.keys() <= _DATA_VALUE:
            self._value(named, value, _Around(time=_text(item.get("Timestamp"))), None, place, text)
        else:  # the oldest form: value, status and time beside each other
            flat = {"Value": value, "StatusCode": item.get("StatusCode"), "Status": item.get("Status")}
            flat |= {name: item.get(name) for name in ("SourceTimestamp", "ServerTimestamp")}
            self._value(named, flat, _Around(time=_text(item.get("Timestamp"))), None, place, text)

    def _network(self, item: Mapping[str, Any], place: Place) -> None:
        publisher = _text(item.get("PublisherId"))
        time = _text(item.get("Timestamp"))
        inner = item["Messages"]
        for entry in inner if isinstance(inner, list) else [inner]:
            if not isinstance(entry, dict):
                self._context.rejects.add("no data set message", text_of(entry), **place)
            elif "Payload" in entry or "MessageType" in entry:
                self._data_set_message(entry, _Around(publisher, time=time), place)
            else:
                self._data_set(entry, _Around(publisher, time=time), place)

    def _data_set_message(self, item: Mapping[str, Any], around: _Around, place: Place) -> None:
        kind = item.get("MessageType")
        if kind in _NO_DATA:
            return
        payload = item.get("Payload")
        if not isinstance(payload, dict):
            self._context.rejects.add("a data set message without fields", text_of(item), **place)
            return
        name, number = _text(item.get("DataSetWriterName")), _text(item.get("DataSetWriterId"))
        known = self._metadata.get((around.publisher, number)) or self._metadata.get((around.publisher, name)) or {}
        around = _Around(around.publisher, name or number, _text(item.get("Timestamp")) or around.time, known)
        if kind in _EVENTS:
            self._event(around.publisher, payload, around.time, place)
            return
        status = item.get("Status")
        self._data_set(payload, around, place, 0 if status is None else status)

    def _event(self, server: str | None, payload: Mapping[str, Any], sent: str | None, place: Place) -> None:
        fields = {}
        for name, value in payload.items():
            is_wrapped = isinstance(value, dict) and bool(value) and value.keys() <= _DATA_VALUE
            found, _, label = _variant(value if is_wrapped else {"Value": value}, None)
            fields[name] = found if label is None else label
        if isinstance(fields.get("SourceNode"), str):
            fields["SourceNode"] = node_id_of(fields["SourceNode"])
        if not self._context.events.add(server, fields, sent):
            self._context.rejects.add("an event without a time", text_of(dict(payload)), **place)

    def _data_set(self, payload: Mapping[str, Any], around: _Around, place: Place, status: Any = 0) -> None:
        for name, value in payload.items():
            node_id = node_id_of(name)
            is_node = "=" in node_id
            tag = escape_name(name)
            path = f"{escape_name(around.writer)}/{tag}" if around.writer else tag
            named = Named(server=around.publisher, node_id=node_id if is_node else None, path=path, tag=tag)
            known = around.fields.get(name)
            if known is not None and known.named:
                named = Named(server=around.publisher)._replace(**known.named)
            found = value if isinstance(value, dict) and value and value.keys() <= _DATA_VALUE else {"Value": value}
            if "StatusCode" not in found and "Status" not in found:
                found = {**found, "StatusCode": status}
            self._value(named, found, around, known, place, None)

    def _value(
        self,
        named: Named,
        found: Mapping[str, Any],
        around: _Around,
        known: _Field | None,
        place: Place,
        text: str | bytes | None,
    ) -> None:
        status = status_of(found.get("StatusCode", found.get("Status")))
        if status is None:
            said = text_of(dict(found))
            self._context.rejects.add("the status is no StatusCode", text or said, **place)
            return
        source, server = _text(found.get("SourceTimestamp")), _text(found.get("ServerTimestamp"))
        value, kind, name = _variant(found, None if known is None else known.kind)
        if known is not None and known.type_name is not None and name is not None:
            kind = known.type_name
        self.rows.add(
            named, value, source or server or around.time, place, kind=kind, server_time=server,
            basis=0 if source else 1 if server else _RECEIVE, status=status, text=text, name=name,
        )  # fmt: skip


def _field(entry: Mapping[str, Any]) -> _Field:
    told = _properties(entry.get("Properties"))
    type_name = told.pop("type", None)
    named = told if told.keys() & {"node_id", "path", "tag"} else {}
    return _Field(_kind(entry.get("BuiltInType")), named, type_name)


def _properties(found: Any) -> dict[str, str]:
    """What the properties of a field say about its node, under the names of our columns."""
    told: dict[str, str] = {}
    for entry in found if isinstance(found, list) else []:
        key = entry.get("Key") if isinstance(entry, dict) else None
        name = key.get("Name") if isinstance(key, dict) else None
        value = _variant({"Value": entry.get("Value")}, None)[0] if name in (*Named._fields, "type") else None
        if isinstance(value, str) and value:
            told[str(name)] = value
    return told


def _inner(item: Mapping[str, Any]) -> Any:
    """The message in an envelope of IoT Hub, as JSON or as base64 of it; None when there is none."""
    inner = item.get("body", item.get("Body"))
    if isinstance(inner, str) and not item.keys() >= _SAMPLE:
        try:
            return bounded_json.loads(inner if inner.lstrip()[:1] in ("{", "[") else base64.b64decode(inner))
        except (ValueError, binascii.Error):
            return None
    return inner if isinstance(inner, (dict, list)) else None


def _is_binary(item: Mapping[str, Any]) -> bool:
    """Whether an envelope holds a message of PubSub's binary encoding: version 1 (Part 14, 7.2.4.4.2), as base64."""
    inner = item.get("body", item.get("Body"))
    if not isinstance(inner, str) or item.keys() >= _SAMPLE:
        return False
    try:
        return base64.b64decode(inner, validate=True)[:1].ljust(1)[0] & 0x0F == 1
    except (ValueError, binascii.Error):
        return False


def _variant(found: Mapping[str, Any], kind: str | None) -> tuple[Any, str | None, str | None]:
    """Value, type and name of an enumeration; reversible values say their type themselves."""
    value = found.get("Value")
    if "UaType" in found:
        kind = _kind(found["UaType"]) or kind
    elif isinstance(value, dict) and "UaType" in value:
        kind, value = _kind(value["UaType"]) or kind, value.get("Value")
    elif isinstance(value, dict) and "Body" in value and value.keys() <= {"Type", "Body", "Dimensions"}:
        kind, value = _kind(value.get("Type")) or kind, value["Body"]
    if isinstance(value, dict) and "Text" in value and value.keys() <= {"Text", "Locale"}:
        return value["Text"], kind or "LocalizedText", None
    if kind in _INTEGERS and isinstance(value, str) and (match := _ENUMERATION.fullmatch(value)):
        return int(match[2]), kind, match[1]
    if kind == "StatusCode":
        code = status_of(value)
        return code, kind, None if code is None else statuses.name(code)
    return value, kind, None


def _kind(found: Any) -> str | None:
    """The name of a built-in type given by number or name; abstract ones and containers say nothing."""
    if isinstance(found, str):
        found = BuiltinType[found] if found in BuiltinType.__members__ else 0
    if isinstance(found, int) and not isinstance(found, bool) and 0 < found < BuiltinType.ExtensionObject:
        return BuiltinType(found).name
    return None


def status_of(found: Any) -> int | None:
    """A StatusCode as integer, as `{"Symbol": …, "Code": …}` or as symbol; none is Good. None: none of these."""
    if isinstance(found, dict):
        found = found.get("Code", found.get("Symbol"))
    if found is None:
        return 0
    if isinstance(found, bool):
        return None
    if isinstance(found, int):
        return found if 0 <= found < 2**32 else None
    return code_of(found) if isinstance(found, str) else None


def node_id_of(text: str) -> str:
    """A NodeId as C1 writes it, also from the form `uri#s=…`; a text that is none as it is."""
    uri, sign, rest = text.rpartition("#") if _URI_FORM.search(text) else ("", "", "")
    if sign:
        from omptool.model.nodeid import escape_uri

        return f"nsu={escape_uri(uri)};{rest}"
    return text


def _text(value: Any) -> str | None:
    return None if value is None else value if isinstance(value, str) else str(value)
