"""Pictures of values over time: what drifts and what wears. From the rows of a result and the points behind them."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omptool.cli import terminal
from omptool.cli.pictures.course import Course, Slant, course
from omptool.cli.pictures.glyphs import Glyphs
from omptool.cli.pictures.plot import short

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]

_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_TOOLS = 6
"""Tools that have a line of words; the others are drawn."""
_PLACES = ("site", "area", "line", "machine", "tag")


@dataclass(frozen=True, slots=True)
class Line:
    """The points of one Variable; `at` are unix seconds, or their numbers where there are no times."""

    at: Sequence[float]
    values: Sequence[float]
    is_timed: bool


_EMPTY = Line((), (), False)
Lines = Callable[[Row], Line]
"""From a row of a result to the points that it is about."""


def no_lines(_: Row) -> Line:
    """Where a picture needs none."""
    return _EMPTY


def lines_of(points: pa.Table | None) -> Lines:
    """The points by Variable, from the rows of `analytics.behind`."""
    if points is None:
        return no_lines
    import pyarrow as pa

    microseconds = points["time"].cast(pa.int64())
    timed = microseconds.null_count == 0
    names = [name for name in (*_PLACES, "start") if name in points.schema.names]
    places = [points[name].to_pylist() for name in names]
    at = [each * 1e-6 for each in microseconds.to_pylist()] if timed else points["point"].to_pylist()
    found: dict[tuple[object, ...], tuple[list[float], list[float]]] = {}
    keys = zip(*places, strict=True) if places else [()] * len(points)
    for key, place, value in zip(keys, at, points["value"].to_pylist(), strict=True):
        mine = found.setdefault(key, ([], []))
        mine[0].append(place)
        mine[1].append(value)
    known = {key: Line(*mine, timed) for key, mine in found.items()}
    return lambda row: known.get(tuple(row.get(name) for name in names), _EMPTY)


@dataclass(frozen=True, slots=True)
class Shown:
    """What all courses of a result have in common."""

    lines: Lines
    zone: dt.tzinfo
    zone_name: str
    limit: float | None
    cells: int
    glyphs: Glyphs


def drift(title: str, row: Row, shown: Shown) -> Iterator[str]:
    """One Variable: its points, the mean of the baseline, the slope, where charts say that it has left."""
    line = shown.lines(row)
    said = _slope(row)
    marks = _marks(row, line)
    yield from course(
        Course(
            "  ".join(filter(None, (title, said))), line.at, line.values, _axis(line, shown),
            levels=[] if row["baseline_mean"] is None else [("baseline", row["baseline_mean"])],
            slants=_trend(row, line), marks=[(place, letter) for place, letter, _ in marks],
        ),
        cells=shown.cells, glyphs=shown.glyphs,
    )  # fmt: skip
    for place, letter, words in marks:
        yield f"  {letter:<6} {_moment(place, line, shown)}  {words}"
    if not marks and row["baseline_sd"]:
        yield "  neither EWMA nor CUSUM say that it has left the mean of its baseline"
    if row["note"]:
        yield f"! {terminal.escape(row['note'])}"


def _slope(row: Row) -> str:
    if row["slope"] is None:
        return ""
    per = f"{row['slope']:+.4g} per {row['per']}"
    if row["slope_low"] is None:
        return per
    per += f" ({row['slope_low']:.4g} to {row['slope_high']:.4g})"
    return per if row["trend"] else f"{per}: no trend"


def _marks(row: Row, line: Line) -> list[tuple[float, str, str]]:
    """Place on the axis, letter, and what it says."""
    told = (
        ("began", "began", "where the drift began, as CUSUM has it"),
        ("EWMA", "ewma", f"beyond the limits of EWMA, {row['ewma_signal']}"),
        ("CUSUM", "cusum", f"beyond the limit of CUSUM, {row['cusum_signal']}"),
    )
    found = []
    for word, name, words in told:
        if (point := row[f"{name}_point"]) is not None and point <= len(line.at):
            found.append((line.at[point - 1], f"^{word}", words))
    return found


def _trend(row: Row, line: Line) -> list[Slant]:
    """At the median of what the slope leaves; nothing where there is no trend."""
    import statistics

    if not row["trend"] or not line.values:
        return []
    slope = row["slope"] / (_SECONDS.get(row["per"], 1.0) if line.is_timed else 1.0)
    first, last = line.at[0], line.at[-1]
    level = statistics.median(value - slope * (at - first) for at, value in zip(line.at, line.values, strict=True))
    return [(first, level, last, level + slope * (last - first))]


def wear(title: str, rows: Sequence[Row], shown: Shown) -> Iterator[str]:
    """One Variable: its values, a cut at every change of the tool, the limit, and a line of words per tool."""
    line = shown.lines(rows[0])
    begins = [_begin(row, rows[:number], line) for number, row in enumerate(rows)]
    cuts = [place for place in begins[1:] if place is not None]
    limits = [] if shown.limit is None else [("limit", shown.limit)]
    slants = [
        (place, row["first"], end, row["last"])
        for place, end, row in zip(begins, [*begins[1:], line.at[-1] if line.at else None], rows, strict=True)
        if place is not None and end is not None and _wears(row)
    ]
    names = [(place, f"^{row['tool']}") for place, row in zip(begins, rows, strict=True) if place is not None]
    yield from course(Course(title, line.at, line.values, _axis(line, shown), levels=limits, cuts=cuts, marks=names,
                             slants=slants),
                      cells=shown.cells, glyphs=shown.glyphs)  # fmt: skip
    if len(rows) > _TOOLS:
        yield f"  {len(rows) - _TOOLS:,} earlier tools, then:"
    for row in rows[-_TOOLS:]:
        yield from textwrap.wrap(_tool(row), shown.cells - 2, initial_indent="  ", subsequent_indent="    ")
    for note in dict.fromkeys(row["note"] for row in rows if row["note"]):
        yield f"! {terminal.escape(note)}"


def _wears(row: Row) -> bool:
    """Whether the line through a tool's values is no level one."""
    low, high = row["wear_low"], row["wear_high"]
    return low is not None and high is not None and low * high > 0


def _begin(row: Row, before: Sequence[Row], line: Line) -> float | None:
    """Where a tool begins: its time, else behind all values of those before it."""
    if line.is_timed:
        return None if row["began_at"] is None else float(row["began_at"].timestamp())
    return 1.0 + float(sum(each["values"] for each in before))


def _tool(row: Row) -> str:
    label = f" {row['label']}" if row["label"] else ""
    how = "" if row["change"] == "start" else f", changed ({row['change']})"
    parts = [f"tool {row['tool']}{label}{how}: {row['values']:,} values, {short(row['first'])} to {short(row['last'])}"]
    if row["wear_per_h"] is not None:
        parts.append(f"{row['wear_per_h']:+.3g} per hour")
    if row["remaining"] is not None:
        span = f" ({row['remaining_low']:,.0f} to {_most(row['remaining_high'])})" if row["remaining_low"] else ""
        parts.append(f"{row['remaining']:,.0f} values left{span}")
    return terminal.escape("; ".join(parts))


def _most(value: float | None) -> str:
    return "no end" if value is None else f"{value:,.0f}"


def _axis(line: Line, shown: Shown) -> tuple[str, str]:
    if not line.at:
        return "", ""
    ends = _moment(line.at[0], line, shown), _moment(line.at[-1], line, shown)
    return ends if not line.is_timed else (ends[0], f"{ends[1]} {shown.zone_name}")


def _moment(place: float, line: Line, shown: Shown) -> str:
    if not line.is_timed:
        return f"#{place:.0f}"
    first, last = (dt.datetime.fromtimestamp(at, shown.zone) for at in (line.at[0], line.at[-1]))
    form = "%H:%M" if first.date() == last.date() else "%m-%d %H:%M"
    return dt.datetime.fromtimestamp(place, shown.zone).strftime(form)
