"""`omptool analyze`: a named analysis of captures, lakes and files, or of a cloud."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from omptool.cli import diagnostics, importing, settings
from omptool.cli.asking import Asked, Asking
from omptool.cli.exits import ExitCode
from omptool.cli.importing import RejectsOption
from omptool.cli.options import (
    CloudOption,
    ConfigOption,
    EndOption,
    ForceOption,
    FormatOption,
    InputFormatOption,
    OutputOption,
    PlantOption,
    TzOption,
    WindowStartOption,
)
from omptool.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from omptool.analytics.recipe import Recipe
    from omptool.analytics.run import Analysis, Request

_ANNOTATIONS = "annotations"
"""The name of a source whose rows are remarks on values, not values."""


def analyze(
    name: Annotated[str | None, typer.Argument(help="Which analysis; --list names all.", metavar="NAME")] = None,
    on: Annotated[
        list[str] | None,
        typer.Option("--on", help="Capture, lake, LAKE@VERSION or file; repeatable.", metavar="[NAME=]SOURCE"),
    ] = None,
    map: Annotated[
        list[str] | None,
        typer.Option(
            "--map", help="Which tag (a glob) or column of a plain table plays a role; repeatable.", metavar="ROLE=X"
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help="A row per site, area, line, machine, product, hour, day or shift, or several: line,day."
            " Default: machine; of bottleneck line.",
            metavar="LIST",
        ),
    ] = None,
    start: WindowStartOption = None,
    end: EndOption = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", help="Value of a parameter of the analysis; repeatable.", metavar="NAME[:TYPE]=VALUE"),
    ] = None,
    chart: Annotated[bool, typer.Option("--chart", help="Draw a picture instead of writing all columns.")] = False,
    list_all: Annotated[bool, typer.Option("--list", help="List the analyses and leave.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show formula, source, roles and SQL, and leave.")] = False,
    cloud: CloudOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    tz: TzOption = None,
    plant: PlantOption = None,
    input_format: InputFormatOption = None,
    rejects: RejectsOption = None,
    config: ConfigOption = None,
) -> ExitCode:
    """Answer a shop-floor question: OEE, time in each state, data quality.

    Without --start and --end the window is what was recorded. Every row says how much of its window was seen (coverage)
    and how long all values were Good (percent_good); exit code 3 when a gap or a value that is not Good touches them.
    A cloud gives the same rows as its lake.

    \b
    Examples:
      omptool analyze --list
      omptool analyze oee --on lake --by machine --start today --chart
      omptool analyze time_in_state --on shift.omcap --map state=State --by line,day
      omptool analyze oee --on shifts.csv --map pbt=planned_s --map apt=running_s
      omptool analyze i_mr --on lake --map value=BoreDiameter --param baseline=25
      omptool analyze oee --cloud plant --start yesterday --end today
      omptool analyze oee --explain
    """
    loaded = settings.load(config)
    if list_all:
        _list(format, output, force)
        return ExitCode.OK
    recipe = _recipe(name)
    if explain:
        _explain(recipe)
        return ExitCode.OK
    asking = Asking(on or [], cloud, plant, input_format, tz, tz)
    asking.check()
    if not on and cloud is None:
        raise UsageError(f"analyze {recipe.name} needs a source", _how_to_name_one(loaded.clouds))
    if chart and (output is not None or format is not None):
        raise UsageError("--chart draws on the terminal", "leave out --format and -o, or --chart")
    if chart and not recipe.picture:
        raise UsageError(
            f"{recipe.name} has no picture", "leave out --chart; omptool analyze --list names what has one"
        )
    from omptool.analytics.run import analyse
    from omptool.cli.output import emit, refuse_existing
    from omptool.cli.window import said_once

    if output is not None:
        refuse_existing(output, force=force)
    with asking.opened(loaded) as asked:
        request = _request(recipe, asked, map or [], param or [], by, (start, end))
        request = _of_all_points(recipe, request, chart)
        analysis = analyse(asked.engine, recipe, request)
        if asked.moved():  # its tags and its rows may be of different versions
            analysis = analyse(asked.engine, recipe, request)
            if asked.moved():
                diagnostics.note("note: the lake grew while it was asked; the same command again may find more")
        points = _points(recipe, request, asked) if chart else None
    for note in analysis.notes:
        diagnostics.note(f"note: {note}")
    if chart:
        _draw(recipe, request, analysis, asked, points)
    else:
        own = request.table is not None and not recipe.table_parts
        cut = request.period is not None
        rows = said_once(analysis.rows, own=own, cut=cut, format=format, output=output, tz=asked.zone_name)
        emit(rows, format=format, output=output, force=force, tz=asked.zone_name)
    if analysis.touched:
        diagnostics.note(f"exit 3: {analysis.touched}")
    lost = importing.tell(asked.sources, keep=rejects)
    return ExitCode.PARTIAL if analysis.touched or lost else ExitCode.OK


def _how_to_name_one(clouds: Collection[str]) -> str:
    named = f"\nor --cloud NAME; omptool.toml has {', '.join(sorted(clouds))}" if clouds else ""
    return f"add --on CAPTURE, --on LAKE or --on FILE{named}"


def _list(format: Any, output: Path | None, force: bool) -> None:
    from omptool.analytics.explain import LIST_COLUMNS, catalogue, listing
    from omptool.cli import terminal
    from omptool.cli.output import Rows, choose_format, emit, print_text

    if format is None and output is None and choose_format(None, None) == "table":
        print_text(catalogue(terminal.columns(80)))
        diagnostics.note("all about one of them: omptool analyze NAME --explain")
        return
    emit(Rows(LIST_COLUMNS, listing()), format=format, output=output, force=force)


def _recipe(name: str | None) -> Recipe:
    from omptool.analytics import catalog

    if name is None:
        raise UsageError("analyze needs a name", "oee, time_in_state, …: omptool analyze --list names all")
    return catalog.load(name)


def _explain(recipe: Recipe) -> None:
    from omptool.analytics.explain import explain
    from omptool.cli.output import print_text

    print_text(explain(recipe))


def _request(
    recipe: Recipe,
    asked: Asked,
    maps: list[str],
    params: list[str],
    by: str | None,
    window: tuple[str | None, str | None],
) -> Request:
    from datetime import UTC, datetime

    from omptool.analytics.binding import parse_maps
    from omptool.analytics.periods import parse_by
    from omptool.analytics.run import Request
    from omptool.cli.narrow import timed
    from omptool.model.times import parse_time
    from omptool.sql import parameters
    from omptool.sql.views import names

    now, zone, sources = datetime.now(UTC), asked.zone, asked.sources
    table = None
    tables = [name for named in sources if not named.source.has_telemetry for name in names([named])[-1:]]
    annotated = _ANNOTATIONS in tables
    if asked.cloud is None and not any(named.source.has_telemetry for named in sources):
        plain = [name for name in tables if name != _ANNOTATIONS] or tables
        if len(plain) > 1:
            raise UsageError("an analysis takes one plain table", "or captures and lakes, as many as you like")
        table = plain[0]
        if by is not None and not (recipe.table_parts or recipe.series or recipe.stream):
            raise UsageError(f"{table} is a plain table: every row of it gives a row", "leave out --by")
    given = parameters.parse(params, now=now, zone=zone)
    moments = []
    for flag, text in zip(("start", "end"), window, strict=True):
        value = given.pop(flag, None)
        if value is not None and text is not None:
            raise UsageError(f"--{flag} and --param {flag} are given", "use one of them")
        if value is not None and not isinstance(value, datetime):
            value = parse_time(str(value), now=now, zone=zone)
        moments.append(asked.moment(f"--{flag}", text, now) if text is not None else value)
    for parameter in recipe.parameters:
        if parameter.type == "time" and isinstance(said := given.get(parameter.name), str):
            given[parameter.name] = timed(f"--param {parameter.name}", parse_time, said, now=now, zone=zone)
    split = parse_by(by or recipe.by)
    if by is not None and (recipe.series or recipe.stream):
        if table is not None and split.places:
            raise UsageError(
                f"{table} is a plain table: it has no {split.places[0]}", "--by takes hour, day or shift of it"
            )
        split = split._replace(
            places=split.places or parse_by(recipe.by).places
        )  # tags are charted and aggregated one by one
    return Request(
        start=moments[0],
        end=moments[1],
        places=split.places,
        period=split.period,
        product=split.product,
        zone=zone,
        maps=parse_maps(maps, recipe.roles if table is None else recipe.table or recipe.roles),
        parameters=given,
        plant=asked.model,
        table=table,
        annotated=annotated,
        strangers=any("nodes" not in named.source.views() for named in sources if named.source.has_telemetry),
    )


def _of_all_points(recipe: Recipe, request: Request, chart: bool) -> Request:
    """What a picture is drawn of: rows of points, whatever rows were asked for."""
    from dataclasses import replace

    if not chart or all(parameter.name != "show" for parameter in recipe.parameters):
        return request
    return replace(request, parameters={**request.parameters, "show": "points"})


def _draw(recipe: Recipe, request: Request, analysis: Analysis, asked: Asked, points: pa.Table | None) -> None:
    from omptool.analytics.periods import PLACES
    from omptool.cli import chart, chart_course
    from omptool.cli.output import print_text

    names = analysis.rows.schema.names  # rows may say more of their place than was asked
    plain = request.table is not None and not recipe.table_parts
    places = request.places if plain else tuple(place for place in PLACES if place in names)
    keys = [*places, *(["product"] if request.product else []), *(["start"] if request.period else [])]
    zone, name = settings.zone(asked.zone_name)
    lines = chart_course.lines_of(points)
    shown = chart.Asked(recipe, keys, places, zone, name, lines, request.parameters)
    print_text(chart.draw(analysis.rows, shown))
    if recipe.picture not in ("control", "drift", "wear") and "note" in analysis.rows.schema.names:
        for note in dict.fromkeys(filter(None, analysis.rows["note"].to_pylist())):
            diagnostics.note(f"! {note}")


_DRAWN_OF_POINTS = ("histogram", "drift", "wear")


def _points(recipe: Recipe, request: Request, asked: Asked) -> pa.Table | None:
    """The points that a picture is drawn of where the rows of the result are not enough."""
    if recipe.picture not in _DRAWN_OF_POINTS:
        return None
    from omptool.analytics.behind import behind
    from omptool.analytics.run import analyse

    return analyse(asked.engine, behind(recipe), request).rows
