"""Sections about what creeps: drift of the charted tags, wear of tools. Pure but for asking."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from omptool.analytics import catalog
from omptool.analytics.binding import Tag, tags_of_roles
from omptool.analytics.report import charts
from omptool.analytics.report.asker import Asker
from omptool.analytics.report.content import Figure, Section, Spec
from omptool.analytics.report.control import charted
from omptool.analytics.report.shaping import PLACES, Row, named, table
from omptool.analytics.report.words import count, number

_PIECES = 300
"""Pieces of a chart's line; each has room for its least and its greatest value."""
_CHARTS = 6
_EVERY_TAG = {"value": "**"}
_LINES = {"Values": "var(--accent)", "Baseline": "var(--dim)", "Trend": "var(--amber)"}
_WEAR_LINES = {"Values": "var(--accent)", "Line of the tool": "var(--amber)", "Limit": "var(--bad)"}

Points = dict[tuple[Any, ...], list[Row]]


def drift(asker: Asker) -> Section | None:
    """Whether the tags of the control charts leave what they were."""
    tags = charted(asker)
    if not tags:
        return None  # the control charts say why
    rows, points = _asked(asker, "drift", tags)
    if not rows:
        return None
    leaving = [row for row in rows if row["ewma_signal"] or row["cusum_signal"]]
    trends = [row for row in rows if row["trend"]]
    lead = (
        f"{count(len(leaving), 'tag')} of {len(rows):,} left the mean of the first quarter; "
        f"{count(len(trends), 'tag has', 'tags have')} a trend."
    )
    how = (
        "A point is the mean of five minutes, or of what --param every says. EWMA and CUSUM say when the points "
        "left the baseline, the first quarter of the window; the slope is that of all points (Theil-Sen)."
    )
    command = asker.command("drift", "--map", "value=TAG")
    return Section(
        "drift", "Drift", lead=[lead, how], grade="poor" if leaving else "good",
        notes=[f"{row['chart']}: {row['note']}" for row in rows if row["note"]],
        figures=[
            Figure(row["chart"], f"Points of {row['chart']} with baseline and trend: {_said(row)}.",
                   _course(asker, row, points[_key(row)]), True)
            for row in rows if points.get(_key(row))
        ],
        tables=[table("Drift", _DRIFT, [_cells(asker, row) for row in rows], command)],
    )  # fmt: skip


_DRIFT = {
    "Chart": False, "Points": True, "Baseline": True, "Mean behind it": True, "Slope": True, "Between": True,
    "Trend": False, "EWMA": False, "CUSUM": False, "Began": False,
}  # fmt: skip


def _said(row: Row) -> str:
    return f"trend {row['trend']}" if row["trend"] else "no trend"


def _asked(asker: Asker, name: str, tags: Sequence[Tag]) -> tuple[list[dict[str, Any]], Points]:
    """Rows of an analysis with the name of their chart, and the points behind each."""
    only = frozenset((tag.server, tag.node_id) for tag in tags)
    rows = named(asker.run(name, places=PLACES, maps=_EVERY_TAG, only=only).rows.to_pylist())
    for row in rows:
        row["chart"] = f"{row['name']}: {row['tag']}"
    points: Points = {}
    for point in asker.run(name, places=PLACES, maps=_EVERY_TAG, only=only, pieces=_PIECES).rows.to_pylist():
        points.setdefault(_key(point), []).append(point)
    return rows, points


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in (*PLACES, "tag"))


def _point(asker: Asker, row: Row) -> dict[str, Any]:
    return {
        "since": asker.clock.axis(row["time"]), "value": row["value"], "text": number(row["value"]),
        "from": asker.clock.text(row["time"]), "number": f"{row['point']:,}",
    }  # fmt: skip


def _course(asker: Asker, row: Row, mine: Sequence[Row]) -> Spec:
    """Points with their baseline, their trend, and when charts said that they left it."""
    first, last = mine[0]["time"], mine[-1]["time"]
    level = [] if row["baseline_mean"] is None else [("Baseline", row["baseline_mean"])]
    lines = []
    if row["trend"]:
        unit = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}[row["per"]]
        at = {id(point): (point["time"] - first).total_seconds() / unit for point in mine}
        base = median(point["value"] - row["slope"] * at[id(point)] for point in mine)
        ends = [(first, base), (last, base + row["slope"] * (last - first).total_seconds() / unit)]
        lines = [("Trend", [(asker.clock.axis(moment), value) for moment, value in ends])]
    told = (("began_at", "drift began"), ("ewma_at", "EWMA"), ("cusum_at", "CUSUM"))
    marks = [(asker.clock.axis(row[name]), words) for name, words in told if row[name] is not None]
    shown = [_point(asker, one) for one in mine]
    return charts.course(shown, _LINES, levels=level, lines=lines, marks=marks)


def _cells(asker: Asker, row: Row) -> list[str]:
    per = f"per {row['per']}"
    between = "–" if row["slope_low"] is None else f"{number(row['slope_low'])} to {number(row['slope_high'])}"
    signals = [
        f"{row[f'{name}_signal']}, {asker.clock.text(row[f'{name}_at'], seconds=False)}"
        if row[f"{name}_signal"]
        else "–"
        for name in ("ewma", "cusum")
    ]
    return [
        row["chart"], number(row["points"]), number(row["baseline_mean"]), number(row["mean"]),
        number(row["slope"], per), between, row["trend"] or "–", *signals,
        asker.clock.text(row["began_at"], seconds=False),
    ]  # fmt: skip


def wear(asker: Asker) -> Section | None:
    """Tools: when each was changed, how it wore, what is left of the last one."""
    mine = tags_of_roles(catalog.load("tool_wear"), asker.tags(), {})["value"]
    tags = [tag for found in mine.values() for tag in found]
    if not tags:
        return None
    rows, points = _asked(asker, "tool_wear", tags[:_CHARTS])
    if not rows:
        return None
    tools: dict[str, list[Row]] = {}
    for row in rows:
        tools.setdefault(row["chart"], []).append(row)
    command = asker.command("tool_wear")
    notes = [f"{row['chart']}: {row['note']}" for row in rows if row["note"]]
    if len(tags) > _CHARTS:
        notes.append(f"These are {_CHARTS} of {count(len(tags), 'tag')}; all: {command}")
    limit = asker.request.parameters.get("limit")
    levels = [("Limit", float(limit))] if isinstance(limit, (int, float)) else []
    if not levels:
        notes.append("Where wear ends nobody has said: --param limit=VALUE tells how much is left of each tool.")
    changed = sum(len(each) - 1 for each in tools.values())
    lead = f"{count(changed, 'tool change')} on {count(len(tools), 'tag')}."
    return Section(
        "wear", "Tool wear", lead=[lead, _HOW], notes=notes,
        figures=[
            Figure(name, f"Values of {name} over {count(len(each), 'tool')}.", charts.course(
                [_point(asker, one) for one in points[_key(each[0])]], _WEAR_LINES, levels=levels,
                lines=[line for row in each if (line := _line(asker, row))],
                marks=[(asker.clock.axis(row["began_at"]), f"tool {row['tool']}") for row in each],
            ), True)
            for name, each in tools.items() if points.get(_key(each[0]))
        ],
        tables=[table("Tools", _TOOLS, [_tool(asker, row) for row in rows], command)],
    )  # fmt: skip


_HOW = "A tool begins where the value falls back; its line is through all its values."
_TOOLS = {
    "Chart": False, "Tool": True, "Label": False, "From": False, "To": False, "Values": True, "First": True,
    "Last": True, "Per hour": True, "Values left": True,
}  # fmt: skip


def _line(asker: Asker, row: Row) -> tuple[str, list[tuple[int, float]]] | None:
    """The line through a tool's values, where it is no level one."""
    low, high = row["wear_low"], row["wear_high"]
    if low is None or high is None or low * high <= 0:
        return None
    ends = ((row["began_at"], row["first"]), (row["ended_at"], row["last"]))
    return "Line of the tool", [(asker.clock.axis(moment), value) for moment, value in ends]


def _tool(asker: Asker, row: Row) -> list[str]:
    left = number(row["remaining"])
    if row["remaining_low"] is not None and row["remaining_high"] is not None:
        left += f" ({number(row['remaining_low'])} to {number(row['remaining_high'])})"
    return [
        row["chart"], str(row["tool"]), row["label"] or "–", asker.clock.text(row["began_at"], seconds=False),
        asker.clock.text(row["ended_at"], seconds=False), number(row["values"]), number(row["first"]),
        number(row["last"]), number(row["wear_per_h"]), left,
    ]  # fmt: skip
