"""Events in messages of PubSub JSON → rows of the view `events`. Pure.

A message names its fields by the browse names that were selected, `AckedState/Id` for what lies deeper. What no column
has stands in `fields`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import Any

import pyarrow as pa

from omptool.model.contracts import EVENTS
from omptool.model.vocabulary import Origin
from omptool.sources.foreign import stamps
from omptool.sources.foreign.points import Named, Nodes


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _severity(value: Any) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= 0xFFFF else None


def _bytes(value: Any) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (ValueError, binascii.Error):
        return None


_COLUMNS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "event_id": ("EventId", _bytes),
    "event_type": ("EventType", _text),
    "source_name": ("SourceName", _text),
    "message": ("Message", _text),
    "severity": ("Severity", _severity),
    "condition_id": ("ConditionId", _text),
    "condition_name": ("ConditionName", _text),
    "active": ("ActiveState/Id", _flag),
    "acked": ("AckedState/Id", _flag),
    "confirmed": ("ConfirmedState/Id", _flag),
    "suppressed": ("SuppressedState/Id", _flag),
    "retain": ("Retain", _flag),
}
"""Column → field, and what makes a value of it; what cannot be one stays in `fields`."""


class Events:
    """The events of a recording, in the order in which they came."""

    def __init__(self, nodes: Nodes, zone: tzinfo = UTC) -> None:
        self._nodes, self._zone = nodes, zone
        self._rows: list[dict[str, Any]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, server: str | None, fields: Mapping[str, Any], sent: str | None) -> bool:
        """Take an event; `sent` is when its message was. False: nothing in it is a time."""
        rest = {name.removeprefix("/"): value for name, value in fields.items() if value is not None}
        found = next((time for given in (rest.get("Time"), sent) if (time := self._time(given)) is not None), None)
        if found is None:
            return False
        if self._time(rest.get("Time")) is not None:
            del rest["Time"]
        row: dict[str, Any] = {"time": found[0], "time_ns": found[1]}
        for column, (name, read) in _COLUMNS.items():
            row[column] = read(rest.get(name))
            if row[column] is not None:
                del rest[name]
        source = rest.pop("SourceNode", None)
        named = Named(server=server, node_id=source if isinstance(source, str) and source else "i=2253")
        node = self._nodes.known[self._nodes.position(named)]
        row |= {name: getattr(node, name) for name in ("server", "node_id", "site", "area", "line", "machine")}
        row["fields"] = json.dumps(rest, ensure_ascii=False) if rest else None
        self._rows.append(row)
        return True

    def _time(self, text: Any) -> tuple[int, int, bool] | None:
        return stamps.one(text, self._zone) if isinstance(text, str) else None

    def table(self, capture: str) -> pa.Table:
        """The view `events`."""
        own = {"origin": str(Origin.IMPORTED), "capture": capture}
        rows = [row | own | {"seq": seq} for seq, row in enumerate(self._rows, 1)]
        return pa.Table.from_pylist(rows, schema=EVENTS)
