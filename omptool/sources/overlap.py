"""Which sources hold the same rows: united in one view, such rows would count twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from omptool.sources.source import Named, Source


def overlaps(sources: Sequence[Named]) -> Iterator[tuple[str, str]]:
    """Labels of two sources each that certainly hold rows of one recording; a pair named by the user is left out."""
    for one, other in combinations(sources, 2):
        are_named = one.name is not None and other.name is not None
        if not are_named and _is_shared(one.source, other.source):
            yield one.source.label, other.source.label


def _is_shared(one: Source, other: Source) -> bool:
    if not (one.has_telemetry and other.has_telemetry):
        return False
    held = (holder.holds(held.id) for holder, held in ((one, other), (other, one)) if held.id is not None)
    return any(held) or one.label == other.label
