"""What `info` shows a person of a capture: a few lines, each answering one question."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from omptool.capture import evidence
from omptool.capture.reader import Capture
from omptool.capture.remarks import remarks
from omptool.cli import settings, terminal
from omptool.cli.diagnostics import typed
from omptool.model.times import datetime_of
from omptool.model.vocabulary import GapReason


def draw(capture: Capture, source: str, tz: str | None) -> str:
    """The screen, escaped."""
    lines = [f"{source}  {capture.state}", ("capture", capture.id), *_servers(capture), ("rows", _rows(capture))]
    lines += [("time", _span(capture, tz)), ("gaps", _gaps(capture))]
    lines += [("note", sentence) for sentence in remarks(capture).get("", ())]
    lines += [("damage", _damage(capture))] if capture.damage else []
    lines += [("torn", f"{capture.torn_bytes:,} bytes behind the last commit, never acknowledged")] * bool(
        capture.torn_bytes
    )
    lines.append(("next", f"omptool verify {typed(source)}"))
    text = [line if isinstance(line, str) else f"  {line[0]:<8} {line[1]}" for line in lines]
    return "".join(terminal.escape(line) + "\n" for line in text)


def _servers(capture: Capture) -> list[tuple[str, str]]:
    items = Counter(node.server for node in capture.nodes() if node.handle)
    found, told, said = [], evidence.told(capture), remarks(capture)
    for server in capture.servers:
        name = f"{server.name}  {server.server}" if server.name else server.server
        found.append(("server", f"{name}  {server.url}  {items[server.server]:,} items"))
        found += [("", told[server.server])] if server.server in told else []
        found += [("", sentence) for sentence in said.get(server.server, ())]
    known = {server.server for server in capture.servers}
    away = dict.fromkeys(gap.server for gap in capture.gap_entries if gap.server not in known)
    found += [("server", f"{name}  never reached") for name in away]
    return found or [("server", "none recorded")]


def _rows(capture: Capture) -> str:
    segments = capture.segments
    size = sum(segment.bytes for segment in segments)
    rows = capture.rows + capture.event_rows
    per_row = f" ({size / rows:.1f} B/row)" if rows else ""
    events = f" and {capture.event_rows:,} events" if capture.event_rows else ""
    plural = "s" if len(segments) != 1 else ""
    return f"{capture.rows:,}{events} in {len(segments):,} segment{plural}, {_size(size)}{per_row}"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"


def _span(capture: Capture, tz: str | None) -> str:
    first, last = capture.first_time, capture.last_time
    if first is None or last is None:
        return "only initial values" if capture.rows else "no rows"
    zone, name = settings.zone(tz)
    start, end = (datetime_of(ns // 1000).astimezone(zone) for ns in (first, last))
    lasted = timedelta(seconds=round((last - first) / 1e9))
    return f"{start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} {name} ({lasted})"


def _gaps(capture: Capture) -> str:
    reasons = Counter(capture.gaps()["reason"].to_pylist())
    if capture.is_being_written:
        del reasons[GapReason.CLIENT_STOPPED]
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common()) or "none"


def _damage(capture: Capture) -> str:
    lost = [damage.rows for damage in capture.damage]
    count = "an unknown number of rows" if None in lost else f"{sum(n or 0 for n in lost):,} rows"
    return f"{len(lost):,} place{'s' if len(lost) != 1 else ''}, {count} lost"
