"""What `info` shows a person of a lake: a few lines, each answering one question."""

from __future__ import annotations

from datetime import datetime

from omptool.cli import settings, terminal
from omptool.cli.convert_words import plural, size_text
from omptool.cli.diagnostics import typed
from omptool.lake.summary import LakeSummary, summarise
from omptool.model.listing import listed
from omptool.sources.lake import LakeSource


def draw(lake: LakeSource, tz: str | None) -> str:
    """The screen, escaped."""
    found = summarise(lake.tables)
    table = found.telemetry
    per_row = f" ({table.size / table.rows:.1f} B/row)" if table.rows else ""
    size = f"{plural(table.files, 'file')}, {size_text(table.size)}{per_row}"
    lines = [
        ("version", f"{table.version}, of {_moment(table.committed_at, tz)}"),
        ("rows", f"{table.rows:,} in {size}{_others(found)}"),
        ("nodes", f"{found.nodes:,} of {plural(found.servers, 'server')}"),
        ("sites", f"{listed(found.sites, 5) or 'none'}; {plural(found.days, 'day')}"),
        ("time", _span(table.first_time, table.last_time, tz)),
        ("gaps", ", ".join(f"{count:,} {reason}" for reason, count in found.gaps.items()) or "none"),
    ]
    if found.suspect:
        lines.append(("clocks", f"{plural(found.suspect, 'row')} with a clock far off, filed by the date of receipt"))
    name = typed(lake.path)
    if found.crowded:
        crowded = plural(found.crowded, "site and date", "sites and dates")
        lines.append(("files", f"{crowded} in more than one; to make it one:  omptool convert {name} --compact"))
    lines.append(("next", f"omptool verify {name}"))
    text = [f"{lake.label}  lake", *(f"  {label:<8} {words}" for label, words in lines)]
    return "".join(terminal.escape(line) + "\n" for line in text)


def _others(found: LakeSummary) -> str:
    """Rows of the tables that people record on purpose."""
    events = next((table.rows for table in found.tables if table.view == "events"), 0)
    return f"; {plural(events, 'event')}" if events else ""


def _span(first: datetime | None, last: datetime | None, tz: str | None) -> str:
    return "no rows" if first is None or last is None else f"{_moment(first, tz)} to {_moment(last, tz)}"


def _moment(moment: datetime | None, tz: str | None) -> str:
    if moment is None:
        return "an unknown time"
    zone, name = settings.zone(tz)
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S} {name}"
