"""From a row of `telemetry` back to the exact bytes of its Variant: written from the contract's words alone, so that
the columns are shown to hold everything, and not only for whoever wrote them."""

from __future__ import annotations

import base64
import datetime as dt
import re
import struct
from collections.abc import Mapping
from typing import Any
from uuid import UUID

EPOCH_TICKS = 116_444_736_000_000_000
"""1970 in 100 ns since 1601."""
_LAST_TICKS = 2_650_467_743_990_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_NUMBERS = ("Boolean", "SByte", "Byte", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64", "Float", "Double")
_TEXTS = ("String", "DateTime", "Guid", "ByteString", "XmlElement", "NodeId", "ExpandedNodeId", "StatusCode")
KINDS = ("Null", *_NUMBERS, *_TEXTS, "QualifiedName", "LocalizedText")
"""Built-in types by their number."""
_FORMS = dict(zip(_NUMBERS, "?bBhHiIqQfd", strict=True)) | {"StatusCode": "I"}
_DATE_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{7})Z")


def variant_of(row: Mapping[str, Any]) -> bytes:
    """Exact Variant bytes of a row as a Python mapping; text formats may have its numbers and bytes as text."""
    raw = row["raw"]
    if raw not in (None, ""):
        return base64.b64decode(raw) if isinstance(raw, str) else bytes(raw)
    name = row["type"]
    if name == "Null":
        return b"\0"
    if name.endswith("[]"):
        form, kind = _FORMS[name[:-2]], KINDS.index(name[:-2])
        items = [_number(form, value) for value in row["value_list"]]
        return struct.pack(f"<Bi{len(items)}{form}", kind | 0x80, len(items), *items)
    return bytes((KINDS.index(name),)) + _scalar(name, row)


def _scalar(name: str, row: Mapping[str, Any]) -> bytes:
    text = row["value_text"]
    if name in _FORMS:
        exact = row.get("value_exact")
        return struct.pack("<" + _FORMS[name], _number(_FORMS[name], row["value"] if exact is None else exact))
    if name == "DateTime":
        return struct.pack("<q", ticks_of(text))
    if name == "Guid":
        return UUID(text).bytes_le
    if name == "LocalizedText":
        return b"\0" if text is None else b"\x02" + _counted(text)
    assert name in ("String", "XmlElement"), name
    return b"\xff\xff\xff\xff" if text is None else _counted(text)


def _counted(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<i", len(data)) + data


def _number(form: str, value: Any) -> Any:
    if form in "fd":
        return float(value)
    return bool(value) if form == "?" else int(value)


def ticks_of(text: str) -> int:
    """100 ns since 1601 of a DateTime's text with its seven digits."""
    found = _DATE_TIME.fullmatch(text)
    assert found, text
    *parts, ticks = map(int, found.groups())
    return (dt.datetime(*parts, tzinfo=dt.UTC) - _EPOCH) // dt.timedelta(seconds=1) * 10**7 + ticks + EPOCH_TICKS


def source_time(ticks: int | None) -> tuple[dt.datetime, int] | None:
    """`time` and `time_ns` of a SourceTimestamp; None for one that is no moment."""
    if ticks is None or not 0 < ticks < _LAST_TICKS:
        return None
    us, rest = divmod(ticks - EPOCH_TICKS, 10)
    return _EPOCH + dt.timedelta(microseconds=us), rest * 100
