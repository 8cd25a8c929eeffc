"""What --select, --start and --end mean for a capture, once for every command that narrows one."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from omptool.cli import settings
from omptool.errors import NotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from omptool.capture.reader import Capture

T = TypeVar("T")


def window(start: str | None, end: str | None, tz: str | None) -> tuple[datetime | None, datetime | None]:
    """[start, end) as aware datetimes; None where it is open.

    Raises:
        UsageError: no times, or an empty window.
    """
    if start is None and end is None:
        return None, None
    from datetime import UTC, datetime

    from omptool.model.times import parse_time

    zone = settings.zone(tz)[0]
    now = datetime.now(UTC)
    first, last = (
        None if text is None else timed(flag, parse_time, text, now=now, zone=zone)
        for flag, text in (("--start", start), ("--end", end))
    )
    if first is not None and last is not None and first >= last:
        raise UsageError(f"--start {start} is not before --end {end}", "windows are [start, end)")
    return first, last


def timed(flag: str, parse: Callable[..., T], text: str, **more: object) -> T:
    """`parse(text)`, whose refusal names the flag."""
    try:
        return parse(text, **more)
    except UsageError as error:
        raise UsageError(f"{flag}: {error.message}", error.hint) from None


def servers(capture: Capture, wanted: list[str] | None) -> set[str] | None:
    """What rows call the servers that were named by name, ApplicationUri or address; None = all.

    Raises:
        NotFound: no such server, or several at this address.
    """
    if not wanted:
        return None
    found: set[str] = set()
    gaps = capture.gaps()["server"].to_pylist()
    for text in wanted:
        exact = {one.server for one in capture.servers if text in (one.server, one.name)} | {text}.intersection(gaps)
        matching = exact or {one.server for one in capture.servers if text in (one.application_uri, one.url)}
        if not matching:
            known = [one.name or one.server for one in capture.servers]
            raise NotFound(f"{capture.path} has no server {text!r}", "it has: " + ", ".join(known))
        found |= matching
    return found


def nodes(capture: Capture, select: list[str] | None, of: set[str] | None = None) -> set[tuple[str, str]] | None:
    """(server, node_id) of the monitored nodes of these servers whose path matches; None = all.

    Raises:
        NotFound: a pattern that matches none; the hint names the nearest paths.
    """
    if not select and of is None:
        return None
    paths = {
        (entry.server, entry.node.node_id): entry.node.path
        for entry in capture.nodes()
        if entry.handle and (of is None or entry.server in of)
    }
    if not select:
        return set(paths)
    from omptool.model.nearest import glob_hint
    from omptool.model.path import Glob

    found: set[tuple[str, str]] = set()
    for pattern in select:
        glob = Glob(pattern)
        matching = {key for key, path in paths.items() if glob.matches(path)}
        if not matching:
            hint = glob_hint(pattern, paths.values()) or f"what is there:  omptool cat {capture.path} --view nodes"
            raise NotFound(f"--select {pattern!r} matches none of {len(paths):,} nodes", hint)
        found |= matching
    return found
