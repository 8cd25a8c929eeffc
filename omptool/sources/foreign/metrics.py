"""Metrics as InfluxDB and Telegraf know them, a name with tags and fields, as rows: one per field.

The path of a field is the name, the values of the tags in their order, and the field. Tags called server, site, area,
line and machine say where it stands. A metric of Telegraf's OPC UA plugins carries the NodeId in the tag `id` and the
StatusCode in the field `Quality`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
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
    node_id = known.get("id", "")
    status: int | None = None
    if "Quality" in fields and _NODE_ID.fullmatch(node_id):
        status = _status(fields["Quality"][0])
    listed = tuple(tags)
    for key, (value, kind) in fields.items():
        if status is not None and key == "Quality":
            continue
        named = _named(name, listed, key, None if status is None else node_id)
        rows.add(named, value, time, place, kind=kind, status=status or 0, text=text)


@lru_cache(maxsize=16_384)
def _named(name: str, tags: tuple[tuple[str, str], ...], key: str, node_id: str | None) -> Named:
    """What a metric says about one of its fields."""
    known = dict(tags)
    where = {place: known[place] for place in _PLACES if known.get(place)}
    server = where.pop("server", None) or known.get("host")
    own = (*_PLACES, "host") if node_id is None else (*_PLACES, "host", "id")
    names = [name, *(value for tag, value in tags if tag not in own), key]
    path = "/".join(escape_name(part) for part in names)
    return Named(server=server, node_id=node_id, path=path, tag=path, **where)


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
