"""Analyses of a plain table: columns play the roles that tags have elsewhere. Knows only the `Engine` protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pyarrow as pa

from omptool.analytics import alarmed, catalog, held, inputs
from omptool.analytics.apart import told_apart
from omptool.analytics.binding import bind_columns, maps_of
from omptool.analytics.books import planned
from omptool.analytics.numbering import numbered, windowed
from omptool.analytics.recipe import Recipe
from omptool.analytics.requested import Analysis, Request, ask, framed, periods_of, span_window, statement, touched
from omptool.errors import NotFound, UsageError
from omptool.model.shifts import Calendar
from omptool.sql.engine import Engine
from omptool.sql.views import identifier


def of_table(engine: Engine, recipe: Recipe, request: Request, parameters: Mapping[str, object]) -> Analysis:
    """Compute an analysis of a plain table.

    Args:
        parameters: checked ones.

    Raises:
        NotFound: a column that is needed is not there.
        UsageError: the analysis has no such form, times are asked for and there are none.
        QueryError: the engine refuses.
    """
    table = request.table or ""
    if not recipe.table:
        raise UsageError(f"{recipe.name} needs telemetry, and {table} has none", "name a capture or a lake with --on")
    cut = request.start is not None or request.end is not None
    if not recipe.timed and cut:
        raise UsageError(f"{table} is a plain table: it has no time to cut", "leave out --start and --end")
    names = engine.run(f"SELECT * FROM {identifier(table)} LIMIT 0").schema.names
    columns = bind_columns(recipe, names, table, maps_of(recipe, names, table, request.maps, request.plant))
    if cut and "time" not in columns and not recipe.series:
        raise UsageError(f"{table} has no column time to cut", "leave out --start and --end, or --map time=COLUMN")
    timed = any(each is not None for each in (request.period, request.start, request.end))
    read = inputs.read(engine, recipe, table, columns, request.zone, request.maps, timed=timed)
    if recipe.stream:
        return _streamed_table(engine, recipe, request, parameters, read, columns)
    if recipe.series:
        from omptool.analytics import variables

        found = variables.of_table(recipe, request, parameters, read.source, columns["value"], partial(ask, engine))
        said = "; ".join(filter(None, [found.touched, read.unread]))
        return Analysis(found.rows, (*read.notes, *found.notes), said)
    if recipe.table_parts:
        return _framed(engine, recipe, request, parameters, read, columns)
    ctes = [read.source, *catalog.ctes(recipe, "table")]
    _refuse_unused(recipe, request, "\n".join(ctes))
    window = {"start": request.start, "end": request.end}
    order = ["result.omp_row", *recipe.order]
    rows = ask(engine, statement(recipe, ctes, read.carried, order), {**parameters, **window})
    nothing = f"no row of {table} lies in the window" if timed else f"no row of {table} gives a result"
    return Analysis(rows, read.notes, "; ".join(filter(None, [touched(rows, nothing), read.unread])))


def _refuse_unused(recipe: Recipe, request: Request, sql: str) -> None:
    """What stands for a tag of telemetry is a column here.

    Raises:
        UsageError: a parameter that the table form knows nothing of.
    """
    known = held.named(sql)
    for name in request.parameters:
        if name not in known:
            raise UsageError(
                f"{recipe.name} of a plain table has no parameter {name}",
                f"a column says it: --map ROLE=COLUMN; roles are {', '.join(role.name for role in recipe.table)}",
            )


def _framed(
    engine: Engine,
    recipe: Recipe,
    request: Request,
    parameters: Mapping[str, object],
    read: inputs.Input,
    columns: Mapping[str, str],
) -> Analysis:
    """An analysis whose rows are for places and periods, as they are of telemetry.

    Raises:
        NotFound: no row has a time.
    """
    table, source = request.table or "", read.source
    said = alarmed.of_rows(engine, recipe, request, parameters, source, columns)
    apart = told_apart(recipe, request.places, said.bound)
    request = replace(request, places=apart.places)
    try:
        start, end = span_window(engine, request, span_of(source, said.last))
    except NotFound:
        raise _without_times(table, columns, said.bound) from None
    if start >= end:
        raise UsageError("the window is empty: it ends before it starts", "windows are [start, end)")
    periods = periods_of(request, request.plant.calendar if request.plant else Calendar(), start, end)
    values = {**parameters, **numbered(said.bound, request.places), **windowed(periods.starts, end), **said.values}
    values |= planned([], start, end, request.zone)
    notes = (*read.notes, *said.notes, *apart.notes)
    return framed(engine, recipe, "table", request, values, periods, (notes, f"{table} has no rows"), source)


def _without_times(table: str, columns: Mapping[str, str], rows: object) -> NotFound:
    """Why a table has no window of its own.

    Args:
        rows: something, where it has rows.
    """
    if not rows:
        what = f"{table} has no rows, so nothing says which time it is about"
        return NotFound(what, "name the window: --start and --end")
    return NotFound(
        f"no row of {table} has a time that can be read in {columns['time']}",
        "times are written 2026-11-16T07:00:00Z; of another column: --map time=COLUMN",
    )


def span_of(source: str, last: str = "max(time)") -> str:
    """The statement that finds where the times of a table begin and end."""
    return f"WITH {source} SELECT min(time) AS first, min(time) AS live, {last} AS last FROM input"


def _streamed_table(
    engine: Engine,
    recipe: Recipe,
    request: Request,
    parameters: Mapping[str, object],
    read: inputs.Input,
    columns: Mapping[str, str],
) -> Analysis:
    """An analysis of every value of a table.

    Raises:
        NotFound: no row has a time.
    """
    from omptool.analytics import streams, worded
    from omptool.analytics.intervals import cutting

    table = request.table or ""
    timeless, given = _timeless(engine, read.source)
    if timeless == given and (given or request.start is None or request.end is None):
        raise _without_times(table, columns, given)
    cut = cutting(engine, request, parameters, span_of(read.source))
    asked = streams.prepare(parameters, cut.windows)
    statement = streams.in_order([read.source, *catalog.ctes(recipe, "table")])
    annotations = streams.annotation_times(engine, request.zone)[0] if request.annotated else None
    rows = streams.of_table(asked, ask(engine, statement, parameters), annotations)
    wanted = [column.name for column in recipe.columns if column.name in rows.column_names]
    rows = pa.table({**cut.columns(1), **{name: rows[name] for name in wanted}})
    chosen = asked.parameters["chosen"].name
    texts = worded.of_column(rows, table, columns["value"], read.source, partial(ask, engine), chosen)
    left = f"{timeless} of {given} rows of {table} are left out: no time" if timeless else ""
    return Analysis(rows, read.notes, "; ".join(filter(None, [touched(rows, f"{table} has no rows"), texts, left])))


def _timeless(engine: Engine, source: str) -> tuple[int, int]:
    """Rows that lie in no window, and all rows."""
    counts = "count(*) FILTER (WHERE time IS NULL) AS timeless, count(*) AS given"
    [found] = engine.run(f"WITH {source} SELECT {counts} FROM input").read_all().to_pylist()
    return found["timeless"], found["given"]
