"""Metrics as InfluxDB and Telegraf know them, a name with tags and fields, as rows: one per field.

The path of a field is the name, the values of the tags in their order, and the field. Tags called server, site, area,
line and machine say where it stands. A metric of Telegraf's OPC UA plugins carries the NodeId in the tag `id` and the
StatusCode in the field `Quality`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from omptool.model import bounded_json
from omptool.model.path import escape_name
from omptool.sources.foreign.points import Named
from omptool.sources.foreign.rows import Place, Rows, Time
from omptool.sources.foreign.tables import code_of

_OWN = "telemetry"
"""The measurement in which omptool writes rows of telemetry."""

_PLACES = ("server", "site", "area", "line", "machine")
_CODE = re.compile(r"\((0[xX][0-9a-fA-F]+)\)")
_NODE_ID = re.compile(r"(?:nsu=[^;]*;|ns=\d+;)?[isgb]=.+", re.DOTALL)


def add(
    rows: Rows,
    name: str,
    tags: Sequence[tuple[str, str]],
    fields: Mapping[str, tuple[Any, str | None]],
    time: Time,
    place: Place,
    text: str | bytes | None,
) -> None:
    """Take the fields of a metric: name → value and type."""
    known = dict(tags)
    if name == _OWN and {"node_id", "path", "tag"} <= known.keys():
        _own(rows, known, fields, time, place, text)
        return
    where = {key: known[key] for key in _PLACES if known.get(key)}
    server = where.pop("server", None) or known.get("host")
    node_id = known.get("id", "")
    status: int | None = None
    if _NODE_ID.fullmatch(node_id) and "Quality" in fields:
        status = _status(fields["Quality"][0])
    own = (*_PLACES, "host", "id") if status is not None else (*_PLACES, "host")
    names = [name, *(value for key, value in tags if key not in own)]
    for key, (value, kind) in fields.items():
        if status is not None and key == "Quality":
            continue
        path = "/".join(escape_name(part) for part in (*names, key))
        named = Named(server=server, node_id=node_id if status is not None else None, path=path, tag=path, **where)
        rows.add(named, value, time, place, kind=kind, status=status or 0, text=text)


def _own(
    rows: Rows,
    tags: Mapping[str, str],
    fields: Mapping[str, tuple[Any, str | None]],
    time: Time,
    place: Place,
    text: str | bytes | None,
) -> None:
    """A row of telemetry as omptool writes it: several fields are one value."""
    found = {name: value for name, (value, _) in fields.items()}
    named = Named(**{name: tags.get(name) for name in Named._fields})
    kind = tags.get("type")
    value, shown = found.get("exact", found.get("value")), None
    if "list" in found:
        try:
            value = bounded_json.loads(str(found["list"]))
        except ValueError:
            value = found["list"]
    if value is None:
        value = found.get("text")
    else:
        shown = found.get("text")
    if value is not None and isinstance(value, float) and kind == "Boolean":
        value = bool(value)
    status = found.get("status", 0)
    rows.add(
        named, value, time, place, kind=kind, status=status if isinstance(status, int) else 0, text=text,
        name=None if shown is None else str(shown),
    )  # fmt: skip


def _status(value: Any) -> int | None:
    """The StatusCode in Telegraf's words for it: `OK (0x0)`."""
    if not isinstance(value, str):
        return None
    match = _CODE.search(value)
    return code_of(match[1] if match else value)
