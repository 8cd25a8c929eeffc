"""Run an analysis: find the tags of its roles, resolve the window, ask the engine. Knows only the `Engine` protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from omptool.analytics import catalog, products
from omptool.analytics.alarmed import bind_alarms
from omptool.analytics.binding import Binding, Tag, bind, bind_columns, roles_of
from omptool.analytics.numbering import finished, numbered, windowed
from omptool.analytics.periods import PLACES, Cuts, cuts, shift_cuts
from omptool.analytics.recipe import Recipe
from omptool.errors import NotFound, UsageError
from omptool.model.nearest import nearest
from omptool.model.plant import PlantModel
from omptool.model.shifts import Calendar, occurrences
from omptool.model.times import format_time, unix_us
from omptool.model.vocabulary import PACKML, MachineState
from omptool.sql.engine import Engine
from omptool.sql.views import identifier

_SEEING = frozenset({"timeline", "alarmed"})
"""Parts that say how much of a window was seen."""

_MICROSECOND = timedelta(microseconds=1)
_NAMED = re.compile(r"\$([A-Za-z_]\w*)")
_TAGS = "SELECT DISTINCT server, node_id, site, area, line, machine, tag FROM "
_STRANGERS = f" UNION {_TAGS} telemetry"
_RECORDED = "nodes WHERE (sampling_ms IS NOT NULL OR parents IS NULL)"
"""Nodes that were monitored, and those of imports: nobody has browsed what is above them."""

_IN_ORDER = " ORDER BY server, node_id, site, area, line, machine, tag"
_SPAN = """
SELECT min(time) AS first, min(time) FILTER (WHERE origin <> 'initial') AS live, max(time) AS last FROM telemetry
WHERE time >= CAST('2000-01-01T00:00:00Z' AS TIMESTAMPTZ)
  AND time <= coalesce(receive_time, time) + INTERVAL '1' HOUR
"""
"""Stamps of clocks that are far off do not stretch the window."""
_COLUMN_TYPES = {"float": "CAST({} AS DOUBLE)", "time": "CAST({} AS TIMESTAMPTZ)", "any": "{}"}
_ANY_TIME = "TRY_CAST(CAST({} AS VARCHAR) AS TIMESTAMPTZ)"


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
        only: (server, node_id) of the Variables that may play a role; None: all.
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


def analyse(engine: Engine, recipe: Recipe, request: Request) -> Analysis:
    """Compute an analysis.

    Raises:
        NotFound: a required role is not there.
        UsageError: an unknown parameter, a window that is none, an analysis without the form asked for.
        QueryError: the engine refuses.
    """
    parameters = _parameters(recipe, request.parameters)
    if request.product:
        products.check(recipe)
    if request.table is not None:
        return _of_table(engine, recipe, request, parameters)
    given = [name for name, value in parameters.items() if value is not None]
    calendar = request.plant.calendar if request.plant else Calendar()
    by_product = bool(calendar.ideal_cycle) and parameters.get("ideal_cycle") is None
    tags = recorded_tags(engine, request.strangers)
    if request.only is not None:
        tags = [tag for tag in tags if (tag.server, tag.node_id) in request.only]
    roles = roles_of(recipe, request.plant, tags) if request.plant else {}
    if recipe.events:
        binding = bind_alarms(engine, recipe, tags, request.maps, roles)
    else:
        binding = bind(
            recipe, tags, maps=request.maps, plant=roles, given=given, priced=by_product, product=request.product
        )
    if recipe.stream:
        return _streamed(engine, recipe, request, parameters, tags, binding)
    if recipe.series:
        return _charted(engine, recipe, request, parameters, tags, binding)
    start, end = window(engine, request)
    periods = _periods(request, calendar, start, end)
    told = products.labels(engine, binding.bound, end) if request.product else None
    notes = (*binding.notes, *(products.notes(binding.bound) if request.product else ()))
    values = {"ideal_cycle": None} | parameters | _values(recipe, request, binding, periods, end, told)
    values["priced_by_product"] = by_product
    shown = [*request.places, *(["product"] if request.product else [])]
    keys = [*shown, "start", "end"]
    if recipe.finish:
        ctes = ",\n".join(catalog.ctes(recipe, "telemetry"))
        rows = _ask(engine, f"WITH {ctes}\nSELECT * FROM result\nORDER BY {', '.join(recipe.order)}", values)
        rows = finished(recipe, rows, values, keys)
    else:
        rows = _ask(engine, _statement(recipe, "telemetry", keys, [*keys[:-1], *recipe.order]), values)
    if periods.names:
        names = dict(zip(periods.starts, periods.names, strict=True))
        named = pa.array([names.get(moment) for moment in rows["start"].to_pylist()], pa.string())
        rows = rows.add_column(len(shown), "shift", named)
    asked = f"{format_time(unix_us(start))} to {format_time(unix_us(end))}"
    nothing = f"no values of these machines before the end of {asked}"
    if _SEEING & set(recipe.parts) and _sparse(rows, request.places, values):
        # hours without a stop have no row, and none may mean that nobody looked
        seen = _ask(engine, _seen(recipe), values)
        return Analysis(rows, notes, _touched(seen, nothing, "windows, with and without rows,"))
    return Analysis(rows, notes, _touched(rows, nothing))


def _sparse(rows: pa.Table, places: Sequence[str], values: Mapping[str, Any]) -> bool:
    """Whether a place has no row in a period."""
    there: int = rows.group_by([*places, "start"]).aggregate([]).num_rows
    whole: int = len(values["groups"]) * len(values["cuts"])
    return there < whole


def _seen(recipe: Recipe) -> str:
    parts = [name for name in recipe.parts if name == "window" or name in _SEEING]
    return "WITH " + ",\n".join(map(catalog.part, parts)) + "\nSELECT coverage, percent_good FROM seen"


def _periods(request: Request, calendar: Calendar, start: datetime, end: datetime) -> Cuts:
    if request.period == "shift":
        return shift_cuts(start, end, calendar.shifts, request.zone)
    return Cuts(cuts(start, end, request.period, request.zone), [])


def _values(
    recipe: Recipe, request: Request, binding: Binding, periods: Cuts, end: datetime, told: Sequence[str] | None
) -> dict[str, object]:
    """What the shared parts of recipes ask for."""
    calendar = request.plant.calendar if request.plant else Calendar()
    codes = {state.value: state.value for state in MachineState} | {word: str(each) for word, each in PACKML.items()}
    codes |= request.plant.states if request.plant else {}
    stops = occurrences(calendar.planned_stops, periods.starts[0], end, request.zone)
    return {
        **numbered(binding.bound, request.places, told),
        **windowed(periods.starts, end),
        "stop_since": [unix_us(stop.start) * 1000 for stop in stops],
        "stop_till": [unix_us(stop.end) * 1000 for stop in stops],
        "ideal_products": list(calendar.ideal_cycle),
        "ideal_seconds": list(calendar.ideal_cycle.values()),
        "needed_roles": binding.needed_roles,
        "reasons": any(role.name == "reason" for role in recipe.roles),
        "codes": list(codes),
        "meanings": list(codes.values()),
        **{f"by_{place}": place in request.places for place in PLACES},
    }


def _parameters(recipe: Recipe, given: Mapping[str, object]) -> dict[str, object]:
    known = {parameter.name: parameter for parameter in recipe.parameters}
    types = {
        "float": (float, int), "int": (int,), "text": (str,), "bool": (bool,), "interval": (str, timedelta, int),
        "time": (datetime,),
    }  # fmt: skip
    found: dict[str, object] = {name: parameter.default for name, parameter in known.items()}
    for name, value in given.items():
        if name not in known:
            close = nearest(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(known) or 'none'}"
            raise UsageError(f"{recipe.name} has no parameter {name}", hint)
        kind = known[name].type
        if not isinstance(value, types[kind]) or (isinstance(value, bool) and kind != "bool"):
            raise UsageError(f"--param {name}: {value!r} is no {kind}", known[name].about)
        found[name] = float(value) if kind == "float" and isinstance(value, int) else value
    return found


def recorded_tags(engine: Engine, strangers: bool) -> list[Tag]:
    """All Variables that were recorded."""
    tables = [_TAGS + _RECORDED + (_STRANGERS if strangers else ""), _TAGS + "telemetry"]
    for statement in tables:
        if found := [Tag(*row.values()) for row in engine.run(statement + _IN_ORDER).read_all().to_pylist()]:
            return found
    raise NotFound("the source has no telemetry to analyse", "omptool info SOURCE says what it holds")


def window(engine: Engine, request: Request) -> tuple[datetime, datetime]:
    """The window asked for; where it is open, that of the recording.

    Raises:
        NotFound: there is no telemetry.
        UsageError: the window is empty.
    """
    start, end = request.start, request.end
    if start is None or end is None:
        span = engine.run(_SPAN).read_all()
        first, live, last = (_moment(span[name]) for name in ("first", "live", "last"))
        if last is None or first is None:
            raise NotFound("the source has no telemetry to analyse", "omptool info SOURCE says what it holds")
        start, end = start or live or first, end or last
    if start >= end:
        raise UsageError(
            f"the window from {format_time(unix_us(start))} to {format_time(unix_us(end))} is empty",
            "windows are [start, end); give --start and --end",
        )
    return start, end


def _moment(column: pa.ChunkedArray) -> datetime | None:
    """The only value; made aware without asking for zone data."""
    value = column.cast(pa.int64())[0].as_py()
    return None if value is None else datetime.fromtimestamp(0, UTC) + _MICROSECOND * value


def _streamed(
    engine: Engine,
    recipe: Recipe,
    request: Request,
    parameters: Mapping[str, Any],
    tags: Sequence[Tag],
    binding: Binding,
) -> Analysis:
    """An analysis of every Variable for itself."""
    from omptool.analytics import streams

    if request.period is not None:
        raise UsageError(f"{recipe.name} does not group by {request.period}", "say how long: --param interval=1h")
    bound = {(one.server, one.node_id) for one in binding.bound}
    kept = sorted({tag for tag in tags if (tag.server, tag.node_id) in bound}, key=_place)
    asked = streams.prepare(parameters, *_stream_window(engine, request, parameters, _SPAN))
    rows = streams.of_telemetry(engine, recipe, asked, kept, partial(_ask, engine), request.annotated)
    places = {name: [getattr(tag, name) for tag in kept] for name in (*request.places, "tag")}
    node = rows["node"]
    columns = {name: pa.array(texts, pa.string()).take(node.combine_chunks()) for name, texts in places.items()}
    wanted = [*request.places, *(column.name for column in recipe.columns)]
    table = pa.table({name: columns.get(name) or rows[name] for name in wanted})
    return Analysis(table, binding.notes, _touched(table, "no values"))


def _charted(
    engine: Engine,
    recipe: Recipe,
    request: Request,
    parameters: Mapping[str, Any],
    tags: Sequence[Tag],
    binding: Binding,
) -> Analysis:
    """An analysis of all values of a Variable."""
    from omptool.analytics import variables

    window = _stream_window(engine, request, {"interval": 0}, _SPAN)
    found = variables.of_telemetry(engine, recipe, request, parameters, tags, binding, window, partial(_ask, engine))
    notes = (*binding.notes, *found.notes)
    return Analysis(found.rows, notes, _touched(found.seen, "no values", "charts"))


def _place(tag: Tag) -> tuple[str, ...]:
    return tuple(text or "" for text in (*tag[2:], *tag[:2]))


def _stream_window(
    engine: Engine, request: Request, parameters: Mapping[str, Any], span: str
) -> tuple[datetime, datetime]:
    """The window; one that nobody gave begins at a whole interval and holds the last value."""
    if request.start is not None and request.end is not None:
        return request.start, request.end
    from omptool.analytics.streams import interval_of

    found = engine.run(span).read_all()
    first, last = _moment(found["live"]) or _moment(found["first"]), _moment(found["last"])
    if first is None or last is None:
        raise NotFound("the source has no values to analyse", "omptool info SOURCE says what it holds")
    if interval := interval_of(parameters["interval"]) // 1000:
        first = datetime.fromtimestamp(0, UTC) + _MICROSECOND * (unix_us(first) // interval * interval)
    return request.start or first, request.end or last + timedelta(milliseconds=1)


def _of_table(engine: Engine, recipe: Recipe, request: Request, parameters: Mapping[str, object]) -> Analysis:
    table = request.table or ""
    if not recipe.table:
        raise UsageError(f"{recipe.name} needs telemetry, and {table} has none", "name a capture or a lake with --on")
    if not recipe.timed and (request.start is not None or request.end is not None):
        raise UsageError(f"{table} is a plain table: it has no time to cut", "leave out --start and --end")
    names = engine.run(f"SELECT * FROM {identifier(table)} LIMIT 0").schema.names
    columns = bind_columns(recipe, names, table, request.maps)
    source = _input(recipe, table, names, columns)
    if recipe.stream:
        return _streamed_table(engine, recipe, request, parameters, source)
    if recipe.series:
        from omptool.analytics import variables

        found = variables.of_table(recipe, request, parameters, source, columns["value"], partial(_ask, engine))
        return Analysis(found.rows, (), _touched(found.seen, f"{table} has no rows", "charts"))
    others = _others(recipe, names, columns)
    rows = _ask(engine, _statement(recipe, "table", others, ["omp_row"], source), parameters)
    return Analysis(rows, (), _touched(rows, f"{table} has no rows"))


def _others(recipe: Recipe, names: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """Columns that play no role and are carried along."""
    taken = {column.name for column in recipe.columns} | {"omp_row"} | {role.name for role in recipe.table}
    return [name for name in names if name not in columns.values() and name not in taken]


def _input(recipe: Recipe, table: str, names: Sequence[str], columns: Mapping[str, str]) -> str:
    types = {role.name: _COLUMN_TYPES[role.type] for role in recipe.table}
    # a column that is there by its name only may be no time: then there is none
    types |= {role.name: _ANY_TIME for role in recipe.table if role.type == "time" and not role.required}
    picked = [
        types[role.name].format(identifier(columns[role.name]) if role.name in columns else "NULL")
        + f" AS {identifier(role.name)}"
        for role in recipe.table
    ]
    picked += [identifier(name) for name in _others(recipe, names, columns)] + ["row_number() OVER () AS omp_row"]
    return f"input AS (\n  SELECT {', '.join(picked)}\n  FROM {identifier(table)}\n)"


def _streamed_table(
    engine: Engine, recipe: Recipe, request: Request, parameters: Mapping[str, object], source: str
) -> Analysis:
    from omptool.analytics import streams

    span = f"WITH {source} SELECT min(time) AS first, min(time) AS live, max(time) AS last FROM input"
    asked = streams.prepare(parameters, *_stream_window(engine, request, parameters, span))
    statement = streams.in_order([source, *catalog.ctes(recipe, "table")])
    annotations = streams.annotation_times(engine)[0] if request.annotated else None
    rows = streams.of_table(asked, _ask(engine, statement, parameters), annotations)
    rows = rows.select([column.name for column in recipe.columns if column.name in rows.column_names])
    return Analysis(rows, (), _touched(rows, f"{request.table} has no rows"))


def _statement(
    recipe: Recipe, section: str, keys: Sequence[str], order: Sequence[str], source: str | None = None
) -> str:
    ctes = [*([source] if source else []), *catalog.ctes(recipe, section)]
    columns = ", ".join(map(identifier, [*keys, *(column.name for column in recipe.columns)]))
    ordered = ", ".join(identifier(name) if name in keys else name for name in order)
    return "WITH " + ",\n".join(ctes) + f"\nSELECT {columns}\nFROM result\nORDER BY {ordered}"


def _ask(engine: Engine, statement: str, values: Mapping[str, object]) -> pa.Table:
    wanted = set(_NAMED.findall(statement))
    return engine.run(statement, {name: value for name, value in values.items() if name in wanted}).read_all()


def _touched(rows: pa.Table, nothing: str, counted: str = "rows") -> str:
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
        parts.append(f"{poor} rest on values that were not all Good ({was_good})")
    return "; ".join(parts)


def _below(value: float, steps: int) -> float:
    """Cut, not rounded: what is not whole must not look so."""
    return int(value * steps) / steps
