"""Run an analysis: find the tags of its roles, resolve the window, ask the engine. Knows only the `Engine` protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa

from omptool.analytics import products
from omptool.analytics.alarmed import bind_alarms
from omptool.analytics.apart import told_apart
from omptool.analytics.binding import VALUE, Binding, Tag, bind, roles_of
from omptool.analytics.books import Books, planned
from omptool.analytics.ending import behind_the_end
from omptool.analytics.numbering import numbered, windowed
from omptool.analytics.periods import PLACES, Cuts
from omptool.analytics.recipe import Recipe
from omptool.analytics.requested import (
    FAR,
    INSTANT,
    Analysis,
    Request,
    ask,
    beside,
    framed,
    moment,
    periods_of,
    span_window,
    touched,
    within_reach,
)
from omptool.errors import NotFound, UsageError
from omptool.model.nearest import nearest
from omptool.model.shifts import Calendar
from omptool.model.times import format_time, unix_us
from omptool.sql.engine import Engine

__all__ = ["Analysis", "Request", "analyse", "recorded_tags", "window"]

_TAGS = "SELECT DISTINCT server, node_id, site, area, line, machine, tag FROM "
_STRANGERS = f" UNION {_TAGS} telemetry"
_RECORDED = "nodes WHERE (sampling_ms IS NOT NULL OR parents IS NULL)"
"""Nodes that were monitored, and those of imports: nobody has browsed what is above them."""
_VARIABLES = f"{_RECORDED} AND coalesce(node_class, 'Variable') <> 'Object'"
"""Objects send events."""

_IN_ORDER = " ORDER BY server, node_id, site, area, line, machine, tag"
_SPAN = """
SELECT min(time) AS first, min(time) FILTER (WHERE origin <> 'initial') AS live, max(time) AS last FROM telemetry
WHERE time >= CAST('2000-01-01T00:00:00Z' AS TIMESTAMPTZ)
  AND epoch_us(time) // 1000 <= epoch_us(coalesce(receive_time, time)) // 1000 + 3600000
"""
"""Stamps of clocks that are far off do not stretch the window."""

_EVENTS = "SELECT time, receive_time, 'initial' AS origin FROM events"
_SPAN_OF_ALARMS = _SPAN.replace(
    "FROM telemetry", f"FROM (SELECT time, receive_time, origin FROM telemetry UNION ALL {_EVENTS}) received"
)
"""Alarms come when no value does, and those that stand as a recording begins came before it."""


def analyse(engine: Engine, recipe: Recipe, request: Request) -> Analysis:
    """Compute an analysis.

    Raises:
        NotFound: a required role is not there.
        UsageError: an unknown parameter, a window that is none, an analysis without the form asked for.
        QueryError: the engine refuses.
    """
    within_reach(request)
    parameters = _parameters(recipe, request.parameters)
    if request.product:
        products.check(recipe)
    if request.table is not None:
        from omptool.analytics import tabled

        return tabled.of_table(engine, recipe, request, parameters)
    calendar = request.plant.calendar if request.plant else Calendar()
    tags = recorded_tags(engine, request.strangers)
    if request.only is not None:
        tags = _beside(recipe, tags, request.only)
    binding = _bound(engine, recipe, request, parameters, tags)
    apart = told_apart(recipe, request.places, binding.bound)
    request = replace(request, places=apart.places)
    binding = replace(
        binding, notes=(*binding.notes, *apart.notes, *_end_of(engine, recipe, request, parameters, binding))
    )
    if recipe.stream:
        return _streamed(engine, recipe, request, parameters, tags, binding)
    if recipe.series:
        return _charted(engine, recipe, request, parameters, tags, binding)
    start, end = window(engine, request, _span(recipe))
    periods = periods_of(request, calendar, start, end).lasting(end, INSTANT)
    told = products.labels(engine, binding.bound, periods.starts[0], end) if request.product else None
    notes = (*binding.notes, *(products.notes(binding.bound) if request.product else ()))
    values = {"ideal_cycle": None} | parameters | _values(recipe, request, binding, periods, end, told)
    asked = f"{format_time(unix_us(start))} to {format_time(unix_us(end))}"
    said = (notes, f"no values of these machines before the end of {asked}")
    return framed(engine, recipe, "telemetry", request, values, periods, said)


def _bound(
    engine: Engine, recipe: Recipe, request: Request, parameters: Mapping[str, Any], tags: Sequence[Tag]
) -> Binding:
    """Which Variables play the roles.

    Raises:
        NotFound: a required role is not there.
        UsageError: several tags of a machine match.
    """
    roles = roles_of(recipe, request.plant, tags) if request.plant else {}
    if recipe.events:
        return bind_alarms(engine, recipe, tags, request.maps, roles)
    calendar = request.plant.calendar if request.plant else Calendar()
    return bind(
        recipe,
        tags,
        maps=request.maps,
        plant=roles,
        given=[name for name, value in parameters.items() if value is not None],
        priced=calendar.prices if parameters.get("ideal_cycle") is None else lambda _: False,
        product=request.product,
        values=request.only,
    )


def _beside(recipe: Recipe, tags: Sequence[Tag], only: frozenset[tuple[str, str]]) -> list[Tag]:
    """Some Variables; where these are values, with what may play another role in their machines."""
    mine = [tag for tag in tags if (tag.server, tag.node_id) in only]
    if recipe.role(VALUE) is None:
        return mine
    machines = {tag[2:6] for tag in mine}
    return [tag for tag in tags if tag[2:6] in machines]


def _end_of(
    engine: Engine, recipe: Recipe, request: Request, parameters: Mapping[str, Any], binding: Binding
) -> list[str]:
    """A note where somebody asks for more than was recorded."""
    if request.end is None or not request.noted or not request.ending:
        return []
    start, end = span_window(engine, request, _span(recipe))
    servers = {one.server for one in binding.bound}
    carried = _carries(recipe, parameters)
    said = behind_the_end(engine, servers, start, end, carried=carried) if start < end else ""
    return [said] if said else []


def _carries(recipe: Recipe, parameters: Mapping[str, Any]) -> bool:
    """Whether a value counts behind the last one, too."""
    if recipe.stream:
        from omptool.analytics.finish.aggregate import chosen

        return chosen(parameters["aggregate"]).extrapolates
    return not recipe.series


def _values(
    recipe: Recipe, request: Request, binding: Binding, periods: Cuts, end: datetime, told: Sequence[str] | None
) -> dict[str, object]:
    """What the shared parts of recipes ask for."""
    books = Books.of(request.plant, binding.bound)
    metered = any(one.role == "meter" for one in binding.bound)
    return {
        **numbered(binding.bound, request.places, told, books),
        **windowed(periods.starts, end),
        **({"until": FAR} if metered else {}),
        **planned(books.stops, periods.starts[0], end, request.zone),
        "needed_roles": binding.needed_roles,
        "reasons": any(role.name == "reason" for role in recipe.roles),
        **books.values,
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
        if isinstance(value, (float, int)) and (why := known[name].wrong(value)):
            raise UsageError(f"--param {name}={value}: {name} {why}", known[name].about)
        found[name] = float(value) if kind == "float" and isinstance(value, int) else value
    return found


def recorded_tags(engine: Engine, strangers: bool) -> list[Tag]:
    """All Variables that were recorded; where there is none, what was watched for events."""
    tables = [_TAGS + _VARIABLES + (_STRANGERS if strangers else ""), _TAGS + "telemetry", _TAGS + _RECORDED]
    for select in tables:
        if found := [Tag(*row.values()) for row in engine.run(select + _IN_ORDER).read_all().to_pylist()]:
            return found
    raise NotFound("the source has no telemetry to analyse", "omptool info SOURCE says what it holds")


def _span(recipe: Recipe) -> str:
    return _SPAN_OF_ALARMS if recipe.events else _SPAN


def window(engine: Engine, request: Request, span_of: str = _SPAN) -> tuple[datetime, datetime]:
    """The window asked for; where it is open, that of the recording, with its last value.

    Args:
        span_of: the statement that finds first, live and last.

    Raises:
        NotFound: there is no telemetry.
        UsageError: the window is empty.
    """
    start, end = request.start, request.end
    if start is None or end is None:
        span = engine.run(span_of).read_all()
        first, live, last = (moment(span[name]) for name in ("first", "live", "last"))
        if last is None or first is None:
            raise NotFound("the source has no telemetry to analyse", "omptool info SOURCE says what it holds")
        beside(request, live or first, last)
        start, end = start or live or first, end or last + INSTANT
    if start >= end:
        raise UsageError(
            f"the window from {format_time(unix_us(start))} to {format_time(unix_us(end))} is empty",
            "windows are [start, end); give --start and --end",
        )
    return start, end


def whole_window(engine: Engine, request: Request) -> tuple[datetime, datetime]:
    """The same with events: where it is open, no value and no event is left out.

    Raises:
        NotFound, UsageError: as `window`.
    """
    return window(engine, request, _SPAN_OF_ALARMS)


def _streamed(
    engine: Engine,
    recipe: Recipe,
    request: Request,
    parameters: Mapping[str, Any],
    tags: Sequence[Tag],
    binding: Binding,
) -> Analysis:
    """An analysis of every Variable for itself."""
    from omptool.analytics import streams, worded
    from omptool.analytics.intervals import cutting

    bound = {(one.server, one.node_id) for one in binding.bound}
    kept = sorted({tag for tag in tags if (tag.server, tag.node_id) in bound}, key=_place)
    cut = cutting(engine, request, parameters, _SPAN)
    asked = streams.prepare(parameters, cut.windows)
    annotations = streams.annotations_of(engine, kept, request.zone) if request.annotated else {}
    rows = streams.of_telemetry(engine, recipe, asked, kept, partial(ask, engine), annotations)
    places = {name: [getattr(tag, name) for tag in kept] for name in (*request.places, "tag")}
    node, periods = rows["node"], cut.columns(len(kept))
    columns = {name: pa.array(texts, pa.string()).take(node.combine_chunks()) for name, texts in places.items()}
    columns |= periods
    wanted = [*request.places, *periods, *(column.name for column in recipe.columns)]
    table = pa.table({name: columns.get(name) or rows[name] for name in wanted})
    note, nothing = worded.of_tags(rows, kept, asked.parameters["chosen"].name)
    notes = (*binding.notes, *filter(None, [note]))
    return Analysis(table, notes, "; ".join(filter(None, [touched(table, "no values"), nothing])))


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

    window = span_window(engine, request, _SPAN)
    found = variables.of_telemetry(engine, recipe, request, parameters, tags, binding, window, partial(ask, engine))
    return Analysis(found.rows, (*binding.notes, *found.notes), found.touched)


def _place(tag: Tag) -> tuple[str, ...]:
    return tuple(text or "" for text in (*tag[2:], *tag[:2]))
