"""The section with control charts. Pure but for asking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
_AT_ONCE = 500_000
"""Values of several charts that are looked at together."""
_MEASURED = "SELECT DISTINCT server, node_id FROM nodes WHERE data_type IN ('Double', 'Float') AND unit IS NOT NULL"


def charted(asker: Asker) -> list[Tag]:
    """The tags of the control charts."""
    asked = named_tags(asker)
    return (asked if asked is not None else _per_part(asker))[:_CHARTS]


def control(asker: Asker) -> Section:
    """Control charts of single values of the tags that were named, else of those that are measured once per part."""
    asked = named_tags(asker)
    tags = asked if asked is not None else _per_part(asker)
    id, title = "control", "Control charts"
    if not tags:
        why = "no tag has one value per part" if asked is None else "no tag matches what --map value says"
        return Section(id, title, empty=f"Nothing to show: {why}, so nothing says what to chart.",
                       hint="name the tags with measurements: --map value='PeakForce'")  # fmt: skip
    shown = tags[:_CHARTS]
    charts_of = list(_charts(asker, shown))
    drawn = [one for one in charts_of if one.first["point"] is not None]
    notes = [f"{one.name}: {one.first['note']}" for one in charts_of if one.first["note"]]
    if any(len(one.kept) < one.points for one in drawn):
        notes.append(
            f"A chart of more than {2 * _POINTS:,} points shows the least and the greatest of each {_POINTS}th, "
            f"and what violates a rule (the first {_SIGNALS:,}). Limits and counts are of all points."
        )
    command = asker.command("i_mr", "--map", "value=TAG")
    if len(tags) > len(shown):
        notes.append(f"These are {len(shown)} of {count(len(tags), 'tag')}; the others: {command}")
    signals = sum(one.first["signals"] for one in drawn)
    lead = f"{count(signals, 'point')} of {sum(one.points for one in drawn):,} violate a rule ({_rules(asker)})."
    return Section(
        id, title, lead=[lead, _why(asker, asked is None)], notes=notes, figures=[
            Figure(one.name, f"Control chart of {one.name}: {count(one.first['signals'], 'violation')}.",
                   charts.control([_point(asker, row) for row in one.kept]), True)
            for one in drawn
        ],
        tables=[table("Charts", _COLUMNS, [_summary(one.name, one.first) for one in drawn], command)],
    )  # fmt: skip


class _Chart(NamedTuple):
    """A chart: its name, its first row, its number of rows, and those that are drawn."""

    name: str
    first: Row
    points: int
    kept: list[Row]


def _charts(asker: Asker, tags: Sequence[Tag]) -> Iterator[_Chart]:
    """The charts of tags, as many at a time as fit into memory."""
    found: list[dict[str, Any]] = []
    for some in _together(asker, tags):
        rows = asker.run(
            "i_mr", places=PLACES, maps={"value": "**"}, only=_ids(some), parameters={"show": "points"}
        ).rows
        found += [_one(mine) for mine in _apart(rows)]
    for row in named(found):
        yield _Chart(f"{row['name']}: {row['tag']}", row, row["length"], row["kept"])


def _together(asker: Asker, tags: Sequence[Tag]) -> Iterator[list[Tag]]:
    counts = {_row_key(row): row["rows"] for row in asker.counts()}
    some: list[Tag] = []
    rows = 0
    for tag in tags:
        rows += counts.get(_key(tag), 0)
        if some and rows > _AT_ONCE:
            yield some
            some, rows = [], counts.get(_key(tag), 0)
        some.append(tag)
    yield some


def _ids(tags: Sequence[Tag]) -> frozenset[tuple[str, str]]:
    return frozenset((tag.server, tag.node_id) for tag in tags)


def _apart(rows: pa.Table) -> Iterator[pa.Table]:
    """The rows of each chart; those of one stand together, and begin with point 1 or with none."""
    begins = np.flatnonzero(pc.fill_null(rows["point"], 1).to_numpy() == 1).tolist()
    for begin, end in pairwise([*begins, rows.num_rows]):
        yield rows.slice(begin, end - begin)


def _one(rows: pa.Table) -> dict[str, Any]:
    first: dict[str, Any] = rows.slice(0, 1).to_pylist()[0]
    return first | {"length": rows.num_rows, "kept": thin(rows.select(_DRAWN))}


_DRAWN = ["point", "time", "value", "center", "lcl", "ucl", "violations"]
_COLUMNS = {
    "Chart": False, "Points": True, "Center": True, "Lower limit": True, "Upper limit": True, "Sigma": True,
    "Violations": True,
}  # fmt: skip


_RULES = {
    "western_electric": "Western Electric", "nelson": "Nelson", "all": "Western Electric and Nelson",
    "limits": "limits alone", "none": "none is asked for",
}  # fmt: skip


def _parameter(asker: Asker, name: str) -> Any:
    """What was asked for, else the default."""
    default = next(one.default for one in catalog.load("i_mr").parameters if one.name == name)
    return asker.request.parameters.get(name, default)


def _rules(asker: Asker) -> str:
    asked = str(_parameter(asker, "rules"))
    return _RULES.get(asked, asked)


def _why(asker: Asker, chosen: bool) -> str:
    """What is charted, and what its limits are made of."""
    how = "Charted is what has one value per part" if chosen else "Charted is what was named"
    first, since, till = (_parameter(asker, name) for name in ("baseline", "baseline_start", "baseline_end"))
    base = f"the first {count(first, 'point')}" if first else "all values of the window"
    if since or till:
        ends = f"from {asker.clock.text(since)}" if since else "", f"until {asker.clock.text(till)}" if till else ""
        base = " ".join(("values", *filter(None, ends)))
    center, sigma, span = (_parameter(asker, name) for name in ("center", "sigma", "span"))
    width = "a known standard deviation" if sigma is not None else f"the moving range of {count(span, 'value')}"
    middle = "" if center is None else f", around {number(center)}"
    at = f"at {number(float(_parameter(asker, 'nsigmas')))} sigma of {width}{middle}"
    drawn = "In a chart the dashed lines are the limits, and a diamond is a point that violates a rule."
    return f"{how}. Limits come from {base}, {at}. {drawn}"


def _summary(name: str, row: Row) -> list[str]:
    numbers = (row[key] for key in ("points", "center", "lcl", "ucl", "sigma", "signals"))
    return [name, *map(number, numbers)]


def named_tags(asker: Asker) -> list[Tag] | None:
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
        if name not in ("data_quality", "tool_wear")  # a tag with a tool's wear is charted too
        for found in tags_of_roles(catalog.load(name), tags, plant).values()
        for mine in found.values()
        for tag in mine
    }
    counters = tags_of_roles(catalog.load("oee"), tags, plant)["good"]
    counts = {_row_key(row): row["rows"] for row in asker.counts()}
    measured = {(row["server"], row["node_id"]) for row in asker.rows(_MEASURED, None)}
    return [tag for tag in tags if (tag.server, tag.node_id) in measured - played and _fits(tag, counters, counts)]


def _fits(tag: Tag, counters: Mapping[Any, Sequence[Tag]], counts: Mapping[Any, int]) -> bool:
    parts = sum(counts.get(_key(counter), 0) for counter in counters.get(tag[2:6], ()))
    values = counts.get(_key(tag), 0)
    return values >= 20 and 0.95 * parts <= values <= 1.2 * parts


def _row_key(row: Row) -> tuple[str | None, ...]:
    return row["site"], row["line"], row["machine"], row["tag"]


def _key(tag: Tag) -> tuple[str | None, ...]:
    return tag.site, tag.line, tag.machine, tag.tag


def thin(rows: pa.Table) -> list[Row]:
    """The least and the greatest value of each of `_POINTS` pieces, and what violates a rule; in order."""
    size = rows.num_rows
    found: list[Row]
    if size <= 2 * _POINTS:
        found = rows.to_pylist()
        return found
    value = pc.fill_null(rows["value"], np.nan).to_numpy()
    signals = np.flatnonzero(rows["violations"].is_valid().to_numpy())[:_SIGNALS]
    kept = {0, size - 1, *signals.tolist()}
    for piece in range(_POINTS):
        begin, end = piece * size // _POINTS, (piece + 1) * size // _POINTS
        known = np.isfinite(value[begin:end])
        if known.any():
            kept |= {begin + int(find(value[begin:end])) for find in (np.nanargmin, np.nanargmax)}
    found = rows.take(sorted(kept)).to_pylist()
    return found


def _point(asker: Asker, row: Row) -> dict[str, object]:
    lines = {key: row[key] for key in ("value", "center", "lcl", "ucl")}
    said = {"signal": row["violations"] or "", "text": number(row["value"]), "from": asker.clock.text(row["time"])}
    return lines | said | {"since": asker.clock.axis(row["time"]), "number": f"{row['point']:,}"}
