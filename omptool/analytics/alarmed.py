"""Where the alarms of a plant come from: events of conditions, or tags that say the number of an alarm.

A server whose events of alarms were recorded is asked for these; its tags would say the same a second time. `--map`
wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from omptool.analytics.binding import Binding, Bound, Tag, bind
from omptool.analytics.recipe import Recipe
from omptool.errors import NotFound
from omptool.sql.engine import Engine

ROLE = "alarm"
_SOURCES = """
SELECT DISTINCT server, node_id, site, area, line, machine, source_name FROM events WHERE active IS NOT NULL
ORDER BY server, node_id, site, area, line, machine, source_name"""
_LISTENED = "SELECT DISTINCT server FROM journal WHERE kind = 'conditions_refreshed' AND server IS NOT NULL"


def bind_alarms(
    engine: Engine, recipe: Recipe, tags: Sequence[Tag], maps: Mapping[str, str], plant: Mapping[str, Sequence[str]]
) -> Binding:
    """The alarms of every machine: nodes of the role `event` are sources of events, of `alarm` tags.

    A machine of a server with events of alarms is there even when it raised none: role `machine`.

    Raises:
        NotFound: neither events nor tags.
    """
    sources = [] if ROLE in maps else [Tag(*row.values()) for row in engine.run(_SOURCES).read_all().to_pylist()]
    by_event = {source.server for source in sources}
    found = _of_tags(recipe, [tag for tag in tags if tag.server not in by_event], maps, plant)
    by_tag = {one.server for one in found.bound} if found else set()
    if ROLE not in maps:
        listened = engine.run(_LISTENED).read_all()["server"].to_pylist()
        by_event |= set(listened) - by_tag
    places = {(tag.server, tag[2:6]): tag for tag in reversed(tags) if tag.server in by_event}
    bound = [
        *(found.bound if found else ()),
        *(Bound("event", one.server, one.node_id, False, one[2:6]) for one in sources),
        *(Bound("machine", one.server, one.node_id, False, one[2:6]) for _, one in sorted(places.items(), key=str)),
    ]
    if not bound:
        raise NotFound(
            f"nothing tells of alarms, and {recipe.name} needs it: no events of conditions, no tag of the role {ROLE}",
            "name the tag with the alarm's number: --map alarm='Alarm*'\n"
            "or record the server's alarms: omptool capture SERVER --events",
        )
    return Binding(tuple(bound), 1, found.notes if found else ())


def _of_tags(
    recipe: Recipe, tags: Sequence[Tag], maps: Mapping[str, str], plant: Mapping[str, Sequence[str]]
) -> Binding | None:
    """By tags; None where none has the role and nobody said that one has."""
    try:
        return bind(recipe, tags, maps=maps, plant=plant)
    except NotFound:
        if maps:
            raise
        return None
