"""What a machine says that an analysis cannot use: states without a meaning, counters that are no numbers, and whatever
else a recipe finds worth a note."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

import pyarrow as pa

from omptool.analytics import catalog
from omptool.analytics.recipe import Recipe
from omptool.model.listing import listed

_STRANGE = """SELECT DISTINCT 'state' AS kind, w.name AS what, '' AS machine FROM (
  SELECT state, lead(nanos, 1, CAST($end_nanos AS BIGINT)) OVER (PARTITION BY m ORDER BY nanos, tie) AS till
  FROM said WHERE state IS NOT NULL AND m IN (
    SELECT s.m FROM said s JOIN words w ON w.word = s.state WHERE w.meaning = '' AND w.name <> ''
  )
) told JOIN words w ON w.word = told.state
WHERE told.till > (SELECT min(since) FROM periods) AND w.meaning = '' AND w.name <> ''"""
_WORDY = """SELECT 'counter' AS kind, b.role AS what, b.machine FROM firsts f JOIN bound b ON b.node = f.node
WHERE f.wordy"""
_READ = ("window", "captures", "heard", "picked", "firsts")

Ask = Callable[[str], pa.Table]


def notes(recipe: Recipe, instead: Mapping[str, str], played: Collection[str], ask: Ask) -> Iterator[str]:
    """What a person should know of the values that a recipe reads.

    Args:
        instead: what stands for shared parts.
        played: roles that some tag plays.
        ask: runs a statement.
    """
    yield from _of_parts(recipe, instead, ask)
    if "notes" in recipe.sections and (not recipe.notes_of or set(recipe.notes_of) & set(played)):
        ctes = catalog.ctes(recipe, "telemetry", instead)
        found = ask("WITH " + ",\n".join(ctes) + f"\n{recipe.sections['notes']}\nORDER BY note")
        yield from found["note"].to_pylist()


def _of_parts(recipe: Recipe, instead: Mapping[str, str], ask: Ask) -> Iterator[str]:
    """Of the shared parts that read states and counters."""
    own = {column.name for column in recipe.columns}
    asked = [_STRANGE] if "elements" in recipe.parts and "note" not in own else []  # else every row says its own
    asked += [_WORDY] if "counters" in recipe.parts else []
    if not asked:
        return
    read = (*_READ, "timeline") if _STRANGE in asked else _READ
    ctes = [instead.get(name) or catalog.part(name) for name in read]
    rows = ask("WITH " + ",\n".join(ctes) + "\n" + "\nUNION ALL ".join(asked))
    found = rows.sort_by([("what", "ascending"), ("machine", "ascending")]).to_pylist()
    if states := [row["what"] for row in found if row["kind"] == "state"]:
        has = "state {} has no meaning: add it" if len(states) == 1 else "states {} have no meaning: add them"
        yield has.format(listed(states)) + " to [states] of plant.toml"
    for row in found:
        if row["kind"] == "counter":
            yield f"the counter {row['what']} of {row['machine']} says no numbers: its parts are not counted"
