"""What a user asks of an analysis and what comes back, and the steps that every kind of analysis takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from omptool.analytics import catalog, held, unsaid
from omptool.analytics.numbering import finished
from omptool.analytics.periods import Cuts, cuts, shift_cuts
from omptool.analytics.recipe import Recipe
from omptool.errors import NotFound, UsageError
from omptool.model.plant import PlantModel
from omptool.model.shifts import Calendar
from omptool.model.times import format_time, unix_us
from omptool.sql.engine import Engine
from omptool.sql.views import identifier

_SEEING = ("timeline", "alarm_heard", "alarm_rows_seen")
"""Parts that say how much of a window was seen."""

INSTANT = timedelta(milliseconds=1)
"""How long the last value of a recording lasts (Part 13, 5.4.2.4): a window that ends there would not hold it."""

_MICROSECOND = timedelta(microseconds=1)
FIRST, FAR = datetime(1678, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
"""Earlier and later moments are no nanoseconds in 64 bits."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a user asks of an analysis.

    Attributes:
        start, end: the window [start, end); None is where the recording begins and ends.
        places, period, product: how rows are grouped; see `periods.parse_by`.
        zone: of days and hours.
        table: the plain table to analyse instead of telemetry.
        strangers: whether telemetry is there whose nodes are not in the view `nodes`, as from a Parquet file.
        annotated: whether there is a table `annotations`.
        noted: whether anybody reads notes on what was recorded; `ending`: also on where it ends.
        only: (server, node_id) of the Variables that may play the role `value`, and the others in their machines any
            other; without such a role those that may play any; None: all.
    """

    start: datetime | None = None
    end: datetime | None = None
    places: tuple[str, ...] = ("machine",)
    period: str | None = None
    product: bool = False
    zone: tzinfo = UTC
    maps: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    plant: PlantModel | None = None
    table: str | None = None
    strangers: bool = False
    annotated: bool = False
    noted: bool = True
    ending: bool = True
    only: frozenset[tuple[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """The rows, and what a person should know about them.

    Attributes:
        notes: what was left out or assumed.
        touched: a sentence when gaps or values that are not Good touch the result, else empty.
    """

    rows: pa.Table
    notes: tuple[str, ...]
    touched: str


def within_reach(request: Request) -> None:
    """Refuse moments that are no nanoseconds in 64 bits.

    Raises:
        UsageError: a start or an end before 1678 or after 2261.
    """
    for flag, at in (("start", request.start), ("end", request.end)):
        if at is not None and not FIRST <= at <= FAR:
            raise UsageError(
                f"--{flag} {format_time(unix_us(at))} is out of reach of 64-bit nanoseconds",
                f"from {FIRST:%Y-%m-%d} to {FAR:%Y-%m-%d}; without --{flag} the window is as long as the recording",
            )


def periods_of(request: Request, calendar: Calendar, start: datetime, end: datetime) -> Cuts:
    """Where the window is cut.

    Raises:
        UsageError: shifts that nobody knows, too many periods.
    """
    if request.period == "shift":
        return shift_cuts(start, end, calendar.shifts, request.zone)
    return Cuts(cuts(start, end, request.period, request.zone), [])


def with_shifts(rows: pa.Table, periods: Cuts, place: int) -> pa.Table:
    """Rows with the shift that each `start` begins as the column at `place`; as they are without shifts."""
    if not periods.names:
        return rows
    names = dict(zip(periods.starts, periods.names, strict=True))
    named = pa.array([names.get(moment) for moment in rows["start"].to_pylist()], pa.string())
    return rows.add_column(place, "shift", named)


def span_window(
    engine: Engine, request: Request, span: str, begin: Callable[[datetime], datetime] = lambda first: first
) -> tuple[datetime, datetime]:
    """The window; one that nobody gave holds the last value.

    Args:
        span: the statement that finds first, live and last.
        begin: where a window begins that nobody gave, by the first value.

    Raises:
        NotFound: there is nothing.
    """
    if request.start is not None and request.end is not None:
        return request.start, request.end
    found = engine.run(span).read_all()
    first, last = moment(found["live"]) or moment(found["first"]), moment(found["last"])
    if first is None or last is None:
        raise NotFound("the source has no values to analyse", "omptool info SOURCE says what it holds")
    beside(request, first, last)
    return request.start or begin(first), request.end or last + INSTANT


def beside(request: Request, first: datetime, last: datetime) -> None:
    """Refuse a window of which only one end was given, and that lies beside the recording.

    Args:
        first, last: of the recording.

    Raises:
        UsageError: it begins behind the end, or ends before the beginning.
    """
    recorded = f"recorded is {format_time(unix_us(first))} to {format_time(unix_us(last))}"
    hint = f"{recorded}: leave out --start and --end for all of it"
    if request.end is None and request.start is not None and request.start > last:
        raise UsageError(f"nothing was recorded from {format_time(unix_us(request.start))} on", hint)
    if request.start is None and request.end is not None and request.end <= first:
        raise UsageError(f"nothing was recorded before {format_time(unix_us(request.end))}", hint)


def moment(column: pa.ChunkedArray) -> datetime | None:
    """The only value; made aware without asking for zone data."""
    value = column.cast(pa.int64())[0].as_py()
    return None if value is None else datetime.fromtimestamp(0, UTC) + _MICROSECOND * value


def statement(
    recipe: Recipe, ctes: Sequence[str], keys: Sequence[str] | Mapping[str, str], order: Sequence[str]
) -> str:
    """The SQL of a recipe without a finishing step.

    Args:
        keys: columns of the result that stand before the recipe's own; with other names in it as name → shown name.
    """
    shown = keys if isinstance(keys, Mapping) else dict.fromkeys(keys)
    columns = [identifier(name) + (f" AS {identifier(as_)}" if as_ else "") for name, as_ in shown.items()]
    columns += [identifier(column.name) for column in recipe.columns]
    ordered = ", ".join(identifier(name) if name in keys else name for name in order)
    return "WITH " + ",\n".join(ctes) + f"\nSELECT {', '.join(columns)}\nFROM result\nORDER BY {ordered}"


def ask(engine: Engine, statement: str, values: Mapping[str, object]) -> pa.Table:
    """Run a statement with those values that it names."""
    return engine.run(statement, held.given(statement, values)).read_all()


def touched(rows: pa.Table, nothing: str, counted: str = "rows") -> str:
    """What gaps and values that are not Good did to rows, for people; empty: nothing.

    Args:
        nothing: what to say where there are no rows.
        counted: what rows are called.
    """
    if not rows.num_rows:
        return nothing
    unseen = pc.sum(pc.less(rows["coverage"], 1.0)).as_py() or 0
    poor = pc.sum(pc.less(rows["percent_good"], 100.0)).as_py() or 0
    if not unseen and not poor:
        return ""
    least, worst = pc.min(rows["coverage"]).as_py(), pc.min(rows["percent_good"]).as_py()
    parts = []
    if unseen:
        seen = f"coverage down to {_below(least, 1000)}"
        parts.append(f"{unseen} of {rows.num_rows} {counted} saw less than their whole window ({seen})")
    if poor:
        was_good = f"percent_good down to {_below(worst, 10)}"
        of_all = "" if unseen else f" of {rows.num_rows} {counted}"
        parts.append(f"{poor}{of_all} rest on values that were not all Good ({was_good})")
    return "; ".join(parts)


def _below(value: float, steps: int) -> float:
    """Cut, not rounded: what is not whole must not look so."""
    return int(value * steps) / steps


def framed(
    engine: Engine,
    recipe: Recipe,
    section: str,
    request: Request,
    values: Mapping[str, Any],
    periods: Cuts,
    said: tuple[Sequence[str], str],
    source: str | None = None,
) -> Analysis:
    """An analysis whose rows are for places and periods.

    Args:
        section: `telemetry` or `table`, whose CTE is `source`.
        values: what the SQL is given: parameters, and the CTEs of parts/window.sql.
        said: notes, and what to say where nothing was seen.
    """
    shown = [*request.places, *(["product"] if request.product else [])]
    keys = [*shown, "start", "end"]
    notes, nothing = said
    first = [source] if source else []
    with held.parts(engine, recipe, section, values) as (instead, more):
        ctes = [*first, *catalog.ctes(recipe, section, instead)]
        if recipe.finish:
            listed, order = ",\n".join(ctes), ", ".join(recipe.order)
            found = ask(engine, f"WITH {listed}\nSELECT * FROM result\nORDER BY {order}", {**values, **more})
            rows = finished(recipe, found, values, keys)
        else:
            rows = ask(engine, statement(recipe, ctes, keys, [*keys[:-1], *recipe.order]), {**values, **more})
        if section == "telemetry" and request.noted:
            heard = unsaid.notes(recipe, instead, values["roles"], lambda said: ask(engine, said, {**values, **more}))
            notes = (*notes, *heard)
        parts = recipe.parts if section == "telemetry" else recipe.table_parts
        seeing = [place for place, name in enumerate(parts) if name in _SEEING]
        sparse = bool(seeing) and _is_sparse(rows, request.places, values)
        seen = rows
        if sparse:  # hours without a stop have no row, and none may mean that nobody looked
            before = [*first, *(instead.get(name) or catalog.part(name) for name in parts[: seeing[0] + 1])]
            seen = ask(engine, "WITH " + ",\n".join(before) + "\nSELECT coverage, percent_good FROM seen", values)
    said_of = touched(seen, nothing, "windows, with and without rows," if sparse else "rows")
    return Analysis(with_shifts(rows, periods, len(shown)), tuple(notes), said_of)


def _is_sparse(rows: pa.Table, places: Sequence[str], values: Mapping[str, Any]) -> bool:
    """Whether a place has no row in a period."""
    there: int = rows.group_by([*places, "start"]).aggregate([]).num_rows
    whole: int = len(values["groups"]) * len(values["cuts"])
    return there < whole
