"""What a machine says that an analysis cannot use: states without a meaning, counters that are no numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa

from omptool.analytics import catalog
from omptool.analytics.recipe import Recipe
from omptool.model.listing import listed

_STRANGE = """SELECT DISTINCT 'state' AS kind, w.name AS what, '' AS machine FROM (
  SELECT state, lead(nanos, 1, CAST($end_nanos AS BIGINT)) OVER (PARTITION BY m ORDER BY nanos, tie) AS till
  FROM said WHERE state IS NOT NULL
) told JOIN words w ON w.word = told.state
WHERE told.till > (SELECT min(since) FROM periods) AND w.meaning = '' AND w.name <> ''"""
_WORDY = """SELECT 'counter' AS kind, b.role AS what, b.machine FROM picked p JOIN bound b ON b.node = p.node
WHERE p.kind = 1 AND p.grade < 2 GROUP BY b.role, b.machine, p.node HAVING count(p.value) = 0"""


def notes(recipe: Recipe, instead: Mapping[str, str], ask: Callable[[str], pa.Table]) -> Iterator[str]:
    """What a person should know of the values that a recipe reads.

    Args:
        instead: what stands for shared parts.
        ask: runs a statement.
    """
    own = {column.name for column in recipe.columns}
    asked = [_STRANGE] if "elements" in recipe.parts and "note" not in own else []  # else every row says its own
    asked += [_WORDY] if "counters" in recipe.parts else []
    if not asked:
        return
    ctes = [instead.get(name) or catalog.part(name) for name in ("window", "captures", "picked", "timeline")]
    rows = ask("WITH " + ",\n".join(ctes) + "\n" + "\nUNION ALL ".join(asked))
    found = rows.sort_by([("what", "ascending"), ("machine", "ascending")]).to_pylist()
    if states := [row["what"] for row in found if row["kind"] == "state"]:
        has = "state {} has no meaning: add it" if len(states) == 1 else "states {} have no meaning: add them"
        yield has.format(listed(states)) + " to [states] of plant.toml"
    for row in found:
        if row["kind"] == "counter":
            yield f"the counter {row['what']} of {row['machine']} says no numbers: its parts are not counted"
