"""What `verify` shows a person: one line per verdict, the windows below, damage last."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from typing import Any

from omptool.capture.damage import Damage
from omptool.capture.reader import Capture
from omptool.capture.verify import COMPLETE, SAMPLED, Verdict, Verification
from omptool.cli import settings, terminal
from omptool.model.times import datetime_of

_SHOWN = 12
"""Windows listed per verdict; the rest is counted and in the rows of every other format."""


def draw(capture: Capture, result: Verification, tz: str | None) -> str:
    """The screen, escaped."""
    zone, name = settings.zone(tz)
    names = {server.server: server.name or server.server for server in capture.servers}
    head = ("server", "items", "rows", "from", f"to ({name})", "verdict")
    lines = [head, *(_line(verdict, names, zone) for verdict in result.verdicts)]
    widths = [max(terminal.width(line[at]) for line in lines) for at in range(len(head))]
    text = [_aligned(head, widths)]
    for verdict, line in zip(result.verdicts, lines[1:], strict=True):
        text += [_aligned(line, widths), *_windows(verdict, zone)]
    return "".join(line + "\n" for line in [*text, *map(_damage, result.damage)])


def _line(verdict: Verdict, names: Mapping[str, str], zone: tzinfo) -> tuple[str, ...]:
    return (
        terminal.escape(names.get(verdict.server, verdict.server) or "?"),
        f"{verdict.items:,}",
        f"{verdict.rows:,}",
        _clock(verdict.first_ns, zone),
        _until(verdict, zone),
        terminal.escape(_word(verdict)),
    )


def _word(verdict: Verdict) -> str:
    which = f"{verdict.paths[0]}, " if verdict.items == 1 else ""
    if verdict.verdict == COMPLETE:
        return COMPLETE
    if verdict.verdict == SAMPLED:
        return f"sampled: {which}{verdict.detail}"
    count = len(verdict.windows)
    return f"{count} window{'s' if count > 1 else ''}{': ' + verdict.paths[0] if which else ''}"


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    """Texts to the left, the two numbers to the right."""
    padded = []
    for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - terminal.width(cell))
        padded.append(space + cell if at in (1, 2) else cell + space)
    return "  ".join(padded).rstrip()


def _windows(verdict: Verdict, zone: tzinfo) -> Iterator[str]:
    shown = verdict.windows[:_SHOWN]
    moments = [window[name] for window in shown for name in ("start_time", "end_time") if window[name] is not None]
    moments += [datetime_of(ns // 1000) for ns in (verdict.first_ns, verdict.last_ns) if ns is not None]
    form = "%H:%M:%S" if len({moment.astimezone(zone).date() for moment in moments}) == 1 else "%Y-%m-%d %H:%M:%S"
    for window in shown:
        start, end = window["start_time"], window["end_time"]
        until = _moment(end, zone, form) if end is not None else "?"
        missing = f"at least {window['missing']:,} values missing" if window["missing"] else ""
        evidence = ", ".join(filter(None, (missing, _evidence(window["detail"]), _subscription(window))))
        state = "" if window["state"] == "explained" else f" ({window['state']})"
        reason = terminal.escape(window["reason"]) + state
        yield f"  {_moment(start, zone, form)} → {until}  {reason}  {evidence}".rstrip()
    if len(verdict.windows) > _SHOWN:
        yield f"  … and {len(verdict.windows) - _SHOWN:,} more windows; --format jsonl lists all"


def _subscription(window: Mapping[str, Any]) -> str:
    return f"subscription {window['sub']}" if window["sub"] is not None else ""


def _evidence(detail: str | None) -> str:
    """The facts of a gap in one line."""
    try:
        facts = json.loads(detail or "{}")
    except ValueError:
        return ""
    if not isinstance(facts, dict):
        return ""
    words = [
        str(value) if key == "cause" else f"{key} {value}" for key, value in facts.items() if value not in (None, "", 0)
    ]
    return terminal.escape(", ".join(words))


def _damage(damage: Damage) -> str:
    lost = "rows unknown" if damage.rows is None else f"{damage.rows:,} rows lost"
    where = f" bytes {damage.start:,} to {damage.end:,}" if damage.end else ""
    return terminal.escape(f"damaged  {damage.file}{where}: {damage.reason}; {lost}")


def _clock(ns: int | None, zone: tzinfo) -> str:
    return "" if ns is None else f"{datetime_of(ns // 1000).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _until(verdict: Verdict, zone: tzinfo) -> str:
    """The end; without its date on the day of the beginning, so that the line fits a terminal."""
    start, end = _clock(verdict.first_ns, zone), _clock(verdict.last_ns, zone)
    return end.partition(" ")[2] if start[:10] == end[:10] else end


def _moment(moment: Any, zone: tzinfo, form: str) -> str:
    """A time of day; with its date where the verdict spans more than one."""
    local = moment.astimezone(zone)
    return f"{local.strftime(form)}.{local.microsecond // 1000:03d}"
