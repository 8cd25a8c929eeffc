"""Rows as a table for people: local time, numbers to the right, nothing from outside able to steer the terminal.

A table is a view, not an exchange format: on a terminal it drops empty columns, clips long texts and says so on stderr.
"""

from __future__ import annotations

import datetime as dt
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from omptool.cli import settings, terminal
from omptool.cli.output import Rows, shortened

_GAP = "  "
_BLOCK = 1000
"""Rows that settle the widths; later ones are clipped to them."""
_LEAST = 18
"""Cells below which a clipped text says nothing."""
_BACKGROUND = (
    *("capture", "seq", "time_ns", "server_time_ns", "time_basis", "receive_time", "server_time", "overflow", "raw"),
    *("origin", "path", "server", "node_id", "value_exact", "value_list", "type", "status", "site", "area", "line"),
)
"""Columns of the views that a person misses least, in the order in which a narrow terminal drops them.

Where there is no `tag`, `path` is the name that a person knows, and stays; so do the places of rows that are about no
node: they are what the rows are about.
"""
_PLACES = ("site", "area", "line")

_END_TELLS = ("path", "tag")
"""Columns of which a narrow terminal shows the end: the beginning is the same in every row."""


def write(rows: Any, stream: IO[bytes], *, tz: str | None = None, max_rows: int | None = None) -> None:
    """Write `rows` as a table; with `max_rows`, fit it to the terminal and show at most that many rows."""
    names, values = _python(rows)
    if max_rows is not None:
        shown = list(islice(values, max_rows + 1))
        values = iter(shown[:max_rows])
    zone, zone_name = settings.zone(tz)
    _write_blocks(names, values, stream, zone, zone_name, fit=max_rows is not None)
    if max_rows is not None and len(shown) > max_rows:
        shortened(f"only the first {max_rows} rows are shown; --format jsonl or -o FILE gives all")


def _write_blocks(
    names: Sequence[str],
    values: Iterator[Sequence[object]],
    stream: IO[bytes],
    zone: dt.tzinfo,
    zone_name: str,
    *,
    fit: bool,
) -> None:
    first = list(islice(values, _BLOCK))
    columns = [_Column.of(name, [row[i] for row in first], zone, zone_name, i) for i, name in enumerate(names)]
    if fit:
        columns = _fitted(columns)
    head = _GAP.join(column.head() for column in columns).rstrip()
    import sys

    stream.write((terminal.style(head, "bold", sys.stdout if fit else None) + "\n").encode())
    for row in chain(first, values):
        line = _GAP.join(column.cell(row[column.place], zone) for column in columns)
        stream.write((line.rstrip() + "\n").encode("utf-8", "backslashreplace"))


def _python(rows: Any) -> tuple[list[str], Iterator[Sequence[object]]]:
    if isinstance(rows, Rows):
        return list(rows.columns), iter(rows.rows)
    batches = rows.to_batches(max_chunksize=_BLOCK) if hasattr(rows, "to_batches") else rows
    return list(rows.schema.names), chain.from_iterable(_batch_rows(batch) for batch in batches)


def _batch_rows(batch: Any) -> Iterator[Sequence[object]]:
    import pyarrow as pa

    lists = []
    for column in batch.columns:
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            column = column.cast(pa.timestamp("us", column.type.tz), safe=False)  # datetime has no nanoseconds
        lists.append(column.to_pylist())
    return zip(*lists, strict=True)


@dataclass(slots=True)
class _Column:
    """How one column is written."""

    name: str
    title: str
    place: int
    right: bool
    clips: bool
    decimals: int | None
    empty: bool
    cells: int

    @classmethod
    def of(cls, name: str, values: list[object], zone: dt.tzinfo, zone_name: str, place: int) -> _Column:
        present = [v for v in values if v is not None]
        is_time = bool(present) and all(isinstance(v, dt.datetime) and v.tzinfo for v in present)
        right = bool(present) and all(_is_number(v) for v in present)
        title = terminal.escape(f"{name} ({zone_name})" if is_time else name)
        clips = any(isinstance(v, (str, bytes, list, dict)) for v in present)
        column = cls(name, title, place, right, clips, _decimals(present), not present, 0)
        column.cells = max([terminal.width(title), *(terminal.width(column.text(v, zone)) for v in present)])
        return column

    def text(self, value: object, zone: dt.tzinfo) -> str:
        if value is None:
            return ""
        if isinstance(value, float) and self.decimals is not None and math.isfinite(value):
            return f"{value:.{self.decimals}f}"
        if isinstance(value, float):
            return (
                f"{value:.6g}"
                if math.isfinite(value)
                else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
            )
        if isinstance(value, dt.datetime):
            return _local(value, zone)
        if isinstance(value, str):
            return terminal.escape(value)
        from omptool.cli.values import plain_text

        return terminal.escape(plain_text(value))

    def head(self) -> str:
        return self._placed(self.title)

    def cell(self, value: object, zone: dt.tzinfo) -> str:
        return self._placed(self.text(value, zone))

    def _placed(self, text: str) -> str:
        text = terminal.clip(text, self.cells, keep_end=self.name in _END_TELLS)
        fill = " " * (self.cells - terminal.width(text))
        return fill + text if self.right else text + fill


def _is_number(value: object) -> bool:
    from decimal import Decimal

    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _decimals(values: list[object]) -> int | None:
    """Decimals that a column of floats needs, at most four; None where they need an exponent."""
    floats = [v for v in values if isinstance(v, float) and math.isfinite(v)]
    if not floats or any(v and not 1e-3 <= abs(v) < 1e12 for v in floats):
        return None
    texts = (f"{v:.4f}".rstrip("0") for v in floats)
    return max(len(text.partition(".")[2]) for text in texts)


def _local(value: dt.datetime, zone: dt.tzinfo) -> str:
    if value.tzinfo is not None:
        value = value.astimezone(zone).replace(tzinfo=None)
    text = value.isoformat(sep=" ")
    return text.rstrip("0") if "." in text else text


def _fitted(columns: list[_Column]) -> list[_Column]:
    """The columns that fit the terminal: empty ones go first, long texts are clipped, the rest is named on stderr."""
    room = terminal.columns()
    empty = [c.name for c in columns if c.empty]
    kept = [c for c in columns if not c.empty] or columns
    if len(empty) < len(columns) and _total(columns) <= room:
        return columns
    dropped = []
    there = {column.name for column in kept}
    staying = {*(() if "tag" in there else ("path",)), *(() if "node_id" in there else _PLACES)}
    while len(kept) > 1 and _total(kept, most=_LEAST) > room:
        background = [c for c in kept if c.name in _BACKGROUND and c.name not in staying]
        column = min(background, key=lambda c: _BACKGROUND.index(c.name)) if background else kept[-1]
        kept.remove(column)
        dropped.append(column.name)
    _clip(kept, room)
    hidden = [c.name for c in columns if c.name in dropped or c.name in empty] if kept is not columns else dropped
    if hidden:
        names = terminal.clip(", ".join(hidden), 60)
        shortened(f"{len(hidden)} empty or further columns are not shown ({names}); --format jsonl gives all")
    return kept


def _clip(columns: list[_Column], room: int) -> None:
    """Narrow the widest texts until the line fits."""
    while (excess := _total(columns) - room) > 0:
        clipping = sorted((c for c in columns if c.clips and c.cells > _LEAST), key=lambda c: c.cells)
        if not clipping:
            return
        next_widest = clipping[-2].cells if len(clipping) > 1 else _LEAST
        widest = clipping[-1]
        widest.cells = max(_LEAST, widest.cells - excess, min(next_widest, widest.cells - 1))


def _total(columns: list[_Column], *, most: int | None = None) -> int:
    """Cells of a line; with `most`, texts take no more than that."""
    cells = (min(c.cells, most) if most and c.clips else c.cells for c in columns)
    return sum(cells) + len(_GAP) * (len(columns) - 1)


def local_zone(name: str | None) -> tuple[dt.tzinfo, str]:
    """The zone of tables and its name: `name` (IANA), else the system's."""
    from zoneinfo import ZoneInfo

    from omptool.errors import UsageError

    wanted = name or os.environ.get("TZ", "").lstrip(":") or _system_zone()
    if wanted in {"UTC", "Etc/UTC"}:
        return dt.UTC, "UTC"
    try:
        if wanted:
            return ZoneInfo(wanted), wanted
    except (KeyError, ValueError, OSError):
        if name:
            raise UsageError(
                f'no time zone "{name}"', "write it as Area/City, for example --tz Europe/Berlin"
            ) from None
    zone = dt.datetime.now().astimezone().tzinfo or dt.UTC
    return zone, str(zone)


def _system_zone() -> str:
    """The IANA name that /etc/localtime points to, or nothing."""
    try:
        return str(Path("/etc/localtime").readlink()).partition("zoneinfo/")[2]
    except OSError:
        return ""
