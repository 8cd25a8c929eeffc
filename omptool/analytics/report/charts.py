"""Charts of results, in Vega-Lite. Pure: values in, a specification with them out.

Colours are names of the page's style sheet, so that one chart serves light, dark and print. Field names are ours alone:
what a machine says is only ever a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omptool.analytics.report.content import Spec

Value = Mapping[str, Any]

ELEMENTS = {
    "APT": ("Production", "var(--good)"),
    "AUST": ("Setup", "var(--blue)"),
    "ADOT": ("Waiting, stopped", "var(--amber)"),
    "ADET": ("Fault", "var(--bad)"),
    "NOT_PLANNED": ("Not planned", "var(--quiet)"),
    "UNASSIGNED": ("Unknown", "var(--gap)"),
}
"""Time elements of ISO 22400 in words, with their colours."""

FACTORS = {
    "availability": ("Availability", "triangle-right", "var(--blue)"),
    "effectiveness": ("Effectiveness", "diamond", "var(--amber)"),
    "quality_ratio": ("Quality", "circle", "var(--good)"),
}

CONFIG: Spec = {
    "background": "transparent",
    "font": "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--dim)", "titleColor": "var(--dim)", "gridColor": "var(--line)",
        "domainColor": "var(--line)", "tickColor": "var(--line)", "labelFontSize": 12, "titleFontSize": 12,
        "titleFontWeight": "normal", "labelLimit": {"expr": "clamp(0.42 * containerSize()[0], 110, 220)"},
    },
    "axisY": {"domain": False, "ticks": False, "labelPadding": 6},
    "legend": {
        "orient": "top", "title": None, "labelColor": "var(--dim)", "labelFontSize": 12, "symbolType": "square",
        "columnPadding": 14, "offset": 8, "columns": {"expr": "width < 420 ? 2 : 6"},
    },
    "bar": {"discreteBandSize": 16},
}  # fmt: skip
_ROW = 28
"""Height of a row of a chart."""

_CLOCK = (
    "utchours(datum.value) + utcminutes(datum.value) + utcseconds(datum.value) > 0"
    " ? utcFormat(datum.value, utcseconds(datum.value) > 0 ? '%H:%M:%S' : '%H:%M') : utcFormat(datum.value, '%d %b')"
)
"""The time of the day; at midnight the date."""

_ZOOM = {
    "name": "zoom",
    "select": {"type": "interval", "encodings": ["x"], "zoom": "wheel![event.ctrlKey || event.shiftKey]"},
    "bind": "scales",
}
_SHARE_AXIS = {
    "format": ".0%", "tickCount": {"expr": "width < 300 ? 2 : 5"}, "title": None, "labelOverlap": True,
}  # fmt: skip


def oee(rows: Sequence[Value]) -> Spec:
    """A bar per `name` for `oee`, a mark for each factor; shares of 1."""
    names = [row["name"] for row in rows]
    marks = [
        {"name": row["name"], "factor": words, "value": row[key]}
        for row in rows
        for key, (words, _, _) in FACTORS.items()
        if row[key] is not None
    ]
    most = max([1.0, *(mark["value"] for mark in marks), *(row["oee"] or 0 for row in rows)])
    words, shapes, colours = zip(*FACTORS.values(), strict=True)
    axis = {"scale": {"domain": [0, most]}, "axis": _SHARE_AXIS}
    factors = [_tip(key, title, ".1%") for key, (title, _, _) in FACTORS.items()]
    bars = {
        "data": {"values": list(rows)},
        "mark": {"type": "bar", "color": "var(--accent)", "cornerRadiusEnd": 2},
        "encoding": {
            "y": _rows_of(names),
            "x": {"field": "oee", "type": "quantitative", **axis},
            "tooltip": [_tip("name"), _tip("oee", "OEE", ".1%"), *factors, _tip("coverage", "Coverage", ".1%")],
        },
    }
    points = {
        "data": {"values": marks},
        "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1, "stroke": "var(--paper)"},
        "encoding": {
            "y": _rows_of(names),
            "x": {"field": "value", "type": "quantitative", **axis},
            "color": {"field": "factor", "type": "nominal", "scale": {"domain": words, "range": colours}},
            "shape": {"field": "factor", "type": "nominal", "scale": {"domain": words, "range": shapes}},
            "tooltip": [_tip("name"), _tip("factor", "Factor"), _tip("value", "Share", ".1%")],
        },
    }
    return _spec(len(names), layer=[bars, points])


def grid(rows: Sequence[Value], names: Sequence[str], label: str) -> Spec:
    """A cell per `name` and stretch of time (`since`, `till`), the darker the greater `share`."""
    legend = {"format": ".0%", "values": [0.25, 0.5, 0.75, 1], "symbolFillColor": "var(--accent)"}
    encoding = {
        "y": _rows_of(names),
        "x": _time(),
        "x2": {"field": "till"},
        "opacity": {
            "field": "share", "type": "quantitative", "legend": legend,
            "scale": {"domain": [0, 1], "range": [0.06, 1], "clamp": True},
        },
        "tooltip": [_tip("name"), _tip("from", "From"), _tip("to", "To"), _tip("share", label, ".1%")],
    }  # fmt: skip
    mark = {"type": "bar", "color": "var(--accent)", "height": {"band": 0.86}}
    return _spec(len(names), rows, mark=mark, encoding=encoding)


def pareto(rows: Sequence[Value]) -> Spec:
    """A bar per `reason` for its `share`, and the `cumulative` share as a line."""
    tips = [
        _tip("reason"), _tip("number", "Number"), _tip("time", "Time"), _tip("share", "Share", ".1%"),
        _tip("cumulative", "Cumulative", ".1%"),
    ]  # fmt: skip
    y = _rows_of([row["reason"] for row in rows], "reason")
    x = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": _SHARE_AXIS}
    ink = "var(--ink)"
    bars = {
        "mark": {"type": "bar", "color": "var(--accent)", "cornerRadiusEnd": 2},
        "encoding": {"x": {"field": "share", **x}},
    }
    line = {
        "mark": {"type": "line", "color": ink, "strokeWidth": 1.5, "point": {"color": ink, "size": 36}},
        "encoding": {"x": {"field": "cumulative", **x}, "order": {"field": "cumulative", "type": "quantitative"}},
    }
    return _spec(len(rows), rows, encoding={"y": y, "tooltip": tips}, layer=[bars, line])


def timeline(rows: Sequence[Value], names: Sequence[str]) -> Spec:
    """Per `name` its `state` from `since` to `till`, in the colour of its `element`."""
    encoding = {
        "y": _rows_of(names),
        "x": _time(),
        "x2": {"field": "till"},
        "color": _kinds("element", dict(ELEMENTS.values())),
        "tooltip": [
            _tip("name"), _tip("state", "State"), _tip("element", "Counts as"), _tip("from", "From"), _tip("to", "To"),
            _tip("lasted", "Lasted"), _tip("merged", "Holds"),
        ],
    }  # fmt: skip
    mark = {"type": "bar", "clip": True, "height": {"band": 0.72}}
    return _spec(len(names), rows, params=[_ZOOM], mark=mark, encoding=encoding)


def spans(rows: Sequence[Value], window: tuple[int, int]) -> Spec:
    """Per `name` the stretches in which values may be missing, on the whole window."""
    names = list(dict.fromkeys(row["name"] for row in rows))
    edges = [{"name": names[0], "since": edge} for edge in window]
    ends = {"data": {"values": edges}, "mark": {"type": "rule", "opacity": 0}, "encoding": {"x": _time()}}
    tips = [
        _tip("name"), _tip("reason", "Reason"), _tip("state", "State"), _tip("from", "From"), _tip("to", "To"),
    ]  # fmt: skip
    bars = {
        "data": {"values": list(rows)}, "params": [_ZOOM],
        # the line around it shows a gap that is shorter than a dot
        "mark": {"type": "bar", "clip": True, "color": "var(--bad)", "stroke": "var(--bad)", "strokeWidth": 2},
        "encoding": {"y": _rows_of(names), "x": _time(), "x2": {"field": "till"}, "tooltip": tips},
    }  # fmt: skip
    return _spec(len(names), layer=[ends, bars])


def shares(rows: Sequence[Value], label: str) -> Spec:
    """A bar per `name` for a `share` that should be 1, in the colour of its `grade`."""
    grades = {"good": "var(--good)", "poor": "var(--amber)", "bad": "var(--bad)"}
    encoding = {
        "y": _rows_of([row["name"] for row in rows]),
        "x": {"field": "share", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": _SHARE_AXIS},
        "color": _kinds("grade", grades) | {"legend": None},
        "tooltip": [_tip("name"), _tip("share", label, ".2%")],
    }
    return _spec(len(rows), rows, mark={"type": "bar", "cornerRadiusEnd": 2}, encoding=encoding)


def stack(rows: Sequence[Value], names: Sequence[str], kinds: Mapping[str, str], unit: str) -> Spec:
    """Per `name` an `amount` of each `kind`, one behind the other."""
    encoding = {
        "y": _rows_of(names),
        "x": {"field": "amount", "type": "quantitative", "axis": {"title": unit, "tickCount": 5}},
        "color": _kinds("kind", kinds),
        "order": {"field": "rank", "type": "quantitative"},
        "tooltip": [_tip("name"), _tip("kind", "Kind"), _tip("text", "Amount")],
    }
    return _spec(len(names), rows, mark={"type": "bar"}, encoding=encoding)


def columns(rows: Sequence[Value], kinds: Mapping[str, str], unit: str) -> Spec:
    """Over time boxes from `since` to `till` and from `low` to `high`, in the colour of their `kind`."""
    encoding = {
        "x": _time(),
        "x2": {"field": "till"},
        "y": {"field": "low", "type": "quantitative", "axis": {"title": unit, "tickCount": 5}},
        "y2": {"field": "high"},
        "color": _kinds("kind", kinds),
        "tooltip": [_tip("kind", " "), _tip("from", "From"), _tip("to", "To"), _tip("text", "Amount")],
    }
    mark = {"type": "rect", "stroke": "var(--paper)", "strokeWidth": 1}
    return _spec(0, rows, height=220, mark=mark, encoding=encoding)


def control(rows: Sequence[Value]) -> Spec:
    """Values over time with center and limits, which may differ from point to point; what violates a rule is marked."""
    tips = [
        _tip("text", " "), _tip("from", "At"), _tip("number", "Point"), _tip("signal", "Violates"),
    ]  # fmt: skip
    limit = {"type": "line", "interpolate": "step-after", "strokeWidth": 1, "color": "var(--bad)", "strokeDash": [5, 3]}
    solid = {"color": "var(--dim)", "strokeDash": [1, 0]}
    lines = [
        {"mark": limit | (solid if name == "center" else {}), "encoding": {"y": _level(name)}}
        for name in ("center", "lcl", "ucl")
    ]
    values = {
        "mark": {"type": "line", "color": "var(--accent)", "strokeWidth": 1, "clip": True},
        "encoding": {"y": _level("value")},
    }
    dots = {
        "params": [_ZOOM],
        "mark": {"type": "point", "filled": True, "opacity": 1, "clip": True},
        "encoding": {
            "y": _level("value"),
            "color": _either("var(--bad)", "var(--accent)"),
            "size": _either(44, 10),
            "shape": _either("diamond", "circle"),
            "tooltip": tips,
        },
    }
    return _spec(0, rows, height=190, encoding={"x": _time()}, layer=[*lines, values, dots])


def course(
    rows: Sequence[Value],
    kinds: Mapping[str, str],
    *,
    levels: Sequence[tuple[str, float]],
    lines: Sequence[tuple[str, Sequence[tuple[int, float]]]],
    marks: Sequence[tuple[int, str]],
) -> Spec:
    """Values over time with levels across, straight lines, and moments that are marked.

    Args:
        kinds: what a line is, in words, with its colour; the first is that of the values.
    """
    there = [next(iter(kinds)), *(kind for kind in kinds if kind in {kind for kind, _ in (*levels, *lines)})]
    scale = {"domain": there, "range": [kinds[kind] for kind in there]}

    def coloured(kind: str) -> dict[str, Any]:
        return {"color": {"datum": kind, "type": "nominal", "scale": scale}}

    tips = [_tip("text", " "), _tip("from", "At"), _tip("number", "Point")]
    edges = (rows[0]["since"], rows[-1]["since"])
    straight: list[tuple[str, Sequence[tuple[int, float]], int]] = [
        (kind, [(edge, level) for edge in edges], 1) for kind, level in levels
    ]
    straight += [(kind, ends, 2) for kind, ends in lines]
    drawn = [
        {
            "data": {"values": [{"since": since, "value": value} for since, value in ends]},
            "mark": {"type": "line", "strokeWidth": wide, "clip": True, "strokeDash": [5, 3] if wide == 1 else [1, 0]},
            "encoding": {"y": _level("value"), **coloured(kind)},
        }
        for kind, ends, wide in straight
    ]
    values = {
        "params": [_ZOOM],
        "mark": {"type": "line", "strokeWidth": 1, "clip": True, "point": {"size": 12}},
        "encoding": {"y": _level("value"), "tooltip": tips, **coloured(there[0])},
    }
    return _spec(0, rows, height=190, encoding={"x": _time()}, layer=[values, *drawn, *_marked(marks, edges)])


_LANES = 3
"""Lines of words above a chart."""


_HALO = {"color": "var(--paper)", "stroke": "var(--paper)", "strokeWidth": 4, "strokeJoin": "round"}
"""Around words that stand on lines."""


def _marked(marks: Sequence[tuple[int, str]], edges: tuple[int, int]) -> list[Spec]:
    """A vertical line per moment, with its words beside it, in lanes so that neighbours do not cover each other."""
    found: list[Spec] = []
    middle = sum(edges) / 2
    for number, (since, word) in enumerate(marks):
        late = since > middle
        at = {"data": {"values": [{"since": since, "word": word}]}}
        line = {"type": "rule", "color": "var(--ink)", "strokeDash": [2, 3], "clip": True}
        text = {"type": "text", "align": "right" if late else "left", "dx": -4 if late else 4, "clip": True}
        lane = {"text": {"field": "word"}, "y": {"value": 8 + 15 * (number % _LANES)}}
        found.append(at | {"mark": line, "encoding": {}})
        found += [at | {"mark": text | ink, "encoding": lane} for ink in (_HALO, {"color": "var(--ink)"})]
    return found


def _level(field: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "scale": {"zero": False}, "axis": {"title": None, "tickCount": 5}}


def _either(signal: object, other: object) -> Spec:
    return {"condition": {"test": "datum.signal != ''", "value": signal}, "value": other}


def _rows_of(names: Sequence[str], field: str = "name") -> dict[str, Any]:
    return {"field": field, "type": "nominal", "sort": list(names), "title": None}


def _kinds(field: str, colours: Mapping[str, str]) -> dict[str, Any]:
    scale = {"domain": list(colours), "range": list(colours.values())}
    return {"field": field, "type": "nominal", "scale": scale}


def _time() -> dict[str, Any]:
    count = {"expr": "max(3, floor(width / 110))"}
    axis = {"title": None, "labelOverlap": True, "tickCount": count, "labelExpr": _CLOCK}
    return {"field": "since", "type": "temporal", "scale": {"type": "utc", "nice": False}, "axis": axis}


def _tip(field: str, title: str = " ", format: str = "") -> Spec:
    kind = "quantitative" if format else "nominal"
    return {"field": field, "type": kind, "title": title} | ({"format": format} if format else {})


def _spec(rows: int, values: Sequence[Value] = (), **more: Any) -> Spec:
    """A chart with room for a number of rows."""
    data = {"data": {"values": list(values)}} if values else {}
    size = {"width": "container", "height": rows * _ROW, "autosize": {"type": "fit-x", "contains": "padding"}}
    return size | data | more
