"""The names closest to what somebody typed, for "did you mean".

Pure and bounded: 100,000 candidates are narrowed by shared letter triples before anything slow looks at them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from heapq import nlargest

from omptool.model.path import Glob

SHORTLIST = 50
"""How many candidates are compared letter by letter."""

LEAST_ALIKE = 0.4
"""Similarity (0…1) below which a name is no help."""

_WILD = re.compile(r"[*?{},]+")


def nearest(text: str, candidates: Iterable[str], n: int = 3) -> list[str]:
    """At most `n` candidates that look like `text`, most similar first, each on one line; case does not matter."""
    return [on_one_line(name) for name in _nearest(text, candidates, n)]


def on_one_line(name: str) -> str:
    """A name as part of a hint: a line of its own would pass for ours."""
    return name.replace("\n", "\\n")


def _nearest(text: str, candidates: Iterable[str], n: int) -> list[str]:
    wanted = text.casefold()
    triples = _triples(wanted)
    shortlist = nlargest(SHORTLIST, set(candidates), key=lambda name: (_overlap(triples, name), -len(name), name))
    rated = [(SequenceMatcher(None, wanted, name.casefold()).ratio(), name) for name in shortlist]
    return [name for alike, name in nlargest(n, rated) if alike >= LEAST_ALIKE]


def nearest_paths(pattern: str, paths: Iterable[str], n: int = 3) -> list[str]:
    """At most `n` paths that a glob may have meant: like it as a whole, or with a last name like its last name.

    The last name counts first where wildcards stand before it: little of such a glob says where to look.
    """
    known = list(paths)
    before, _, last = pattern.rpartition("/")
    by_name: dict[str, str] = {}
    for path in known:
        by_name.setdefault(path.rpartition("/")[2], path)
    name = _WILD.sub("", last)
    of_name = [by_name[near] for near in _nearest(name, by_name, n)] if name else []
    whole = _nearest(_WILD.sub("", pattern), known, n)
    found = [*of_name, *whole] if _WILD.search(before) else [*whole, *of_name]
    return [on_one_line(path) for path in dict.fromkeys(found)][:n]


def glob_hint(pattern: str, paths: Iterable[str]) -> str:
    """What to try where a glob matches none of `paths`: the same one deeper, else the nearest; empty when none is."""
    known = list(paths)
    deeper = f"**/{pattern}"
    if not pattern.startswith("**") and any(map(Glob(deeper).matches, known)):
        return f"a path begins below Objects; this matches deeper:  --select '{deeper}'"
    near = nearest_paths(pattern, known)
    return "\n".join(["nearest:", *(f"  {path}" for path in near)]) if near else ""


def _triples(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[start : start + 3] for start in range(len(padded) - 2)}


def _overlap(triples: set[str], name: str) -> float:
    theirs = _triples(name.casefold())
    return len(triples & theirs) / len(triples | theirs)
