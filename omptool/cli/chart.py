"""`analyze --chart`: which picture a recipe has, and what of its rows goes into it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omptool.cli import chart_course, terminal
from omptool.cli.pictures.bars import bars
from omptool.cli.pictures.control import Series, control
from omptool.cli.pictures.glyphs import ASCII, Glyphs, choose
from omptool.cli.pictures.histogram import histogram
from omptool.cli.pictures.pareto import pareto
from omptool.cli.pictures.stack import stack
from omptool.cli.pictures.timeline import Piece, timeline

if TYPE_CHECKING:
    import pyarrow as pa

    from omptool.analytics.recipe import Recipe

_CHARTS = 8
"""Pictures one below the other; who wants more narrows it down."""

_WIDTH = 80
"""Of a picture where nobody says how wide the terminal is."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, as far as a picture shows it.

    Attributes:
        keys: columns of place and period that make up the name of a line; `places`: those of the place alone.
        lines: the points that a picture is drawn of, by row.
        parameters: as asked.
    """

    recipe: Recipe
    keys: Sequence[str]
    places: Sequence[str]
    zone: dt.tzinfo
    zone_name: str
    lines: chart_course.Lines = chart_course.no_lines
    parameters: Mapping[str, object] = field(default_factory=dict)


def draw(rows: pa.Table, asked: Asked) -> str:
    """The picture of a result, escaped, as wide as the terminal."""
    glyphs, cells = choose(), terminal.columns(_WIDTH)
    lines = list(_PICTURES[asked.recipe.picture](rows, asked, cells, glyphs)) or ["nothing to draw: no rows"]
    text = "".join(f"{line}\n" for line in lines).lstrip("\n")  # a plain table has no place for a heading
    return text.replace("…", "..").encode("ascii", "backslashreplace").decode() if glyphs is ASCII else text


def _bars(rows: pa.Table, asked: Asked, cells: int, glyphs: Glyphs) -> Iterator[str]:
    recipe = asked.recipe
    ratios = [column.name for column in recipe.columns if column.unit == "1"]
    own = {column.name for column in recipe.columns} - set(recipe.labels)
    dull = own | {"end"} if "start" in asked.keys else own | {"start", "end"}
    shown = [name for name in rows.schema.names if name in ratios or name not in dull]
    cut = [[_said(row[name], asked) for name in shown] for row in rows.to_pylist()]
    yield from bars(
        shown, set(ratios), cut, rows[recipe.chart].to_pylist(), chief=recipe.chart, cells=cells, glyphs=glyphs
    )


def _pareto(rows: pa.Table, asked: Asked, cells: int, glyphs: Glyphs) -> Iterator[str]:
    labels = [name for name in asked.recipe.labels if name in rows.schema.names and name != "rank"]
    for title, mine in _groups(rows, asked.keys, asked):
        yield title
        # what is the same in all lines tells none from another
        told = [name for name in labels if name == labels[-1] or len({row[name] for row in mine}) > 1]
        yield from pareto([("  ".join(str(row[name]) for name in told), row["share"] or 0.0, row["cumulative"] or 0.0)
                           for row in mine], cells=cells, glyphs=glyphs)  # fmt: skip


def _timeline(rows: pa.Table, asked: Asked, cells: int, glyphs: Glyphs) -> Iterator[str]:
    pieces = [
        Piece(_name(row, asked.places, asked), row["element"], row["since"], row["till"]) for row in rows.to_pylist()
    ]  # fmt: skip
    yield from timeline(pieces, asked.zone, asked.zone_name, cells=cells, glyphs=glyphs)


def _stack(rows: pa.Table, asked: Asked, cells: int, glyphs: Glyphs) -> Iterator[str]:
    parts = [
        (_name(row, asked.keys, asked), (row["energy_kwh"] or 0.0) - (row["idle_kwh"] or 0.0), row["idle_kwh"] or 0.0)
        for row in rows.to_pylist()
    ]
    if parts:
        yield from stack(parts, ("producing", "not producing"), "kWh", cells=cells, glyphs=glyphs)


def _control(rows: pa.Table, asked: Asked, cells: int, glyphs: Glyphs) -> Iterator[str]:
    for title, mine in _groups(rows, _of_chart(asked), asked):
        if not mine:
            yield title
        points = [row for row in mine if row["point"] is not None]
        note = next((row["note"] for row in mine if row["note"]), "")
        if note:
            yield f"! {terminal.escape(note)}"
        if points:
            yield from control(_series(title, points, asked), cells=cells, glyphs=glyphs)
            if "spread" in points[0]:
                yield from control(_spread(points, asked), cells=cells, glyphs=glyphs, rows=7)
    yield from _rules(rows)


def _rules(rows: pa.Table) -> Iterator[str]:
    """What the rules that are violated say."""
    from omptool.analytics.spc.rules import ALL

    columns = [rows[name].unique().to_pylist() for name in rows.schema.names if name.endswith("violations")]
    found = {word for texts in columns for text in texts for word in (text or "").split()}
    yield from (f"{name}: {rule.about}" for name, rule in ALL.items() if name in found)


def _series(title: str, rows: Sequence[Row], asked: Asked) -> Series:
    """The main chart: single values or means; of CUSUM both sums; of EWMA the average, and the values as dots."""
    first = rows[0]
    column = "ewma" if "ewma" in first else "cusum_pos" if "cusum_pos" in first else "value"
    others = [[-_number(row["cusum_neg"]) for row in rows]] if "cusum_neg" in first else []
    signals = [row["violations"] or "" for row in rows]
    center, lcl, ucl = ([_number(row[name]) for row in rows] for name in _LINES)
    values = [_number(row[column]) for row in rows]
    return Series(title, values, center, lcl, ucl, signals, _places(rows, asked), others)


_LINES = ("center", "lcl", "ucl")


def _spread(rows: Sequence[Row], asked: Asked) -> Series:
    center, lcl, ucl = ([_number(row[f"spread_{name}"]) for row in rows] for name in _LINES)
    signals = [row["spread_violations"] or "" for row in rows]
    return Series("spread", [_number(row["spread"]) for row in rows], center, lcl, ucl, signals, _places(rows, asked))


def _places(rows: Sequence[Row], asked: Asked) -> list[str]:
    """What a point is called: its time, else its label, else its number."""
    if rows[0]["time"] is None:
        return [terminal.escape(str(row["label"])) if row["label"] else f"#{row['point']}" for row in rows]
    times = [row["time"].astimezone(asked.zone) for row in rows]
    form = "%H:%M:%S" if times[0].date() == times[-1].date() else "%m-%d %H:%M"
    return [time.strftime(form) for time in times]


_LIMITS = {"lsl": "LSL", "target": "target", "usl": "USL"}
_INDICES = ("cp", "cpk", "pp", "ppk", "cpm")


def _histogram(rows: pa.Table, asked: Asked, cells: int, glyphs: Glyphs) -> Iterator[str]:
    for title, mine in _groups(rows, _of_chart(asked), asked):
        if not mine:
            yield title
            continue
        row = mine[0]
        limits = {word: row[name] for name, word in _LIMITS.items() if row[name] is not None}
        known = [name for name in _INDICES if row[name] is not None]
        indices = "  ".join(f"{name} {row[name]:.2f}" for name in known)
        heading = "  ".join(filter(None, (title, indices)))
        yield from histogram(heading, asked.lines(row).values, limits, cells=cells, glyphs=glyphs)


def _drift(rows: pa.Table, asked: Asked, cells: int, glyphs: Glyphs) -> Iterator[str]:
    for title, mine in _groups(rows, _of_chart(asked), asked):
        yield from chart_course.drift(title, mine[0], _shown(asked, cells, glyphs)) if mine else [title]


def _wear(rows: pa.Table, asked: Asked, cells: int, glyphs: Glyphs) -> Iterator[str]:
    for title, mine in _groups(rows, _of_chart(asked), asked):
        yield from chart_course.wear(title, mine, _shown(asked, cells, glyphs)) if mine else [title]


def _shown(asked: Asked, cells: int, glyphs: Glyphs) -> chart_course.Shown:
    limit = asked.parameters.get("limit")
    known = float(limit) if isinstance(limit, (int, float)) else None
    return chart_course.Shown(asked.lines, asked.zone, asked.zone_name, known, cells, glyphs)


def _of_chart(asked: Asked) -> list[str]:
    """Columns that say which chart of which Variable it is, in which period."""
    return [*asked.places, "tag", *(key for key in asked.keys if key not in asked.places)]


def _groups(rows: pa.Table, keys: Sequence[str], asked: Asked) -> Iterator[tuple[str, list[Row]]]:
    """Rows that belong to one picture, with its title; behind the first ones only how many are left out."""
    found: dict[str, list[Row]] = {}
    for row in rows.to_pylist():
        found.setdefault(_name(row, keys, asked), []).append(row)
    yield from list(found.items())[:_CHARTS]
    if len(found) > _CHARTS:
        yield f"{len(found) - _CHARTS:,} more are not drawn: name fewer with --map or --by", []


def _name(row: Row, keys: Sequence[str], asked: Asked) -> str:
    texts = [row[key] for key in keys if key in row and row[key] is not None]
    return terminal.escape("  ".join(str(_said(text, asked)) for text in texts))


def _said(value: object, asked: Asked) -> object:
    """A moment as the clocks of the plant say it; anything else as it is."""
    if isinstance(value, dt.datetime):
        return f"{value.astimezone(asked.zone):%Y-%m-%d %H:%M} {asked.zone_name}"
    return value


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


_PICTURES: dict[str, Callable[[Any, Asked, int, Glyphs], Iterator[str]]] = {
    "bars": _bars, "pareto": _pareto, "timeline": _timeline, "stack": _stack, "control": _control,
    "histogram": _histogram, "drift": _drift, "wear": _wear,
}  # fmt: skip
