"""Telegraf's JSON (its `json` serializer): a metric per object, or lists of them under `metrics`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omptool.sources.foreign import jsonlines, metrics, stamps
from omptool.sources.foreign.context import Context
from omptool.sources.foreign.points import Points
from omptool.sources.foreign.rows import Place, Rows, Time
from omptool.sources.foreign.tables import text_of


def is_metric(item: Mapping[str, Any]) -> bool:
    """Whether an object can be nothing else than metrics of Telegraf."""
    inner = item.get("metrics")
    if isinstance(inner, list) and inner and isinstance(inner[0], dict):
        item = inner[0]
    return isinstance(item.get("fields"), dict) and "name" in item and "timestamp" in item


def read(path: Path, context: Context) -> Iterator[Points]:
    """The fields of all metrics of a file."""
    rows = Rows(context)
    for item, place, text in jsonlines.messages(path, context):
        inner = item.get("metrics")
        for metric in inner if isinstance(inner, list) else [item]:
            _metric(metric, rows, context, place, text)
        yield from rows.full()
    yield from rows.points()


def _metric(item: Any, rows: Rows, context: Context, place: Place, text: str | bytes | None) -> None:
    fields = item.get("fields") if isinstance(item, dict) else None
    tags = item.get("tags") or {} if isinstance(item, dict) else None
    if not isinstance(fields, dict) or not isinstance(tags, dict):
        context.rejects.add("no metric of Telegraf", text or text_of(item), **place)
        return
    named = [(str(key), str(value)) for key, value in tags.items()]
    typed = {str(key): (value, None) for key, value in fields.items()}
    metrics.add(rows, str(item.get("name") or ""), named, typed, _time(item.get("timestamp")), place, text)


def _time(found: Any) -> Time:
    """A count whose unit its size tells, or a formatted time."""
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return found if isinstance(found, str) else None
    return stamps.count(found)
