"""What happened to a capture that costs no value, yet a reader should know: clocks that were set, and our own slowness.

Pure: from the journal, of which nothing is trusted. Windows are told elsewhere.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omptool.capture.entries import JournalEntry
    from omptool.capture.reader import Capture

_LISTED = 3
"""Steps of one clock that are told by their size; of more only how many there were."""


def remarks(capture: Capture) -> dict[str, list[str]]:
    """Sentences by server; those of this computer under the empty name."""
    found: dict[str, list[str]] = defaultdict(list)
    for (server, clock), steps in _steps(capture).items():
        whose = "this computer's clock" if clock == "client" else "its clock"
        found["" if clock == "client" else server].append(
            f"{whose} was set {_by(steps)}: times do not compare across it"
        )
    stalls = list(_seconds(capture, "client_slow", stalled=True))
    if stalls:
        found[""].append(f"omptool stood still {_often(stalls)}")
    for server, pauses in _by_server(capture, "client_slow", stalled=False).items():
        found[server].append(f"asked for nothing while the disk caught up, {_often(pauses)}")
    for server, syncs in _by_server(capture, "slow_disk", stalled=None).items():
        whose = "its values" if server else "values"
        found[server].append(f"{whose} waited for a slow disk {_often(syncs)}")
    return dict(found)


def _steps(capture: Capture) -> dict[tuple[str, str], list[float]]:
    """By server and clock; a step of ours is noticed at every server, and counts where it was noticed most often."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for entry in capture.journal_entries:
        clock = entry.detail.get("clock")
        if entry.kind == "clock_step" and clock in ("server", "client") and (by := _number(entry.detail)) is not None:
            found[entry.server or "", clock].append(by)
    own = max((steps for (_, clock), steps in found.items() if clock == "client"), key=len, default=[])
    theirs = {key: steps for key, steps in found.items() if key[1] == "server"}
    return theirs | ({("", "client"): own} if own else {})


def _by_server(capture: Capture, kind: str, *, stalled: bool | None) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for entry in _entries(capture, kind, stalled):
        if (seconds := _number(entry.detail)) is not None:
            found[entry.server or ""].append(seconds)
    return found


def _seconds(capture: Capture, kind: str, *, stalled: bool) -> Iterator[float]:
    for seconds in _by_server(capture, kind, stalled=stalled).values():
        yield from seconds


def _entries(capture: Capture, kind: str, stalled: bool | None) -> Iterator[JournalEntry]:
    for entry in capture.journal_entries:
        if entry.kind == kind and stalled in (None, entry.detail.get("stalled") is True):
            yield entry


def _number(detail: Mapping[str, Any]) -> float | None:
    value: Any = detail.get("seconds")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _by(steps: list[float]) -> str:
    if len(steps) > _LISTED:
        return f"{len(steps):,} times"
    return "by " + " and ".join(f"{step:+,.1f} s" for step in steps)


def _often(seconds: list[float]) -> str:
    times = "once" if len(seconds) == 1 else f"{len(seconds):,} times"
    return f"{times}, {sum(seconds):,.1f} s" + (" in all" if len(seconds) > 1 else "")
