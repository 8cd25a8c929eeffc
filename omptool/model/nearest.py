"""The names closest to what somebody typed, for "did you mean".

Pure and bounded: 100,000 candidates are narrowed by shared letter triples before anything slow looks at them.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher
from heapq import nlargest

SHORTLIST = 50
"""How many candidates are compared letter by letter."""

LEAST_ALIKE = 0.4
"""Similarity (0…1) below which a name is no help."""


def nearest(text: str, candidates: Iterable[str], n: int = 3) -> list[str]:
    """At most `n` candidates that look like `text`, most similar first; case does not matter."""
    wanted = text.casefold()
    triples = _triples(wanted)
    shortlist = nlargest(SHORTLIST, set(candidates), key=lambda name: (_overlap(triples, name), -len(name), name))
    rated = [(SequenceMatcher(None, wanted, name.casefold()).ratio(), name) for name in shortlist]
    return [name for alike, name in nlargest(n, rated) if alike >= LEAST_ALIKE]


def _triples(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[start : start + 3] for start in range(len(padded) - 2)}


def _overlap(triples: set[str], name: str) -> float:
    theirs = _triples(name.casefold())
    return len(triples & theirs) / len(triples | theirs)
