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
    kinds = {one.kind: one, other.kind: other}
    if kinds.keys() == {"capture"}:
        return bool(getattr(one, "id", 0) == getattr(other, "id", 1))
    if kinds.keys() == {"capture", "lake"}:
        return bool(getattr(kinds["lake"], "holds")(getattr(kinds["capture"], "id")))  # noqa: B009
    return one.label == other.label
