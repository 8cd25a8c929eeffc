"""`omptool report`: one self-contained page about what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, importing, settings
from omptool.cli.asking import Asked, Asking
from omptool.cli.exits import ExitCode
from omptool.cli.options import (
    CloudOption,
    ConfigOption,
    EndOption,
    ForceOption,
    InputFormatOption,
    PlantOption,
    ProgressMode,
    ProgressOption,
    TzOption,
    WindowStartOption,
)
from omptool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omptool.analytics.report.content import Report
    from omptool.analytics.run import Request


def report(
    source: Annotated[
        list[str] | None, typer.Argument(help="Capture, lake, LAKE@VERSION or file.", metavar="SOURCE")
    ] = None,
    on: Annotated[
        list[str] | None, typer.Option("--on", help="The same as SOURCE; repeatable.", metavar="[NAME=]SOURCE")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The page to write; - is stdout.", metavar="FILE")
    ] = Path("report.html"),
    start: WindowStartOption = None,
    end: EndOption = None,
    map: Annotated[
        list[str] | None,
        typer.Option("--map", help="Which tag (a glob) plays a role in all analyses; repeatable.", metavar="ROLE=X"),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", help="Value of a parameter of the analyses; repeatable.", metavar="NAME[:TYPE]=VALUE"),
    ] = None,
    force: ForceOption = False,
    cloud: CloudOption = None,
    tz: TzOption = None,
    plant: PlantOption = None,
    input_format: InputFormatOption = None,
    progress: ProgressOption = ProgressMode.AUTO,
    config: ConfigOption = None,
) -> ExitCode:
    """Write one page about what was recorded: is it complete, OEE, stops, control charts, energy, alarms.

    The page needs no network and no program but a browser: charts to move and stretch, a table under each, light and
    dark, fit for paper. Without --start and --end it is about everything that was recorded. What cannot be computed
    is not left out: the page says why, and what to type. Exit code 3 when a gap or a value that is not Good touches
    what it shows.

    \b
    Examples:
      omptool report lake -o monday.html --start 2026-11-16 --end 2026-11-17
      omptool report shift.omcap --map state=State --param ideal_cycle=12.5
      omptool report lake --start shift -o shift.html --force
      omptool report --cloud plant --start yesterday --end today -o plant.html
    """
    from omptool.analytics.report import library
    from omptool.cli.output import refuse_existing

    loaded = settings.load(config)
    asking = Asking([*(source or []), *(on or [])], cloud, plant, input_format, tz, decode_once=True)
    asking.check()
    if not asking.on and cloud is None:
        raise UsageError("report needs a source", "name a capture or a lake:  omptool report lake -o report.html")
    to_stdout = str(output) == "-"
    if not to_stdout:
        refuse_existing(output, force=force)
    library.require()
    with diagnostics.Progress(progress) as display, asking.opened(loaded) as asked:
        page, made = _made(asked, asking.on, (start, end), map or [], param or [], display)
        if asked.moved():
            diagnostics.note("note: the lake grew while the page was made; the same command again may find more")
        lost = importing.tell(asked.sources)
    size = _write(page, output, force, to_stdout)
    if made.touched:
        diagnostics.note(
            f"exit 3: gaps or values that are not Good touch {', '.join(made.touched)}; the page says where"
        )
    if not to_stdout:
        diagnostics.note(f"{output}: {size / 1e6:.1f} MB; open it in any browser")
    return ExitCode.PARTIAL if made.touched or lost else ExitCode.OK


def _made(
    asked: Asked,
    on: Sequence[str],
    window: tuple[str | None, str | None],
    maps: list[str],
    params: list[str],
    display: diagnostics.Progress,
) -> tuple[str, Report]:
    """The page as text, and what it says."""
    import concurrent.futures
    from datetime import UTC, datetime

    from omptool import __version__
    from omptool.analytics.report import library
    from omptool.analytics.report.build import build
    from omptool.analytics.report.page import page
    from omptool.analytics.report.proof import statements
    from omptool.cli import terminal

    request = _request(asked, window, maps, params)
    source = " --on ".join(map(diagnostics.typed, on)) if asked.cloud is None else diagnostics.typed(asked.cloud)
    option = "--on" if asked.cloud is None else "--cloud"
    name = settings.zone(asked.zone_name)[1]
    with concurrent.futures.ThreadPoolExecutor(1, "omptool-report") as pool:
        text = pool.submit(library.bundle)  # takes a second or two, while the engine works
        display.update(["verifying"], {"section": "verify"})
        found = build(
            asked.engine, request, source=source, option=option, zone_name=name, statements=statements(asked.sources),
            on_section=lambda title: display.update([f"computing {title}"], {"section": title}),
        )  # fmt: skip
        made = f"made by omptool {__version__} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        return page(found, text.result(), terminal.escape, made), found


def _write(page: str, output: Path, force: bool, to_stdout: bool) -> int:
    """Write the page; its size in bytes."""
    from omptool.cli.output import print_text, replacing

    data = page.encode()
    if to_stdout:
        print_text(page)
    else:
        with replacing(output, force=force) as stream:
            stream.write(data)
    return len(data)


def _request(asked: Asked, window: tuple[str | None, str | None], maps: list[str], params: list[str]) -> Request:
    from datetime import UTC, datetime

    from omptool.analytics import catalog
    from omptool.analytics.binding import parse_maps
    from omptool.analytics.report.asker import RECIPES
    from omptool.analytics.run import Request
    from omptool.sql import parameters

    if asked.cloud is None and not any(named.source.has_telemetry for named in asked.sources):
        labels = ", ".join(named.source.label for named in asked.sources)
        raise UsageError(
            f"{labels} has no telemetry, and a report is about machines over time",
            "name a capture or a lake; a table is asked with omptool query or omptool analyze",
        )
    now, zone = datetime.now(UTC), asked.zone
    recipes = [catalog.load(name) for name in RECIPES]
    roles = {role.name: role for recipe in recipes for role in recipe.roles}
    given = parameters.parse(params, now=now, zone=zone)
    known = {parameter.name for recipe in recipes for parameter in recipe.parameters}
    for name in given:
        if name not in known:
            raise UsageError(
                f"no analysis of the report has a parameter {name}", f"they have {', '.join(sorted(known))}"
            )
    flags = ("--start", "--end")
    moments = [asked.moment(flag, text, now) for flag, text in zip(flags, window, strict=True)]
    return Request(
        start=moments[0], end=moments[1], zone=zone, maps=parse_maps(maps, list(roles.values())), parameters=given,
        plant=asked.model,
        strangers=any("nodes" not in named.source.views() for named in asked.sources if named.source.has_telemetry),
    )  # fmt: skip
