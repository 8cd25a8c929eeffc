"""MCAP as `convert -o x.mcap` writes it, read back: a channel per node, its values as JSON.

Messages of another schema are counted and left. Needs the package mcap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omptool.errors import Damaged, UsageError
from omptool.model import bounded_json
from omptool.sources.foreign.context import Context
from omptool.sources.foreign.points import Named, Points
from omptool.sources.foreign.rows import Rows

MAGIC = b"\x89MCAP0\r\n"
SCHEMA = "omptool.telemetry"


def read(path: Path, context: Context) -> Iterator[Points]:
    """The values of all messages of a file, in its order.

    Raises:
        UsageError: the package mcap is not installed.
        Damaged: it is no MCAP file, or cut off.
    """
    try:
        from mcap.exceptions import McapError
        from mcap.reader import make_reader
    except ImportError:
        raise UsageError("MCAP needs the package mcap", "install it:  pip install 'omptool[mcap]'") from None
    rows, entry = Rows(context), 0
    nodes: dict[int, Named] = {}
    with path.open("rb") as file:
        try:
            for schema, channel, message in make_reader(file).iter_messages(log_time_order=False):
                entry += 1
                if schema is None or schema.name != SCHEMA or channel.message_encoding != "json":
                    context.note(f"messages of {str(channel.topic)[:60]}, which are not of the schema {SCHEMA}")
                    continue
                if channel.id not in nodes:
                    nodes[channel.id] = _named(channel.metadata)
                _take(rows, nodes[channel.id], message.data, message.publish_time, {"entry": entry}, context)
                yield from rows.full()
        except (McapError, ValueError, EOFError) as error:
            why = str(error).partition("\n")[0]
            raise Damaged(f"{path} is no whole MCAP file: {why}", "get it again from where it came") from error
    yield from rows.points()


def _named(told: Mapping[str, str]) -> Named:
    return Named(**{name: told.get(name) for name in Named._fields})


def _take(rows: Rows, named: Named, data: bytes, time_ns: int, place: Mapping[str, int], context: Context) -> None:
    try:
        found = bounded_json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        context.rejects.add("no JSON object", data, **place)
        return
    status, kind = found.get("status", 0), found.get("type")
    if not isinstance(status, int) or isinstance(status, bool) or not 0 <= status < 2**32:
        context.rejects.add("the status is no StatusCode", data, **place)
        return
    value, name = _value(found)
    named_kind = kind if isinstance(kind, str) else None
    time = time_ns // 1000, time_ns % 1000
    rows.add(named, value, time, place, kind=named_kind, status=status, text=data, name=name)


def _value(found: Mapping[str, Any]) -> tuple[Any, str | None]:
    """The value, and the name of one that is a number with a name."""
    text = found.get("value_text")
    for name in ("value_exact", "value", "value_list"):
        value = found.get(name)
        if value is not None:
            return value, text if isinstance(text, str) and name == "value" else None
    return text, None
