"""The section with control charts. Pure but for asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omptool.analytics import catalog
from omptool.analytics.binding import Tag, tags_of_roles
from omptool.analytics.report import charts
from omptool.analytics.report.asker import RECIPES, Asker
from omptool.analytics.report.content import Figure, Section
from omptool.analytics.report.shaping import PLACES, Row, named, table
from omptool.analytics.report.words import count, number
from omptool.model.path import Glob

_CHARTS = 6
"""Charts on the page: more are not looked at."""
_POINTS = 300
"""Pieces of a chart's line; each has room for its least and its greatest value."""
_SIGNALS = 200
"""Violations that are drawn of one chart; the table has their number."""
_MEASURED = "SELECT DISTINCT server, node_id FROM nodes WHERE data_type IN ('Double', 'Float') AND unit IS NOT NULL"


def control(asker: Asker) -> Section:
    """Control charts of single values of the tags that were named, else of those that are measured once per part."""
    asked = _named(asker)
    tags = asked if asked is not None else _per_part(asker)
    id, title = "control", "Control charts"
    if not tags:
        why = "no tag has one value per part" if asked is None else "no tag matches what --map value says"
        return Section(id, title, empty=f"Nothing to show: {why}, so nothing says what to chart.",
                       hint="name the tags with measurements: --map value='PeakForce'")  # fmt: skip
    shown = tags[:_CHARTS]
    maps = {"value": "**"}
    rows = asker.run("i_mr", places=PLACES, maps=maps, only=frozenset((tag.server, tag.node_id) for tag in shown)).rows
    groups: dict[str, list[Row]] = {}
    for row in named(rows.to_pylist()):
        groups.setdefault(f"{row['name']}: {row['tag']}", []).append(row)
    drawn = {name: mine for name, mine in groups.items() if mine[0]["point"] is not None}
    notes = [f"{name}: {mine[0]['note']}" for name, mine in groups.items() if mine[0]["note"]]
    thinned = {name: thin(mine) for name, mine in drawn.items()}
    if any(len(thinned[name]) < len(mine) for name, mine in drawn.items()):
        notes.append(
            f"A chart of more than {2 * _POINTS:,} points shows the least and the greatest of each {_POINTS}th, "
            f"and what violates a rule (the first {_SIGNALS:,}). Limits and counts are of all points."
        )
    command = asker.command("i_mr", "--map", "value=TAG")
    if len(tags) > len(shown):
        notes.append(f"These are {len(shown)} of {count(len(tags), 'tag')}; the others: {command}")
    signals = sum(mine[0]["signals"] for mine in drawn.values())
    lead = (
        f"{count(signals, 'point')} of {sum(len(mine) for mine in drawn.values()):,} violate a rule (Western Electric)."
    )
    return Section(
        id, title, lead=[lead, _why(asked is None)], notes=notes, figures=[
            Figure(name, f"Control chart of {name}: {count(mine[0]['signals'], 'violation')}.",
                   charts.control([_point(asker, row) for row in thinned[name]]), True)
            for name, mine in drawn.items()
        ],
        tables=[table("Charts", _COLUMNS, [_summary(name, mine[0]) for name, mine in drawn.items()], command)],
    )  # fmt: skip


_COLUMNS = {
    "Chart": False, "Points": True, "Center": True, "Lower limit": True, "Upper limit": True, "Sigma": True,
    "Violations": True,
}  # fmt: skip


def _why(chosen: bool) -> str:
    how = "Charted is what has one value per part" if chosen else "Charted is what was named"
    return f"{how}. Limits come from all values of the window, at three sigma of the moving range."


def _summary(name: str, row: Row) -> list[str]:
    numbers = (row[key] for key in ("points", "center", "lcl", "ucl", "sigma", "signals"))
    return [name, *map(number, numbers)]


def _named(asker: Asker) -> list[Tag] | None:
    """The tags that `--map value` or the role `value` of the plant model names; None: nobody named any."""
    glob = asker.request.maps.get("value")
    globs = [glob] if glob else list(asker.request.plant.roles.get("value", ())) if asker.request.plant else []
    if not globs:
        return None
    compiled = [Glob(text) for text in globs]
    return [tag for tag in asker.tags() if any(one.matches(tag.tag) for one in compiled)]


def _per_part(asker: Asker) -> list[Tag]:
    """Measured Variables that changed about as often as their machine made parts."""
    tags = asker.tags()
    plant = asker.request.plant.roles if asker.request.plant else {}
    played = {
        (tag.server, tag.node_id)
        for name in RECIPES
        if name != "data_quality"
        for found in tags_of_roles(catalog.load(name), tags, plant).values()
        for mine in found.values()
        for tag in mine
    }
    counters = tags_of_roles(catalog.load("oee"), tags, plant)["good"]
    counts = {(row["site"], row["line"], row["machine"], row["tag"]): row["rows"] for row in asker.counts()}
    measured = {(row["server"], row["node_id"]) for row in asker.rows(_MEASURED, None)}
    return [tag for tag in tags if (tag.server, tag.node_id) in measured - played and _fits(tag, counters, counts)]


def _fits(tag: Tag, counters: Mapping[Any, Sequence[Tag]], counts: Mapping[Any, int]) -> bool:
    parts = sum(counts.get(_key(counter), 0) for counter in counters.get(tag[2:6], ()))
    values = counts.get(_key(tag), 0)
    return values >= 20 and 0.95 * parts <= values <= 1.2 * parts


def _key(tag: Tag) -> tuple[str | None, ...]:
    return tag.site, tag.line, tag.machine, tag.tag


def thin(rows: Sequence[Row]) -> list[Row]:
    """The least and the greatest value of each of `_POINTS` pieces, and what violates a rule; in order."""
    if len(rows) <= 2 * _POINTS:
        return list(rows)
    kept = {at for at, row in enumerate(rows) if row["violations"]}
    kept = set(sorted(kept)[:_SIGNALS]) | {0, len(rows) - 1}
    for piece in range(_POINTS):
        mine = range(piece * len(rows) // _POINTS, (piece + 1) * len(rows) // _POINTS)
        known = [at for at in mine if rows[at]["value"] is not None]
        if known:
            kept |= {min(known, key=lambda at: rows[at]["value"]), max(known, key=lambda at: rows[at]["value"])}
    return [rows[at] for at in sorted(kept)]


def _point(asker: Asker, row: Row) -> dict[str, object]:
    lines = {key: row[key] for key in ("value", "center", "lcl", "ucl")}
    said = {"signal": row["violations"] or "", "text": number(row["value"]), "from": asker.clock.text(row["time"])}
    return lines | said | {"since": asker.clock.axis(row["time"]), "number": f"{row['point']:,}"}
