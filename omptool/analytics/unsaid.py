"""What a machine says that an analysis cannot use: states without a meaning, counters that are no numbers, units."""

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
_UNIT = """SELECT DISTINCT b.role AS kind, s.strange AS what, b.machine
FROM scales s JOIN bound b ON b.node = s.node WHERE s.strange <> ''"""
_CHILD = """SELECT 'child' AS kind, CAST(count(*) AS VARCHAR) AS what, '' AS machine FROM said_children c
WHERE c.nanos >= (SELECT min(since) FROM periods)
  AND NOT EXISTS (SELECT 1 FROM built b WHERE b.m = c.m AND b.tag = c.tag AND b.nanos = c.nanos AND b.child = c.child)
HAVING count(*) > 0"""
_OWN = {("energy", "power", "meter"): _UNIT, ("genealogy", "child"): _CHILD}
"""A recipe and roles of which one must be played → what to ask its own CTEs."""

_UNITS = {"power": "kW", "meter": "kWh"}


def notes(
    recipe: Recipe, instead: Mapping[str, str], played: frozenset[str], ask: Callable[[str], pa.Table]
) -> Iterator[str]:
    """What a person should know of the values that a recipe reads.

    Args:
        instead: what stands for shared parts.
        played: roles that some tag plays.
        ask: runs a statement.
    """
    own = {column.name for column in recipe.columns}
    asked = [_STRANGE] if "elements" in recipe.parts and "note" not in own else []  # else every row says its own
    asked += [_WORDY] if "counters" in recipe.parts else []
    owned = [sql for (name, *roles), sql in _OWN.items() if name == recipe.name and played.intersection(roles)]
    if not asked and not owned:
        return
    ctes = [instead.get(name) or catalog.part(name) for name in ("window", "captures", "picked", "timeline")]
    if owned:
        asked += owned
        ctes = catalog.ctes(recipe, "telemetry", instead)
    rows = ask("WITH " + ",\n".join(ctes) + "\n" + "\nUNION ALL ".join(asked))
    found = rows.sort_by([("what", "ascending"), ("machine", "ascending")]).to_pylist()
    if states := [row["what"] for row in found if row["kind"] == "state"]:
        has = "state {} has no meaning: add it" if len(states) == 1 else "states {} have no meaning: add them"
        yield has.format(listed(states)) + " to [states] of plant.toml"
    for row in found:
        if unit := _UNITS.get(row["kind"]):
            of = f"the unit {row['what']} of the {row['kind']} of {row['machine']}"
            yield f"{of} is not known: its values count as {unit}; --param scale={unit.upper()}_PER_UNIT"
        if row["kind"] == "child":
            yield f"children said while no part was there, which were built into none: {row['what']}"
        if row["kind"] == "counter":
            yield f"the counter {row['what']} of {row['machine']} says no numbers: its parts are not counted"
