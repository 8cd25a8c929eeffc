"""The last word of a recording: on stderr for people, one row for programs (C7). Only renders `RecordingResult`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omptool.cli import diagnostics
from omptool.cli.diagnostics import typed
from omptool.cli.output import Rows
from omptool.model.listing import listed
from omptool.model.vocabulary import GapReason

if TYPE_CHECKING:
    from omptool.capture.recording.terms import RecordingResult, ServerResult

_TELLING_ROWS = 1000
"""Below this, bytes per row would speak of the file's frame."""

_NAMED = 8
"""Complete servers named one by one; the others are counted."""

_FAILED = 5
"""Nodes that are not monitored, or types that are not explained, named one by one."""

_CAUSES = {
    GapReason.CONNECTION_LOST: "connection lost",
    GapReason.STALE: "silent",
    GapReason.SEQUENCE_LOST: "messages lost on the way",
    GapReason.QUEUE_OVERFLOW: "a queue of the server ran over",
    GapReason.ITEM_FAILED: "not monitored",
    GapReason.CLIENT_STOPPED: "the capture was not running",
    GapReason.CLIENT_SLOW: "omptool was slow, and a queue of the server ran over",
}


def last_word(result: RecordingResult | None, output: Path) -> None:
    """Say on stderr what was recorded, whether it is complete, and what comes next."""
    if result is None:
        diagnostics.note("stopped before anything was captured")
        return
    per_row = f" ({result.bytes / result.rows:.1f} B/row)" if result.rows >= _TELLING_ROWS else ""
    several = f" from {result.reached:,} of {len(result.servers):,} servers" if len(result.servers) > 1 else ""
    events = f" and {result.events:,} event{'s' * (result.events != 1)}" if result.events else ""
    diagnostics.note(
        f"{result.rows:,} rows{events} of {result.nodes:,} nodes{several} in {clock(result.seconds)}, "
        f"{size(result.bytes)}{per_row}"
    )
    for uri, names in result.shared:
        all_ = "both" if len(names) == 2 else "all"
        diagnostics.note(f"{' and '.join(names)} {all_} call themselves {uri}: their rows go by these names")
    plain = [server for server in result.servers if server.is_complete and not server.sampled and not server.polled]
    diagnostics.note(_complete(plain)) if plain else None
    for server in result.servers:
        if server not in plain:
            diagnostics.note(f"{short(server.label)} " + " · ".join(_verdicts(server)), _failed(server, output))
    for server in result.servers:
        if server.unknown_types:
            diagnostics.note(_unexplained(server))
        if server.unfiltered:
            diagnostics.note(_unfiltered(server))
    diagnostics.note(f"next: omptool verify {typed(output)}   omptool convert {typed(output)} -o lake")


def summary(result: RecordingResult | None) -> Rows:
    """The one JSON line for programs (C7); `servers` are those of which something was captured."""
    columns = ("rows", "nodes", "servers", "gaps", "seconds")
    if result is None:
        return Rows(columns, [(0, 0, 0, 0, 0.0)])
    windows = sum(result.gaps.values())
    return Rows(columns, [(result.rows, result.nodes, result.reached, windows, round(result.seconds, 3))])


def _complete(servers: Sequence[ServerResult]) -> str:
    if len(servers) > _NAMED:
        return f"{len(servers):,} servers complete"
    return " · ".join(f"{short(server.label)} complete" for server in servers)


def _failed(server: ServerResult, output: Path) -> str:
    """The nodes that are not monitored, the first ones by name."""
    lines = [f"{failed.path}   {failed.status_name}" for failed in server.failed[:_FAILED]]
    if len(server.failed) > _FAILED:
        lines.append(f"and {len(server.failed) - _FAILED:,} more; all of them:  omptool verify {typed(output)}")
    return "\n".join(lines)


def _unexplained(server: ServerResult) -> str:
    """Types whose structures nobody can read, the first ones by name."""
    names = listed(server.unknown_types, _FAILED)
    return f"{short(server.label)} does not explain the types {names}: structures of them stay bytes"


def _unfiltered(server: ServerResult) -> str:
    """Nodes of which more is recorded than was asked for, the first ones by name."""
    count = len(server.unfiltered)
    named = listed([f"{node.path} ({node.status_name})" for node in server.unfiltered], _FAILED)
    return (
        f"{short(server.label)} does not take what was asked to be left out of {count:,} node{'s' * (count > 1)}: "
        f"{named}; all of it is recorded"
    )


def _verdicts(server: ServerResult) -> list[str]:
    if not server.was_reached:
        return [f"was never reached: {without_address(server.away)}"]
    failed = len(server.failed)
    windows = {reason: number for reason, number in server.gaps.items() if reason != GapReason.ITEM_FAILED}
    words = []
    for reason, number in windows.items():
        cause = _CAUSES.get(GapReason(reason), str(reason).replace("_", " "))
        if reason in (GapReason.CONNECTION_LOST, GapReason.STALE):
            cause += f": {without_address(server.cause)}"
        words.append(f"{number:,} window{'s' if number > 1 else ''} may lack values ({cause})")
    if server.filled:
        words.append(f"{server.filled:,} of them filled from the server's history")
    if server.away:
        words.append("not connected at the end" + (f": {without_address(server.away)}" * (server.away != server.cause)))
    if failed:
        words.append(f"{failed:,} of {failed + server.nodes:,} nodes not monitored")
    complete = server.nodes - server.polled - server.sampled
    if not windows and complete > 0:
        words.insert(0, "complete" if complete == server.nodes else f"{complete:,} nodes complete")
    if server.polled:
        missed = f", {server.missed:,} cycles missed" if server.missed else ""
        words.append(f"{server.polled:,} nodes read in cycles{missed}")
    if server.sampled:
        words.append(f"{server.sampled:,} nodes sampled: {_sampled_how(server)}")
    return words


def without_address(cause: str) -> str:
    """Why a server is away; whose address it is was said already."""
    head, colon, rest = cause.partition(": ")
    return rest if colon and head.startswith("opc.tcp://") else cause


def _sampled_how(server: ServerResult) -> str:
    """What a person has to know about values that were never offered."""
    least, most = server.sampled_ms
    if not most:
        return "the server queues one value of each, and overwrites it"
    every = f"{most:g} ms" if least == most else f"{least:g} to {most:g} ms"
    return f"the server looks at them every {every}, changes in between are not seen"


def short(label: str) -> str:
    """How a person calls a server: its name, else host and port."""
    return label.removeprefix("opc.tcp://").partition("/")[0] if label.startswith("opc.tcp://") else label


def clock(seconds: float) -> str:
    """`00:12:41`; days count as hours."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest:02d}"


def size(count: float) -> str:
    """`103 MB`, decimal as disks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def lasting(seconds: float) -> str:
    """`25 days`: how long something lasts, roughly."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.0f} seconds"
