"""Puts the sections of a report together. Knows only the `Engine` protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from omptool.analytics.ending import behind_the_end
from omptool.analytics.report.alarms import alarms
from omptool.analytics.report.asker import Asker
from omptool.analytics.report.condition import drift, wear
from omptool.analytics.report.consumption import energy
from omptool.analytics.report.content import Report, Section, Tile
from omptool.analytics.report.control import control
from omptool.analytics.report.production import oee, states, stops
from omptool.analytics.report.proof import Statement
from omptool.analytics.report.record import completeness, quality
from omptool.analytics.report.shaping import or_empty
from omptool.analytics.report.words import Clock, count
from omptool.analytics.run import Request, whole_window
from omptool.sql.engine import Engine

_SECTIONS: Sequence[tuple[str, str, Callable[[Asker], Section | None]]] = (
    ("oee", "OEE", oee),
    ("stops", "Stops by reason", stops),
    ("states", "States in their order", states),
    ("control", "Control charts", control),
    ("drift", "Drift", drift),
    ("wear", "Tool wear", wear),
    ("energy", "Energy", energy),
    ("alarms", "Alarms", alarms),
    ("quality", "Data quality", quality),
)


def build(
    engine: Engine,
    request: Request,
    *,
    source: str,
    option: str = "--on",
    zone_name: str,
    statements: Sequence[Statement],
    on_section: Callable[[str], None] = lambda _: None,
) -> Report:
    """Ask everything and say it.

    Args:
        request: window, roles and parameters for all analyses; a missing window is what was recorded.
        source: the source as a command names it, behind `option`.
        zone_name: of `request.zone`, for people.
        statements: what is known of the completeness of each source; one about the end of the recording is added.
        on_section: told the title of what is computed next.

    Raises:
        NotFound: the source has no telemetry.
        UsageError: the window is empty.
        QueryError: the engine refuses.
    """
    start, end = whole_window(engine, request)
    clock = Clock(request.zone, zone_name, start, end)
    asker = Asker(engine, replace(request, start=start, end=end), clock, source, option)
    on_section("Completeness")
    told = [*_ending(asker, request), *(said.text for said in statements)]
    first = completeness(asker, told, all(said.is_proven for said in statements))
    sections = [first]
    for id, title, make in _SECTIONS:
        on_section(title)
        if (section := or_empty(make, id, title, asker)) is not None:
            sections.append(replace(section, notes=[*section.notes, *asker.news(section.notes)]))
    return Report(
        f"Report: {', '.join(_sites(asker)) or source}",
        facts=_facts(asker),
        tiles=[Tile(*one.figure, one.id, one.grade) for one in sections if one.figure],
        sections=sections,
        touched=list(asker.touched),
    )


def _ending(asker: Asker, request: Request) -> list[str]:
    """A sentence where a window that somebody gave goes on behind the recording."""
    if request.end is None:
        return []
    said = behind_the_end(asker.engine, (tag.server for tag in asker.tags()), asker.start, asker.end)
    return [f"{said[0].upper()}{said[1:]}."] if said else []


def _sites(asker: Asker) -> list[str]:
    """Sites by name, at most three."""
    found = sorted({tag.site for tag in asker.tags()} - {"unassigned"})
    return [*found[:3], "…"] if len(found) > 3 else found


def _facts(asker: Asker) -> list[tuple[str, str]]:
    clock, tags = asker.clock, asker.tags()
    zone = clock.name + (" (charts keep the offset of the start; the clock changes within)" if clock.changes else "")
    return [
        ("Source", asker.source), ("From", clock.text(asker.start)), ("To", clock.text(asker.end)), ("Times in", zone),
        ("Recorded", f"{count(len(tags), 'tag')} in {count(asker.machines(), 'place')}"),
    ]  # fmt: skip
