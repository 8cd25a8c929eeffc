"""What `verify` says of the sources of a report, in a sentence each. Reads captures whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from omptool.analytics.report.words import count
from omptool.capture.damage import Damage
from omptool.capture.verify import Verification, verify
from omptool.sources.capture import CaptureSource
from omptool.sources.lake import LakeSource
from omptool.sources.source import Named, Source


class Statement(NamedTuple):
    """A sentence about a source; `is_proven` unless something is damaged or missing for no known cause."""

    text: str
    is_proven: bool


def statements(sources: Sequence[Named]) -> list[Statement]:
    """One per source of telemetry."""
    return [_of(named.source) for named in sources if named.source.has_telemetry]


def _of(source: Source) -> Statement:
    if isinstance(source, CaptureSource):
        return _of_capture(source)
    if isinstance(source, LakeSource):
        check = f"omptool verify {source.label} checks every byte of it"
        return Statement(f"{source.label} is version {source.version} of a lake; {check}.", True)
    return Statement(f"{source.label}: an import; nobody recorded whether it is complete.", True)


def _of_capture(source: CaptureSource) -> Statement:
    found = verify(source.capture)
    rows = count(source.capture.rows, "row")
    if found.damage:
        return Statement(f"{source.label} is damaged: {_damage(found.damage)}; omptool recover repairs it.", False)
    if found.has_unexplained:
        return Statement(f"{source.label}: {rows}, every byte checked; values are missing for no known cause.", False)
    if found.has_windows:
        return Statement(f"{source.label}: {rows}, every byte checked; every missing stretch is explained.", True)
    return Statement(f"{source.label} is complete: {rows}, every byte checked{_sampled(found)}.", True)


def _damage(damage: Sequence[Damage]) -> str:
    lost = [one.rows for one in damage]
    if None in lost:
        return "an unknown number of rows is lost"
    total = sum(rows or 0 for rows in lost)
    return f"{count(total, 'row is', 'rows are')} lost" if total else "no row is lost"


def _sampled(found: Verification) -> str:
    items = sum(verdict.items for verdict in found.verdicts if verdict.verdict == "sampled")
    return f"; {count(items, 'item')} sampled by the server more slowly than asked" if items else ""
